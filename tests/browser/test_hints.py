"""Text that looks private is pointed out in the browser, and nothing of it leaves the browser."""

import json
import re

import pytest
from bed import Sandbox
from form_stage import EMAIL, FormPage
from playwright.sync_api import expect
from private_data import HARMLESS, PRIVATE

FIND = """async ([texts, own]) => {
  const main = document.querySelector('script[type=module]').src
  const {findPrivate, masked} = await import(new URL('../editor/private-data.js', main))
  const tell = (text, find) => [find.kind, text.slice(find.start, find.end), masked(text, find)]
  return texts.map(text => findPrivate(text, own).map(find => tell(text, find)))
}"""


def find(form: FormPage, texts: list[str]) -> list[list[list[str]]]:
    """For each text: the kind, what was found, and the text after masking."""
    found: list[list[list[str]]] = form.page.evaluate(FIND, [texts, EMAIL])
    return found


def test_what_is_private_is_found_whole_and_by_its_kind(form: FormPage) -> None:
    assert len(PRIVATE) >= 60
    found = find(form, [text for _, text, _ in PRIVATE])
    assert [[(kind, what) for kind, what, _ in finds] for finds in found] == [
        [(kind, what)] for kind, _, what in PRIVATE
    ]
    for (_, _, what), ((_, _, masked),) in zip(PRIVATE, found, strict=True):
        assert what not in masked


def test_what_only_looks_so_is_left_alone(form: FormPage) -> None:
    assert len(HARMLESS) >= 60
    found = find(form, HARMLESS)
    assert {text: finds for text, finds in zip(HARMLESS, found, strict=True) if finds} == {}


def test_it_is_underlined_said_and_masked_by_one_press(form: FormPage, insider: Sandbox) -> None:
    form.email.fill(EMAIL)
    form.text.fill("Paid with 4111 1111 1111 1111, got nothing.")
    hints = form.page.locator(".feedback-hints li")
    expect(hints).to_have_text("This looks like a card number. Mask it")
    expect(form.status).to_have_text("This looks like a card number.")
    expect(form.page.locator(".feedback-shade mark")).to_have_text("4111 1111 1111 1111")
    hints.get_by_role("button").click()
    expect(hints).to_have_count(0)
    expect(form.text).to_have_value("Paid with ••••1111, got nothing.")
    expect(form.text).to_be_focused()


def test_it_can_be_read_in_forced_colours(form: FormPage) -> None:
    form.page.emulate_media(forced_colors="active", color_scheme="dark")
    form.text.fill("Paid with 4111 1111 1111 1111, got nothing.")
    mark = form.page.locator(".feedback-shade mark")
    expect(mark).to_have_css("color", "rgba(0, 0, 0, 0)")  # the text itself shows through
    expect(mark).to_have_css("text-decoration-color", "rgb(255, 255, 255)")


def test_it_goes_with_a_draft_that_is_thrown_away(form: FormPage) -> None:
    form.text.fill("password: hunter2")
    hints = form.page.locator(".feedback-hints li")
    expect(hints).to_have_count(1)
    form.open()
    expect(form.text).to_have_value("password: hunter2")
    expect(hints).to_have_count(1)
    form["feedback-draft-clear"].click()
    expect(form.text).to_have_value("")
    expect(hints).to_have_count(0)
    expect(form.page.locator(".feedback-shade")).to_be_hidden()


def test_it_never_keeps_anybody_from_sending(form: FormPage, insider: Sandbox) -> None:
    form.fill("password: hunter2")
    expect(form.page.locator(".feedback-hints li")).to_have_count(1)
    form.send()
    expect(form.thanks).to_be_visible()
    assert insider.feedbacks()[0]["body"]["description"] == "password: hunter2"


def test_nothing_of_the_text_leaves_the_browser(form: FormPage) -> None:
    asked: list[str] = []
    form.page.on("request", lambda request: asked.append(f"{request.method} {request.url} {request.post_data}"))
    form.text.fill("My card is 4111 1111 1111 1111 and my password: hunter2")
    expect(form.page.locator(".feedback-hints li")).to_have_count(2)
    sent = json.dumps(asked)
    assert "4111" not in sent
    assert "hunter2" not in sent
    assert all(re.match(r"GET \S+/(static/\S+|words\.json\?lang=en) None$", line) for line in asked), asked
    asked.clear()
    form.text.fill("Another card: 5555 5555 5555 4444")
    expect(form.page.locator(".feedback-hints li")).to_have_count(1)
    assert asked == []


def test_a_product_may_switch_it_off(form: FormPage) -> None:
    form.page.evaluate("document.querySelector('feedback-form').setAttribute('hints', 'off')")
    loaded: list[str] = []
    form.page.on("request", lambda request: loaded.append(request.url))
    form.fill("password: hunter2").awake()
    assert {url.rpartition("/")[2] for url in loaded if "/editor/" in url} <= {"capture.js"}


@pytest.mark.parametrize("text", ["😀 bob@corp.com 😀 zoe@corp.com", "é" * 900 + " bob@corp.com and zoe@corp.com"])
def test_each_of_several_is_masked_where_it_stands(text: str, form: FormPage) -> None:
    form.text.fill(text)
    hints = form.page.locator(".feedback-hints li")
    expect(hints).to_have_count(2)
    hints.nth(1).get_by_role("button").click()
    expect(hints).to_have_count(1)
    expect(form.text).to_have_value(text.replace("zoe@corp.com", "••••"))

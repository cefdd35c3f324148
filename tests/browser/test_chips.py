"""Chips in a browser: the short words that a product offers for each thumb. They are sent in front of the text."""

from collections.abc import Iterator

import pytest
from bed import Sandbox, Widget
from form_stage import EMAIL, NETWORK, FormPage
from playwright.sync_api import Browser, Locator, expect
from test_form_access import violations

CONFIG = """
[products.demo]
name = "Northwind"
origins = ["http://localhost:*", "http://127.0.0.1:*"]
[products.demo.chips.like]
en = ["Fast", "Clear", "Looks good"]
ar = ["سريع", "واضح"]
[products.demo.chips.dislike]
en = ["Slow", "Confusing", "Something is missing"]
ar = ["بطيء", "مربك", "ينقصه شيء ما"]
"""
COUNTED = 1000 - len("Slow · Confusing\n\n")


@pytest.fixture(scope="module")
def _form_site(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    """A widget whose product has chips."""
    _sandbox.recover()
    with Widget(tmp_path_factory.mktemp("chips"), _sandbox.url, config=CONFIG, DELIVERY_WAIT="10") as widget:
        yield widget


def chip(form: FormPage, word: str) -> Locator:
    return form.page.locator("label", has_text=word)


def shown(form: FormPage) -> list[str]:
    words = form.page.locator(".feedback-chips span")
    return [word.inner_text() for word in words.all() if word.is_visible()]


def ticked(form: FormPage) -> list[str]:
    words: list[str] = form.page.evaluate(
        "[...document.querySelectorAll('[name=chips]:checked')].map(box => box.value)"
    )
    return words


def slow_and_confusing(form: FormPage) -> FormPage:
    form.awake()
    form.dislike.check(force=True)
    chip(form, "Slow").click()
    chip(form, "Confusing").click()
    return form


def test_only_the_chips_of_the_chosen_thumb_are_shown_and_sent(form: FormPage, insider: Sandbox) -> None:
    assert shown(form) == []
    form.like.check(force=True)
    assert shown(form) == ["Fast", "Clear", "Looks good"]
    chip(form, "Fast").click()
    slow_and_confusing(form)
    assert shown(form) == ["Slow", "Confusing", "Something is missing"]
    chip(form, "Confusing").click()
    form.fill("Orders take ten seconds.").send()
    expect(form.thanks).to_be_visible()
    (body,) = (feedback["body"] for feedback in insider.feedbacks())
    assert body["description"] == "Slow\n\nOrders take ten seconds."
    assert body["sentimentRating"] is False


def test_chips_are_ticked_and_sent_by_the_keyboard_alone(form: FormPage, insider: Sandbox) -> None:
    keyboard = form.page.keyboard
    for keys in ("Tab", "ArrowRight", "Tab", "Space", "Tab", "Tab", "Space"):
        keyboard.press(keys)
        form.painted()
    expect(form.page.get_by_role("group", name="Needs work").get_by_role("checkbox", checked=True)).to_have_count(2)
    form.email.focus()
    keyboard.type(EMAIL)
    keyboard.press("Enter")
    expect(form["feedback-thanks-title"]).to_be_focused()
    assert insider.descriptions() == ["Slow · Something is missing"]


def test_what_a_chip_takes_is_no_longer_left_for_the_text(form: FormPage, insider: Sandbox) -> None:
    slow_and_confusing(form).fill("x" * COUNTED)
    expect(form["description-counter"]).to_have_text("0 characters left")
    chip(form, "Something").click()
    expect(form["description-counter"]).to_have_text("23 too many")
    form.send()
    expect(form["description-error"]).to_be_visible()
    assert insider.counts()["create"] == 0
    chip(form, "Something").click()
    expect(form["description-error"]).to_be_hidden()
    form.send()
    expect(form.thanks).to_be_visible()
    assert [len(text) for text in insider.descriptions()] == [1000]


def test_a_draft_brings_chips_back_and_clearing_it_unticks_them(form: FormPage) -> None:
    slow_and_confusing(form)
    form.open()
    expect(form["feedback-draft"]).to_be_visible()
    assert (shown(form)[0], ticked(form)) == ("Slow", ["Slow", "Confusing"])
    form["feedback-draft-clear"].click()
    assert (shown(form), ticked(form)) == ([], [])


def test_chips_stay_when_the_server_refuses_and_are_gone_from_the_next_form(form: FormPage, insider: Sandbox) -> None:
    slow_and_confusing(form).fill("First")
    form.expected.append(NETWORK)
    insider.misbehave("refuse", "create", message="Words like these are not taken.", times=1)
    form.send()
    expect(form.note).to_contain_text("Words like these are not taken.")
    assert ticked(form) == ["Slow", "Confusing"]
    form.until("document.querySelector('[name=token]').value !== ''")
    form.send()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == ["Slow · Confusing\n\nFirst"]
    form.page.get_by_role("link", name="Send another").click()
    expect(form.button).to_be_visible()
    assert (shown(form), ticked(form)) == ([], [])


def test_without_script_all_chips_are_there_and_an_error_keeps_them(
    browser: Browser, form_site: Widget, insider: Sandbox
) -> None:
    form = FormPage(browser.new_page(java_script_enabled=False), form_site.url)
    form.open()
    expect(form.page.locator("legend", has_text="Needs work")).to_be_visible()
    form.page.get_by_label("Fast").check()
    form.page.get_by_label("Slow").check()
    form.fill("Both", "nobody").send()
    expect(form["submittedByEmail-error"]).to_be_visible()
    expect(form.page.get_by_label("Fast")).to_be_checked()
    expect(form.page.get_by_label("Clear")).not_to_be_checked()
    form.email.fill(EMAIL)
    form.send()
    expect(form.thanks).to_be_visible()
    form.context.close()
    assert insider.descriptions() == ["Fast · Slow\n\nBoth"]


@pytest.mark.parametrize(("scheme", "query"), [("light", ""), ("dark", "?lang=ar")])
def test_axe_finds_nothing_in_chips_and_each_can_be_pressed(form: FormPage, scheme: str, query: str) -> None:
    form.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    form.page.set_viewport_size({"width": 320, "height": 900})
    form.open(query).awake()
    form.dislike.check(force=True)
    chips = form.page.locator("[data-thumb=false] label")
    chips.first.click()
    assert violations(form) == []
    boxes = [chip.bounding_box() for chip in chips.all()]
    assert all(box and box["height"] >= 44 and box["width"] >= 44 for box in boxes), boxes
    first, second = (box["x"] for box in boxes[:2] if box)
    assert (first < second) is (query == ""), "in the order in which the language is read"
    assert form.page.evaluate("document.documentElement.scrollWidth") == 320


def test_a_ticked_chip_shows_by_more_than_a_colour(form: FormPage) -> None:
    slow_and_confusing(form)
    tick = form.page.locator("[data-thumb=false] .feedback-icon")
    assert [each.is_visible() for each in tick.all()] == [True, True, False]
    form.page.emulate_media(forced_colors="active")
    widths = "[...document.querySelectorAll('[data-thumb=false] span')].map(span => getComputedStyle(span).borderWidth)"
    assert form.page.evaluate(widths) == ["3px", "3px", "1px"]
    expect(tick.first).to_have_css("color", form.text.evaluate("field => getComputedStyle(field).color"))

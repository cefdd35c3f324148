"""The form in a page on another origin: the messages that it obeys, that it sends, and what it never sends."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from bed import Sandbox, Widget, until
from form_stage import EMAIL, NETWORK, FormPage, still
from playwright.sync_api import Browser, Page, expect
from samples import pdf
from stage import Server

HOST = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Orders</title><script src="/host.js"></script>
<body><iframe src="{form}?mode=popover" title="Feedback" width="420" height="700" allow="clipboard-write"></iframe>"""
SCRIPT = """window.heard = []
addEventListener('message', ({data}) => data.ns === 'insider-feedback' && window.heard.push([data.type, data.data]))
window.say = (type, data = {}) => document.querySelector('iframe').contentWindow.postMessage(
  {ns: 'insider-feedback', v: 1, id: 'one', type, data}, '*')"""

COMPOSED = """area => [{isComposing: true}, {keyCode: 229}].forEach(more => area.dispatchEvent(
  new KeyboardEvent('keydown', {key: 'Escape', bubbles: true, cancelable: true, ...more})))"""
"""An Escape that ends the composition of a character, as most browsers tell of it, and as Safari does."""


class Framed(FormPage):
    """The form in a frame of a host page, on another site."""

    site = "localhost"

    def __init__(self, page: Page, form_url: str, host: Server, product: str = "demo") -> None:
        super().__init__(page, form_url, product)
        host.answers["/"] = (200, "text/html; charset=utf-8", HOST.format(form=self.url), {})
        host.answers["/host.js"] = (200, "text/javascript", SCRIPT, {})
        self.host = self.page
        self.visit(f"http://{self.site}:{host.port}/")

    def visit(self, url: str) -> None:
        """Open a host page, or reload it."""
        self.host.goto(url)
        frame = self.host.frames[1]
        frame.wait_for_load_state()
        self.page = frame  # type: ignore[assignment]

    def say(self, kind: str, **data: Any) -> None:
        """Send a message to the form, as a host page does."""
        self.host.evaluate("([type, data]) => window.say(type, data)", [kind, data])

    def messages(self, kind: str) -> list[Any]:
        """The form's messages of one type."""
        return [data for type_, data in self.host.evaluate("window.heard") if type_ == kind]

    def until_message(self, kind: str, before: int = 0) -> Any:
        """Wait for a message of one type, the first after those that came before, and return it."""
        return until(lambda: self.messages(kind)[before:])[0]


@pytest.fixture
def framed(browser: Browser, form_site: Widget, insider: Sandbox, request: pytest.FixtureRequest) -> Iterator[Framed]:
    """The form in its frame. A test whose parameter for it is `clock` sets the time."""
    page = still(browser).new_page()
    if getattr(request, "param", "") == "clock":
        page.clock.install()
    with Server() as host:
        framed = Framed(page, form_site.url, host)
        yield framed
        framed.context.close()
    assert framed.unexpected() == []


def test_the_form_introduces_itself_in_its_language(framed: Framed) -> None:
    framed.say("hello")
    assert framed.until_message("ready") == {"title": "Feedback on Northwind", "close": "Close"}
    assert framed.until_message("resize")["height"] > 300


def test_an_address_from_the_host_page_gives_way_to_a_typed_one(framed: Framed) -> None:
    framed.say("hello", email="other@northwind.example")
    expect(framed.email).to_have_value("other@northwind.example")
    framed.say("set", email=EMAIL)
    expect(framed.email).to_have_value(EMAIL)
    framed.email.fill("mine@example.com")
    framed.say("set", email=EMAIL)
    framed.say("set", theme="dark")
    expect(framed.page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(framed.email).to_have_value("mine@example.com")


def test_light_and_dark_are_switched_at_run_time(framed: Framed) -> None:
    colours = set()
    for theme in ("light", "dark"):
        framed.say("hello", theme=theme)
        expect(framed.page.locator("html")).to_have_attribute("data-theme", theme)
        colours.add(framed.page.locator("main").evaluate("panel => getComputedStyle(panel).backgroundColor"))
    assert colours == {"rgb(255, 255, 255)", "rgb(31, 29, 27)"}


def test_an_untouched_form_speaks_the_language_that_the_host_page_changes_to(framed: Framed) -> None:
    framed.say("hello", lang="en", email=EMAIL)
    framed.until_message("ready")
    framed.say("set", lang="de-AT", email=EMAIL)
    expect(framed.page.locator("html")).to_have_attribute("lang", "de")
    framed.say("hello", lang="de-AT", email=EMAIL)  # as the loader does whenever the frame has loaded
    expect(framed.email).to_have_value(EMAIL)
    assert until(lambda: framed.messages("ready")[1:]) == [{"title": "Feedback zu Northwind", "close": "Schließen"}]
    framed.fill("Gut").send()
    expect(framed.thanks).to_contain_text("Danke, Ihr Feedback ist angekommen")


@pytest.mark.parametrize("what", ["text", "file", "address", "thumb"])
def test_what_was_put_in_outlasts_a_change_of_language_which_comes_once_it_is_sent(framed: Framed, what: str) -> None:
    framed.say("hello", lang="en", email="")
    framed.until_message("ready")
    if what == "text":
        framed.text.fill("Half a thought")
    elif what == "file":
        framed.add(("order.pdf", pdf(), "application/pdf"))
    elif what == "address":
        framed.email.fill(EMAIL)
    else:
        framed.like.check(force=True)
    framed.say("set", lang="ar")
    framed.say("set", lang="ar", theme="dark")
    expect(framed.page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(framed.page.locator("html")).to_have_attribute("lang", "en")
    framed.fill("Done").send()
    expect(framed.thanks).to_contain_text("Thank you")
    framed.say("set", lang="ar")
    expect(framed.thanks).to_contain_text("Thank you")
    framed.say("close")
    expect(framed.page.locator("html")).to_have_attribute("lang", "ar")
    expect(framed.text).to_have_value("")


def test_the_form_tells_what_happens_and_never_text_or_address(framed: Framed) -> None:
    framed.say("hello")
    framed.fill("Just between us").send()
    expect(framed.thanks).to_be_visible()
    answer = framed.until_message("success")
    assert answer["status"] == "delivered"
    assert answer["receipt"] in (framed.thanks.get_by_role("link", name="Your receipt").get_attribute("href") or "")
    assert framed.messages("dirty") == [{}]
    assert framed.messages("submit") == [{}]
    everything = json.dumps(framed.host.evaluate("window.heard"))
    assert "between us" not in everything
    assert EMAIL not in everything


def test_the_form_tells_what_went_wrong_and_whether_it_may_pass(framed: Framed) -> None:
    framed.say("hello")
    framed.expected.append(NETWORK)
    problem = {"title": "Not sent yet", "errors": [{"field": "", "code": "unavailable", "message": "…"}]}
    framed.context.route(
        framed.address,
        lambda route: (
            route.fulfill(status=503, json=problem, headers={"Retry-After": "20"})
            if route.request.method == "POST"
            else route.fallback()
        ),
    )
    framed.fill().send()
    assert framed.until_message("error") == {"code": "unavailable", "retryable": True}


def test_close_and_escape_ask_the_host_page_to_close(framed: Framed) -> None:
    framed.say("hello")
    framed.until_message("ready")
    framed.page.get_by_role("button", name="Close").click()
    framed.until_message("escape")
    framed.text.evaluate(COMPOSED)
    framed.text.press("Escape")
    assert len(until(lambda: framed.messages("escape")[1:])) == 1


def test_once_the_host_page_has_closed_the_thanks_the_form_is_fresh(framed: Framed, insider: Sandbox) -> None:
    framed.say("hello")
    framed.fill("One").send()
    expect(framed.thanks).to_be_visible()
    framed.say("close")
    expect(framed.thanks).to_have_count(0)
    expect(framed.text).to_have_value("")
    framed.fill("Two").send()
    expect(framed.thanks).to_be_visible()
    assert insider.descriptions() == ["One", "Two"]


def test_what_was_typed_is_there_when_the_host_page_opens_it_again(framed: Framed) -> None:
    framed.say("hello")
    framed.fill("Half a thought")
    framed.say("close")
    framed.say("set", theme="light")
    expect(framed.text).to_have_value("Half a thought")


def test_as_a_sheet_the_form_has_its_bar(framed: Framed) -> None:
    framed.say("hello", sheet=True)
    expect(framed.page.locator(".feedback-bar span")).to_be_visible()
    framed.say("set", sheet=False)
    expect(framed.page.locator(".feedback-bar span")).to_be_hidden()


# --- thanks over a page ---------------------------------------------------------------------------------------------


def thanked(framed: Framed, *, by_keyboard: bool = False) -> None:
    framed.say("hello")
    framed.until_message("ready")
    framed.fill()
    if by_keyboard:
        framed.button.press("Enter")
    else:
        framed.send()
    expect(framed["feedback-thanks-title"]).to_be_focused()


def test_done_comes_before_another_and_closes_the_popover(framed: Framed) -> None:
    thanked(framed)
    names = framed.thanks.locator("a, button").all_inner_texts()
    assert names[-2:] == ["Done", "Send another"]
    framed.thanks.get_by_role("button", name="Done").press("Enter")
    framed.until_message("escape")


def test_the_thanks_of_a_page_have_nothing_to_be_done_with(form: FormPage) -> None:
    form.fill().send()
    expect(form.thanks.get_by_role("link", name="Send another")).to_be_visible()
    expect(form.thanks.locator("[data-do=done]")).to_be_hidden()


@pytest.mark.parametrize("framed", ["clock"], indirect=True)
@pytest.mark.parametrize("touch", ["nothing", "key", "press", "setting", "part", "keyboard"])
def test_a_popover_closes_by_itself_unless_it_is_touched(framed: Framed, insider: Sandbox, touch: str) -> None:
    seconds = "0" if touch == "setting" else "60"
    framed.page.evaluate("s => document.querySelector('feedback-form').setAttribute('close-after', s)", seconds)
    if touch == "part":
        insider.misbehave("refuse", "attach", message="Too bad.", times=2)
        framed.add(("order.pdf", pdf(), "application/pdf"))
    thanked(framed, by_keyboard=touch == "keyboard")
    if touch == "key":
        framed.page.locator("body").press("Shift")
    if touch == "press":
        framed.thanks.locator("dl").click()
    framed.host.clock.run_for(40_000)
    assert framed.messages("escape") == []
    framed.host.clock.run_for(25_000)
    assert len(framed.messages("escape")) == (touch == "nothing")

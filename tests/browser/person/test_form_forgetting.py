"""What the form keeps of a person in the browser, and how it is forgotten."""

import re
from typing import Any

import pytest
from bed import Sandbox, Widget, until
from form_stage import NETWORK
from people import ANNA, BERT, SALARY, framed, keep, meet, reload, shows_nothing_of_anna, stored
from playwright.sync_api import Browser, Route, expect
from reuse import Windows
from samples import pdf
from stage import Server
from test_form_host import Framed


def test_a_reset_leaves_nothing_of_anybody(signed: Framed, insider: Sandbox) -> None:
    meet(signed, BERT, "hello")
    signed.text.fill("All is well")
    keep(signed, "All is well")
    meet(signed, ANNA)
    signed.text.fill(SALARY)
    signed.say("reset")
    signed.until_message("reset")
    shows_nothing_of_anna(signed)
    assert stored(signed) == "[{},{}]"
    for person in (ANNA, BERT, None):
        meet(signed, person)
        signed.awake()
        expect(signed.text).to_have_value("")
    assert stored(signed) == "[{},{}]"


@pytest.mark.parametrize("part", ["receipts", "draft-files"])
def test_what_is_kept_late_is_not_kept_after_a_reset(named: Framed, part: str) -> None:
    """The module that keeps it comes after the sign-out."""
    waiting: list[Route] = []
    named.context.route(re.compile(rf"/form/{part}\.js"), lambda route: waiting.append(route))
    named.say("hello", email=ANNA)
    named.awake().text.fill(SALARY)
    named.add(("payslip.pdf", pdf(), "application/pdf"))
    if part == "receipts":
        named.send()
        expect(named.thanks).to_be_visible()
    until(lambda: stored(named) and waiting)
    named.say("reset")
    expect(named.email).to_have_value("")
    asked = named.page.evaluate_handle(LATER, part)
    for route in waiting:
        route.continue_()
    asked.evaluate("async ({coming}) => void await coming")
    named.until_message("reset")
    assert stored(named) == "[{},{}]"


LATER = """part => {
  const {href} = new URL(`./${part}.js`, document.querySelector('script[type=module]').src)
  return {coming: import(href).then(() => new Promise(done => setTimeout(() => setTimeout(done))))}
}"""
"""What can be awaited until a module is there, and until whoever waited for it has gone on."""


def test_what_the_page_says_is_kept_until_the_script_for_it_is_there(named: Framed) -> None:
    """Also if that fails at first, so nobody writes in another person's name."""
    failed: list[str] = []

    def refuse(route: Route) -> None:
        if failed:
            route.fallback()
        else:
            failed.append(route.request.url)
            route.abort()

    named.expected.append(NETWORK)
    named.context.route("**/form/host-page.js*", refuse)
    named.say("hello", email=ANNA)
    named.say("set", email=BERT)
    expect(named.email).to_have_value(BERT)
    assert failed


def test_a_product_may_have_nothing_kept(
    browser: Browser, windows: Windows, form_site: Widget, insider: Sandbox, host: Server
) -> None:
    for form in framed(browser, windows, form_site, host, "shared"):
        form.page.evaluate("localStorage.setItem('feedback:shared:x:draft', '{}')")
        form.say("hello", email=ANNA)
        form.awake().text.fill(SALARY)
        form.say("set", email=BERT)
        expect(form.email).to_have_value(BERT)
        shows_nothing_of_anna(form)
        assert stored(form) == "[{},{}]"
        form.fill("Sent all the same").send()
        expect(form.thanks).to_be_visible()


FORGE = """forged => {
  const [key] = Object.keys(localStorage)
  const [{id}] = JSON.parse(localStorage.getItem(key))
  const draft = {id, text: forged, thumb: {}, chips: [{}], files: {}, at: Date.now(), email: 'eve@example.com'}
  localStorage.setItem(key, JSON.stringify([draft]))
}"""


BLOCKED = """() => {
  for (const name of ['localStorage', 'sessionStorage']) {
    Object.defineProperty(window, name, {get() { throw new DOMException('Blocked', 'SecurityError') }})
  }
}"""
"""Blocks storage as browsers do whose settings forbid it."""


def test_a_forged_draft_is_words_or_nothing(signed: Framed, subtests: pytest.Subtests) -> None:
    forgeries: list[Any] = ["<img src=x onerror=alert(1)>", 7, {"a": 1}, None]
    meet(signed, ANNA, "hello")
    for text in forgeries:
        with subtests.test(text=text):
            signed.text.fill(SALARY)
            keep(signed, SALARY)
            signed.page.evaluate(FORGE, text)
            reload(signed)
            meet(signed, ANNA, "hello")
            expect(signed.text).to_have_value(text if isinstance(text, str) else "")
            expect(signed.page.locator("main img[src=x]")).to_have_count(0)


def test_where_the_browser_keeps_nothing_words_are_kept_as_long_as_the_page(signed: Framed) -> None:
    signed.page.evaluate(BLOCKED)
    meet(signed, ANNA, "hello")
    signed.text.fill(SALARY)
    meet(signed, BERT)
    shows_nothing_of_anna(signed)
    meet(signed, ANNA)
    expect(signed.text).to_have_value(SALARY)


def test_outside_of_https_words_are_kept_as_long_as_the_page(named: Framed) -> None:
    named.page.evaluate("Object.defineProperty(crypto, 'subtle', {value: undefined})")
    named.say("hello", email=ANNA)
    named.text.fill(SALARY)
    named.say("set", email=BERT)
    expect(named.email).to_have_value(BERT)
    expect(named.text).to_have_value("")
    assert stored(named) == "[{},{}]"
    named.say("set", email=ANNA)
    expect(named.text).to_have_value(SALARY)

"""The receipt page: it updates itself, can be copied and printed, and is honest about a refusal."""

import re

from bed import Sandbox, Widget, until
from form_stage import NETWORK, FormPage, stop_clock
from playwright.sync_api import Browser, Page, Route, expect
from samples import png

FILE = ("order.png", png(), "image/png")


def receipt_of(form: FormPage, *, stands: bool = False) -> Page:
    """Send a text and a file, and open the receipt with the keyboard alone. The page has a clock of its own, which may
    stand still."""
    form.fill().add(FILE).send()
    expect(form["feedback-thanks-title"]).to_be_focused()
    link = form.thanks.get_by_role("link", name="Your receipt")
    while not link.evaluate("link => link === document.activeElement"):
        form.page.keyboard.press("Tab")
    with form.context.expect_page() as opened:
        form.page.keyboard.press("Enter")
    page = opened.value
    if stands:
        stop_clock(page)
    else:
        page.clock.install()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your feedback is on its way")
    return page


def status_of(kept_site: Widget, page: Page) -> str:
    answer = kept_site.client.get(page.url, headers={"Accept": "application/json"})
    return str(answer.json()["status"])


def is_page(route: Route) -> bool:
    return "text/html" in route.request.headers["accept"]


def asked(page: Page) -> list[str]:
    """The requests that the page makes from now on."""
    kinds: list[str] = []
    page.on("request", lambda request: kinds.append(request.headers["accept"]))
    return kinds


def test_a_receipt_brings_the_news_by_itself_and_says_it_aloud(
    kept: FormPage, kept_site: Widget, insider: Sandbox
) -> None:
    page = receipt_of(kept)
    expect(page.get_by_text("order.png")).to_be_visible()
    expect(page.locator("[data-state=waiting]").filter(has_text="order.png")).to_contain_text("waiting")
    page.get_by_role("button", name="Print").focus()
    insider.recover()
    until(lambda: status_of(kept_site, page) == "delivered")
    page.clock.run_for(2500)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your feedback has arrived")
    expect(page.get_by_role("status")).to_have_text(
        "Your feedback has arrived. The Northwind team has your feedback and the file."
    )
    expect(page.locator("[data-state=attached]")).to_contain_text("attached")
    expect(page).to_have_title("Your feedback has arrived")
    expect(page.get_by_role("button", name="Print")).to_be_focused()
    kinds = asked(page)
    page.clock.run_for(600_000)
    assert kinds == []


def test_a_receipt_speaks_the_language_of_the_form_that_leads_to_it(kept: FormPage) -> None:
    kept.open("?lang=de").fill().send()
    address = str(kept.thanks.locator("[data-fill=receipt]").get_attribute("href"))
    kept.until("Object.keys(localStorage).some(key => key.endsWith(':receipts'))")
    kept.open("?lang=de")["feedback-receipts"].click()
    expect(kept.page.locator(".feedback-receipt-list a")).to_have_attribute("href", address)
    kept.page.goto(address)
    expect(kept.page.locator("html")).to_have_attribute("lang", "de")


def test_a_receipt_asks_ever_less_often_and_not_while_nobody_sees_it(kept: FormPage) -> None:
    page = receipt_of(kept, stands=True)
    kinds = asked(page)
    answered = "application/json"
    for seconds in (2, 3, 4.5):
        with page.expect_response(re.compile("/receipt/")):
            page.clock.run_for(int(seconds * 1000))
    page.clock.run_for(6000)
    assert kinds == [answered] * 3
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true})")
    page.evaluate("window.away = true")
    page.clock.run_for(3600_000)
    assert kinds == [answered] * 3
    with page.expect_response(re.compile("/receipt/")):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    assert kinds == [answered] * 4


def test_a_receipt_goes_on_asking_when_it_gets_no_answer(kept: FormPage, kept_site: Widget, insider: Sandbox) -> None:
    page = receipt_of(kept, stands=True)
    kept.expected.append(NETWORK)
    kept.context.set_offline(True)
    with page.expect_event("requestfailed"):
        page.clock.run_for(2000)
    kept.context.set_offline(False)
    insider.recover()
    until(lambda: status_of(kept_site, page) == "delivered")
    page.route("**/receipt/*", lambda route: route.abort() if is_page(route) else route.fallback())
    with page.expect_event("requestfailed"):
        page.clock.run_for(3000)
    page.unroute_all()
    page.clock.run_for(3000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your feedback has arrived")


def test_the_files_of_what_was_refused_are_not_taken(kept: FormPage, kept_site: Widget, insider: Sandbox) -> None:
    page = receipt_of(kept)
    insider.misbehave("refuse", "create", message="Too bad.")
    until(lambda: status_of(kept_site, page) == "refused")
    page.clock.run_for(2500)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your feedback could not be delivered")
    expect(page.locator("li").filter(has_text="order.png")).to_contain_text("not taken")
    receipt = kept_site.client.get(page.url, headers={"Accept": "application/json"}).json()
    assert [file["status"] for file in receipt["attachments"]] == ["refused"]


def test_a_receipt_can_be_copied_and_printed(kept: FormPage) -> None:
    page = receipt_of(kept)
    kept.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    page.evaluate("window.print = () => { window.printed = true }")
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.printed") is True
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_css("color", "rgb(38, 34, 29)")


def test_a_receipt_without_script_has_no_button_that_does_nothing(kept: FormPage, browser: Browser) -> None:
    page = receipt_of(kept)
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(page.url)
    expect(plain.get_by_role("heading", level=1)).to_have_text("Your feedback is on its way")
    expect(plain.get_by_role("button")).to_have_count(0)
    context.close()

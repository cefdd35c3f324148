"""`/ops` in a browser: it updates itself, works on a phone, in dark mode and without script, and axe finds nothing."""

from collections.abc import Callable

import pytest
from bed import Sandbox, Widget, until
from playwright.sync_api import Browser, Page, expect
from test_access import SCHEMES, WIDTHS, examined

TOKEN = "tests-only-operators-token"


@pytest.fixture
def widget(start_widget: Callable[..., Widget], insider: Sandbox) -> Widget:
    """A widget with a few submissions, one of which was refused."""
    widget = start_widget(
        OPS_TOKEN=TOKEN, HEALTH_INTERVAL="0.2", PROBE_INTERVAL="0.2", SWEEP_INTERVAL="0.2", RETRY_MIN="0.1"
    )
    for rating in ("true", "false"):
        widget.submit("Good", rating=rating)
    insider.misbehave("refuse", "create")
    widget.submit("Bad")
    insider.recover()
    return widget


DRAWN = """() => [...document.querySelectorAll('.chart text')].map(
  text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"""
"""The sizes of the charts' text on the screen, in pixels."""


def sign_in(page: Page, widget: Widget) -> None:
    page.goto(f"{widget.url}/ops")
    page.get_by_label("Operator's token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Accounts")).to_be_visible()


def test_the_overview_follows_an_outage_without_a_reload_and_says_so(
    page: Page, widget: Widget, insider: Sandbox
) -> None:
    page.clock.install()
    page.route("**/ops/live*", lambda route: route.abort())  # the first request that is answered finds the outage
    sign_in(page, widget)
    page.get_by_text("As a table").first.click()
    page.evaluate("window.isTheSame = true")
    insider.down()
    widget.submit("during")
    until(lambda: "delivery.paused" in widget.log())
    page.unroute("**/ops/live*")

    def has_looked_and_says(words: str) -> bool:
        page.clock.run_for(5000)
        return page.get_by_role("status").filter(has_text=words).count() > 0

    until(lambda: has_looked_and_says("Feedback does not arrive"), pause=0.1)
    expect(page.locator("[data-section='verdict']")).to_contain_text("nothing goes through since")
    assert page.locator("details[open]").count() == 1, "what was opened stays open"
    follow = page.get_by_label("Keep this page up to date")
    follow.uncheck()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(20_000)
    assert asked == [], "it stays as it is for whoever reads it"
    follow.check()
    insider.recover()
    until(lambda: has_looked_and_says("Feedback arrives"), pause=0.1)
    assert page.evaluate("window.isTheSame")


def test_axe_finds_nothing_and_nothing_scrolls_sideways(browser: Browser, widget: Widget) -> None:
    context = browser.new_context(bypass_csp=True)  # for axe itself
    page = context.new_page()
    page.goto(f"{widget.url}/ops")
    found = [problems(page)]
    sign_in(page, widget)
    addresses = ["/ops", "/ops/submissions?show=all", "/ops/submissions?q=nonsense"]
    addresses.append(f"/ops/submissions/{widget.rows('--state', 'refused')[0]['id']}")
    for address in addresses:
        page.goto(widget.url + address)
        for details in page.locator("summary").all():
            details.click()
        found.append(problems(page))
    page.goto(f"{widget.url}/ops/submissions")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("heading", name="Discard 1 submission?")).to_be_visible()
    found.append(problems(page))
    context.close()
    assert [problem for each in found for problem in each] == []


def problems(page: Page) -> list[str]:
    """What axe finds in light and dark, narrow and wide, how far the page scrolls sideways, and too small a text in a
    chart."""
    found = []
    for scheme in SCHEMES:
        for width in WIDTHS:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size({"width": width, "height": 740})
            broken = examined(page)
            found += [f"{page.url} {scheme} {width}: {each['id']} {each['nodes'][0]['target']}" for each in broken]
            excess = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            found += [f"{page.url} {width}: scrolls sideways by {excess}"] if excess > 0 else []
            found += [f"{page.url} {width}: text of {size:.1f} pixels" for size in page.evaluate(DRAWN) if size < 11]
    return found


def test_everything_is_read_and_done_without_script(browser: Browser, widget: Widget) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, widget)
    expect(page.get_by_role("img", name="Thumbs up and down")).to_be_visible()
    page.get_by_role("link", name="refused").click()
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Retry now").click()
    expect(page.get_by_role("status")).to_contain_text("1 will be tried at once")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Operator's token")).to_be_visible()
    context.close()

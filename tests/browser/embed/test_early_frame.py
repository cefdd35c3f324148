"""The loader requests the form and the panel together, so the form's frame may be there before the panel."""

from typing import Any

import pytest
from bed import until
from pages import SAID, form, heard, launcher, opened, panel, seen
from playwright.sync_api import Page, Route, expect
from stage import Stage

IS_LOADED = "!!document.querySelector('insider-feedback').shadowRoot.querySelector('dialog').loaded"
NONE = "script-src 'self' {form}; frame-src 'none'"


def held(page: Page) -> list[Route]:
    """Hold the panel back until its route is continued. Playwright hands it over only while the browser is asked
    something."""
    routes: list[Route] = []
    page.route("**/embed-panel.js", lambda route: routes.append(route))
    return routes


def pages_of_form(stage: Stage) -> list[str]:
    return [path for path in stage.form.requests if path.startswith("/form/")]


@pytest.mark.parametrize("has_loaded", [False, True], ids=["while_it_loads", "once_it_has_loaded"])
def test_the_form_is_requested_before_the_panel_is_there_and_once(visit: Any, stage: Stage, has_loaded: bool) -> None:
    page = visit()
    panels = held(page)
    launcher(page).hover()
    until(lambda: page.title() and pages_of_form(stage) and panels)
    if has_loaded:
        until(lambda: page.evaluate(IS_LOADED))
    panels[0].continue_()
    frame = opened(page)
    assert len(heard(frame, "hello")) == 1
    assert len(pages_of_form(stage)) == 1
    assert frame.evaluate("document.featurePolicy.allowsFeature('display-capture')")


def test_what_the_host_page_forbids_is_known_though_the_panel_comes_later(visit: Any, stage: Stage) -> None:
    policy = NONE.format(form=stage.form_url)
    page = visit(expected=(SAID, "Framing", "does not match the recipient"), Content_Security_Policy=policy)
    panels = held(page)
    launcher(page).click()
    until(lambda: page.evaluate(IS_LOADED) and panels)
    panels[0].continue_()
    expect(panel(page).get_by_role("alert")).to_be_visible()
    until(lambda: seen(page, "error"))
    assert seen(page, "error")[0]["code"] == "host_policy"


def test_a_policy_that_only_reports_forbids_nothing(visit: Any, stage: Stage) -> None:
    policy = NONE.format(form=stage.form_url)
    page = visit(expected=("Framing",), Content_Security_Policy_Report_Only=policy)
    opened(page)
    assert seen(page, "error") == []


def test_the_frame_goes_where_the_panel_does_not_come(visit: Any, stage: Stage) -> None:
    page = visit(expected=("insider-feedback script_blocked", "ERR_", "Failed to"))
    panels = held(page)
    launcher(page).hover()
    until(lambda: page.evaluate(IS_LOADED) and panels)
    panels[0].abort("blockedbyclient")
    expect(page.locator("insider-feedback").get_by_role("link", name="Feedback ↗")).to_be_visible()
    expect(page.locator("insider-feedback iframe")).to_have_count(0)


@pytest.mark.parametrize(
    "change",
    [
        "InsiderFeedback.set({mode: 'dialog'})",
        "InsiderFeedback.set({zIndex: 5})",
        "InsiderFeedback.set({product: 'other'})",
        "document.body.prepend(document.querySelector('insider-feedback'))",
    ],
)
def test_what_is_changed_or_moved_while_the_panel_loads_opens_all_the_same(
    visit: Any, stage: Stage, change: str
) -> None:
    page = visit()
    panels = held(page)
    page.evaluate("InsiderFeedback.open()")
    until(lambda: page.evaluate("true") and panels)  # Playwright hears of requests while it is asked something
    page.evaluate(change)
    panels[0].continue_()
    expect(panel(page)).to_be_visible()
    assert heard(form(page), "hello")
    expect(page.locator("insider-feedback button.launcher")).to_have_attribute("aria-expanded", "true")
    assert [len(seen(page, kind)) for kind in ("open", "close")] == [1, 0]

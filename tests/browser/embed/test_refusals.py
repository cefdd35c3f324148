"""Host pages with strict policies, and frames that do not load."""

from typing import Any

import pytest
from bed import until
from pages import SAID, form, launcher, opened, panel, seen
from playwright.sync_api import Page, expect
from stage import Stage

STRICT = "default-src 'none'; script-src 'self' {widget}; frame-src {widget}"


@pytest.mark.parametrize("policy", ["require-corp", "credentialless"])
def test_it_works_without_a_word_on_the_console_under_strict_policies(visit: Any, stage: Stage, policy: str) -> None:
    headers = {
        "Content_Security_Policy": STRICT.format(widget=stage.form_url) + "; require-trusted-types-for 'script'",
        "Cross_Origin_Embedder_Policy": policy,
        "Cross_Origin_Opener_Policy": "same-origin",
    }
    page = visit(**headers)
    assert page.evaluate("crossOriginIsolated")
    frame = opened(page)
    frame.click("#send")
    until(lambda: seen(page, "success"))
    page.mouse.move(0, 0)
    expect(launcher(page)).to_have_css("background-color", "rgb(47, 78, 134)")


def failure(page: Page) -> str:
    """Wait for the note, and return the code that the host page received."""
    expect(panel(page).get_by_role("alert")).to_contain_text("could not be opened here")
    link = panel(page).get_by_role("link", name="Open in a new tab")
    assert "/form/demo?" in link.get_attribute("href")
    assert (link.get_attribute("target"), link.get_attribute("rel")) == ("_blank", "noopener")
    until(lambda: seen(page, "error"))
    return str(seen(page, "error")[0]["code"])


def test_a_frame_that_the_form_refuses_to_this_page_becomes_a_link(visit: Any, stage: Stage) -> None:
    stage.allow("https://app.example.com")
    page = visit(expected=(SAID, "frame-ancestors", "does not match the recipient"))
    launcher(page).click()
    assert failure(page) == "frame_refused"
    expect(panel(page).get_by_role("link")).to_be_focused()
    panel(page).get_by_role("button", name="Close").click()
    expect(panel(page)).not_to_be_visible()
    stage.allow(stage.host_url)
    opened(page)


def test_a_frame_that_the_host_page_forbids_becomes_a_link(visit: Any, stage: Stage) -> None:
    policy = f"script-src 'self' {stage.form_url}; frame-src 'none'"
    page = visit(expected=(SAID, "Framing", "does not match the recipient"), Content_Security_Policy=policy)
    launcher(page).click()
    assert failure(page) == "host_policy"


def test_a_frame_that_something_blocks_becomes_a_link(visit: Any) -> None:
    page = visit(expected=(SAID, "ERR_", "does not match the recipient"))
    page.route("**/form/**", lambda route: route.abort("blockedbyclient"))
    launcher(page).click()
    assert failure(page) == "frame_blocked"


def test_without_a_network_it_says_so_and_works_once_there_is_one(visit: Any) -> None:
    page = visit(expected=("insider-feedback offline", "ERR_", "does not match the recipient", "Failed to"))
    page.context.set_offline(True)
    launcher(page).click()
    link = page.locator("insider-feedback").get_by_role("link", name="Feedback ↗")
    expect(link).to_be_visible()
    assert link.get_attribute("target") == "_blank"
    assert seen(page, "error")[0]["code"] == "offline"
    page.context.set_offline(False)
    opened(page)


def test_a_form_in_the_page_comes_by_itself_once_there_is_a_network(visit: Any) -> None:
    element = '<insider-feedback product="demo" mode="inline"></insider-feedback>'
    page = visit(
        f"{element}<div style='height:3000px'></div>{element}",
        attributes="",
        expected=("[feedback] offline", "ERR_", "does not match the recipient"),
    )
    form(page)
    page.clock.install()
    page.context.set_offline(True)
    page.locator("#last").scroll_into_view_if_needed()
    failed = page.locator("insider-feedback .panel.failed")
    expect(page.locator("insider-feedback .panel.wait")).to_have_count(1)
    page.clock.run_for(9000)
    expect(failed).to_have_count(1)
    page.context.set_offline(False)
    expect(page.locator("insider-feedback .panel.ready")).to_have_count(2)


def test_a_loader_that_is_blocked_half_way_becomes_a_link(visit: Any) -> None:
    page = visit(expected=("insider-feedback script_blocked", "ERR_", "Failed to"))
    lines: list[str] = []
    page.on("console", lambda message: lines.append(message.text))
    page.route("**/embed-panel.js", lambda route: route.abort("blockedbyclient"))
    launcher(page).click()
    link = page.locator("insider-feedback").get_by_role("link", name="Feedback ↗")
    expect(link).to_be_visible()
    assert link.get_attribute("target") == "_blank"
    assert seen(page, "error")[0]["code"] == "script_blocked"
    assert lines.count("insider-feedback script_blocked") == 1


def test_while_it_opens_nothing_shows_for_a_moment_and_then_grey_blocks(visit: Any, stage: Stage) -> None:
    stage.form.answers["/form.js"] = (200, "text/javascript", "", {})
    page = visit(moves=True)
    launcher(page).click()
    blocks = panel(page).locator(".blocks")
    expect(blocks).to_be_visible()
    expect(panel(page)).to_have_css("opacity", "1")
    expect(page.locator("insider-feedback iframe")).not_to_be_visible()

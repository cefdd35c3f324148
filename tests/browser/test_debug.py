"""With `data-debug` on the script tag, the page itself says why the form would not work there."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from stage import HIDDEN, TAKEN, Stage

DEBUG = 'data-product="demo" data-debug'


@pytest.fixture
def visit(browser: Browser, stage: Stage) -> Iterator[Callable[..., Page]]:
    context = browser.new_context(locale="en-GB")
    stage.allow(stage.host_url)
    stage.script("")
    stage.form.requests.clear()

    def open_page(body: str = "", **options: Any) -> Page:
        page = context.new_page()
        page.goto(stage.page(body, **options))
        return page

    yield open_page
    context.close()


def rows(page: Page, level: str) -> Locator:
    return page.locator(f"insider-feedback-debug li.{level}")


def test_a_page_where_it_works_says_so(visit: Callable[..., Page], stage: Stage) -> None:
    page = visit(attributes=DEBUG)
    expect(rows(page, "good")).to_have_text(
        [f"✓The script was loaded from {stage.form_url}.", "✓demo: the form has loaded and talks to this page."]
    )
    expect(rows(page, "wrong")).to_have_count(0)
    page.get_by_role("button", name="Close").first.click()
    expect(page.locator("insider-feedback-debug")).to_have_count(0)


@pytest.mark.parametrize("script", [TAKEN, HIDDEN])
def test_a_page_that_takes_names_of_the_browser_is_told_all_the_same(
    visit: Callable[..., Page], stage: Stage, script: str
) -> None:
    stage.script(script)
    page = visit(attributes=DEBUG + " data-position=left")
    expect(rows(page, "wrong")).to_contain_text('data-position cannot be "left".')
    expect(rows(page, "good").last).to_have_text("✓demo: the form has loaded and talks to this page.")


def test_a_policy_that_blocks_the_frame_is_named_with_what_to_add(visit: Callable[..., Page], stage: Stage) -> None:
    policy = f"script-src 'self' {stage.form_url}; frame-src 'none'"
    page = visit(attributes=DEBUG, Content_Security_Policy=policy)
    expect(rows(page, "wrong").filter(has_text="The page's own policy forbids the frame.")).to_be_visible(
        timeout=20_000
    )
    expect(rows(page, "wrong").filter(has_text="frame-src blocks")).to_contain_text(
        f"Add {stage.form_url}: frame-src {stage.form_url}"
    )
    expect(rows(page, "notice").filter(has_text="The page's policy: frame-src 'none'")).to_be_visible()


def test_a_policy_of_default_src_alone_is_given_a_whole_line_that_keeps_what_it_allows(
    visit: Callable[..., Page], stage: Stage
) -> None:
    policy = f"default-src 'self'; script-src 'self' {stage.form_url}"
    page = visit(attributes=DEBUG, Content_Security_Policy=policy)
    expect(rows(page, "wrong").filter(has_text="frame-src blocks")).to_contain_text(
        f"Add {stage.form_url}: frame-src 'self' {stage.form_url}"
    )


def test_attributes_that_are_no_options_are_named(visit: Callable[..., Page]) -> None:
    page = visit(attributes=DEBUG + " data-thme=dark data-position=left data-cfasync=false")
    expect(rows(page, "wrong")).to_have_text(
        [
            "✗There is no data-thme.Write data-theme.",
            '✗data-position cannot be "left".Write bottom-end, bottom-start, top-end or top-start.',
        ]
    )


def test_an_origin_that_is_not_allowed_is_named_with_the_line_to_add(visit: Callable[..., Page], stage: Stage) -> None:
    stage.allow("https://app.example.com")
    page = visit(attributes=DEBUG)
    expect(rows(page, "wrong")).to_contain_text(f'Add "{stage.host_url}" to the product\'s origins', timeout=20_000)


def test_a_page_in_which_nothing_is_created_is_reported(visit: Callable[..., Page]) -> None:
    expect(rows(visit(attributes="data-debug"), "wrong")).to_contain_text("There is no <insider-feedback> in the page.")


def test_nobody_else_loads_it(visit: Callable[..., Page], stage: Stage) -> None:
    page = visit()
    page.wait_for_function("!!window.InsiderFeedback?.open")
    page.get_by_role("button", name="Feedback").click()
    expect(page.locator("insider-feedback .panel.ready")).to_be_visible()
    assert not [path for path in stage.form.requests if "debug" in path]
    assert page.locator("insider-feedback-debug").count() == 0

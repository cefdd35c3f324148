"""The whole path, from a host page with a strict policy on another origin to Insider Connect."""

import re
from collections.abc import Iterator

import pytest
from bed import Sandbox, Widget
from playwright.sync_api import Browser, expect
from stage import Server, end_motion

POLICY = "default-src 'none'; script-src {widget}; frame-src {widget}"
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Orders</title>'
    '<script src="{widget}/embed.js" async data-product="demo" data-mode="{mode}" data-email="mara@northwind.example">'
    "</script><body><h1>Orders</h1>"
)


@pytest.fixture
def host() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.mark.parametrize("policy", ["require-corp", "credentialless"])
@pytest.mark.parametrize("mode", ["popover", "dialog"])
def test_feedback_leaves_a_strict_page_without_a_word_on_the_console(
    browser: Browser,
    host: Server,
    insider: Sandbox,
    form_site: Widget,
    policy: str,
    mode: str,
) -> None:
    headers = {
        "Content-Security-Policy": POLICY.format(widget=form_site.url),
        "Cross-Origin-Embedder-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    host.answers["/"] = (200, "text/html; charset=utf-8", PAGE.format(widget=form_site.url, mode=mode), headers)
    context = browser.new_context(locale="en-GB", reduced_motion="reduce")
    said: list[str] = []
    context.on("console", lambda message: said.append(message.text))
    context.on("weberror", lambda error: said.append(str(error.error)))
    page = context.new_page()
    end_motion(page)
    page.goto(host.url)
    page.locator("insider-feedback .launcher").click()
    form = page.frame_locator("insider-feedback iframe")
    # By script, because the panel and the focus may still move: the key might go up elsewhere than it went down.
    form.get_by_label("I like it").evaluate("radio => radio.click()")
    expect(form.get_by_label("I like it")).to_be_checked()
    form.locator("#description").fill("The totals are easy to find.")
    expect(form.locator("#submittedByEmail")).to_have_value("mara@northwind.example")
    form.get_by_role("button", name="Send feedback").click()
    expect(form.get_by_role("heading", name="Thank you, your feedback has arrived")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("insider-feedback dialog")).not_to_be_visible()
    expect(page.locator("insider-feedback .launcher")).to_be_focused()
    context.close()
    assert insider.descriptions() == ["The totals are easy to find."]
    assert said == []


def test_the_thanks_fit_into_a_popover_on_a_low_screen(
    browser: Browser, host: Server, insider: Sandbox, form_site: Widget
) -> None:
    page = browser.new_page(locale="en-GB", viewport={"width": 1366, "height": 650}, reduced_motion="reduce")
    end_motion(page)
    content = PAGE.format(widget=form_site.url, mode="popover")
    host.answers["/"] = (200, "text/html; charset=utf-8", content, {})
    page.goto(host.url)
    page.locator("insider-feedback .launcher").click()
    form = page.frame_locator("insider-feedback iframe")
    form.locator("#description").fill("The totals are easy to find.")
    form.get_by_role("button", name="Send feedback").click()
    expect(form.get_by_role("button", name="Done")).to_be_in_viewport(ratio=1)
    expect(form.get_by_role("link", name="Send another")).to_be_in_viewport(ratio=1)
    form.get_by_role("button", name="Done").click()
    expect(page.locator("insider-feedback dialog")).not_to_be_visible()
    expect(page.locator("insider-feedback .launcher")).to_be_focused()
    page.context.close()


def test_what_is_said_above_send_pushes_nothing_out_of_a_low_window(
    browser: Browser, host: Server, insider: Sandbox, form_site: Widget
) -> None:
    page = browser.new_page(locale="en-GB", viewport={"width": 390, "height": 600}, reduced_motion="reduce")
    content = PAGE.format(widget=form_site.url, mode="inline")
    host.answers["/"] = (200, "text/html; charset=utf-8", content, {})
    page.goto(host.url)
    form = page.frame_locator("insider-feedback iframe")
    form.locator("#description").fill("The totals are easy to find.")
    expect(form.locator("#feedback-progress")).to_have_attribute("tabindex", "-1")  # its script is there
    page.context.set_offline(True)
    form.get_by_role("button", name="Send feedback").click()
    cancel, note = form.get_by_role("button", name="Cancel"), form.locator("#feedback-notes")
    expect(cancel).to_be_in_viewport(ratio=1)
    expect(note).to_be_in_viewport(ratio=1)
    page.evaluate("scrollTo(0, 0)")
    cancel.evaluate("button => button.click()")  # without scrolling to it
    expect(note).to_have_text(re.compile("Stopped"))
    expect(note).to_be_in_viewport(ratio=1)
    expect(form.get_by_role("button", name="Send feedback")).to_be_in_viewport(ratio=1)
    page.context.set_offline(False)

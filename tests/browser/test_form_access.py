"""axe-core finds nothing in any state of the form, and nothing important scrolls out of reach."""

from collections.abc import Callable
from typing import Any

import pytest
from bed import ROOT, Sandbox
from form_stage import NETWORK, FormPage
from playwright.sync_api import CDPSession, expect
from samples import pdf, png
from test_access import wait_until_still

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RUN = "() => axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations)"


def blocked(form: FormPage, _: Sandbox) -> None:
    form.break_posts(9, reachable=True)
    form.fill().send()
    expect(form["feedback-copy"]).to_be_visible()


def limited(form: FormPage, _: Sandbox) -> None:
    form.answer(429, "rate_limited", retry_after=42)
    form.fill().send()
    expect(form.button).to_have_attribute("aria-disabled", "true")


def draft(form: FormPage, _: Sandbox) -> None:
    form.text.fill("Half a thought")
    form.until("sessionStorage.length > 0")  # it is not yet known who the person is
    form.page.reload()
    expect(form["feedback-draft"]).to_be_visible()


STATES: list[Callable[[FormPage, Sandbox], None]] = [blocked, limited, draft]
"""The states that `test_access` does not cover."""
LOOKS = {"en": [("light", 1280), ("dark", 320)], "ar": [("dark", 1280), ("light", 320)]}
"""Themes and widths in which each language is examined. The page adapts at once and need not be reloaded."""


def violations(form: FormPage) -> list[tuple[str, str]]:
    """What axe finds, each with the first element concerned."""
    wait_until_still(form.page)
    if not form.page.evaluate("'axe' in window"):
        form.page.evaluate(AXE.read_text("utf-8") + ";0")
    found: list[dict[str, Any]] = form.page.evaluate(RUN)
    return [(violation["id"], violation["nodes"][0]["html"]) for violation in found]


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: npm ci")
@pytest.mark.unopened
@pytest.mark.parametrize("lang", LOOKS)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing(
    form: FormPage, insider: Sandbox, state: Callable[[FormPage, Sandbox], None], lang: str
) -> None:
    form.expected.append(NETWORK)
    form.open(f"?lang={lang}")
    state(form, insider)
    for theme, width in LOOKS[lang]:
        form.page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        form.page.set_viewport_size({"width": width, "height": 900})
        assert violations(form) == [], (theme, width)
        assert form.page.evaluate("document.documentElement.scrollWidth") <= width, (theme, width)


def test_every_target_is_at_least_44_pixels(form: FormPage) -> None:
    form.page.set_viewport_size({"width": 320, "height": 900})
    form.fill().add(("order.pdf", pdf(), "application/pdf"), ("a.png", png(), "image/png"))
    expect(form.page.locator(".feedback-edit")).to_be_visible()
    form.page.evaluate("Promise.all(document.getAnimations().map(one => one.finished)).then(() => true)")
    boxes = form.page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, textarea, .feedback-add, .feedback-consent')]
          .filter(target => target.checkVisibility() && !target.closest('.feedback-hidden'))
          .filter(target => !target.matches('[type=hidden], #files'))
          .filter(target => !target.closest('.feedback-consent') || target.matches('.feedback-consent'))
          .map(target => [target.outerHTML.slice(0, 60), target.getBoundingClientRect()])
          .filter(([, {width, height}]) => Math.min(width, height) < 44).map(([html]) => html)"""
    )
    assert boxes == []


@pytest.mark.unopened
def test_what_stands_over_the_action_line_is_told_apart_when_the_form_is_taller_than_its_frame(form: FormPage) -> None:
    form.page.set_viewport_size({"width": 420, "height": 480})
    form.open("?mode=popover")
    expect(form.page.locator("html")).to_have_attribute("data-scrolls", "")
    expect(form.button).to_be_in_viewport()
    form.page.set_viewport_size({"width": 420, "height": 1000})
    expect(form.page.locator("html")).not_to_have_attribute("data-scrolls", "")


@pytest.mark.unopened
def test_the_action_lets_go_of_the_edge_while_a_keyboard_is_up(form: FormPage) -> None:
    form.page.set_viewport_size({"width": 360, "height": 400})
    form.open("?mode=popover")
    expect(form.page.locator("html")).to_have_attribute("data-keyboard", "")
    assert form.page.locator(".feedback-actions").evaluate("box => getComputedStyle(box).position") == "static"


def clickable(session: CDPSession) -> list[str]:
    """The elements that listen to clicks."""
    body = session.send("Runtime.evaluate", {"expression": "document.documentElement"})["result"]["objectId"]
    found = session.send("DOMDebugger.getEventListeners", {"objectId": body, "depth": -1})["listeners"]
    nodes = [each["backendNodeId"] for each in found if each["type"] in ("click", "mousedown", "mouseup")]
    described = (session.send("DOM.describeNode", {"backendNodeId": node})["node"] for node in nodes)
    return sorted({node["localName"] for node in described})


def test_no_text_of_the_form_is_read_as_clickable(form: FormPage) -> None:
    form.fill("My card is 4111 1111 1111 1111").add(("order 42.png", png(), "image/png"))
    expect(form.page.get_by_role("button", name="Mask it")).to_be_visible()
    edit = form.page.locator(".feedback-edit")
    expect(edit).to_have_accessible_description("order 42.png")  # in one piece
    session = form.context.new_cdp_session(form.page)
    assert clickable(session) == ["button", "input"]
    form.email.fill("mara@northwind")
    form.send()
    expect(form.email).to_be_focused()
    assert clickable(session) == ["button", "input"]
    session.detach()

"""axe finds nothing in any state of the form, light and dark, left to right and right to left, narrow and wide."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from bed import ROOT, Sandbox, Widget, until
from form_stage import KEEP, FormPage
from playwright.sync_api import Browser, Locator, Page, expect
from reuse import Window, Windows
from samples import png

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (320, 1280)
"""Pixels."""
OPTIONS = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})  # what passes is not described
RUN = f"axe.run({OPTIONS}).then(found => JSON.stringify(found.violations))"


def idle(form: FormPage, insider: Sandbox) -> Locator:
    return form.button


def filled(form: FormPage, insider: Sandbox) -> Locator:
    form.like.check(force=True)
    form.fill().add(("a.png", png(40, 30), "image/png"))
    return form.rows


def error(form: FormPage, insider: Sandbox) -> Locator:
    form.add(("notes.docx", b"PK", "application/msword"))
    form.fill(text="x" * 1010, email="mara@northwind").button.press("Enter")
    return form.summary


def sending(form: FormPage, insider: Sandbox) -> Locator:
    insider.slow(60, "create")
    filled(form, insider)
    form.button.press("Enter")
    return form.progress


def offline(form: FormPage, insider: Sandbox) -> Locator:
    filled(form, insider)
    form.context.set_offline(True)
    form.button.press("Enter")
    return form.note.locator(".feedback-note")


def thanks(form: FormPage, insider: Sandbox) -> Locator:
    filled(form, insider)
    form.button.press("Enter")
    return form.thanks


def listed(form: FormPage, insider: Sandbox) -> Locator:
    sent = [{"url": f"/receipt/{status}", "at": 1, "status": status} for status in ("delivered", "refused", "expired")]
    form.page.evaluate(KEEP, json.dumps({"sent": sent}))
    form.page.reload()
    expect(form["feedback-receipts"]).to_be_visible()  # what is hidden takes no key
    form["feedback-receipts"].press("Enter")
    return form.page.locator(".feedback-receipts")


STATES: tuple[Callable[[FormPage, Sandbox], Locator], ...] = (idle, filled, error, sending, offline, thanks, listed)
"""Each function brings the form into a state, and returns the element that shows it."""


@pytest.fixture(scope="module")
def _form_site(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    """A widget that holds a submission back until axe has examined the form that is sending."""
    _sandbox.recover()
    with Widget(tmp_path_factory.mktemp("access"), _sandbox.url, DELIVERY_WAIT="30") as widget:
        yield widget
        widget.kill()  # to stop it would wait for the submission that is held back


@pytest.fixture
def window(browser: Browser, windows: Windows, form_site: Widget) -> Iterator[Window]:
    """A window that need not compile axe, which is not part of the page and has no leave of its policy, each time."""
    with windows.window(browser, form_site.url, bypass_csp=True, viewport={"width": 320, "height": 900}) as window:
        yield window


def wait_until_still(page: Page) -> None:
    """Wait until nothing moves: what fades in has less contrast meanwhile."""
    until(lambda: page.evaluate("document.getAnimations().every(animation => animation.playState !== 'running')"))


def examined(page: Page) -> list[dict[str, Any]]:
    """The rules that a page breaks as it is now."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found: list[dict[str, Any]] = json.loads(page.evaluate(RUN))
    return found


def violations(page: Page) -> list[str]:
    """What axe finds once nothing moves any more."""
    wait_until_still(page)
    found = examined(page)
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]


def in_every_look(page: Page) -> list[str]:
    """What axe finds in light and dark, narrow and wide. The page adapts at once and need not be reloaded."""
    found = []
    for width, scheme in itertools.product(WIDTHS, SCHEMES):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"{scheme}, {width} px: {violation}" for violation in violations(page)]
    return found


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_while_the_form_is(
    window: Window,
    form_site: Widget,
    insider: Sandbox,
    state: Callable[[FormPage, Sandbox], Locator],
    language: str,
) -> None:
    form = FormPage(window.page, form_site.url).open(f"?lang={language}")
    shown = state(form, insider)
    expect(shown).to_be_visible()
    found = in_every_look(form.page)
    expect(shown).to_be_visible()
    assert found == []


def test_axe_finds_nothing_on_the_receipt_and_where_there_is_no_form(window: Window, form_site: Widget) -> None:
    receipt = form_site.submit(files=[("a.png", png(), "image/png")]).json()["receipt_url"]
    for path in (receipt, "/form/nobody"):
        window.page.goto(form_site.url + path)
        assert in_every_look(window.page) == []


def test_axe_itself_would_find_something(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<img src=x><input>")
    assert violations(page)
    page.close()


def test_axe_comes_from_the_lock_file() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    assert "axe-core" in str(lock["packages"][""]["devDependencies"])
    assert Path(ROOT / "node_modules" / "axe-core").is_dir()

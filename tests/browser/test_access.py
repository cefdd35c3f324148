"""axe finds nothing, in any state of the form, light and dark, left to right and right to left, narrow and wide."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bed import ROOT, Sandbox, Widget
from form_stage import NETWORK, FormPage
from playwright.sync_api import Browser, Page, expect
from samples import png

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = f"axe.run({{runOnly: {json.dumps(RULES)}}}).then(found => JSON.stringify(found.violations))"


def idle(form: FormPage, insider: Sandbox) -> None:
    """Nothing was touched."""


def filled(form: FormPage, insider: Sandbox) -> None:
    form.like.check(force=True)
    form.fill().add(("a.png", png(40, 30), "image/png"))


def error(form: FormPage, insider: Sandbox) -> None:
    form.add(("notes.docx", b"PK", "application/msword"))
    form.fill(text="x" * 1010, email="mara@northwind").button.press("Enter")
    expect(form.summary).to_be_visible()


def sending(form: FormPage, insider: Sandbox) -> None:
    insider.slow(60, "create")
    filled(form, insider)
    form.button.press("Enter")
    expect(form.progress).to_be_visible()


def offline(form: FormPage, insider: Sandbox) -> None:
    filled(form, insider)
    form.context.set_offline(True)
    form.button.press("Enter")
    expect(form.note.locator(".feedback-note")).to_be_visible()


def thanks(form: FormPage, insider: Sandbox) -> None:
    filled(form, insider)
    form.button.press("Enter")
    expect(form.thanks).to_be_visible(timeout=15_000)


STATES: tuple[Callable[[FormPage, Sandbox], None], ...] = (idle, filled, error, sending, offline, thanks)


def violations(page: Page) -> list[str]:
    """What axe finds once nothing moves any more."""
    page.wait_for_function("document.getAnimations().every(animation => animation.playState !== 'running')")
    page.evaluate(AXE)
    found = json.loads(page.evaluate(RUN))
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_while_the_form_is(
    browser: Browser,
    form_site: Widget,
    insider: Sandbox,
    state: Callable[[FormPage, Sandbox], None],
    scheme: str,
    language: str,
    width: int,
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        bypass_csp=True,  # for axe itself, which is no part of the page
    )
    form = FormPage(context, form_site.url).open(f"?lang={language}")
    form.expected.append(NETWORK)
    state(form, insider)
    found = violations(form.page)
    context.close()
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_on_the_receipt_and_where_there_is_no_form(
    browser: Browser, form_site: Widget, insider: Sandbox, scheme: str, width: int
) -> None:
    receipt = form_site.submit(files=[("a.png", png(), "image/png")]).json()["receipt_url"]
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        bypass_csp=True,
    )
    page = context.new_page()
    for path in (receipt, "/form/nobody"):
        page.goto(form_site.url + path)
        assert violations(page) == []
    context.close()


def test_axe_itself_would_find_something(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<img src=x><input>")
    assert violations(page)
    page.close()


def test_axe_comes_from_the_lock_file() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    assert "axe-core" in str(lock["packages"][""]["devDependencies"])
    assert Path(ROOT / "node_modules" / "axe-core").is_dir()

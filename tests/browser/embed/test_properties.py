"""Every option is also a property, so frameworks that set properties instead of attributes can render the element."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bundles import REACT_18, bundle
from playwright.sync_api import Browser, Page, expect
from reuse import Windows
from stage import Stage

ATTRIBUTES_ALONE = {"first": ("React 18",), "last": ("React 18", "React 19", "Preact", "Vue 3")}
"""A script that would write an object as an attribute's text, by the position of embed.js. `context` would not
survive."""
APPS: dict[str, tuple[str, ...]] = {
    "React 19": ("react.tsx",),
    "React 18": ("react.tsx", *REACT_18),
    "Preact": ("preact.ts",),
    "Vue 3": ("vue.ts",),
    "Solid": ("solid.ts",),
    "Lit": ("lit.ts",),
    "Angular": ("angular.ts",),
}
PROPERTIES = ["product", "mode", "position", "theme", "lang", "email", "label", "zIndex", "launcher"]
READ = """keys => {
  const root = document.querySelector('the-app')?.shadowRoot ?? document
  const element = root.querySelector('insider-feedback')
  const attribute = key => element.getAttribute(key === 'zIndex' ? 'z-index' : key)
  return Object.fromEntries(keys.map(key => [key, [element[key], attribute(key)]]))
}"""


@pytest.fixture
def visit(browser: Browser, windows: Windows, stage: Stage) -> Iterator[Callable[..., Page]]:
    """Open a page with its scripts in the given order. Any console message fails the test."""
    said: list[str] = []

    def open_page(app: str, *, loader: str) -> Page:
        stage.allow(stage.host_url)
        stage.host.answers["/app.js"] = (200, "text/javascript", app, {})
        scripts = ['<script src="/app.js"></script>']
        embed = f'<script src="{stage.form_url}/embed.js"></script>'
        scripts.insert(0 if loader == "first" else 1, embed)
        body = '<main id="app"></main>' + "".join(scripts)
        text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>App</title><body>{body}'
        stage.host.answers["/"] = (200, "text/html; charset=utf-8", text, {})
        page.set_default_timeout(10_000)
        page.goto(stage.host_url)
        expect(page.get_by_role("heading", name="The app")).to_be_visible()
        return page

    with windows.window(browser, stage.host_url, stage.form_url) as window:
        page = window.page
        page.context.on("console", lambda message: said.append(message.text))
        page.context.on("weberror", lambda error: said.append(str(error.error)))
        yield open_page
    assert [text for text in said if "DevTools" not in text and "development mode" not in text] == []


@pytest.mark.parametrize("loader", ["first", "last"])
@pytest.mark.parametrize("name", APPS)
def test_a_framework_renders_the_element_with_every_option_and_changes_them(
    visit: Callable[..., Page], name: str, loader: str
) -> None:
    page = visit(bundle(*APPS[name]), loader=loader)
    launcher = page.locator("insider-feedback .launcher")
    expect(launcher).to_have_text("Tell us")
    wanted = ["demo", "dialog", "top-start", "light", "fr", "mara@northwind.example", "Tell us", "7", "true"]
    assert page.evaluate(READ, PROPERTIES) == {
        key: [value, value] for key, value in zip(PROPERTIES, wanted, strict=True)
    }
    if name not in ATTRIBUTES_ALONE[loader]:
        values = page.evaluate(READ, ["context", "identity"])
        assert [values["context"][0], values["identity"][0]] == [{"page": "orders"}, "a.b.c"]
    page.evaluate("change({theme: 'dark', label: 'Say it', email: null, zIndex: 9})")
    expect(launcher).to_have_text("Say it")
    changed: dict[str, Any] = page.evaluate(READ, ["theme", "email", "zIndex"])
    assert changed == {"theme": ["dark", "dark"], "email": [None, None], "zIndex": ["9", "9"]}
    page.evaluate("change({launcher: false})")
    expect(launcher).to_have_count(0)

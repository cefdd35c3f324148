"""Fixtures for host pages, with the real widget or with a stand-in for the form."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from bed import Sandbox, Widget, until
from pages import SPY
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize
from reuse import Windows, is_of
from rounds import HostPage
from stage import Server, Stage

SIZE = {"viewport": {"width": 1280, "height": 800}}


@pytest.fixture(scope="module")
def _host_server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def host_server(_host_server: Server) -> Server:
    """A server of host pages that serves nothing yet."""
    _host_server.clear()
    return _host_server


@pytest.fixture
def host(
    browser: Browser, windows: Windows, host_server: Server, form_site: Widget, insider: Sandbox
) -> Iterator[HostPage]:
    """A host page in which nothing moves, in a window that goes from test to test."""
    with windows.window(browser, host_server.url, form_site.url, **SIZE) as window:
        yield HostPage(window.page, host_server, form_site, insider)


@pytest.fixture
def moving(browser: Browser, host_server: Server, form_site: Widget, insider: Sandbox) -> Iterator[HostPage]:
    """A host page in which everything moves."""
    context = browser.new_context(locale="en-GB", **SIZE)
    yield HostPage(context.new_page(), host_server, form_site, insider)
    context.close()


@pytest.fixture
def visit(browser: Browser, windows: Windows, stage: Stage) -> Iterator[Callable[..., Page]]:
    """Open a host page, in which nothing moves unless a test looks at that. Any console message that is not in
    `expected` fails the test."""
    said: list[str] = []
    allowed: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if is_of(message, stage.host_url, stage.form_url):
            said.append(message.text)

    stage.allow(stage.host_url)
    stage.script(SPY)
    stage.form.requests.clear()
    with ExitStack() as opened:

        def open_page(
            *body: str,
            size: tuple[int, int] = (1280, 900),
            moves: bool = False,
            expected: tuple[str, ...] = (),
            **options: Any,
        ) -> Page:
            viewport: ViewportSize = {"width": size[0], "height": size[1]}
            allowed.extend(expected)
            if moves:
                context = browser.new_context(viewport=viewport, locale="en-GB")
                opened.callback(context.close)
                page = context.new_page()
            else:
                window = windows.window(browser, stage.host_url, stage.form_url, viewport=viewport)
                page = opened.enter_context(window).page
            page.context.on("console", hear)
            page.context.on("weberror", lambda error: said.append(str(error.error)))
            page.set_default_timeout(15_000)
            page.goto(stage.page(*body, **options))
            until(lambda: page.evaluate("!!window.InsiderFeedback?.open"))  # Playwright's own method needs unsafe-eval
            return page

        yield open_page
    assert [text for text in said if not any(part in text for part in allowed)] == []

"""Fixtures for host pages, with the real widget or with a stand-in for the form."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from bed import Sandbox, Widget, until
from pages import SPY
from playwright.sync_api import Browser, Page
from rounds import HostPage
from stage import Server, Stage, end_motion


@contextmanager
def host_page(browser: Browser, widget: Widget, insider: Sandbox, **options: Any) -> Iterator[HostPage]:
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800}, **options)
    with Server() as server:
        yield HostPage(context, server, widget, insider)
        context.close()


@pytest.fixture
def host(browser: Browser, form_site: Widget, insider: Sandbox) -> Iterator[HostPage]:
    """A host page in which nothing moves."""
    with host_page(browser, form_site, insider, reduced_motion="reduce") as host:
        end_motion(host.page)
        yield host


@pytest.fixture
def moving(browser: Browser, form_site: Widget, insider: Sandbox) -> Iterator[HostPage]:
    """A host page in which everything moves."""
    with host_page(browser, form_site, insider) as host:
        yield host


@pytest.fixture
def visit(browser: Browser, stage: Stage) -> Iterator[Callable[..., Page]]:
    """Open a host page, in which nothing moves unless a test looks at that. Any console message that is not in
    `expected` fails the test."""
    contexts = []
    said: list[str] = []
    allowed: list[str] = []
    stage.allow(stage.host_url)
    stage.script(SPY)
    stage.form.requests.clear()

    def open_page(
        *body: str,
        size: tuple[int, int] = (1280, 900),
        moves: bool = False,
        expected: tuple[str, ...] = (),
        **options: Any,
    ) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB")
        contexts.append(context)
        allowed.extend(expected)
        context.on("console", lambda message: said.append(message.text))
        context.on("weberror", lambda error: said.append(str(error.error)))
        page = context.new_page()
        page.set_default_timeout(15_000)
        if not moves:
            end_motion(page)
        page.goto(stage.page(*body, **options))
        until(lambda: page.evaluate("!!window.InsiderFeedback?.open"))  # Playwright's own method needs unsafe-eval
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in said if not any(part in text for part in allowed)] == []

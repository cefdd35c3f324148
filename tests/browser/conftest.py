"""Fixtures for tests of the form: a widget for each module, and a page with the form open."""

from collections.abc import Iterator

import pytest
from bed import Sandbox, Widget
from form_stage import FormPage
from playwright.sync_api import Browser, expect
from reuse import Windows
from stage import Server, Stage

SOON = {"RETRY_MIN": "0.1", "RETRY_MAX": "0.3", "PROBE_INTERVAL": "0.2", "SWEEP_INTERVAL": "0.2"}

expect.set_options(timeout=15_000)  # milliseconds: a busy machine is slow, not wrong


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A server for host pages, and one that stands in for the widget."""
    with Server() as host, Server(static=True) as form:
        yield Stage(host, form)


@pytest.fixture(scope="module")
def _form_site(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    _sandbox.recover()
    with Widget(tmp_path_factory.mktemp("form"), _sandbox.url, DELIVERY_WAIT="10", KEEP_ALIVE="1") as widget:
        yield widget


@pytest.fixture
def form_site(_form_site: Widget, insider: Sandbox) -> Iterator[Widget]:
    """The widget that serves a module's forms. It waits for Insider Connect's own answer."""
    yield _form_site
    _form_site.settle(insider)


@pytest.fixture(scope="session")
def windows() -> Windows:
    """Windows that serve one test after the other."""
    return Windows()


@pytest.fixture
def form(
    browser: Browser, windows: Windows, form_site: Widget, insider: Sandbox, request: pytest.FixtureRequest
) -> Iterator[FormPage]:
    """The form, open unless the test is marked `unopened`, in a window that goes from test to test. Any console message
    that a test does not expect fails the test."""
    with windows.window(browser, form_site.url, viewport={"width": 560, "height": 1000}) as window:
        form = FormPage(window.page, form_site.url)
        yield form if request.node.get_closest_marker("unopened") else form.open()
    assert form.unexpected() == []


@pytest.fixture(scope="module")
def _kept_site(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    with Widget(tmp_path_factory.mktemp("receipts"), _sandbox.url, DELIVERY_WAIT="0", **SOON) as widget:
        yield widget


@pytest.fixture
def kept_site(_kept_site: Widget, insider: Sandbox) -> Iterator[Widget]:
    """A widget that thanks people for stored submissions, and retries soon."""
    yield _kept_site
    _kept_site.settle(insider)


@pytest.fixture
def kept(browser: Browser, windows: Windows, kept_site: Widget, insider: Sandbox) -> Iterator[FormPage]:
    """The form while Insider Connect is away."""
    insider.down()
    with windows.window(browser, kept_site.url, viewport={"width": 560, "height": 900}) as window:
        form = FormPage(window.page, kept_site.url)
        yield form.open()
    assert form.unexpected() == []

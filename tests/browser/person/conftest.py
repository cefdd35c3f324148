"""Forms of several products, on pages that say who is there."""

from collections.abc import Iterator

import pytest
from bed import Sandbox, Widget
from people import CONFIG, SECRET, framed
from playwright.sync_api import Browser
from reuse import Windows
from stage import Server
from test_form_host import Framed


@pytest.fixture(scope="module")
def _form_site(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    _sandbox.recover()
    folder = tmp_path_factory.mktemp("person")
    with Widget(
        folder,
        _sandbox.url,
        config=CONFIG,
        DELIVERY_WAIT="10",
        KEEP_ALIVE="1",
        PROOF_COST="200",
        IDENTITY_KEY__DEMO=SECRET,
    ) as widget:
        yield widget


@pytest.fixture
def host() -> Iterator[Server]:
    with Server() as host:
        yield host


@pytest.fixture
def signed(browser: Browser, windows: Windows, form_site: Widget, insider: Sandbox, host: Server) -> Iterator[Framed]:
    """A form on whose page people are signed in."""
    yield from framed(browser, windows, form_site, host, "demo")


@pytest.fixture
def named(browser: Browser, windows: Windows, form_site: Widget, insider: Sandbox, host: Server) -> Iterator[Framed]:
    """A form whose page sets an address, for which nobody vouches."""
    yield from framed(browser, windows, form_site, host, "open")


@pytest.fixture
def proven(browser: Browser, windows: Windows, form_site: Widget, insider: Sandbox, host: Server) -> Iterator[Framed]:
    """A form that always asks for a proof of work."""
    yield from framed(browser, windows, form_site, host, "proven")

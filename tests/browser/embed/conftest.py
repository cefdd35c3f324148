"""A host page with the real widget in it, for each test of the folder."""

from collections.abc import Iterator

import pytest
from bed import Sandbox, Widget
from playwright.sync_api import Browser
from rounds import HostPage
from stage import Server


@pytest.fixture
def host(browser: Browser, form_site: Widget, insider: Sandbox) -> Iterator[HostPage]:
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    with Server() as server:
        yield HostPage(context, server, form_site, insider)
        context.close()

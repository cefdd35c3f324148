"""A Chromium to look at pages with: the one on this machine, or Playwright's own."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from widget.errors import WidgetError

if TYPE_CHECKING:
    from playwright.async_api import Browser

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_INSTALL = "pip install 'insider-feedback-widget[browser]'"
_ARGUMENTS = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")


class Missing(WidgetError):
    """There is no browser, or nothing to drive it. The message says how to get it."""


@asynccontextmanager
async def chromium() -> AsyncIterator["Browser"]:
    """A browser that is closed in the end. Raises Missing."""
    try:
        from playwright.async_api import Error, async_playwright
    except ImportError:
        raise Missing(f"--browser needs Playwright and axe: {_INSTALL}") from None
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    sandbox = () if os.geteuid() else ("--no-sandbox",)  # Chromium refuses to sandbox itself for root
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(executable_path=found, args=[*_ARGUMENTS, *sandbox])
        except Error as error:
            reason = error.message.strip().partition("\n")[0]
            fix = "Install it with `playwright install --with-deps chromium`, or put chromium on the PATH."
            raise Missing(f"--browser needs Chromium, and it does not start ({reason}). {fix}") from None
        try:
            yield browser
        finally:
            await browser.close()

"""Chromium for the tests of a process: one that lasts from module to module, for it takes a second to start."""

import functools
import shutil
import subprocess
from contextlib import ExitStack

from playwright.sync_api import Browser, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@functools.cache
def executable(*, whole: bool = False) -> str | None:
    """The browser of this machine, if one runs (some packages are empty shells); None leaves it to Playwright's own.

    The headless shell comes first: the same engine without windows, menus and extensions, and Playwright's own choice.
    It takes no pictures of a screen; the `whole` browser does.
    """
    shell = () if whole else ("chromium-headless-shell",)
    names = (*shell, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    found = filter(None, map(shutil.which, names))
    return next(
        (path for path in found if subprocess.run([path, "--version"], capture_output=True).returncode == 0), None
    )


class Chromium:
    """Starts when it is asked for. While it is open, its API occupies the thread's event loop."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._browser: Browser | None = None

    def browser(self) -> Browser:
        """The browser; another one where it has crashed."""
        if self._browser is None or not self._browser.is_connected():
            self.close()
            playwright = self._open.enter_context(sync_playwright())
            self._browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
            self._open.callback(self._browser.close)
        return self._browser

    def close(self) -> None:
        """End it, and leave the event loop to others."""
        self._browser = None
        self._open.close()

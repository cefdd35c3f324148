"""Browser windows that tests use one after the other.

A new context costs a renderer process, in which every script is compiled anew: as much as all that a test then does
with the form. So a window goes from one test to the next, after the browser has forgotten what the site kept. A test
that does to its page or context what could outlast this has the window for itself: it is closed at the end.
"""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage
from stage import end_motion

HARMLESS = {
    *("locator", "frame_locator", "frame", "title", "content", "screenshot", "is_closed", "bring_to_front"),
    *("get_by_role", "get_by_label", "get_by_text", "get_by_title", "get_by_test_id", "get_by_placeholder"),
    *("goto", "reload", "evaluate", "evaluate_handle", "wait_for_load_state", "wait_for_url", "wait_for_function"),
    *("expect_request", "expect_response", "expect_event", "expect_popup", "expect_file_chooser", "expect_download"),
    *("set_default_timeout", "set_viewport_size", "cookies", "remove_listener", "unroute", "unroute_all"),
}
"""What may be done with a page and its context without a trace, once the site's storage is empty."""
MEDIA: Any = {"color_scheme": "light", "reduced_motion": "reduce", "forced_colors": "none", "contrast": "no-preference"}
"""What each window begins with."""
UNDONE: dict[str, Callable[..., Callable[[], Any]]] = {
    "on": lambda used, event, heard: lambda: used.remove_listener(event, heard),
    "route": lambda used, *_: lambda: used.unroute_all(behavior="ignoreErrors"),
    "set_offline": lambda used, _: lambda: used.set_offline(False),
    "emulate_media": lambda used, *_: lambda: used.emulate_media(media="null", **MEDIA),
}
"""What changes more, by what puts it back."""


def is_of(message: ConsoleMessage, *sites: str) -> bool:
    """Whether a console message is of a page of these sites, or of no server at all. A frame of the last test may still
    ask for something when its server is gone, and what the browser says of that comes to the next one."""
    url = message.location["url"]
    return url.startswith(sites) or not url.startswith("http")


class Window:
    """A context with one page."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context = browser.new_context(locale="en-GB", **MEDIA, **options)
        self.page = self.context.new_page()
        self.is_spoiled = False
        self._size = self.page.viewport_size
        self._session = end_motion(self.page)
        self._undo: list[Callable[[], Any]] = []
        for used in (self.page, self.context, self.page.clock):
            self._watch(used)

    def _watch(self, used: Any) -> None:
        """Notice what is done with it."""
        for name in dir(type(used)):
            if not name.startswith("_") and name not in HARMLESS and callable(method := getattr(used, name)):
                setattr(used, name, functools.partial(self._notice, used, name, method))

    def _notice(self, used: Any, name: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if name in UNDONE:
            self._undo.append(UNDONE[name](used, *arguments))
        else:
            self.is_spoiled = True
        return method(*arguments, **named)

    def clear(self, *sites: str) -> None:
        """Leave the site, the first of these addresses; forget all that these sites kept and all that a test
        changed."""
        to_undo, self._undo = self._undo, []
        for undo in to_undo:
            undo()
        self.page.goto("about:blank")  # in the same process: nothing is left that would keep more
        for site in sites:
            self._session.send("Storage.clearDataForOrigin", {"origin": site, "storageTypes": "all"})
        self.page.mouse.move(0, 0)
        if self._size and self.page.viewport_size != self._size:
            self.page.set_viewport_size(self._size)
        self._undo.clear()  # what undoing has added


class Windows:
    """The windows that wait for a test, one for each set of options."""

    def __init__(self) -> None:
        self._free: dict[str, list[Window]] = defaultdict(list)

    @contextmanager
    def window(self, browser: Browser, *sites: str, **options: Any) -> Iterator[Window]:
        """A window that knows nothing of these sites: that of the page first, then those that it frames."""
        free = self._free[repr(sorted(options.items()))]
        window = free.pop() if free else None
        if window is None or window.context.browser is not browser:
            window = Window(browser, **options)
        yield window
        if window.is_spoiled or len(window.context.pages) != 1:
            window.context.close()
        else:
            window.clear(*sites)
            free.append(window)

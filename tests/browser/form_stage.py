"""The form as its tests use it: its fields by name, and a network that can fail in various ways."""

import functools
import io
import re
from collections.abc import Sequence
from typing import Any, Self

from bed import until
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, FilePayload, Locator, Page, Route, expect

EMAIL = "mara@northwind.example"
SIZE: dict[str, Any] = {"viewport": {"width": 800, "height": 720}}
"""A window that shows a host page with the form in it."""
NETWORK = re.compile("Failed to load resource")
"""Chromium's own message about a failed request. A test that causes one expects it."""
KEEP = "sent => localStorage.setItem('feedback:demo:browser:receipts', sent)"
"""The storage key of receipts from this browser if no page named the person."""
LISTEN = """() => {
  window.heard = []
  const status = document.querySelector('#feedback-status')
  const hear = () => status.textContent && window.heard.push(status.textContent)
  new MutationObserver(hear).observe(status, {childList: true})
}"""
HUSH = """
  const {setTimeout} = window
  window.setTimeout = (act, time, ...more) => time === 1000 ? void (window.hush = act) : setTimeout(act, time, ...more)
"""
"""Makes the time wait after which a framing page counts as silent."""
DROP = """([selector, files, type]) => {
  const transfer = new DataTransfer()
  for (const [name, kind, bytes] of files) transfer.items.add(new File([new Uint8Array(bytes)], name, {type: kind}))
  const target = document.querySelector(selector)
  const more = type === 'paste' ? {clipboardData: transfer} : {dataTransfer: transfer}
  const made = type === 'paste' ? ClipboardEvent : DragEvent
  const event = new made(type, {bubbles: true, cancelable: true, ...more})
  target.dispatchEvent(event)
  return event.defaultPrevented
}"""


def stop_clock(page: Page) -> None:
    """Let no time pass for the page's scripts but by `run_for`, until `resume`. After `install` alone it goes on."""
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)


def still(browser: Browser) -> BrowserContext:
    """A window in which little moves: to draw what nobody looks at would be a tenth to a third of all the work."""
    return browser.new_context(locale="en-GB", reduced_motion="reduce", **SIZE)


class FormPage:
    """A page with the form in it."""

    def __init__(self, page: Page, url: str, product: str = "demo") -> None:
        self.page = page
        self.context = page.context
        self.url = f"{url}/form/{product}"
        self.address = re.compile(re.escape(self.url) + r"(\?.*)?$")
        self.said: list[str] = []
        self.expected: list[re.Pattern[str]] = []
        self.context.on("console", lambda message: self.said.append(message.text))
        self.context.on("weberror", lambda error: self.said.append(str(error.error)))
        self.page.set_default_timeout(10_000)

    def open(self, query: str = "") -> Self:
        """Open the form, or reload it."""
        self.page.goto(self.url + query)
        return self

    def awake(self) -> Self:
        """Wait for the script that loads with the first key press."""
        self.text.press("Shift")
        expect(self.progress).to_have_attribute("tabindex", "-1")
        return self

    def until_asked(self, routes: Sequence[Route]) -> None:
        """Wait for a request that a route holds. Playwright hands it over only while the browser is asked something."""

        def held() -> Sequence[Route]:
            self.page.title()
            return routes

        until(held)

    def unexpected(self) -> list[str]:
        """The console's messages, without those that the test caused."""
        return [text for text in self.said if not any(pattern.search(text) for pattern in self.expected)]

    def __getitem__(self, name: str) -> Locator:
        """An element by its id."""
        return self.page.locator(f"#{name}")

    @property
    def tab(self) -> Page:
        """The page's network, which can be slowed down."""
        return self.page

    @property
    def like(self) -> Locator:
        return self["sentimentRating-true"]

    @property
    def dislike(self) -> Locator:
        return self["sentimentRating-false"]

    @property
    def text(self) -> Locator:
        return self["description"]

    @property
    def email(self) -> Locator:
        return self["submittedByEmail"]

    @property
    def button(self) -> Locator:
        return self["feedback-send"]

    @property
    def cancel(self) -> Locator:
        return self["feedback-cancel"]

    @property
    def note(self) -> Locator:
        return self["feedback-notes"]

    @property
    def progress(self) -> Locator:
        return self["feedback-progress"]

    @property
    def summary(self) -> Locator:
        return self["feedback-summary"]

    @property
    def status(self) -> Locator:
        """The text of the live region, which screen readers announce."""
        return self["feedback-status"]

    @property
    def rows(self) -> Locator:
        return self.page.locator(".feedback-file")

    @property
    def thanks(self) -> Locator:
        return self.page.locator(".feedback-thanks")

    def listen(self) -> None:
        """Start recording what the live region announces."""
        self.page.evaluate(LISTEN)

    @property
    def heard(self) -> list[str]:
        """Everything it has announced since."""
        heard: list[str] = self.page.evaluate("window.heard")
        return heard

    def fill(self, text: str = "The totals are easy to find.", email: str = EMAIL) -> Self:
        """Fill in what is required."""
        self.text.fill(text)
        self.email.fill(email)
        return self

    def compose(self, text: str) -> None:
        """Write with an input method, as in Japanese, and end composing with Enter."""
        session = self.context.new_cdp_session(self.tab)
        session.send("Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)})
        enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
        session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
        session.send("Input.insertText", {"text": text})
        session.detach()

    def add(self, *files: tuple[str, bytes, str]) -> Self:
        """Choose files, and wait until each has been checked."""
        before = self.rows.count()
        self["files"].set_input_files(payloads(files))
        expect(self.rows).to_have_count(before + len(files))
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until every file has been checked."""
        expect(self.page.locator('.feedback-file[data-state="preparing"]')).to_have_count(0, timeout=30_000)

    def carry(self, event: str, selector: str, *files: tuple[str, bytes, str]) -> bool:
        """Drag, drop or paste files. Returns whether the browser's own reaction was prevented."""
        carried = [[name, kind, list(content)] for name, content, kind in files]
        return bool(self.page.evaluate(DROP, [selector, carried, event]))

    def send(self) -> Self:
        """Press Send."""
        self.button.click()
        return self

    def painted(self) -> None:
        """Wait until everything that a click started has been drawn."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def until(self, expression: str) -> None:
        """Wait until an expression is true. Playwright's own method is forbidden by the page's policy."""
        until(lambda: self.page.evaluate(expression), pause=0.05)

    def until_files_are_kept(self, number: int) -> None:
        """Wait until the draft of a person without an address has so many files."""
        self.until(
            f"""new Promise(done => {{
              const [{{files: id}}] = JSON.parse(sessionStorage.getItem('feedback:demo:tab:draft')) ?? [{{}}]
              const opening = indexedDB.open('feedback', 1)
              opening.onupgradeneeded = () => opening.transaction.abort()
              opening.onerror = () => done(false)
              opening.onsuccess = () => {{
                const request = opening.result.transaction('files').objectStore('files').get(id ?? '')
                request.onsuccess = () => {{ opening.result.close(); done(request.result?.length === {number}) }}
              }}
            }})"""
        )

    def slow_down(self, bytes_a_second: int) -> Any:
        """Limit the upload speed. Returns the browser session with which a test changes it again."""
        session = self.context.new_cdp_session(self.tab)
        session.send("Network.enable")
        self.throttle(session, bytes_a_second)
        return session

    def throttle(self, session: Any, bytes_a_second: int) -> None:
        """Change the limit; -1 removes it."""
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second}
        session.send("Network.emulateNetworkConditions", limits)

    def break_posts(self, times: int, *, reachable: bool = False) -> list[str]:
        """Let this many requests fail. With `reachable`, the page's own address still answers. Returns the methods of
        the requests that came."""
        self.expected.append(NETWORK)
        left = times
        methods: list[str] = []

        def handle(route: Route) -> None:
            nonlocal left
            methods.append(route.request.method)
            if route.request.method == "POST" and left > 0:
                left -= 1
                route.abort("blockedbyclient" if reachable else "connectionreset")
            elif route.request.method == "HEAD" and not reachable:
                route.abort("connectionreset")
            else:
                route.continue_()

        self.context.route(self.address, handle)
        return methods

    def answer(self, status: int, code: str, field: str = "", message: str = "", **more: Any) -> None:
        """Answer the next submission like this. Later ones go through."""
        self.expected.append(NETWORK)
        headers = {"Retry-After": str(more.pop("retry_after"))} if "retry_after" in more else {}
        fault = {"field": field, "code": code, "message": message, **more}
        problem = {"type": "about:blank", "title": "A title", "status": status, "detail": message, "errors": [fault]}
        is_cut = False

        def handle(route: Route) -> None:
            nonlocal is_cut
            if route.request.method != "POST" or is_cut:
                return route.fallback()
            is_cut = True
            return route.fulfill(status=status, json=problem, headers=headers)

        self.context.route(self.address, handle)


def payloads(files: Sequence[tuple[str, bytes, str]]) -> list[FilePayload]:
    """Files as Playwright takes them."""
    return [{"name": name, "buffer": content, "mimeType": kind} for name, content, kind in files]


@functools.cache
def noise(width: int, height: int, kind: str = "JPEG", *, mode: str = "RGB", **options: Any) -> bytes:
    """A picture that hardly compresses."""
    target = io.BytesIO()
    Image.effect_noise((width, height), 90).convert(mode).save(target, kind, **options)
    return target.getvalue()


def plain(
    width: int, height: int, kind: str, *, mode: str = "RGB", colour: Any = (47, 78, 134), **options: Any
) -> bytes:
    """A picture of one colour."""
    target = io.BytesIO()
    Image.new(mode, (width, height), colour).save(target, kind, **options)
    return target.getvalue()


def gps() -> bytes:
    """EXIF data with a position."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 14.0), 3: "E", 4: (11.0, 34.0, 31.0)})
    return exif.tobytes()

"""The rows about the browser: what a host page loads before anybody wants to say something, and how the form opens.

Host pages are served from 127.0.0.1, compressed in advance. The widget answers on localhost, which is another site for
a browser, as it is in reality. The browser can reach nothing else.
"""

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any, Self

from playwright.sync_api import Browser, Frame, Page, sync_playwright
from playwright.sync_api import Request as Asked

from bench import vendors
from bench.rows import Samples, Who
from bench.stage import Insider, Widget

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
HOVER = 200
"""Milliseconds for which the pointer rests on the button before the press."""
_SETTLE = 500
"""Milliseconds after which an open form has loaded everything."""
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_SCRIPTS = """
window.bench = {shift: 0, long: 0, pressed: 0, usable: 0}
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) bench.shift += entry.value
}).observe({type: 'layout-shift', buffered: true})
new PerformanceObserver(list => { bench.long += list.getEntries().length }).observe({type: 'longtask', buffered: true})
const now = () => performance.timeOrigin + performance.now()
const all = (root, name) => [...root.querySelectorAll(name),
  ...[...root.querySelectorAll('*')].flatMap(element => element.shadowRoot ? all(element.shadowRoot, name) : [])]
const there = element => element.checkVisibility({visibilityProperty: true, opacityProperty: true}) && !element.disabled
bench.watch = name => {
  const look = () => {
    if (!document.querySelector('feedback-form:not(:defined)') && all(document, name).some(there)) bench.usable = now()
    else setTimeout(look, 2)
  }
  look()
}
if (window == top) addEventListener('pointerdown', event => {
  bench.pressed = performance.timeOrigin + event.timeStamp
  bench.watch('textarea, insider-feedback iframe, iframe[part=frame]')
}, true)
else bench.watch('textarea')
"""
"""Runs first in every frame. Counts long tasks and layout shifts, and records when the text field can be used."""


@dataclass
class Site:
    """Host pages and their files, from one server in this process."""

    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def put(self, path: str, kind: str, content: bytes) -> None:
        """Serve `content`, compressed, under `path`."""
        self.files[path] = (kind, vendors.packed(content))

    def page(self, name: str, head: str, files: Mapping[str, bytes]) -> None:
        """Serve a host page and its files."""
        text = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Orders</title><link rel="icon" href="data:,">'
            f'<meta name="viewport" content="width=device-width"><body><h1>Orders</h1><p>Nothing new.</p>{head}'
        )
        self.put(f"/{name}", "text/html; charset=utf-8", text.encode())
        for path, content in files.items():
            self.put(path, _TYPES[Path(path).suffix], content)

    def __enter__(self) -> Self:
        files = self.files

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                kind, content = files.get(self.path, ("", b""))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Length", str(len(content)))
                if kind:
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Encoding", "br")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Visit:
    """The result of a visit to a host page. Times are in ms; sizes are bytes on the wire."""

    requests: int
    bytes: int
    script: float
    shift: float
    long: int
    usable: float = 0.0
    opened_bytes: int = 0


def chromium() -> str | None:
    """This machine's browser, if it works; None means Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    found = filter(None, map(shutil.which, names))
    runs = (path for path in found if subprocess.run([path, "--version"], capture_output=True).returncode == 0)
    return next(runs, None)


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    """Chromium, started as in the tests, with access to this machine only."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


def visit(browser: Browser, url: str, button: str = "", *, hover: int = HOVER) -> Visit:
    """Load a host page until it is idle. If there is a `button`, hover over it, press it, and use the form."""
    with contextlib.closing(browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")) as context:
        context.add_init_script(_SCRIPTS)
        page = context.new_page()
        asked: list[Asked] = []
        page.on("requestfinished", lambda request: asked.append(request))
        session = context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(url, wait_until="networkidle")
        metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
        before = [request for request in asked if request.url != url and not request.url.startswith("data:")]
        seen = page.evaluate("() => bench")
        script = 1000 * (metrics["ScriptDuration"] + metrics["V8CompileDuration"])
        result = Visit(len(before), _sum(before), script, seen["shift"], seen["long"])
        if button:
            result.usable = _open(page, button, hover)
            page.wait_for_timeout(_SETTLE)
            opened = [request for request in asked if request.url != url and not request.url.startswith("data:")]
            result.opened_bytes = _sum(opened)
        return result


def _sum(asked: list[Asked]) -> int:
    return sum(request.sizes()["responseBodySize"] for request in asked)


def _open(page: Page, button: str, hover: int) -> float:
    """Press the button, and type into the form. Returns the time from the press until typing was possible."""
    box = page.locator(button).bounding_box()
    assert box, f"there is no {button}"  # noqa: S101
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(hover)
    page.mouse.down()
    page.mouse.up()
    usable: list[float] = []
    for frame in _frames(page):
        frame.wait_for_function("() => bench.usable")
        usable.append(frame.evaluate("() => bench.usable"))
    text = _frames(page)[-1].locator("textarea").first
    text.fill("It works.")
    assert text.input_value() == "It works."  # noqa: S101
    return max(usable) - float(page.evaluate("() => bench.pressed"))


def _frames(page: Page) -> list[Frame]:
    """The page, and the form's frame if it has one."""
    page.wait_for_function("() => bench.usable")
    return [page.main_frame, *(frame for frame in page.frames if "/form/" in frame.url)]


def measure(rounds: int, place: Path) -> Mapping[str, Samples]:
    """All rows about the browser together, because they share their visits."""
    vendors.fetch()
    embed, opening, weight = Samples(), Samples(), Samples()
    with ExitStack() as stack:
        widget = stack.enter_context(Widget(place, stack.enter_context(Insider(place))))
        form = f"http://localhost:{widget.port}"
        site = Site()
        site.page("bare", "", {})
        site.page("ours", f'<script src="{form}/embed.js" data-product="demo" async></script>', {})
        for vendor in (vendors.sentry, vendors.pushfeedback, vendors.giscus):
            site.page(vendor.__name__, *vendor())
        stack.enter_context(site)
        browser = stack.enter_context(started())
        _visits(browser, site.url, rounds, embed, opening, weight)
        for _ in range(rounds):
            weight.add("bytes", "ours", _weight(browser, f"{form}/form/demo"))
        path = chromium() or browser.browser_type.executable_path
    with Insider(place) as insider, Widget(place, insider) as widget:
        for _ in range(rounds):
            scores = vendors.lighthouse(f"{widget.url}/form/demo", path, place / "lighthouse.json")
            for category, score in scores.items():
                weight.add(category, "ours", score)
    return {"embed": embed, "open": opening, "weight": weight}


_BUTTONS = {
    "ours": "insider-feedback button",
    "sentry": "#sentry-feedback button",
    "pushfeedback": "feedback-button .feedback-button-content",
    "giscus": "",
}


def _visits(browser: Browser, site: str, rounds: int, embed: Samples, opening: Samples, weight: Samples) -> None:
    """Visit the page of each contender in turn."""
    seen: dict[str, list[Visit]] = {name: [] for name in _BUTTONS}
    for name, button in _BUTTONS.items():
        visit(browser, f"{site}/{name}", button)  # not counted: it fills the browser's code cache
    for _ in range(rounds):
        bare = visit(browser, f"{site}/bare")
        for name, button in _BUTTONS.items():
            found = visit(browser, f"{site}/{name}", button)
            found.script -= bare.script
            seen[name].append(found)
        opening.add("at once", "ours", visit(browser, f"{site}/ours", _BUTTONS["ours"], hover=0).usable)
    contenders: dict[Who, str] = {"ours": "ours", "rival": "sentry"}
    for who, name in contenders.items():
        for found in seen[name]:
            for key, value in _figures(found).items():
                embed.add(key, who, value)
            opening.add("usable", who, found.usable)
    for found in seen["sentry"]:
        weight.add("bytes", "rival", float(found.opened_bytes))
    for name, title in (("pushfeedback", "pushfeedback"), ("giscus", "giscus, without its frame")):
        embed.notes.append(f"{title}: {_told(seen[name])}.")
    opened = {name: int(median(found.opened_bytes for found in seen[name])) for name in seen}
    opening.notes.append(
        f"pushfeedback: {median(found.usable for found in seen['pushfeedback']):.0f} ms. Loaded once it is open: ours "
        f"{opened['ours']:,} B, Sentry {opened['sentry']:,} B, pushfeedback {opened['pushfeedback']:,} B."
    )


def _figures(found: Visit) -> Mapping[str, float]:
    """What a visit says of a script, by the names of the table's measures."""
    return {
        "bytes": found.bytes,
        "requests": found.requests,
        "script": found.script,
        "shift": found.shift,
        "long": found.long,
    }


def _told(found: list[Visit]) -> str:
    middle = {key: median(_figures(one)[key] for one in found) for key in ("bytes", "requests", "script", "long")}
    return (
        f"{middle['bytes']:,.0f} B in {middle['requests']:.0f} requests, {middle['script']:.1f} ms of script, "
        f"{middle['long']:.0f} long tasks"
    )


def _weight(browser: Browser, url: str) -> int:
    """Bytes of everything that a page loads."""
    with contextlib.closing(browser.new_context()) as context:
        page = context.new_page()
        asked: list[Asked] = []
        page.on("requestfinished", lambda request: asked.append(request))
        page.goto(url, wait_until="networkidle")
        return _sum([request for request in asked if not request.url.startswith("data:")])

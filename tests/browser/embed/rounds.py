"""A host page around the real widget, and a person's round through it: open, write, add a file, send, close."""

from dataclasses import dataclass, field
from typing import Any, Self

from bed import Sandbox, Widget, until
from playwright.sync_api import ConsoleMessage, Frame, FrameLocator, Page, expect
from reuse import is_of
from samples import png
from stage import Server

HARMLESS = ("React DevTools", "development mode", "Angular is running")
"""Messages that frameworks write to the console themselves."""
TEXT = "Good"


@dataclass
class HostPage:
    """A page of `server` under the name localhost. The widget is on another site, 127.0.0.1."""

    page: Page
    server: Server
    widget: Widget
    insider: Sandbox
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context = self.page.context
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.said.append(str(error.error)))
        self.page.set_default_timeout(10_000)
        self.inside: Page | FrameLocator = self.page  # the document that has the loader; tests of frames change it
        self.url = self.server.url
        self.loader = f"{self.widget.url}/embed.js"

    def _hear(self, message: ConsoleMessage) -> None:
        if is_of(message, self.server.url, self.widget.url):
            self.said.append(message.text)

    def script(self, content: str, path: str = "/app.js") -> None:
        """The page's own script."""
        self.server.answers[path] = (200, "text/javascript", content, {})

    def put(self, text: str, path: str = "/", **headers: str) -> None:
        """Serve a page. WIDGET and LOADER in it stand for their addresses."""
        whole = text.replace("LOADER", self.loader).replace("WIDGET", self.widget.url)
        named = {name.replace("_", "-"): value.replace("WIDGET", self.widget.url) for name, value in headers.items()}
        self.server.answers[path] = (200, "text/html; charset=utf-8", whole, named)

    def visit(self, path: str = "/") -> Self:
        """Open a page that is served."""
        self.page.goto(self.url + path)
        return self

    @property
    def launcher(self) -> Any:
        return self.inside.locator("insider-feedback .launcher")

    @property
    def panel(self) -> Any:
        return self.inside.locator("insider-feedback .panel")

    @property
    def form(self) -> FrameLocator:
        return self.inside.frame_locator("insider-feedback iframe")

    def settled(self) -> Frame:
        """The document of a form that will not be replaced. A locator that looks for the frame does so at each step."""
        (frame,) = until(self._only_form)
        return frame

    def _only_form(self) -> list[Frame]:
        """Playwright hears of a new frame only while the browser is asked something."""
        self.page.title()
        shown = [frame for frame in self.page.frames if "&mode=" in frame.url]
        return shown if len(shown) == 1 else []

    def press(self) -> None:
        """Click the only launcher where it is drawn."""
        expect(self.launcher).to_have_count(1)
        expect(self.launcher).to_be_visible()
        box = self.launcher.bounding_box()
        size = self.page.viewport_size
        assert size
        assert 0 <= box["x"] <= size["width"] - box["width"]
        assert 0 <= box["y"] <= size["height"] - box["height"]
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def write(self, text: str = TEXT) -> None:
        """Type where the focus is."""
        expect(self.panel).to_be_visible()
        field = self.form.locator("#description")
        field.click()
        expect(field).to_be_focused()
        self.page.keyboard.type(text)
        expect(field).to_have_value(text)

    def send(self) -> None:
        """Add a file and an address, send, and wait for the thanks."""
        picture: Any = {"name": "screen.png", "mimeType": "image/png", "buffer": png(40, 30)}
        form = self.settled()  # somebody has typed in it
        form.locator("#files").set_input_files([picture])
        expect(form.locator(".feedback-file[data-state=ready]")).to_have_count(1)
        form.locator("#submittedByEmail").fill("mara@northwind.example")
        form.locator("#feedback-send").click()
        expect(form.locator("[data-status=delivered]")).to_be_visible()

    def leave(self) -> None:
        """Close with Escape, wherever the focus is; one button remains."""
        self.page.keyboard.press("Escape")
        expect(self.panel).not_to_be_visible()
        expect(self.launcher).to_have_count(1)

    def arrived(self, text: str = TEXT) -> None:
        """Insider Connect has received everything, and the console is empty."""
        (feedback,) = self.insider.feedbacks()
        assert feedback["body"]["description"] == text
        (file,) = feedback["attachments"]
        assert self.insider.file(file["number"]) == png(40, 30)
        assert not self.unexpected(), self.unexpected()

    def go_round(self) -> None:
        """The whole round."""
        self.press()
        self.write()
        self.send()
        self.leave()
        self.arrived()

    def unexpected(self) -> list[str]:
        """The console's messages without those of frameworks."""
        return [text for text in self.said if not any(part in text for part in HARMLESS)]

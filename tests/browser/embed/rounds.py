"""A host page around the real widget, and what a person does there: press, write, add a file, send, leave."""

from dataclasses import dataclass, field
from typing import Any, Self

from bed import Sandbox, Widget
from playwright.sync_api import BrowserContext, FrameLocator, Page, expect
from samples import png
from stage import Server

HARMLESS = ("React DevTools", "development mode", "Angular is running")
"""What frameworks say of themselves."""
TEXT = "The totals are easy to find."


@dataclass
class HostPage:
    """A page of `server`, which is called localhost; the widget is on another site, 127.0.0.1."""

    context: BrowserContext
    server: Server
    widget: Widget
    insider: Sandbox
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("console", lambda message: self.said.append(message.text))
        self.context.on("weberror", lambda error: self.said.append(str(error.error)))
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.inside: Page | FrameLocator = self.page  # the document that has the loader; tests of frames change it
        self.url = f"http://localhost:{self.server.port}"
        self.loader = f"{self.widget.url}/embed.js"

    def script(self, content: str, path: str = "/app.js") -> None:
        """A script of the page's own."""
        self.server.answers[path] = (200, "text/javascript", content, {})

    def put(self, text: str, path: str = "/", **headers: str) -> None:
        """Put a page there; WIDGET and LOADER in it stand for the addresses."""
        whole = text.replace("LOADER", self.loader).replace("WIDGET", self.widget.url)
        named = {name.replace("_", "-"): value.replace("WIDGET", self.widget.url) for name, value in headers.items()}
        self.server.answers[path] = (200, "text/html; charset=utf-8", whole, named)

    def visit(self, path: str = "/") -> Self:
        """Open a page that was put there."""
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

    def press(self) -> None:
        """Press the one button there is, where it is drawn."""
        expect(self.launcher).to_have_count(1)
        expect(self.launcher).to_be_visible()
        box = self.launcher.bounding_box()
        size = self.page.viewport_size
        assert size
        assert 0 <= box["x"] <= size["width"] - box["width"]
        assert 0 <= box["y"] <= size["height"] - box["height"]
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def write(self, text: str = TEXT) -> None:
        """Write with the keyboard, where the focus is."""
        expect(self.panel).to_be_visible()
        self.form.locator("#description").click()
        expect(self.form.locator("#description")).to_be_focused()
        self.page.keyboard.type(text)
        expect(self.form.locator("#description")).to_have_value(text)

    def send(self) -> None:
        """Add a file and an address, send, and see the thanks."""
        picture: Any = {"name": "screen.png", "mimeType": "image/png", "buffer": png(40, 30)}
        self.form.locator("#files").set_input_files([picture])
        expect(self.form.locator(".feedback-file[data-state=ready]")).to_have_count(1)
        self.form.locator("#submittedByEmail").fill("mara@northwind.example")
        self.form.locator("#feedback-send").click()
        expect(self.form.locator("[data-status=delivered]")).to_be_visible()

    def leave(self) -> None:
        """Escape, wherever the focus is, closes it; one button is left."""
        self.page.keyboard.press("Escape")
        expect(self.panel).not_to_be_visible()
        expect(self.launcher).to_have_count(1)

    def arrived(self, text: str = TEXT) -> None:
        """All of it is with Insider Connect, and the console heard nothing."""
        (feedback,) = self.insider.feedbacks()
        assert feedback["body"]["description"] == text
        (file,) = feedback["attachments"]
        assert self.insider.file(file["number"]) == png(40, 30)
        assert not self.unexpected(), self.unexpected()

    def go_round(self) -> None:
        """The whole of it."""
        self.press()
        self.write()
        self.send()
        self.leave()
        self.arrived()

    def unexpected(self) -> list[str]:
        """What the console heard, but for what frameworks say of themselves."""
        return [text for text in self.said if not any(part in text for part in HARMLESS)]

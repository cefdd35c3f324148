"""The picture editor as a test uses it: tools, drags and keys, and the pixels that are sent."""

import io
from typing import Any

from bed import Sandbox
from form_stage import FormPage
from PIL import Image
from playwright.sync_api import Locator, Page, expect

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
SIZE = (800, 400)


def sheet(secret: tuple[int, int, int, int] = (500, 100, 700, 200), size: tuple[int, int] = SIZE) -> bytes:
    """A white PNG with a green box that nobody should see."""
    image = Image.new("RGB", size, WHITE)
    image.paste((0, 160, 0), secret)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def pixels(content: bytes) -> Any:
    """A picture as it is sent."""
    return Image.open(io.BytesIO(content)).convert("RGB")


def colours(content: bytes) -> set[tuple[int, int, int]]:
    """All colours of a picture."""
    image = pixels(content)
    return {colour for _, colour in image.getcolors(image.width * image.height)}


def sent(insider: Sandbox) -> bytes:
    """The picture that Insider Connect received."""
    (feedback,) = insider.feedbacks()
    (file,) = feedback["attachments"]
    content: bytes = insider.file(file["number"])
    return content


class Editing:
    """The editor, open for the first picture of a form."""

    def __init__(self, form: FormPage) -> None:
        self.form = form
        self.page: Page = form.page

    def open(self) -> "Editing":
        """Press the picture's Edit button."""
        self.page.locator(".feedback-edit").first.click()
        expect(self.sheet).to_have_attribute("viewBox", "0 0 800 400")
        return self

    @property
    def dialog(self) -> Locator:
        return self.page.locator("dialog.editor")

    @property
    def stage(self) -> Locator:
        return self.page.locator(".editor-stage")

    @property
    def sheet(self) -> Locator:
        return self.page.locator(".editor-sheet > svg")

    @property
    def names(self) -> list[str]:
        """The marks in the list."""
        return self.page.locator(".editor-mark").all_inner_texts()

    @property
    def live_region(self) -> Locator:
        """What a screen reader hears."""
        return self.dialog.locator('[role="status"]')

    def tool(self, name: str) -> None:
        """Choose a tool."""
        self.page.locator(f'.editor-choice [value="{name}"]').check(force=True)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The screen position of a pixel of the picture."""
        box = self.sheet.bounding_box()
        assert box is not None
        return box["x"] + x / SIZE[0] * box["width"], box["y"] + y / SIZE[1] * box["height"]

    def drag(self, tool: str | None, *points: tuple[float, float]) -> None:
        """Drag with a tool through these points, given in pixels of the picture."""
        if tool:
            self.tool(tool)
        first, *rest = (self.place(*point) for point in points)
        self.form.tab.mouse.move(*first)
        self.form.tab.mouse.down()
        for point in rest:
            self.form.tab.mouse.move(*point, steps=4)
        self.form.tab.mouse.up()

    def press(self, point: tuple[float, float]) -> None:
        """Press a pixel of the picture."""
        self.form.tab.mouse.click(*self.place(*point))

    def keys(self, *keys: str) -> None:
        """Presses keys where the focus is."""
        for key in keys:
            self.form.tab.keyboard.press(key)

    def done(self) -> None:
        """Press Done, and wait until the picture is ready to be sent."""
        self.dialog.get_by_role("button", name="Done").click()
        expect(self.dialog).to_have_count(0)
        self.form.settle()

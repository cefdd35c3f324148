"""Every accepted PDF is opened in Chromium's viewer: it runs no script and requests nothing.

The viewer gets a script of the test's that runs after all others. Everything before its output came from the PDF.
"""

import io
import shutil
from collections.abc import Iterator

import pikepdf
import pytest
from chromium import ARGUMENTS
from pdf_corpus import variants
from pikepdf import Array, Dictionary, Name, String
from playwright.sync_api import Dialog, Page, sync_playwright
from test_pdfs import HARMLESS
from web_server import Answer, Request, WebServer

from widget.files.examine import examine
from widget.files.protocol import Rules

pytestmark = pytest.mark.process
RULES = Rules(max_pixels=1_000_000)
WHOLE_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""The headless shell has no viewer."""


CONTROLS = (
    "on_opening",
    "on_opening_elsewhere",
    "after_the_page_to_open_at",
    "by_name",
    "events_of_the_page",
    "a_field",
)
"""Where Chromium runs a script without a click."""
AT_ONCE = 12
"""PDFs that are shown on one page."""


class Viewer(WebServer):
    """Chromium's viewer, and a server for its PDFs."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._answers: dict[str, tuple[str, bytes]] = {}
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("dialog", self._hear)
        super().__init__(self._answer)

    def _answer(self, request: Request) -> Answer:
        kind, body = self._answers.get(request.path, ("text/plain", b""))
        if not body and request.path != "/favicon.ico":
            self.asked.append(request.path)
        return Answer(200, {"Content-Type": kind}, body)

    def _hear(self, dialog: Dialog) -> None:
        self.said.append(dialog.message)
        dialog.accept()

    def show(self, *pdfs: bytes) -> list[str]:
        """Show PDFs until the test's script has run in each. Returns what they output and requested."""
        self._answers = {f"/{number}.pdf": ("application/pdf", data) for number, data in enumerate(pdfs)}
        frames = "".join(f'<iframe src="{path}#toolbar=0"></iframe>' for path in self._answers)
        self._answers["/"] = ("text/html", frames.encode())
        self.said, self.asked = [], []
        self._page.goto(f"{self.url}/", wait_until="commit")
        while self.said.count("END") < len(pdfs):
            self._page.wait_for_event("dialog")
        return [message for message in self.said if message != "END"] + self.asked


def signed_off(data: bytes) -> bytes:
    """The PDF with a script that runs after all others, when its first page has been shown."""
    with pikepdf.open(io.BytesIO(data)) as document:
        events = document.pages[0].get("/AA", Dictionary())
        said = document.make_indirect(Dictionary(S=Name.JavaScript, JS=String("app.alert('END')")))
        if "/O" in events:
            events.O.Next = said
        else:
            events.O = said
        document.pages[0].AA = events
        document.trailer.ID = Array([String(""), String("")])  # then the same pages make the same file
        document.trailer.Size = 0  # counted when it is written, but only where there is one
        target = io.BytesIO()
        document.save(target, static_id=True, force_version="1.7")
        return target.getvalue()


@pytest.fixture(scope="module")
def viewer() -> Iterator[Viewer]:
    path = next(filter(None, map(shutil.which, WHOLE_BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        with Viewer(browser.new_page()) as viewer:
            yield viewer
            browser.close()


def test_the_viewer_runs_the_scripts_of_what_is_sent_so_this_test_can_fail(viewer):
    sent = dict(variants())
    shown = [signed_off(sent[f"a_script-{place}-plain"]) for place in CONTROLS]
    assert viewer.show(*shown).count("HIT") >= len(CONTROLS)


def test_nothing_runs_and_nothing_is_asked_for_in_what_is_accepted(viewer):
    copies = {}
    for name, data in [*variants(f"{viewer.url}/HIT"), *HARMLESS.items()]:
        found = examine(data, "application/pdf", RULES)
        if found.data:
            copies[signed_off(found.data)] = name  # many have the same copy
    shown = list(copies)
    assert len(shown) > 20
    for first in range(0, len(shown), AT_ONCE):
        batch = shown[first : first + AT_ONCE]
        assert viewer.show(*batch) == [], [copies[data] for data in batch]

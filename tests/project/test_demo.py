"""`scripts/demo` starts and stops three processes together."""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from bed import ROOT, STOP, Process, plain_environ, until
from playwright.sync_api import FilePayload, Page, expect
from samples import pdf, png

MIN_FILL_TIME = 2.2
"""Seconds that filling in a form must take, or the sender counts as a program."""
ADDRESSES = {"page": "Sample host page", "form": "The form on its own", "inbox": "Insider Connect's inbox"}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Process]:
    demo = Process([sys.executable, str(ROOT / "scripts" / "demo")], tmp_path / "demo.log", plain_environ(), tmp_path)
    try:
        until(lambda: "Ctrl-C ends everything." in demo.log() or demo.popen.poll() is not None, 40)
        yield demo
        demo.stop()
    finally:
        demo.kill()


def addresses(demo: Process) -> dict[str, str]:
    found = {name: re.search(rf"{words} +(http://\S+)", demo.log()) for name, words in ADDRESSES.items()}
    return {name: match[1] for name, match in found.items() if match}


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def children(demo: Process) -> dict[str, int]:
    """The process ids of the demo's children, by a word of their command lines."""
    listed = Path(f"/proc/{demo.popen.pid}/task/{demo.popen.pid}/children")
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc to find the demo's children")
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in listed.read_text().split()}
    return {
        word: pid
        for pid, command in commands.items()
        for word in ("sandbox", "serve", "page")
        if word.encode() in command
    }


def test_sigterm_ends_all_three(demo: Process) -> None:
    ends_all_three(demo, signal.SIGTERM)


def ends_all_three(demo: Process, ending: signal.Signals) -> None:
    found = addresses(demo)
    assert set(found) == set(ADDRESSES), demo.log()
    assert {name: answers(url) for name, url in found.items()} == dict.fromkeys(ADDRESSES, True)
    demo.popen.send_signal(ending)
    assert demo.popen.wait(STOP) == 0
    assert not any(answers(url) for url in found.values())
    assert "Traceback" not in demo.log()


@pytest.mark.parametrize(
    ("victim", "name"), [("sandbox", "Insider Connect sandbox"), ("serve", "widget"), ("page", "host page")]
)
def test_when_one_dies_the_others_end_and_it_is_named(demo: Process, victim: str, name: str) -> None:
    found = addresses(demo)
    os.kill(children(demo)[victim], signal.SIGKILL)
    assert demo.popen.wait(STOP) == 1
    assert f"the {name} ended by itself" in demo.log()
    assert not any(answers(url) for url in found.values())


def test_a_feedback_with_two_files_goes_from_the_sample_page_to_the_inbox_and_ctrl_c_ends_all_three(
    demo: Process, page: Page
) -> None:
    found = addresses(demo)
    picture, document = png(40, 20), pdf()
    page.goto(found["page"])
    page.get_by_role("button", name="Feedback").click()
    form = page.frame_locator("iframe")
    form.locator("label", has_text="I like it").click()
    opened = time.monotonic()
    form.locator("[name=description]").fill("The orders page is clear.\nThank you.")
    form.locator("[name=submittedByEmail]").fill("mara@example.com")
    form.locator("[type=file]").set_input_files(
        [
            FilePayload(name="orders.png", mimeType="image/png", buffer=picture),
            FilePayload(name="order-1187.pdf", mimeType="application/pdf", buffer=document),
        ]
    )
    until(lambda: time.monotonic() > opened + MIN_FILL_TIME)
    form.get_by_role("button", name="Send feedback").click()
    expect(form.get_by_role("heading", name="Thank you")).to_be_visible()
    (feedback,) = httpx.get(f"{found['inbox']}/_sandbox/record", trust_env=False).json()["feedbacks"]
    assert feedback["body"] == {
        "description": "The orders page is clear.\nThank you.",
        "submittedByEmail": "mara@example.com",
        "sentimentRating": True,
        "contactConsent": False,
    }
    files = [
        httpx.get(f"{found['inbox']}/_sandbox/files/{file['number']}", trust_env=False).content
        for file in feedback["attachments"]
    ]
    assert [file["name"] for file in feedback["attachments"]] == ["orders.png", "order-1187.pdf"]
    assert files[0] == picture
    assert files[1].startswith(b"%PDF-")  # a copy of the document
    ends_all_three(demo, signal.SIGINT)

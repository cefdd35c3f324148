"""The documents' code in HTML, CSS and JavaScript, in a page with the real widget; and the steps to a first button."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from bed import ROOT, Widget, free_port, until
from blocks import SERVICE, Block, blocks, named
from playwright.sync_api import expect
from rounds import HostPage

TAG = '<script src="LOADER" async data-product="demo"></script>'
HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Orders</title>'
PACKAGE = '<script type="importmap">{"imports": {"insider-feedback-embed": "/package.js"}}</script>'


OTHERS = "<script>var script, feedback, form, tag, options</script>"
"""What other tags of a page declare. Ours may not declare it once more, in the scope that all scripts share."""


def of_demo(block: Block, widget: Widget) -> str:
    """A block with the address of the service and its only product filled in."""
    return block.text.replace(SERVICE, widget.url).replace("/form/ferry", "/form/demo")


@pytest.mark.parametrize("block", blocks("html"), ids=str)
def test_a_block_of_html_shows_what_it_is_for(host: HostPage, block: Block) -> None:
    text = of_demo(block, host.widget)
    host.put(f"{HEAD}<body><h1>Orders</h1>{OTHERS}{text}{OTHERS}")
    host.visit()
    page, shown = host.page, 0
    if ("data-product" in text or "dataset.product" in text) and "data-launcher" not in text:
        expect(host.launcher).to_be_visible()
        shown += 1
    if "<insider-feedback" in text:
        expect(host.form.locator("#description")).to_be_visible()
        shown += 1
    if "<iframe" in text:
        frame = page.locator("body > iframe")
        expect(frame.content_frame.locator("#feedback")).to_be_attached()
        box, border = frame.bounding_box(), frame.evaluate("frame => getComputedStyle(frame).borderTopWidth")
        assert box
        assert (box["height"], border) == (640, "0px")
        shown += 1
    if "stylesheet" in text:
        assert page.evaluate("document.styleSheets.length") == 1
        shown += 1
    if 'class="ask"' in text:
        expect(page.get_by_role("link", name="Tell us")).to_be_visible()
        shown += 1
    assert shown
    if "data-debug" not in text:
        assert host.unexpected() == []


@pytest.mark.parametrize("block", blocks("js"), ids=str)
def test_a_block_of_javascript_runs_in_a_page(host: HostPage, block: Block) -> None:
    host.script((ROOT / "npm" / "index.js").read_text("utf-8"), "/package.js")
    text = of_demo(block, host.widget).replace("</", "<\\/")
    tag = "" if "import" in text else TAG
    host.put(
        f'{HEAD}{PACKAGE}<body><h1>Orders</h1><a class="ask" href="/">Tell us</a>{tag}'
        f'<script type="module">{text}\ndocument.body.dataset.ran = "yes"</script>'
    )
    host.visit()
    expect(host.page.locator("body[data-ran=yes]")).to_be_attached()
    expect(host.launcher).to_be_visible()
    if "attach" in text:
        host.page.locator(".ask").click()
        expect(host.panel).to_be_visible()
    assert host.unexpected() == []


def test_no_rule_of_a_block_of_css_is_dropped(host: HostPage) -> None:
    host.put(f"{HEAD}<body>")
    host.visit()
    for block in blocks("css"):
        read = "text => { const sheet = new CSSStyleSheet(); sheet.replaceSync(text); return sheet.cssRules.length }"
        assert host.page.evaluate(read, block.text) == block.text.count("{")


@pytest.fixture
def first_page(host: HostPage, tmp_path: Path) -> Iterator[str]:
    """The address that the commands for a first button serve, run in an empty folder."""
    port = free_port()
    script = named("embedding", "html").text.replace("http://localhost:8000", host.widget.url)
    command = ["bash", "-e", "-c", script.replace("5173", str(port))]
    server = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, stderr=subprocess.DEVNULL)
    address = f"http://localhost:{port}/"

    def answers() -> bool:
        try:
            return httpx.get(address, trust_env=False).is_success
        except httpx.TransportError:
            return False

    try:
        until(answers)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def test_the_commands_from_an_empty_folder_lead_to_a_button(host: HostPage, first_page: str) -> None:
    host.page.goto(first_page)
    host.press()
    expect(host.form.locator("#description")).to_be_visible()

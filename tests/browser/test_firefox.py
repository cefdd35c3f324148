"""The main paths in a second browser engine, Firefox: from a host page on another origin to Insider Connect, and from a
draft."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bed import Sandbox, Widget
from bidi import Firefox
from samples import forwarded, pdf, png
from stage import Server

PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Orders</title>'
    '<script src="{widget}/embed.js" async data-product="demo"></script><body><h1>Orders</h1>'
)
LAUNCHER = "document.querySelector('insider-feedback').shadowRoot.querySelector('.launcher')"

IN_PLACE = """(async () => {
  const root = document.querySelector('insider-feedback').shadowRoot, frame = root.querySelector('iframe')
  const box = () => JSON.stringify(frame.getBoundingClientRect())
  const before = box(), {x, y, width, height} = frame.getBoundingClientRect()
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
  return box() === before && root.elementFromPoint(x + width / 2, y + height / 2) === frame
})()"""
"""Whether the form's frame is shown, and stands still: a press would miss what it is meant for."""


@pytest.fixture(scope="module")
def browser_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with Firefox(tmp_path_factory.mktemp("firefox")) as firefox:
        yield firefox


@pytest.fixture
def firefox(browser_engine: Firefox) -> Firefox:
    """One Firefox for all tests, as its start takes seconds. Each has a widget, and thus an origin, of its own."""
    browser_engine.said.clear()
    return browser_engine


def press(firefox: Firefox, name: str, form: str) -> None:
    """Click an element of the form."""
    firefox.until(IN_PLACE)
    firefox.click(f"document.querySelector('#{name}')", form)


def test_feedback_with_two_files_is_sent_from_another_site_whose_frames_may_store_nothing(
    firefox: Firefox, insider: Sandbox, start_widget: Callable[..., Widget], tmp_path: Path
) -> None:
    widget = start_widget(DELIVERY_WAIT="10", KEEP_ALIVE="1")
    files = [tmp_path / "screen.png", tmp_path / "order.pdf"]
    files[0].write_bytes(png(40, 30))
    files[1].write_bytes(pdf())
    with Server() as host:
        host.answers["/"] = (200, "text/html; charset=utf-8", PAGE.format(widget=widget.url), {})
        firefox.open(f"http://localhost:{host.port}/")
        firefox.until(f"Boolean(document.querySelector('insider-feedback')?.shadowRoot && {LAUNCHER})")
        firefox.click(LAUNCHER)
        form = firefox.frame()
        firefox.until("document.querySelector('feedback-form')?.matches(':defined')", form)
        press(firefox, "sentimentRating-true", form)
        press(firefox, "description", form)
        firefox.type("Sent from another engine.", form)
        firefox.choose("document.querySelector('#files')", files, form)
        firefox.until("document.querySelectorAll('.feedback-file[data-state=ready]').length === 2", form)
        press(firefox, "submittedByEmail", form)
        firefox.type("mara@northwind.example", form)
        press(firefox, "feedback-send", form)
        firefox.until("Boolean(document.querySelector('[data-status=delivered]'))", form)
        thanks = firefox.run("document.querySelector('#feedback-thanks-title').textContent", form)
    assert thanks == "Thank you, your feedback has arrived"
    (feedback,) = insider.feedbacks()
    assert feedback["body"]["description"] == "Sent from another engine."
    assert feedback["body"]["sentimentRating"] is True
    assert [insider.file(file["number"]) for file in feedback["attachments"]] == [
        files[0].read_bytes(),
        forwarded(pdf(), "application/pdf"),
    ]
    assert firefox.said == []


def test_the_files_of_a_draft_are_sent_after_another_was_added_in_firefox(
    firefox: Firefox, insider: Sandbox, start_widget: Callable[..., Widget], tmp_path: Path
) -> None:
    widget = start_widget(DELIVERY_WAIT="10", KEEP_ALIVE="1")
    files = [tmp_path / "order.pdf", tmp_path / "screen.png"]
    files[0].write_bytes(pdf())
    files[1].write_bytes(png(40, 30))
    rows = "document.querySelectorAll('.feedback-file[data-state=ready]')"
    drafts = "sessionStorage['feedback:demo:tab:draft']"
    firefox.open(f"{widget.url}/form/demo")
    firefox.until("document.querySelector('feedback-form')?.matches(':defined')")
    firefox.choose("document.querySelector('#files')", files[:1])
    firefox.until(f'/"files"/.test({drafts})')
    firefox.open(f"{widget.url}/form/demo")
    firefox.until(f"{rows}.length === 1")
    before = firefox.run(drafts)
    firefox.choose("document.querySelector('#files')", files[1:])
    firefox.until(f"{rows}.length === 2")
    firefox.until(f"{drafts} !== {json.dumps(before)}")
    firefox.click("document.querySelector('#submittedByEmail')")
    firefox.type("mara@northwind.example")
    firefox.click("document.querySelector('#feedback-send')")
    firefox.until("Boolean(document.querySelector('[data-status=delivered]'))")
    (feedback,) = insider.feedbacks()
    assert len(feedback["attachments"]) == 2
    assert firefox.said == []

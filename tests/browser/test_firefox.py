"""The main path in a second browser engine: from a host page on another origin to Insider Connect, in Firefox."""

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


@pytest.fixture
def firefox(tmp_path: Path) -> Iterator[Firefox]:
    with Firefox(tmp_path) as firefox:
        yield firefox


def test_feedback_with_two_files_is_sent_from_a_host_page_in_firefox(
    firefox: Firefox, insider: Sandbox, start_widget: Callable[..., Widget], tmp_path: Path
) -> None:
    widget = start_widget(DELIVERY_WAIT="10")
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
        firefox.click("document.querySelector('#sentimentRating-true')", form)
        firefox.click("document.querySelector('#description')", form)
        firefox.type("Sent from another engine.", form)
        firefox.choose("document.querySelector('#files')", files, form)
        firefox.until("document.querySelectorAll('.feedback-file[data-state=ready]').length === 2", form)
        firefox.click("document.querySelector('#submittedByEmail')", form)
        firefox.type("mara@northwind.example", form)
        firefox.click("document.querySelector('#feedback-send')", form)
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

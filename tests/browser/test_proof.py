"""The proof of work in a browser: a worker computes it under the page's policy, and people whose browser cannot are not
stopped."""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bed import Sandbox, Widget
from form_stage import EMAIL, NETWORK, FormPage
from people import STALLED
from playwright.sync_api import Browser, expect

CONFIG = """\
[products.demo]
name = "Northwind"
origins = ["http://localhost:*", "http://127.0.0.1:*"]
proof = "always"

[products.plain]
name = "Southwind"
origins = ["http://localhost:*", "http://127.0.0.1:*"]
"""


@pytest.fixture
def widget(start_widget: Callable[..., Widget]) -> Widget:
    return start_widget(config=CONFIG, PROOF_COST="200")


@pytest.fixture
def visit(browser: Browser, widget: Widget) -> Iterator[Callable[..., FormPage]]:
    """Open a form. Any console message that a test does not expect fails the test."""
    opened: list[FormPage] = []

    def visit(product: str = "demo", **options: Any) -> FormPage:
        form = FormPage(browser.new_page(locale="en-GB", **options), widget.url, product)
        opened.append(form)
        form.asked = []  # type: ignore[attr-defined]
        form.page.on("request", lambda request: form.asked.append(request.url.rpartition("/")[2]))  # type: ignore[attr-defined, call-overload]
        return form.open()

    yield visit
    for form in opened:
        form.context.close()
        assert form.unexpected() == []


def held(widget: Widget) -> list[str | None]:
    with sqlite3.connect(widget.folder / "widget.db") as database:
        return [reason for (reason,) in database.execute("SELECT held_for FROM submission ORDER BY accepted_at")]


def test_the_worker_is_asked_for_once_somebody_begins_and_its_work_counts(
    widget: Widget, visit: Callable[..., FormPage], insider: Sandbox
) -> None:
    form = visit()
    form.page.wait_for_load_state("networkidle")
    assert "proof.js" in form.asked  # type: ignore[attr-defined]
    assert "proof-worker.js" not in form.asked  # type: ignore[attr-defined]
    form.fill().send()
    expect(form.thanks).to_be_visible()
    assert "proof-worker.js" in form.asked  # type: ignore[attr-defined]
    assert held(widget) == [None]
    assert len(insider.descriptions()) == 1


def test_the_second_feedback_of_a_page_has_a_proof_of_its_own(widget: Widget, visit: Callable[..., FormPage]) -> None:
    form = visit()
    form.fill().send()
    expect(form.thanks).to_be_visible()
    form.page.get_by_role("link", name="Send another").click()
    form.fill("Another thing.").send()
    expect(form.thanks).to_be_visible()
    assert held(widget) == [None, None]


def test_a_proof_that_grew_old_is_done_anew_and_one_that_did_not_is_not(
    widget: Widget, visit: Callable[..., FormPage]
) -> None:
    form = visit()
    form.page.clock.install()
    proof = form.page.locator("[name=proof]")
    form.fill()
    expect(proof).not_to_have_value("")
    first = proof.input_value()
    form.page.clock.fast_forward("04:00")
    form.page.locator("#description").press("End")
    assert proof.input_value() == first
    assert "challenge" not in form.asked  # type: ignore[attr-defined]
    form.page.clock.fast_forward("02:00")
    form.send()
    expect(form.thanks).to_be_visible()
    assert "challenge" in form.asked  # type: ignore[attr-defined]
    assert held(widget) == [None]


def test_a_press_of_send_in_the_first_moment_waits_for_the_work(widget: Widget, visit: Callable[..., FormPage]) -> None:
    form = visit()
    form.page.evaluate("""() => {
      document.querySelector('#description').value = 'At once.'
      document.querySelector('#submittedByEmail').value = 'ada@example.com'
      document.querySelector('#feedback-send').click()
    }""")
    expect(form.thanks).to_be_visible()
    assert held(widget) == [None]


def test_while_send_waits_for_the_work_the_form_is_locked_and_can_be_cancelled(
    widget: Widget, visit: Callable[..., FormPage], insider: Sandbox
) -> None:
    form = visit()
    form.page.evaluate(STALLED)
    form.awake().text.fill("As it was sent.")
    form.send()
    expect(form["submittedByEmail-error"]).to_be_visible()  # at once: it does not wait for the proof
    expect(form.progress).to_be_hidden()
    form.email.fill(EMAIL)
    form.send()
    expect(form.progress).to_contain_text("Sending")
    expect(form.text).not_to_be_editable()
    expect(form.like).to_be_disabled()
    form.cancel.click()
    expect(form.note).to_contain_text("Nothing was sent")
    form.text.fill("As it was sent, at last.")
    form.send()
    expect(form.text).not_to_be_editable()
    form.text.focus()
    form.page.keyboard.type("Too late")
    assert insider.counts()["create"] == 0
    form.page.evaluate("window.goOn()")
    expect(form.thanks).to_be_visible()
    assert held(widget) == ["proof_missing"]  # the worker could not do it
    with sqlite3.connect(widget.folder / "widget.db") as database:
        assert database.execute("SELECT description FROM submission").fetchall() == [("As it was sent, at last.",)]


def test_the_plain_way_waits_for_the_work_too(widget: Widget, visit: Callable[..., FormPage]) -> None:
    form = visit()
    form.expected.append(NETWORK)
    form.page.route("**/rest.js*", lambda route: route.abort())
    form.fill().send()
    expect(form.page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert held(widget) == [None]


def test_where_the_worker_does_not_come_the_form_goes_without_and_is_held(
    widget: Widget, visit: Callable[..., FormPage], insider: Sandbox
) -> None:
    form = visit()
    form.expected.append(NETWORK)
    form.page.route("**/proof-worker.js", lambda route: route.abort())
    form.fill().send()
    expect(form.thanks).to_be_visible(timeout=15_000)
    expect(form.thanks).to_contain_text("Thank you, we have your feedback")
    assert held(widget) == ["proof_missing"]
    assert insider.counts()["create"] == 0


def test_without_script_it_is_held_and_thanked_for(
    widget: Widget, visit: Callable[..., FormPage], insider: Sandbox
) -> None:
    form = visit(java_script_enabled=False)
    form.fill().send()
    expect(form.page.get_by_role("heading", name="Thank you, we have your feedback")).to_be_visible()
    assert held(widget) == ["proof_missing"]
    assert insider.counts()["create"] == 0


def test_a_form_that_asks_for_no_proof_loads_nothing_of_it(widget: Widget, visit: Callable[..., FormPage]) -> None:
    form = visit("plain")
    form.fill().send()
    expect(form.thanks).to_be_visible()
    assert not [name for name in form.asked if "proof" in name]  # type: ignore[attr-defined]

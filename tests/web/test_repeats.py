"""The same token again: the same content is the same submission, and other content is never lost."""

import re
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt
import pytest
from bed import SECRET_KEY, WIDGET_TOML, Sandbox, Widget, submission_id_of
from samples import pdf, png

FIRST: dict[str, Any] = {
    "description": "first\nline",
    "rating": "true",
    "consent": "true",
    "files": [("a.png", png(), "image/png")],
}
OTHERS: dict[str, dict[str, Any]] = {
    "words": {"description": "first line"},
    "no words": {"description": ""},
    "thumb": {"rating": "false"},
    "no thumb": {"rating": None},
    "consent": {"consent": None},
    "email": {"email": "bea@example.com"},
    "file content": {"files": [("a.png", png(size=2000), "image/png")]},
    "file name": {"files": [("b.png", png(), "image/png")]},
    "one file more": {"files": [("a.png", png(), "image/png"), ("b.pdf", pdf(), "application/pdf")]},
    "no file": {"files": []},
}
SAME: dict[str, dict[str, Any]] = {
    "as it was": {},
    "other line breaks": {"description": "first\r\nline"},
    "a blank around the address": {"email": " ada@example.com "},
}
UNSAID: dict[str, dict[str, Any]] = {
    "consent not given": {"consent": "false"},
    "no thumb": {"rating": ""},
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_the_same_content_gets_the_first_receipt_and_makes_no_second_feedback(
    widget: Widget, insider: Sandbox, change: dict[str, Any]
) -> None:
    token = widget.token()
    first = widget.submit(token=token, **FIRST)
    again = widget.submit(token=token, **{**FIRST, **change})
    assert again.json() == first.json()
    assert insider.counts()["create"] == 1


@pytest.mark.parametrize("change", UNSAID.values(), ids=UNSAID)
def test_what_is_left_out_is_the_same_as_what_is_said_to_be_nothing(
    widget: Widget, insider: Sandbox, change: dict[str, Any]
) -> None:
    token = widget.token()
    first = widget.submit(token=token, consent=None, rating=None)
    again = widget.submit(token=token, **{"consent": None, "rating": None, **change})
    assert (again.status_code, again.json()) == (201, first.json())
    assert insider.counts()["create"] == 1


def test_somebody_else_who_is_signed_in_has_sent_other_content(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    key = SECRET_KEY[::-1]
    widget = start_widget(config=f"{WIDGET_TOML}[products.demo.identity]\n", IDENTITY_KEY__DEMO=key)

    def send(email: str, token: str) -> httpx.Response:
        claims = {"email": email, "aud": "demo", "exp": time.time() + 300}
        return widget.post({"token": token, "description": "It works", "identity": jwt.encode(claims, key, "HS256")})

    token = widget.token()
    first = send("ada@example.com", token)
    assert send("ada@EXAMPLE.com", token).json() == first.json()
    other = send("bob@example.com", token)
    assert (other.status_code, other.json()["receipt"]) == (409, first.json()["receipt"])
    assert send("bob@example.com", other.json()["token"]).status_code == 201
    assert [feedback["body"]["submittedByEmail"] for feedback in insider.feedbacks()] == [
        "ada@example.com", "bob@example.com"
    ]  # fmt: skip


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_other_content_is_not_taken_for_the_first_and_can_be_sent_as_well(
    widget: Widget, insider: Sandbox, change: dict[str, Any]
) -> None:
    token = widget.token()
    first = widget.submit(token=token, **FIRST).json()
    other = {**FIRST, **change}
    answer = widget.submit(token=token, **other)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["errors"][0]["code"] == "already_sent"
    assert (problem["receipt"], problem["receipt_url"]) == (first["receipt"], first["receipt_url"])
    assert insider.counts()["create"] == 1
    second = widget.submit(token=problem["token"], **other)
    assert second.status_code == 201
    assert second.json()["receipt"] != first["receipt"]
    assert insider.counts()["create"] == 2


def test_without_script_the_page_says_so_and_sends_the_text_with_the_next_press(
    widget: Widget, insider: Sandbox
) -> None:
    token = widget.token()
    first = widget.submit("first", token=token).json()
    answer = widget.submit("second, and better", token=token, accept="text/html")
    assert answer.status_code == 409
    assert "Your earlier version has already been sent" in answer.text
    assert "second, and better" in answer.text
    assert re.search(rf'<a [^>]*href="{re.escape(first["receipt_url"])}\?lang=en"[^>]*>Your receipt</a>', answer.text)
    (fresh,) = re.findall(r'name="token" value="([^"]+)"', answer.text)
    assert submission_id_of(fresh) != submission_id_of(token)
    assert widget.submit("second, and better", token=fresh, accept="text/html").status_code == 201
    assert insider.descriptions() == ["first", "second, and better"]


def test_of_two_versions_that_come_at_once_one_is_stored_and_the_other_is_answered_409(
    widget: Widget, insider: Sandbox
) -> None:
    token = widget.token()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: widget.submit(f"version {n % 2}", token=token), range(6)))
    assert sorted({answer.status_code for answer in answers} - {202}) in ([201, 409], [409])
    assert len({answer.json()["receipt"] for answer in answers}) == 1
    widget.until_delivered(next(answer for answer in answers if answer.status_code != 409))
    assert insider.counts()["create"] == 1


def test_a_repeat_is_known_after_delivery_a_restart_and_a_new_key(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget()
    token = widget.token()
    first = widget.submit(token=token, **FIRST)
    widget.environ["SECRET_KEY"] = f"{secrets.token_hex()},{SECRET_KEY}"
    widget.restart()
    assert widget.submit(token=token, **FIRST).status_code == 201
    assert widget.submit(token=token, **{**FIRST, "description": "other"}).status_code == 409
    assert insider.counts()["create"] == 1
    assert first.json()["status"] == "delivered"


def test_an_old_token_with_other_content_is_answered_409_too(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(TOKEN_MAX_AGE="86400")
    token = widget.token()
    widget.submit("first", token=token)
    widget.environ["TOKEN_MAX_AGE"] = "60"
    assert widget.submit("second", token=token).json()["errors"][0]["code"] == "already_sent"


def test_a_repeat_uses_up_nothing_of_the_products_limit_and_passes_once_that_is_reached(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(RATE_LIMIT_TOTAL="2/hour")
    token = widget.token()
    first = widget.submit("first", token=token)
    assert [widget.submit("first", token=token).json() for _ in range(3)] == [first.json()] * 3
    assert widget.submit("second").status_code == 201
    assert widget.submit("third").status_code == 429
    assert widget.submit("first", token=token).json() == first.json()
    assert insider.descriptions() == ["first", "second"]


def test_other_content_that_is_at_fault_is_answered_409_all_the_same(widget: Widget) -> None:
    token = widget.token()
    widget.submit("first", token=token)
    faults: list[dict[str, Any]] = [{"description": "x" * 2000}, {"email": "nobody"}]
    for fault in faults:
        assert widget.submit(token=token, **fault).json()["errors"][0]["code"] == "already_sent"

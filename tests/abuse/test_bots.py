"""Bot defences stop programs and never a person: the trap, the fill time, the proof of work, and what is held back."""

import base64
import json
import re
import sqlite3
import time
from collections.abc import Callable
from html import unescape
from typing import Any

import altcha
import pytest
from bed import Sandbox, Widget, aged_token
from httpx import Response

from widget.abuse.bots import BotDefence
from widget.abuse.proof_of_work import Proofs
from widget.abuse.rate_limits import Limits, Rates
from widget.config.products import Product

ALWAYS = """\
[products.demo]
name = "Northwind"
origins = ["http://localhost:*", "http://127.0.0.1:*"]
proof = "always"
"""
KEY = "k" * 32


def solve(challenge: dict[str, Any]) -> str:
    """The proof that a browser's worker finds, computed by ALTCHA's own library."""
    made = altcha.Challenge.from_dict(challenge)
    solution = altcha.solve_challenge(made)
    assert solution is not None
    return altcha.Payload(made, solution).to_base64()


def page(widget: Widget) -> tuple[str, dict[str, Any] | None]:
    """The token of a form page, and its challenge if there is one."""
    text = widget.client.get("/form/demo").text
    token = re.search(r'name="token" value="([^"]+)"', text)
    challenge = re.search(r"data-challenge='([^']+)'", text)
    assert token
    return token[1], json.loads(unescape(challenge[1])) if challenge else None


def send(widget: Widget, token: str, **more: str) -> Response:
    return widget.post({"token": token, "description": "hi", "submittedByEmail": "ada@example.com", **more})


def held(widget: Widget) -> list[str]:
    with sqlite3.connect(widget.folder / "widget.db") as database:
        return [reason for (reason,) in database.execute("SELECT held_for FROM submission WHERE held_for IS NOT NULL")]


def release(widget: Widget) -> None:
    """Release a submission, as the operator does."""
    assert widget.operate("retry", "--held").returncode == 0


# --- the proof by itself ----------------------------------------------------------------------------------------


def test_a_solution_holds_for_its_own_submission_alone() -> None:
    proofs = Proofs([KEY], cost=1, max_age=60)
    solution = solve(proofs.challenge("a" * 32, time.time()))
    assert proofs.holds(solution, "a" * 32)
    assert not proofs.holds(solution, "b" * 32)
    assert not Proofs(["x" * 32], cost=1, max_age=60).holds(solution, "a" * 32)
    assert Proofs(["x" * 32, KEY], cost=1, max_age=60).holds(solution, "a" * 32)


def test_a_solution_that_was_tampered_with_or_comes_late_does_not_hold() -> None:
    proofs = Proofs([KEY], cost=1, max_age=60)
    content = json.loads(base64.b64decode(solve(proofs.challenge("a" * 32, time.time()))))
    for change in (
        {"keyPrefix": ""},
        {"cost": 0},
        {"expiresAt": 9_999_999_999},
        {"data": {"submission": "b" * 32}},
        {"algorithm": "SHA-1"},
    ):
        parameters = {**content["challenge"]["parameters"], **change}
        other = {**content, "challenge": {**content["challenge"], "parameters": parameters}}
        assert not proofs.holds(base64.b64encode(json.dumps(other).encode()).decode(), "a" * 32)
    wrong = {**content, "solution": {**content["solution"], "counter": content["solution"]["counter"] + 1}}
    assert not proofs.holds(base64.b64encode(json.dumps(wrong).encode()).decode(), "a" * 32)
    assert not proofs.holds(solve(proofs.challenge("a" * 32, time.time() - 61)), "a" * 32)


def test_a_challenge_lives_for_ten_minutes() -> None:
    proofs = Proofs([KEY], cost=1)
    young, old = (solve(proofs.challenge("a" * 32, time.time() - age)) for age in (590, 601))
    assert proofs.holds(young, "a" * 32)
    assert not proofs.holds(old, "a" * 32)


async def test_a_challenge_costs_twice_as_much_each_time_that_the_surge_doubles() -> None:
    product = Product(slug="demo", name="Northwind", origins=("http://localhost",), proof="surge")
    rates = Rates(Limits(surge="10/minute"))
    bots = BotDefence(Proofs([KEY], cost=100), rates)
    costs = {}
    for count in range(1, 200):
        await rates.note_new("demo")
        costs[count] = bots.challenge(product, "a" * 32, time.time())["parameters"]["cost"]
    expected = {10: 100, 11: 100, 19: 100, 20: 200, 39: 200, 40: 400, 79: 400, 80: 800, 199: 800}
    assert {count: costs[count] for count in expected} == expected


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "x",
        "é",
        "e30=",
        "bnVsbA==",
        "W10=",
        base64.b64encode(b"[" * 3000).decode(),
        "A" * 5000,
    ],
)
def test_junk_is_no_solution(junk: str) -> None:
    assert not Proofs([KEY], cost=1, max_age=60).holds(junk, "a" * 32)


# --- the trap ---------------------------------------------------------------------------------------------------


def test_the_trap_is_out_of_the_way_of_people_and_readers(widget: Widget) -> None:
    text = widget.client.get("/form/demo").text
    (around,) = re.findall(r"<div[^>]*>(?=<label>[^<]*<input name=\"website\")", text)
    assert 'aria-hidden="true"' in around
    assert 'class="feedback-hidden"' in around
    (trap,) = re.findall(r'<input name="website"[^>]*>', text)
    assert 'tabindex="-1"' in trap
    assert 'autocomplete="off"' in trap


def test_who_fills_the_trap_is_thanked_stored_and_not_delivered_until_released(
    widget: Widget, insider: Sandbox
) -> None:
    token, _ = page(widget)
    answer = send(widget, token, website="https://spam.example")
    assert answer.status_code == 202
    assert answer.json()["status"] == "accepted"
    assert widget.receipt(answer)["status"] == "accepted"
    assert held(widget) == ["trap"]
    assert send(widget, token).json()["receipt"] == answer.json()["receipt"]  # a second try does not help
    widget.restart()
    assert widget.submit("of a person").status_code == 201  # by now everything due has been tried
    assert insider.descriptions() == ["of a person"]
    release(widget)
    widget.restart()
    widget.until_delivered(answer)
    assert insider.descriptions() == ["of a person", "hi"]


def test_the_operator_sees_what_is_held_and_may_release_it(widget: Widget, insider: Sandbox) -> None:
    token, _ = page(widget)
    answer = send(widget, token, website="https://spam.example")
    row = next(row for row in widget.rows("--state", "queued") if row["held_for"])
    assert (row["state"], row["held_for"], row["due_in"]) == ("queued", "trap", None)
    assert "held back: trap" in widget.operate("list").stdout
    assert widget.operate("retry", row["id"]).returncode == 0
    widget.restart()  # otherwise the row waits for the next sweep
    widget.until_delivered(answer)
    assert widget.operate("retry", row["id"]).returncode == 3


# --- when a proof is asked for ----------------------------------------------------------------------------------


def test_a_form_asks_for_no_proof_and_loads_nothing_for_it(widget: Widget) -> None:
    text = widget.client.get("/form/demo").text
    assert "proof" not in text
    assert widget.submit().status_code == 201


def test_a_product_may_want_a_proof_of_every_form(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(config=ALWAYS, PROOF_COST="1")
    token, challenge = page(widget)
    assert challenge
    assert send(widget, token, proof=solve(challenge)).status_code == 201
    answers = {
        "proof_missing": send(widget, page(widget)[0]),
        "proof_wrong": send(widget, page(widget)[0], proof=solve(challenge)),  # used up by another form
    }
    assert [answer.status_code for answer in answers.values()] == [202, 202]
    assert held(widget) == list(answers)
    assert insider.counts()["create"] == 1


def test_a_form_that_was_renewed_gets_a_challenge_of_its_own(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(config=ALWAYS, PROOF_COST="1", MIN_FILL_TIME="1")
    token = aged_token(5)
    challenge = widget.client.get("/form/demo/challenge", headers={"X-Form-Token": token})
    assert challenge.headers["cache-control"] == "no-store"
    assert send(widget, token, proof=solve(challenge.json())).status_code == 201


def test_a_form_that_comes_back_asks_again(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(config=ALWAYS, PROOF_COST="1")
    answer = widget.submit(email=None, accept="text/html")
    assert answer.status_code == 422
    assert "data-challenge=" in answer.text


def test_in_a_surge_forms_handed_out_since_then_ask_and_those_of_shortly_before_pass(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(PROOF_SURGE="2/minute", PROOF_COST="1")
    assert page(widget)[1] is None
    assert [widget.submit(token=aged_token(60)).status_code for _ in range(3)] == [
        201
    ] * 3  # the third begins the surge
    token, challenge = page(widget)
    assert challenge
    assert send(widget, aged_token(60)).status_code == 201
    assert send(widget, token, proof=solve(challenge)).status_code == 201
    assert held(widget) == []
    # A token knows whole seconds, so one of this second could be from before. Use one clearly after, and one before.
    assert [send(widget, aged_token(age)).status_code for age in (-5, 1000)] == [202, 202]
    assert held(widget) == ["proof_missing"] * 2
    assert "rates.surge" in widget.log()

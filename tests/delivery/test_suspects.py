"""What a firewall in front of Insider Connect does not let pass costs one submission, and no other."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from bed import NO_TLS, Sandbox, Widget, until
from web_server import Answer, Request, WebServer

from widget.delivery.gate import SERIES
from widget.delivery.suspects import _MOST, Suspects
from widget.insider.outcomes import Created, Misconfigured, NotProcessed

ATTACK = "how do I open ../../etc/passwd?"
WRONG = Misconfigured("answered 403")


@contextmanager
def firewall(insider: Sandbox, status: int) -> Iterator[tuple[str, list[str]]]:
    """Something before Insider Connect that answers `status` to a text that looks like an attack. Its address, and the
    texts that it has seen."""
    seen: list[str] = []
    client = httpx.Client(base_url=insider.url, trust_env=False, verify=NO_TLS)

    def answer(request: Request) -> Answer:
        if request.path.endswith("/feedbacks"):
            seen.append(json.loads(request.content)["description"])
        if b"etc/passwd" in request.content:
            return Answer(status, {"Content-Type": "text/html"}, b"<h1>Blocked</h1>")
        names = ("Authorization", "Content-Type")
        fields = {name: request.headers[name] for name in names if name in request.headers}
        passed = client.post(request.path, content=request.content, headers=fields)
        return Answer(passed.status_code, {"Content-Type": "application/json"}, passed.content)

    with client, WebServer(answer) as server:
        yield server.url, seen


@pytest.mark.parametrize("status", [302, 403])
def test_one_text_that_never_passes_holds_the_others_up_once_and_ends_as_refused(
    insider: Sandbox, tmp_path: Path, status: int
) -> None:
    quick = {"RETRY_MIN": "0.1", "RETRY_MAX": "0.2", "RETRY_DAYS": "0.00001", "SWEEP_INTERVAL": "0.2"}
    with (
        firewall(insider, status) as (url, seen),
        Widget(tmp_path, url, PROBE_INTERVAL="2", OPS_TOKEN="tests-only-operators-token", **quick) as widget,
    ):
        assert widget.submit("before").status_code == 201
        assert widget.submit(ATTACK).status_code == 202
        widget.until_delivered(widget.submit("held up"))
        assert seen == ["before", ATTACK, "held up", *[ATTACK] * (len(seen) - 3)], "another row was the probe"
        (given_up,) = until(lambda: widget.rows("--state", "refused"))
        assert f"answered {status}, although other submissions get through" in given_up["last_error"]
        assert given_up["last_error"].startswith("given up after")
        assert widget.submit("after").status_code == 201
        assert len(widget.lines("delivery.paused")) == len(widget.lines("delivery.resumed")) == 1
        until(lambda: widget.client.get("/readyz?strict").status_code == 200)


def test_however_many_texts_never_pass_they_hold_no_other_up(insider: Sandbox, tmp_path: Path) -> None:
    slow = {"PROBE_INTERVAL": "600", "RETRY_MIN": "600", "RETRY_MAX": "600", "DELIVERY_WAIT": "0", "RATE_LIMIT": "off"}
    with firewall(insider, 403) as (url, _), Widget(tmp_path, url, **slow) as widget:
        for n in range(3):
            for _ in range(SERIES // 2):
                assert widget.submit(ATTACK).status_code == 202
            widget.until_delivered(widget.submit(f"number {n}"))


def test_more_of_them_than_are_looked_at_together_are_no_probe_before_another(insider: Sandbox, tmp_path: Path) -> None:
    often = {"PROBE_INTERVAL": "0.4", "DELIVERY_CONCURRENCY": "1", "DELIVERY_WAIT": "0", "RATE_LIMIT": "off"}
    with firewall(insider, 403) as (url, seen), Widget(tmp_path, url, **often) as widget:
        for _ in range(SERIES):
            assert widget.submit(ATTACK).status_code == 202
        until(lambda: len(seen) >= SERIES)
        answer, tries = widget.submit("after them"), len(seen)
        widget.until_delivered(answer)
        assert seen.index("after them") <= tries + 2


def test_a_burst_of_texts_that_are_answered_with_a_page_does_not_keep_the_next_one_waiting_for_all_of_them(
    insider: Sandbox, tmp_path: Path
) -> None:
    """Nobody can know what became of them, so each that is a probe doubles the time until the next one."""
    often = {"PROBE_INTERVAL": "0.2", "DELIVERY_CONCURRENCY": "1", "DELIVERY_WAIT": "0", "RATE_LIMIT": "off"}
    with firewall(insider, 200) as (url, _), Widget(tmp_path, url, **often) as widget:
        for _ in range(16):
            assert widget.submit(ATTACK).status_code == 202
        until(lambda: widget.lines("delivery.paused"))
        widget.until_delivered(widget.submit("after them"))


def test_an_account_that_is_wrong_is_called_for_few_rows(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    insider.fail_with(403, "create")
    widget = start_widget(PROBE_INTERVAL="600", DELIVERY_WAIT="0", RATE_LIMIT="off", DELIVERY_CONCURRENCY="1")
    for n in range(SERIES + 4):
        assert widget.submit(f"number {n}").status_code == 202
    until(lambda: insider.counts()["create"] >= SERIES)
    assert widget.submit("one more").status_code == 202
    assert insider.counts()["create"] == SERIES


def test_a_restart_does_not_forget_which_text_never_passes(insider: Sandbox, tmp_path: Path) -> None:
    quick = {"RETRY_MIN": "0.1", "RETRY_MAX": "0.2", "SWEEP_INTERVAL": "0.2", "PROBE_INTERVAL": "0.2"}
    with firewall(insider, 403) as (url, seen), Widget(tmp_path, url, **quick) as widget:
        assert widget.submit(ATTACK).status_code == 202
        widget.until_delivered(widget.submit("held up"))
        until(lambda: any("although" in str(row["last_error"]) for row in widget.rows()))
        widget.stop()
        tries = len(seen)
        widget.start()
        until(lambda: len(seen) >= tries + 2)
        assert len(widget.lines("delivery.paused")) == 1


def told(suspects: Suspects, *rows: str) -> list[bool]:
    """Whether each answer is about its row alone."""
    return [isinstance(suspects.judge(row, WRONG), NotProcessed) for row in rows]


def test_of_an_account_that_is_wrong_no_row_is_to_blame() -> None:
    suspects = Suspects()
    suspects.judge("before", Created(1))
    assert told(suspects, "a", "b", "a", "b", "c") == [False] * 5
    assert "a" in suspects
    suspects.judge("b", Created(2))  # somebody has put it right
    suspects.judge("a", Created(3))
    assert "a" not in suspects
    assert told(suspects, "a", "b", "a") == [False] * 3, "and wrong again"


def test_a_row_that_is_told_again_what_others_are_not_is_to_blame_until_it_passes() -> None:
    suspects = Suspects()
    assert told(suspects, "a") == [False]
    suspects.judge("b", Created(1))
    assert told(suspects, "a", "a") == [True, True]
    refused = Misconfigured("the credentials are refused (invalid_client)", by_token=True)
    assert suspects.judge("a", refused) is refused, "no text is to blame for that"


def test_rows_that_are_remembered_have_a_bound() -> None:
    suspects = Suspects()
    told(suspects, *map(str, range(_MOST + 9)))
    assert len(suspects._told) == _MOST

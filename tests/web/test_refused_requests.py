"""Refused requests are logged without flooding the log, and a proxy that is not trusted is noticed."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from bed import SECRET_KEY, WIDGET_TOML, Widget, adjusted, aged_token, until
from samples import png

from widget.telemetry.counters import Amount, Counters, Key
from widget.telemetry.recurring import MOST_KINDS
from widget.web.refusals import Refusals, _host


def refused(widget: Widget) -> list[dict[str, Any]]:
    return widget.lines("request.refused")


def test_each_kind_of_refusal_leaves_a_line(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(RATE_LIMIT="1/minute")
    origin = {"Origin": "https://Shop.Example.com"}
    widget.submit(headers=origin)
    widget.submit(token="forged", headers={"Sec-Fetch-Site": "same-origin"})
    widget.client.post("/form/demo", json={}, headers={"Sec-Fetch-Site": "same-origin"})
    widget.client.post("/form/demo", content=b"", headers={"Content-Type": "multipart/form-data"})
    widget.client.get("/form/nope")
    widget.client.get("/nowhere")
    widget.client.delete("/healthz")
    with socket.create_connection(("127.0.0.1", widget.port)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        raw.recv(100)
    found = {(line["code"], line["status"], line["product"], line["origin"]) for line in refused(widget)}
    assert found >= {
        ("origin_not_allowed", 403, "demo", "shop.example.com"),
        ("rate_limited", 429, "demo", ""),
        ("product_unknown", 404, "", ""),
        ("not_found", 404, "", ""),
        ("method_not_allowed", 405, "", ""),
        ("malformed", 400, "", ""),
    }


def test_every_limit_says_which_it_is_and_whom_it_stopped_it_does_not_say(start_widget: Callable[..., Widget]) -> None:
    picture = ("a.png", png(size=20_000), "image/png")
    widget = start_widget(
        RATE_LIMIT="4/minute",
        CONNECTIONS_PER_CLIENT="9",
        MIN_FILL_TIME="60",
        PENDING_BYTES="1000",
        TRUSTED_PROXIES="127.0.0.2",
    )
    ours = {"Sec-Fetch-Site": "same-origin"}
    old = [aged_token(100) for _ in range(3)]
    assert widget.submit(headers=ours).status_code == 403
    assert widget.submit(token=old[0], files=[picture], headers=ours).status_code == 503
    assert widget.submit(token=old[1], files=[picture] * 6, headers=ours).status_code == 413
    large = ("a.png", png(size=4_200_000), "image/png")
    assert widget.submit(token=old[2], files=[large], headers=ours).status_code == 413
    assert widget.submit(headers=ours).status_code == 429
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(socket.create_connection(("127.0.0.1", widget.port)))
        found = until(
            lambda: (
                seen
                if len(seen := {(line["code"], line.get("limit", ""), line["count"]) for line in refused(widget)}) == 6
                else None
            )
        )
    assert found == {
        ("too_fast", "", 1),
        ("unavailable", "PENDING_BYTES", 1),
        ("too_many_files", "", 1),
        ("file_too_large", "", 1),
        ("rate_limited", "RATE_LIMIT", 1),
        ("rate_limited", "CONNECTIONS_PER_CLIENT", 1),
    }
    assert "outbox.unavailable" not in widget.log(), "a limit is no outage"
    assert "127.0.0.1" not in "".join(line for line in widget.log().splitlines() if "widget.started" not in line)


async def test_refusals_are_counted_for_the_figures() -> None:
    counted = Counters()
    refusals = Refusals(counted)
    for number in range(5):
        refusals.note("rate_limited", 429, product="demo", origin=f"https://{number}.example.com", limit="RATE_LIMIT")
    refusals.note("too_fast", 403, product="demo")
    assert counted.take() == {
        Key("rejected", "demo", detail="rate_limited"): Amount(5),
        Key("limited", "demo", detail="RATE_LIMIT"): Amount(5),
        Key("rejected", "demo", detail="too_fast"): Amount(1),
    }


def test_what_is_refused_again_is_counted_and_told_once_in_a_while(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(command=adjusted("widget.telemetry.recurring.PERIOD=1"))
    for _ in range(30):
        widget.client.get("/nowhere")
    counts = until(lambda: found if len(found := [line["count"] for line in refused(widget)]) > 1 else [])
    assert counts[0] == 1
    until(lambda: sum(line["count"] for line in refused(widget)) == 30)
    at_once = [datetime.fromisoformat(line["timestamp"]) for line in refused(widget) if "seconds" not in line]
    assert all(later - earlier > timedelta(seconds=0.9) for earlier, later in pairwise(at_once))


def leave(widget: Widget) -> None:
    """Begin to send, and close the connection."""
    with socket.create_connection(("127.0.0.1", widget.port)) as connection:
        kind = "Content-Type: multipart/form-data; boundary=b"
        connection.sendall(f"POST /form/demo HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: 9\r\n\r\n--b".encode())


STRANGERS: dict[str, Callable[[Widget], object]] = {
    "identity.refused": lambda widget: widget.client.get("/form/demo/identity", headers={"X-Identity": "forged"}),
    "ops.refused wrong_token": lambda widget: widget.client.post("/ops/sign-in", data={"token": "a guess"}),
    "ops.refused session_over": lambda widget: widget.client.get("/ops", headers={"Cookie": "widget-ops=forged"}),
    "ops.refused other_site": lambda widget: widget.client.post(
        "/ops/sign-in", data={}, headers={"Sec-Fetch-Site": "cross-site"}
    ),
    "ops.refused bearer": lambda widget: widget.client.get("/readyz", headers={"Authorization": "Bearer guess"}),
    "request.left": leave,
}


@pytest.mark.parametrize("event", STRANGERS)
def test_no_stranger_writes_a_line_with_each_request(start_widget: Callable[..., Widget], event: str) -> None:
    widget = start_widget(
        LOG_LEVEL="info",
        OPS_TOKEN="tests-only-operators-token",
        IDENTITY_KEY__DEMO=SECRET_KEY[::-1],
        config=f"{WIDGET_TOML}[products.demo.identity]\n",
        command=adjusted("widget.telemetry.recurring.PERIOD=2"),
    )
    before = len(widget.log().splitlines())
    for _ in range(40):
        STRANGERS[event](widget)

    until(lambda: sum(line["count"] for line in widget.lines(event.split()[0])) == 40)
    assert len(widget.log().splitlines()) - before < 20


def test_strangers_cannot_fill_the_log_with_names(widget: Widget) -> None:
    token = widget.token()
    for number in range(MOST_KINDS + 50):
        widget.client.post(
            "/form/demo", files={"token": (None, token)}, headers={"Origin": f"https://{number}.example.com"}
        )
    assert len(refused(widget)) == MOST_KINDS + 1
    assert refused(widget)[-1]["origin"] == "others"


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://a.example.com:8443", "a.example.com:8443"),
        ("null", "null"),
        ("https://ada:secret@a.example.com", "a.example.com"),
        ("ada@example.com", "unreadable"),
        ("https://" + "a" * 200, "unreadable"),
        ("https://a\x1b[31m", "unreadable"),
        ("https://[::1", "unreadable"),
    ],
)
def test_an_origin_is_logged_by_its_host_alone(origin: str, host: str) -> None:
    assert _host(origin) == host


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Forwarded-Proto"])
def test_a_proxy_that_nobody_named_is_warned_of_once(start_widget: Callable[..., Widget], name: str) -> None:
    widget = start_widget()
    for number in range(3):
        widget.client.get("/healthz", headers={name: f"for=192.0.2.{number}"})
    (line,) = widget.lines("proxy.untrusted")
    assert line["peer"] == "127.0.0.1"
    assert "TRUSTED_PROXIES" in line["fix"]
    assert "192.0.2." not in widget.log()


def test_a_proxy_that_is_trusted_is_not(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(TRUSTED_PROXIES="127.0.0.1")
    widget.client.get("/healthz", headers={"X-Forwarded-For": "192.0.2.1"})
    assert widget.lines("proxy.untrusted") == []

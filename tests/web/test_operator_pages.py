"""`/ops`: who gets in, and what an operator sees and can do there."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import children
import httpx
import migrated
import pytest
from bed import EMAIL, FACT, Sandbox, Widget, until
from postgres import Postgres
from samples import jpeg

from widget.ops.sessions import WRONG_TOKENS, Sessions
from widget.web.ops import ROUTES
from widget.web.ops.submissions import SHOWS

TOKEN = "tests-only-operators-token"
SAID = "The basket forgets what I put in it."


class Operator:
    """A client with a browser's cookies and without its scripts."""

    def __init__(self, widget: Widget) -> None:
        self.widget = widget
        self.client = httpx.Client(base_url=widget.url, trust_env=False, follow_redirects=True)

    def sign_in(self, token: str = TOKEN, **headers: str) -> httpx.Response:
        return self.client.post("/ops/sign-in", data={"token": token}, headers=headers)

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="(\w+)"', self.client.get("/ops").text)
        assert found
        return found[1]

    def act(self, action: str, *ids: str, **more: str) -> httpx.Response:
        return self.client.post("/ops/submissions", data={"csrf": self.csrf(), "action": action, "id": ids, **more})


@pytest.fixture
def widget(start_widget: Callable[..., Widget]) -> Widget:
    return start_widget(OPS_TOKEN=TOKEN, HEALTH_INTERVAL="0.2", PROBE_INTERVAL="0.2", SWEEP_INTERVAL="0.2")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is to be ended with the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def visit(stack: ExitStack) -> Callable[[Widget], Operator]:
    """Somebody who opens the pages of a widget."""

    def come(widget: Widget) -> Operator:
        operator = Operator(widget)
        stack.callback(operator.client.close)
        return operator

    return come


@pytest.fixture
def operator(widget: Widget, visit: Callable[[Widget], Operator]) -> Operator:
    """Somebody who has signed in."""
    operator = visit(widget)
    assert operator.sign_in().status_code == 200
    return operator


def refusals(widget: Widget) -> list[str]:
    """The reasons, each once: more of a kind are counted."""
    return [line["reason"] for line in widget.lines("ops.refused")]


def test_only_the_token_opens_a_session_and_each_failure_is_one_clear_page(
    widget: Widget, visit: Callable[[Widget], Operator]
) -> None:
    stranger = visit(widget)
    asked = stranger.client.get("/ops/submissions")
    assert (asked.status_code, "Sign in" in asked.text) == (401, True)
    assert refusals(widget) == [], "nobody has tried anything"

    wrong = stranger.sign_in("not-the-token")
    assert (wrong.status_code, "not the operator" in wrong.text) == (401, True)
    assert stranger.sign_in(**{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    stranger.client.cookies.set("widget-ops", "forged", path="/ops")
    over = stranger.client.get("/ops")
    assert (over.status_code, "session is over" in over.text) == (401, True)
    assert stranger.client.post("/ops/submissions", data={"action": "erase", "id": "x"}).status_code == 401
    assert refusals(widget) == ["wrong_token", "other_site", "session_over"]
    assert "not-the-token" not in widget.log()

    stranger.client.cookies.clear()
    for _ in range(WRONG_TOKENS):
        last = stranger.sign_in("guess")
    assert last.status_code == 429
    assert last.headers["retry-after"] == "60"
    assert stranger.sign_in(TOKEN).status_code == 429, "a guess that is right is no use now"


def sent_in_two(widget: Widget, tokens: list[str]) -> list[int]:
    """The statuses of sign-ins whose heads are all there before the body of the first."""
    bodies = [f"token={token}".encode() for token in tokens]
    with ExitStack() as stack:
        address = ("127.0.0.1", widget.port)
        connections = [stack.enter_context(socket.create_connection(address, timeout=FACT)) for _ in bodies]
        for connection, body in zip(connections, bodies, strict=True):
            head = f"POST /ops/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 100 "), "its body is awaited"
        for connection, body in zip(connections, bodies, strict=True):
            connection.sendall(body)
        return [int(connection.recv(100).split()[1]) for connection in connections]


def test_who_guesses_tokens_has_ten_tries_however_and_wherever_they_come(
    start_widget: Callable[..., Widget], visit: Callable[[Widget], Operator]
) -> None:
    widget = start_widget(OPS_TOKEN=TOKEN, TRUSTED_PROXIES="127.0.0.1")
    statuses = sent_in_two(widget, ["guess"] * 25)
    assert sorted(statuses) == [401] * WRONG_TOKENS + [429] * 15
    assert sorted(set(refusals(widget))) == ["too_many", "wrong_token"]
    one, site = ["192.0.2.1"] * (WRONG_TOKENS + 1), [f"2001:db8:1:{n:x}::1" for n in range(WRONG_TOKENS + 1)]
    for path, guessers, key, wrong, shut in (
        ("/metrics", one, "192.0.2.1", 401, 429),
        ("/readyz", site, "2001:db8:1::/48", 200, 200),
    ):

        def ask(token: str, client: str, path: str = path) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": client}
            return widget.client.get(path, headers=headers)

        assert [ask("guess", guesser).status_code for guesser in guessers[1:]] == [wrong] * WRONG_TOKENS
        late, well = ask(TOKEN, guessers[0]), ask(TOKEN, "198.51.100.1")
        assert (late.status_code, well.status_code) == (shut, 200), "one who guesses shuts out nobody else"
        assert "database" in well.text
        assert "database" not in late.text, "a guess that is right is no use now"
        told = [line["reason"] for line in widget.lines("ops.refused") if line["client"] == key]
        assert set(told) == {"wrong_token", "too_many"}
    for given in ({}, {"Authorization": f"Basic {TOKEN}"}):
        answers = [widget.client.get("/readyz", headers=given).json() for _ in range(2 * WRONG_TOKENS)]
        assert answers == [{"status": "ready"}] * (2 * WRONG_TOKENS), "no token is no guess"
    assert visit(widget).sign_in().status_code == 429, "the sign-ins came from here"


def test_a_form_that_announces_too_much_is_answered_before_it_comes(widget: Widget) -> None:
    head = f"POST /ops/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: {10**12}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", widget.port), timeout=FACT) as connection:
        connection.sendall(head.encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 413 ")


def test_the_session_is_a_cookie_for_this_path_that_scripts_cannot_read(
    widget: Widget, visit: Callable[[Widget], Operator]
) -> None:
    answer = visit(widget).sign_in().history[0]
    wanted = r"widget-ops=\S+; HttpOnly; Max-Age=43200; Path=/ops; SameSite=strict$"
    assert re.match(wanted, answer.headers["set-cookie"])


def test_over_tls_no_other_host_can_set_the_cookie(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(OPS_TOKEN=TOKEN, PUBLIC_URL="https://feedback.example.com")
    answer = widget.client.post("/ops/sign-in", data={"token": TOKEN})
    wanted = r"__Host-widget-ops=\S+; HttpOnly; Max-Age=43200; Path=/; SameSite=strict; Secure$"
    assert re.match(wanted, answer.headers["set-cookie"])


def test_without_a_token_there_is_no_such_page(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget()
    assert widget.client.get("/ops").status_code == 404
    assert widget.client.post("/ops/sign-in", data={"token": ""}).status_code == 404


def test_a_session_ends_with_its_time_and_with_another_token() -> None:
    cookie = Sessions(["k" * 32], TOKEN, 60).begin()
    assert Sessions(["n" * 32, "k" * 32], TOKEN, 60).read(cookie), "a key that is being rotated out still counts"
    assert Sessions(["k" * 32], "another-operators-token", 60).read(cookie) is None
    assert Sessions(["k" * 32], TOKEN, -2).read(cookie) is None
    for nonsense in ("", "x", cookie[:-1], "é.é.é", cookie * 9):
        assert Sessions(["k" * 32], TOKEN, 60).read(nonsense) is None


def test_who_signs_out_has_ended_every_copy_of_the_session_in_every_process(
    insider: Sandbox, database_url: str, tmp_path: Path, visit: Callable[[Widget], Operator], stack: ExitStack
) -> None:
    number = "2" if database_url.startswith("postgresql") else "1"
    widget = Widget(tmp_path, insider.url, OPS_TOKEN=TOKEN, DATABASE_URL=database_url, WEB_CONCURRENCY=number)
    migrated.migrate(widget)
    stack.enter_context(widget)
    operator, colleague, thief = visit(widget), visit(widget), visit(widget)
    operator.sign_in()
    colleague.sign_in()
    thief.client.cookies.update(operator.client.cookies)
    csrf = thief.csrf()
    assert operator.client.post("/ops/sign-out", data={"csrf": csrf}).status_code == 401
    for _ in range(4):  # a process each
        with httpx.Client(base_url=widget.url, trust_env=False, cookies=thief.client.cookies) as again:
            looked = again.get("/ops/submissions")
            acted = again.post("/ops/submissions", data={"csrf": csrf, "action": "erase", "id": "x"})
        assert ("session is over" in looked.text, looked.status_code, acted.status_code) == (True, 401, 401)
    assert colleague.client.get("/ops").status_code == 200


def test_who_signs_out_while_the_database_is_away_is_told_that_a_copy_stays(
    insider: Sandbox, postgres: Postgres, tmp_path: Path, visit: Callable[[Widget], Operator], stack: ExitStack
) -> None:
    widget = Widget(tmp_path, insider.url, OPS_TOKEN=TOKEN, DATABASE_URL=postgres.database())
    migrated.migrate(widget)
    stack.enter_context(widget)
    operator, thief = visit(widget), visit(widget)
    operator.sign_in()
    thief.client.cookies.update(operator.client.cookies)
    postgres.stop()
    until(lambda: operator.client.get("/ops/submissions").status_code == 503)
    left = operator.client.post("/ops/sign-out", data={"csrf": operator.csrf()})
    assert (left.status_code, "Signed out in this browser" in left.text) == (503, True)
    assert operator.client.get("/ops").status_code == 401
    assert thief.client.get("/ops").status_code == 200, "the overview has to say that the database is away"
    assert thief.client.get("/ops/submissions").status_code == 503, "nothing that anybody said"


def test_nothing_is_done_for_a_form_that_the_session_did_not_make(
    operator: Operator, insider: Sandbox, visit: Callable[[Widget], Operator]
) -> None:
    insider.misbehave("refuse", "create")
    operator.widget.submit(SAID)
    (row,) = operator.widget.rows()
    other = visit(operator.widget)
    other.sign_in()
    for csrf in ("", "forged", other.csrf()):
        data = {"csrf": csrf, "action": "erase", "id": row["id"], "confirmed": "yes"}
        answer = operator.client.post("/ops/submissions", data=data)
        assert (answer.status_code, "Nothing was done" in answer.text) == (403, True)
    assert not operator.widget.row()["erased"]
    assert refusals(operator.widget) == ["csrf"]
    huge = operator.client.post("/ops/submissions", content=b"id=" + b"x" * 200_000)
    assert huge.status_code == 413


def test_an_outage_and_its_end_are_seen(operator: Operator, insider: Sandbox) -> None:
    widget = operator.widget
    widget.submit("before", rating="true")

    def shows(words: str) -> bool:
        return words in operator.client.get("/ops").text

    until(lambda: shows("Feedback arrives"))
    insider.down()
    assert widget.submit("during", rating="false").status_code == 202
    until(lambda: shows("Feedback does not arrive"))
    assert shows("nothing goes through since")
    waiting = operator.client.get("/ops/submissions", params={"show": "waiting"}).text
    assert f"connection refused by 127.0.0.1:{insider.port}" in waiting
    live = operator.client.get("/ops/live?over=month").json()
    assert live["verdict"] == "Feedback does not arrive"
    assert set(live["sections"]) == {"verdict", "accounts", "states", "events", "charts"}
    assert "thumbs down: 1" in live["sections"]["charts"]
    assert SAID not in str(live)
    insider.recover()
    until(lambda: shows("Feedback arrives"))
    assert widget.client.get("/ops/live").status_code == 401


def test_refused_requests_are_in_the_figures(operator: Operator) -> None:
    operator.widget.submit(token="forged")
    until(lambda: "token invalid" in operator.client.get("/ops").text)


def test_a_text_is_shown_on_request_and_logged(operator: Operator, insider: Sandbox) -> None:
    insider.misbehave("refuse", "create")
    operator.widget.submit(SAID, files=[("basket.jpg", jpeg(), "image/jpeg")])
    row = operator.widget.row()
    listed = operator.client.get("/ops/submissions?show=refused").text
    assert row["id"][:8] in listed
    one = operator.client.get(f"/ops/submissions/{row['id']}").text
    for word in (SAID, EMAIL, "basket", "Consent"):  # the last is Insider Connect's message
        assert word not in listed
        assert word not in one
    assert operator.widget.lines("outbox.text_shown") == []
    asked = {"csrf": operator.csrf(), "show": "text"}
    shown = operator.client.post(f"/ops/submissions/{row['id']}", data=asked).text
    assert SAID in shown
    assert EMAIL in shown
    (line,) = operator.widget.lines("outbox.text_shown")
    assert line["submission"] == row["id"]
    assert line["by"].startswith("ops ")
    assert operator.client.get("/ops/submissions/nobody").status_code == 404


def test_submissions_are_retried_discarded_and_erased_and_the_last_two_ask_first(
    operator: Operator, insider: Sandbox
) -> None:
    widget = operator.widget
    insider.misbehave("refuse", "create")
    for number in range(3):
        widget.submit(f"number {number}")
    insider.recover()
    first, second, third = (row["id"] for row in widget.rows())
    assert "will be tried at once" in operator.act("retry", first).text
    until(lambda: widget.rows("--state", "delivered"))
    assert insider.descriptions() == ["number 0"]

    asked = operator.act("discard", second)
    assert "Discard 1 submission?" in asked.text
    assert {row["id"]: row["state"] for row in widget.rows()}[second] == "refused"
    assert "1 discarded" in operator.act("discard", second, confirmed="yes").text
    assert "1 erased" in operator.act("erase", third, confirmed="yes").text
    assert {row["id"]: row["state"] for row in widget.rows()} == {
        first: "delivered",
        second: "discarded",
        third: "refused",
    }
    lists = {show: operator.client.get(f"/ops/submissions?show={show}&product=demo").text for show in SHOWS}
    assert {show for show, listed in lists.items() if third[:8] in listed} == {"expired", "all"}
    assert {show for show, listed in lists.items() if second[:8] in listed} == {"discarded", "all"}
    assert 'name="action"' not in lists["expired"], "nothing is left to do"
    assert "expired: not delivered, and erased" in operator.client.get("/ops").text
    ran = children.run([*widget.command, "status", "--json"], widget.folder, widget.environ)
    assert json.loads(ran.stdout)["yours"]["refused"] == 0, "nobody can decide anything about it"
    assert "1 left as they were" in operator.act("discard", first, confirmed="yes").text
    audit = {event: len(widget.lines(event)) for event in ("outbox.put_back", "outbox.discarded", "outbox.erased")}
    assert audit == {"outbox.put_back": 1, "outbox.discarded": 2, "outbox.erased": 1}
    assert operator.act("retry").status_code == 422
    assert operator.act("explode", first).status_code == 422


def test_a_submission_is_found_by_all_its_names_and_nonsense_finds_nothing(operator: Operator) -> None:
    widget = operator.widget
    answer = widget.submit(SAID).json()
    row = widget.row()
    for name in (answer["receipt"], f"https://x.example{answer['receipt_url']}", row["id"], row["id"][:6]):
        found = operator.client.get("/ops/submissions", params={"q": name})
        assert str(found.url).endswith(f"/ops/submissions/{row['id']}"), name
    found = operator.client.get("/ops/submissions", params={"q": str(answer["feedback_id"])})
    assert row["id"][:8] in found.text
    nonsense = [
        "'; DROP TABLE submission; --",
        "<script>alert(1)</script>",
        "%",
        "\x00",
        "é" * 400,
        "https://[::1/receipt/x",
        "/receipt/",
    ]
    for text in nonsense:
        nothing = operator.client.get("/ops/submissions", params={"q": text})
        assert (nothing.status_code, "Nothing found" in nothing.text) == (200, True), text
        assert "<script>alert" not in nothing.text
    assert refusals(widget) == ["nothing_found"]
    answers = [operator.client.get("/ops/submissions", params={"q": "%"}).status_code for _ in range(WRONG_TOKENS)]
    assert answers[-1] == 429


def test_every_page_answers_head_as_it_does_get(operator: Operator) -> None:
    operator.widget.submit(SAID)
    one = f"/ops/submissions/{operator.widget.row()['id']}"
    for path in (one, *(route.path for route in ROUTES if "GET" in (route.methods or ()) and "{" not in route.path)):
        got, asked = operator.client.get(path), operator.client.head(path)
        assert (asked.status_code, asked.content) == (got.status_code, b""), path
        assert got.status_code == 200, path
    assert refusals(operator.widget) == []


def test_held_ones_are_released(operator: Operator, insider: Sandbox) -> None:
    widget = operator.widget
    token = widget.token()
    fields = {"token": token, "description": "held", "submittedByEmail": EMAIL, "website": "https://spam.example"}
    widget.post(fields)
    row = widget.row()
    assert row["held_for"], "the trap was meant to catch it"
    assert row["id"][:8] in operator.client.get("/ops/submissions?show=held&product=demo").text
    assert "released" in operator.act("release", row["id"], show="held").text
    until(lambda: insider.descriptions() == ["held"])


def test_the_snippet_builder_is_for_those_who_have_signed_in(widget: Widget, operator: Operator) -> None:
    for path in ("/ops/embed", "/ops/embed/demo", "/ops/embed/demo/blocks", "/ops/embed/demo/page"):
        assert httpx.get(f"{widget.url}{path}", trust_env=False).status_code == 401
        assert operator.client.get(path).status_code == 200
    assert operator.client.get("/ops/embed").url.path == "/ops/embed/demo"
    for path in ("/ops/embed/demo", "/ops/embed/dmeo"):
        assert '<a href="/ops">' in operator.client.get(path).text, "the way back"
    assert operator.client.get("/ops/embed/dmeo").status_code == 404

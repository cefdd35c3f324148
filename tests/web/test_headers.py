"""The headers of every kind of answer, including errors."""

import re
import socket
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import httpx
import pytest
from bed import TOKEN, Widget, adjusted, free_port
from samples import MAX_FILE_SIZE

from widget.web.headers import HEADERS
from widget.web.routes import ROUTES

CONFIG = """\
[products.demo]
name = "Northwind"
origins = ["https://app.example.com", "https://*.example.org"]
"""
JSON = {"Accept": "application/json"}
OPS_TOKEN = "tests-only-operators-token"


@contextmanager
def busy(widget: Widget) -> Iterator[None]:
    """Somebody else has locked the database."""
    blocker = sqlite3.connect(widget.folder / "widget.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        blocker.close()


@contextmanager
def broken(widget: Widget) -> Iterator[None]:
    """A table is gone: an unforeseen fault."""
    with sqlite3.connect(widget.folder / "widget.db") as database:
        database.execute("ALTER TABLE attachment RENAME TO elsewhere")
    try:
        yield
    finally:
        with sqlite3.connect(widget.folder / "widget.db") as database:
            database.execute("ALTER TABLE elsewhere RENAME TO attachment")


def every_answer(widget: Widget) -> dict[str, httpx.Response]:
    """One answer of each kind, by name. Those of forms and thanks begin with "form"."""
    client = widget.client
    taken = widget.submit()
    known = {"If-None-Match": client.get("/static/form.css").headers["etag"]}
    answers = {
        "form 200": client.get("/form/demo"),
        "form 422": widget.submit(email=None, accept="text/html"),
        "form 422 json": widget.submit(email=None),
        "form 201": widget.submit(accept="text/html"),
        "form 201 json": taken,
        "form 403": widget.submit(token="forged", accept="text/html"),
        "form 403 origin": widget.submit(headers={"Sec-Fetch-Site": "cross-site"}),
        "form 413": widget.submit(files=[("a.png", b"\x89PNG\r\n\x1a\n" + b"x" * MAX_FILE_SIZE, "image/png")]),
        "form 415": client.post("/form/demo", content=b"{}", headers={"Content-Type": "application/json"}),
        "form 400": client.post("/form/demo", content=b"", headers={"Content-Type": "multipart/form-data; boundary=b"}),
        "words 200": client.get("/form/demo/words.json"),
        "token 200": client.get("/form/demo/token"),
        "challenge 200": client.get("/form/demo/challenge", headers={"X-Form-Token": widget.token()}),
        "challenge 403": client.get("/form/demo/challenge"),
        "identity 200": client.get("/form/demo/identity"),
        "receipt 200": client.get(taken.json()["receipt_url"]),
        "receipt 200 json": client.get(taken.json()["receipt_url"], headers=JSON),
        "receipt 404": client.get("/receipt/forged"),
        "product 404": client.get("/form/nobody"),
        "product 404 json": client.get("/form/nobody", headers=JSON),
        "page 404": client.get("/nowhere"),
        "slash 404": client.get("/healthz/"),
        "method 405": client.delete("/form/demo"),
        "method 405 json": client.delete("/form/demo", headers=JSON),
        "options 405": client.options("/form/demo", headers={"Origin": "https://evil.example"}),
        "health 200": client.get("/healthz"),
        "health head": client.head("/healthz"),
        "ready 200": client.get("/readyz"),
        "loader 200": client.get("/embed.js"),
        "loader 200 version": client.get("/embed/0123456789ab/embed.js"),
        "static 200": client.get("/static/form.css"),
        "static 200 theme": client.get("/form/demo/theme.css"),
        "static 404 theme": client.get("/form/nobody/theme.css"),
        "static 304": client.get("/static/form.css", headers=known),
        "static 404": client.get("/static/nothing.js"),
    }  # fmt: skip
    answers |= operator_answers(client)
    with busy(widget):
        answers["form 503"] = widget.submit(token=widget.token(), accept="text/html")
        answers["ready 503"] = client.get("/readyz")
    with broken(widget):
        answers["receipt 503 or 500"] = client.get(taken.json()["receipt_url"])
    return answers


def operator_answers(client: httpx.Client) -> dict[str, httpx.Response]:
    """The answers of the operator's addresses to a stranger and, for those that only show something, to the
    operator."""
    session = client.post("/ops/sign-in", data={"token": OPS_TOKEN}).headers["set-cookie"].split(";")[0]
    bearer = {"Authorization": f"Bearer {OPS_TOKEN}"}
    answers: dict[str, httpx.Response] = {}
    for route in ROUTES:
        if route.path.startswith(("/ops", "/metrics")):
            path = re.sub(r"\{[^}]+\}", "nobody", route.path)
            for method in (route.methods or set()) - {"HEAD"}:
                answers[f"{method} {path} of a stranger"] = client.request(method, path)
                if method == "GET":
                    answers[f"{path} of the operator"] = client.get(path, headers={"Cookie": session, **bearer})
    return answers


@pytest.fixture(scope="module")
def answers(_sandbox: object, tmp_path_factory: pytest.TempPathFactory) -> dict[str, httpx.Response]:
    folder = tmp_path_factory.mktemp("widget")
    soon = adjusted("widget.outbox.sqlite.BUSY_TIMEOUT=0.5")
    url = "https://feedback.example.com"
    with Widget(folder, _sandbox.url, config=CONFIG, command=soon, PUBLIC_URL=url, OPS_TOKEN=OPS_TOKEN) as widget:  # type: ignore[attr-defined]
        return every_answer(widget)


def test_the_statuses_are_those_that_are_meant(answers: dict[str, httpx.Response]) -> None:
    for name, answer in answers.items():
        if (number := re.search(r"\d{3}", name)) and "or" not in name.split():
            assert answer.status_code == int(number[0]), name
    assert answers["receipt 503 or 500"].status_code in (500, 503)


def test_no_answer_is_without_the_headers_of_every_answer(answers: dict[str, httpx.Response]) -> None:
    for name, answer in answers.items():
        assert answer.headers["x-content-type-options"] == "nosniff", name
        assert answer.headers["referrer-policy"] == "strict-origin-when-cross-origin", name
        assert "camera=()" in answer.headers["permissions-policy"], name
        assert "geolocation=()" in answer.headers["permissions-policy"], name
        assert answer.headers["cross-origin-resource-policy"] in ("same-origin", "cross-origin"), name
        assert answer.headers["strict-transport-security"] == "max-age=31536000", name
        assert "server" not in answer.headers, name
        assert "set-cookie" not in answer.headers, name
        assert "x-powered-by" not in answer.headers, name
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), name
        assert "unsafe" not in policy, name
        assert "*:" not in policy, name
        assert "http:" not in policy, name


def test_a_form_is_framed_by_its_product_s_pages_and_all_else_by_nobody(answers: dict[str, httpx.Response]) -> None:
    for name, answer in answers.items():
        (ancestors,) = re.findall(r"frame-ancestors ([^;]+)", answer.headers["content-security-policy"])
        if name.startswith("form"):
            assert ancestors == "'self' https://app.example.com https://*.example.org", name
            assert "x-frame-options" not in answer.headers, name
        else:
            # The builder shows its sample page in a frame.
            assert ancestors == ("'self'" if name.startswith("/ops/embed/") else "'none'"), name


def test_documents_run_only_our_scripts_and_build_no_markup_from_text(answers: dict[str, httpx.Response]) -> None:
    for name, answer in answers.items():
        policy = answer.headers["content-security-policy"]
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert "require-trusted-types-for 'script'" in policy, name
            assert "script-src 'self';" in policy, name
            assert "base-uri 'none'" in policy, name
            assert "form-action 'self'" in policy, name
            assert not re.search(r"<script(?![^>]*src=)|<style| on[a-z]+=|style=", answer.text), name


def test_forms_and_what_host_pages_load_work_in_isolated_pages(answers: dict[str, httpx.Response]) -> None:
    for name, answer in answers.items():
        foreign = name.startswith(("form", "loader", "static 2", "static 3"))
        assert answer.headers["cross-origin-resource-policy"] == ("cross-origin" if foreign else "same-origin"), name
        if name.startswith("form"):
            assert answer.headers["cross-origin-embedder-policy"] == "require-corp", name
    for name in ("loader 200", "static 200", "static 404 theme"):
        assert answers[name].headers["access-control-allow-origin"] == "*"
    assert answers["receipt 200"].headers["cross-origin-opener-policy"] == "same-origin"


def test_nothing_with_a_token_or_a_fault_is_kept_by_a_cache(answers: dict[str, httpx.Response]) -> None:
    for name, answer in answers.items():
        if not name.startswith(("loader", "static 2", "static 3")):
            assert answer.headers["cache-control"] == "no-store", name


def test_no_page_of_another_origin_may_read_an_answer(answers: dict[str, httpx.Response]) -> None:
    for name, answer in answers.items():
        allowed = {header for header in answer.headers if header.startswith("access-control")}
        assert allowed <= ({"access-control-allow-origin"} if name.startswith(("static", "loader")) else set()), name
        assert "access-control-allow-credentials" not in answer.headers


def test_every_address_is_walked(answers: dict[str, httpx.Response]) -> None:
    walked = {answer.request.url.path for answer in answers.values()}
    for route in ROUTES:
        pattern = re.compile(re.sub(r"\{[^}]+\}", ".+", route.path))
        assert any(pattern.fullmatch(path) for path in walked), route.path


def test_the_server_s_own_refusal_has_them_too(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(PUBLIC_URL="https://feedback.example.com")
    with socket.create_connection(("127.0.0.1", widget.port), timeout=10) as connection:
        connection.sendall(b"BROKEN\r\n\r\n")
        answer = connection.recv(65536).decode()
    for name, value in {**HEADERS["data"], "Strict-Transport-Security": "max-age=31536000"}.items():
        assert f"\r\n{name}: {value}\r\n" in answer


def test_hsts_is_said_over_tls_alone(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(TRUSTED_PROXIES="127.0.0.1")
    assert "strict-transport-security" not in widget.client.get("/form/demo").headers
    for path in ("/form/demo", "/nowhere", "/embed.js"):
        answer = widget.client.get(path, headers={"X-Forwarded-Proto": "https"})
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


SCHEMES: Sequence[tuple[str, str | None, bool]] = [
    ("https,http", "203.0.113.1, 10.0.0.1", True),  # two proxies, of which the first speaks TLS with browsers
    ("http, https", "203.0.113.1, 10.0.0.1", False),
    ("https, http, http", "203.0.113.1, 10.0.0.1", False),  # the client wrote the first
    ("https, http", "198.51.100.1, 203.0.113.1", False),  # as did this one, who wrote an address as well
    ("https\nhttp", "203.0.113.1\n10.0.0.1", True),  # a line from each proxy
    ("https\nhttp", "198.51.100.1\n203.0.113.1", False),
    ("https, http", "10.0.0.2, 10.0.0.1", True),  # one of our own machines asks
    ("https, http", None, True),  # nobody says how many there are
    ("https", "203.0.113.1:4711, 10.0.0.1:80, [fd00::1]:80", True),  # passed on by those behind
    ("HTTPS,http", "203.0.113.1,, 10.0.0.1", True),
    ("wss", "203.0.113.1", False),
    (", ,", "203.0.113.1", False),
]
"""`X-Forwarded-Proto`, `X-Forwarded-For`, and whether the client speaks TLS."""


def test_of_several_proxies_the_one_that_has_the_client_says_whether_there_is_tls(
    start_widget: Callable[..., Widget],
) -> None:
    widget = start_widget(TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8, fd00::/32")
    for schemes, clients, is_tls in SCHEMES:
        given = [("X-Forwarded-Proto", line) for line in schemes.splitlines()]
        given += [("X-Forwarded-For", line) for line in (clients or "").splitlines()]
        answer = widget.client.get("/healthz", headers=given)
        assert ("strict-transport-security" in answer.headers) is is_tls, (schemes, clients)


def test_a_host_that_the_client_made_up_comes_back_nowhere(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget()
    headers = {"Host": f"evil.example:{free_port()}"}
    for path in ("/form/demo", "/form/demo/", "/nowhere", "/healthz/", "/receipt/x"):
        answer = widget.client.get(path, headers=headers)
        assert "evil.example" not in answer.text + str(answer.headers)
        assert answer.status_code in (200, 404)


@pytest.mark.parametrize(
    ("path", "name", "values"),
    [
        ("/form/demo", "Accept-Language", ("ar", "en")),
        ("/form/demo?email=", "Accept-Language", ("de;q=0.5", "fr")),
        ("/form/demo", "Accept-Encoding", ("gzip;q=0.5", "br")),
        ("/form/demo?email=", "Accept-Encoding", ("br", "identity;q=0.1")),
        ("/static/form.css", "Accept-Encoding", ("gzip", "br;q=0")),
        ("/nowhere", "Accept", ("text/html", "application/json")),
        ("/embed.js", "If-None-Match", ("ETAG", '"other"')),
        ("/ops/embed", "Cookie", ("widget-ops=SESSION", "other=1")),
        ("/readyz", "Authorization", (f"Bearer {OPS_TOKEN}", "Bearer other")),
        ("/form/demo", "X-Forwarded-For", ("203.0.113.1", "203.0.113.2")),
        ("/form/demo", "X-Forwarded-Proto", ("https", "http")),
        ("/form/demo?email=", "X-Forwarded-Prefix", ("/one", "/two")),
    ],
)
def test_a_field_that_comes_twice_is_read_as_one_with_both_values(
    start_widget: Callable[..., Widget], path: str, name: str, values: tuple[str, str]
) -> None:
    widget = start_widget(TRUSTED_PROXIES="127.0.0.1", OPS_TOKEN=OPS_TOKEN)
    signed_in = widget.client.post("/ops/sign-in", data={"token": OPS_TOKEN}).cookies.get("widget-ops") or ""
    widget.client.cookies.clear()
    etag = str(widget.client.get("/embed.js").headers["etag"])
    values = (values[0].replace("ETAG", etag).replace("SESSION", signed_in), values[1])

    def answer(*given: str) -> tuple[object, ...]:
        got = widget.client.get(path, headers=[(name, value) for value in given])
        kind = [got.headers.get(field) for field in ("content-type", "content-encoding", "strict-transport-security")]
        return got.status_code, *kind, TOKEN.sub("", got.text)

    for one, two in (values, values[::-1]):
        joined = answer(("; " if name == "Cookie" else ", ").join((one, two)))
        assert [answer(one, two) for _ in range(3)] == [joined] * 3  # the third may come from the cache

"""The sandbox behaves literally as Insider Connect's document says, through a real socket."""

import contextlib
import hashlib
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from bed import CLIENT_ID, CLIENT_SECRET, FACT, Sandbox, until
from playwright.sync_api import Page, expect
from samples import MAX_FILE_SIZE, jpeg, pdf, png

CREDENTIALS = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
FEEDBACK = {
    "description": "The new interface is much more intuitive.",
    "submittedByEmail": "user@example.com",
    "sentimentRating": True,
    "contactConsent": True,
}
BAD_CREDENTIALS = {
    "error": "invalid_client",
    "error_description": "Bad client credentials. Please check your client_id and client_secret.",
}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=line"}


@pytest.fixture
def api(insider: Sandbox) -> Iterator[httpx.Client]:
    """A client with a token."""
    with httpx.Client(base_url=insider.url, timeout=10, trust_env=False) as client:
        token = client.post("/connect/token", data=CREDENTIALS).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        insider.clear()
        yield client


def create(api: httpx.Client, **changes: Any) -> httpx.Response:
    """Create the document's example feedback with some fields changed; `...` leaves one out."""
    body = {name: value for name, value in {**FEEDBACK, **changes}.items() if value is not ...}
    return api.post("/api/client/feedbacks", json=body)


def attach(api: httpx.Client, feedback_id: int, *files: tuple[str, bytes, str]) -> httpx.Response:
    return api.post(f"/api/client/feedbacks/{feedback_id}/attachments", files=[("files", file) for file in files])


def assert_refused(answer: httpx.Response, *errors: str, status: int = 400) -> None:
    body = answer.json()
    assert answer.status_code == status
    assert UUID.fullmatch(body.pop("requestId"))
    assert body == {"isSuccess": False, "data": None, "errors": list(errors)}


def test_a_token_is_answered_as_documented(api: httpx.Client) -> None:
    answer = api.post("/connect/token", data=CREDENTIALS)
    body = answer.json()
    assert answer.status_code == 200
    assert body.pop("access_token")
    assert body == {"token_type": "Bearer", "expires_in": 3599, "scope": "feedback.read feedback.write"}


@pytest.mark.parametrize("wrong", [{"client_id": "nobody"}, {"client_secret": "guess"}, {"client_secret": ""}])
def test_bad_credentials_are_answered_as_documented(api: httpx.Client, wrong: dict[str, str]) -> None:
    answer = api.post("/connect/token", data=CREDENTIALS | wrong)
    assert (answer.status_code, answer.json()) == (400, BAD_CREDENTIALS)


def test_a_token_needs_its_grant_type_and_a_urlencoded_body(api: httpx.Client) -> None:
    wrong_type = api.post("/connect/token", data=CREDENTIALS | {"grant_type": "password"})
    as_json = api.post("/connect/token", json=CREDENTIALS)
    assert (wrong_type.status_code, wrong_type.json()["error"]) == (400, "unsupported_grant_type")
    assert (as_json.status_code, as_json.json()["error"]) == (400, "invalid_request")


def test_a_feedback_is_answered_as_documented_and_held_as_sent(api: httpx.Client, insider: Sandbox) -> None:
    headers = {"Idempotency-Key": "key-1", "X-Request-Id": "request-1"}
    answer = api.post("/api/client/feedbacks", json=FEEDBACK, headers=headers)
    body = answer.json()
    assert answer.status_code == 201
    assert UUID.fullmatch(body.pop("requestId"))
    (held,) = insider.feedbacks()
    assert body == {"isSuccess": True, "data": held["id"], "errors": None}
    assert held["body"] == FEEDBACK
    assert (held["idempotency_key"], held["request_id"]) == ("key-1", "request-1")


def test_description_and_rating_may_be_absent(api: httpx.Client) -> None:
    assert create(api, description=..., sentimentRating=...).status_code == 201
    assert create(api, description="").status_code == 201


@pytest.mark.parametrize("consent", [..., None])
def test_missing_consent_is_refused_in_the_documented_words(api: httpx.Client, consent: Any) -> None:
    assert_refused(create(api, contactConsent=consent), "Contact Consent is required.")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"contactConsent": "true"}, "Contact Consent must be a boolean."),
        ({"sentimentRating": 1}, "Sentiment Rating must be a boolean."),
        ({"sentimentRating": None}, "Sentiment Rating must be a boolean."),
        ({"description": None}, "Description must be a string."),
        ({"description": ["text"]}, "Description must be a string."),
        ({"submittedByEmail": ...}, "Submitted By Email is required."),
        ({"submittedByEmail": ""}, "Submitted By Email is required."),
        ({"submittedByEmail": 7}, "Submitted By Email must be a string."),
        ({"submittedByEmail": "user"}, "Submitted By Email is not a valid email address."),
    ],
)
def test_types_are_strict(api: httpx.Client, insider: Sandbox, changes: dict[str, Any], error: str) -> None:
    assert_refused(create(api, **changes), error)
    assert insider.feedbacks() == []


def test_a_description_has_at_most_1000_utf16_units(api: httpx.Client) -> None:
    assert create(api, description="\N{THUMBS UP SIGN}" * 500).status_code == 201
    too_long = create(api, description="\N{THUMBS UP SIGN}" * 500 + ".")
    assert_refused(too_long, "Description cannot exceed 1000 characters.")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff", b'{"a":"\\ud800"}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(api: httpx.Client, body: bytes) -> None:
    answer = api.post("/api/client/feedbacks", content=body, headers={"Content-Type": "application/json"})
    assert_refused(answer, "The request body is not a JSON object.")


def test_other_media_types_are_refused(api: httpx.Client) -> None:
    form = api.post("/api/client/feedbacks", data={"submittedByEmail": "user@example.com"})
    assert_refused(form, "The content type must be application/json.", status=415)
    feedback_id = create(api).json()["data"]
    as_json = api.post(f"/api/client/feedbacks/{feedback_id}/attachments", json={})
    assert_refused(as_json, "The content type must be multipart/form-data.", status=415)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer guess", "Basic Z3Vlc3M6"])
def test_without_a_living_token_nothing_is_taken(api: httpx.Client, insider: Sandbox, authorization: str) -> None:
    feedback_id = create(api).json()["data"]
    api.headers["Authorization"] = authorization
    assert create(api).status_code == 401
    assert attach(api, feedback_id, ("a.png", png(), "image/png")).status_code == 401
    assert [feedback["attachments"] for feedback in insider.feedbacks()] == [[]]


def test_a_token_expires(tmp_path: Path) -> None:
    with Sandbox(tmp_path, token_lifetime=2) as sandbox, httpx.Client(base_url=sandbox.url, trust_env=False) as api:
        token = api.post("/connect/token", data=CREDENTIALS).json()["access_token"]
        api.headers["Authorization"] = f"Bearer {token}"
        assert create(api).status_code == 201
        until(lambda: create(api).status_code == 401)


def test_files_are_attached_as_documented_and_held_byte_for_byte(api: httpx.Client, insider: Sandbox) -> None:
    feedback_id = create(api).json()["data"]
    files = [
        ("image.png", png(size=MAX_FILE_SIZE), "image/png"),
        ("photo.jpg", jpeg(), "image/jpeg"),
        ("document.pdf", pdf(), "application/pdf"),
    ]
    answer = attach(api, feedback_id, *files)
    body = answer.json()
    (held,) = insider.feedbacks()
    assert answer.status_code == 200
    assert UUID.fullmatch(body.pop("requestId"))
    assert body == {"isSuccess": True, "data": held["attachments"][-1]["number"], "errors": None}
    assert [(file["name"], file["media_type"], file["size"], file["sha256"]) for file in held["attachments"]] == [
        (name, kind, len(content), hashlib.sha256(content).hexdigest()) for name, content, kind in files
    ]
    assert [insider.file(file["number"]) for file in held["attachments"]] == [content for _, content, _ in files]


def test_a_file_over_4_mb_refuses_all_in_the_documented_words(api: httpx.Client, insider: Sandbox) -> None:
    feedback_id = create(api).json()["data"]
    too_large = ("large.png", png(size=MAX_FILE_SIZE + 1), "image/png")
    answer = attach(api, feedback_id, ("small.png", png(), "image/png"), too_large)
    assert_refused(answer, "File size cannot exceed 4MB.")
    assert [feedback["attachments"] for feedback in insider.feedbacks()] == [[]]


def test_other_types_and_no_files_are_refused(api: httpx.Client) -> None:
    feedback_id = create(api).json()["data"]
    text = attach(api, feedback_id, ("a.txt", b"words", "text/plain"))
    assert_refused(text, "File type is not allowed. Allowed types: image/jpeg, image/png, application/pdf.")
    path = f"/api/client/feedbacks/{feedback_id}/attachments"
    other_field = api.post(path, files=[("file", ("a.png", png(), "image/png"))])
    assert_refused(other_field, "Files are required.")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'--line\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nbytes',
        b'--line\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nbytes\r\n--line\r\n',
    ],
)
def test_a_form_without_its_closing_boundary_is_refused(api: httpx.Client, body: bytes) -> None:
    feedback_id = create(api).json()["data"]
    answer = api.post(f"/api/client/feedbacks/{feedback_id}/attachments", content=body, headers=BOUNDARY)
    assert_refused(answer, "The request body is not well formed.")


def test_an_unknown_feedback_takes_no_files(api: httpx.Client) -> None:
    assert_refused(attach(api, 1, ("a.png", png(), "image/png")), "Feedback not found.", status=404)
    assert api.post("/api/client/feedbacks/x/attachments").status_code == 404


def test_requests_are_recorded_without_secrets(api: httpx.Client, insider: Sandbox) -> None:
    token = api.post("/connect/token", data=CREDENTIALS).json()["access_token"]
    assert create(api, contactConsent=...).status_code == 400
    feedback_id = create(api).json()["data"]
    attach(api, feedback_id, ("a.png", png(), "image/png"))
    record = insider.record()
    assert record["counts"] == {"token": 1, "create": 2, "attach": 1}
    assert [request["status"] for request in record["requests"]] == [200, 400, 201, 200]
    kept = json.dumps(record) + insider.log()
    for secret in (CLIENT_SECRET, token, api.headers["Authorization"].split()[1]):
        assert secret not in kept


def test_status_faults_occur_as_often_as_set_and_process_nothing(api: httpx.Client, insider: Sandbox) -> None:
    insider.fail_with(503, "create", skip=1, times=2, retry_after=7, body="busy")
    answers = [create(api) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 503, 503, 201]
    assert (answers[1].headers["Retry-After"], answers[1].text) == ("7", "busy")
    assert len(insider.feedbacks()) == 2
    assert [request["fault"] for request in insider.requests("create")] == [None, "status", "status", None]


def test_faults_strike_only_their_target_until_recovery(api: httpx.Client, insider: Sandbox) -> None:
    insider.put_faults({"mode": "status", "target": "token", "status": 500}, {"mode": "refuse", "target": "create"})
    assert api.post("/connect/token", data=CREDENTIALS).status_code == 500
    assert_refused(create(api), "Contact Consent is required.")
    insider.misbehave("refuse", "token")
    assert api.post("/connect/token", data=CREDENTIALS).json() == BAD_CREDENTIALS
    insider.recover()
    assert api.post("/connect/token", data=CREDENTIALS).status_code == 200
    assert create(api).status_code == 201


def test_down_refuses_connections_and_ends_open_ones(api: httpx.Client, insider: Sandbox) -> None:
    assert create(api).status_code == 201
    insider.down()
    with pytest.raises(httpx.ConnectError):
        create(api)
    insider.recover()
    assert create(api).status_code == 201
    assert insider.counts()["create"] == 2


def test_down_ends_connections_that_were_on_their_way_in(insider: Sandbox) -> None:
    where = httpx.URL(insider.url)
    request = b"GET / HTTP/1.1\r\nHost: insider\r\n\r\n"
    for _ in range(20):
        visitors = [socket.create_connection((where.host, where.port), 10) for _ in range(20)]
        insider.down()
        for visitor in visitors:
            with visitor, contextlib.suppress(ConnectionError):
                visitor.sendall(request)
                assert visitor.recv(1) == b""
        insider.recover()


def test_down_may_end_by_itself(api: httpx.Client, insider: Sandbox) -> None:
    def is_back() -> bool:
        try:
            return create(api).status_code == 201
        except httpx.ConnectError:
            return False

    insider.misbehave("down", seconds=1.5)
    assert not is_back()
    until(is_back)


@pytest.mark.parametrize(("mode", "held"), [("drop_before", 0), ("drop_after_accepting", 1)])
def test_a_dropped_request_has_no_answer(api: httpx.Client, insider: Sandbox, mode: str, held: int) -> None:
    insider.misbehave(mode, "create", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        create(api)
    assert len(insider.feedbacks()) == held
    assert insider.requests("create")[0]["status"] is None
    assert create(api).status_code == 201


def test_garbage_is_accepted_and_unreadable(api: httpx.Client, insider: Sandbox) -> None:
    insider.misbehave("garbage", "create", times=1)
    answer = create(api)
    assert answer.status_code == 201
    with pytest.raises(UnicodeDecodeError):
        answer.json()
    assert len(insider.feedbacks()) == 1


@contextmanager
def takes_at_least(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started >= seconds


@pytest.mark.parametrize("mode", ["slow", "drip"])
def test_a_late_answer_is_processed_at_once(api: httpx.Client, insider: Sandbox, mode: str) -> None:
    insider.misbehave(mode, "create", seconds=0.3, times=1)
    with takes_at_least(0.3), api.stream("POST", "/api/client/feedbacks", json=FEEDBACK) as answer:
        assert answer.read()
        assert answer.json()["isSuccess"] is True
    insider.slow(30, "create", times=1)
    with pytest.raises(httpx.ReadTimeout):
        api.post("/api/client/feedbacks", json=FEEDBACK, timeout=httpx.Timeout(10, read=0.3))
    until(lambda: len(insider.feedbacks()) == 2)


def test_a_late_answer_comes_at_the_recovery(api: httpx.Client, insider: Sandbox) -> None:
    insider.slow(60, "create")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(create, api)
        until(insider.feedbacks)
        assert not answer.done()
        insider.recover()
        assert answer.result(15).status_code == 201


def test_whoever_is_still_sending_at_the_recovery_is_held_no_longer(api: httpx.Client, insider: Sandbox) -> None:
    insider.slow(60, "create")
    body = json.dumps(FEEDBACK).encode()
    head = (
        f"POST /api/client/feedbacks HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", insider.port), timeout=FACT) as connection:
        connection.sendall(head.encode())
        until(lambda: insider.counts()["create"])
        insider.recover()
        connection.sendall(body)
        assert connection.recv(64).startswith(b"HTTP/1.1 201 ")


def test_a_token_can_be_made_to_expire_early(api: httpx.Client, insider: Sandbox) -> None:
    insider.misbehave("expire_token")
    assert [create(api).status_code for _ in range(2)] == [401, 401]
    token = api.post("/connect/token", data=CREDENTIALS).json()["access_token"]
    api.headers["Authorization"] = f"Bearer {token}"
    assert create(api).status_code == 201


def test_a_wrong_fault_is_named(insider: Sandbox) -> None:
    answer = httpx.put(f"{insider.control_url}/_sandbox/faults", json={"mode": "sulk"}, trust_env=False)
    assert answer.status_code == 422
    assert "sulk" in answer.text


def test_the_inbox_shows_what_arrived_and_switches_faults(api: httpx.Client, insider: Sandbox, page: Page) -> None:
    page.goto(insider.control_url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing has arrived yet")
    feedback_id = create(api, description="<b>No markup</b>\nSecond line").json()["data"]
    attach(api, feedback_id, ("shot.png", png(40, 20), "image/png"), ("order.pdf", pdf(), "application/pdf"))
    expect(page.get_by_role("heading", level=1)).to_have_text("1 feedback arrived")
    expect(page.locator("article")).to_contain_text("<b>No markup</b>")
    expect(page.locator("article")).to_contain_text("order.pdf")
    picture = page.locator("article img")
    until(lambda: picture.evaluate("image => image.naturalWidth") == 40)
    page.get_by_role("button", name="503").click()
    expect(page.get_by_role("heading", name="Misbehaving: status")).to_be_visible()
    assert create(api).status_code == 503
    page.get_by_role("button", name="Recover").click()
    expect(page.get_by_role("heading", name="Answering as documented")).to_be_visible()
    assert create(api).status_code == 201

"""Every row of the contract's tables, through a real socket."""

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from bed import DAY, SECRET_KEY, TWO_PRODUCTS, Sandbox, Widget, adjusted, aged_token
from samples import MAX_FILE_SIZE, forwarded, jpeg, pdf, png

from widget.errors import STATUS, Fault
from widget.i18n import messages as words
from widget.submissions.tokens import Tokens


@pytest.fixture(scope="module")
def shared(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    with Widget(tmp_path_factory.mktemp("widget"), _sandbox.url, config=TWO_PRODUCTS) as widget:
        yield widget


@pytest.fixture
def widget(shared: Widget, insider: Sandbox) -> Widget:
    """One widget for all tests of this module. Each counts from where the one before ended."""
    stored_before[shared] = shared.stored()
    return shared


stored_before: dict[Widget, int] = {}


def assert_refused(
    widget: Widget, insider: Sandbox, answer: httpx.Response, status: int, code: str, field: str
) -> None:
    """Every refusal has the contract's shape, status and code, a message fit to show, and keeps and forwards
    nothing."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "status", "detail", "errors"} <= problem.keys()
    assert (code, field) in [(error["code"], error["field"]) for error in problem["errors"]]
    for error in problem["errors"]:
        assert re.match(r"[A-Z0-9].*\.$", error["message"]), error
        assert "{" not in error["message"]
    assert widget.stored() == stored_before.get(widget, 0)
    assert insider.counts()["create"] == 0
    assert widget.client.get("/healthz").json() == {"status": "ok"}


def submission_id_of(token: str) -> str:
    return Tokens([SECRET_KEY], 10 * 86_400).read_form(token, "demo", time.time()).submission_id


# --- what is accepted -------------------------------------------------------------------------------------------


def test_a_feedback_with_two_files_arrives_exactly_as_it_was_sent(widget: Widget, insider: Sandbox) -> None:
    picture, paper = png(40, 30), pdf()
    answer = widget.submit(
        "Line one\r\nline two",
        "ada@example.com",
        [("Bildschirm ä.png", picture, "image/png"), ("order.pdf", paper, "application/pdf")],
        rating="true",
        consent="true",
    )
    assert answer.status_code == 201
    content = answer.json()
    assert content["status"] == "delivered"
    assert content["receipt_url"] == f"/receipt/{content['receipt']}"
    assert content["attachments"] == [
        {"name": "Bildschirm ä.png", "status": "attached"},
        {"name": "order.pdf", "status": "attached"},
    ]
    (feedback,) = insider.feedbacks()
    assert feedback["id"] == content["feedback_id"]
    assert feedback["body"] == {
        "description": "Line one\nline two",
        "submittedByEmail": "ada@example.com",
        "sentimentRating": True,
        "contactConsent": True,
    }
    assert [file["name"] for file in feedback["attachments"]] == ["Bildschirm ä.png", "order.pdf"]
    assert [file["media_type"] for file in feedback["attachments"]] == ["image/png", "application/pdf"]
    assert [insider.file(file["number"]) for file in feedback["attachments"]] == [
        picture,
        forwarded(paper, "application/pdf"),
    ]


def test_one_submission_makes_one_token_request_one_create_and_one_attach(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget()
    files = [("a.png", png(), "image/png"), ("b.jpg", jpeg(), "image/jpeg")]
    assert widget.submit("first", files=files).status_code == 201
    assert insider.counts() == {"token": 1, "create": 1, "attach": 1}
    assert widget.submit("second", files=files).status_code == 201
    assert insider.counts() == {"token": 1, "create": 2, "attach": 2}


def test_what_was_not_chosen_is_absent_and_no_consent_is_false(widget: Widget, insider: Sandbox) -> None:
    assert widget.submit("words alone").status_code == 201
    (feedback,) = insider.feedbacks()
    assert feedback["body"] == {
        "description": "words alone",
        "submittedByEmail": "ada@example.com",
        "contactConsent": False,
    }


@pytest.mark.parametrize(("rating", "sent"), [("true", True), ("false", False)])
def test_a_thumb_alone_is_enough(widget: Widget, insider: Sandbox, rating: str, sent: bool) -> None:
    assert widget.submit(None, rating=rating).status_code == 201
    assert insider.feedbacks()[0]["body"]["sentimentRating"] is sent
    assert "description" not in insider.feedbacks()[0]["body"]


def test_a_file_alone_is_enough(widget: Widget, insider: Sandbox) -> None:
    assert widget.submit("", files=[("a.pdf", pdf(), "application/pdf")]).status_code == 201


def test_every_create_carries_the_submission_s_id(widget: Widget, insider: Sandbox) -> None:
    widget.submit(files=[("a.png", png(), "image/png")])
    sent = insider.requests("create") + insider.requests("attach")
    ids = {request["headers"][name] for request in sent for name in ("idempotency-key", "x-request-id")}
    assert len(ids) == 1


def test_the_largest_that_is_allowed_is_taken(widget: Widget, insider: Sandbox) -> None:
    files = [(f"{n}.png", png(size=MAX_FILE_SIZE), "image/png") for n in range(5)]
    answer = widget.submit("é" * 999 + "\r\n", files=files)
    assert answer.status_code in (201, 202)
    widget.until_delivered(answer)
    (feedback,) = insider.feedbacks()
    assert [file["size"] for file in feedback["attachments"]] == [MAX_FILE_SIZE] * 5


def test_the_empty_file_input_that_every_browser_sends_is_no_file(widget: Widget, insider: Sandbox) -> None:
    parts = {"token": widget.token(), "description": "hi", "submittedByEmail": "ada@example.com"}
    body = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts.items()
    )
    body += (
        '--b\r\nContent-Disposition: form-data; name="files"; filename=""\r\n'
        "Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Accept": "application/json"}
    assert widget.client.post("/form/demo", content=body, headers=headers).status_code == 201
    assert insider.counts()["attach"] == 0


def test_the_same_token_again_gets_the_first_receipt_and_makes_no_second_feedback(
    widget: Widget, insider: Sandbox
) -> None:
    token = widget.token()
    first = widget.submit("one", token=token)
    again = widget.submit("one", token=token)
    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert insider.descriptions() == ["one"]
    assert not widget.files()


def test_the_same_token_written_in_another_way_is_the_same_submission(widget: Widget, insider: Sandbox) -> None:
    token = widget.token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]  # an unused bit of base64
    assert submission_id_of(twin) == submission_id_of(token)
    assert widget.submit("one", token=token).json() == widget.submit("one", token=twin).json()
    assert insider.descriptions() == ["one"]


def test_a_token_of_a_key_that_is_being_rotated_out_still_counts(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(SECRET_KEY=f"{SECRET_KEY[::-1]},{SECRET_KEY}")
    token = Tokens([SECRET_KEY], 86_400).form("demo")
    assert widget.submit(token=token).status_code == 201
    assert widget.submit(token=Tokens(["x" * 32], 86_400).form("demo")).status_code == 403


def test_the_same_token_at_the_same_time_makes_one_feedback(widget: Widget, insider: Sandbox) -> None:
    token = widget.token()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: widget.submit("try", token=token), range(8)))
    assert {answer.status_code for answer in answers} <= {201, 202}
    assert len({answer.json()["receipt"] for answer in answers}) == 1
    widget.until_delivered(answers[0])
    assert insider.counts()["create"] == 1


def test_a_token_that_has_grown_old_is_still_known_as_a_repeat(widget: Widget, insider: Sandbox) -> None:
    old = aged_token(2 * DAY)
    columns = "id, product, state, accepted_at, attempts, separately, possible_duplicate, feedback_id"
    with sqlite3.connect(widget.folder / "widget.db") as database:
        values = (submission_id_of(old), "demo", "delivered", time.time(), 1, False, False, 7)
        database.execute(f"INSERT INTO submission ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    answer = widget.submit(token=old)
    assert answer.status_code == 201
    assert answer.json()["feedback_id"] == 7
    assert insider.counts()["create"] == 0


# --- what is refused --------------------------------------------------------------------------------------------

LIMIT = MAX_FILE_SIZE
PNG = ("a.png", png(), "image/png")
"""Rows: name, what is sent, status, code, field."""
REFUSED: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "no_token": (dict(token=""), 403, "token_invalid", "token"),
    "a_forged_token": (dict(token="WyJhIiwiZGVtbyJd.aaaaaa.bbbbbbbbbbbbbbbbbbbb"), 403, "token_invalid", "token"),
    "a_file_that_is_too_large": (
        dict(files=[PNG, ("b.png", png(size=LIMIT + 1), "image/png")]), 413, "file_too_large", "files",
    ),
    "too_many_files": (dict(files=[PNG] * 6), 413, "too_many_files", "files"),
    "a_field_that_is_too_large": (dict(description="x" * 70_000), 413, "request_too_large", "description"),
    "a_request_that_is_too_large": (
        dict(files=[(f"{n}.png", png(size=LIMIT), "image/png") for n in range(6)]), 413, "request_too_large", "",
    ),
    "a_file_of_another_type": (dict(files=[("notes.docx", b"PK\3\4 words", "image/png")]), 415, "file_type", "files"),
    "an_empty_file": (dict(files=[("empty.png", b"", "image/png")]), 415, "file_type", "files"),
    "no_email": (dict(email=None), 422, "required", "submittedByEmail"),
    "a_blank_email": (dict(email="  "), 422, "required", "submittedByEmail"),
    "an_email_that_is_none": (dict(email="mara@northwind"), 422, "invalid", "submittedByEmail"),
    "an_email_that_is_too_long": (dict(email="a" * 300 + "@example.com"), 422, "too_long", "submittedByEmail"),
    "a_text_that_is_too_long": (dict(description="x" * 1001), 422, "too_long", "description"),
    "a_text_too_long_in_utf_16": (dict(description="😀" * 501), 422, "too_long", "description"),
    "a_rating_that_is_none": (dict(rating="maybe"), 422, "invalid", "sentimentRating"),
    "a_consent_that_is_none": (dict(consent="1"), 422, "invalid", "contactConsent"),
    "nothing_said_at_all": (dict(description=" \r\n "), 422, "empty", ""),
    "another_site_s_form": (
        dict(headers={"Sec-Fetch-Site": "cross-site"}), 403, "origin_not_allowed", "",
    ),
    "a_sibling_site_s_form": (dict(headers={"Sec-Fetch-Site": "same-site"}), 403, "origin_not_allowed", ""),
    "another_origin": (dict(headers={"Origin": "https://app.example.com"}), 403, "origin_not_allowed", ""),
    "an_origin_that_is_hidden": (dict(headers={"Origin": "null"}), 403, "origin_not_allowed", ""),
    "an_origin_that_a_page_hides": (
        dict(headers={"Origin": "null", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}),
        403, "origin_not_allowed", "",
    ),
    "a_sandbox_without_an_origin": (
        dict(headers={"Origin": "null", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}),
        403, "origin_not_allowed", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_is(widget: Widget, insider: Sandbox, name: str) -> None:
    sent, status, code, field = REFUSED[name]
    assert_refused(widget, insider, widget.submit(**sent), status, code, field)


def test_refused_is_a_token_of_another_product(widget: Widget, insider: Sandbox) -> None:
    answer = widget.submit(token=widget.token("other"))
    assert_refused(widget, insider, answer, 403, "token_invalid", "token")


def test_refused_is_a_token_that_is_too_young(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(MIN_FILL_TIME="30")
    answer = widget.submit()
    assert_refused(widget, insider, answer, 403, "too_fast", "token")
    assert 25 <= int(answer.headers["retry-after"]) <= 30


def test_refused_is_a_token_that_is_too_old(widget: Widget, insider: Sandbox) -> None:
    assert_refused(widget, insider, widget.submit(token=aged_token(2 * DAY)), 403, "token_expired", "token")


def test_refused_is_a_product_that_is_unknown(widget: Widget, insider: Sandbox) -> None:
    for method in ("GET", "POST"):
        answer = widget.client.request(method, "/form/nobody", headers={"Accept": "application/json"})
        assert_refused(widget, insider, answer, 404, "product_unknown", "")


@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", ""])
def test_refused_is_another_media_type(widget: Widget, insider: Sandbox, media_type: str) -> None:
    answer = widget.client.post(
        "/form/demo", content=b"a=b", headers={"Content-Type": media_type, "Accept": "application/json"}
    )
    assert_refused(widget, insider, answer, 415, "media_type", "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"junk",
        b"--b\r\n",
        b'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\nhi\r\n',
        b'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\nhi\r\n--b',
        b'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\n\xff\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\na\r\n'
        b'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\nb\r\n--b--\r\n',
        b"--b\r\nContent-Disposition: form-data\r\n\r\nhi\r\n--b--\r\n",
    ],
)
def test_refused_is_a_body_that_is_no_form(widget: Widget, insider: Sandbox, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Accept": "application/json"}
    assert_refused(
        widget, insider, widget.client.post("/form/demo", content=body, headers=headers), 400, "malformed", ""
    )


def test_refused_is_who_sends_too_much(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(RATE_LIMIT="2/minute")
    assert [widget.submit(email=None).status_code for _ in range(2)] == [422, 422]
    answer = widget.submit()
    assert_refused(widget, insider, answer, 429, "rate_limited", "")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_refused_is_what_insider_connect_will_not_take(widget: Widget, insider: Sandbox) -> None:
    insider.fail_with(400, "create", body=json.dumps({"isSuccess": False, "errors": ["Say please."]}))
    answer = widget.submit()
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["code"] == "refused_upstream"
    assert "Say please. " in error["message"]
    assert "Northwind" in answer.json()["title"]
    insider.recover()
    assert widget.submit().status_code == 201


def test_unavailable_is_an_outbox_that_cannot_store(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(command=adjusted("widget.outbox.sqlite.BUSY_TIMEOUT=0.5"))
    blocker = sqlite3.connect(widget.folder / "widget.db", isolation_level=None)
    token = widget.token()
    blocker.execute("BEGIN IMMEDIATE")
    answer = widget.submit(token=token)
    blocker.execute("ROLLBACK")
    blocker.close()
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["code"] == "unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert widget.submit(token=token).status_code == 201


def test_every_fault_of_a_form_is_named_at_once(widget: Widget) -> None:
    answer = widget.submit("x" * 1001, "nobody", rating="maybe", consent="perhaps")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [
        "description", "submittedByEmail", "sentimentRating", "contactConsent",
    ]  # fmt: skip


def test_faults_of_files_and_of_fields_are_named_together(widget: Widget) -> None:
    answer = widget.submit(email="nobody", files=[("notes.txt", b"words", "text/plain")])
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [
        ("files", "file_type"),
        ("submittedByEmail", "invalid"),
    ]


def test_a_file_at_fault_is_named_by_its_position(widget: Widget) -> None:
    answer = widget.submit(files=[PNG, ("notes.txt", b"words", "text/plain"), PNG])
    assert [(error["code"], error["position"]) for error in answer.json()["errors"]] == [("file_type", 1)]


@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_messages_are_in_the_form_s_language(widget: Widget, language: str) -> None:
    said = set()
    for url in (f"/form/demo?lang={language}", "/form/demo"):
        answer = widget.client.post(
            url,
            files=[("token", (None, widget.token())), ("submittedByEmail", (None, ""))],
            headers={"Accept": "application/json", "Accept-Language": f"{language};q=0.9, en;q=0.1"},
        )
        said.add(answer.json()["errors"][0]["message"])
    (message,) = said
    assert message.isascii() == (language == "en") or language == "de"


# --- without script ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_without_script_the_form_comes_back_with_the_text_in_place(widget: Widget, insider: Sandbox, name: str) -> None:
    sent, status, code, _ = REFUSED[name]
    given = {"description": "My words <b>", **sent}
    answer = widget.submit(**given, accept="text/html")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    if code == "origin_not_allowed" and name != "a_sandbox_without_an_origin":
        # the page that sent it is not ours, and must not have people see a form with its words
        assert "My words" not in answer.text
    elif "description" not in sent:
        assert "My words &lt;b&gt;" in answer.text
    assert '<form id="feedback"' in answer.text or 'id="feedback"' in answer.text
    assert widget.stored() == stored_before[widget]


def test_without_script_the_thanks_are_a_page(widget: Widget) -> None:
    answer = widget.submit(accept="text/html")
    assert answer.status_code == 201
    assert "Thank you, your feedback has arrived" in answer.text
    assert "/receipt/" in answer.text


# --- receipts, health and the rest ------------------------------------------------------------------------------


def test_a_receipt_never_tells_the_text_or_the_email(widget: Widget) -> None:
    answer = widget.submit("a secret text", "ada@example.com", files=[PNG])
    receipt = widget.receipt(answer)
    assert receipt["status"] == "delivered"
    assert receipt["feedback_id"] == answer.json()["feedback_id"]
    assert receipt["attachments"] == [{"name": "a.png", "status": "attached", "message": None}]
    assert receipt["accepted_at"] <= receipt["delivered_at"]
    page = widget.client.get(answer.json()["receipt_url"]).text
    assert "a secret text" not in page
    assert "ada@example.com" not in page


@pytest.mark.parametrize("receipt", ["nothing", "WyJhIiwiZGVtbyJd.bbbbbbbbbbbbbbbbbbbb", "%00", "a" * 600])
def test_an_unknown_receipt_is_not_found(widget: Widget, receipt: str) -> None:
    assert widget.client.get(f"/receipt/{receipt}").status_code == 404
    answer = widget.client.get(f"/receipt/{receipt}", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "receipt_unknown"


def test_a_fresh_token_says_how_long_it_lasts(widget: Widget) -> None:
    content = widget.client.get("/form/demo/token").json()
    assert content["expires_in"] == 86_400
    assert widget.submit(token=content["token"]).status_code == 201


def test_what_is_not_there_is_a_problem_or_a_page(widget: Widget) -> None:
    assert widget.client.get("/nowhere").status_code == 404
    assert widget.client.get("/static/nothing.js").json()["errors"][0]["code"] == "not_found"
    answer = widget.client.delete("/form/demo", headers={"Accept": "application/json"})
    assert answer.status_code == 405
    assert answer.json()["errors"][0]["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "GET, HEAD, POST"


def test_every_answer_of_a_product_may_be_framed_by_its_pages_alone(widget: Widget) -> None:
    for answer in (widget.client.get("/form/demo"), widget.submit(email=None), widget.submit(accept="text/html")):
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'self' https://app.example.com" in policy
        assert "unsafe" not in policy
        assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers
        assert "x-frame-options" not in answer.headers


def test_static_files_that_a_page_names_are_kept_for_ever(widget: Widget) -> None:
    page = widget.client.get("/form/demo").text
    (style,) = set(re.findall(r"/static/[0-9a-f]+/form\.css", page))
    answer = widget.client.get(style)
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    again = widget.client.get(style, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert widget.client.get("/static/form.css").headers["cache-control"] == "no-cache"


def test_a_page_of_another_version_still_finds_its_files_but_may_not_keep_them(widget: Widget) -> None:
    answer = widget.client.get("/static/0123456789ab/form.css")
    assert answer.content == widget.client.get("/static/form.css").content
    assert answer.headers["cache-control"] == "no-cache"


def test_a_path_cannot_climb_out_of_the_static_folder(widget: Widget) -> None:
    for path in ("/static/../widget.toml", "/static/%2e%2e/widget.toml", "/static//etc/passwd"):
        assert widget.client.get(path).status_code == 404


def test_every_code_has_words_in_every_language() -> None:
    for language in words.languages():
        chosen = words.choose(language)
        for code in STATUS:
            assert chosen.fault(Fault(code, params={"n": 2, "reason": "x"})), (language, code)


def test_the_contract_s_codes_are_all_there() -> None:
    contract = {
        "malformed", "token_invalid", "token_expired", "too_fast", "origin_not_allowed", "product_unknown",
        "already_sent",
        "file_too_large", "too_many_files", "request_too_large", "media_type", "file_type", "required", "too_long",
        "invalid", "empty", "refused_upstream", "rate_limited", "unavailable",
    }  # fmt: skip
    assert contract <= STATUS.keys()

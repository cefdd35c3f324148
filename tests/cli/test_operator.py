"""`widget outbox` while the service runs."""

import base64
import json
import os
import pty
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import children
import pytest
from bed import START, TWO_PRODUCTS, Sandbox, Widget, submission_id_of, until
from samples import forwarded, pdf, png

SECRET = "words for nobody else"
ADA, BOB = "Ada@example.com", "bob@example.com"
FILES = [("a.png", png(), "image/png"), ("b.pdf", pdf(), "application/pdf")]


@pytest.fixture
def widget(start_widget: Callable[..., Widget]) -> Widget:
    """A widget whose rows stay as they are: those that Insider Connect could not take are retried in an hour."""
    return start_widget(
        config=TWO_PRODUCTS,
        RETRY_MIN="3600",
        RETRY_MAX="3600",
        UNKNOWN_POLICY="park",
        SWEEP_INTERVAL="0.3",
        PROBE_INTERVAL="0.3",
    )


@pytest.fixture(scope="module")
def idle(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    """A widget without a row, for commands that change nothing."""
    with Widget(tmp_path_factory.mktemp("idle"), _sandbox.url, config=TWO_PRODUCTS) as widget:
        yield widget


def queued(widget: Widget, insider: Sandbox, **said: object) -> str:
    """A row that waits for an hour."""
    insider.fail_with(408, "create", retry_after=3600)
    return _left(widget, insider, **said)


def refused(widget: Widget, insider: Sandbox, **said: object) -> str:
    """A row that Insider Connect refused."""
    insider.misbehave("refuse", "create")
    return _left(widget, insider, **said)


def parked(widget: Widget, insider: Sandbox, **said: object) -> str:
    """A row whose outcome nobody can know."""
    insider.misbehave("drop_before", "create")
    return _left(widget, insider, **said)


def _left(widget: Widget, insider: Sandbox, **said: object) -> str:
    """Submit while Insider Connect misbehaves, which ends after this."""
    product = str(said.get("product", "demo"))
    token = widget.token(product)
    widget.submit(**{"description": SECRET, "email": ADA, "files": FILES, "token": token, **said})  # type: ignore[arg-type]
    insider.recover()
    return submission_id_of(token, product)


def kept_files(widget: Widget) -> list[Path]:
    return [path for path in (widget.folder / "widget.db-files").iterdir() if path.is_file()]


def test_list_tells_where_each_row_stands_and_never_what_was_said(widget: Widget, insider: Sandbox) -> None:
    assert widget.operate("list").stdout == ""
    widget.submit("delivered at once")
    ids = [queued(widget, insider), refused(widget, insider), parked(widget, insider, product="other")]
    listed = widget.operate("list")
    assert listed.returncode == 0
    demo, other, *lines = listed.stdout.splitlines()
    assert re.fullmatch(r"demo: .*1 waiting, oldest \d+s", demo)
    assert re.fullmatch(r"other: paused since [\d-]+ [\d:]+ UTC \(no complete HTTP answer came\)", other)
    assert [line.split()[:2] for line in lines[1:]] == [
        [ids[0], "queued"],
        [ids[1], "refused"],
        [ids[2], "unknown*"],  # the star: it may have arrived
    ]
    assert "answered 408" in lines[1]
    assert "Contact Consent is required." in lines[2]
    assert "no complete HTTP answer came" in lines[3]
    assert " yours " in lines[3]
    assert [row["state"] for row in widget.rows()] == ["delivered", "queued", "refused", "unknown"]
    assert [row["id"] for row in widget.rows("--product", "other")] == ids[2:]
    assert [row["id"] for row in widget.rows("--state", "refused", "--state", "queued")] == ids[:2]
    assert widget.rows("--older-than", "1h") == []
    assert len(widget.rows("--younger-than", "1h")) == 4
    assert "3 more" in widget.operate("list", "--all", "--limit", "1").stderr
    output = listed.stdout + listed.stderr + json.dumps(widget.rows())
    assert SECRET not in output
    assert ADA not in output


def test_show_tells_what_was_said_only_on_request_and_logs_that(widget: Widget, insider: Sandbox) -> None:
    submission_id = refused(widget, insider, rating="false")
    plain = widget.operate("show", submission_id)
    assert "Contact Consent is required." in plain.stdout
    assert "a.png (image/png" in plain.stdout
    assert SECRET not in plain.stdout
    assert ADA not in plain.stdout
    assert plain.stderr == ""
    full = widget.operate("show", submission_id, "--with-text")
    assert SECRET in full.stdout
    assert ADA in full.stdout
    assert json.loads(full.stderr)["event"] == "outbox.text_shown"
    assert SECRET not in full.stderr
    shown = json.loads(widget.operate("show", submission_id, "--with-text", "--json").stdout)
    assert shown["feedback"]["sentimentRating"] is False
    assert [file["status"] for file in shown["attachments"]] == ["waiting", "waiting"]
    assert "feedback" not in json.loads(widget.operate("show", submission_id, "--json").stdout)


def test_an_address_that_may_not_be_what_it_seems_is_shown_to_the_operator_and_not_refused(
    widget: Widget, insider: Sandbox
) -> None:
    submission_id = queued(widget, insider, email="ada@\u0430pple.example")
    shown = widget.operate("show", submission_id, "--with-text").stdout
    assert "e-mail:      ada@xn--pple-43d.example" in shown
    assert "mixes scripts" in shown
    assert '"submission.mixed_scripts"' in widget.log()
    assert "mixes scripts" not in widget.operate("show", queued(widget, insider), "--with-text").stdout


def test_retry_puts_one_many_or_all_of_a_state_back_and_the_running_service_delivers_them(
    widget: Widget, insider: Sandbox
) -> None:
    one, two, three = queued(widget, insider), refused(widget, insider), refused(widget, insider)
    unknown = parked(widget, insider)
    answer = widget.operate("retry", one, "nobody")
    assert answer.returncode == 3
    assert "Put back 1 submission." in answer.stdout
    assert "nobody: not known" in answer.stderr
    until(lambda: [row["state"] for row in widget.rows("--state", "delivered")] == ["delivered"], pause=0.2)
    changed = json.loads(widget.operate("retry", "--state", "refused", "--state", "unknown", "--json").stdout)
    assert changed == {"done": [two, three, unknown], "left": {}}
    until(lambda: len(widget.rows("--state", "delivered")) == 4, pause=0.2)
    assert len(insider.feedbacks()) == 4
    assert all(len(feedback["attachments"]) == 2 for feedback in insider.feedbacks())
    again = widget.operate("retry", one)
    assert (again.returncode, again.stderr.splitlines()[-1]) == (3, f"{one}: is delivered")


def test_a_terminal_is_shown_how_far_it_is(widget: Widget, insider: Sandbox) -> None:
    refused(widget, insider)
    ours, theirs = pty.openpty()
    command = [*widget.command, "outbox", "retry", "--state", "refused"]
    with open(theirs, "wb") as terminal, open(os.devnull, "wb") as nowhere:
        operator = children.start(command, widget.folder, widget.environ, stdout=nowhere, stderr=terminal)
        assert operator.wait(START) == 0
    assert "100%" in os.read(ours, 10_000).decode()
    os.close(ours)
    assert "%" not in widget.operate("retry", "--state", "refused").stderr


def test_retry_makes_an_old_row_as_patient_as_a_new_one_and_begins_its_wait(widget: Widget, insider: Sandbox) -> None:
    submission_id = queued(widget, insider)
    with sqlite3.connect(widget.folder / "widget.db") as database:
        database.execute(
            "UPDATE submission SET accepted_at = accepted_at - 864000, state = 'refused', ended_at = accepted_at"
        )
    insider.fail_with(408, "create")
    assert widget.operate("retry", submission_id).returncode == 0
    until(lambda: insider.counts()["create"] == 2)
    until(lambda: widget.row()["attempts"] == 1 and widget.row()["state"] == "queued", pause=0.2)
    shown = children.run([*widget.command, "status", "--json"], widget.folder, widget.environ)
    assert json.loads(shown.stdout)["products"]["demo"]["oldest_seconds"] < 600


def test_discard_gives_up_and_can_be_undone(widget: Widget, insider: Sandbox) -> None:
    submission_id = queued(widget, insider)
    refused(widget, insider)
    assert widget.operate("discard", "--state", "refused", typed="n\n").returncode == 1
    assert widget.operate("discard", submission_id).stdout == "Discarded 1 submission.\n"
    assert [row["state"] for row in widget.rows()] == ["discarded", "refused"]
    assert widget.operate("discard", "--state", "refused", typed="y\n").returncode == 0
    assert [row["state"] for row in widget.rows()] == ["discarded", "discarded"]
    assert insider.feedbacks() == []
    widget.operate("retry", submission_id)
    until(lambda: widget.rows()[0]["state"] == "delivered", pause=0.2)


def test_what_is_being_sent_is_left_alone(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(DELIVERY_WAIT="0")
    insider.slow(60, "create")
    answer = widget.submit()
    until(lambda: insider.counts()["create"] == 1)
    with widget.paused():
        submission_id = widget.row()["id"]
        for action in ("retry", "discard"):
            left = widget.operate(action, submission_id)
            assert (left.returncode, left.stderr.strip()) == (3, f"{submission_id}: is being sent at this moment")
    insider.recover()
    widget.until_delivered(answer)


def test_export_writes_everything_as_json_lines_with_the_files(widget: Widget, insider: Sandbox) -> None:
    widget.submit("delivered, so not ours any more")
    first, second = queued(widget, insider, rating="true"), refused(widget, insider)
    exported = widget.operate("export")
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [line["id"] for line in lines] == [first, second]
    assert lines[0]["feedback"] == {
        "description": SECRET,
        "submittedByEmail": ADA,
        "sentimentRating": True,
        "contactConsent": False,
    }
    assert [base64.b64decode(file["content"]) for file in lines[0]["attachments"]] == [
        png(),
        forwarded(pdf(), "application/pdf"),
    ]
    assert json.loads(exported.stderr.splitlines()[0])["event"] == "outbox.exported"
    target, folder = widget.folder / "out.jsonl", widget.folder / "files"
    answer = widget.operate("export", second, "--to", str(target), "--files", str(folder))
    assert (answer.returncode, answer.stdout) == (0, "")
    (line,) = map(json.loads, target.read_text("utf-8").splitlines())
    assert [(folder / file["path"]).read_bytes() for file in line["attachments"]] == [
        png(),
        forwarded(pdf(), "application/pdf"),
    ]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    again = widget.operate("export", "--to", str(target))
    assert (again.returncode, again.stderr.strip()) == (1, f"{target}: File exists")


def test_erase_forgets_a_person_wherever_their_rows_stand_and_nobody_else(widget: Widget, insider: Sandbox) -> None:
    queued(widget, insider), refused(widget, insider), parked(widget, insider)
    insider.fail_with(408, "attach", retry_after=3600)
    widget.submit(SECRET, ADA, FILES)  # its feedback has arrived, its files have not
    insider.recover()
    other = queued(widget, insider, email=BOB, description="of somebody else")
    erased = widget.operate("erase", "--email", "-", "--json", typed="ada@example.COM\ny\n")
    feedback_id = insider.feedbacks()[0]["id"]
    result = json.loads(erased.stdout)
    assert (len(result["ids"]), result["discarded"], result["feedback_ids"]) == (4, 3, [feedback_id])
    asked, _, line = erased.stderr.partition("[y/N]: ")
    logged = json.loads(line)
    assert "Erase 4 submissions from this person?" in asked
    assert (logged["event"], logged["rows"], set(logged["submissions"])) == ("outbox.erased", 4, set(result["ids"]))
    assert "ada@" not in erased.stderr.lower()
    rows = widget.rows()
    assert [row["state"] for row in rows] == ["discarded", "refused", "discarded", "discarded", "queued"]
    assert [row["erased"] for row in rows] == [True] * 4 + [False]
    assert {row["last_error"] for row in rows[:4]} == {"erased on request"}
    assert len(kept_files(widget)) == 2
    left = widget.operate("retry", rows[0]["id"])
    assert (left.returncode, left.stderr.strip()) == (3, f"{rows[0]['id']}: what was said is erased")
    assert "Erased 0 submissions" in widget.operate("erase", "--email", ADA, "--yes").stdout
    widget.operate("retry", other)
    until(lambda: widget.rows()[-1]["state"] == "delivered", pause=0.2)
    widget.stop()
    for path in widget.folder.glob("widget.db*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes()


def test_erase_forgets_single_submissions_names_what_is_not_known_and_frees_the_room(
    widget: Widget, insider: Sandbox
) -> None:
    one, other = queued(widget, insider), refused(widget, insider)
    assert len(kept_files(widget)) == 4
    erased = widget.operate("erase", one, "nobody")
    assert (erased.returncode, "Erased 1 submission; 1 of them" in erased.stdout) == (3, True)
    assert "nobody: not known" in erased.stderr
    assert [(row["id"], row["erased"]) for row in widget.rows()] == [(one, True), (other, False)]
    assert len(kept_files(widget)) == 2
    assert json.loads(widget.operate("erase", other, "--json").stdout)["ids"] == [other]
    assert kept_files(widget) == []


def test_erasing_what_is_being_sent_says_that_it_may_have_arrived(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(DELIVERY_WAIT="0")
    insider.slow(60, "create")
    widget.submit(SECRET, ADA)
    until(lambda: insider.counts()["create"] == 1)
    with widget.paused():
        assert "1 being sent at that moment" in widget.operate("erase", "--email", ADA, "--yes").stdout
    insider.recover()
    until(lambda: "submission.claim_lost" in widget.log())
    assert (widget.row()["state"], widget.row()["erased"]) == ("discarded", True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "nobody"], 3, "nobody: not known"),
        (["retry"], 2, "select submissions by their ids"),
        (["erase"], 2, "give ids, --email or --unreadable"),
        (["erase", "an-id", "--email", BOB], 2, "give ids, --email or --unreadable"),
        (["erase", "nobody"], 3, "nobody: not known"),
        (["retry", "--state", "delivered"], 2, "use queued, unknown, refused, discarded"),
        (["show", "https://[::1/receipt/x"], 3, "not known"),
        (["show", "\udcff"], 3, "not known"),
        *(
            ([*command, "--product", "dem"], 2, "there is no product 'dem'; did you mean demo?")
            for command in (["list"], ["export"], ["retry", "--held"], ["discard", "--held", "--dry-run"])
        ),
        (["list", "--older-than", "soon"], 2, "'soon' is not a valid age; write one such as 90s, 15m, 12h or 3d"),
    ],
)
def test_a_wrong_command_line_is_distinguished_from_a_wrong_id(
    idle: Widget, arguments: list[str], code: int, words: str
) -> None:
    answer = idle.operate(*arguments)
    assert answer.returncode == code
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_outbox_that_is_not_there_or_not_ours_is_named(tmp_path: Path, insider: Sandbox) -> None:
    widget = Widget(tmp_path, insider.url)
    answer = widget.operate("list")
    assert (answer.returncode, "there is no outbox at" in answer.stderr) == (1, True)
    assert not (tmp_path / "widget.db").exists()
    sqlite3.connect(tmp_path / "widget.db").close()
    answer = widget.operate("list")
    assert (answer.returncode, "has no outbox yet: run `widget migrate`" in answer.stderr) == (1, True)
    with widget:
        pass
    with sqlite3.connect(tmp_path / "widget.db") as database:
        database.execute("UPDATE schema_version SET version = 99")
    answer = widget.operate("list")
    assert (answer.returncode, "has schema 99" in answer.stderr) == (1, True)
    (tmp_path / "widget.db").write_bytes(os.urandom(8192))
    answer = widget.operate("list")
    assert (answer.returncode, "is not a SQLite database" in answer.stderr) == (1, True)
    assert "Traceback" not in answer.stderr

"""`widget outbox import`: waiting submissions move from one database to another."""

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import children
import pytest
from bed import CLIENT_ID, Widget
from outboxes import new_submission, outbox_at, read_file, row
from samples import png

from widget.outbox.model import NO_ID, Transition
from widget.outbox.sealing import Keyring
from widget.outbox.tally import Tally

OUTCOMES = {
    "queued": Transition("queued", delay=900.0, error="answered 503"),
    "created": Transition("queued", delay=900.0, feedback_id=7),
    "refused": Transition("refused", error="answered 400: no", public_message="no"),
    "parked": Transition("unknown", error="no answer in time", possible_duplicate=True),
    "without_id": Transition("unknown", feedback_id=NO_ID, error="no id"),
    "delivered": Transition("delivered", feedback_id=8),
    "sending": None,
}


async def exported(folder: Path, *arguments: str) -> str:
    """The exported lines of an SQLite outbox with a row in each state, each with a picture, and a held row."""
    folder.mkdir()  # noqa: ASYNC240
    widget = Widget(folder, "http://127.0.0.1:1")
    widget.client.close()
    async with outbox_at(widget.environ["DATABASE_URL"], folder) as outbox:
        for name, outcome in OUTCOMES.items():
            await outbox.add(new_submission(outbox, png(), submission_id=name, context='{"page": "/x"}'))
            work = await outbox.claim(name)
            assert work
            if outcome:
                await outbox.record(work, outcome)
        await outbox.add(new_submission(outbox, png(), submission_id="held"), held="trap")
    done = widget.operate("export", *[f"--state={state}" for state in ("queued", "sending", "unknown", "refused")],
                          "--state=delivered", *arguments)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("in_folder", [False, True])
async def test_waiting_rows_move_to_postgresql_with_their_files_and_a_repeat_changes_nothing(
    postgres: Any, tmp_path: Path, in_folder: bool
) -> None:
    files = ["--files", str(tmp_path / "files")] if in_folder else []
    lines = await exported(tmp_path / "old", *files)
    assert '"public_message": "no"' in lines
    if in_folder:  # as an earlier version wrote it
        lines = lines.replace('"public_message"', '"told"')
    url, key = postgres.database(), "a-key-of-the-new-outbox-0123456789"
    widget = Widget(tmp_path, "http://127.0.0.1:1", DATABASE_URL=url, DATA_KEY=key)
    widget.client.close()
    widget.migrate()
    first = lines.splitlines()[0]
    done = widget.operate("import", "-", *files, typed=f"{first}\n{lines}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Imported 8 submissions; 1 more were here already; 0 lines could not be imported.\n"
    (logged,) = map(json.loads, done.stderr.splitlines())
    assert (logged["event"], logged["rows"]) == ("outbox.imported", 8)
    again = widget.operate("import", "-", *files, typed=lines)
    assert again.stdout == "Imported 0 submissions; 8 more were here already; 0 lines could not be imported.\n"
    async with outbox_at(url, tmp_path, keyring=Keyring([key])) as outbox:
        found = {name: await row(outbox, name) for name in (*OUTCOMES, "held")}
        assert {name: each["state"] for name, each in found.items()} == {
            "queued": "queued",
            "created": "queued",
            "refused": "refused",
            "parked": "unknown",
            "without_id": "unknown",
            "delivered": "delivered",
            "sending": "unknown",
            "held": "queued",
        }
        assert {name for name, each in found.items() if each["due_at"]} == {"queued", "created"}
        assert {name for name, each in found.items() if each["possible_duplicate"]} == {"parked", "sending"}
        assert (found["created"]["feedback_id"], found["without_id"]["feedback_id"]) == (7, NO_ID)
        assert found["held"]["held_for"] == "trap"
        assert found["queued"]["email"].startswith("\x01"), "the new outbox encrypts"
        refused = await outbox.status("refused")
        assert refused
        assert refused.public_message == "no"
        work = await outbox.claim("created")
        assert work
        assert (work.feedback.email, work.feedback_id) == ("ada@example.com", 7)
        assert await read_file(outbox, work.pending[0]) == png()
        counts: Counter[str] = Counter()
        for counted, amount in (await Tally(outbox.backend).totals()).items():
            counts[counted.event] += amount.number
        assert counts == {"accepted": 8, "delivered": 1, "refused": 1, "unknown": 2}, "each once, with its end"


async def test_a_line_that_cannot_be_taken_is_named_by_its_number_and_the_others_are_taken(tmp_path: Path) -> None:
    good = [json.loads(line) for line in (await exported(tmp_path / "old")).splitlines()]
    queued = next(line for line in good if line["id"] == "queued")
    bad = {
        "is not JSON": "{",
        "product is not set": {name: queued[name] for name in queued if name != "product"},
        "there is no product 'nobody'": queued | {"product": "nobody"},
        "state is not one of the choices": queued | {"state": "lost"},
        "colour is not a field of a submission": queued | {"colour": "red"},
        "but has no feedback": queued | {"feedback": None},
        "submittedByEmail:invalid": queued | {"feedback": queued["feedback"] | {"submittedByEmail": "ada"}},
        "attachments.0 has 3 bytes": queued
        | {"attachments": [queued["attachments"][0] | {"content": base64.b64encode(b"abc").decode()}]},
        "is not base64": queued | {"attachments": [queued["attachments"][0] | {"content": "%"}]},
        "last_error has a NUL": queued | {"last_error": "a\0b"},
        "cause is not UTF-8 text": queued | {"cause": "\udcff"},
        "attachments.0.message is not UTF-8 text": queued
        | {"attachments": [queued["attachments"][0] | {"message": "\ud800"}]},
        "context is not UTF-8 text": queued | {"context": {"page": "\ud800"}},
        "attempts is too large": queued | {"attempts": 2**31},
        "leads out of the folder": queued
        | {"attachments": [queued["attachments"][0] | {"content": None, "path": "../../etc/passwd"}]},
    }
    lines = [line if isinstance(line, str) else json.dumps(line) for line in bad.values()]
    text = "\n".join([json.dumps(queued), "", *lines, json.dumps(good[-1])])
    (tmp_path / "lines.jsonl").write_text(text)
    widget = Widget(tmp_path, "http://127.0.0.1:1")
    widget.client.close()
    widget.migrate()
    (tmp_path / "files").mkdir()
    done = widget.operate("import", str(tmp_path / "lines.jsonl"), "--files", str(tmp_path / "files"))
    assert done.returncode == 3
    messages = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    for number, (words, line) in enumerate(zip(bad, messages, strict=True), start=3):
        assert line.startswith(f"line {number}: "), line
        assert words in line
    assert "Imported 2 submissions; 0 more were here already; 15 lines" in done.stdout
    assert {each["id"] for each in widget.rows()} == {"queued", good[-1]["id"]}
    assert "Traceback" not in done.stderr


def test_an_import_into_nothing_makes_no_outbox(tmp_path: Path) -> None:
    widget = Widget(tmp_path, "http://127.0.0.1:1", INSIDER_CLIENT_ID=CLIENT_ID)
    widget.client.close()
    done = children.run([*widget.command, "outbox", "import", "-"], tmp_path, widget.environ, typed="{}\n")
    assert (done.returncode, "there is no outbox at" in done.stderr) == (1, True)
    assert not (tmp_path / "widget.db").exists()

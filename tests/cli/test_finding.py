"""How operators find submissions, and what commands print, ask and log about many of them at once."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from bed import SECRET_KEY, Widget
from outboxes import new_submission, outbox_at

from widget.outbox.accounts import Accounts
from widget.outbox.model import Transition
from widget.submissions.tokens import Tokens

Rows = dict[str, Transition | None]
REFUSED = Transition("refused", error="answered 400: no")
BUSY = Transition("queued", delay=3600.0, error="answered 503")


@pytest.fixture
async def stored(tmp_path: Path) -> Callable[..., object]:
    """Store rows by id and outcome, in this order, for a widget that is not running."""

    async def store(rows: Rows, paused: str | None = None) -> Widget:
        widget = Widget(tmp_path, "http://127.0.0.1:1")
        widget.client.close()
        async with outbox_at(widget.environ["DATABASE_URL"], tmp_path) as outbox:
            for submission_id, outcome in rows.items():
                await outbox.add(new_submission(outbox, submission_id=submission_id))
                if outcome:
                    work = await outbox.claim(submission_id)
                    assert work
                    await outbox.record(work, outcome)
            if paused:
                await Accounts(outbox.backend).note(("demo",), paused)
        return widget

    return store


async def test_json_has_every_row_and_a_table_says_how_many_it_leaves_out(stored: Callable[..., object]) -> None:
    ids = [f"{number:032x}" for number in range(130)]
    widget = await stored(dict.fromkeys(ids))  # type: ignore[misc]
    everything = widget.operate("list", "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in everything] == ids
    newest = widget.operate("list", "--newest", "--limit", "2", "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in newest] == [ids[-1], ids[-2]]
    listed = widget.operate("list")
    assert sum(" queued " in line for line in listed.stdout.splitlines()) == 100
    assert listed.stdout.splitlines()[0].startswith("demo: 130 waiting, oldest ")
    assert "30 more; --limit 130 shows all" in listed.stderr


async def test_a_summary_counts_by_state_product_and_reason(stored: Callable[..., object]) -> None:
    rows: Rows = {"a" * 8: BUSY, "b" * 8: REFUSED, "c" * 8: REFUSED, "d" * 8: Transition("delivered", feedback_id=1)}
    widget = await stored(rows, paused="answered 503")  # type: ignore[misc]
    groups = [json.loads(line) for line in widget.operate("list", "--summary", "--json").stdout.splitlines()]
    assert [(each["state"], each["product"], each["reason"], each["count"]) for each in groups] == [
        ("refused", "demo", "answered 400: no", 2),
        ("queued", "demo", "answered 503", 1),
    ]
    table = widget.operate("list", "--summary", "--all").stdout.splitlines()
    assert [line.split()[:2] for line in table] == [
        ["COUNT", "STATE"],
        ["2", "refused"],
        ["1", "queued"],
        ["1", "delivered"],
    ]
    on_top = widget.operate("list").stdout.splitlines()[0]
    assert on_top.startswith("demo: paused since ")
    assert "(answered 503), 1 waiting, oldest " in on_top


async def test_output_that_nobody_takes_ends_with_a_sentence_and_what_was_exported_is_logged(
    stored: Callable[..., object],
) -> None:
    widget = await stored({"a" * 8: REFUSED})  # type: ignore[misc]

    def said(*arguments: str) -> list[str]:
        with open("/dev/full", "wb") as full:
            ended = subprocess.run(
                [*widget.command, *arguments],
                cwd=widget.folder,
                env=widget.environ,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert ended.returncode == 1
        return ended.stderr.splitlines()

    sentence = "The output cannot be written: No space left on device"
    for arguments in ("--help",), ("outbox", "list"):
        assert said(*arguments) == [sentence]
    line, last = said("outbox", "export")
    assert (json.loads(line)["event"], json.loads(line)["rows"], last) == ("outbox.exported", 1, sentence)


async def test_a_submission_is_found_by_whatever_a_person_or_insider_connect_calls_it(
    stored: Callable[..., object],
) -> None:
    one, other = "abcd" + "1" * 28, "abcd" + "2" * 28
    widget = await stored({one: Transition("delivered", feedback_id=4711), other: REFUSED})  # type: ignore[misc]
    receipt = Tokens([SECRET_KEY], 60).receipt(one, "demo")
    for name in (one, one[:5], "4711", receipt, f"https://feedback.example.com/receipt/{receipt}?lang=de"):
        assert f"id:          {one}\n" in widget.operate("show", name).stdout, name
        assert [row["id"] for row in widget.rows(name)] == [one], name
    assert [row["id"] for row in widget.rows("abcd")] == [one, other]
    many = widget.operate("show", "abcd")
    assert (many.returncode, many.stderr) == (3, f"abcd: matches 2 submissions: {one}, {other}\n")
    assert widget.operate("retry", "abcd").returncode == 3
    assert "Put back 1 submission." in widget.operate("retry", other[:6]).stdout
    forged = widget.operate("show", receipt[:-4] + "AAAA")
    assert (forged.returncode, "is not a receipt signed by a key in SECRET_KEY" in forged.stderr) == (3, True)
    assert widget.operate("show", "abc").stderr == "abc: not known\n"


async def test_many_at_once_are_counted_asked_for_and_logged_in_one_line(stored: Callable[..., object]) -> None:
    ids = [f"{number:032x}" for number in range(120)]
    widget = await stored(dict.fromkeys(ids, REFUSED) | {"f" * 32: BUSY}, paused="answered 503")  # type: ignore[misc]
    for action, word in {"retry": "put back", "discard": "discard"}.items():
        result = widget.operate(action, "--state", "refused", "--state", "queued", "--dry-run")
        assert result.stdout == f"Would {word} 121 submissions (120 refused, 1 queued). Nothing was changed.\n"
        assert json.loads(widget.operate(action, ids[0], "--dry-run", "--json").stdout) == {"refused": 1}
    no = widget.operate("discard", "--state", "refused", typed="n\n")
    assert (no.returncode, "Give up 120 submissions (120 refused)?" in no.stderr) == (1, True)
    assert len(widget.rows("--state", "refused")) == 120
    retried = widget.operate("retry", "--state", "refused")
    line, paused = retried.stderr.splitlines()
    assert (json.loads(line)["event"], json.loads(line)["rows"]) == ("outbox.put_back", 120)
    assert paused.startswith("demo is paused since ")
    discarded = widget.operate("discard", ids[0], ids[1])
    assert json.loads(discarded.stderr)["submissions"] == ids[:2]


async def test_an_erasure_asks_whatever_gives_the_address_and_refuses_what_is_none(
    stored: Callable[..., object],
) -> None:
    widget = await stored({"a" * 8: REFUSED, "b" * 8: None})  # type: ignore[misc]
    for typed in ("ada@example.com\nn\n", "ada@example.com\n"):
        asked = widget.operate("erase", "--email", "-", typed=typed)
        assert (asked.returncode, "Erase 2 submissions from this person?" in asked.stderr) == (1, True)
    wrong = widget.operate("erase", "--email", "-", "--yes", typed="ada at example.com\n")
    assert (wrong.returncode, "this is not an e-mail address" in wrong.stderr) == (2, True)
    assert widget.operate("erase", "--email", "ada", "--yes").returncode == 2
    assert [row["erased"] for row in widget.rows()] == [False, False]
    assert widget.operate("erase", "--email", "-", "--yes", typed="ada@example.com\n").returncode == 0
    assert [row["erased"] for row in widget.rows()] == [True, True]

"""`widget stats` prints a table, CSV or a picture."""

import asyncio
import csv
import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import children
import pytest
from bed import Widget
from outboxes import new_submission, outbox_at

from widget.outbox.model import Transition


async def fill(widget: Widget) -> None:
    async with outbox_at(widget.environ["DATABASE_URL"], widget.folder) as outbox:
        for locale, rating in (("en", True), ("en", False), ("de", True), ("de", None)):
            new = new_submission(outbox, b"picture")
            new = replace(new, locale=locale, feedback=replace(new.feedback, rating=rating))
            await outbox.add(new)
            work = await outbox.claim(new.id)
            assert work
            await outbox.record(work, Transition("delivered", feedback_id=1))


@pytest.fixture
def used(tmp_path: Path) -> Widget:
    """A widget that has received four submissions and has stopped."""
    widget = Widget(tmp_path, "http://127.0.0.1:1")
    asyncio.run(fill(widget))
    return widget


def stats(widget: Widget, *arguments: str) -> str:
    done = children.run([*widget.command, "stats", *arguments], widget.folder, widget.environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_usage_is_printed_as_a_table_as_csv_and_as_a_picture(used: Widget) -> None:
    table = stats(used, "--by", "product").splitlines()
    assert table[0].split() == [
        *("PRODUCT", "SUBMISSIONS", "THUMBS", "UP", "THUMBS", "DOWN", "SHARE", "UP", "WITH", "FILES"),
        *("DELIVERED", "REFUSED"),
    ]
    assert table[1].split() == ["demo", "4", "2", "1", "67%", "4", "4", "0"]
    rows = list(csv.DictReader(io.StringIO(stats(used, "--by", "locale", "--format", "csv"))))
    assert [(row["locale"], row["submissions"], row["share_up"]) for row in rows] == [
        ("de", "2", "100%"),
        ("en", "2", "50%"),
    ]
    root = ET.fromstring(stats(used, "--format", "svg", "--by", "week"))
    assert len([each for each in root.iter() if each.tag.endswith("rect")]) == 3
    assert "ada" not in "".join(table)


def test_a_product_that_is_not_there_and_an_outbox_that_is_not_there_are_named(used: Widget, tmp_path: Path) -> None:
    done = children.run([*used.command, "stats", "--product", "demmo"], used.folder, used.environ)
    assert (done.returncode, done.stderr) == (1, "There is no product demmo. There are: demo\n")
    missing = {**used.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'elsewhere.db'}"}
    done = children.run([*used.command, "stats"], used.folder, missing)
    assert done.returncode == 1
    assert "there is no outbox at" in done.stderr
    assert not (tmp_path / "elsewhere.db").exists()

"""What `DATA_KEY` encrypts cannot be read without the key, and no part of it can be exchanged, left out or cut off."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from outboxes import FEEDBACK, backend_at, kept_blobs, new_submission, outbox_at, read_file, row
from sqlalchemy import text

from widget.errors import AttachmentMissing, ConfigurationError, OutboxUnavailable
from widget.outbox.entries import Wanted
from widget.outbox.model import Transition
from widget.outbox.operator import Operator
from widget.outbox.outbox import Outbox
from widget.outbox.sealing import FRAME, HEADER, PLAIN, TAG, Keyring
from widget.outbox.sqlite import SQLiteBackend

OLD = "old-key-of-tests-0123456789abcdefghijk"
NEW = "new-key-of-tests-0123456789abcdefghijk"
BOTH = Keyring((NEW, OLD))
CONTENT = bytes(range(256)) * 3000  # 768,000 bytes: three frames, the last of them short
CONTEXT = '{"page": "https://app.example.com/orders"}'
_ANY = Wanted()


async def frames(content: bytes) -> AsyncIterator[bytes]:
    """A sealed file as a backend reads it."""
    size = HEADER + FRAME + TAG
    while content:
        frame, content = content[:size], content[size:]
        yield frame
        size = FRAME + TAG


async def opened(keyring: Keyring, blob: str, sealed: list[bytes]) -> bytes:
    return b"".join([chunk async for chunk in keyring.open_file(blob, frames(b"".join(sealed)))])


def sealed_file(content: bytes = CONTENT, blob: str = "blob") -> list[bytes]:
    chunks = [content[start : start + FRAME] for start in range(0, len(content), FRAME)]
    return list(BOTH.seal_file(blob, chunks))


async def stored_bytes(outbox: Outbox) -> bytes:
    """The stored bytes of all files, in the database or beside it."""
    if isinstance(outbox.backend, SQLiteBackend):
        folder = outbox.backend.files
        return b"".join([(folder / name).read_bytes() for name in await outbox.backend.strays()])
    chunks = text("SELECT bytes FROM attachment_chunk ORDER BY blob, number")
    return b"".join(await outbox.backend.read(lambda c: [bytes(row.bytes) for row in c.execute(chunks)]))


# --- texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["", "plain", "𝄞 and \ud800", "\x00\x01", "x" * 100_000])
def test_a_text_comes_back_as_it_was(said: str) -> None:
    sealed = BOTH.seal(BOTH.newest, "row", "description", said)
    assert sealed is not None
    assert said not in sealed or not said
    assert BOTH.open(BOTH.newest, "row", "description", sealed) == said
    assert sealed != BOTH.seal(BOTH.newest, "row", "description", said), "the same text is sealed anew each time"


@pytest.mark.parametrize(("row_id", "field"), [("other", "description"), ("row", "email")])
def test_a_text_cannot_be_read_in_another_s_place(row_id: str, field: str) -> None:
    sealed = BOTH.seal(BOTH.newest, "row", "description", "said")
    with pytest.raises(OutboxUnavailable):
        BOTH.open(BOTH.newest, row_id, field, sealed)


def test_a_text_that_was_changed_is_not_read() -> None:
    sealed = BOTH.seal(BOTH.newest, "row", "email", "ada@example.com") or ""
    for place in range(len(sealed)):
        changed = f"{sealed[:place]}{'A' if sealed[place] != 'A' else 'B'}{sealed[place + 1 :]}"
        with pytest.raises(OutboxUnavailable):
            BOTH.open(BOTH.newest, "row", "email", changed)


def test_without_a_key_all_stays_as_it_is() -> None:
    assert PLAIN.seal(PLAIN.newest, "row", "email", "ada@example.com") == "ada@example.com"
    assert list(PLAIN.seal_file("blob", [b"a", b"b"])) == [b"a", b"b"]


# --- files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, len(CONTENT)])
async def test_a_file_comes_back_as_it_was(size: int) -> None:
    content = CONTENT[:size].ljust(size, b"z")
    assert await opened(BOTH, "blob", sealed_file(content)) == content


@pytest.mark.parametrize(
    "order",
    [[0, 1], [0], [0, 2], [0, 2, 1], [0, 1, 1, 2], [0, 1, 2, 2]],
    ids=["its end is gone", "all but one", "one left out", "two exchanged", "one twice", "one too many"],
)
async def test_a_file_whose_frames_were_moved_is_not_read_as_whole(order: list[int]) -> None:
    whole = sealed_file()
    with pytest.raises(AttachmentMissing):
        await opened(BOTH, "blob", [whole[number] for number in order])


@pytest.mark.parametrize("place", [0, len("?widget1"), HEADER, HEADER + 100, HEADER + FRAME + TAG - 1, -1])
async def test_a_file_with_one_byte_changed_is_not_read(place: int) -> None:
    whole = bytearray(b"".join(sealed_file()))
    whole[place] ^= 1
    with pytest.raises(AttachmentMissing):
        await opened(BOTH, "blob", [bytes(whole)])


async def test_a_file_cannot_be_read_in_another_s_place() -> None:
    with pytest.raises(AttachmentMissing):
        await opened(BOTH, "another blob", sealed_file())


# --- the outbox, on both databases ------------------------------------------------------------------------------


async def test_of_what_was_said_the_database_holds_nothing_readable(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, keyring=BOTH) as outbox:
        new = new_submission(outbox, CONTENT, context=CONTEXT)
        await outbox.add(new)
        held = await row(outbox, new.id)
        files = await outbox.backend.read(lambda c: c.execute(text("SELECT * FROM attachment")).all())
        everything = f"{held} {files}"
        for said in (FEEDBACK.description, FEEDBACK.email, "orders", "0.png"):
            assert said not in everything
        assert CONTENT[:64] not in await stored_bytes(outbox)
        work = await outbox.claim(new.id)
        assert work is not None
        assert work.feedback == FEEDBACK
        assert work.pending[0].name == "0.png"
        assert await read_file(outbox, work.pending[0]) == CONTENT
        whole = await Operator(outbox.backend).whole(new.id)
        assert whole is not None
        assert (whole.feedback, whole.context, whole.attachments[0].name) == (FEEDBACK, CONTEXT, "0.png")


async def test_what_insider_connect_said_is_sealed_with_it(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, keyring=BOTH) as outbox:
        new = new_submission(outbox, b"picture")
        await outbox.add(new)
        work = await outbox.claim(new.id)
        assert work is not None
        words = Transition(
            "refused", error="It works is no text", public_message="It works.", attachments={0: ("refused", "0.png!")}
        )
        assert await outbox.record(work, words)
        held = repr(await row(outbox, new.id))
        assert "It works" not in held
        status = await outbox.status(new.id)
        assert status is not None
        assert (status.public_message, status.attachments[0].message) == ("It works.", "0.png!")
        (entry,) = await Operator(outbox.backend).find(_ANY)
        assert (entry.last_error, entry.public_message) == ("It works is no text", "It works.")


async def test_a_summary_joins_what_was_said_alike_whatever_seals_it(database_url: str, tmp_path: Path) -> None:
    for keyring in (PLAIN, Keyring((OLD,)), BOTH, BOTH):
        async with outbox_at(database_url, tmp_path, keyring=keyring) as outbox:
            await outbox.add(new := new_submission(outbox))
            work = await outbox.claim(new.id)
            assert work is not None
            await outbox.record(work, Transition("refused", error="answered 400: no text"))
            groups = await Operator(outbox.backend).groups(_ANY)
    assert [(each.state, each.last_error, each.count) for each in groups] == [("refused", "answered 400: no text", 4)]


async def test_rows_from_before_and_of_an_older_key_stay_readable(database_url: str, tmp_path: Path) -> None:
    ids = []
    for keyring in (PLAIN, Keyring((OLD,)), BOTH):
        async with outbox_at(database_url, tmp_path, keyring=keyring) as outbox:
            new = new_submission(outbox, CONTENT)
            await outbox.add(new)
            ids.append(new.id)
    async with outbox_at(database_url, tmp_path, keyring=BOTH) as outbox:
        assert [(await row(outbox, each))["data_key"] for each in ids] == [None, BOTH.names[1], BOTH.names[0]]
        for each in ids:
            work = await outbox.claim(each)
            assert work is not None
            assert work.feedback == FEEDBACK
            assert await read_file(outbox, work.pending[0]) == CONTENT


async def test_a_start_without_a_key_that_rows_need_says_how_many_and_touches_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with outbox_at(database_url, tmp_path, keyring=Keyring((OLD,))) as outbox:
        for _ in range(3):
            await outbox.add(new_submission(outbox, CONTENT))
    for keyring in (PLAIN, Keyring((NEW,))):
        outbox = Outbox(backend_at(database_url, tmp_path, keyring))
        with pytest.raises(ConfigurationError, match="3 submissions are encrypted with a key that is not listed"):
            await outbox.open()
        assert await kept_blobs(outbox) == 3
        await outbox.close()
    async with outbox_at(database_url, tmp_path, keyring=BOTH) as outbox:
        assert len(await outbox.due(10)) == 3


async def test_what_no_key_reads_is_given_up_on_request_alone(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, keyring=Keyring((OLD,))) as outbox:
        await outbox.add(new_submission(outbox, CONTENT))
    backend = backend_at(database_url, tmp_path, Keyring((NEW,)))
    await backend.open(exclusive=False)
    erased = await Operator(backend).erase_unreadable()
    await backend.close()
    assert (len(erased.ids), erased.discarded) == (1, 1)
    async with outbox_at(database_url, tmp_path, keyring=Keyring((NEW,))) as outbox:
        assert await outbox.due(10) == []
        assert await kept_blobs(outbox) == 0


async def test_a_process_without_the_key_leaves_a_row_to_those_that_have_it(database_url: str, tmp_path: Path) -> None:
    """While a key is being rotated in, one machine after the other."""
    async with outbox_at(database_url, tmp_path, keyring=Keyring((OLD,))) as outbox:
        new = new_submission(outbox)
        await outbox.add(new)
        outbox.backend.keyring = Keyring((NEW,))
        other = Outbox(outbox.backend)
        assert await other.due(10) == []
        assert await other.next_due_in() is None
        assert await other.claim(new.id) is None
        assert (await row(outbox, new.id))["attempts"] == 0


# --- what is damaged --------------------------------------------------------------------------------------------

_DAMAGES = {
    "cut": "SET {0} = substr({0}, 1, 30)",
    "emptied": "SET {0} = ''",
    "one letter": "SET {0} = substr({0}, 1, 40) || '!' || substr({0}, 42)",
    "its mark": "SET {0} = 'x' || substr({0}, 2)",
    "its key's name": "SET {0} = substr({0}, 1, 1) || '0123456789abcdef' || substr({0}, 18)",
    "another's": "SET {0} = (SELECT other.{0} FROM submission AS other WHERE other.id = 'whole')",
}


_IDS = {how: uuid.uuid4().hex for how in _DAMAGES}
"""The submissions that are damaged, each in its way."""


async def damage(outbox: Outbox, submission_id: str, column: str, how: str) -> None:
    statement = text(f"UPDATE submission {_DAMAGES[how].format(column)} WHERE id = :id")
    await outbox.backend.write(lambda c: c.execute(statement, {"id": submission_id}).rowcount)


async def test_damaged_rows_are_set_aside_named_and_stop_nothing_else(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, keyring=BOTH) as outbox:
        operator = Operator(outbox.backend)
        for name in ("whole", *_IDS.values()):
            await outbox.add(new_submission(outbox, b"picture", submission_id=name))
        for how, damaged in _IDS.items():
            await damage(outbox, damaged, "email", how)
        with structlog.testing.capture_logs() as logged:
            assert [await outbox.claim(damaged) for damaged in _IDS.values()] == [None] * len(_IDS)
        reason = "damaged in storage: email cannot be decrypted"
        assert [(event["event"], event["submission"], event["reason"]) for event in logged] == [
            ("submission.damaged", damaged, reason) for damaged in _IDS.values()
        ]
        assert [each.id for each in await outbox.due(10)] == ["whole"]
        for entry in await operator.find(Wanted(states=("refused",))):
            assert entry.last_error == reason
            status = await outbox.status(entry.id)
            assert status is not None
            assert status.state == "refused"
            shown = await operator.whole(entry.id)
            assert shown is not None
            assert shown.feedback is not None
            assert shown.feedback.description == FEEDBACK.description, "what can be read is shown"
        assert await outbox.claim("whole") is not None
        erased = await operator.erase_person(FEEDBACK.email)
        assert (erased.ids, set(erased.damaged)) == (("whole",), set(_IDS.values()))
        assert set((await operator.erase(erased.damaged)).ids) == set(_IDS.values())
        assert await kept_blobs(outbox) == 0


async def test_a_damaged_file_or_name_stops_neither_its_receipt_nor_the_list(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, keyring=BOTH) as outbox:
        new = new_submission(outbox, b"picture", context=CONTEXT)
        await outbox.add(new)
        broken = [text("UPDATE attachment SET name = 'a.png'"), text("UPDATE submission SET told = 'x', context = '{'")]
        await outbox.backend.write(lambda c: [c.execute(each).rowcount for each in broken])
        status = await outbox.status(new.id)
        assert status is not None
        assert (status.attachments[0].name, status.public_message) == ("?", "?")
        (entry,) = await Operator(outbox.backend).find(_ANY)
        whole = await Operator(outbox.backend).whole(entry.id)
        assert whole is not None
        assert (whole.feedback, whole.context) == (FEEDBACK, None)
        assert await outbox.claim(new.id) is None


# --- what erasing reaches ---------------------------------------------------------------------------------------


async def test_a_person_is_erased_by_the_address_however_the_row_is_stored(database_url: str, tmp_path: Path) -> None:
    for keyring in (PLAIN, Keyring((OLD,)), BOTH):
        async with outbox_at(database_url, tmp_path, keyring=keyring) as outbox:
            await outbox.add(new_submission(outbox, b"picture"))
    async with outbox_at(database_url, tmp_path, keyring=BOTH) as outbox:
        operator = Operator(outbox.backend)
        assert (await operator.erase_person("somebody.else@example.com")).ids == ()
        erased = await operator.erase_person(f" mailto:{FEEDBACK.email.upper()} ")
        assert len(erased.ids) == 3
        assert await kept_blobs(outbox) == 0
        assert {entry.erased for entry in await operator.find(_ANY)} == {True}

"""Large bodies take turns. Nobody's turn is longer than it brings something, and who waits keeps little in memory."""

import asyncio
from typing import Any

import pytest

from widget.intake.multipart import Limits
from widget.intake.turns import Body, Turns

PIECE = 1000
LONG = 60.0
"""Seconds: longer than any test takes."""


def messages(*chunks: bytes, more: bool = True) -> asyncio.Queue[Any]:
    queue: asyncio.Queue[Any] = asyncio.Queue()
    for number, chunk in enumerate(chunks):
        queue.put_nowait({"type": "http.request", "body": chunk, "more_body": more or number < len(chunks) - 1})
    return queue


def large(queue: asyncio.Queue[Any], turns: Turns, limits: Limits = Limits()) -> Body:  # noqa: B008 - it is frozen
    return Body(queue.get, 1 << 20, limits, turns)


async def test_a_turn_lasts_for_its_size_and_then_others_come_first():
    turns = Turns(at_once=1, size=3 * PIECE, seconds=LONG)
    first, second = (large(messages(*[bytes(PIECE)] * 6, more=False), turns) for _ in range(2))
    read = []

    async def read_all(name, body):
        while await body.read() is not None:
            read.append((name, body.turn_goes_on))
            await asyncio.sleep(0)  # the caller writes
        body.close()

    await asyncio.gather(read_all("a", first), read_all("b", second))
    turn = [True, True, False]
    assert read == [(name, goes_on) for name in "abab" for goes_on in turn]
    assert not turns.free.locked()


async def test_a_client_that_pauses_gives_its_turn_away_and_needs_none_to_go_on():
    turns, queue = Turns(at_once=1, size=3 * PIECE, seconds=0.01), messages()
    body = large(queue, turns)
    assert (await body.read(), body.turn_goes_on) == (b"", False)
    waiting = asyncio.create_task(body.read())
    while not queue._getters:  # type: ignore[attr-defined]  # noqa: ASYNC110 - it waits for the client
        await asyncio.sleep(0)
    assert not turns.free.locked()
    async with turns.free:
        queue.put_nowait({"type": "http.request", "body": b"late", "more_body": True})
        assert await waiting == b"late"


async def test_a_client_that_sends_slowly_but_steadily_keeps_nobody_waiting():
    turns = Turns(at_once=1, size=3 * PIECE, seconds=0)
    body = large(messages(bytes(PIECE), bytes(PIECE)), turns)
    assert (len(await body.read() or b""), body.turn_goes_on) == (PIECE, False)


async def test_a_small_body_needs_no_turn():
    body = Body(messages(b"small", more=False).get, 5, Limits(), Turns(at_once=0))
    assert [await body.read(), await body.read()] == [b"small", None]


async def test_a_client_that_sends_nothing_more_meets_the_read_timeout():
    body = large(messages(), Turns(seconds=0.001), Limits(read_timeout=0.01))
    assert await body.read() == b""
    with pytest.raises(TimeoutError):
        await body.read()

"""Somebody who sends many costly files delays only their own: the next person waits for a bounded number of turns."""

import asyncio
import random
import zlib

import pytest
from clock import Clock
from samples import png
from test_examiner import PDF, PNG, running, see
from test_pdfs import packed

from widget.errors import FilesBusy
from widget.files.queueing import FairQueue

COSTLY = packed(zlib.compress(b"10 0 [" + b"[1]" * 50_000 + b"]"), b"/FlateDecode")
"""A PDF of a few hundred bytes that takes a tenth of a second."""


class Work:
    """Clients in a queue. The turns of each take a set number of seconds."""

    def __init__(self, places=1):
        self.clock = Clock()
        self.queue = FairQueue(places, patience=60, clock=self.clock)
        self.served = []

    async def turn(self, client, seconds):
        async with self.queue.place(client):
            self.clock.now += seconds
            await asyncio.sleep(0)
            self.served.append(client)

    async def done(self, *turns):
        await asyncio.gather(*(self.turn(client, seconds) for client, seconds in turns))
        return self.served


async def test_a_newcomer_is_next_however_many_files_another_client_has_waiting():
    served = await Work().done(*[("flood", 1)] * 100, ("honest", 1))
    assert served.index("honest") == 1


async def test_clients_alternate_who_ask_for_the_same():
    served = await Work().done(*[("a", 1)] * 5, *[("b", 1)] * 5)
    assert served == ["a", "b"] * 5


async def test_a_client_pays_for_the_time_its_files_took():
    served = await Work().done(*[("costly", 5)] * 3, *[("cheap", 1)] * 10)
    assert served == ["costly", *["cheap"] * 5, "costly", *["cheap"] * 5, "costly"]


async def test_clients_whose_files_took_long_leave_a_place_to_others_for_a_minute():
    work = Work(places=2)
    await work.done(("slow", 2), ("slower", 9))
    async with work.queue.place("slow"):
        waiting = asyncio.create_task(work.turn("slower", 9))
        await asyncio.sleep(0)
        await asyncio.wait_for(work.turn("honest", 0.1), 5)
    await waiting
    assert work.served[-2:] == ["honest", "slower"]
    work.clock.now += 60
    async with work.queue.place("slow"), work.queue.place("slower"):
        pass


async def test_several_places_are_all_used_and_never_exceeded():
    work, most, at_work = Work(places=3), 0, 0

    async def turn():
        nonlocal most, at_work
        async with work.queue.place("a"):
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0)
            at_work -= 1

    await asyncio.gather(*(turn() for _ in range(20)))
    assert most == 3


async def test_whoever_waits_too_long_is_turned_away_and_takes_no_place_along():
    queue = FairQueue(1, patience=0.01)
    async with queue.place("a"):
        with pytest.raises(FilesBusy):
            async with queue.place("b"):
                pass
    async with queue.place("b"):
        pass


async def test_no_place_is_lost_whenever_clients_leave():
    queue, chance = FairQueue(2, patience=5), random.Random(1)

    async def turn(client):
        async with queue.place(client):
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(turn(f"client-{number % 7}")) for number in range(300)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        chance.choice(tasks).cancel()
    assert not any(task.exception() for task in tasks if not task.cancelled())
    async with queue.place("a"), queue.place("b"):
        pass


@pytest.mark.parametrize("leaver", [0, 1, 2])
async def test_a_place_that_becomes_free_as_somebody_gives_up_goes_to_the_next(leaver):
    queue, served = FairQueue(1, patience=5), []

    async def turn(name):
        async with queue.place("b" if name else "a"):
            served.append(name)

    async with queue.place("held"):
        waiting = [asyncio.create_task(turn(name)) for name in range(3)]
        await asyncio.sleep(0)
        waiting[leaver].cancel()  # which it hears only after the place was handed on
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ended] == [asyncio.CancelledError if n == leaver else type(None) for n in range(3)]
    assert served == [name for name in range(3) if name != leaver]
    async with queue.place("a"):
        pass


@pytest.mark.parametrize("processes", [1, 2])
async def test_an_honest_picture_waits_for_the_files_at_hand_and_not_for_those_of_a_flood(tmp_path, processes):
    ended: list[str] = []

    async def send(name, data, media_type, client):
        await see(examiner, tmp_path / name, data, media_type, client)
        ended.append(client)

    async with running(processes=processes) as examiner:
        flood = [asyncio.create_task(send(f"flood-{number}", COSTLY, PDF, "flood")) for number in range(12)]
        await asyncio.sleep(0)  # now all of them wait
        await send("honest", png(), PNG, "honest")
        assert ended.index("honest") <= processes
        await asyncio.gather(*flood)


def test_a_submission_whose_files_wait_too_long_is_answered_503_and_nothing_of_it_stays(start_widget):
    widget = start_widget(FILE_CHECKERS="1", FILE_CHECK_WAIT="0.01")
    answer = widget.submit("Hello", files=[(f"{number}.pdf", COSTLY, PDF) for number in range(3)])
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert [error["code"] for error in answer.json()["errors"]] == ["unavailable"]
    assert not widget.rows()
    page = widget.submit("Hello", files=[(f"{number}.pdf", COSTLY, PDF) for number in range(3)], accept="text/html")
    assert (page.status_code, "Hello" in page.text) == (503, True)
    assert widget.submit("Hello", files=[("a.pdf", COSTLY, PDF)]).status_code == 201

"""When lines of the log leave the process."""

import asyncio
import os
from collections.abc import Callable

from bed import Sandbox, Widget, until
from structlog.testing import capture_logs

from widget.telemetry.logs import _Lines, _Patient


class Stream:
    """What has been written, and what has left."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self.left: list[list[str]] = []
        self.has_left = asyncio.Event()

    def write(self, text: str) -> None:
        self._kept.append(text)

    def flush(self) -> None:
        self.left.append("".join(self._kept).splitlines())
        self._kept = []
        self.has_left.set()


def lines_into(stream: Stream) -> _Lines:
    return _Lines(_Patient(stream), soon=0.001)  # type: ignore[arg-type]


async def test_lines_without_trouble_leave_together() -> None:
    lines = lines_into(stream := Stream())
    lines.info("one")
    lines.info("two")
    assert not stream.left
    await stream.has_left.wait()
    assert stream.left == [["one", "two"]]


async def test_trouble_leaves_at_once_behind_what_came_before_it() -> None:
    lines = lines_into(stream := Stream())
    lines.info("one")
    lines.warning("trouble")
    assert stream.left == [["one", "trouble"]]


def test_a_line_leaves_whatever_became_of_the_loop_of_another() -> None:
    lines = lines_into(stream := Stream())

    async def say(line: str) -> None:
        lines.info(line)

    async def say_and_wait() -> None:
        lines.info("two")
        await stream.has_left.wait()

    asyncio.run(say("one"))
    assert not stream.left
    asyncio.run(say_and_wait())
    assert stream.left == [["one", "two"]]


def test_without_an_event_loop_a_line_leaves_at_once() -> None:
    lines_into(stream := Stream()).info("one")
    assert stream.left == [["one"]]


def test_a_reader_that_hangs_holds_up_nothing_and_is_told_what_it_has_missed() -> None:
    reading, writing = os.pipe()
    with open(reading) as reader, open(writing, "w") as stream, capture_logs() as told:
        lines = _Lines(_Patient(stream), soon=0)
        for _ in range(2000):
            lines.error("x" * 99)
        os.set_blocking(reading, False)
        arrived = reader.read().count("\n")
        assert 0 < arrived < 2000
        lines.error("after")
        assert reader.read() == "after\n"
        assert told == [{"event": "log.lines_dropped", "lines": 2000 - arrived, "log_level": "warning"}]


def test_a_service_keeps_no_line_to_itself(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(LOG_LEVEL="info")
    widget.submit()
    until(lambda: '"submission.delivered"' in widget.log())
    widget.stop()
    assert '"widget.stopped"' in widget.log().splitlines()[-1]

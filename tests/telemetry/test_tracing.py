"""Traces: that a row keeps its own, that spans hold nothing personal, and that they cost nothing where nobody wants
them."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from bed import plain_environ
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from outboxes import new_submission, outbox_at
from structlog.contextvars import bound_contextvars, get_contextvars

from widget.telemetry import tracing
from widget.telemetry.tracing import Origin, span

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


async def test_a_row_keeps_the_request_and_the_trace_that_it_came_with(database_url: str, tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    async with outbox_at(database_url, tmp_path) as outbox:
        new = new_submission(outbox)
        async with tracing.tracing(True, "1.0", exporter):
            with bound_contextvars(request_id="0123456789abcdef"), span("POST form", "server", {}, PARENT):
                await outbox.add(new)
        (received,) = exporter.get_finished_spans()
        assert received.context is not None
        work = await outbox.claim(new.id)
    assert work
    wanted = f"00-{'a' * 32}-{received.context.span_id:016x}-01"
    assert work.origin == Origin("0123456789abcdef", wanted)
    with tracing.resumed(work.origin):
        assert get_contextvars()["request_id"] == "0123456789abcdef"
    assert "request_id" not in get_contextvars()


async def test_without_traces_a_row_keeps_its_request_alone(tmp_path: Path) -> None:
    async with outbox_at(f"sqlite:///{tmp_path / 'widget.db'}", tmp_path) as outbox:
        new = new_submission(outbox)
        async with tracing.tracing(False, "1.0", InMemorySpanExporter()):
            with bound_contextvars(request_id="0123456789abcdef"), span("POST form", "server", {}, PARENT):
                await outbox.add(new)
        work = await outbox.claim(new.id)
    assert work
    assert work.origin == Origin("0123456789abcdef", None)


async def test_a_span_tells_that_something_failed_and_not_in_which_words() -> None:
    exporter = InMemorySpanExporter()
    async with tracing.tracing(True, "1.0", exporter):
        with pytest.raises(ValueError, match="ada@example"), span("deliver", "consumer", {"attempt": 1}):
            raise ValueError("ada@example.com said so")
    (failed,) = exporter.get_finished_spans()
    assert not failed.status.is_ok
    assert "ada@example" not in failed.to_json()
    assert dict(failed.attributes or {}) == {"attempt": 1}


@pytest.mark.parametrize(
    "given", ["", "nonsense", PARENT[:-1], PARENT + "-more", f"00-{'0' * 32}-{'b' * 16}-01", "é" * 55]
)
async def test_a_strangers_traceparent_that_is_none_begins_a_trace_of_its_own(given: str) -> None:
    exporter = InMemorySpanExporter()
    async with tracing.tracing(True, "1.0", exporter):
        parent = tracing.header_of([(b"traceparent", given.encode("latin-1"))])
        with span("POST form", "server", {}, parent):
            pass
    (received,) = exporter.get_finished_spans()
    assert received.parent is None


class Stuck(SpanExporter):
    """Never ends to send."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.released.wait(60)
        return SpanExportResult.SUCCESS


async def test_a_process_ends_although_its_last_spans_cannot_be_sent() -> None:
    exporter = Stuck()
    async with tracing.tracing(True, "1.0", exporter):
        with span("POST form", "server", {}):
            pass
    assert not exporter.released.is_set()
    exporter.released.set()


def test_opentelemetry_is_not_loaded_where_nobody_wants_traces(tmp_path: Path) -> None:
    code = "import sys, widget.app; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    command = [sys.executable, "-c", code]  # in an interpreter of its own: a forked one has what other tests need
    ran = subprocess.run(command, cwd=tmp_path, env=plain_environ(), capture_output=True, text=True)
    assert ran.stdout == "[]\n", ran.stderr

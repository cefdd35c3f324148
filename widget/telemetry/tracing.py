"""Traces by OpenTelemetry, if it is installed and wanted, and the context that goes along with a submission.

A submission is stored in one process and delivered, perhaps days later, in another. So its row keeps the request that
it came with: the `request_id` of the log's lines, and the `traceparent` (W3C Trace Context) of its trace.

Without traces, everything here does nothing, and OpenTelemetry is not imported. Spans hold ids, numbers and codes,
never an address, what a person wrote, or the words of an exception, which may repeat it.
"""

import asyncio
import contextlib
import importlib.util
import os
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import structlog

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

SERVICE = "feedback-widget"
"""The name of the service in traces, unless `OTEL_SERVICE_NAME` gives another."""
_LAST = 2.0
"""Seconds that the end of the process waits for the last spans to be sent."""
_HEADER = "traceparent"
_MOST = 55
"""Characters of a `traceparent`. What is longer is of a version that does not exist yet."""
Attributes = Mapping[str, str | int | float | bool]
"""Names and values, by the semantic conventions of OpenTelemetry where they have a name."""
Kind = Literal["internal", "server", "client", "consumer"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that a submission came with; None for what is not known."""

    request_id: str | None = None
    traceparent: str | None = None


class Span:
    """A part of a trace. This one is not recorded."""

    def note(self, attributes: Attributes) -> None:
        """Add what is known now."""

    def failed(self) -> None:
        """What it measured did not succeed."""


_UNRECORDED = Span()
_tracer: "Tracer | None" = None


def is_installed() -> bool:
    """Whether traces can be sent."""
    names = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
    with contextlib.suppress(ModuleNotFoundError):
        return all(importlib.util.find_spec(name) for name in names)
    return False


@contextlib.asynccontextmanager
async def tracing(wanted: bool, version: str, exporter: "SpanExporter | None" = None) -> AsyncIterator[None]:
    """Record traces until the context is left, if they are `wanted`, and send them as the `OTEL_…` variables say, or
    to `exporter`."""
    global _tracer
    if not wanted:
        yield
        return
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if exporter is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter()
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    resource = Resource.create({"service.version": version} | ({} if named else {"service.name": SERVICE}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("widget")
    try:
        yield
    finally:
        _tracer = None
        last = threading.Thread(target=provider.shutdown, daemon=True)  # it may wait for a receiver that is away
        last.start()
        await asyncio.to_thread(last.join, _LAST)


@contextlib.contextmanager
def span(name: str, kind: Kind, attributes: Attributes, parent: str | None = None) -> Iterator[Span]:
    """Measure what happens in the context: below `parent`, a `traceparent`, or below the current span."""
    if _tracer is None:
        yield _UNRECORDED
        return
    from opentelemetry.trace import SpanKind

    context = _read(parent) if parent else None
    with _tracer.start_as_current_span(
        name, context, SpanKind[kind.upper()], record_exception=False, set_status_on_exception=False
    ) as recorded:
        measured = _Recorded(recorded)
        measured.note(attributes)
        try:
            yield measured
        except BaseException:
            measured.failed()
            raise


class _Recorded(Span):
    def __init__(self, recorded: Any) -> None:
        self._recorded = recorded

    def note(self, attributes: Attributes) -> None:
        self._recorded.set_attributes(attributes)

    def failed(self) -> None:
        from opentelemetry.trace import StatusCode

        self._recorded.set_status(StatusCode.ERROR)


def origin() -> Origin:
    """What a submission that is stored now should keep of its request."""
    carrier: dict[str, str] = {}
    inject(carrier)
    return Origin(structlog.contextvars.get_contextvars().get("request_id"), carrier.get(_HEADER))


@contextlib.contextmanager
def resumed(kept: Origin) -> Iterator[None]:
    """Give the lines of the log the request that a submission came with."""
    if kept.request_id is None:
        yield
        return
    with structlog.contextvars.bound_contextvars(request_id=kept.request_id):
        yield


def inject(headers: MutableMapping[str, str]) -> None:
    """Add the current span to the headers of a request that goes out."""
    if _tracer is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(headers)


def header_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The `traceparent` among the headers of a request that comes in, if traces are recorded. A stranger wrote it."""
    if _tracer is None:
        return None
    given = next((value for name, value in headers if name == _HEADER.encode()), b"")
    return given.decode("latin-1") if 0 < len(given) <= _MOST else None


def _read(traceparent: str) -> Any:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: Mapping[str, str] = {_HEADER: traceparent}
    return TraceContextTextMapPropagator().extract(carrier)

"""Between a request and its endpoint: records it, and applies a fault if one is in force."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from widget.sandbox.faults import Misbehaviour
from widget.sandbox.record import Entry
from widget.sandbox.state import State

Endpoint = Callable[[State, Request, Entry], Awaitable[Response]]
DEFAULT_SECONDS = 2.0
"""The delay of `slow` and `drip` if none is given."""
GARBAGE = b"<html><body>\x00\xff not what was promised"
DROP = "sandbox.drop"
"""The ASGI extension that closes the application's connection (see `server`)."""


def endpoint(state: State, kind: str, handler: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that is recorded, and that misbehaves if a fault is in force."""

    async def recorded(request: Request) -> Response:
        entry = state.record.begin(request, kind)
        fault = state.faults.take(kind)
        if fault is None:
            response = await handler(state, request, entry)
        else:
            entry.fault = fault.mode
            state.record.version += 1
            response = await _misbehave(fault, state, request, entry, handler)
        entry.status = None if isinstance(response, Dropped) else response.status_code
        return response

    return recorded


async def _misbehave(fault: Misbehaviour, state: State, request: Request, entry: Entry, handler: Endpoint) -> Response:
    if fault.mode == "expire_token":
        state.tokens.revoke(request)
        return await handler(state, request, entry)
    if fault.mode in ("status", "refuse", "drop_before"):
        await _discard_body(request)
        return _unprocessed(fault, entry.kind)
    recovery = state.faults.recovery
    response = await handler(state, request, entry)
    seconds = DEFAULT_SECONDS if fault.seconds is None else fault.seconds
    match fault.mode:
        case "slow":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await recovery.wait()
            return response
        case "drip":
            return _dripping(response, seconds)
        case "garbage":
            return Response(GARBAGE, response.status_code, media_type="text/html")
    return Dropped()


def _unprocessed(fault: Misbehaviour, kind: str) -> Response:
    if fault.mode == "drop_before":
        return Dropped()
    if fault.mode == "refuse":
        return _refusal(fault, kind)
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    return Response(fault.body or "", fault.status, headers=headers)


def _refusal(fault: Misbehaviour, kind: str) -> Response:
    if kind == "token":
        words = "Bad client credentials. Please check your client_id and client_secret."
        return JSONResponse({"error": "invalid_client", "error_description": words}, 400)
    answer = {"isSuccess": False, "data": None, "errors": [fault.message], "requestId": str(uuid4())}
    return JSONResponse(answer, 400)


def _dripping(response: Response, seconds: float) -> Response:
    body = bytes(response.body)

    async def drops() -> AsyncIterator[bytes]:
        for position in range(len(body)):
            await asyncio.sleep(seconds / len(body))
            yield body[position : position + 1]

    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return StreamingResponse(drops(), response.status_code, headers=headers)


async def _discard_body(request: Request) -> None:
    async for _ in request.stream():
        pass


class Dropped(Response):
    """No answer: the connection is closed instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the connection, and wait until it is closed."""
        scope["extensions"][DROP]()
        while (await receive())["type"] != "http.disconnect":
            pass

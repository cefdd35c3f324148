"""The page that shows what arrived, and the controls: faults, record, files, all under `/_sandbox/`.

| request | does |
|---|---|
| `PUT /_sandbox/faults` | replaces the faults in force by one (a JSON object, see `faults`) or a list |
| `GET`, `DELETE /_sandbox/faults` | shows them; ends all of them |
| `GET`, `DELETE /_sandbox/record` | everything received; forgets it |
| `GET /_sandbox/files/{number}` | the bytes of an attachment |
| `GET /_sandbox/version` | a number that changes whenever there is something new to see |
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from widget.config import resources
from widget.sandbox import faults
from widget.sandbox.answers import json_response
from widget.sandbox.faults import Misbehaviour
from widget.sandbox.record import StoredFeedback
from widget.sandbox.state import State

SHOWN = 100
"""Feedbacks on the page, newest first."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
SWITCHES = (
    ("down", "Down", "Connections are refused"),
    ("slow", "Slow", "Accepted at once, answered late"),
    ("status", "503", "Every request is answered 503"),
    ("refuse", "Refuse", "Every feedback is refused for good"),
    ("drop_after_accepting", "Drop", "Accepted, but the connection is cut"),
    ("garbage", "Garbage", "Accepted, answered with nonsense"),
    ("expire_token", "Expire", "The token in use expires now"),
)
"""The faults that have a button: the mode, its label, what it means."""


def routes(state: State) -> list[Route]:
    """The page and the controls."""

    def bound(handler: Callable[[State, Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        return partial(handler, state)

    return [
        Route("/", bound(_page)),
        Route("/_sandbox/switch", bound(_switch), methods=["POST"]),
        Route("/_sandbox/faults", bound(_get_faults), methods=["GET"]),
        Route("/_sandbox/faults", bound(_put_faults), methods=["PUT"]),
        Route("/_sandbox/faults", bound(_delete_faults), methods=["DELETE"]),
        Route("/_sandbox/record", bound(_get_record), methods=["GET"]),
        Route("/_sandbox/record", bound(_delete_record), methods=["DELETE"]),
        Route("/_sandbox/files/{number:int}", bound(_file)),
        Route("/_sandbox/version", bound(_version)),
        Route("/_sandbox/sandbox.{kind}", _asset),
    ]


async def _page(state: State, request: Request) -> Response:
    newest = list(state.record.feedbacks.values())[::-1]
    html = (
        _environment()
        .get_template("sandbox/inbox.html")
        .render(
            feedbacks=[_shown(feedback) for feedback in newest[:SHOWN]],
            total=len(newest),
            counts=state.record.as_json()["counts"],
            switches=SWITCHES,
            in_force=[misbehaviour.mode for misbehaviour in _in_force(state)],
            version=state.record.version,
        )
    )
    return HTMLResponse(html, headers=HEADERS)


async def _switch(state: State, request: Request) -> Response:
    """The page's buttons: a form with `mode`, empty to recover, or with `clear`."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return Response(status_code=403)
    form = dict(parse_qsl((await request.body()).decode("latin-1")))
    if "clear" in form:
        state.record.clear()
    else:
        switched = [mode for mode, _, _ in SWITCHES if mode == form.get("mode")]
        await _put_in_force(state, [Misbehaviour.model_validate({"mode": mode}) for mode in switched])
    return RedirectResponse("/", 303)


async def _get_faults(state: State, request: Request) -> Response:
    return json_response([misbehaviour.model_dump() for misbehaviour in _in_force(state)])


async def _put_faults(state: State, request: Request) -> Response:
    try:
        misbehaviours = faults.parse(await request.body())
    except ValueError as error:
        return Response(str(error), 422, media_type="text/plain")
    if not await _put_in_force(state, misbehaviours):
        return Response("This server has no API port of its own to shut; start it as a command.", 409)
    return Response(status_code=204)


async def _delete_faults(state: State, request: Request) -> Response:
    await _put_in_force(state, [])
    return Response(status_code=204)


async def _put_in_force(state: State, misbehaviours: list[Misbehaviour]) -> bool:
    """Replace the faults in force. Returns False if the API's port cannot be shut here."""
    down = next((each for each in misbehaviours if each.mode == "down"), None)
    if down and not state.door:
        return False
    if misbehaviours:
        state.faults.set(each for each in misbehaviours if each is not down)
    else:
        state.faults.recover()
    state.record.version += 1
    if state.door and down:
        await state.door.shut(down.seconds)
    elif state.door:
        await state.door.open()
    return True


def _in_force(state: State) -> list[Misbehaviour]:
    shut = state.door is not None and not state.door.is_open
    return [*([Misbehaviour(mode="down")] if shut else []), *state.faults.in_force]


async def _get_record(state: State, request: Request) -> Response:
    return json_response(state.record.as_json())


async def _delete_record(state: State, request: Request) -> Response:
    state.record.clear()
    return Response(status_code=204)


async def _file(state: State, request: Request) -> Response:
    file = state.record.file(request.path_params["number"])
    if file is None:
        return Response(status_code=404)
    return FileResponse(state.record.file_path(file.number), media_type=file.media_type, headers=HEADERS)


async def _version(state: State, request: Request) -> Response:
    return json_response(state.record.version)


async def _asset(request: Request) -> Response:
    kinds = {"css": "text/css", "js": "text/javascript"}
    kind = request.path_params["kind"]
    if kind not in kinds:
        return Response(status_code=404)
    path = resources.path("static") / f"sandbox.{kind}"
    return FileResponse(path, media_type=kinds[kind], headers=HEADERS)


def _environment() -> Environment:
    loader = FileSystemLoader(resources.path("templates"))
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _shown(feedback: StoredFeedback) -> dict[str, Any]:
    """A feedback as the page shows it."""
    body, at = feedback.body, datetime.fromisoformat(feedback.at)
    return {
        "id": feedback.id,
        "at": feedback.at,
        "time": f"{at:%H:%M:%S} UTC",
        "email": body["submittedByEmail"],
        "description": body.get("description", ""),
        "rating": body.get("sentimentRating"),
        "consent": body["contactConsent"],
        "attachments": [
            _shown_file(file.name, file.media_type, file.size, file.number) for file in feedback.attachments
        ],
    }


def _shown_file(name: str, media_type: str, size: int, number: int) -> dict[str, Any]:
    return {
        "name": name,
        "size": f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{max(size / 1000, 0.1):.1f} kB",
        "address": f"/_sandbox/files/{number}",
        "is_picture": media_type.startswith("image/"),
    }

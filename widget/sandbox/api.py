"""The three endpoints that Insider Connect documents.

The document leaves some answers open. A request without a valid token gets 401 with `WWW-Authenticate`, an unknown
feedback 404, a body of the wrong media type 415; all but the first come in the documented envelope. The number that
answers an attach is the id of its last file. One bad file refuses all of them. `Idempotency-Key` is recorded and
ignored.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from widget.sandbox import rules
from widget.sandbox.misbehaving import endpoint
from widget.sandbox.record import Entry
from widget.sandbox.state import State

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
TAIL = 200
"""Bytes kept from the end of a multipart body; longer than any closing boundary."""


def routes(state: State) -> list[Route]:
    """The documented endpoints."""
    return [
        Route("/connect/token", endpoint(state, "token", grant_token), methods=["POST"]),
        Route("/api/client/feedbacks", endpoint(state, "create", create_feedback), methods=["POST"]),
        Route(
            "/api/client/feedbacks/{feedback_id:int}/attachments",
            endpoint(state, "attach", attach_files),
            methods=["POST"],
        ),
    ]


async def grant_token(state: State, request: Request, entry: Entry) -> Response:
    """POST /connect/token"""
    if _media_type(request) != "application/x-www-form-urlencoded":
        return _token_error("invalid_request", "The content type must be application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, errors="strict", strict_parsing=True)
    except ValueError:
        return _token_error("invalid_request", "The body is not well formed.")
    fields = dict(pairs)
    entry.body = {name: "***" if name == "client_secret" else value for name, value in pairs}
    if len(fields) < len(pairs):
        return _token_error("invalid_request", "A parameter is repeated.")
    if fields.get("grant_type") != "client_credentials":
        return _token_error("unsupported_grant_type", "The grant type must be client_credentials.")
    access_token = state.tokens.grant(fields.get("client_id", ""), fields.get("client_secret", ""))
    if access_token is None:
        return _token_error("invalid_client", "Bad client credentials. Please check your client_id and client_secret.")
    answer = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": int(state.tokens.lifetime),
        "scope": "feedback.read feedback.write",
    }
    return JSONResponse(answer, headers=NO_STORE)


async def create_feedback(state: State, request: Request, entry: Entry) -> Response:
    """POST /api/client/feedbacks"""
    document = await request.body()
    entry.body = body = rules.read_object(document)
    token = state.tokens.carried(request)
    if token is None:
        return unauthorized()
    entry.token = token.number
    if _media_type(request) != "application/json":
        return failed("The content type must be application/json.", status=415)
    if body is None:
        return failed("The request body is not a JSON object.")
    if errors := rules.feedback_errors(body):
        return failed(*errors)
    return succeeded(state.record.add_feedback(token.account, body, entry).id, status=201)


async def attach_files(state: State, request: Request, entry: Entry) -> Response:
    """POST /api/client/feedbacks/{feedbackId}/attachments"""
    form = await _read_form(request)
    try:
        return _attach(state, request, entry, form)
    finally:
        if form is not None:
            await form.close()


def _attach(state: State, request: Request, entry: Entry, form: FormData | None) -> Response:
    parts = form.multi_items() if form is not None else []
    entry.body = [_describe(name, value) for name, value in parts]
    token = state.tokens.carried(request)
    if token is None:
        return unauthorized()
    entry.token = token.number
    if _media_type(request) != "multipart/form-data":
        return failed("The content type must be multipart/form-data.", status=415)
    if form is None:
        return failed("The request body is not well formed.")
    feedback = state.record.feedbacks.get(request.path_params["feedback_id"])
    if feedback is None or feedback.account != token.account:
        return failed("Feedback not found.", status=404)
    files = [value for name, value in parts if name == "files" and isinstance(value, UploadFile)]
    if errors := rules.files_errors([(file.content_type or "", file.size or 0) for file in files]):
        return failed(*errors)
    for file in files:
        stored = state.record.add_file(feedback, file.filename or "", file.content_type or "", file.file)
    return succeeded(stored.number)


async def _read_form(request: Request) -> FormData | None:
    """The multipart body; None if it is not multipart, is malformed, or has no closing boundary."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary, tail = options.get(b"boundary", b""), b""

    async def stream() -> AsyncGenerator[bytes, None]:
        nonlocal tail
        async for chunk in request.stream():
            tail = (tail + chunk)[-TAIL:]
            yield chunk

    if _media_type(request) != "multipart/form-data" or not boundary:
        async for _ in stream():
            pass
        return None
    try:
        form = await MultiPartParser(request.headers, stream()).parse()
    except MultiPartException:
        return None
    if tail.rstrip(b"\r\n").endswith(b"--" + boundary + b"--"):
        return form
    await form.close()
    return None


def _describe(name: str, value: UploadFile | str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"field": name, "value": value}
    return {"field": name, "name": value.filename, "media_type": value.content_type, "size": value.size}


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _token_error(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, 400, headers=NO_STORE)


def _envelope(status: int, data: int | None, errors: Sequence[str] | None) -> Response:
    answer = {
        "isSuccess": errors is None,
        "data": data,
        "errors": errors,
        "requestId": str(uuid4()),
    }
    return JSONResponse(answer, status)


def succeeded(data: int, *, status: int = 200) -> Response:
    """The documented envelope of a success."""
    return _envelope(status, data, None)


def failed(*errors: str, status: int = 400) -> Response:
    """The documented envelope of a failure."""
    return _envelope(status, None, errors)


def unauthorized() -> Response:
    """There is no valid token."""
    return Response(status_code=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})

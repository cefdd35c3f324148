"""Insider Connect spoken rightly: the token, creating a feedback, attaching files; each answer as one of few outcomes.

The one authority is the API's document. What it does not promise is read with care: nothing is believed that does not
have the documented shape, an answer is read up to a limit, and every call ends within a total time. Retrying is left
to `delivery`: all that is said here is whether a repeat would be safe.
"""

import asyncio
import json
import ssl
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from widget.config.settings import Account
from widget.submissions.model import Feedback

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read; a documented answer has a few hundred."""
MAX_REASON = 300
"""Characters kept of one of Insider Connect's sentences."""
REFRESH_EARLY = 60.0
"""Seconds before its end at which a token is no longer used."""
_CONNECT_TIMEOUT = 5.0
_CHECK_TIMEOUT = 5.0
_IDLE_CONNECTION = 4.0
"""Seconds: shorter than servers keep a connection, so that ours is not closed just as we send."""


@dataclass(frozen=True, slots=True)
class Created:
    """The feedback is there, under this id."""

    feedback_id: int


@dataclass(frozen=True, slots=True)
class Attached:
    """All files of the request are there."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It was looked at and will not be taken, for these reasons (Insider Connect's own words; may be empty). `status`
    is None where it was not even asked."""

    reasons: tuple[str, ...]
    status: int | None


@dataclass(frozen=True, slots=True)
class NotProcessed:
    """Nothing was done, so a repeat is safe. `retry_after` is in seconds, if Insider Connect named a time.
    `unreachable` tells that no connection came about."""

    reason: str
    retry_after: float | None = None
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can know whether it was done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """The account or the address is wrong: nothing will go through until a person mends it."""

    reason: str


Outcome = Created | Attached | Refused | NotProcessed | Unknown | Misconfigured


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to attach: our own name and media type, its `size` in bytes, and its bytes, as often as they are asked."""

    name: str
    media_type: str
    size: int
    chunks: Callable[[], AsyncIterator[bytes]]


class _Stop(Exception):
    """An outcome that is certain before the request itself was made."""

    def __init__(self, outcome: NotProcessed | Misconfigured) -> None:
        self.outcome = outcome


class ClientCredentials(httpx.Auth):
    """The client credentials grant (RFC 6749, section 4.4) for one account.

    However many requests wait, one of them asks for the token; it is renewed `REFRESH_EARLY` seconds before its end,
    and once after a 401.
    """

    def __init__(self, token_url: httpx.URL, account: Account, clock: Callable[[], float] = time.monotonic) -> None:
        self.token_url = token_url
        self._account = account
        self._clock = clock
        self.lock = asyncio.Lock()
        self._token: str | None = None
        self._use_until = 0.0

    @property
    def has_token(self) -> bool:
        """Whether a token is at hand that is still good."""
        return self._token is not None and self._clock() < self._use_until

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send `request` with a token, and once more with a new one when the first is not accepted."""
        async with self.lock:
            if not self.has_token:
                self.keep(await _read((yield self.token_request())))
        used = self._token
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code == 401:
            async with self.lock:
                if self._token in (None, used):
                    self._token = None
                    self.keep(await _read((yield self.token_request())))
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def token_request(self) -> httpx.Request:
        """The request for a token."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._account.client_id,
            "client_secret": self._account.client_secret.get_secret_value(),
        }
        return httpx.Request("POST", self.token_url, data=form, headers={"Accept": "application/json"})

    def keep(self, answer: "_Answer") -> None:
        """Take the token from the endpoint's answer; whoever asks for one holds `lock`."""
        token, lifetime = answer.member("access_token"), answer.member("expires_in")
        if answer.status != 200:
            raise _Stop(_token_failure(answer))
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise _Stop(NotProcessed("the token endpoint's answer holds no token"))
        if type(lifetime) not in (int, float) or not 0 < lifetime < 10**9:
            lifetime = 0.0
        self._token = token
        # A token that lives for less than twice the margin is used for half of its life.
        self._use_until = self._clock() + max(lifetime - REFRESH_EARLY, lifetime / 2)


class Insider:
    """Insider Connect at `base_url`. A whole call may take `timeout` seconds; how many at once is up to the caller."""

    def __init__(self, base_url: str, accounts: Mapping[str, Account], *, timeout: float) -> None:
        self._base = base_url
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            transport=_Lanes(),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(timeout, connect=min(_CONNECT_TIMEOUT, timeout)),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "insider-feedback-widget",
            },
        )
        token_url = httpx.URL(f"{base_url}/connect/token")
        by_client: dict[str, ClientCredentials] = {}
        self._auth = {
            product: by_client.setdefault(account.client_id, ClientCredentials(token_url, account))
            for product, account in accounts.items()
        }

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()

    def account_of(self, product: str) -> int:
        """A key that products share when they share an account."""
        return id(self._auth[product])

    async def create(self, product: str, submission_id: str, feedback: Feedback) -> Outcome:
        """Create a feedback (API document, "Create Feedback")."""
        body: dict[str, Any] = {"submittedByEmail": feedback.email, "contactConsent": feedback.consent}
        if feedback.description:
            body["description"] = feedback.description
        if feedback.rating is not None:
            body["sentimentRating"] = feedback.rating
        content = json.dumps(body, ensure_ascii=False).encode()
        answer = await self._post(
            product, submission_id, "/api/client/feedbacks", {"Content-Type": "application/json"}, content
        )
        if not isinstance(answer, _Answer):
            return answer
        created = answer.member("data")
        if answer.succeeded and type(created) is int and 0 <= created < 2**63:
            return Created(created)
        return _failure(answer)

    async def attach(self, product: str, submission_id: str, feedback_id: int, uploads: Sequence[Upload]) -> Outcome:
        """Attach files to a feedback in one request (API document, "Attach Files to Feedback")."""
        body = _Multipart(uploads)
        headers = {"Content-Type": body.content_type, "Content-Length": str(body.length)}
        path = f"/api/client/feedbacks/{feedback_id}/attachments"
        answer = await self._post(product, submission_id, path, headers, body)
        if not isinstance(answer, _Answer):
            return answer
        if answer.succeeded:
            return Attached()
        if answer.status == 404:  # the address is right, for the create went there: this feedback is gone
            return Refused(answer.reasons or ("The feedback is no longer there.",), 404)
        return _failure(answer)

    async def check(self, product: str) -> NotProcessed | Misconfigured | None:
        """Whether a token is at hand or can be had: None, or why not."""
        auth = self._auth[product]
        if auth.has_token:
            return None
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT), auth.lock:
                if not auth.has_token:
                    auth.keep(await _read(await self._client.send(auth.token_request())))
        except _Stop as stop:
            return stop.outcome
        except TimeoutError:
            return NotProcessed("no answer in time", unreachable=True)
        except httpx.HTTPError as error:
            return NotProcessed(_why(error), unreachable=True)
        return None

    async def _post(
        self,
        product: str,
        submission_id: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | httpx.AsyncByteStream,
    ) -> "Outcome | _Answer":
        """Make a call; either its answer, or what its failing means."""
        auth = self._auth[product]
        request = self._client.build_request(
            "POST",
            self._base + path,
            headers={**headers, "Idempotency-Key": submission_id, "X-Request-Id": submission_id},
            content=body,
        )
        try:
            async with asyncio.timeout(self._timeout):
                return await _read(await self._client.send(request, auth=auth))
        except _Stop as stop:
            return stop.outcome
        except TimeoutError:
            sent = "Authorization" in request.headers
            return Unknown("no answer in time") if sent else NotProcessed("no token in time", unreachable=True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            return NotProcessed(_why(error), unreachable=True)
        except httpx.HTTPError as error:
            if isinstance(error, httpx.RequestError) and error.request.url == auth.token_url:
                return NotProcessed(f"token: {type(error).__name__}", unreachable=True)
            return Unknown(type(error).__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer, read up to the limit. `content` is None when it is no JSON object."""

    status: int
    retry_after: float | None
    content: dict[str, Any] | None

    def member(self, name: str) -> Any:
        """A member of the JSON object, or None."""
        return self.content.get(name) if self.content else None

    @property
    def succeeded(self) -> bool:
        """Whether it is the documented success."""
        return self.status in (200, 201) and self.member("isSuccess") is True

    @property
    def reasons(self) -> tuple[str, ...]:
        """Insider Connect's own sentences about what was wrong."""
        errors = self.member("errors")
        if not isinstance(errors, list):
            return ()
        return tuple(error.strip()[:MAX_REASON] for error in errors[:10] if isinstance(error, str) and error.strip())


async def _read(response: httpx.Response) -> _Answer:
    raw = await response.aread()
    content: Any = None
    if len(raw) <= MAX_ANSWER:
        try:
            content = json.loads(raw)
        except (ValueError, RecursionError):
            content = None
    return _Answer(
        response.status_code,
        _seconds(response.headers.get("Retry-After")),
        content if isinstance(content, dict) else None,
    )


class _Lanes(httpx.AsyncBaseTransport):
    """A connection for each call that is under way; the one that was left last is taken first, and the others grow old.

    One pool of all connections would ask the system about each idle one, twice for every call: of sixteen calls at
    once that were two fifths of the work.

    Reads no more of an answer than `MAX_ANSWER` and a little, and unpacks nothing: we asked for it as it is.
    """

    def __init__(self) -> None:
        self._free: list[httpx.AsyncHTTPTransport] = []
        self._context = httpx.create_ssl_context(trust_env=False)
        self._limits = httpx.Limits(max_connections=1, keepalive_expiry=_IDLE_CONNECTION)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        lane = self._free.pop() if self._free else self._new()
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            self._free.append(lane)
            raise
        response.headers.pop("Content-Encoding", None)
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101
        response.stream = _Bounded(response.stream, lambda: self._free.append(lane))
        return response

    async def aclose(self) -> None:
        for lane in self._free:
            await lane.aclose()

    def _new(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=self._context, trust_env=False, limits=self._limits)


class _Bounded(httpx.AsyncByteStream):
    """The beginning of a stream: enough to know that it is too long."""

    def __init__(self, stream: httpx.AsyncByteStream, at_end: Callable[[], None]) -> None:
        self._stream = stream
        self._at_end = at_end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            yield chunk
            size += len(chunk)
            if size > MAX_ANSWER:
                return

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._at_end()


def _why(error: BaseException) -> str:
    """What kept a connection from coming about; a certificate's fault in words, for a person has to mend it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not to be trusted: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _seconds(value: str | None) -> float | None:
    """`Retry-After` as seconds; a date is not looked at, for it would make us trust another clock."""
    return float(value) if value and value.isascii() and value.isdigit() and len(value) < 10 else None


def _failure(answer: _Answer) -> Outcome:
    """What an answer means that is not the documented success."""
    status = answer.status
    if 200 <= status < 300:
        if answer.member("isSuccess") is False:
            return Refused(answer.reasons, status)
        return Unknown(f"{status} without the documented content")
    if status in (408, 425, 429, 503):
        return NotProcessed(f"answered {status}", answer.retry_after)
    if status in (401, 403, 404, 405) or 300 <= status < 400:
        return Misconfigured(f"answered {status}")
    if 400 <= status < 500:
        return Refused(answer.reasons, status)
    return Unknown(f"answered {status}")


def _token_failure(answer: _Answer) -> NotProcessed | Misconfigured:
    """What it means that no token was given; nothing has been sent by then."""
    status = answer.status
    if status in (408, 425, 429) or status >= 500:
        return NotProcessed(f"the token endpoint answered {status}", answer.retry_after)
    if answer.member("error") == "invalid_client":
        return Misconfigured("the credentials are refused (invalid_client)")
    return Misconfigured(f"the token endpoint answered {status}")


class _Multipart(httpx.AsyncByteStream):
    """The files as multipart/form-data (RFC 7578), each under the name `files`; can be sent twice.

    httpx's own would read files in the event loop, and writes names into headers as they are.
    """

    def __init__(self, uploads: Sequence[Upload]) -> None:
        boundary = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._parts = [(_head(boundary, upload), upload) for upload in uploads]
        self._end = f"--{boundary}--\r\n".encode()
        self.length = len(self._end) + sum(len(head) + upload.size + 2 for head, upload in self._parts)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for head, upload in self._parts:
            yield head
            async for chunk in upload.chunks():
                yield chunk
            yield b"\r\n"
        yield self._end


def _head(boundary: str, upload: Upload) -> bytes:
    name = upload.name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        f"Content-Type: {upload.media_type}\r\n\r\n"
    ).encode()

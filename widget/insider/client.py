"""Calls Insider Connect: gets a token, creates a feedback, attaches files. Each answer becomes one of a few outcomes.

The API's document is the only authority. Nothing that lacks the documented shape is believed, an answer is read up to a
limit, and every call ends within a total time. This module says whether a repeat would be safe; `delivery` decides
whether there is one.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import structlog

from widget.config.settings import Account
from widget.insider.answers import Answer, failure, read
from widget.insider.credentials import ClientCredentials, Stopped
from widget.insider.multipart import Multipart, Upload
from widget.insider.outcomes import Attached, Created, Misconfigured, NotProcessed, Outcome, Refused, Unknown
from widget.insider.reasons import reason_of
from widget.insider.transport import Lanes
from widget.submissions.model import Feedback
from widget.telemetry import tracing

log = structlog.get_logger("widget.insider")

_CONNECT_TIMEOUT = 5.0
_CHECK_TIMEOUT = 5.0
_REQUEST_ID = re.compile(r"[\w-]{1,64}", re.ASCII)


class Insider:
    """Insider Connect at `base_url`. A whole call may take `timeout` seconds. The caller limits how many run at once.
    The file `ca` may name authorities to trust besides the public ones."""

    def __init__(
        self, base_url: str, accounts: Mapping[str, Account], *, timeout: float, ca: Path | None = None
    ) -> None:
        self._base = base_url
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            transport=Lanes(ca),
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
        """Close all connections."""
        await self._client.aclose()

    def account_of(self, product: str) -> int:
        """A key that is the same for products that share an account."""
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
        if not isinstance(answer, Answer):
            return answer
        created = answer.member("data")
        if answer.succeeded and type(created) is int and 0 <= created < 2**63:
            return Created(created)
        if answer.status == 201 and answer.member("isSuccess") is not False:
            return Created(None)  # it exists under an id that we cannot read; another create would make a second one
        return failure(answer)

    async def attach(self, product: str, submission_id: str, feedback_id: int, uploads: Sequence[Upload]) -> Outcome:
        """Attach files to a feedback in one request (API document, "Attach Files to Feedback")."""
        body = Multipart(uploads)
        headers = {"Content-Type": body.content_type, "Content-Length": str(body.length)}
        path = f"/api/client/feedbacks/{feedback_id}/attachments"
        answer = await self._post(product, submission_id, path, headers, body)
        if not isinstance(answer, Answer):
            return answer
        if answer.succeeded:
            return Attached()
        if answer.status == 404:  # the create reached the same address, so it is the feedback that is gone
            return Refused(answer.reasons or ("The feedback is no longer there.",), 404)
        return failure(answer)

    async def check(self, product: str, *, renew: bool = False) -> NotProcessed | Misconfigured | None:
        """Check that the account can get a token. Returns None, or what stands in the way.

        A token that is still valid will do, unless `renew` is set.
        """
        auth = self._auth[product]
        if auth.has_token and not renew:
            return None
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT), auth.lock:
                if renew or not auth.has_token:
                    auth.keep(await read(await self._client.send(auth.token_request())))
        except Stopped as stop:
            return stop.outcome
        except TimeoutError:
            return NotProcessed("no answer in time", unreachable=True)
        except httpx.HTTPError as error:
            return NotProcessed(reason_of(error), unreachable=True)
        return None

    async def _post(
        self,
        product: str,
        submission_id: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | httpx.AsyncByteStream,
    ) -> Outcome | Answer:
        """Make a call. Returns its answer, or the outcome of its failure."""
        request = self._client.build_request(
            "POST",
            self._base + path,
            headers={**headers, "Idempotency-Key": submission_id, "X-Request-Id": submission_id},
            content=body,
        )
        call = "attach" if path.endswith("/attachments") else "create"
        with tracing.span(f"insider {call}", "client", {"http.request.method": "POST"}) as span:
            tracing.inject(request.headers)
            began = asyncio.get_running_loop().time()
            answer = await self._send(request, self._auth[product])
            if isinstance(answer, Answer):
                span.note({"http.response.status_code": answer.status})
                _log(submission_id, call, answer, asyncio.get_running_loop().time() - began)
            if not (isinstance(answer, Answer) and answer.succeeded):
                span.failed()
        return answer

    async def _send(self, request: httpx.Request, auth: ClientCredentials) -> Outcome | Answer:
        status = 0
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.send(request, auth=auth, stream=True)
                status = response.status_code
                try:
                    return await read(response)
                finally:
                    await response.aclose()
        except Stopped as stop:
            return stop.outcome
        except (TimeoutError, httpx.HTTPError) as error:
            if status == 201:  # it has been said, whatever became of the rest
                return Answer(status, None, None)
            return self._failed(request, auth, error)

    def _failed(
        self, request: httpx.Request, auth: ClientCredentials, error: TimeoutError | httpx.HTTPError
    ) -> Outcome:
        """The outcome of a call that got no answer."""
        if isinstance(error, TimeoutError):
            sent = "Authorization" in request.headers
            return Unknown("no answer in time") if sent else NotProcessed("no token in time", unreachable=True)
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)):
            return NotProcessed(reason_of(error), unreachable=True)
        if error.request.url == auth.token_url:
            return NotProcessed(f"token: {reason_of(error)}", unreachable=True)
        return Unknown(reason_of(error))


def _log(submission_id: str, call: str, answer: Answer, seconds: float) -> None:
    """A line with Insider Connect's own id of the request, by which its operators find it."""
    request_id = answer.member("requestId")
    log.info(
        "insider.answered",
        submission=submission_id,
        call=call,
        status=answer.status,
        insider_request_id=request_id if isinstance(request_id, str) and _REQUEST_ID.fullmatch(request_id) else None,
        seconds=round(seconds, 3),
    )

"""HTTP in, HTTP out: each address of the contract, and the headers of each kind of answer.

A `Service` knows the parts that requests need; what the parts do is theirs.
"""

import asyncio
import gzip
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from widget.abuse.proof_of_work import Proofs
from widget.abuse.rate_limits import Rates
from widget.config.products import Product
from widget.config.settings import Settings
from widget.delivery.dispatch import Dispatcher
from widget.errors import (
    Fault,
    IdentityInvalid,
    OutboxFull,
    OutboxUnavailable,
    Rejected,
    TokenExpired,
    TokenInvalid,
)
from widget.files.pool import Examiner, Seen
from widget.i18n import messages as words
from widget.i18n.messages import Words
from widget.i18n.overrides import Wording
from widget.insider.client import Insider
from widget.intake import body as intake
from widget.outbox.model import StoredAttachment, SubmissionStatus
from widget.outbox.outbox import Outbox
from widget.pages import pages
from widget.submissions import context, identity
from widget.submissions import model as submission
from widget.submissions.model import Attachment, Submission
from widget.submissions.tokens import Tokens
from widget.theming import themes
from widget.web import compression as encodings
from widget.web import headers
from widget.web.assets import FOR_EVER, Asset, StaticFiles
from widget.web.blanks import Blanks, wish

T = TypeVar("T")
log = structlog.get_logger("widget.web.routes")

_LOCATION_REMOVED = "location_removed"

_TRAP = "website"
"""The field that people do not see, and that programs like to fill in (`templates/_trap.html`)."""
_LAID_BY = 900.0
"""Seconds before a surge from which on a form handed out may have been laid by for it."""
_RETRY_UNAVAILABLE = 20
"""Seconds after which it is worth asking a full or absent outbox again."""


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that answer requests. `sheets` are the products' themes."""

    settings: Settings
    tokens: Tokens
    proofs: Proofs
    rates: Rates
    outbox: Outbox
    insider: Insider
    dispatcher: Dispatcher
    pages: pages.Pages
    blanks: Blanks
    static: StaticFiles
    sheets: Mapping[str, Asset]
    wording: Wording
    examiner: Examiner
    turns: asyncio.Semaphore


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _words(request: Request, product: str = "") -> Words:
    chosen = words.choose(request.query_params.get("lang"), request.headers.get("accept-language", ""))
    return _service(request).wording.of(product, chosen)


def _product(request: Request) -> Product:
    product = _service(request).settings.products.get(request.path_params["product"])
    if product is None:
        raise Rejected(Fault("product_unknown"))
    return product


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


# --- the form ---------------------------------------------------------------------------------------------------


async def show_form(request: Request) -> Response:
    """GET /form/{product}: an untouched form. A query with a signed identity that is not to be believed is told so."""
    service, product, query = _service(request), _product(request), request.query_params
    values = {name: query.get(name, "") for name in ("identity", "context")}
    person: identity.Person | None = None
    faults: tuple[Fault, ...] = ()
    if values["identity"]:
        try:
            person = _vouched(service, product, values, opened_at=None)
        except Rejected as rejected:
            faults = rejected.faults
    token, words = service.tokens.form(product.slug), _words(request, product.slug)
    challenge = _challenge(service, product, token)
    if challenge is None and (asked := wish(request.scope)):
        service.blanks.keep(product, words, asked.looks)
    page = service.pages.form(
        product,
        words,
        token=token,
        challenge=challenge,
        values={**values, "submittedByEmail": "" if product.email == "ask" else query.get("email", "")},
        faults=faults,
        person=person,
        **_looks(request),
    )
    return _html(request, page, 403 if faults else 200, headers.of_form(product.origins))


async def theme(request: Request) -> Response:
    """GET /form/{product}/theme.css: the product's colours and measures, for the form and any page that wants them."""
    product = _product(request)
    kept = request.query_params.get("v") == themes.version(product.theme)
    extra = {"Cache-Control": FOR_EVER if kept else "no-cache"}
    return _service(request).sheets[product.slug].respond(request, {**headers.HEADERS["static"], **extra})


async def fresh_token(request: Request) -> Response:
    """GET /form/{product}/token: a form token for a page that has been open for long."""
    service, product = _service(request), _product(request)
    content = {"token": service.tokens.form(product.slug), "expires_in": int(service.tokens.max_age)}
    return JSONResponse(content, headers=headers.HEADERS["data"])


async def fresh_challenge(request: Request) -> Response:
    """GET /form/{product}/challenge: a proof of work to do for the form token in `X-Form-Token`."""
    service, product = _service(request), _product(request)
    token = _Token(service, product)
    token.believe(request.headers.get("x-form-token", ""), hurry=True)
    content = service.proofs.challenge(token.submission_id, time.time())
    return JSONResponse(content, headers=headers.HEADERS["data"])


def _challenge(service: Service, product: Product, token: str) -> dict[str, Any] | None:
    """The proof of work that a form with this token of ours asks for now, if it asks for one."""
    now = time.time()
    if not _wants_proof(service, product, now, now):
        return None
    return service.proofs.challenge(service.tokens.read_form(token, product.slug, now).submission_id, now)


def _wants_proof(service: Service, product: Product, made_at: float, now: float) -> bool:
    """Whether a form that was handed out at `made_at` has to bring a proof of work.

    One that was handed out shortly before a surge could not know. One that is older may have been laid by for it.
    """
    if product.proof != "surge":
        return product.proof == "always"
    since = service.rates.surge_since(product.slug)
    return since is not None and not 0 < since - made_at <= _LAID_BY


async def submit(request: Request) -> Response:
    """POST /form/{product}: take a submission, store it for good, and wait a little for Insider Connect's answer."""
    service, product = _service(request), _product(request)
    token = _Token(service, product)
    try:
        standing = await _take(service, product, request, token) or await service.outbox.status(token.submission_id)
        if standing is None:
            raise OutboxUnavailable("a row that was just stored is not to be found")
        if standing.state in ("refused", "discarded"):
            token.text = ""  # its submission has ended; what is sent next is another one
            raise Rejected(_refused_upstream(standing))
    except OutboxUnavailable as error:
        log.error("outbox.unavailable", product=product.slug, reason=str(error))
        rejected = Rejected(
            Fault("unavailable", variant="files" if isinstance(error, OutboxFull) else ""),
            fields=error.fields,
            retry_after=_RETRY_UNAVAILABLE,
            close=error.close,
        )
        return _refuse(request, product, rejected, token)
    except Rejected as rejected:
        return _refuse(request, product, rejected, token)
    return _thank(request, product, standing)


class _Token:
    """The form token of a request: what it says, and its text for as long as it may be sent again."""

    def __init__(self, service: Service, product: Product) -> None:
        self._service = service
        self._product = product
        self.text = ""
        self.submission_id = ""
        self.made_at = 0.0
        self.expired = False

    def believe(self, text: str, *, hurry: bool = False) -> None:
        """Read the token; with `hurry`, one that is too young, too. Raises Rejected."""
        try:
            token = self._service.tokens.read_form(text, self._product.slug, time.time())
        except TokenExpired as error:
            self.submission_id, self.expired = error.submission_id, True
            raise Rejected(Fault("token_expired", "token")) from error
        except TokenInvalid as error:
            raise Rejected(Fault("token_invalid", "token")) from error
        self.text, self.submission_id = text, token.submission_id
        self.made_at = time.time() - token.age
        if not hurry and token.age < self._service.settings.min_fill_time:
            raise Rejected(
                Fault("too_fast", "token"), retry_after=max(1.0, self._service.settings.min_fill_time - token.age)
            )


async def _take(service: Service, product: Product, request: Request, token: _Token) -> SubmissionStatus | None:
    """Read, check and store a submission, and try to deliver it at once. Raises Rejected or OutboxUnavailable.

    Answers where it stands, or None where only its row can tell: it has been tried, or sent before. A form that was
    sent before, even one that has grown too old since, is a repeat: nothing is stored.
    """
    refusal = await _refusal_unread(service, product, request)
    limits = intake.Limits(
        files=product.fields.most_files,
        media_types=product.fields.media_types,
        read_timeout=service.settings.read_timeout,
        total_timeout=service.settings.body_timeout,
    )
    spool = service.outbox.backend.spool
    try:
        async with intake.receive(
            request, spool=spool, limits=limits, on_token=token.believe, turns=service.turns, refusal=refusal
        ) as raw:
            if raw.token is None:
                raise Rejected(Fault("token_invalid", "token"), fields=raw.fields)
            accepted = _submission(service, product, raw, token, _words(request).lang)
            files = await _examined(service, raw)
            held = _why_held(service, product, raw.fields, token)
            is_new = await service.outbox.add(
                replace(accepted, attachments=files),
                head_start=service.dispatcher.head_start(product.slug),
                held=held,
            )
    except Rejected as rejected:
        if token.expired and await service.outbox.status(token.submission_id):
            return None
        if all(fault.field == "files" for fault in rejected.faults):  # say what else is wrong in the same breath
            checked = submission.check_fields(rejected.fields, files=len(rejected.faults), rules=_rules(product))
            rejected.faults += tuple(checked[1])
        raise
    if not is_new:
        return None
    if held:
        log.warning("submission.held", submission=token.submission_id, product=product.slug, reason=held)
    else:
        log.info("submission.accepted", submission=token.submission_id, product=product.slug, files=len(files))
        if await service.dispatcher.attempt(token.submission_id, product.slug, service.settings.delivery_wait):
            return None
    stored = tuple(StoredAttachment(file.name, "waiting", None, file.note) for file in files)
    return SubmissionStatus(token.submission_id, product.slug, "queued", time.time(), None, None, None, stored)


def _submission(service: Service, product: Product, raw: intake.RawForm, token: _Token, lang: str) -> Submission:
    """What the form says, by the product's rules, without its files. Raises Rejected."""
    fields = raw.fields
    person = _vouched(service, product, fields, token.made_at)
    if person is not None and product.email in ("read-only", "hidden"):
        said = fields.get("submittedByEmail", "").strip()
        if said and said.casefold() != person.email.casefold():
            raise _disbelieved(product, fields, IdentityInvalid("forged", "the form has another e-mail address"))
        fields = {**fields, "submittedByEmail": person.email}
    feedback = submission.check(fields, files=len(raw.files), rules=_rules(product))
    told = context.read(fields.get("context", "")) if product.context != "off" else ()
    if product.context == "append":
        description, told = context.append(feedback.description, told)
        feedback = replace(feedback, description=description)
    return Submission(
        token.submission_id,
        product.slug,
        feedback,
        consent_version=submission.seen_version(fields, product.consent_in(lang)[1]),
        context=context.write(told) or None,
    )


def _rules(product: Product) -> submission.Rules:
    asked = product.fields
    return submission.Rules(asked.description, asked.sentiment, asked.files)


def _vouched(
    service: Service, product: Product, fields: Mapping[str, str], opened_at: float | None
) -> identity.Person | None:
    """Whom the host's server vouches for. None: nobody, and nobody has to be. Raises Rejected."""
    if product.identity is None:
        return None
    try:
        if not fields.get("identity"):
            if product.needs_identity:
                raise IdentityInvalid("missing", "the form came without one")
            return None
        secrets = tuple(key.get_secret_value() for key in service.settings.identity_keys.get(product.slug, ()))
        keys = identity.Keys(secrets, product.identity.public_keys)
        return identity.verify(
            fields["identity"], product=product.slug, keys=keys, now=time.time(), opened_at=opened_at
        )
    except IdentityInvalid as error:
        raise _disbelieved(product, fields, error) from error


def _disbelieved(product: Product, fields: Mapping[str, str], error: IdentityInvalid) -> Rejected:
    """For the person, that something is wrong; for the host's developer, what it is."""
    log.warning("identity.refused", product=product.slug, reason=error.reason, why=str(error))
    return Rejected(Fault("identity_invalid", "identity", error.reason), fields=fields)


async def _examined(service: Service, raw: intake.RawForm) -> tuple[Attachment, ...]:
    """The files as they may be forwarded, without their metadata. Raises Rejected with every fault."""
    work = [service.examiner.examine(file.path, file.media_type) for file in raw.files]
    try:
        every = await _all_of(work)
    except OutboxUnavailable as error:
        raise OutboxUnavailable(str(error), fields=raw.fields) from error
    pairs = list(zip(raw.files, every, strict=True))
    faults = [_file_fault(file, seen) for file, seen in pairs if seen.verdict != "good"]
    if faults:
        raise Rejected(*faults, fields=raw.fields)
    return tuple(
        Attachment(file.name, file.media_type, seen.size, file.path, _LOCATION_REMOVED if seen.located else None)
        for file, seen in pairs
    )


async def _all_of(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do all of it at once, and leave none of it running, whatever happens."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except* OutboxUnavailable as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]


def _file_fault(file: intake.RawFile, seen: Seen) -> Fault:
    params: dict[str, str | int] = {"name": file.name}
    if seen.verdict == "pixels":
        return Fault("file_too_large", "files", "pixels", file.position, params)
    return Fault("file_type", "files", seen.verdict, file.position, params)


def _why_held(service: Service, product: Product, fields: Mapping[str, str], token: _Token) -> str | None:
    """Why a submission looks like a machine's: it is stored, and waits for the operator to release it.

    Never a refusal, for a person may use a browser that fills in what it should not, or that cannot do the work.
    """
    if fields.get(_TRAP):
        return "trap"
    if not _wants_proof(service, product, token.made_at, time.time()):
        return None
    solution = fields.get("proof", "")
    if service.proofs.holds(solution, token.submission_id):
        return None
    return "proof_wrong" if solution else "proof_missing"


async def _refusal_unread(service: Service, product: Product, request: Request) -> Rejected | None:
    """What can be decided before the body is read."""
    if not _came_from_us(request, service.settings.public_url):
        return Rejected(Fault("origin_not_allowed"))
    address = request.client.host if request.client else ""
    marked = "sec-fetch-site" in request.headers or "origin" in request.headers
    if wait := await service.rates.hit(product.slug, address, marked=marked):
        return Rejected(Fault("rate_limited", params={"n": math.ceil(wait)}), retry_after=wait)
    return None


def _came_from_us(request: Request, public_url: str | None) -> bool:
    """Whether a form of ours sent the request, as far as a browser says so.

    `Sec-Fetch-Site` cannot be written by a page. Where it is missing, `Origin` is compared with our own address: the
    public one, or the one that the browser itself asked for.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    own = public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
    return origin is None or origin == own


def _refused_upstream(standing: SubmissionStatus) -> Fault:
    if standing.public_message:
        return Fault("refused_upstream", params={"reason": standing.public_message.rstrip(".")})
    return Fault("refused_upstream", variant="unexplained")


def _thank(request: Request, product: Product, standing: SubmissionStatus) -> Response:
    service, words = _service(request), _words(request, product.slug)
    receipt_url = f"/receipt/{service.tokens.receipt(standing.id, standing.product)}"
    delivered = standing.state == "delivered"
    if _wants_json(request):
        answer: dict[str, Any] = {
            "status": "delivered" if delivered else "accepted",
            "receipt": receipt_url.removeprefix("/receipt/"),
            "receipt_url": receipt_url,
        }
        if delivered:
            answer |= {"feedback_id": standing.feedback_id, "attachments": _files_told(standing, words)}
        return JSONResponse(answer, status_code=201 if delivered else 202, headers=_of_form_answer(product))
    page = service.pages.thanks(
        product,
        words,
        status="delivered" if delivered else "accepted",
        receipt_url=receipt_url,
        feedback_id=standing.feedback_id,
        at=_moment(standing.ended_at if delivered and standing.ended_at else standing.accepted_at),
        attachments=_files_shown(standing, words),
        **_looks(request),
    )
    return _html(request, page, 201 if delivered else 202, headers.of_form(product.origins))


def _refuse(request: Request, product: Product, rejected: Rejected, token: _Token) -> Response:
    service, words = _service(request), _words(request, product.slug)
    extra = _extra_headers(rejected)
    if _wants_json(request):
        return _problem_json(rejected, words, product, {**_of_form_answer(product), **extra})
    person = None
    if rejected.fields.get("identity"):
        with suppress(Rejected):
            person = _vouched(service, product, rejected.fields, token.made_at)
    text = token.text or service.tokens.form(product.slug)
    page = service.pages.form(
        product,
        words,
        token=text,
        challenge=_challenge(service, product, text),
        values=rejected.fields,
        faults=rejected.faults,
        retry_after=rejected.retry_after,
        person=person,
        **_looks(request),
    )
    return _html(request, page, rejected.status, {**headers.of_form(product.origins), **extra})


# --- receipts ---------------------------------------------------------------------------------------------------


async def show_receipt(request: Request) -> Response:
    """GET /receipt/{receipt}: where a submission stands; never what it says."""
    service = _service(request)
    standing = await _standing_of(service, request.path_params["receipt"])
    words = _words(request, standing.product)
    status = _receipt_status(standing, service.settings.receipt_days)
    known = status != "expired"
    delivered_at = standing.ended_at if status == "delivered" else None
    if _wants_json(request):
        content = {
            "status": status,
            "accepted_at": _written(standing.accepted_at) if known else None,
            "delivered_at": _written(delivered_at),
            "feedback_id": standing.feedback_id if known else None,
            "attachments": _files_told(standing, words, always_message=True) if known else [],
        }
        return JSONResponse(content, headers=headers.HEADERS["data"])
    page = service.pages.receipt(
        service.settings.products.get(standing.product),
        words,
        status=status,
        accepted_at=_moment(standing.accepted_at),
        delivered_at=_moment(delivered_at) if delivered_at is not None else None,
        ended_at=_moment(standing.ended_at) if standing.ended_at is not None else None,
        feedback_id=standing.feedback_id,
        attachments=_files_shown(standing, words) if known else (),
        theme=request.query_params.get("theme", "auto"),
    )
    return _html(request, page, 200, headers.HEADERS["page"])


async def _standing_of(service: Service, receipt: str) -> SubmissionStatus:
    try:
        submission_id, product = service.tokens.read_receipt(receipt)
    except TokenInvalid as error:
        raise Rejected(Fault("receipt_unknown")) from error
    standing = await service.outbox.status(submission_id)
    if standing is None:  # a receipt is made for a stored submission alone, so this one's row has outlived its time
        return SubmissionStatus(submission_id, product, "delivered", 0.0, 0.0, None, None, ())
    if standing.product != product:
        raise Rejected(Fault("receipt_unknown"))
    return standing


def _receipt_status(standing: SubmissionStatus, kept_days: int) -> str:
    if standing.ended_at is None or standing.state == "unknown":
        return "accepted"
    if time.time() - standing.ended_at > kept_days * 86400:
        return "expired"
    return "delivered" if standing.state == "delivered" else "refused"


# --- what the operator and host pages ask for -------------------------------------------------------------------


async def alive(_: Request) -> Response:
    """GET /healthz: the process answers."""
    return JSONResponse({"status": "ok"}, headers=headers.HEADERS["data"])


async def ready(request: Request) -> Response:
    """GET /readyz: able to accept submissions.

    The database decides the status. Whether a token can be had is named beside it and does not: while Insider Connect
    is away submissions are accepted all the same, and a balancer that took us out would turn people away.
    """
    service = _service(request)
    try:
        await service.outbox.check_writable()
        database = "ok"
    except OutboxUnavailable as error:
        database = f"unavailable: {error}"
    outcomes = {product: await service.insider.check(product) for product in service.settings.products}
    insider = {product: "ok" if failure is None else failure.reason for product, failure in outcomes.items()}
    is_ready = database == "ok"
    content = {
        "status": "ready" if is_ready else "unavailable",
        "checks": {"database": database, "insider_connect": insider},
    }
    return JSONResponse(content, status_code=200 if is_ready else 503, headers=headers.HEADERS["data"])


async def loader(request: Request) -> Response:
    """GET /embed.js: the script for host pages."""
    return _found(_service(request).static.loader(request))


async def static_file(request: Request) -> Response:
    """GET /static/…: scripts, styles, pictures."""
    return _found(_service(request).static.respond(request, request.path_params["path"]))


def _found(response: Response | None) -> Response:
    if response is None:
        raise Rejected(Fault("not_found"))
    return response


# --- errors of every address ------------------------------------------------------------------------------------


async def on_rejected(request: Request, error: Exception) -> Response:
    """A request that no product's form can answer: a problem, or a page that says so."""
    assert isinstance(error, Rejected)  # noqa: S101
    return _problem(request, error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """What the router itself refuses, in the one shape that errors have."""
    assert isinstance(error, HTTPException)  # noqa: S101
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "malformed")
    response = _problem(request, Rejected(Fault(code)))
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


async def on_unavailable(request: Request, error: Exception) -> Response:
    """The outbox cannot be asked."""
    log.error("outbox.unavailable", reason=str(error))
    return _problem(request, Rejected(Fault("unavailable"), retry_after=_RETRY_UNAVAILABLE))


async def on_left(request: Request, error: Exception) -> Response:
    """Whoever asked has left before the body was whole: nobody hears this answer."""
    log.info("request.left", path=request.url.path.split("/")[1])
    return Response(status_code=400, headers=headers.HEADERS["data"])


async def on_bug(request: Request, error: Exception) -> Response:
    """A fault of ours; the log has it."""
    log.error("request.failed", path=request.url.path.split("/")[1], exc_info=error)
    return _problem(request, Rejected(Fault("internal")))


def _problem(request: Request, rejected: Rejected) -> Response:
    words, extra = _words(request), _extra_headers(rejected)
    if _wants_json(request) or request.url.path.startswith(("/static/", "/embed.js")):
        return _problem_json(rejected, words, None, {**headers.HEADERS["data"], **extra})
    page = _service(request).pages.problem(words, rejected.faults[0], theme=request.query_params.get("theme", "auto"))
    return _html(request, page, rejected.status, {**headers.HEADERS["page"], **extra})


def _problem_json(rejected: Rejected, words: Words, product: Product | None, extra: Mapping[str, str]) -> Response:
    """RFC 9457. `errors` has every fault; `position` counts the files from 0, where one is at fault."""
    words = words.of(product) if product else words
    note = words.note(rejected.faults[0], product)
    errors = []
    for fault in rejected.faults:
        error: dict[str, Any] = {
            "field": fault.field,
            "code": fault.code,
            "message": words.fault(fault, product),
        }
        if fault.position is not None:
            error["position"] = fault.position
        if fault.code == "identity_invalid":
            error["reason"] = fault.variant
        errors.append(error)
    content = {
        "type": "about:blank",
        "title": note.title or HTTPStatus(rejected.status).phrase,
        "status": rejected.status,
        "detail": note.text,
        "errors": errors,
    }
    return JSONResponse(
        content, status_code=rejected.status, headers=dict(extra), media_type="application/problem+json"
    )


# --- small things -----------------------------------------------------------------------------------------------


def _html(request: Request, page: str, status: int, fields: Mapping[str, str]) -> Response:
    """A page, as gzip where that is taken."""
    content = page.encode()
    if encodings.choose(request.headers.get("accept-encoding", ""), ("gzip",)) == "gzip":
        content, fields = gzip.compress(content, 6, mtime=0), {**fields, "Content-Encoding": "gzip"}
    return HTMLResponse(content, status, fields)


def _looks(request: Request) -> dict[str, Any]:
    query = request.query_params
    return {"theme": query.get("theme", "auto"), "mode": query.get("mode", "page")}


def _extra_headers(rejected: Rejected) -> dict[str, str]:
    extra = {}
    if rejected.retry_after is not None:
        extra["Retry-After"] = str(math.ceil(rejected.retry_after))
    if rejected.close:
        extra["Connection"] = "close"
    return extra


def _of_form_answer(product: Product) -> dict[str, str]:
    return headers.of_form(product.origins)


def _files_told(
    standing: SubmissionStatus, words: Words, *, always_message: bool = False
) -> list[dict[str, str | None]]:
    """The files as JSON; a `message` stands only where there is one, unless it always should, as does a `note`."""
    told: list[dict[str, str | None]] = []
    for file in standing.attachments:
        told.append({"name": file.name, "status": file.status})
        message = _why_refused(file, words)
        if message or always_message:
            told[-1]["message"] = message
        if file.note == _LOCATION_REMOVED:
            told[-1]["note"] = file.note
    return told


def _files_shown(standing: SubmissionStatus, words: Words) -> list[pages.File]:
    return [
        pages.File(
            file.name,
            file.status,
            _why_refused(file, words) or "",
            words("note.location") if file.note == _LOCATION_REMOVED else "",
        )
        for file in standing.attachments
    ]


def _why_refused(file: StoredAttachment, words: Words) -> str | None:
    """Insider Connect's reason, or ours."""
    return words.fault(Fault("file_type", variant="infected")) if file.note == "infected" else file.message


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _written(at: float | None) -> str | None:
    return None if at is None else _moment(at).isoformat(timespec="seconds")


ROUTES = [
    Route("/form/{product}", show_form, methods=["GET"]),
    Route("/form/{product}", submit, methods=["POST"]),
    Route("/form/{product}/theme.css", theme, methods=["GET"]),
    Route("/form/{product}/token", fresh_token, methods=["GET"]),
    Route("/form/{product}/challenge", fresh_challenge, methods=["GET"]),
    Route("/receipt/{receipt}", show_receipt, methods=["GET"]),
    Route("/embed.js", loader, methods=["GET"]),
    Route("/static/{path:path}", static_file, methods=["GET"]),
    Route("/healthz", alive, methods=["GET"]),
    Route("/readyz", ready, methods=["GET"]),
]

Handler = Callable[[Request, Exception], Awaitable[Response]]
ERROR_HANDLERS: Mapping[int | type[Exception], Handler] = {
    Rejected: on_rejected,
    HTTPException: on_http_error,
    OutboxUnavailable: on_unavailable,
    ClientDisconnect: on_left,
    Exception: on_bug,
}

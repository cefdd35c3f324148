"""POST /form/{product}: reads the request, has it accepted, and answers."""

from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from widget.config.products import Product
from widget.errors import AlreadySent, Fault, OutboxUnavailable, Rejected
from widget.intake import body
from widget.intake.acceptance import FormToken
from widget.intake.body import Incoming
from widget.outbox.model import SubmissionStatus
from widget.pages.addresses import public
from widget.pages.state import FormState, ThanksState
from widget.web import headers, problems, refusals
from widget.web.form import challenge_for
from widget.web.responses import files_as_json, files_for_page, html, moment
from widget.web.service import Service, looks_of, product_of, service_of, wants_json, words_of


async def submit(request: Request) -> Response:
    """Take a submission, store it for good, and wait a little for Insider Connect's answer."""
    service, product = service_of(request), product_of(request)
    limits = body.Limits(
        files=product.fields.most_files,
        media_types=product.fields.media_types,
        read_timeout=service.settings.read_timeout,
        total_timeout=service.settings.body_timeout,
    )
    refusal = await _refusal_unread(service, product, request)
    backend = service.outbox.backend
    async with body.receive(
        request,
        spool=backend.spool,
        sealed=backend.keyring.newest is not None,
        limits=limits,
        turns=service.turns,
        room=service.room,
        refusal=refusal,
    ) as incoming:
        token: FormToken | None = None
        try:
            token = await _token(service, product, incoming)
            form = await incoming.form()  # raises any refusal
            assert token is not None  # noqa: S101
            accepted = await service.acceptance.accept(
                product, token, form, words_of(request).lang, _client(request), test=looks_of(request).test
            )
        except AlreadySent as sent:
            return _refuse_repeat(request, product, sent, incoming)
        except Rejected as rejected:
            whole = service.acceptance.with_field_faults(product, rejected, incoming.fields)
            await service.rotation.turn(request.client)  # anybody can have as many forms refused as they like
            return _refuse(request, product, whole, token, incoming)
        except OutboxUnavailable as error:
            return _refuse(request, product, problems.unavailable(error, product), token, incoming)
        if accepted.state in ("refused", "discarded"):
            # That submission has ended. The next one is a new one, with a token of its own.
            return _refuse(request, product, Rejected(_refused_upstream(accepted)), None, incoming)
        return _thank(request, product, accepted)


async def _token(service: Service, product: Product, incoming: Incoming) -> FormToken | None:
    """The form's token if it is genuine. If it is not, or comes too fast, the form is refused."""
    text = await incoming.token()
    if text is None:
        return None
    token: FormToken | None = None
    try:
        token = await service.acceptance.read_token(product, text)
        service.acceptance.check_fill_time(token)
    except Rejected as rejected:
        incoming.refuse(rejected)
    return token


async def _refusal_unread(service: Service, product: Product, request: Request) -> Rejected | None:
    """The refusal that can be decided before the body is read."""
    if not _came_from_us(request, service.settings.public_origin):
        return Rejected(Fault("origin_not_allowed"))
    marked = "sec-fetch-site" in request.headers or "origin" in request.headers
    exceeded = await service.rates.hit_client(product.slug, _client(request), marked=marked)
    return Rejected.rate_limited(*exceeded) if exceeded else None


def _client(request: Request) -> str:
    """The address that the request came from."""
    return request.client.host if request.client else ""


def _came_from_us(request: Request, public_origin: str | None) -> bool:
    """Whether one of our forms sent the request, as far as the browser says.

    No page can set `Sec-Fetch-Site`. If it is missing, `Origin` is compared with our own address: the public one, or
    the one that the browser requested.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    own = public_origin or f"{request.url.scheme}://{request.headers.get('host', '')}"
    return origin is None or origin == own


def _is_in_a_sandbox(request: Request) -> bool:
    """Whether our form may have sent the request, from a frame without an origin. The text is the person's then.

    Any page can hide its origin, and would show people a form with words of its own. But in a frame, the answer shows
    in pages of the product alone.
    """
    return request.headers.get("origin") == "null" and request.headers.get("sec-fetch-dest") == "iframe"


def _refused_upstream(status: SubmissionStatus) -> Fault:
    if status.public_message:
        return Fault("refused_upstream", params={"reason": status.public_message.rstrip(".")})
    return Fault("refused_upstream", variant="unexplained")


def _thank(request: Request, product: Product, status: SubmissionStatus) -> Response:
    service, words = service_of(request), words_of(request, product.slug)
    receipt = service.tokens.receipt(status.id, status.product)
    receipt_url = public(f"/receipt/{receipt}")
    delivered = status.state == "delivered"
    code = 201 if delivered else 202
    if wants_json(request):
        answer: dict[str, Any] = {
            "status": "delivered" if delivered else "accepted",
            "receipt": receipt,
            "receipt_url": receipt_url,
        }
        if status.test:
            answer["test"] = True
        if delivered:
            answer |= {"feedback_id": status.feedback_id, "attachments": files_as_json(status, words)}
        return JSONResponse(answer, status_code=code, headers=headers.of_form(product.origins))
    at = status.ended_at if delivered and status.ended_at else status.accepted_at
    state = ThanksState(
        "delivered" if delivered else "accepted",
        receipt_url,
        status.feedback_id,
        moment(at),
        files_for_page(status, words),
        status.test,
    )
    page = service.pages.thanks(product, words, state, looks_of(request))
    return html(request, page, code, headers.of_form(product.origins))


def _refuse_repeat(request: Request, product: Product, sent: AlreadySent, incoming: Incoming) -> Response:
    """The token was used with other content. It is a different submission, which the person may send as well."""
    if not wants_json(request):
        return _refuse(request, product, sent, None, incoming)
    refusals.note(request, sent, product.slug)
    receipt, receipt_url = _receipt(request, product, sent)
    token = service_of(request).tokens.form(product.slug)
    more = {"receipt": receipt, "receipt_url": receipt_url, "token": token}
    return problems.as_json(sent, words_of(request, product.slug), product, headers.of_form(product.origins), more)


def _receipt(request: Request, product: Product, sent: AlreadySent) -> tuple[str, str]:
    """The receipt of what was sent before, and its address."""
    receipt = service_of(request).tokens.receipt(sent.submission_id, product.slug)
    return receipt, public(f"/receipt/{receipt}")


def _refuse(
    request: Request, product: Product, rejected: Rejected, token: FormToken | None, incoming: Incoming
) -> Response:
    """Say what is wrong, and give the text back. Without a `token`, the form gets a new one."""
    refusals.note(request, rejected, product.slug)
    service, words = service_of(request), words_of(request, product.slug)
    fields = headers.of_form(product.origins)
    if not incoming.whole:
        fields["Connection"] = "close"  # what still arrives would be taken for the next request
    if wants_json(request):
        return problems.as_json(rejected, words, product, fields)
    is_ours = all(fault.code != "origin_not_allowed" for fault in rejected.faults) or _is_in_a_sandbox(request)
    given = incoming.fields if is_ours else {}  # pages of other sites get no text back
    person = None
    if given.get("identity"):
        with suppress(Rejected):
            person = service.identities.verify(product, given, token.made_at if token else 0.0)
    text = token.text if token else service.tokens.form(product.slug)
    state = FormState(
        text,
        given,
        rejected.faults,
        rejected.retry_after,
        person,
        challenge_for(service, product, text),
        _receipt(request, product, rejected)[1] if isinstance(rejected, AlreadySent) else "",
    )
    page = service.pages.form(product, words, state, looks_of(request))
    return html(request, page, rejected.status, {**fields, **problems.retry_after(rejected)})

"""The form as a page, its theme, and what a page that has been open for long requests again."""

import time
from contextlib import suppress
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from widget.config.products import Product
from widget.errors import Fault, Rejected, TokenError
from widget.pages.state import FormState
from widget.submissions.identity import Person
from widget.theming import themes
from widget.web import headers
from widget.web.assets import FOR_EVER
from widget.web.form_cache import wish
from widget.web.responses import html
from widget.web.service import Service, looks_of, product_of, service_of, words_of


async def show_form(request: Request) -> Response:
    """GET /form/{product}: an untouched form. If the query has an invalid signed identity, the form says so."""
    service, product, query = service_of(request), product_of(request), request.query_params
    values = {name: query.get(name, "") for name in ("identity", "context")}
    person: Person | None = None
    faults: tuple[Fault, ...] = ()
    if values["identity"]:
        try:
            person = service.identities.verify(product, values, opened_at=None)
        except Rejected as rejected:
            faults = rejected.faults
    token, words = service.tokens.form(product.slug), words_of(request, product.slug)
    challenge = challenge_for(service, product, token)
    values["submittedByEmail"] = "" if product.email == "ask" else query.get("email", "")
    state = FormState(token, values, faults, person=person, challenge=challenge)
    page = service.pages.form(product, words, state, looks_of(request))
    answer = html(request, page, 403 if faults else 200, headers.of_form(product.origins))
    if challenge is None and (asked := wish(request.scope)):
        answer.background = BackgroundTask(service.forms.keep, product, words, asked.variant, page, token)
    return answer


async def theme(request: Request) -> Response:
    """GET /form/{product}/theme.css: the product's colours and sizes, for the form and any page that wants them."""
    product = product_of(request)
    kept = request.query_params.get("v") == themes.version(product.theme)
    extra = {"Cache-Control": FOR_EVER if kept else "no-cache"}
    return service_of(request).sheets[product.slug].respond(request, {**headers.HEADERS["static"], **extra})


async def words(request: Request) -> Response:
    """GET /form/{product}/words.json: texts that the form loads on demand, for the editor, screenshots and hints."""
    product = product_of(request)
    return JSONResponse(words_of(request, product.slug).later(product), headers=headers.HEADERS["data"])


async def fresh_token(request: Request) -> Response:
    """GET /form/{product}/token: a form token for a page that has been open for long."""
    service, product = service_of(request), product_of(request)
    content = {"token": service.tokens.form(product.slug), "expires_in": int(service.tokens.max_age)}
    return JSONResponse(content, headers=headers.HEADERS["data"])


async def fresh_challenge(request: Request) -> Response:
    """GET /form/{product}/challenge: a proof of work for the form token in `X-Form-Token`."""
    service, product = service_of(request), product_of(request)
    token = await service.acceptance.read_token(product, request.headers.get("x-form-token", ""))
    return JSONResponse(
        service.bots.challenge(product, token.submission_id, time.time()), headers=headers.HEADERS["data"]
    )


async def check_identity(request: Request) -> Response:
    """GET /form/{product}/identity: whom the token in `X-Identity` vouches for, seen from the form whose token is in
    `X-Form-Token`. An invalid one is answered as Send would answer it: 403 with the reason."""
    service, product = service_of(request), product_of(request)
    opened_at: float | None = None
    with suppress(TokenError):
        now = time.time()
        opened_at = now - service.tokens.read_form(request.headers.get("x-form-token", ""), product.slug, now).age
    values = {"identity": request.headers.get("x-identity", "")}
    person = service.identities.verify(product, values, opened_at=opened_at)
    content = {"email": person.email, "name": person.name} if person else {}
    return JSONResponse(content, headers=headers.HEADERS["data"])


def challenge_for(service: Service, product: Product, token: str) -> dict[str, Any] | None:
    """The proof of work for a form with this genuine token, if it needs one now."""
    now = time.time()
    if not service.bots.asks_for_proof(product, now):
        return None
    return service.bots.challenge(product, service.tokens.read_form(token, product.slug, now).submission_id, now)

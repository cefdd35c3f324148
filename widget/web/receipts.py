"""GET /receipt/{receipt}: the status of a submission, never its content."""

import time
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from widget.errors import Fault, Rejected, TokenInvalid
from widget.outbox.model import SubmissionStatus
from widget.pages.state import ReceiptState
from widget.web import headers
from widget.web.responses import files_as_json, files_for_page, html, iso, moment
from widget.web.service import Service, looks_of, service_of, wants_json, words_of


async def show_receipt(request: Request) -> Response:
    """The receipt as a page, or as JSON."""
    service = service_of(request)
    found = await _status_of(service, request.path_params["receipt"])
    words = words_of(request, found.product)
    status = _receipt_status(found, service.settings.receipt_days)
    if status == "refused":
        found = _without_waiting(found)
    known = status != "expired"
    discarded = status == "refused" and found.state == "discarded"
    delivered_at = found.ended_at if status == "delivered" else None
    if wants_json(request):
        content = {
            "status": status,
            "accepted_at": iso(found.accepted_at) if known else None,
            "delivered_at": iso(delivered_at),
            "feedback_id": found.feedback_id if known else None,
            "attachments": files_as_json(found, words, always_message=True) if known else [],
        }
        if found.test:
            content["test"] = True
        if discarded or (status == "refused" and found.erased):
            content["discarded"] = True
        return JSONResponse(content, headers=headers.HEADERS["data"])
    state = ReceiptState(
        status,
        accepted_at=moment(found.accepted_at),
        delivered_at=moment(delivered_at) if delivered_at is not None else None,
        ended_at=moment(found.ended_at) if found.ended_at is not None else None,
        feedback_id=found.feedback_id,
        attachments=files_for_page(found, words) if known else (),
        test=found.test and known,
        discarded=discarded,
        erased=found.erased,
        in_doubt=found.in_doubt,
    )
    product = service.settings.products.get(found.product)
    page = service.pages.receipt(product, words, state, looks_of(request).theme)
    return html(request, page, 200, headers.HEADERS["page"])


async def _status_of(service: Service, receipt: str) -> SubmissionStatus:
    try:
        submission_id, product = service.tokens.read_receipt(receipt)
    except TokenInvalid as error:
        raise Rejected(Fault("receipt_unknown")) from error
    status = await service.outbox.status(submission_id)
    if status is None:  # only stored submissions have receipts, so this one's row has been removed since
        return SubmissionStatus(submission_id, product, "delivered", 0.0, 0.0, None, None, ())
    if status.product != product:
        raise Rejected(Fault("receipt_unknown"))
    return status


def _without_waiting(status: SubmissionStatus) -> SubmissionStatus:
    """The same status, in which no file waits: if a submission is refused, so are its files."""
    files = (replace(file, status="refused") if file.status == "waiting" else file for file in status.attachments)
    return replace(status, attachments=tuple(files))


def _receipt_status(status: SubmissionStatus, kept_days: int) -> str:
    if status.ended_at is None or status.state == "unknown":
        return "accepted"
    if time.time() - status.ended_at > kept_days * 86400:
        return "expired"
    return "delivered" if status.state == "delivered" else "refused"

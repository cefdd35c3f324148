"""Parts of several kinds of answers: pages, files in words, times."""

from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from widget.errors import Fault
from widget.files.protocol import NOTES
from widget.i18n.messages import Words
from widget.outbox.model import StoredAttachment, SubmissionStatus
from widget.pages.state import File
from widget.web import compression


def html(request: Request, page: str, status: int, fields: Mapping[str, str]) -> Response:
    """A page, compressed if the client accepts that."""
    coding = compression.choose(request.headers.get("accept-encoding", ""))
    content = compression.pack_now(page.encode(), coding)
    if coding != compression.AS_IT_IS:
        fields = {**fields, "Content-Encoding": coding}
    return HTMLResponse(content, status, fields)


def files_as_json(
    status: SubmissionStatus, words: Words, *, always_message: bool = False
) -> list[dict[str, str | None]]:
    """The files as JSON. `message` and `note` are left out if they are empty, except with `always_message`."""
    return [_file_as_json(file, words, always_message=always_message) for file in status.attachments]


def _file_as_json(file: StoredAttachment, words: Words, *, always_message: bool) -> dict[str, str | None]:
    content = {"name": file.name, "status": file.status}
    message = _why_refused(file, words)
    return {
        **content,
        **({"message": message} if message or always_message else {}),
        **({"note": file.note} if _notes(file) else {}),
    }


def files_for_page(status: SubmissionStatus, words: Words) -> list[File]:
    """The files as a page shows them."""
    return [
        File(
            file.name,
            file.status,
            _why_refused(file, words) or "",
            " · ".join(words(f"note.{note.removesuffix('_removed')}") for note in _notes(file)),
        )
        for file in status.attachments
    ]


def _notes(file: StoredAttachment) -> list[str]:
    """What was removed from the file."""
    return [note for note in NOTES if note in (file.note or "").split()]


def _why_refused(file: StoredAttachment, words: Words) -> str | None:
    """Insider Connect's reason, or ours."""
    return words.fault(Fault("file_type", variant="infected")) if file.note == "infected" else file.message


def moment(at: float) -> datetime:
    """Unix seconds as a date and time."""
    return datetime.fromtimestamp(at, UTC)


def iso(at: float | None) -> str | None:
    """Unix seconds as ISO 8601, to the second."""
    return None if at is None else moment(at).isoformat(timespec="seconds")

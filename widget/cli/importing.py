"""Reads the lines that `widget outbox export` writes, and explains what is wrong with a line."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from widget.config.sentences import sentence
from widget.errors import Rejected
from widget.files import safe_name
from widget.outbox.entries import State
from widget.outbox.importing import Imported, ImportedFile
from widget.outbox.tables import WAITING_STATES
from widget.submissions.limits import MAX_FILE_SIZE, MAX_FILES
from widget.submissions.model import Rules, check

_LONGEST = 2 * MAX_FILES * MAX_FILE_SIZE
"""Bytes of a line. Base64 makes its files a third larger."""

_MOST = 128
"""Lines in a group."""
_FULL = 8 * 1024 * 1024
"""Bytes of files with which a group is full."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""What no database stores in a text."""
_NO_TEXT = "is not UTF-8 text; write it again"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    @field_validator("*")
    @classmethod
    def _check_text(cls, value: Any) -> Any:
        if isinstance(value, str) and _UNSTORABLE.search(value):
            raise ValueError("has a NUL" if "\0" in value else _NO_TEXT)
        return value


class _Feedback(_Strict):
    description: str
    submittedByEmail: str  # noqa: N815 - the form's name
    sentimentRating: bool | None  # noqa: N815
    contactConsent: bool  # noqa: N815


class _File(_Strict):
    name: str
    media_type: Literal["image/jpeg", "image/png", "application/pdf"]
    size: int = Field(ge=0, le=MAX_FILE_SIZE)
    status: Literal["waiting", "attached", "refused"]
    message: str | None = None
    note: str | None = Field(None, max_length=100)
    content: str | None = None
    path: str | None = None
    missing: bool = False


class _Line(_Strict):
    id: str = Field(pattern=r"^[0-9A-Za-z_-]{1,32}$")
    product: str
    state: State
    accepted_at: AwareDatetime = Field(strict=False)
    ended_at: AwareDatetime | None = Field(None, strict=False)
    due_at: AwareDatetime | None = Field(None, strict=False)
    attempts: int = Field(ge=0, lt=2**31)
    feedback_id: int | None = Field(None, ge=0, lt=2**63)
    created_without_id: bool = False
    possible_duplicate: bool = False
    separately: bool = False
    held_for: str | None = Field(None, max_length=20)
    last_error: str | None = None
    told: str | None = Field(None, validation_alias=AliasChoices("public_message", "told"))
    """The column's name, which older exports have, too."""
    erased: bool = False
    feedback: _Feedback | None
    consent_version: str | None = Field(None, max_length=40)
    context: dict[str, Any] | None = None
    content_mac: str | None = Field(None, max_length=64)
    identity_used: str | None = Field(None, max_length=64)
    locale: str | None = Field(None, max_length=35)
    cause: str | None = Field(None, max_length=30)
    attachments: list[_File] = Field(max_length=MAX_FILES)


def lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each line that is not blank, with its number. Of a line that is too long, only the beginning is returned."""
    number = 0
    while line := source.readline(_LONGEST):
        number += 1
        while not line.endswith(b"\n") and (rest := source.readline(_LONGEST)):
            if rest.endswith(b"\n"):
                break
        if line.strip():
            yield number, line


def groups(
    source: BinaryIO, products: object, folder: Path | None
) -> Iterator[Sequence[tuple[int, Imported | ValueError]]]:
    """What the lines hold, or why one holds nothing, with their numbers: as many at a time as fit into memory."""
    group: list[tuple[int, Imported | ValueError]] = []
    size = 0
    for number, line in lines(source):
        try:
            found: Imported | ValueError = read(line, products, folder)
        except ValueError as error:
            found = error
        group.append((number, found))
        size += _size(found)
        if len(group) == _MOST or size > _FULL:
            yield group
            group, size = [], 0
    yield group


def _size(found: Imported | ValueError) -> int:
    return sum(file.size for file in found.files) if isinstance(found, Imported) else 0


def read(line: bytes, products: object, folder: Path | None) -> Imported:
    """The submission in a line. Its files are in `folder`. Raises ValueError with the reason.

    `products` holds the slugs of the known products.
    """
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(
            "is not JSON" if line.endswith(b"\n") else "is not JSON; the line may have been cut off"
        ) from None
    try:
        found = _Line.model_validate(content)
    except ValidationError as error:
        raise ValueError("; ".join(map(_in_words, error.errors()))) from None
    if found.product not in products:  # type: ignore[operator]
        raise ValueError(f"there is no product {found.product!r} in the products' file")
    _check(found)
    columns = found.model_dump(exclude={"feedback", "attachments", "created_without_id", "erased"})
    columns |= {name: columns[name] and columns[name].timestamp() for name in ("accepted_at", "ended_at", "due_at")}
    columns["context"] = None if found.context is None else json.dumps(found.context, ensure_ascii=False)
    if _UNSTORABLE.search(columns["context"] or ""):
        raise ValueError(f"context {_NO_TEXT}")
    return Imported(columns | _said(found), tuple(_files(found, folder)), found.created_without_id)


def _in_words(fault: Any) -> str:
    words = "is not a field of a submission" if fault["type"] == "extra_forbidden" else sentence(fault)
    return f"{'.'.join(map(str, fault['loc']))} {words}".strip()


def _check(line: _Line) -> None:
    if line.state == "delivered" and line.feedback_id is None and not line.created_without_id:
        raise ValueError("it is delivered, but has no feedback_id")
    if line.feedback is None and line.state in WAITING_STATES:
        raise ValueError(f"it is {line.state}, but has no feedback")


def _said(line: _Line) -> dict[str, Any]:
    said = line.feedback
    if said is None:
        return {}
    rating = {True: "true", False: "false", None: ""}[said.sentimentRating]
    fields = {
        "description": said.description,
        "submittedByEmail": said.submittedByEmail,
        "sentimentRating": rating,
        "contactConsent": str(said.contactConsent).lower(),
    }
    try:
        feedback = check(fields, files=len(line.attachments), rules=Rules())
    except Rejected as error:
        raise ValueError(f"its feedback cannot be sent: {error}") from None
    names = {"description": feedback.description, "email": feedback.email}
    return names | {"rating": feedback.rating, "consent": feedback.consent}


def _files(line: _Line, folder: Path | None) -> Iterator[ImportedFile]:
    for number, file in enumerate(line.attachments):
        name = safe_name(file.name, file.media_type, number)
        content = _content(file, folder)
        if content is not None and len(content) != file.size:
            raise ValueError(f"attachments.{number} has {len(content)} bytes, but its size is {file.size}")
        yield ImportedFile(name, file.media_type, file.size, file.status, file.message, file.note, content)


def _content(file: _File, folder: Path | None) -> bytes | None:
    if file.content is not None:
        try:
            return base64.b64decode(file.content, validate=True)
        except binascii.Error:
            raise ValueError(f"the content of {file.name!r} is not base64") from None
    if file.path is None:
        return None
    if folder is None:
        raise ValueError(f"{file.path} is in a folder; name that with --files")
    if PurePosixPath(file.path).is_absolute() or ".." in PurePosixPath(file.path).parts:
        raise ValueError(f"{file.path} leads out of the folder")
    try:
        with open(folder / file.path, "rb") as copy:
            return copy.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be read: {error.strerror}") from None

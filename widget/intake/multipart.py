"""A `multipart/form-data` body, as the form's fields and files. Does no I/O.

`Form` counts as it is fed, so that nothing exceeds a limit unnoticed. `submissions.model` decides what a field's value
means; `body` reads within deadlines and writes files to disk.

After the first fault, parsing goes on without keeping the files' bytes: the answer names every file at fault and gives
the text fields back. Only a body that cannot be parsed at all ends it early.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from widget import files
from widget.errors import Fault, Rejected
from widget.submissions.limits import MAX_FILE_SIZE, MAX_FILES, MEDIA_TYPES

TEXT_FIELDS = frozenset({
    "token", "website", "proof", "description", "submittedByEmail", "sentimentRating", "contactConsent",
    "consentVersion", "identity", "context", "chips",
})  # fmt: skip
"""A field that is neither one of these nor `files` is ignored. Each may occur once, except `REPEATED`."""
REPEATED = "chips"
"""The field of several check boxes. Its values are joined, one per line."""

MALFORMED = Fault("malformed")
TOO_LARGE = Fault("request_too_large")

# RFC 2046, 5.1.1: 1 to 70 characters of these, and no space at the end.
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
# RFC 7578, section 4.7 deprecates the header; a value that means "not encoded" is harmless.
_PLAIN_ENCODINGS = (b"7bit", b"8bit", b"binary")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is read of a request: sizes in bytes, times in seconds."""

    files: int = MAX_FILES
    media_types: tuple[str, ...] = MEDIA_TYPES
    file_size: int = MAX_FILE_SIZE
    field_size: int = 64 * 1024
    text_size: int = 2 * field_size
    """For all text fields together: they are kept in memory, however slowly the rest of the body comes."""
    parts: int = 100
    part_headers: int = 8
    header_size: int = 4096
    request_size: int = MAX_FILES * MAX_FILE_SIZE + 1024 * 1024
    """Five whole files, the text, and the framing of the parts."""
    drain_size: int = 2 * request_size
    """How far a refused request is read, so that the browser sees the answer."""
    read_timeout: float = 20.0
    """For each read."""
    total_timeout: float = 120.0
    """For the whole body."""


@dataclass(slots=True)
class Upload:
    """A file that is being received; `pending` has the bytes that are not on disk yet."""

    name: str
    declared: str = ""
    """The media type that the client gives it."""
    position: int = -1
    size: int = 0
    head: bytes = b""
    media_type: str | None = None
    pending: bytearray = field(default_factory=bytearray)

    def take_pending(self) -> bytearray:
        """Hand over the bytes that are to be written next."""
        pending, self.pending = self.pending, bytearray()
        return pending


@dataclass(slots=True)
class _Text:
    """A text field that is being received; `name` is "" for a field that is ignored."""

    name: str
    size: int = 0
    value: bytearray = field(default_factory=bytearray)


class _TooManyParts(Exception):
    """Stops the parser in the middle of a chunk."""


class Form:
    """The form in a body, as far as it has been fed: its `fields`, its `uploads`, and all its faults.

    `refusal` was decided before the body was read. `token` is None until that field is complete.
    """

    def __init__(self, content_type: str, limits: Limits, refusal: Rejected | None = None) -> None:
        self.fields: dict[str, str] = {}
        self.token: str | None = None
        self.uploads: list[Upload] = []
        self.retry_after = refusal.retry_after if refusal else None
        self.limit = refusal.limit if refusal else ""
        self._limits = limits
        self._decided = refusal.faults if refusal else ()
        self._faults: list[Fault] = []
        self._seen: set[str] = set()
        self._parts = 0
        self._text_size = 0
        self._headers: dict[bytes, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._part: _Text | Upload | None = None
        self._started = False
        self._complete = False
        self._parser = self._parser_for(content_type)

    def feed(self, chunk: bytes) -> None:
        """Parse the next bytes, unless the body is known not to be a form."""
        if self._parser is None or not chunk:
            return
        if not self._started and not chunk.startswith(b"-"):
            # MIME allows a preamble, but no form has one, and how the parser skips it depends on the chunks.
            self._give_up(MALFORMED)
            return
        self._started = True
        try:
            self._parser.write(chunk)
        except _TooManyParts:
            self._give_up(TOO_LARGE)
        except FormParserError:
            self._give_up(MALFORMED)

    def finish(self) -> None:
        """Note the end of the body. Without a closing boundary something may be missing, perhaps half a file."""
        if self._parser is not None and not self._complete:
            self.add_fault(MALFORMED)

    def refuse(self, rejected: Rejected) -> None:
        """Refuse the form for a reason that came up while it was read."""
        self.retry_after = self.retry_after or rejected.retry_after
        self.limit = self.limit or rejected.limit
        for fault in rejected.faults:
            self.add_fault(fault)

    def add_fault(self, fault: Fault) -> None:
        """Refuse the form for `fault`; the same fault is noted once."""
        if fault not in self._faults:
            self._faults.append(fault)
        self._drop_files()

    @property
    def refused(self) -> bool:
        """Whether there is a fault, so that no file needs to be kept."""
        return bool(self._decided or self._faults) or len(self.uploads) > self._limits.files

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All faults: first those that were decided before, then the others in the order of their status."""
        faults = list(self._faults)
        surplus = len(self.uploads) - self._limits.files
        if surplus > 0:
            faults.append(Fault("too_many_files", "files", params={"n": surplus, "limit": self._limits.files}))
        return (*self._decided, *sorted(faults, key=lambda fault: fault.status))

    def _parser_for(self, content_type: str) -> MultipartParser | None:
        media_type, options = parse_options_header(content_type)
        if media_type != b"multipart/form-data":
            self.add_fault(Fault("media_type"))
            return None
        boundary = options.get(b"boundary", b"")
        if not _BOUNDARY.fullmatch(boundary):
            self.add_fault(MALFORMED)
            return None
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
            max_header_count=self._limits.part_headers,
            max_header_size=self._limits.header_size,
        )

    def _give_up(self, fault: Fault) -> None:
        self.add_fault(fault)
        self._parser = None

    def _drop_files(self) -> None:
        for upload in self.uploads:
            upload.take_pending()

    # The parser calls these, in the order of a part's life.

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._part = None
        self._parts += 1
        if self._parts > self._limits.parts:
            raise _TooManyParts

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        name = self._header_name.lower()
        if name in self._headers:
            self.add_fault(MALFORMED)
        self._headers[name] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        try:
            name, filename = _disposition(self._headers)
        except ValueError:
            self.add_fault(MALFORMED)
            return
        if name == "files":
            self._begin_file(filename)
        else:
            self._begin_text(name, filename)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        piece = memoryview(data)[start:end]
        if isinstance(self._part, Upload):
            self._add_to_file(self._part, piece)
        elif isinstance(self._part, _Text):
            self._add_to_text(self._part, piece)

    def _on_part_end(self) -> None:
        if isinstance(self._part, Upload):
            self._end_file(self._part)
        elif isinstance(self._part, _Text):
            self._end_text(self._part)
        self._part = None

    def _on_end(self) -> None:
        self._complete = True

    # A text field.

    def _begin_text(self, name: str, filename: str | None) -> None:
        if name not in TEXT_FIELDS:
            self._part = _Text("")
        elif filename is not None or (name in self._seen and name != REPEATED):
            self.add_fault(MALFORMED)
        else:
            self._seen.add(name)
            before = f"{self.fields[name]}\n".encode() if name in self.fields else b""
            self._part = _Text(name, len(before), bytearray(before))

    def _add_to_text(self, text: _Text, piece: memoryview) -> None:
        text.size += len(piece)
        self._text_size += len(piece) if text.name else 0
        if text.size > self._limits.field_size or self._text_size > self._limits.text_size:
            self.add_fault(Fault("request_too_large", text.name))
            self._part = None
        elif text.name:
            text.value += piece

    def _end_text(self, text: _Text) -> None:
        try:
            value = text.value.decode()
        except UnicodeDecodeError:
            self.add_fault(MALFORMED)
            return
        if text.name == "token":
            self.token = value
        elif text.name:
            self.fields[text.name] = value

    # A file.

    def _begin_file(self, filename: str | None) -> None:
        if filename is None:
            self.add_fault(MALFORMED)
            return
        declared = self._headers.get(b"content-type", b"").decode("latin-1")
        self._part = Upload(filename, declared)
        if filename:
            self._count_file(self._part)

    def _count_file(self, upload: Upload) -> None:
        upload.position = len(self.uploads)
        self.uploads.append(upload)
        if self.refused:
            self._drop_files()

    def _add_to_file(self, upload: Upload, piece: memoryview) -> None:
        if upload.position < 0:  # no name, but content: not the empty file input that every browser sends
            self._count_file(upload)
        fitted = upload.size <= self._limits.file_size
        upload.size += len(piece)
        if fitted and upload.size > self._limits.file_size:
            self._refuse_file(upload, "file_too_large")
        if len(upload.head) < files.HEAD_SIZE:
            upload.head += piece[: files.HEAD_SIZE - len(upload.head)]
            if len(upload.head) == files.HEAD_SIZE:
                self._identify(upload)
        if not self.refused:
            upload.pending += piece

    def _end_file(self, upload: Upload) -> None:
        if upload.position < 0:
            return
        if not upload.size:
            self._refuse_file(upload, "file_type", variant="empty")
        elif upload.size < files.HEAD_SIZE:
            self._identify(upload)

    def _identify(self, upload: Upload) -> None:
        upload.media_type = files.identify(upload.head)
        if upload.media_type is None or upload.media_type not in self._limits.media_types:
            upload.media_type = None
            self._refuse_file(upload, "file_type")
        elif files.contradicts(upload.media_type, upload.name, upload.declared):
            self._refuse_file(upload, "file_type", variant="mismatch")

    def _refuse_file(self, upload: Upload, code: str, variant: str = "") -> None:
        name = files.safe_name(upload.name, None, upload.position)
        self.add_fault(Fault(code, "files", variant, upload.position, {"name": name}))


def _disposition(headers: Mapping[bytes, bytes]) -> tuple[str, str | None]:
    """A part's name and, for a file, its file name. Raises ValueError if these are not the headers of a form's part."""
    if headers.get(b"content-transfer-encoding", b"binary").strip().lower() not in _PLAIN_ENCODINGS:
        raise ValueError
    disposition, options = parse_options_header(headers.get(b"content-disposition"))
    if disposition != b"form-data" or b"name" not in options:
        raise ValueError
    filename = options.get(b"filename")
    return options[b"name"].decode(), None if filename is None else _unescape(filename.decode())


def _unescape(filename: str) -> str:
    """Undo the three escapes of browsers (https://html.spec.whatwg.org/#multipart-form-data), which leave `%` alone."""
    return filename.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")

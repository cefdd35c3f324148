"""Opens a PDF only if qpdf can read all of it: its table, and every stream that can contain objects.

If qpdf cannot decode such a stream, it reads its objects as null, with a warning at most. None of that would get into a
copy, but pages could be missing from it without notice.
"""

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pikepdf
from pikepdf.settings import set_qpdf_limits

from widget.files.picture import Unreadable

MOST_OBJECTS = 100_000
"""Numbered objects. The largest real documents of 4 MiB have about half as many."""
_MOST_UNPACKED = 12 * 1024 * 1024
"""Bytes of one stream that is decompressed here, and of all object streams together."""
_MOST_IN_ALL = 128 * 1024 * 1024
"""Bytes that all streams of a document may be decompressed to here."""
_EXPANDING = {"/FlateDecode", "/Fl", "/LZWDecode", "/LZW", "/RunLengthDecode", "/RL"}
COMMON = _EXPANDING | {"/ASCII85Decode", "/A85", "/ASCIIHexDecode", "/AHx"}
"""The filters that qpdf undoes (`generalized`)."""
_MOST_TIMES = 4096
"""How many times as large as its input the output of such a filter can be."""
_MOST_WORDS = 1_900_000
"""Words and marks of all objects together. qpdf makes an object of each."""
_MOST_WARNINGS = 1000
_DEEPEST = 100
"""Levels of nested objects."""

set_qpdf_limits(
    doc_max_warnings=_MOST_WARNINGS,
    parser_max_nesting=_DEEPEST,
    parser_max_container_size=500_000,
    max_stream_filters=5,
    flate_max_memory=_MOST_UNPACKED,
    run_length_max_memory=_MOST_UNPACKED,
    png_max_memory=_MOST_UNPACKED,
    tiff_max_memory=_MOST_UNPACKED,
)


class Encrypted(Exception):
    """It needs a password, or a reader that knows another way to decrypt it."""


class Damaged(Exception):
    """A part that matters cannot be read, or it contains more than anybody would write."""


class Unpacking:
    """Decompresses streams of one document, within a bound for all of them: a few bytes can become megabytes, and the
    same stream can be named any number of times."""

    def __init__(self) -> None:
        self._left = _MOST_IN_ALL

    def read(self, stream: pikepdf.Object) -> bytes:
        """The content of a stream. Raises Damaged, or what qpdf raises."""
        # Nobody tells what the filters before the last made of it, or those of a stream that cannot be decoded.
        expanding = sum(name in _EXPANDING for name in filters_of(stream))
        most = min(_MOST_UNPACKED, _MOST_TIMES * len(stream.read_raw_bytes()))
        self._spend(most * max(0, expanding - 1))
        try:
            content = bytes(stream.read_bytes(pikepdf.StreamDecodeLevel.generalized))
        except (pikepdf.PdfError, RuntimeError, MemoryError):
            self._spend(most if expanding else 0)
            raise
        self._spend(len(content))
        return content

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise Damaged("its streams decompress to more than anybody would write")


def filters_of(stream: pikepdf.Object) -> list[str]:
    """The names of a stream's filters, in the order in which they are undone."""
    named = stream.get("/Filter")
    if isinstance(named, pikepdf.Name):
        return [str(named)]
    return [str(name) for name in named if isinstance(name, pikepdf.Name)] if isinstance(named, pikepdf.Array) else []


@contextmanager
def opened(data: bytes, unpacking: Unpacking) -> Iterator[pikepdf.Pdf]:
    """The document, from `%PDF-` on; what precedes it is not part of it. Raises Unreadable, Damaged and Encrypted."""
    try:
        with pikepdf.open(io.BytesIO(data[max(0, data.find(b"%PDF-")) :]), conversion_mode="explicit") as document:
            _check_objects(document, data, unpacking)
            if not document.pages:
                raise Unreadable("no page")
            yield document
    except pikepdf.PasswordError as error:
        raise Encrypted from error


def _check_objects(document: pikepdf.Pdf, data: bytes, unpacking: Unpacking) -> None:
    """Raises Damaged."""
    table = document.get_xref_table()
    if len(table) > MOST_OBJECTS:
        raise Damaged("too many objects")
    holders = {(entry.obj_stream_number, 0) for entry in table.values() if entry.obj_stream_number is not None}
    if not all(_is_object_stream(document.get_object(number)) for number in holders):
        raise Damaged("there is no stream where objects should be")
    unpacked, words = 0, _words(data)
    for holder in filter(_is_object_stream, document.objects):  # a damaged table may not name all of them
        document.get_warnings()  # discards earlier ones
        content = _unpacked(holder, unpacking)
        if document.get_warnings():
            raise Damaged("an object stream does not decompress to what was compressed")
        _check_directory(holder, content)
        unpacked, words = unpacked + len(content), words + _words(content)
        if unpacked > _MOST_UNPACKED or words > _MOST_WORDS:
            raise Damaged("too many objects")


def _words(data: bytes) -> int:
    """About as many as qpdf would make objects of. Each has a blank or a mark of its own before it."""
    blanks, marks = ((b" ", b"\n", b"\r", b"\t", b"\0", b"\f"), (b"/", b"[", b"<", b"("))
    return max(sum(map(data.count, signs)) for signs in (blanks, marks))


def _is_object_stream(item: object) -> bool:
    return isinstance(item, pikepdf.Stream) and item.get("/Type") == pikepdf.Name.ObjStm


def _unpacked(holder: pikepdf.Object, unpacking: Unpacking) -> bytes:
    try:
        if holder.get("/Filter") == pikepdf.Name.FlateDecode:  # of a broken one, qpdf takes what it can get
            inflating = zlib.decompressobj()
            inflating.decompress(holder.read_raw_bytes(), _MOST_UNPACKED)
            if not inflating.eof:
                raise Damaged("an object stream does not end")
        return unpacking.read(holder)
    except (pikepdf.PdfError, RuntimeError, MemoryError, zlib.error) as error:
        raise Damaged("an object stream cannot be decoded") from error


def _check_directory(holder: pikepdf.Object, content: bytes) -> None:
    """Raises Damaged unless the objects are where the stream says."""
    try:
        count, first = int(holder["/N"]), int(holder["/First"])
    except (KeyError, TypeError) as error:
        raise Damaged("an object stream has no directory") from error
    if count < 0 or not 0 <= first <= len(content):
        raise Damaged("an object stream has an impossible directory")
    directory = content[:first].split()[: 2 * count]
    if len(directory) < 2 * count or not all(word.isdigit() for word in directory):
        raise Damaged("an object stream has a different directory")
    if any(first + int(offset) > len(content) for offset in directory[1::2]):
        raise Damaged("an object is outside its stream")

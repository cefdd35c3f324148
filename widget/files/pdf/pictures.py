"""Cleans the pictures in a PDF: a photo on a page reveals its place as a separate one does."""

from collections.abc import Callable, Mapping, Set
from contextlib import suppress

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from widget.files import jpeg, jpx
from widget.files.pdf.opening import Unpacking, filters_of
from widget.files.picture import TooManyPixels, Unreadable
from widget.files.protocol import Note

_ANY_SIZE = 1 << 62
"""Pixels. Nothing is decoded here."""


def clean(document: pikepdf.Pdf, unpacking: Unpacking) -> set[Note]:
    """Clean every readable JPEG in the document, and every JPEG 2000. Returns what was removed. Raises Damaged."""
    notes: set[Note] = set()
    for item in document.objects:
        if isinstance(item, Stream) and (filters := filters_of(item)) and (cleaner := _CLEANERS.get(filters[-1])):
            with suppress(Unreadable, TooManyPixels, pikepdf.PdfError):
                data = _packed(document, item, filters[:-1], unpacking)
                cleaned, found = cleaner(data)
                notes |= found
                if cleaned != data:
                    _replace(item, cleaned, filters[-1])
    return notes


_Cleaned = tuple[bytes, Set[Note]]


def _clean_jpeg(data: bytes) -> _Cleaned:
    picture = jpeg.clean(data, _ANY_SIZE)
    return picture.data, picture.notes


def _clean_jpx(data: bytes) -> _Cleaned:
    cleaned, located = jpx.clean(data)
    return cleaned, {"location_removed"} if located else set()


_CLEANERS: Mapping[str, Callable[[bytes], _Cleaned]] = {
    "/DCTDecode": _clean_jpeg,
    "/DCT": _clean_jpeg,  # meant for small pictures inside a page's content; readers take it everywhere
    "/JPXDecode": _clean_jpx,
}


def _packed(document: pikepdf.Pdf, item: Stream, around: list[str], unpacking: Unpacking) -> bytes:
    """The picture's file, without the filters around it."""
    raw = item.read_raw_bytes()
    if not around:
        return raw
    outer = document.make_stream(raw)
    outer.Filter = Array([Name(name) for name in around])
    return unpacking.read(outer)


def _replace(item: Stream, data: bytes, name: str) -> None:
    parameters = item.get("/DecodeParms")
    if isinstance(parameters, Array):
        parameters = parameters[-1] if len(parameters) else None
    item.write(data, filter=Name(name), decode_parms=parameters if isinstance(parameters, Dictionary) else None)

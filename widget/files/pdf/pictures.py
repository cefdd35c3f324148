"""Cleans the pictures in a PDF: a photo on a page reveals its place as a separate one does."""

from contextlib import suppress

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from widget.files import jpeg
from widget.files.pdf.opening import Unpacking, filters_of
from widget.files.picture import Picture, TooManyPixels, Unreadable
from widget.files.protocol import Note

_ANY_SIZE = 1 << 62
"""Pixels. Nothing is decoded here."""


def clean(document: pikepdf.Pdf, unpacking: Unpacking) -> set[Note]:
    """Clean every readable JPEG in the document. Returns what was removed. Raises Damaged."""
    notes: set[Note] = set()
    for item in document.objects:
        if isinstance(item, Stream) and (filters := filters_of(item))[-1:] == ["/DCTDecode"]:
            with suppress(Unreadable, TooManyPixels, pikepdf.PdfError):
                data = _packed_jpeg(document, item, filters[:-1], unpacking)
                picture: Picture = jpeg.clean(data, _ANY_SIZE)
                notes |= picture.notes
                if picture.data != data:
                    _replace(item, picture.data)
    return notes


def _packed_jpeg(document: pikepdf.Pdf, item: Stream, around: list[str], unpacking: Unpacking) -> bytes:
    """The JPEG itself, without the filters around it."""
    raw = item.read_raw_bytes()
    if not around:
        return raw
    outer = document.make_stream(raw)
    outer.Filter = Array([Name(name) for name in around])
    return unpacking.read(outer)


def _replace(item: Stream, data: bytes) -> None:
    parameters = item.get("/DecodeParms")
    if isinstance(parameters, Array):
        parameters = parameters[-1] if len(parameters) else None
    item.write(data, filter=Name.DCTDecode, decode_parms=parameters if isinstance(parameters, Dictionary) else None)

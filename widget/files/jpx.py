"""Removes from a JPEG 2000 file what describes the picture (ISO/IEC 15444-1, annex I). Only PDFs contain such files.

A file consists of boxes. Those for private and descriptive data may be left out; no decoder needs them.
"""

import struct

from widget.files.metadata import is_located, read_exif

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_NOTES = {b"uuid", b"xml ", b"uinf"}
"""EXIF, XMP and GeoTIFF are in a `uuid` box."""
_EXIF = b"JpgTiffExif->JP2"
_GEOTIFF = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")


def clean(data: bytes) -> tuple[bytes, bool]:
    """The file without descriptive boxes, and whether one of them names a place. What is no such file stays as it is,
    such as a bare code stream."""
    kept, located, at = [], False, 0
    while data.startswith(_SIGNATURE) and at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
        box = data[at : at + size] if 8 <= size <= len(data) - at else data[at:]  # the last one needs no size
        at += len(box)
        if kind in _NOTES:
            content = box[8:]
            located |= content.startswith(_GEOTIFF) or is_located(content)
            located |= content.startswith(_EXIF) and read_exif(content[len(_EXIF) :]).located
        else:
            kept.append(box)
    return b"".join(kept) or data, located

"""A JPEG without anything that is not the picture: segment by segment, no pixel is touched.

What stays is what a decoder needs, the colour profile, and, where the picture lies on its side, an EXIF block of that
one tag. Whether the compressed data can be decoded is left to `examine`.
"""

import re
import struct
from collections.abc import Iterator

from widget.files.metadata import Told, is_located, read_exif, write_exif
from widget.files.picture import Picture, Unreadable, check_size

_SOI, _EOI, _SOS, _DNL = 0xD8, 0xD9, 0xDA, 0xDC
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_TABLES = {0xC4, 0xCC, 0xDB, 0xDD}
"""Huffman and arithmetic tables, quantisation tables, restart interval."""
_DROPPED = {0x01, 0xFE, *range(0xE0, 0xFE)}
"""TEM, comments, APPn and JPGn: dropped unless `_kept` knows better."""
# What ends entropy-coded data: a marker that is neither a stuffed FF nor a restart. No quantifier, so it is linear.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_EXIF, _XMP, _LONG_XMP = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_MOST_SCANS = 100
"""A progressive picture has about ten; each costs a pass over all its blocks, however few bytes it has."""


def clean(data: bytes, max_pixels: int) -> Picture:
    """The picture alone. Raises Unreadable when the segments make none, and TooManyPixels."""
    kept = bytearray()
    told, scans, located = Told(), 0, False
    size: tuple[int, int] | None = None
    for marker, start, end in _segments(data):
        content = data[start + 4 : end]
        if marker in _FRAMES:
            if size is not None or len(content) < 6:
                raise Unreadable("not one frame")
            height, width = struct.unpack_from(">HH", content, 1)
            size = (width, height)
            check_size(width, height, max_pixels)
        elif marker == _SOS:
            scans += 1
        elif marker == _APP1:
            if content.startswith(_EXIF):
                found = read_exif(content[6:])
                told = found if told.orientation == 1 else told
                located = located or found.located
            located = located or (content.startswith((_XMP, _LONG_XMP)) and is_located(content))
        kept += _kept(marker, data[start:end])
    if size is None or not scans:
        raise Unreadable("no picture in it")
    if scans > _MOST_SCANS:
        raise Unreadable("too many scans")
    return Picture(_headed(kept, told.orientation), *size, located)


def _headed(kept: bytearray, orientation: int) -> bytes:
    """The file, with the orientation where readers look for it: after JFIF's own segment."""
    if orientation == 1:
        return b"\xff\xd8" + kept
    exif = b"\xff\xe1" + struct.pack(">H", 2 + 6 + 26) + b"Exif\0\0" + write_exif(orientation)
    head = 18 if kept.startswith(b"\xff\xe0") else 0
    return b"\xff\xd8" + kept[:head] + exif + kept[head:]


def _kept(marker: int, segment: bytes) -> bytes:
    """What is left of a segment."""
    content = segment[4:]
    if marker == _APP0 and content.startswith(b"JFIF\0") and len(content) >= 14:
        return b"\xff\xe0\0\x10" + content[:12] + b"\0\0"  # without its thumbnail
    if marker == _APP2 and content.startswith(b"ICC_PROFILE\0"):
        return segment
    if marker == _APP14 and content.startswith(b"Adobe") and len(content) >= 12:
        return b"\xff\xee\0\x0e" + content[:12]
    return b"" if marker in _DROPPED else segment


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Each marker with its segment's bounds, a scan's with its compressed data, to the picture's end and not beyond."""
    if data[:2] != b"\xff\xd8":
        raise Unreadable("no start")
    at = 2
    while True:
        if data[at : at + 1] != b"\xff":
            raise Unreadable("no marker where one belongs")
        while data[at + 1 : at + 2] == b"\xff":  # fill bytes
            at += 1
        if at + 2 > len(data):
            raise Unreadable("no end")
        marker = data[at + 1]
        if marker == _EOI:
            yield marker, at, at + 2
            return
        end = at + 2 if marker == 0x01 else _end(data, at)
        if marker == _SOS:
            found = _MARKER.search(data, end)
            if found is None:
                raise Unreadable("no end")
            end = found.start()
        elif marker not in _FRAMES | _TABLES | _DROPPED | {_DNL}:
            raise Unreadable("an unknown marker")
        yield marker, at, end
        at = end


def _end(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise Unreadable("no end")
    (length,) = struct.unpack_from(">H", data, at + 2)
    end = at + 2 + int(length)
    if length < 2 or end > len(data):
        raise Unreadable("a segment longer than the file")
    return end

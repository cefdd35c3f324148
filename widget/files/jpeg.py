"""Reduces a JPEG to its picture, segment by segment, without touching a pixel.

What a decoder needs stays, the numbers of the colour profile, and an EXIF block with the orientation if the picture is
not upright. Bytes between segments, which every decoder skips, are removed. `examine` checks whether the compressed
data can be decoded. Bytes after the last block of a scan stay, because only decoding would reveal them.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from widget.files import icc
from widget.files.jpeg_tables import DAC, DHT, DQT, Tables, Usage
from widget.files.metadata import Exif, is_located, read_exif, write_exif
from widget.files.picture import Picture, Unreadable, check_size
from widget.files.protocol import Note

_EOI, _SOS, _DNL, _DRI, _TEM, _COM = 0xD9, 0xDA, 0xDC, 0xDD, 0x01, 0xFE
_RESTARTS = range(0xD0, 0xD8)
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_FRAMES = {*range(0xC0, 0xD0)} - {DHT, 0xC8, DAC}
_PASSED_OVER = {_DNL, _COM, *range(0xE0, 0xFE)}
"""Comments, APPn, JPGn, and a height that decoders already have from the frame."""
_NEXT = re.compile(rb"\xff[^\x00\xff]")
# The end of entropy-coded data: a marker that is neither a stuffed FF nor a restart. No quantifier, so it is linear.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_EXIF, _XMP, _LONG_XMP = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_PROFILE = b"ICC_PROFILE\0"
_MOST_PROFILE = 65_519
"""Bytes of a profile that fit into one segment."""
_MOST_SCANS = 100
"""A progressive picture has about ten. Each costs a pass over all blocks, however few bytes it has."""
_MOST_PASSES = 20
"""Scans of a picture with as many pixels as are accepted; smaller ones may have more."""


@dataclass(slots=True)
class _Head:
    """What applies to the whole picture, from before the first scan. The last of each counts, as it does for
    decoders."""

    jfif: bytes = b""
    adobe: bytes = b""
    exif: Exif = field(default_factory=Exif)
    profile: dict[int, bytes] = field(default_factory=dict)
    profile_parts: int = 0

    def take(self, marker: int, content: bytes) -> None:
        if marker == _APP0 and content.startswith(b"JFIF\0") and len(content) >= 14:
            self.jfif = _segment(_APP0, content[:12] + b"\0\0")  # without its thumbnail
        elif marker == _APP14 and content.startswith(b"Adobe") and len(content) >= 12:
            self.adobe = _segment(_APP14, b"Adobe\0\x64\0\0\0\0" + content[11:12])
        elif marker == _APP1 and content.startswith(_EXIF) and self.exif.orientation == 1:
            self.exif = read_exif(content[6:])
        elif marker == _APP2 and content.startswith(_PROFILE) and len(content) > 14:
            self.profile[content[12]], self.profile_parts = content[14:], content[13]

    def written(self) -> bytes:
        """In the order in which readers look for it."""
        exif = b""
        if self.exif.orientation != 1:
            exif = _segment(_APP1, b"Exif\0\0" + write_exif(self.exif.orientation))
        return b"".join((b"\xff\xd8", self.jfif, exif, *self._profile_segments(), self.adobe))

    def _profile_segments(self) -> list[bytes]:
        if sorted(self.profile) != list(range(1, self.profile_parts + 1)):
            return []
        profile = icc.clean(b"".join(self.profile[number] for number in sorted(self.profile))) or b""
        parts = [profile[at : at + _MOST_PROFILE] for at in range(0, len(profile), _MOST_PROFILE)]
        return [_segment(_APP2, _PROFILE + bytes((n, len(parts))) + part) for n, part in enumerate(parts, 1)]


def clean(data: bytes, max_pixels: int) -> Picture:
    """The picture without anything else. Raises Unreadable if the segments do not make a picture, and TooManyPixels."""
    kept: list[bytes | Tables] = []
    head, usage = _Head(), Usage()
    scans, located = 0, False
    size: tuple[int, int] | None = None
    for marker, segment, coded in _segments(data):
        content = segment[4:]
        if marker in _FRAMES:
            if size is not None or len(content) < 6:
                raise Unreadable("not one frame")
            height, width = struct.unpack_from(">HH", content, 1)
            size = (width, height)
            check_size(width, height, max_pixels)
            usage.frame(marker, content)
        elif marker == _SOS:
            scans += 1
            usage.scan(content)
        elif marker == _DRI and len(content) != 2:
            raise Unreadable("the restart interval has the wrong length")
        elif marker in _PASSED_OVER:
            located = located or _tells_place(marker, content)
            if not scans:
                head.take(marker, content)
            continue
        kept.append(usage.define(marker, content) if marker in (DQT, DHT, DAC) else segment + coded)
    if size is None or not scans:
        raise Unreadable("there is no picture in it")
    if scans > _MOST_SCANS or scans * size[0] * size[1] > _MOST_PASSES * max_pixels:
        raise Unreadable("too many scans")
    rest = b"".join(part if isinstance(part, bytes) else part.written() for part in kept)
    notes: tuple[Note, ...] = ("location_removed",) if located else ()
    return Picture(head.written() + rest + b"\xff\xd9", *size, frozenset(notes), usage.sound)


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Each marker with its segment, and a scan's with its compressed data, up to the end of the picture.

    Between segments, decoders look for the next marker and skip what is in front of it.
    """
    if data[:2] != b"\xff\xd8":
        raise Unreadable("no start")
    at = 2
    while found := _NEXT.search(data, at):
        at, marker = found.start(), data[found.end() - 1]
        if marker == _EOI:
            return
        if marker == _TEM or marker in _RESTARTS:
            at += 2
            continue
        if marker not in _FRAMES | _PASSED_OVER | {_SOS, _DRI, DQT, DHT, DAC}:
            raise Unreadable("an unknown marker")
        end = coded = _end(data, at, least=0 if marker in _PASSED_OVER else 2)
        if marker == _SOS:
            ended = _MARKER.search(data, end)
            if ended is None:
                break
            coded = ended.start()
        yield marker, data[at:end], data[end:coded]
        at = coded
    raise Unreadable("no end")


def _end(data: bytes, at: int, least: int) -> int:
    """Where the segment at `at` ends. A length counts its own two bytes; decoders read on after a smaller one, where
    the content does not matter."""
    if at + 4 > len(data):
        raise Unreadable("no end")
    (length,) = struct.unpack_from(">H", data, at + 2)
    end = at + 2 + max(int(length), 2)
    if length < least or end > len(data):
        raise Unreadable("a segment is longer than the file")
    return end


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def _tells_place(marker: int, content: bytes) -> bool:
    if marker != _APP1:
        return False
    if content.startswith(_EXIF):
        return read_exif(content[6:]).located
    return content.startswith((_XMP, _LONG_XMP)) and is_located(content)

"""Reads from EXIF and XMP what matters here: a picture's orientation, and whether they say where it was taken.

Everything else in them is discarded unread.
"""

import struct
from dataclasses import dataclass

_ORIENTATION, _GPS = 0x0112, 0x8825
_PLACES = {0x0002, 0x0004, 0x0014, 0x0016}
"""Latitude and longitude, of the camera and of its subject. Many cameras write a GPS block without either."""
_SHORT, _LONG = 3, 4
_SMALLEST = 26
"""Bytes of the block that `write_exif` writes, so that no picture grows by it."""
_MOST_ENTRIES = 1000
_XMP_PLACES = (b"GPSLatitude", b"GPSLongitude")


@dataclass(frozen=True, slots=True)
class Exif:
    """`orientation` is EXIF's, 1 to 8; 1 is upright. `located`: it names a place."""

    orientation: int = 1
    located: bool = False


def read_exif(block: bytes) -> Exif:
    """What a TIFF block says. An unreadable block says nothing, and is discarded like any other."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < _SMALLEST:
        return Exif()
    entries = _entries(block, order, struct.unpack_from(order + "I", block, 4)[0])
    kind, orientation = entries.get(_ORIENTATION, (_SHORT, 1))
    if kind != _SHORT or not 1 <= orientation <= 8:
        orientation = 1
    kind, offset = entries.get(_GPS, (_LONG, 0))
    places = _entries(block, order, offset) if kind == _LONG and offset else {}
    return Exif(orientation, not _PLACES.isdisjoint(places))


def write_exif(orientation: int) -> bytes:
    """The smallest TIFF block that gives the orientation."""
    entry = struct.pack(">HHIHH", _ORIENTATION, _SHORT, 1, orientation, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)


def is_located(xmp: bytes) -> bool:
    """Whether an XMP packet names a place."""
    return any(place in xmp for place in _XMP_PLACES)


def _entries(block: bytes, order: str, offset: int) -> dict[int, tuple[int, int]]:
    """A directory's tags, each with its type and its first value (or the offset of that value)."""
    if offset + 2 > len(block):
        return {}
    (count,) = struct.unpack_from(order + "H", block, offset)
    entries = {}
    for number in range(min(count, _MOST_ENTRIES)):
        at = offset + 2 + 12 * number
        if at + 12 > len(block):
            break
        tag, kind = struct.unpack_from(order + "HH", block, at)
        entries[tag] = (kind, struct.unpack_from(order + ("H" if kind == _SHORT else "I"), block, at + 8)[0])
    return entries

"""A PNG's header, and the optional chunks that say what its colours mean.

Each may contain what the standard allows (https://www.w3.org/TR/png-3/#11Chunks) and nothing else. Decoders skip any
other, so it is removed.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from widget.files import icc
from widget.files.picture import Unreadable, check_size

_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
"""Bits of each sample, by colour type."""
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of each pixel, by colour type."""
PALETTE = 3
"""The colour type in which a pixel is an index into a palette."""
_MOST_PROFILE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Header:
    """The content of IHDR, in pixels and bits."""

    width: int
    height: int
    depth: int
    colour: int
    is_interlaced: bool

    @property
    def pixel_bits(self) -> int:
        """Bits of each pixel."""
        return self.depth * _SAMPLES[self.colour]


def read_header(kind: bytes, content: bytes, max_pixels: int) -> Header:
    """The header. Raises Unreadable and TooManyPixels."""
    if kind != b"IHDR" or len(content) != 13:
        raise Unreadable("no header")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", content)
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise Unreadable("there is no such kind of picture")
    check_size(width, height, max_pixels)
    return Header(width, height, depth, colour, bool(interlace))


def checked(kind: bytes, content: bytes, header: Header, colours: int) -> bytes | None:
    """An optional chunk's content if it may stay, else None. `colours` is the palette's length."""
    return _RULES[kind](content, header, colours)


def _of_size(size: int) -> "_Rule":
    return lambda content, _, __: content if len(content) == size else None


def _intent(content: bytes, _: Header, __: int) -> bytes | None:
    return content if len(content) == 1 and content[0] < 4 else None


def _pixel_size(content: bytes, _: Header, __: int) -> bytes | None:
    return content if len(content) == 9 and content[8] < 2 else None


def _significant_bits(content: bytes, header: Header, _: int) -> bytes | None:
    samples = 3 if header.colour == PALETTE else _SAMPLES[header.colour]
    depth = 8 if header.colour == PALETTE else header.depth
    return content if len(content) == samples and all(1 <= bits <= depth for bits in content) else None


def _transparency(content: bytes, header: Header, colours: int) -> bytes | None:
    if header.colour == PALETTE:
        return content if 0 < len(content) <= colours else None
    return content if len(content) == {0: 2, 2: 6}.get(header.colour) else None


def _background(content: bytes, header: Header, colours: int) -> bytes | None:
    if header.colour == PALETTE:
        return content if len(content) == 1 and content[0] < colours else None
    return content if len(content) == (2 if header.colour in (0, 4) else 6) else None


def _profile(content: bytes, _: Header, __: int) -> bytes | None:
    name, _zero, packed = content.partition(b"\0")
    if not 0 < len(name) < 80 or packed[:1] != b"\0":
        return None
    inflating = zlib.decompressobj()
    try:
        profile = inflating.decompress(packed[1:], _MOST_PROFILE)
    except zlib.error:
        return None
    cleaned = icc.clean(profile) if inflating.eof else None
    if cleaned is None:
        return None
    if cleaned == profile and name == b"icc" and not inflating.unused_data:
        return content
    return b"icc\0\0" + zlib.compress(cleaned, 9)


_Rule = Callable[[bytes, Header, int], bytes | None]
_RULES: dict[bytes, _Rule] = {
    b"gAMA": _of_size(4),
    b"cHRM": _of_size(32),
    b"sRGB": _intent,
    b"iCCP": _profile,
    b"sBIT": _significant_bits,
    b"cICP": _of_size(4),
    b"pHYs": _pixel_size,
    b"tRNS": _transparency,
    b"bKGD": _background,
}
BEFORE_PALETTE = {b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"cICP"}
AFTER_PALETTE = {b"tRNS", b"bKGD"}
KNOWN = frozenset(_RULES)
"""The chunk types that may stay."""

"""A PNG without anything that is not the picture: chunk by chunk, no pixel is touched.

What stays is what a decoder needs, what colours and transparency mean, and, where the picture lies on its side, an EXIF
chunk of that one tag. An animated picture becomes its first, still one: its other frames are chunks that most readers
pass over, and whose contents nobody would look at. The compressed data is read to its end, in pieces, so that no size,
claimed or true, takes memory.
"""

import struct
import zlib
from collections.abc import Iterator

from widget.files.metadata import Told, is_located, read_exif, write_exif
from widget.files.picture import Picture, Unreadable, check_size

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_SAFE = {b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYs", b"tRNS", b"bKGD", b"cICP"}
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
"""Bits for each sample, by the kind of colour."""
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples for each pixel, likewise."""
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Interlaced passes: where each begins, and its steps, across and down."""
_LAST_FILTER = 4
_PIECE = 256 * 1024
_ANCILLARY = 0x20
"""The bit of a kind's first letter that says: a reader may pass this over."""
_HEAD = len(SIGNATURE) + 25
"""Bytes of the signature and IHDR."""
_MOST_TEXT = 1024 * 1024
"""Bytes of a compressed text that are looked at."""


def clean(data: bytes, max_pixels: int) -> Picture:
    """The picture alone. Raises Unreadable when the chunks make none, and TooManyPixels."""
    kept, seen, last = bytearray(SIGNATURE), set[bytes](), b""
    told, located, header = Told(), False, b""
    pixels, at = bytearray(), 0
    for kind, content, chunk in _chunks(data):
        header = header or _checked_header(kind, content, max_pixels)
        if kind in _CRITICAL:
            _check_order(kind, content, seen, last, header[9])
        elif not kind[0] & _ANCILLARY:
            raise Unreadable("an unknown chunk that matters")
        if kind == b"eXIf":
            told = read_exif(content)
        located = located or told.located or (kind in _TEXTS and is_located(_text(kind, content)))
        if kind == b"IDAT":
            at = at or len(kept)
            pixels += content
        if kind in _CRITICAL | _SAFE:
            kept += chunk
        seen.add(kind)
        last = kind
    used = _check_pixels(pixels, header)
    if used < len(pixels):  # something follows the picture within its own chunks
        kept[at:] = _chunk(b"IDAT", pixels[:used]) + _chunk(b"IEND", b"")
    if told.orientation != 1:
        kept[_HEAD:_HEAD] = _chunk(b"eXIf", write_exif(told.orientation))
    width, height = struct.unpack_from(">II", header)
    return Picture(bytes(kept), width, height, located)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Each chunk's kind, content and whole bytes, as far as IEND and not beyond."""
    if not data.startswith(SIGNATURE):
        raise Unreadable("no signature")
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise Unreadable("no end")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise Unreadable("a chunk longer than the file")
        content = data[at + 8 : end - 4]
        if not kind.isalpha() or zlib.crc32(content, zlib.crc32(kind)) != struct.unpack_from(">I", data, end - 4)[0]:
            raise Unreadable("a damaged chunk")
        yield kind, content, data[at:end]
        at = end


def _checked_header(kind: bytes, content: bytes, max_pixels: int) -> bytes:
    if kind != b"IHDR" or len(content) != 13:
        raise Unreadable("no header")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", content)
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise Unreadable("no such kind of picture")
    check_size(width, height, max_pixels)
    return content


def _check_order(kind: bytes, content: bytes, seen: set[bytes], last: bytes, colour: int) -> None:
    """The rules of section 5.6 for the four chunks without which there is no picture."""
    if kind == b"IHDR" and seen:
        raise Unreadable("two headers")
    if kind == b"PLTE" and (
        b"PLTE" in seen or b"IDAT" in seen or colour in (0, 4) or len(content) % 3 or not 0 < len(content) <= 768
    ):
        raise Unreadable("a palette that cannot be")
    if kind == b"IDAT" and b"IDAT" in seen and last != b"IDAT":
        raise Unreadable("its data is interrupted")
    if kind == b"IDAT" and colour == 3 and b"PLTE" not in seen:
        raise Unreadable("no palette")
    if kind == b"IEND" and (b"IDAT" not in seen or content):
        raise Unreadable("no picture in it")


def _check_pixels(data: bytearray, header: bytes) -> int:
    """Read the compressed data, in pieces, to the end that the header foretells; how many bytes of it that took.

    Pillow shows what there is and is silent about the rest, so it would not tell a picture that is half there.
    """
    inflating = zlib.decompressobj()
    rows, at = _Rows(header), 0
    try:
        while not inflating.eof:
            piece = inflating.unconsumed_tail or bytes(data[at : at + _PIECE])
            if not inflating.unconsumed_tail:
                at += len(piece)
            inflated = inflating.decompress(piece, _PIECE)
            if not piece and not inflated:
                raise Unreadable("its data ends too soon")
            rows.take(inflated)
    except zlib.error as error:
        raise Unreadable("its data is damaged") from error
    if rows.missing:
        raise Unreadable("its data is too little")
    return at - len(inflating.unused_data) - len(inflating.unconsumed_tail)


class _Rows:
    """Counts the rows of a picture as they come, and looks at the byte before each, which names its filter."""

    def __init__(self, header: bytes) -> None:
        width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
        bits = depth * _SAMPLES[colour]
        passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
        self._passes = [
            (1 + (-(-(width - left) // across) * bits + 7) // 8, -(-(height - top) // down))
            for left, top, across, down in passes
            if width > left and height > top
        ]
        self.missing = sum(stride * rows for stride, rows in self._passes)
        self._next()

    def _next(self) -> None:
        self._stride, rows = self._passes.pop(0)
        self._left, self._until_filter = self._stride * rows, 0

    def take(self, data: bytes) -> None:
        """Count these bytes. Raises Unreadable when there are too many, or a filter is none."""
        if len(data) > self.missing:
            raise Unreadable("its data is too much")
        self.missing -= len(data)
        while data:
            part, data = data[: self._left], data[self._left :]
            if max(part[self._until_filter :: self._stride], default=0) > _LAST_FILTER:
                raise Unreadable("no such filter")
            self._left -= len(part)
            self._until_filter = (self._until_filter - len(part)) % self._stride
            if not self._left and self._passes:
                self._next()


def _text(kind: bytes, content: bytes) -> bytes:
    """A text chunk's text, as far as is needed to find a place in it; compressed text that cannot be read is none."""
    name, _, rest = content.partition(b"\0")
    if kind == b"zTXt":
        return name + _inflated(rest[1:])
    if kind == b"iTXt" and rest[:1] == b"\1":
        return name + _inflated(rest[2:].partition(b"\0")[2].partition(b"\0")[2])
    return content


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MOST_TEXT)
    except zlib.error:
        return b""


def _chunk(kind: bytes, content: bytes | bytearray) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))

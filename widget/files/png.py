"""Reduces a PNG to its picture, chunk by chunk, without touching a pixel.

What a decoder needs stays, what colours and transparency mean, and an EXIF chunk with the orientation if the picture is
not upright. Optional chunks that violate the standard are removed, as decoders skip them. An animation becomes its
first frame: the others are in chunks that most readers skip, whose content nobody would check.
"""

import struct
import zlib
from collections.abc import Iterator

from widget.files import png_chunks, png_pixels
from widget.files.metadata import Exif, is_located, read_exif, write_exif
from widget.files.picture import Picture, Unreadable
from widget.files.png_chunks import AFTER_PALETTE, BEFORE_PALETTE, PALETTE, Header
from widget.files.protocol import Note

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_ANCILLARY = 0x20
"""The bit of a kind's first letter that means a reader may skip the chunk."""
_BEFORE, _AFTER = 8, 4
"""Bytes of a chunk before its content, which are its length and kind, and after it, which are its checksum."""
_AFTER_HEADER = 2
"""Where a chunk of our own goes: after the signature and IHDR."""
_MOST_TEXT = 4 * 1024 * 1024
"""Bytes of all texts, decompressed, that are searched."""


def clean(data: bytes, max_pixels: int) -> Picture:
    """The picture without anything else. Raises Unreadable if the chunks do not make a picture, and TooManyPixels."""
    chunks = _chunks(data)
    kind, content = next(chunks)
    reading = _Reading(data, png_chunks.read_header(kind, data[content], max_pixels))
    reading.keep(kind, data[content])
    for kind, content in chunks:
        reading.take(kind, content)
    return reading.picture()


class _Reading:
    """A picture whose chunks are read one by one. What is kept as it is, is copied once, at the end."""

    def __init__(self, data: bytes, header: Header) -> None:
        self._data = data
        self._header = header
        self._kept: list[bytes | slice] = [SIGNATURE]
        self._seen: set[bytes] = set()
        self._colours = 0
        self._exif = Exif()
        self._notes: set[Note] = set()
        self._pixels = bytearray()
        self._pixels_at = 0
        self._last = b""
        self._text_left = _MOST_TEXT

    def take(self, kind: bytes, content: slice) -> None:
        """Read a chunk after the header, which has its content there. Raises Unreadable."""
        if kind == b"IHDR":
            raise Unreadable("two headers")
        if kind == b"PLTE":
            self._take_palette(self._data[content])
        elif kind == b"IDAT":
            self._take_pixels(content)
        elif kind == b"IEND":
            self.keep(kind, b"")
        elif not kind[0] & _ANCILLARY:
            raise Unreadable("there is an unknown chunk that is not optional")
        else:
            self._take_ancillary(kind, self._data[content])
        self._last = kind

    def keep(self, kind: bytes, content: bytes) -> None:
        """Keep a chunk with this content."""
        self._seen.add(kind)
        self._kept.append(_chunk(kind, content))

    def picture(self) -> Picture:
        """What was kept. Raises Unreadable unless it is a whole picture."""
        if not self._pixels_at:
            raise Unreadable("there is no picture in it")
        used = png_pixels.read(self._pixels, self._header)
        if used is not None and used < len(self._pixels):  # something follows the picture within its own chunks
            self._kept[self._pixels_at :] = [_chunk(b"IDAT", self._pixels[:used]), _chunk(b"IEND", b"")]
        if self._exif.orientation != 1:
            self._kept.insert(_AFTER_HEADER, _chunk(b"eXIf", write_exif(self._exif.orientation)))
        size = (self._header.width, self._header.height)
        view = memoryview(self._data)
        kept = b"".join(view[part] if isinstance(part, slice) else part for part in self._kept)
        return Picture(kept, *size, frozenset(self._notes), sound=used is not None)

    def _take_palette(self, content: bytes) -> None:
        """In other kinds of pictures, a palette is only a suggestion. Colours beyond the last index are removed."""
        if self._header.colour != PALETTE:
            return
        if b"PLTE" in self._seen or b"IDAT" in self._seen or len(content) % 3 or not content:
            raise Unreadable("the palette is invalid")
        kept = content[: 3 << self._header.depth]
        self._colours = len(kept) // 3
        self.keep(b"PLTE", kept)

    def _take_pixels(self, content: slice) -> None:
        if self._pixels_at and self._last != b"IDAT":
            raise Unreadable("its data is interrupted")
        if self._header.colour == PALETTE and not self._colours:
            raise Unreadable("no palette")
        self._seen.add(b"IDAT")
        self._pixels_at = self._pixels_at or len(self._kept)
        self._pixels += memoryview(self._data)[content]
        chunk, before = slice(content.start - _BEFORE, content.stop + _AFTER), self._kept[-1]
        if isinstance(before, slice) and before.stop == chunk.start:
            self._kept[-1] = slice(before.start, chunk.stop)
        else:
            self._kept.append(chunk)

    def _take_ancillary(self, kind: bytes, content: bytes) -> None:
        if kind == b"fdAT":
            self._notes.add("animation_removed")
        if kind == b"eXIf":
            self._exif = read_exif(content)
        if (kind == b"eXIf" and self._exif.located) or (kind in _TEXTS and self._is_located(kind, content)):
            self._notes.add("location_removed")
        if kind in png_chunks.KNOWN and self._is_in_its_place(kind):
            self._seen.add(kind)  # even if it is invalid: each further profile would be decompressed as well
            checked = png_chunks.checked(kind, content, self._header, self._colours)
            if checked is not None:
                self.keep(kind, checked)

    def _is_located(self, kind: bytes, content: bytes) -> bool:
        try:
            text = _text(kind, content, self._text_left)
        except zlib.error:
            self._text_left = 0  # nobody tells how much of it was decompressed
            return False
        self._text_left -= min(self._text_left, len(text))
        return is_located(text)

    def _is_in_its_place(self, kind: bytes) -> bool:
        """Whether it is the first of its kind, and in a place where it counts (section 5.6)."""
        if kind in self._seen or b"IDAT" in self._seen:
            return False
        if self._header.colour != PALETTE:
            return True
        return kind not in (BEFORE_PALETTE if self._colours else AFTER_PALETTE)


def _chunks(data: bytes) -> Iterator[tuple[bytes, slice]]:
    """Each chunk's kind, and where its content is, up to IEND, without damaged chunks that are optional."""
    if not data.startswith(SIGNATURE):
        raise Unreadable("no signature")
    view = memoryview(data)
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        if at + _BEFORE + _AFTER > len(data):
            raise Unreadable("no end")
        length, kind = struct.unpack_from(">I4s", data, at)
        content = slice(at + _BEFORE, at + _BEFORE + length)
        at = content.stop + _AFTER
        if at > len(data):
            raise Unreadable("a chunk is longer than the file")
        if not kind.isalpha():
            raise Unreadable("a chunk is missing")
        if zlib.crc32(view[content], zlib.crc32(kind)) == struct.unpack_from(">I", data, content.stop)[0]:
            yield kind, content
        elif not kind[0] & _ANCILLARY:
            raise Unreadable("a damaged chunk")


def _text(kind: bytes, content: bytes, most: int) -> bytes:
    """The text of a chunk, of a compressed one at most so many bytes. Raises zlib.error."""
    name, _, rest = content.partition(b"\0")
    if kind == b"zTXt":
        return name + _inflated(rest[1:], most)
    if kind == b"iTXt" and rest[:1] == b"\1":
        return name + _inflated(rest[2:].partition(b"\0")[2].partition(b"\0")[2], most)
    return content


def _inflated(data: bytes, most: int) -> bytes:
    return zlib.decompressobj().decompress(data, most) if most else b""  # 0 would be no bound


def _chunk(kind: bytes, content: bytes | bytearray) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))

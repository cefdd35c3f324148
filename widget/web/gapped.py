"""Pages with gaps that are filled at the last moment. All but the gaps is packed ahead, as gzip and as brotli.

A gap's value is stored as it is between the packed parts, so the length of the page says nothing about the value.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence

import brotli

from widget.web.compression import AS_IT_IS

LONGEST = 1024
"""Bytes that a gap can hold."""

_CONTEXT = 2
"""Bytes before a literal that decide how brotli codes it (RFC 7932, section 7.1)."""
_FOREIGN = b"\xff"
"""A byte that UTF-8 never uses."""


class Gapped:
    """A page whose gaps all take one value, always of the same length."""

    def __init__(self, pieces: Sequence[str], length: int) -> None:
        """`pieces` stand before, between and after the gaps. `length` is the value's, 1 to `LONGEST` bytes."""
        if not 0 < length <= LONGEST:
            raise ValueError(f"a gap holds 1 to {LONGEST} bytes, not {length}")
        plain = [piece.encode() for piece in pieces]
        self._length = length
        self._parts: Mapping[str, Sequence[bytes]] = {
            "br": _brotli_parts(plain, length),
            "gzip": _gzip_parts(plain, length),
            AS_IT_IS: plain,
        }

    def filled(self, value: bytes, coding: str = AS_IT_IS) -> bytes:
        """The page with `value` in every gap, as `br`, `gzip` or `AS_IT_IS`. Raises ValueError for another length."""
        if len(value) != self._length:
            raise ValueError(f"these gaps hold {self._length} bytes, not {len(value)}")
        body = value.join(self._parts[coding])
        return body + _gzip_trailer(value.join(self._parts[AS_IT_IS])) if coding == "gzip" else body


def _gzip_parts(pieces: Sequence[bytes], length: int) -> list[bytes]:
    """A gzip member (RFC 1952) without its trailer. Each gap is a stored block (RFC 1951, section 3.2.4)."""
    gap = struct.pack("<BHH", 0, length, length ^ 0xFFFF)
    first, *others = map(_deflated, pieces)
    parts = [_GZIP_HEAD + first]
    for packed in others:
        parts[-1] += gap
        parts.append(packed)
    parts[-1] += _LAST_DEFLATE_BLOCK
    return parts


_GZIP_HEAD = b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff"
_LAST_DEFLATE_BLOCK = b"\x03\x00"
"""An empty one."""


def _deflated(piece: bytes) -> bytes:
    """Blocks that end on a byte boundary, and that no later block refers to."""
    packing = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return packing.compress(piece) + packing.flush(zlib.Z_FULL_FLUSH)


def _gzip_trailer(whole: bytes) -> bytes:
    return struct.pack("<II", zlib.crc32(whole), len(whole))


def _brotli_parts(pieces: Sequence[bytes], length: int) -> list[bytes]:
    """A brotli stream (RFC 7932). Each gap is an uncompressed meta-block, which section 9.2 aligns to whole bytes.

    The same encoder packs all pieces, so that they can refer to each other. Distances count the bytes in the gaps;
    therefore it reads a stand-in for each value, which no text refers to, and what it makes of that is left out. A
    gap's meta-block also takes the first bytes after the gap: the code of whatever follows depends on known bytes.
    """
    packing = brotli.Compressor(brotli.MODE_TEXT)
    first, *others = pieces
    parts = [packing.process(first) + packing.flush()]
    for piece in others:
        after, rest = piece[:_CONTEXT], piece[_CONTEXT:]
        _pass_over(packing, _FOREIGN * length)
        _pass_over(packing, after)
        parts[-1] += _uncompressed(length + len(after))
        parts.append(after + packing.process(rest) + packing.flush())
    parts[-1] += packing.finish()
    return parts


def _pass_over(packing: brotli.Compressor, content: bytes) -> None:
    """Let the encoder read `content` and change nothing else in its state.

    It stores a block of two bytes as it is, and takes back what its last distances would have become.
    """
    for at in range(0, len(content), 2):
        packing.process(content[at : at + 2])
        packing.flush()


def _uncompressed(length: int) -> bytes:
    """The header of an uncompressed meta-block: not the last, four nibbles of length less one, the mark, padding."""
    return ((length - 1) << 3 | 1 << 19).to_bytes(3, "little")

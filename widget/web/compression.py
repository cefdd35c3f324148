"""Content packed for the wire once, ahead, and which of its forms a client is answered with (RFC 9110, section 12.5.3).

A client that will have none of them, and not even the content as it is, gets it as it is: an error would help nobody.
"""

import gzip
import struct
import zlib
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import brotli

AS_IT_IS = "identity"
_BEST = ("br", "gzip", AS_IT_IS)
"""Which of those that a client likes as much as each other it is sent."""
_UNNAMED = 0.001
"""How much a client likes content as it is unless it says so: any coding that it takes is better."""
_LARGE = 256 * 1024
"""Bytes of content from which on brotli's best would take seconds."""


@lru_cache(maxsize=256)  # files of one content, and those that a reload finds unchanged, are packed once
def pack(content: bytes) -> Mapping[str, bytes]:
    """The forms of `content` that are smaller than itself, by their codings."""
    forms = {
        "br": brotli.compress(content, brotli.MODE_TEXT, quality=11 if len(content) < _LARGE else 9),
        "gzip": gzip.compress(content, 9, mtime=0),
    }
    return {coding: packed for coding, packed in forms.items() if len(packed) < len(content)}


def choose(accept: str, codings: Collection[str]) -> str:
    """The coding to answer with: one of `codings`, or `AS_IT_IS`. `accept` is what `Accept-Encoding` says."""
    liked = dict(map(_weighed, accept.lower().split(",")))
    others = liked.get("*")

    def weight(coding: str) -> float:
        unnamed = _UNNAMED if coding == AS_IT_IS else 0.0
        return liked.get(coding, unnamed if others is None else others)

    best = max((coding for coding in _BEST if coding in codings or coding == AS_IT_IS), key=weight)
    return best if weight(best) else AS_IT_IS


def _weighed(choice: str) -> tuple[str, float]:
    """`gzip;q=0.5` as a name and a weight; what cannot be read weighs nothing."""
    coding, _, parameter = choice.partition(";")
    name, _, value = parameter.replace(" ", "").partition("=")
    try:
        return coding.strip(), float(value) if name == "q" else 1.0
    except ValueError:
        return coding.strip(), 0.0


class Gapped:
    """Content with gaps that are filled at the last moment. All but the gaps is packed ahead.

    What fills a gap is packed neither with what is around it nor by itself, so it costs nothing, and the length tells
    nothing about it.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        """`pieces` are what stands before, between and behind the gaps."""
        self._pieces = pieces
        self._packed = tuple(map(_deflated, pieces))

    def filled(self, value: bytes) -> bytes:
        """The content with `value`, of less than 64 KB, in every gap."""
        return value.join(self._pieces)

    def packed(self, value: bytes) -> bytes:
        """The same as gzip (RFC 1952)."""
        whole = value.join(self._pieces)
        stored = struct.pack("<BHH", 0, len(value), len(value) ^ 0xFFFF) + value  # RFC 1951, section 3.2.4
        end = struct.pack("<II", zlib.crc32(whole), len(whole))
        return b"".join((_GZIP_HEAD, stored.join(self._packed), _LAST_BLOCK, end))


_GZIP_HEAD = b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff"
_LAST_BLOCK = b"\x03\x00"
"""An empty one."""


def _deflated(piece: bytes) -> bytes:
    """Blocks that end with a whole byte, and that nothing behind them refers to."""
    packing = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return packing.compress(piece) + packing.flush(zlib.Z_FULL_FLUSH)

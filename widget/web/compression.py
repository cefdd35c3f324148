"""Compresses content, and chooses the coding of an answer (RFC 9110, section 12.5.3).

A client that accepts no coding at all, not even none, gets the content uncompressed: an error would help nobody.
"""

import contextlib
import ctypes
import gzip
from collections.abc import Collection, Mapping
from functools import lru_cache

import brotli

AS_IT_IS = "identity"
CODINGS = ("br", "gzip")
_BEST = (*CODINGS, AS_IT_IS)
"""The order of codings that a client accepts with the same weight."""
_UNNAMED = 0.001
"""The weight of uncompressed content if the client does not name it: any coding that it accepts is better."""
_LARGE = 256 * 1024
"""Bytes of content from which on brotli's best level would take seconds."""
_QUICK = 6
"""The level for content that is compressed while somebody waits."""


@lru_cache(maxsize=256)  # files with equal content, and those that a reload finds unchanged, are compressed once
def pack(content: bytes, br: bytes | None = None) -> Mapping[str, bytes]:
    """The forms of `content` that are smaller than it, by coding. `br` is what `at_best` made of it, if it is known."""
    forms = {"br": br or at_best(content), "gzip": gzip.compress(content, 9, mtime=0)}
    return {coding: packed for coding, packed in forms.items() if len(packed) < len(content)}


def at_best(content: bytes) -> bytes:
    """`content` in brotli, as small as it gets within a second. Takes fifty times as long as gzip."""
    return bytes(brotli.compress(content, brotli.MODE_TEXT, quality=11 if len(content) < _LARGE else 9))


def pack_now(content: bytes, coding: str) -> bytes:
    """`content` in one of `CODINGS` or `AS_IT_IS`. Takes half a millisecond for a page. For content that is sent
    once."""
    if coding == "br":
        return bytes(brotli.compress(content, brotli.MODE_TEXT, quality=_QUICK))
    return gzip.compress(content, _QUICK, mtime=0) if coding == "gzip" else content


def give_back() -> None:
    """Return the memory to the system that compressing at the best level took: some megabytes, which the allocator
    would keep. Nothing happens where the C library has no `malloc_trim`."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def choose(accept: str, codings: Collection[str] = CODINGS) -> str:
    """The coding of the answer: one of `codings`, or `AS_IT_IS`. `accept` is the value of `Accept-Encoding`."""
    liked = dict(map(_weighed, accept.lower().split(",")))
    others = liked.get("*")

    def weight(coding: str) -> float:
        unnamed = _UNNAMED if coding == AS_IT_IS else 0.0
        return liked.get(coding, unnamed if others is None else others)

    best = max((coding for coding in _BEST if coding in codings or coding == AS_IT_IS), key=weight)
    return best if weight(best) else AS_IT_IS


def _weighed(choice: str) -> tuple[str, float]:
    """`gzip;q=0.5` as a name and a weight. An unreadable weight counts as 0."""
    coding, _, parameter = choice.partition(";")
    name, _, value = parameter.replace(" ", "").partition("=")
    try:
        return coding.strip(), float(value) if name == "q" else 1.0
    except ValueError:
        return coding.strip(), 0.0

"""Packs content for the wire, and chooses the coding that a client is answered with (RFC 9110, section 12.5.3).

A client that will have none of them, and not even the content as it is, gets it as it is: an error would help nobody.
"""

import gzip
from collections.abc import Collection, Mapping
from functools import lru_cache

import brotli

AS_IT_IS = "identity"
CODINGS = ("br", "gzip")
_BEST = (*CODINGS, AS_IT_IS)
"""Which of those that a client likes as much as each other it is sent."""
_UNNAMED = 0.001
"""How much a client likes content as it is unless it says so: any coding that it takes is better."""
_LARGE = 256 * 1024
"""Bytes of content from which on brotli's best would take seconds."""
_QUICK = 6
"""The effort of both packers for what is packed while somebody waits."""


@lru_cache(maxsize=256)  # files of one content, and those that a reload finds unchanged, are packed once
def pack(content: bytes) -> Mapping[str, bytes]:
    """The forms of `content` that are smaller than itself, by their codings."""
    forms = {
        "br": brotli.compress(content, brotli.MODE_TEXT, quality=11 if len(content) < _LARGE else 9),
        "gzip": gzip.compress(content, 9, mtime=0),
    }
    return {coding: packed for coding, packed in forms.items() if len(packed) < len(content)}


def pack_now(content: bytes, coding: str) -> bytes:
    """`content` in one of `CODINGS` or as it is, in about half a millisecond for a page: for what is sent only once."""
    if coding == "br":
        return bytes(brotli.compress(content, brotli.MODE_TEXT, quality=_QUICK))
    return gzip.compress(content, _QUICK, mtime=0) if coding == "gzip" else content


def choose(accept: str, codings: Collection[str] = CODINGS) -> str:
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

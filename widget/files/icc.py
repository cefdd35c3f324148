"""Reduces a colour profile to what colours need (ICC.1:2022).

Profiles name devices, their owners and serial numbers, and may contain any text. Numbers of known types stay. The texts
that every profile must have become empty.
"""

import struct
from collections.abc import Callable, Iterator

_HEAD, _ENTRY = 128, 12
_MOST_TAGS = 100
_CLASSES = {b"mntr", b"scnr", b"prtr", b"spac"}
_SPACES = {b"RGB ", b"GRAY", b"CMYK", b"Lab "}
_MATRIX = {b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"}
_TABLES = {b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"gamt"}
_DATE = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
_WHITE = struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
"""The illuminant of the connection space, which is the same in every profile."""
_PARAMETERS = (1, 3, 4, 5, 7)
"""Numbers of a parametric curve, by its kind."""


def clean(profile: bytes) -> bytes | None:
    """The rebuilt profile; None if it is not a profile, or would say nothing about colours."""
    if len(profile) < _HEAD + 4 or profile[36:40] != b"acsp":
        return None
    kind, space, connection = profile[12:16], profile[16:20], profile[20:24]
    if kind not in _CLASSES or space not in _SPACES or connection not in (b"XYZ ", b"Lab "):
        return None
    tags = dict(_tags(profile))
    needed = _MATRIX if space == b"RGB " else {b"kTRC"} if space == b"GRAY" else {b"A2B0"}
    if not (needed <= tags.keys() or b"A2B0" in tags):
        return None
    (intent,) = struct.unpack_from(">I", profile, 64)
    return _written(profile[8:10], kind + space + connection, min(intent, 3), tags)


def _tags(profile: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each tag that stays, with its content."""
    (count,) = struct.unpack_from(">I", profile, _HEAD)
    for number in range(min(count, _MOST_TAGS)):
        at = _HEAD + 4 + _ENTRY * number
        if at + _ENTRY > len(profile):
            return
        name, start, size = struct.unpack_from(">4sII", profile, at)
        content = profile[start : start + size]
        if name in (b"desc", b"cprt"):
            yield name, _empty_text(name, profile[8])
        elif len(content) == size and size >= 12 and (checked := _checked(name, content)):
            yield name, checked


def _checked(name: bytes, content: bytes) -> bytes | None:
    """The content without reserved bytes and padding, if its type is allowed for the tag."""
    kind = content[:4]
    read = _READERS.get((name, kind)) or (_READERS.get((b"tables", kind)) if name in _TABLES else None)
    size = read(content) if read else None
    return kind + bytes(4) + content[8:size] if size and size <= len(content) else None


def _curve(content: bytes) -> int:
    return int(12 + 2 * struct.unpack_from(">I", content, 8)[0])


def _parametric(content: bytes) -> int | None:
    (kind,) = struct.unpack_from(">H", content, 8)
    return 12 + 4 * _PARAMETERS[kind] if kind < len(_PARAMETERS) and content[10:12] == b"\0\0" else None


def _table_of_bytes(content: bytes) -> int | None:
    """A matrix, a curve for each input channel, a grid, and a curve for each output channel."""
    if len(content) < 48 or content[11]:
        return None
    ins, outs, points = content[8:11]
    return int(48 + 256 * ins + points**ins * outs + 256 * outs) if ins <= 4 else None


def _table_of_words(content: bytes) -> int | None:
    """The same; the number of entries in each curve is at the beginning."""
    if len(content) < 52 or content[11]:
        return None
    ins, outs, points = content[8:11]
    lengths = struct.unpack_from(">HH", content, 48)
    return int(52 + 2 * (lengths[0] * ins + points**ins * outs + lengths[1] * outs)) if ins <= 4 else None


_Reader = Callable[[bytes], int | None]
_READERS: dict[tuple[bytes, bytes], _Reader] = {
    **dict.fromkeys([(name, b"XYZ ") for name in (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt", b"bkpt")], lambda _: 20),
    **dict.fromkeys([(name, b"curv") for name in (b"rTRC", b"gTRC", b"bTRC", b"kTRC")], _curve),
    **dict.fromkeys([(name, b"para") for name in (b"rTRC", b"gTRC", b"bTRC", b"kTRC")], _parametric),
    (b"chad", b"sf32"): lambda _: 44,
    (b"cicp", b"cicp"): lambda _: 12,
    (b"tables", b"mft1"): _table_of_bytes,
    (b"tables", b"mft2"): _table_of_words,
}
"""The number of bytes of a tag's content, by the tag and its type."""


def _empty_text(name: bytes, version: int) -> bytes:
    if version >= 4:
        return b"mluc" + struct.pack(">III", 0, 0, 12)
    return b"text" + bytes(5) if name == b"cprt" else b"desc" + struct.pack(">II", 0, 1) + bytes(79)


def _written(version: bytes, kinds: bytes, intent: int, tags: dict[bytes, bytes]) -> bytes:
    """The file. Equal contents are stored once."""
    places: dict[bytes, int] = {}
    entries, contents = b"", b""
    start = _HEAD + 4 + _ENTRY * len(tags)
    for name, content in tags.items():
        if content not in places:
            places[content] = start + len(contents)
            contents += content + bytes(-len(content) % 4)
        entries += struct.pack(">4sII", name, places[content], len(content))
    head = struct.pack(
        ">I4x2s2x12s12s4s24xI12s48x", start + len(contents), version, kinds, _DATE, b"acsp", intent, _WHITE
    )
    return head + struct.pack(">I", len(tags)) + entries + contents

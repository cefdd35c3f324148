"""The tables of a JPEG, and which of them its scans use. Unused ones could contain anything, so they are removed."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from widget.files.picture import Unreadable

DQT, DHT, DAC = 0xDB, 0xC4, 0xCC
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}

_Key = tuple[int, int]
"""A segment's marker, and the table's class and number in one byte."""


@dataclass(slots=True)
class Table:
    """One table, as it is in its segment."""

    content: bytes
    used: bool = False


@dataclass(slots=True)
class Tables:
    """What a segment defines."""

    marker: int
    tables: list[Table]

    def written(self) -> bytes:
        """The segment, with only the tables that are used."""
        content = b"".join(table.content for table in self.tables if table.used)
        return struct.pack(">BBH", 0xFF, self.marker, 2 + len(content)) + content if content else b""


@dataclass(slots=True)
class Usage:
    """Follows a picture's segments, and marks the tables that its scans use."""

    sound: bool = True
    """Whether the used tables contain what the standard allows: steps that are not zero, and lengths that an 8-bit
    coefficient can have."""
    _coding: int = DHT
    _is_progressive: bool = False
    _current: dict[_Key, Table] = field(default_factory=dict)
    _quantisation: dict[int, int] = field(default_factory=dict)
    """The table of each component that has not been in a scan yet."""

    def define(self, marker: int, content: bytes) -> Tables:
        """Read the tables of a segment. Raises Unreadable."""
        tables = Tables(marker, [])
        for number, table in _READERS[marker](content):
            tables.tables.append(Table(table))
            self._current[marker, number] = tables.tables[-1]
        return tables

    def frame(self, marker: int, content: bytes) -> None:
        """Read a frame's header. Raises Unreadable."""
        if len(content) != 6 + 3 * content[5]:
            raise Unreadable("a frame's header has the wrong length")
        self._coding = DAC if marker > 0xC8 else DHT
        self._is_progressive = marker in _PROGRESSIVE
        self._quantisation = {content[at]: content[at + 2] for at in range(6, len(content), 3)}

    def scan(self, content: bytes) -> None:
        """Read a scan's header, and mark what it uses. Raises Unreadable.

        A component is quantised as defined at its first scan. A progressive scan has either the first coefficients or
        others, so it uses one kind of tables.
        """
        count = content[0] if content else 0
        if not 1 <= count <= 4 or len(content) != 4 + 2 * count:
            raise Unreadable("a scan's header has the wrong length")
        first, last = content[1 + 2 * count], content[2 + 2 * count]
        for at in range(1, 1 + 2 * count, 2):
            component, chosen = content[at], content[at + 1]
            self._mark(DQT, self._quantisation.pop(component, -1))
            if first == 0 or not self._is_progressive:
                self._mark(self._coding, chosen >> 4)
            if last > 0 or not self._is_progressive:
                self._mark(self._coding, 0x10 | (chosen & 0x0F))

    def _mark(self, marker: int, number: int) -> None:
        table = self._current.get((marker, number))
        if table:
            table.used = True
            self.sound = self.sound and _is_sound(marker, table.content)


def _is_sound(marker: int, table: bytes) -> bool:
    if marker == DQT:
        return all(_values(table))
    if marker == DHT:  # ITU-T T.81, tables F.1 and F.2: a length of at most 11 bits, or a run and at most 10
        return all(value <= 11 if table[0] < 0x10 else value & 0x0F <= 10 for value in table[17:])
    return True


def _quantisation(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(content):
        end = at + (129 if content[at] >> 4 else 65)
        if end > len(content) or content[at] >> 4 > 1:
            raise Unreadable("a quantisation table has the wrong length")
        yield content[at] & 0x0F, content[at:end]
        at = end


def _values(table: bytes) -> tuple[int, ...]:
    return struct.unpack(">64H" if table[0] >> 4 else ">64B", table[1:])


def _huffman(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(content):
        end = at + 17 + sum(content[at + 1 : at + 17])
        if end > len(content) or at + 17 > len(content):
            raise Unreadable("a Huffman table has the wrong length")
        yield content[at], content[at:end]
        at = end


def _conditioning(content: bytes) -> Iterator[tuple[int, bytes]]:
    for at in range(0, len(content) - 1, 2):
        yield content[at], content[at : at + 2]


_READERS = {DQT: _quantisation, DHT: _huffman, DAC: _conditioning}

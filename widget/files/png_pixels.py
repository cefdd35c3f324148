"""Reads a PNG's compressed data up to the end that its header implies, in blocks, so that its size takes no memory.

Pillow shows what there is and ignores what is missing, so it would not notice half a picture.
"""

import zlib

from widget.files.picture import Unreadable
from widget.files.png_chunks import Header

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Interlaced passes: where each begins, and its steps, across and down."""
_LAST_FILTER = 4
_PIECE = 256 * 1024


def read(data: bytearray, header: Header) -> int | None:
    """The bytes of the data that the picture takes; None if it is whole but its data continues or ends differently.

    Raises Unreadable if a part of the picture is missing.
    """
    inflating = zlib.decompressobj()
    rows, at, view = _Rows(header), 0, memoryview(data)
    while not inflating.eof:
        piece = inflating.unconsumed_tail or view[at : at + _PIECE]
        if not inflating.unconsumed_tail:
            at += len(piece)
        try:
            inflated = inflating.decompress(piece, _PIECE)
        except zlib.error as error:
            if rows.missing:
                raise Unreadable("its data is damaged") from error
            return None
        if len(inflated) > rows.missing or not (piece or inflated or rows.missing):
            return None
        if not piece and not inflated:
            raise Unreadable("its data ends too soon")
        rows.take(inflated)
    if rows.missing:
        raise Unreadable("there is too little data")
    return at - len(inflating.unused_data) - len(inflating.unconsumed_tail)


class _Rows:
    """Counts the rows of a picture, and checks the byte before each, which names its filter."""

    def __init__(self, header: Header) -> None:
        passes = _ADAM7 if header.is_interlaced else ((0, 0, 1, 1),)
        self._passes = [
            (1 + (-(-(header.width - left) // across) * header.pixel_bits + 7) // 8, -(-(header.height - top) // down))
            for left, top, across, down in passes
            if header.width > left and header.height > top
        ]
        self.missing = sum(stride * rows for stride, rows in self._passes)
        self._next()

    def _next(self) -> None:
        self._stride, rows = self._passes.pop(0)
        self._left, self._until_filter = self._stride * rows, 0

    def take(self, data: bytes) -> None:
        """Count these bytes, at most as many as are missing. Raises Unreadable if a filter is invalid."""
        self.missing -= len(data)
        while data:
            part, data = data[: self._left], data[self._left :]
            if max(part[self._until_filter :: self._stride], default=0) > _LAST_FILTER:
                raise Unreadable("no such filter")
            self._left -= len(part)
            self._until_filter = (self._until_filter - len(part)) % self._stride
            if not self._left and self._passes:
                self._next()

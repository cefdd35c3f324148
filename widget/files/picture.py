"""What the readers of pictures share."""

from dataclasses import dataclass

from widget.files.protocol import Note


class Unreadable(Exception):
    """The bytes are not the kind of file that they begin as."""


class TooManyPixels(Exception):
    """By its header, the picture has more pixels than allowed."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture without its metadata: its bytes, its size in pixels, and what was removed from it.

    If it is not `sound`, every decoder can show it, but some of its bytes violate its standard and cannot be removed by
    themselves.
    """

    data: bytes
    width: int
    height: int
    notes: frozenset[Note] = frozenset()
    sound: bool = True


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raises Unreadable for a picture of no size, and TooManyPixels."""
    if not width or not height:
        raise Unreadable("no size")
    if width * height > max_pixels:
        raise TooManyPixels

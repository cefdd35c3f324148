"""What the readers of pictures share."""

from dataclasses import dataclass

from widget.files.protocol import Note


class Unreadable(Exception):
    """The bytes do not make the file that they begin as."""


class TooManyPixels(Exception):
    """The picture is larger than may be, by its header."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture without its metadata: its bytes, its size in pixels, and what was taken out of it.

    Where it is not `sound`, every decoder can show it, but some of its bytes are not what its standard allows, and
    cannot be taken out by themselves.
    """

    data: bytes
    width: int
    height: int
    notes: frozenset[Note] = frozenset()
    sound: bool = True


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raises Unreadable for a picture without a size, and TooManyPixels."""
    if not width or not height:
        raise Unreadable("no size")
    if width * height > max_pixels:
        raise TooManyPixels

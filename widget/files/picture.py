"""What the readers of pictures share."""

from dataclasses import dataclass


class Unreadable(Exception):
    """The bytes do not make the file that they begin as."""


class TooManyPixels(Exception):
    """The picture is larger than may be, by its header."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture without its metadata: its bytes, its size in pixels, and whether what was removed told a place."""

    data: bytes
    width: int
    height: int
    located: bool


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raises Unreadable for a picture without a size, and TooManyPixels."""
    if not width or not height:
        raise Unreadable("no size")
    if width * height > max_pixels:
        raise TooManyPixels

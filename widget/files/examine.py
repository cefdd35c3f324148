"""Whether a file is acceptable, and the file without its metadata. Pure: bytes in, bytes and a verdict out.

This is where hostile bytes meet decoders, so it runs in `helper`, a process that has nothing to lose.
"""

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageFile

from widget.files import jpeg, pdf, png
from widget.files.picture import Picture, TooManyPixels, Unreadable
from widget.files.protocol import NOTES, Note, Rules, Verdict

_DRAFT = 8
"""JPEGs are decoded at an eighth of their size: all of the data is read, for a 64th of the memory."""

_REFUSALS: dict[type[Exception], Verdict] = {
    pdf.Damaged: "damaged",
    pdf.Active: "active",
    pdf.Embedding: "embedding",
    pdf.TooLarge: "grown",
}

Image.MAX_IMAGE_PIXELS = None  # ours is checked before, and is an error where Pillow's would be a warning
ImageFile.LOAD_TRUNCATED_IMAGES = False


@dataclass(frozen=True, slots=True)
class Examined:
    """`data` is what may be forwarded, None unless the verdict is "good"; `notes` say what was removed from it."""

    verdict: Verdict
    data: bytes | None = None
    notes: tuple[Note, ...] = ()


def examine(data: bytes, media_type: str, rules: Rules) -> Examined:
    """Look at a whole file of that type."""
    try:
        if media_type == "application/pdf":
            return _examine_pdf(data, rules)
        picture = (jpeg if media_type == "image/jpeg" else png).clean(data, rules.max_pixels)
        _open(picture, media_type)
        return Examined("good", picture.data, ("location_removed",) if picture.located else ())
    except TooManyPixels:
        return Examined("pixels")
    except Unreadable:
        return Examined("unreadable")


def _examine_pdf(data: bytes, rules: Rules) -> Examined:
    """Raises Unreadable."""
    try:
        copy = pdf.rewrite(data, rules)
        return Examined("good", copy.data, tuple(note for note in NOTES if note in copy.notes))
    except pdf.Encrypted:  # without its password nobody can look into it
        return Examined("good", data) if rules.encrypted_pdf else Examined("encrypted")
    except tuple(_REFUSALS) as error:
        return Examined(_REFUSALS[type(error)])


def _open(picture: Picture, media_type: str) -> None:
    """Have Pillow read what is left; of a PNG, all but the pixels, which `png` has seen. Raises Unreadable."""
    form = "JPEG" if media_type == "image/jpeg" else "PNG"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(picture.data), formats=[form]) as image:
                if image.size != (picture.width, picture.height):
                    raise Unreadable("two sizes")
                if form == "JPEG":
                    image.draft("L", (max(1, image.width // _DRAFT), max(1, image.height // _DRAFT)))
                    image.load()
                else:
                    image.verify()
    except Unreadable:
        raise
    except Exception as error:  # whatever a decoder says of such bytes: OSError, SyntaxError, ValueError, struct.error
        raise Unreadable("it cannot be decoded") from error

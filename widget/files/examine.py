"""Checks whether a file is acceptable, and removes its metadata. Pure: bytes in, bytes and a verdict out.

Hostile bytes meet decoders here, so this runs in `helper`, a process with nothing to lose.
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image, ImageFile

from widget.files import jpeg, pdf, png
from widget.files.picture import Picture, TooManyPixels, Unreadable
from widget.files.protocol import NOTES, Note, Rules, Verdict

_DRAFT = 8
"""JPEGs are decoded at an eighth of their size, which reads all data and takes a 64th of the memory."""
_QUALITY = 95
"""For a JPEG that is encoded again."""
_FORMS = {"image/jpeg": "JPEG", "image/png": "PNG"}
"""Pillow's names."""

_REFUSALS: dict[type[Exception], Verdict] = {
    pdf.Damaged: "damaged",
    pdf.Active: "active",
    pdf.Embedding: "embedding",
    pdf.TooLarge: "grown",
}

Image.MAX_IMAGE_PIXELS = None  # our own limit is checked earlier, and is an error; Pillow's would be a warning
ImageFile.LOAD_TRUNCATED_IMAGES = False


@dataclass(frozen=True, slots=True)
class Examined:
    """`data` is what may be forwarded, or None unless the verdict is "good". `notes` say what was removed from it."""

    verdict: Verdict
    data: bytes | None = None
    notes: tuple[Note, ...] = ()


def examine(data: bytes, media_type: str, rules: Rules) -> Examined:
    """Check a whole file of that type."""
    try:
        if media_type == "application/pdf":
            return _examine_pdf(data, rules)
        picture = _cleaned(data, media_type, rules)
        return Examined("good", picture.data, tuple(note for note in NOTES if note in picture.notes))
    except TooManyPixels:
        return Examined("pixels")
    except Unreadable:
        return Examined("unreadable")


def _examine_pdf(data: bytes, rules: Rules) -> Examined:
    """Raises Unreadable."""
    try:
        copy = pdf.rewrite(data, rules)
        return Examined("good", copy.data, tuple(note for note in NOTES if note in copy.notes))
    except pdf.Encrypted:  # without its password, nobody can look inside
        return Examined("good", data) if rules.encrypted_pdf else Examined("encrypted")
    except tuple(_REFUSALS) as error:
        return Examined(_REFUSALS[type(error)])


def _cleaned(data: bytes, media_type: str, rules: Rules) -> Picture:
    """The picture without metadata, decoded once. Raises Unreadable and TooManyPixels."""
    clean: Callable[[bytes, int], Picture] = jpeg.clean if media_type == "image/jpeg" else png.clean
    picture = clean(data, rules.max_pixels)
    if not picture.sound:
        redrawn = clean(_redrawn(picture, media_type), rules.max_pixels)
        picture = replace(redrawn, notes=picture.notes)
    if len(picture.data) > max(len(data), rules.max_size):
        raise Unreadable("encoded again, it is too large")
    _open(picture, media_type)
    return picture


def _redrawn(picture: Picture, media_type: str) -> bytes:
    """The pixels in a new file, for a picture with bytes that cannot be removed from its own. Raises Unreadable."""
    form = _FORMS[media_type]
    target = io.BytesIO()
    try:
        with Image.open(io.BytesIO(picture.data), formats=[form]) as image:
            kept = {name: image.info[name] for name in ("exif", "icc_profile") if name in image.info}
            image.save(target, form, quality=_QUALITY, **kept)
    except Exception as error:  # decoders raise anything on such bytes
        raise Unreadable("it cannot be decoded") from error
    return target.getvalue()


def _open(picture: Picture, media_type: str) -> None:
    """Have Pillow read what is left; of a PNG, all but the pixels, which `png` has checked. Raises Unreadable."""
    form = _FORMS[media_type]
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
    except Exception as error:  # decoders raise anything on such bytes: OSError, SyntaxError, ValueError, struct.error
        raise Unreadable("it cannot be decoded") from error

"""A PDF as it may be forwarded: qpdf's own copy of its pages, without anything that acts, and without metadata.

What was sent is read once, and written anew from what was read. So every reader sees what was checked here: nothing
that only another parser would find, in an object stream that cannot be decoded, in front of the file or behind it, gets
into the copy. `opening` proves that all of it could be read, `cleaning` takes out what `policy` names.
"""

import io
import warnings
from dataclasses import dataclass

import pikepdf

from widget.files.pdf import pictures
from widget.files.pdf.cleaning import Cleaner
from widget.files.pdf.opening import Damaged, Encrypted, opened
from widget.files.picture import Unreadable
from widget.files.protocol import Note, Rules

__all__ = ["Active", "Copy", "Damaged", "Embedding", "Encrypted", "TooLarge", "rewrite"]


class Active(Exception):
    """It holds scripts or actions, where that is refused, or is a form that shows nothing without its script."""


class Embedding(Exception):
    """It holds other files, where that is refused."""


class TooLarge(Exception):
    """The copy does not fit, though the original did."""


@dataclass(frozen=True, slots=True)
class Copy:
    """`data` is what may be forwarded; `notes` say what was taken out of it."""

    data: bytes
    notes: frozenset[Note]


def rewrite(data: bytes, rules: Rules) -> Copy:
    """The copy, of at most `rules.max_size` bytes or the original's size, whichever is more.

    Raises Unreadable, Damaged, Encrypted, Active, Embedding and TooLarge.
    """
    try:
        with opened(data) as document:
            if bool(document.Root.get("/NeedsRendering", False)) and rules.active != "pass":
                raise Active  # its pages say "please wait": what they show comes from the form's own language
            notes = Cleaner(document, rules).clean()
            if rules.active == "refuse" and "scripts_removed" in notes:
                raise Active
            if rules.embedded == "refuse" and "attachments_removed" in notes:
                raise Embedding
            notes |= pictures.clean(document)
            return Copy(_saved(document, max(rules.max_size, len(data))), frozenset(notes))
    except (pikepdf.PdfError, RuntimeError, TypeError, ValueError) as error:  # TypeError: a name that is no text
        raise Unreadable("no PDF") from error


def _saved(document: pikepdf.Pdf, limit: int) -> bytes:
    """The copy in bytes: each object in the open, so that every scanner sees it; packed only where it must be."""
    for mode in (pikepdf.ObjectStreamMode.disable, pikepdf.ObjectStreamMode.generate):
        target = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fields that belong to no form are no fault of the copy
            document.save(target, object_stream_mode=mode, deterministic_id=True, fix_metadata_version=False)
        if target.tell() <= limit:
            return target.getvalue()
    raise TooLarge

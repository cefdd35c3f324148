"""Makes a PDF that may be forwarded: qpdf's own copy of its pages, without anything active, and without metadata.

The original is read once, and the copy is written from what was read. So every reader sees what was checked here.
Nothing that only another parser would find gets into the copy, such as objects in a stream that cannot be decoded, or
bytes before or after the file. `opening` proves that all of it could be read; `cleaning` removes what `policy` names.
"""

import io
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import pikepdf

from widget.files.pdf import pictures
from widget.files.pdf.cleaning import Cleaner
from widget.files.pdf.opening import COMMON, Damaged, Encrypted, Unpacking, filters_of, opened
from widget.files.picture import Unreadable
from widget.files.protocol import Note, Rules

__all__ = ["Active", "Copy", "Damaged", "Embedding", "Encrypted", "TooLarge", "rewrite"]


class Active(Exception):
    """It contains scripts or actions, if these are refused, or it is a form that shows nothing without its script."""


class Embedding(Exception):
    """It contains other files, if these are refused."""


class TooLarge(Exception):
    """The copy is too large, but the original was not."""


@dataclass(frozen=True, slots=True)
class Copy:
    """`data` is what may be forwarded; `notes` say what was removed."""

    data: bytes
    notes: frozenset[Note]


def rewrite(data: bytes, rules: Rules) -> Copy:
    """The copy. It may have `rules.max_size` bytes or the original's size, whichever is more.

    Raises Unreadable, Damaged, Encrypted, Active, Embedding and TooLarge.
    """
    try:
        unpacking = Unpacking()
        with opened(data, unpacking) as document:
            if bool(document.Root.get("/NeedsRendering", False)) and rules.active != "pass":
                raise Active  # its pages say "please wait"; the content is in the form's own language
            notes = Cleaner(document, rules, unpacking).clean()
            if rules.active == "refuse" and "scripts_removed" in notes:
                raise Active
            if rules.embedded == "refuse" and "attachments_removed" in notes:
                raise Embedding
            notes |= pictures.clean(document, unpacking)
            return Copy(_saved(document, max(rules.max_size, len(data)), unpacking), frozenset(notes))
    except (pikepdf.PdfError, RuntimeError, TypeError, ValueError) as error:  # TypeError: a name that is not text
        raise Unreadable("no PDF") from error


def _saved(document: pikepdf.Pdf, limit: int, unpacking: Unpacking) -> bytes:
    """The copy as bytes. Objects are uncompressed, so that every scanner sees them, unless they must be compressed.
    Only then does qpdf compress streams as well, for which it decompresses them."""
    for mode in (pikepdf.ObjectStreamMode.disable, pikepdf.ObjectStreamMode.generate):
        must_shrink = mode is pikepdf.ObjectStreamMode.generate
        if must_shrink:
            _decompress(document, unpacking)
        target = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fields that belong to no form are not the copy's fault
            document.save(
                target,
                object_stream_mode=mode,
                compress_streams=must_shrink,
                deterministic_id=True,
                fix_metadata_version=False,
            )
        if target.tell() <= limit:
            return target.getvalue()
    raise TooLarge


def _decompress(document: pikepdf.Pdf, unpacking: Unpacking) -> None:
    """Raises Damaged if the streams that qpdf would compress in another way become too much on the way."""
    for item in document.objects:
        if isinstance(item, pikepdf.Stream) and _is_compressed_again(filters_of(item)):
            with suppress(pikepdf.PdfError):  # it stays as it is
                unpacking.read(item)


def _is_compressed_again(filters: Sequence[str]) -> bool:
    """Whether qpdf can undo these filters, and there is a better one."""
    return filters not in ([], ["/FlateDecode"]) and COMMON.issuperset(filters)

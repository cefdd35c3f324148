"""What a PDF may do besides being read: found by qpdf's parser, which reads object streams, updates and escaped names.

A PDF is never rewritten: what is forwarded is what was sent.
"""

import io
from collections.abc import Iterator

import pikepdf

from widget.files.picture import Unreadable

_KEYS = {"/JS", "/JavaScript", "/EmbeddedFiles", "/EF", "/XFA", "/RichMediaContent", "/RichMediaSettings"}
_ACTIONS = {
    "/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/GoToE", "/RichMediaExecute", "/Rendition", "/Movie",
    "/Sound", "/GoTo3DView",
}  # fmt: skip
_ANNOTATIONS = {"/RichMedia", "/Screen", "/Movie", "/Sound", "/3D", "/FileAttachment"}
_TYPES = {"/EmbeddedFile"}
_NAMES = {"/S": _ACTIONS, "/Subtype": _ANNOTATIONS, "/Type": _TYPES}
"""What makes a dictionary active: one of `_KEYS`, or one of these names under the key."""
_HINTS = tuple(name.encode() for name in sorted(_KEYS | _ACTIONS | _ANNOTATIONS | _TYPES))
_DEEPEST = 100
"""Levels of nesting; qpdf itself stops at 500."""


class Encrypted(Exception):
    """It can be looked into only with a password, or only by readers that know how to decrypt it."""


class Active(Exception):
    """It holds scripts, other files, or what starts something."""


def check(data: bytes, *, encrypted: bool, active: bool) -> None:
    """Read it all. Raises Unreadable, and Encrypted or Active unless the flag lets such a file pass.

    An encrypted file that may pass is not looked into: without its password nothing can be.
    """
    try:
        with pikepdf.open(io.BytesIO(data)) as document:
            if document.is_encrypted:
                raise pikepdf.PasswordError
            if not document.pages:
                raise Unreadable("no page")
            if not active and any(map(_is_active, document.objects)):
                raise Active
    except pikepdf.PasswordError as error:
        if not encrypted:
            raise Encrypted from error
    except (pikepdf.PdfError, RuntimeError, ValueError) as error:
        raise Unreadable("no PDF") from error


def _is_active(item: pikepdf.Object | None) -> bool:
    """Whether an object of the file's table, with all that lies in it, does more than be read."""
    if not isinstance(item, pikepdf.Object):  # numbers and the like come as Python's own
        return False
    if isinstance(item, pikepdf.Stream):
        item = item.stream_dict
    text = item.unparse(resolved=True)  # in qpdf's own spelling: cheap, and it clears most objects
    if not any(hint in text for hint in _HINTS):
        return False
    if isinstance(item, pikepdf.Name):  # a value that stands elsewhere, so that no dictionary shows it
        return str(item) in _ACTIONS | _ANNOTATIONS | _TYPES
    return any(map(_is_active_dictionary, _dictionaries(item)))


def _is_active_dictionary(item: pikepdf.Dictionary) -> bool:
    keys = set(item.keys())
    return not keys.isdisjoint(_KEYS) or any(
        key in keys and isinstance(item[key], pikepdf.Name) and str(item[key]) in names for key, names in _NAMES.items()
    )


def _dictionaries(item: pikepdf.Object) -> Iterator[pikepdf.Dictionary]:
    """The dictionaries in an object, without those that are objects of their own."""
    waiting = [(item, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            raise Unreadable("nested too deeply")
        if isinstance(value, pikepdf.Dictionary):
            yield value
            parts = list(value.values())
        elif isinstance(value, pikepdf.Array):
            parts = list(value)
        else:
            continue
        waiting += [(part, depth + 1) for part in parts if isinstance(part, pikepdf.Object) and not part.is_indirect]

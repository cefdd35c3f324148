"""What may stay in a PDF: names from ISO 32000-2, and what they mean here.

For what acts, the list has what may stay, because readers know actions that are in no standard. For what only describes
the document, it has what is removed.
"""

import re

from pikepdf import Name

ACTIONS = {"/GoTo", "/URI", "/Named", "/ResetForm", "/Hide", "/SetOCGState"}
"""Actions that stay if a person has to click: they lead to a place in the document, or to the web."""
ACTING = {
    "/JavaScript", "/Launch", "/GoToR", "/GoToE", "/GoToDp", "/SubmitForm", "/ImportData", "/Thread", "/Rendition",
    "/Movie", "/Sound", "/RichMediaExecute", "/GoTo3DView", "/Trans",
}  # fmt: skip
"""Actions that stay nowhere, not even where no reader would look for one."""
NAMED = {"/NextPage", "/PrevPage", "/FirstPage", "/LastPage"}
"""Commands that `/Named` may name. Others are the viewer's own, such as printing."""
SCHEMES = {b"http", b"https", b"mailto", b"tel"}

ANNOTATIONS = {
    "/Text", "/Link", "/FreeText", "/Line", "/Square", "/Circle", "/Polygon", "/PolyLine", "/Highlight", "/Underline",
    "/Squiggly", "/StrikeOut", "/Caret", "/Stamp", "/Ink", "/Popup", "/Widget", "/PrinterMark", "/TrapNet",
    "/Watermark", "/Redact",
}  # fmt: skip
"""Annotations that stay: those that are seen on a page, not those that play or hold a file."""

SILENT = {
    "/PieceInfo", "/SpiderInfo", "/Thumb", "/Collection", "/Perms", "/Legal", "/DSS", "/Threads", "/LastModified",
}  # fmt: skip
"""Entries that are removed without notice: programs' own notes, rights, and what reveals who made it."""
SCRIPTS = {
    "/JavaScript", "/XFA", "/NeedsRendering", "/RichMediaContent", "/RichMediaSettings", "/Renditions", "/PresSteps",
    "/Requirements",
}  # fmt: skip
"""Entries that are removed, whatever they contain, because something acts through them."""
EXTERNAL = {"/F", "/FFilter", "/FDecodeParms"}
"""Entries of a stream that say its data is in another file."""


def _finding(names: set[str]) -> re.Pattern[bytes]:
    """Finds one of these in qpdf's own spelling of an object, however it was written originally."""
    return re.compile(b"(?:" + b"|".join(sorted(name.encode() for name in names)) + rb")(?= |$)")


_ACTS = {*ACTING, "/ByteRange", "/URI", "/URL", "/FileAttachment", "/RichMedia", "/Screen", "/3D"}
_ENTRIES = {
    *SILENT, *SCRIPTS, *EXTERNAL,
    "/A", "/AA", "/AF", "/Annots", "/EF", "/EmbeddedFile", "/EmbeddedFiles", "/JS", "/Metadata", "/Next", "/OPI",
    "/OpenAction", "/PA", "/Ref",
}  # fmt: skip
ACTS = _finding(_ACTS)
"""In an object that may act by itself."""
HINT = _finding(_ACTS | _ENTRIES)
"""In an object that needs a closer look. Most do not."""

_SCHEME = re.compile(rb"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_UNSEEN = re.compile(rb"[\0-\x20\x7f]|\xfe\xff|\xef\xbb\xbf")


def is_web_address(value: object) -> bool:
    """Whether a link leads to the web, or to a mail or telephone program. A network share is neither."""
    try:
        address = _UNSEEN.sub(b"", bytes(value))  # type: ignore[call-overload]
    except TypeError:
        return False
    scheme = _SCHEME.match(address)
    if scheme is None:
        return not address.startswith(b"/") and b"\\" not in address and b"%5c" not in address.lower()
    return scheme[1].lower() in SCHEMES and b"\\" not in address


def is_name(value: object, names: set[str]) -> bool:
    """Whether it is one of these names."""
    return isinstance(value, Name) and str(value) in names

"""Determines what a file is by its content, and gives it a name that is safe anywhere.

Nothing that a client says about a file is believed: not its declared type, not its extension, not its name. They may
not contradict the content either, because whoever opens the file later may go by them. `intake` limits the size and
stores the bytes; `examine` checks the rest of the content, which `pool` runs outside the service.
"""

import mimetypes
import re
import unicodedata

from widget.submissions.limits import KINDS

HEAD_SIZE = 1024
"""Bytes at a file's start that `identify` needs."""

MAX_NAME_LENGTH = 100
"""Characters, including the extension."""
MAX_NAME_SIZE = 200
"""Bytes in UTF-8, including the extension."""

_SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
}
# Mail programs and printers put marks, blanks or lines of their own in front. Readers skip them. The blanks contain no
# line break, because the search would take quadratic time if several line breaks could begin one match.
_PDF = re.compile(rb"(?:\A|[\r\n])(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff|\xc2\xa0|[\0\t\v\f ])*%PDF-")
_EXTENSIONS = {kind.media_type: kind.extensions for kind in KINDS.values()}
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "application/x-pdf": "application/pdf",
}
_GENERIC = re.compile(r"|[a-z]+/octet-stream|application/(unknown|x-unknown|download|(x|force|x-force)-download)|\*/\*")
"""Declared types that mean nothing in particular."""
mimetypes.knownfiles.clear()  # the machine's own tables, which `MimeTypes` would read first and keep: 0.4 MB
_KNOWN = mimetypes.MimeTypes()
"""Python's own table."""
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*%]')
# Unicode's Default_Ignorable_Code_Point and blank letters that `category` does not reveal. All are invisible.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d"
# Persian, Hindi and emoji need them between two characters that are not ASCII. Elsewhere they only hide something.
_IDLE_JOINER = re.compile(f"(?<=[{_JOINERS}])[{_JOINERS}]|(?<![^\0-\x7f])[{_JOINERS}]|[{_JOINERS}]+(?![^\0-\x7f])")
_DEVICE = re.compile(r"^(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])(?=\s*(\.|$))", re.IGNORECASE)
_LONGEST_READ = 512


def identify(head: bytes) -> str | None:
    """The media type of a file that begins with `head`, or None if it is not one of those that are accepted.

    Pictures are recognised by their first bytes, as browsers sniff them (https://mimesniff.spec.whatwg.org/). A PDF may
    begin with a few other lines, which do not get into the copy that is forwarded.
    """
    found = next((media_type for start, media_type in _SIGNATURES.items() if head.startswith(start)), None)
    return found or ("application/pdf" if _PDF.search(head) else None)


def contradicts(media_type: str, name: str, declared: str) -> bool:
    """Whether a file's extension, or the type that a client declares, names a different type than its content has.

    A missing or unknown extension, and a missing or generic type, contradict nothing.
    """
    declared = declared.partition(";")[0].strip().lower()
    extension = _rpartition(_clean(_base(name)))[1].lower()
    by_name = next((kind for kind, fitting in _EXTENSIONS.items() if extension in fitting), None)
    by_name = by_name or _KNOWN.types_map[True].get(extension, "")
    return any(not _GENERIC.fullmatch(each) and _ALIASES.get(each, each) != media_type for each in (declared, by_name))


def safe_name(name: str, media_type: str | None, position: int) -> str:
    """Our own name for the file that a client calls `name`, with an extension that fits its content.

    Letters of every script stay. Folders, control and invisible characters, characters with a meaning in paths, headers
    or addresses, and names of devices are removed. If nothing is left, the name is `file-1`, counted from `position`.
    With `media_type` None, for a file that is only named to the person, the extension stays.
    """
    stem, extension = _split(_clean(_base(name)), media_type)
    stem = _cut(_DEVICE.sub(r"_\1", _trim(stem)), extension)
    return (stem or f"file-{position + 1}") + extension


def _base(name: str) -> str:
    """The name without its folders, shortened to a length that is cheap to process. Its end stays, with the
    extension."""
    base = re.split(r"[/\\]", name)[-1]
    return base if len(base) <= _LONGEST_READ else base[: _LONGEST_READ - 16] + base[-16:]


def _clean(name: str) -> str:
    """The name's readable characters, composed, with each run of white space as one space."""
    name = "".join(character for character in _INVISIBLE.sub("", name) if _is_readable(character))
    name = _IDLE_JOINER.sub("", name)
    name = _FORBIDDEN.sub("_", " ".join(name.split()))
    return _trim(unicodedata.normalize("NFC", name))


def _is_readable(character: str) -> bool:
    return character.isspace() or character in _JOINERS or unicodedata.category(character)[0] not in "CZ"


def _trim(name: str) -> str:
    """Without what hides a file, makes it an option of a command, or is dropped by Windows at the end of a name."""
    return name.lstrip(" .-~").rstrip(" .")


def _split(name: str, media_type: str | None) -> tuple[str, str]:
    """The stem, and an extension that fits the content: the name's own if it does."""
    stem, extension = _rpartition(name)
    if media_type is None:
        return (stem, extension) if _EXTENSION.fullmatch(extension) else (name, "")
    fitting = _EXTENSIONS[media_type]
    if extension.lower() not in fitting and _EXTENSION.fullmatch(extension):
        name = stem
        stem, extension = _rpartition(name)
    return (stem, extension) if extension.lower() in fitting else (name, fitting[0])


def _rpartition(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if dot else (name, "")


def _cut(stem: str, extension: str) -> str:
    stem = stem[: MAX_NAME_LENGTH - len(extension)]
    return _trim(stem.encode()[: MAX_NAME_SIZE - len(extension)].decode(errors="ignore"))

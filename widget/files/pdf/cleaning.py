"""Removes from a PDF whatever acts, contains other files, or reveals how it was made.

Every object of the file is checked by itself, wherever it is used: a dictionary is judged by its content and by the
entry that leads to it. So no path through the document has to be known.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, Stream, String

from widget.files.metadata import is_located
from widget.files.pdf import policy
from widget.files.pdf.opening import Damaged, Unpacking
from widget.files.protocol import Note, Rules

_MOST_LOOKS = 150_000
"""Dictionaries and arrays that are checked closely, in total."""


class Cleaner:
    """Cleans one document, once."""

    def __init__(self, document: pikepdf.Pdf, rules: Rules, unpacking: Unpacking) -> None:
        self._document = document
        self._unpacking = unpacking
        self._passed: set[Note] = set()
        if rules.active == "pass":
            self._passed.add("scripts_removed")
        if rules.embedded == "pass":
            self._passed.add("attachments_removed")
        self._notes: set[Note] = set()
        self._looks = 0
        self._searched: set[tuple[int, int]] = set()
        """The metadata that was searched for a place."""

    def clean(self) -> set[Note]:
        """Remove it all. Returns what a person would want to know about. Raises Damaged."""
        for key in ("/Info", "/ID"):
            if key in self._document.trailer:
                del self._document.trailer[key]
        objects = [item for item in self._document.objects if isinstance(item, Object)]  # without null ones
        # A name that is an object of its own can be the value of any entry. Then no object is safe by its text.
        is_hidden = any(isinstance(item, Name) and policy.HINT.search(item.unparse(resolved=True)) for item in objects)
        for item in objects:
            holder = item.stream_dict if isinstance(item, Stream) else item
            text = holder.unparse(resolved=True)
            if is_hidden or policy.HINT.search(text):
                may_act = is_hidden or policy.ACTS.search(text) is not None
                for dictionary in self._dictionaries(holder):
                    self._clean(dictionary, may_act=may_act)
                if isinstance(item, Stream):
                    self._clean_stream(item)
        return self._notes

    def _dictionaries(self, item: Object) -> Iterator[Dictionary]:
        """The dictionaries in an object, from the outermost inward, without those that are objects of their own."""
        waiting = [item]
        while waiting:
            value = waiting.pop()
            self._look()
            if isinstance(value, Dictionary):
                yield value
                parts = list(value.values())
            elif isinstance(value, Array):
                parts = list(value)
            else:
                continue
            waiting += [part for part in parts if isinstance(part, (Dictionary, Array)) and not part.is_indirect]

    def _look(self, times: int = 1) -> None:
        self._looks += times
        if self._looks > _MOST_LOOKS:
            raise Damaged("too many objects")

    def _clean(self, item: Dictionary, *, may_act: bool) -> None:
        for key in tuple(item.keys()):
            if rule := _RULES.get(key):
                rule(self, item, key, item.get(key))
        if may_act and (note := _acts(item)):
            for key in tuple(item.keys()):
                self._remove(note, item, key)

    def _clean_stream(self, item: Stream) -> None:
        for key in policy.EXTERNAL & set(item.keys()):
            self._remove("scripts_removed", item.stream_dict, key)
        if policy.is_name(item.get("/Type"), {"/EmbeddedFile"}) and "attachments_removed" not in self._passed:
            item.write(b"")
            self._notes.add("attachments_removed")

    def _remove(self, note: Note | None, holder: Object, key: str) -> None:
        if note not in self._passed:
            del holder[key]
            self._notes |= {note} if note else set()

    # --- a rule for each entry that needs one

    def _silent(self, item: Dictionary, key: str, _: Any) -> None:
        self._remove(None, item, key)

    def _script(self, item: Dictionary, key: str, _: Any) -> None:
        self._remove("scripts_removed", item, key)

    def _script_text(self, item: Dictionary, key: str, value: Any) -> None:
        if isinstance(value, String):
            self._remove("scripts_removed", item, key)

    def _files(self, item: Dictionary, key: str, _: Any) -> None:
        self._remove("attachments_removed", item, key)

    def _file_list(self, item: Dictionary, key: str, value: Any) -> None:
        """File specifications, or the files of one. Usage rights have a list of words under the same name."""
        parts = list(value) if isinstance(value, Array) else [value]
        self._look(len(parts))
        if any(isinstance(part, Dictionary) and not _FILE_KEYS.isdisjoint(part.keys()) for part in parts):
            self._remove("attachments_removed", item, key)

    def _metadata(self, item: Dictionary, key: str, value: Any) -> None:
        if isinstance(value, Stream) and value.objgen not in self._searched:
            self._searched.add(value.objgen)
            if self._tells_place(value):
                self._notes.add("location_removed")
        self._remove(None, item, key)

    def _tells_place(self, metadata: Stream) -> bool:
        try:
            return is_located(self._unpacking.read(metadata))
        except pikepdf.PdfError:
            return False

    def _action(self, item: Dictionary, key: str, value: Any) -> None:
        """What a click does. Marks of a document's structure have an entry of the same name, which is not an action."""
        if _is_action(value) and not _may_stay(value):
            self._remove("scripts_removed", item, key)

    def _next(self, item: Dictionary, key: str, value: Any) -> None:
        """What follows an action. In an outline, it is only the next line."""
        if isinstance(value, Array) or (_is_action(value) and not _may_stay(value)):
            self._remove("scripts_removed", item, key)

    def _opening(self, item: Dictionary, key: str, value: Any) -> None:
        """What happens when the document opens: a page is shown, and nothing else."""
        if isinstance(value, Dictionary) and policy.is_name(value.get("/S"), {"/GoTo"}):
            if "/Next" in value:
                self._remove("scripts_removed", value, "/Next")
        elif not isinstance(value, Array):
            self._remove("scripts_removed", item, key)

    def _events(self, _: Dictionary, __: str, value: Any) -> None:
        """What happens when a page is shown or a field is left: nothing. A font may be called AA, and stays."""
        if isinstance(value, Dictionary):
            keys = tuple(value.keys())
            self._look(len(keys))
            for key in keys:
                if _is_action(value.get(key)):
                    self._remove("scripts_removed", value, key)

    def _other_file(self, item: Dictionary, key: str, value: Any) -> None:
        """Another file, to be shown instead of the content."""
        if isinstance(value, Dictionary):
            self._remove("scripts_removed", item, key)

    def _base(self, item: Dictionary, key: str, value: Any) -> None:
        """The address that a document's links are relative to."""
        if isinstance(value, Dictionary):
            self._remove(None, item, key)

    def _annotations(self, item: Dictionary, key: str, value: Any) -> None:
        if not isinstance(value, Array):
            return
        kept = []
        for annotation in value:
            self._look()
            note = _annotation_note(annotation)
            if note is None or note in self._passed:
                kept.append(annotation)
            elif annotation.keys():  # not emptied already
                self._notes.add(note)
        if len(kept) < len(value):
            item[key] = Array(kept)


_Rule = Callable[[Cleaner, Dictionary, str, Any], None]
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(policy.SILENT, Cleaner._silent),
    **dict.fromkeys(policy.SCRIPTS, Cleaner._script),
    "/JS": Cleaner._script_text,
    "/EmbeddedFiles": Cleaner._files,
    "/EF": Cleaner._file_list,
    "/AF": Cleaner._file_list,
    "/Metadata": Cleaner._metadata,
    "/A": Cleaner._action,
    "/PA": Cleaner._action,
    "/Next": Cleaner._next,
    "/OpenAction": Cleaner._opening,
    "/AA": Cleaner._events,
    "/Annots": Cleaner._annotations,
    "/OPI": Cleaner._other_file,
    "/Ref": Cleaner._other_file,
    "/URI": Cleaner._base,
}
_FILE_KEYS = {"/EF", "/F", "/UF"}


def _acts(item: Dictionary) -> Note | None:
    """The note about a dictionary that acts by itself, wherever it is."""
    kind, subtype = item.get("/S"), item.get("/Subtype")
    if policy.is_name(kind, policy.ACTING) and not policy.is_name(item.get("/Type"), {"/StructElem"}):
        return "scripts_removed"
    if policy.is_name(kind, {"/URI"}) and not policy.is_web_address(item.get("/URI")):
        return "scripts_removed"
    if policy.is_name(item.get("/FS"), {"/URL"}):
        return "scripts_removed"
    if "/ByteRange" in item:  # it signs the original's bytes, so a reader would call the copy tampered with
        return "signature_removed"
    return _annotation_note(item) if subtype is not None and "/Rect" in item else None


def _annotation_note(annotation: Any) -> Note | None:
    subtype = annotation.get("/Subtype") if isinstance(annotation, Dictionary) else None
    if subtype is None or policy.is_name(subtype, policy.ANNOTATIONS):
        return None
    return "attachments_removed" if policy.is_name(subtype, {"/FileAttachment"}) else "scripts_removed"


def _is_action(value: Any) -> bool:
    return isinstance(value, (Dictionary, Stream)) and "/S" in value


def _may_stay(action: Object) -> bool:
    kind = action.get("/S")
    if not policy.is_name(kind, policy.ACTIONS):
        return False
    if kind == Name.URI:
        return policy.is_web_address(action.get("/URI"))
    return kind != Name.Named or policy.is_name(action.get("/N"), policy.NAMED)

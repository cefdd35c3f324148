"""Hostile PDFs: every action, everywhere a reader looks for one, in every encoding. None of them may output `HIT`."""

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, Pdf, String

SCRIPT = "app.alert('HIT')"


def _script(document: Pdf, _: str) -> Dictionary:
    return Dictionary(S=Name.JavaScript, JS=String(SCRIPT))


def _script_in_a_stream(document: Pdf, _: str) -> Dictionary:
    return Dictionary(S=Name.JavaScript, JS=document.make_stream(SCRIPT.encode()))


def _script_whose_kind_stands_elsewhere(document: Pdf, _: str) -> Dictionary:
    return Dictionary(S=document.make_indirect(Name.JavaScript), JS=document.make_indirect(String(SCRIPT)))


def _script_that_asks(document: Pdf, address: str) -> Dictionary:
    return Dictionary(S=Name.JavaScript, JS=String(f"this.submitForm('{address}'); app.launchURL('{address}')"))


def _script_after_a_page(document: Pdf, address: str) -> Dictionary:
    return _page(document, Next=_script(document, address))


def _script_after_others(document: Pdf, address: str) -> Object:
    last: Object = document.make_indirect(_script(document, address))
    for _ in range(20):
        last = document.make_indirect(_page(document, Next=Array([_page(document), last])))
    return last


def _script_in_a_circle(document: Pdf, address: str) -> Object:
    first = document.make_indirect(_page(document))
    second = document.make_indirect(_script(document, address))
    first.Next, second.Next = second, first
    return first


def _page(document: Pdf, **more: Any) -> Dictionary:
    return Dictionary(S=Name.GoTo, D=Array([document.pages[0].obj, Name.Fit]), **more)


ACTIONS: dict[str, Callable[[Pdf, str], Object]] = {
    "a_script": _script,
    "a_script_in_a_stream": _script_in_a_stream,
    "a_script_whose_kind_stands_elsewhere": _script_whose_kind_stands_elsewhere,
    "a_script_that_asks": _script_that_asks,
    "a_script_after_a_page": _script_after_a_page,
    "a_script_after_others": _script_after_others,
    "a_script_in_a_circle": _script_in_a_circle,
    "a_rendition_s_script": lambda _, __: Dictionary(S=Name.Rendition, OP=0, JS=String(SCRIPT)),
    "an_address_of_a_script": lambda _, __: Dictionary(S=Name.URI, URI=String(f"javascript:{SCRIPT}")),
    "an_address": lambda _, address: Dictionary(S=Name.URI, URI=String(address)),
    "a_form_that_is_sent": lambda _, address: Dictionary(
        S=Name.SubmitForm, F=Dictionary(FS=Name.URL, F=String(address)), Flags=4
    ),
    "another_document": lambda _, __: Dictionary(S=Name.GoToR, F=String("\\\\x\\s\\a.pdf"), D=Array([0, Name.Fit])),
    "an_embedded_document": lambda _, __: Dictionary(S=Name.GoToE, F=String("a.pdf"), T=Dictionary(R=Name.C)),
    "a_program": lambda _, __: Dictionary(S=Name.Launch, F=String("calc.exe"), Win=Dictionary(F=String("calc.exe"))),
    "data_from_elsewhere": lambda _, address: Dictionary(
        S=Name.ImportData, F=Dictionary(FS=Name.URL, F=String(address))
    ),
    "a_thread_elsewhere": lambda _, __: Dictionary(S=Name.Thread, F=String("a.pdf"), D=0),
    "a_command_of_the_reader": lambda _, __: Dictionary(S=Name.Named, N=Name.Print),
}


def _annotate(document: Pdf, **keys: Object) -> Dictionary:
    annotation = document.make_indirect(
        Dictionary(Type=Name.Annot, Rect=Array([0, 0, 200, 200]), P=document.pages[0].obj)
    )
    for key, value in keys.items():
        annotation[f"/{key}"] = value
    document.pages[0].Annots = Array([annotation])
    return annotation


def _on_opening(document: Pdf, action: Object) -> None:
    document.Root.OpenAction = action


def _on_opening_elsewhere(document: Pdf, action: Object) -> None:
    document.Root.OpenAction = document.make_indirect(action)


def _after_the_page_to_open_at(document: Pdf, action: Object) -> None:
    document.Root.OpenAction = _page(document, Next=Array([action]))


def _by_name(document: Pdf, action: Object) -> None:
    leaf = document.make_indirect(Dictionary(Names=Array([String("a"), action])))
    document.Root.Names = Dictionary(JavaScript=Dictionary(Kids=Array([leaf])))


def _events_of_the_document(document: Pdf, action: Object) -> None:
    document.Root.AA = Dictionary({f"/{event}": action for event in ("WC", "WS", "DS", "WP", "DP")})


def _events_of_the_page(document: Pdf, action: Object) -> None:
    document.pages[0].AA = document.make_indirect(Dictionary(O=action, C=action))


def _events_of_an_annotation(document: Pdf, action: Object) -> None:
    _annotate(document, Subtype=Name.Link, AA=Dictionary({f"/{event}": action for event in ("PO", "PV", "E", "Fo")}))


def _a_link(document: Pdf, action: Object) -> None:
    _annotate(document, Subtype=Name.Link, A=action, PA=action)


def _a_field(document: Pdf, action: Object) -> None:
    field = _annotate(document, Subtype=Name.Widget, FT=Name.Tx, T=String("t"), V=String("1"))
    field.AA = Dictionary({f"/{event}": action for event in ("K", "F", "V", "C", "Fo", "PO")})
    calculated = Array([field])
    document.Root.AcroForm = Dictionary(Fields=Array([field]), CO=calculated, NeedAppearances=True)


def _a_line_of_its_contents(document: Pdf, action: Object) -> None:
    line = document.make_indirect(Dictionary(Title=String("1"), A=action))
    document.Root.Outlines = document.make_indirect(Dictionary(Type=Name.Outlines, First=line, Last=line, Count=1))
    line.Parent = document.Root.Outlines


def _a_screen(document: Pdf, action: Object) -> None:
    _annotate(document, Subtype=Name.Screen, A=action, AA=Dictionary(PO=action))


def _deep_inside(document: Pdf, action: Object) -> None:
    for _ in range(30):
        action = Dictionary(Deeper=Array([action]))
    document.Root.Extra = action


PLACES: dict[str, Callable[[Pdf, Object], None]] = {
    "on_opening": _on_opening,
    "on_opening_elsewhere": _on_opening_elsewhere,
    "after_the_page_to_open_at": _after_the_page_to_open_at,
    "by_name": _by_name,
    "events_of_the_document": _events_of_the_document,
    "events_of_the_page": _events_of_the_page,
    "events_of_an_annotation": _events_of_an_annotation,
    "a_link": _a_link,
    "a_field": _a_field,
    "a_line_of_its_contents": _a_line_of_its_contents,
    "a_screen": _a_screen,
    "deep_inside": _deep_inside,
}


def _saved(document: Pdf, **options: object) -> bytes:
    target = io.BytesIO()
    document.save(target, **{"static_id": True, **options})  # type: ignore[arg-type]
    return target.getvalue()


def _escaped(document: Pdf) -> bytes:
    """Each action's name as the codes of its characters."""
    return re.sub(
        rb"/(JavaScript|JS|OpenAction|AA|Next|A|S)\b",
        lambda found: b"/" + b"".join(b"#%02x" % byte for byte in found[1]),
        _saved(document, object_stream_mode=pikepdf.ObjectStreamMode.disable),
    )


def _updated(document: Pdf) -> bytes:
    """An empty page whose catalogue is replaced at the end of the file."""
    whole = _saved(document, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    before = _saved(_one_page())
    return before + whole[whole.index(b"\n") :]


WRITINGS: dict[str, Callable[[Pdf], bytes]] = {
    "plain": lambda document: _saved(document, object_stream_mode=pikepdf.ObjectStreamMode.disable),
    "packed": lambda document: _saved(document, object_stream_mode=pikepdf.ObjectStreamMode.generate),
    "escaped": _escaped,
    "updated": _updated,
    "linearized": lambda document: _saved(document, linearize=True),
    "encrypted": lambda document: _saved(
        document, static_id=False, encryption=pikepdf.Encryption(user="", owner="secret")
    ),
    "behind_a_line": lambda document: b"X: 1\r\n\r\n" + _saved(document),
    "without_its_table": lambda document: _saved(document).replace(b"startxref", b"startxxxx"),
    "cut_off": lambda document: _saved(document, object_stream_mode=pikepdf.ObjectStreamMode.disable)[:-40],
}


def _one_page() -> Pdf:
    document = pikepdf.new()
    document.add_blank_page(page_size=(200, 200))
    return document


def variants(address: str = "http://127.0.0.1:9/HIT") -> Iterator[tuple[str, bytes]]:
    """Names and contents. Some of them request `address`."""
    for place, put in PLACES.items():
        for name, action in ACTIONS.items():
            document = _one_page()
            put(document, action(document, address))
            writings = WRITINGS if name == "a_script" else {"plain": WRITINGS["plain"]}
            for writing, write in writings.items():
                yield f"{name}-{place}-{writing}", write(document)

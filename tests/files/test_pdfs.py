"""PDFs are looked into by a real parser: what they hold cannot be hidden by how it is written."""

import io
import re

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name, String
from samples import pdf

from widget.files.examine import examine
from widget.files.protocol import Rules

REFUSE = Rules(max_pixels=1_000_000, encrypted_pdf=False, active_pdf=False)
PASS = Rules(max_pixels=1_000_000, encrypted_pdf=True, active_pdf=True)


def saved(change=lambda document: None, **options):
    """A PDF of one empty page, after a change."""
    document = pikepdf.new()
    document.add_blank_page()
    change(document)
    target = io.BytesIO()
    document.save(target, **options)
    return target.getvalue()


def annotated(**keys):
    def change(document):
        document.pages[0].Annots = Array([Dictionary(Type=Name.Annot, Rect=Array([0, 0, 9, 9]), **keys)])

    return change


def opens_with(action):
    def change(document):
        document.Root.OpenAction = action(document)

    return change


def script(_):
    return Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


def attach(document):
    document.attachments["notes.txt"] = b"words"


def with_form(**keys):
    def change(document):
        document.Root.AcroForm = Dictionary(Fields=Array([]), **keys)

    return change


def nested(document):
    inner = script(document)
    for _ in range(40):
        inner = Dictionary(Deeper=Array([inner]))
    document.Root.Extra = inner


ACTIVE = {
    "a_script_at_its_opening": saved(opens_with(script)),
    "a_script_in_a_compressed_object": saved(
        opens_with(lambda document: document.make_indirect(script(document))),
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
    ),
    "a_script_with_escaped_names": re.sub(
        rb"/(JavaScript|JS)\b",
        lambda found: b"/" + b"".join(b"#%02x" % byte for byte in found[1]),
        saved(opens_with(script), object_stream_mode=pikepdf.ObjectStreamMode.disable),
    ),
    "a_script_for_a_key_press": saved(annotated(Subtype=Name.Link, AA=Dictionary(K=script(None)))),
    "a_script_by_name": saved(
        lambda document: setattr(document.Root, "Names", Dictionary(JavaScript=Dictionary(Names=Array([]))))
    ),
    "a_script_deep_inside": saved(nested),
    "an_action_whose_kind_stands_elsewhere": saved(
        opens_with(lambda document: Dictionary(S=document.make_indirect(Name.Launch), F=String("calc.exe")))
    ),
    "a_program_to_start": saved(annotated(Subtype=Name.Link, A=Dictionary(S=Name.Launch, F=String("calc.exe")))),
    "a_form_that_sends_itself": saved(annotated(Subtype=Name.Link, A=Dictionary(S=Name.SubmitForm))),
    "an_embedded_file": saved(attach),
    "a_file_on_a_page": saved(annotated(Subtype=Name.FileAttachment)),
    "an_xfa_form": saved(with_form(XFA=Array([]))),
    "rich_media": saved(annotated(Subtype=Name.RichMedia)),
    "a_film": saved(annotated(Subtype=Name.Screen, A=Dictionary(S=Name.Rendition))),
}
HARMLESS = {
    "a_page": saved(),
    "a_page_and_a_megabyte": pdf(size=1 << 20),
    "a_link": saved(annotated(Subtype=Name.Link, A=Dictionary(S=Name.URI, URI=String("https://example.com/")))),
    "a_page_to_open_at": saved(opens_with(lambda document: Array([document.pages[0].obj, Name.Fit]))),
    "a_form_to_fill_in": saved(with_form()),
    "words_about_scripts": saved(annotated(Subtype=Name.Text, Contents=String("/S /JavaScript /JS (x)"))),
    "linearized": saved(linearize=True),
}
ENCRYPTED = {
    "a_password_to_open": saved(encryption=pikepdf.Encryption(user="secret", owner="secret")),
    "a_password_to_change": saved(encryption=pikepdf.Encryption(user="", owner="secret")),
    "an_old_cipher": saved(
        encryption=pikepdf.Encryption(user="secret", owner="secret", R=3, aes=False, metadata=False)
    ),
}
BROKEN = {
    "its_head_alone": b"%PDF-1.7\n",
    "noise": b"%PDF-1.7\n" + bytes(range(256)) * 20,
    "no_page": saved(lambda document: document.pages.__delitem__(0)),
    "cut_off_before_its_page": pdf()[:60],
    "nested_without_end": b"%PDF-1.7\n1 0 obj\n" + b"[" * 100_000,
}


@pytest.mark.parametrize("name", ACTIVE)
def test_active_is_a_pdf_with(name):
    assert examine(ACTIVE[name], "application/pdf", REFUSE).verdict == "active"
    assert examine(ACTIVE[name], "application/pdf", PASS).data == ACTIVE[name]


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_and_forwarded_as_it_is_sent_is_a_pdf_with(name):
    assert examine(HARMLESS[name], "application/pdf", REFUSE).data == HARMLESS[name]


@pytest.mark.parametrize("name", ENCRYPTED)
def test_encrypted_is_a_pdf_with(name):
    assert examine(ENCRYPTED[name], "application/pdf", REFUSE).verdict == "encrypted"
    assert examine(ENCRYPTED[name], "application/pdf", PASS).data == ENCRYPTED[name]


@pytest.mark.parametrize("name", BROKEN)
def test_unreadable_is_a_pdf_with(name):
    assert examine(BROKEN[name], "application/pdf", PASS).verdict == "unreadable"


@given(st.sampled_from([*ACTIVE.values(), *ENCRYPTED.values()]), st.data())
def test_no_damage_makes_the_check_fail_otherwise(data, draw):
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(9, len(changed) - 1))
        changed[at : at + draw.draw(st.integers(0, 6))] = draw.draw(st.binary(max_size=6))
    examine(bytes(changed), "application/pdf", REFUSE)

"""A real parser reads PDFs, so what they contain cannot be hidden by the way it is written."""

import base64
import binascii
import io
import re
import struct
import zlib

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pdf_corpus import variants
from pikepdf import Array, Dictionary, Name, String
from samples import pdf, photo, place

from widget.files.examine import examine
from widget.files.protocol import Rules

REMOVE = Rules(max_pixels=1_000_000)
REFUSE = Rules(max_pixels=1_000_000, active="refuse", embedded="refuse")
PASS = Rules(max_pixels=1_000_000, encrypted_pdf=True, active="pass", embedded="pass")


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
FILES = ("an_embedded_file", "a_file_on_a_page")
SCRIPT = rb"10 0 << /S /JavaScript /JS (app.alert\('HIT'\)) >>"
TRACES = re.compile(
    rb"/(JavaScript|JS|Launch|SubmitForm|EmbeddedFiles?|FileAttachment|XFA|RichMedia|Rendition|Screen)\b"
)


def plain(data):
    """The objects as qpdf writes them, without strings."""
    with pikepdf.open(io.BytesIO(data)) as document:
        texts = [item.unparse(resolved=True) for item in document.objects if isinstance(item, pikepdf.Object)]
        dictionaries = [
            item.stream_dict.unparse(resolved=True) for item in document.objects if isinstance(item, pikepdf.Stream)
        ]
    return re.sub(rb"\((?:[^()\\]|\\.)*\)", b"()", b"\n".join(texts + dictionaries))


def packed(inside, filters):
    """A PDF whose entry is object 10, in an object stream with this compressed content."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction 10 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
        b"<< /Type /ObjStm /N 1 /First 5 /Filter %s /Length %d >>\nstream\n%s\nendstream"
        % (filters, len(inside), inside),
    ]
    out, table = b"%PDF-1.7\n", struct.pack(">BIB", 0, 0, 255)
    for number, body in enumerate(objects, 1):
        table += struct.pack(">BIB", 1, len(out), 0)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table += struct.pack(">BIB", 1, len(out), 0) + bytes(24) + struct.pack(">BIB", 2, 4, 0)
    head = b"5 0 obj\n<< /Type /XRef /Size 11 /W [1 4 1] /Root 1 0 R /Length %d >>\nstream\n" % len(table)
    return out + head + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(out)


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


SAMPLES = {
    "objects_in_broken_ascii85": lambda: packed(base64.a85encode(SCRIPT) + b"\x80\xff~>", b"/ASCII85Decode"),
    "objects_in_broken_hex": lambda: packed(binascii.hexlify(SCRIPT) + b"zz>", b"/ASCIIHexDecode"),
    "objects_behind_an_unknown_filter": lambda: packed(zlib.compress(SCRIPT), b"[/FlateDecode /Foo]"),
    "objects_behind_a_picture_s_filter": lambda: packed(zlib.compress(SCRIPT), b"[/FlateDecode /DCTDecode]"),
    "objects_in_a_broken_block": lambda: packed(zlib.compress(SCRIPT)[:-9] + bytes(9), b"/FlateDecode"),
    "objects_behind_blanks_without_end": lambda: packed(zlib.compress(SCRIPT + b" " * (64 << 20)), b"/FlateDecode"),
    "a_million_dictionaries": lambda: packed(zlib.compress(b"10 0 [" + b"<<>>" * 1_000_000 + b"]"), b"/FlateDecode"),
}


@pytest.mark.parametrize("name", ACTIVE)
def test_gone_from_the_copy_or_refused_is(name):
    note = "attachments_removed" if name in FILES else "scripts_removed"
    found = examine(ACTIVE[name], "application/pdf", REMOVE)
    assert (found.verdict, note in found.notes) == ("good", True)
    assert not TRACES.search(plain(found.data))
    assert examine(found.data, "application/pdf", REFUSE).verdict == "good"
    verdict = "embedding" if name in FILES else "active"
    assert examine(ACTIVE[name], "application/pdf", REFUSE).verdict == verdict
    assert TRACES.search(plain(examine(ACTIVE[name], "application/pdf", PASS).data))


@pytest.mark.parametrize("name", HARMLESS)
def test_nothing_is_said_to_be_gone_from_a_pdf_with(name):
    found = examine(HARMLESS[name], "application/pdf", REFUSE)
    assert (found.verdict, found.notes) == ("good", ())
    assert len(pikepdf.open(io.BytesIO(found.data)).pages) == 1


def test_a_link_to_the_web_stays_and_one_to_a_share_goes():
    for address, stays in (("https://example.com/", True), ("\\\\x\\s", False), ("file:///etc", False)):
        link = saved(annotated(Subtype=Name.Link, A=Dictionary(S=Name.URI, URI=String(address))))
        assert (b"/URI" in plain(examine(link, "application/pdf", REMOVE).data)) == stays


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n\n", b"Content-Type: application/pdf\r\n\r\n"])
def test_what_stands_before_and_behind_a_pdf_is_no_part_of_the_copy(before):
    found = examine(before + pdf() + b"PK\x03\x04<script>", "application/pdf", REMOVE)
    assert found.data.startswith(b"%PDF-")
    assert found.data.endswith(b"%%EOF\n")
    assert b"<script>" not in found.data


def test_no_name_of_an_author_and_no_place_of_a_photo_is_left():
    def change(document):
        document.docinfo["/Author"] = "Ada"
        document.Root.Metadata = document.make_stream(b"<x:xmpmeta>Ada</x:xmpmeta>")
        picture = document.make_stream(photo(), Type=Name.XObject, Subtype=Name.Image, Width=48, Height=32)
        picture.Filter = Name.DCTDecode
        document.pages[0].Resources = Dictionary(XObject=Dictionary(P=picture))

    found = examine(saved(change), "application/pdf", REMOVE)
    assert found.notes == ("location_removed",)
    assert b"Ada" not in found.data


def box(kind, content):
    return struct.pack(">I4s", 8 + len(content), kind) + content


XMP = b"<x:xmpmeta>exif:GPSLatitude Ada</x:xmpmeta>"
JP2 = b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
CODE = struct.pack(">I4s", 0, b"jp2c") + b"\xff\x4f the picture itself"
FILTERED = {
    "/DCT": (lambda: photo(), "/DCT"),
    "/JPXDecode": (lambda: JP2 + box(b"uuid", bytes(16) + XMP) + box(b"xml ", b"Ada") + CODE, "/JPXDecode"),
    "a box of a large size": (
        lambda: JP2 + struct.pack(">I4sQ", 1, b"xml ", 16 + len(XMP)) + XMP + CODE,
        "/JPXDecode",
    ),
    "EXIF": (
        lambda: JP2 + box(b"uuid", b"JpgTiffExif->JP2" + place().tobytes().removeprefix(b"Exif\0\0") + b"Ada") + CODE,
        "/JPXDecode",
    ),
    "one that is cut off": (lambda: JP2 + box(b"jp2c", CODE[8:]) + box(b"xml ", XMP)[:-9], "/JPXDecode"),
}


@pytest.mark.parametrize("name", FILTERED)
def test_no_place_is_left_in_pictures_of_other_names_and_formats(name):
    content, named = FILTERED[name]

    def change(document):
        picture = document.make_stream(content(), Type=Name.XObject, Subtype=Name.Image, Width=48, Height=32)
        picture.Filter = Name(named)
        document.pages[0].Resources = Dictionary(XObject=Dictionary(P=picture))

    found = examine(saved(change), "application/pdf", REMOVE)
    assert found.notes == ("location_removed",)
    assert b"Ada" not in found.data
    assert b"GPS" not in found.data
    assert f"/Filter {named}".encode() in found.data
    assert named == "/DCT" or b"the picture itself" in found.data


def test_usage_rights_are_no_files_and_a_font_may_be_called_aa():
    def change(document):
        document.Root.Perms = Dictionary(UR3=Dictionary(EF=Array([Name.Create])))
        document.pages[0].Resources = Dictionary(Font=Dictionary(AA=Dictionary(Type=Name.Font, BaseFont=Name.Arial)))

    found = examine(saved(change), "application/pdf", REFUSE)
    assert (found.verdict, found.notes) == ("good", ())
    assert b"/BaseFont" in found.data


@pytest.mark.parametrize("name", SAMPLES)
def test_refused_because_it_cannot_be_read_in_full_is_a_pdf_with(name):
    assert examine(SAMPLES[name](), "application/pdf", REMOVE).verdict == "damaged"


def test_a_pdf_that_opens_without_a_password_is_looked_into_and_decrypted():
    options = {"encryption": pikepdf.Encryption(user="", owner="secret")}
    found = examine(saved(opens_with(script), **options), "application/pdf", REMOVE)
    assert (found.verdict, found.notes) == ("good", ("scripts_removed",))
    assert not pikepdf.open(io.BytesIO(found.data)).is_encrypted


@pytest.mark.parametrize("name", ENCRYPTED)
def test_encrypted_is_a_pdf_with(name):
    assert examine(ENCRYPTED[name], "application/pdf", REMOVE).verdict == "encrypted"
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
    found = examine(bytes(changed), "application/pdf", REMOVE)
    if found.verdict == "good":  # so nothing of that kind is left in the copy
        assert examine(found.data, "application/pdf", REFUSE).verdict == "good"


def tagged(elements):
    """A page whose text has that many structure elements, as word processors write them for long tables."""

    def change(document):
        page = document.pages[0].obj
        root = document.make_indirect(Dictionary(Type=Name.StructTreeRoot))
        kind = document.make_indirect(Dictionary(O=Name.Layout, Placement=Name.Inline, TextAlign=Name.Start))
        root.K = Array(
            [
                document.make_indirect(
                    Dictionary(
                        Type=Name.StructElem, S=Name.Span, P=root, Pg=page, K=number, A=kind, Lang=String("en-GB")
                    )
                )
                for number in range(elements)
            ]
        )
        document.Root.StructTreeRoot = root
        document.Root.MarkInfo = Dictionary(Marked=True)

    return saved(change, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def test_a_long_table_with_60000_elements_of_structure_is_not_refused_and_keeps_them():
    data = tagged(60_000)
    found = examine(data, "application/pdf", REFUSE)
    assert (found.verdict, found.notes) == ("good", ())
    with pikepdf.open(io.BytesIO(found.data)) as copy:
        assert len(copy.Root.StructTreeRoot.K) == 60_000


def test_every_hostile_variant_is_answered_and_nothing_that_acts_is_left():
    for name, data in variants():
        found = examine(data, "application/pdf", REMOVE)
        assert found.verdict == "good", name
        if not name.startswith(("an_address-", "a_command")):  # after a click, an address is an ordinary link
            assert found.notes == ("scripts_removed",), name
            assert b"HIT" not in found.data, name
            assert not TRACES.search(plain(found.data)), name
        again = examine(found.data, "application/pdf", REMOVE)
        assert (again.verdict, again.notes) == ("good", ()), name

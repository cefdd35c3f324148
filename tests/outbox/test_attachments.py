"""Attachments: the answer about each, what is kept of it, and what the person is told."""

import struct
import zlib

import pytest
from bed import Sandbox, Widget
from samples import jpeg, pdf, photo, png, png_of, screenshot
from test_pdfs import ACTIVE, ENCRYPTED, SAMPLES, TRACES, plain

BOMB = png_of(
    (b"IHDR", struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")
)
SCRIPT = ACTIVE["a_script_at_its_opening"]
BROKEN_PART = SAMPLES["objects_in_broken_hex"]()
LOCKED = ENCRYPTED["a_password_to_open"]
"""Rows: the file as sent, status, code, a word of the message."""
REFUSED = {
    "a_pdf_called_a_picture": (("photo.png", pdf(), "image/png"), 415, "file_type", "does not match its content"),
    "a_png_called_a_jpeg": (("photo.jpg", png(), "image/jpeg"), 415, "file_type", "does not match its content"),
    "a_jpeg_declared_a_png": (("photo", jpeg(), "image/png"), 415, "file_type", "does not match its content"),
    "a_png_with_a_jpeg_s_name": (("photo.jpeg", png(), "image/png"), 415, "file_type", "does not match its content"),
    "a_picture_called_a_page": (
        ("photo.html", png(), "application/octet-stream"),
        415,
        "file_type",
        "does not match its content",
    ),
    "a_picture_declared_a_page": (("photo.png", png(), "text/html"), 415, "file_type", "does not match its content"),
    "a_jpeg_cut_off": (("photo.jpg", photo()[:900], "image/jpeg"), 415, "file_type", "could not be opened"),
    "a_png_s_signature_alone": (("a.png", png()[:8], "image/png"), 415, "file_type", "could not be opened"),
    "a_pdf_s_head_alone": (("a.pdf", b"%PDF-1.7\n", "application/pdf"), 415, "file_type", "could not be opened"),
    "a_picture_of_144_megapixels": (("a.png", BOMB, "image/png"), 413, "file_too_large", "too many pixels"),
    "a_pdf_of_which_a_part_is_broken": (("a.pdf", BROKEN_PART, "application/pdf"), 415, "file_type", "read completely"),
    "a_pdf_with_a_password": (("a.pdf", LOCKED, "application/pdf"), 415, "file_type", "protected"),
}


@pytest.fixture(scope="module")
def widget(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory):
    with Widget(tmp_path_factory.mktemp("widget"), _sandbox.url) as widget:
        yield widget


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_named_by_its_position_is(widget: Widget, insider: Sandbox, name: str) -> None:
    file, status, code, word = REFUSED[name]
    answer = widget.submit(files=[("good.png", png(), "image/png"), file])
    assert answer.status_code == status
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"], error["position"]) == ("files", code, 1)
    assert word in error["message"]
    assert insider.counts()["create"] == 0
    assert not widget.files()
    assert "Traceback" not in widget.log()


def test_every_file_at_fault_is_named_at_once(widget: Widget, insider: Sandbox) -> None:
    files = [
        REFUSED[name][0]
        for name in ("a_pdf_of_which_a_part_is_broken", "a_jpeg_cut_off", "a_picture_of_144_megapixels")
    ]
    answer = widget.submit(files=[files[0], ("good.png", png(), "image/png"), *files[1:]])
    assert [(error["code"], error["position"]) for error in answer.json()["errors"]] == [
        ("file_type", 0), ("file_type", 2), ("file_too_large", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "declared", "kept"),
    [
        ("photo.jpe", "image/pjpeg", "photo.jpe"),
        ("photo", "application/octet-stream", "photo.jpg"),
        ("photo.JPG", "IMAGE/JPEG; x=y", "photo.JPG"),
        ("photo.heic2", "", "photo.jpg"),
        ("photo.php", "application/x-download", "photo.jpg"),
    ],
)
def test_a_name_or_type_that_says_nothing_else_is_no_fault(
    widget: Widget, insider: Sandbox, name: str, declared: str, kept: str
) -> None:
    answer = widget.submit(files=[(name, jpeg(), declared)])
    assert [file["name"] for file in answer.json()["attachments"]] == [kept]


def test_what_is_forwarded_tells_nobody_where_it_was_made_and_the_person_is_told(
    widget: Widget, insider: Sandbox
) -> None:
    files = [("a.jpg", photo(orientation=6), "image/jpeg"), ("b.png", screenshot(), "image/png")]
    plain = ("c.jpg", photo(gps=False), "image/jpeg")
    answer = widget.submit(files=[*files, plain, ("d.pdf", pdf(), "application/pdf")])
    attached = insider.feedbacks()[0]["attachments"]
    contents = [insider.file(file["number"]) for file in attached]
    assert not [content for content in contents if b"Ada" in content or b"GPS" in content]
    assert [len(content) for content in contents] == [file["size"] for file in attached]
    assert contents[3].startswith(b"%PDF-")
    notes = [file.get("note") for file in answer.json()["attachments"]]
    assert notes == ["location_removed", "location_removed", None, None]
    assert [file.get("note") for file in widget.receipt(answer)["attachments"]] == notes
    page = widget.client.get(answer.json()["receipt_url"]).text
    assert page.count("Location data removed") == 2


def test_what_was_taken_out_of_a_pdf_is_told_with_and_without_script(widget: Widget, insider: Sandbox) -> None:
    files = [("a.pdf", SCRIPT, "application/pdf"), ("b.pdf", ACTIVE["an_embedded_file"], "application/pdf")]
    answer = widget.submit(files=files)
    notes = [file.get("note") for file in answer.json()["attachments"]]
    assert notes == ["scripts_removed", "attachments_removed"]
    assert [file.get("note") for file in widget.receipt(answer)["attachments"]] == notes
    page = widget.client.get(answer.json()["receipt_url"]).text
    assert "Scripts and actions removed" in page
    assert "Attached files removed" in page
    for file in insider.feedbacks()[0]["attachments"]:
        assert not TRACES.search(plain(insider.file(file["number"])))


def test_settings_let_pdfs_and_large_pictures_pass(start_widget, insider: Sandbox) -> None:
    widget = start_widget(PDF_ENCRYPTED="pass", PDF_ACTIVE_CONTENT="pass", MAX_PIXELS="1000000", FILE_CHECKERS="1")
    files = [("a.pdf", SCRIPT, "application/pdf"), ("b.pdf", LOCKED, "application/pdf")]
    assert widget.submit(files=files).status_code == 201
    assert widget.submit(files=[("a.png", png(1000, 1001), "image/png")]).status_code == 413
    assert widget.submit(files=[("a.png", png(1000, 1000), "image/png")]).status_code == 201

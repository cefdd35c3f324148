"""The types of files, and their names."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from widget import files

PNG, JPEG, PDF = "image/png", "image/jpeg", "application/pdf"
MEDIA_TYPES = st.sampled_from([PNG, JPEG, PDF, None])
HOSTILE = st.text(
    alphabet=st.one_of(st.characters(), st.sampled_from('./\\:*?"<>|%\x00\n\u202e\u200b\u3164 conCON1aéか\u0301'))
)


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JF", JPEG),
        (b"\xff\xd8\xff\xe1\x00\x10Ex", JPEG),
        (b"\x89PNG\r\n\x1a\n", PNG),
        (b"%PDF-1.7", PDF),
        (b"%PDF-", PDF),
        (b"\x89PNG\n\x1a\n\x00", None),
        (b"\n%PDF-1.", PDF),
        (b"\xef\xbb\xbf\r\n %PDF-1.7", PDF),
        (b"Content-Type: application/pdf\r\n\r\n%PDF-1.4", PDF),
        (b" \xef\xbb\xbf%PDF-1.7", PDF),
        (b"\xef\xbb\xbf\xef\xbb\xbf\v\n%PDF-1.7", PDF),
        (b"\xff\xfe%PDF-1.7", PDF),
        (b"\xfe\xff\r\n%PDF-1.7", PDF),
        (b"\xc2\xa0%PDF-1.7", PDF),
        (b"\xef\xbb%PDF-1.7", None),
        (b"see %PDF-1.7", None),
        (b"GIF89a\x00\x00", None),
        (b"MZ\x90\x00\x03\x00\x00\x00", None),
        (b"<svg xml", None),
        (b"\xff\xd8", None),
        (b"", None),
    ],
)
def test_a_file_is_what_its_first_bytes_say(head, media_type):
    assert files.identify(head) == media_type


@pytest.mark.parametrize(
    ("hostile", "media_type", "safe"),
    [
        ("photo.jpeg", JPEG, "photo.jpeg"),
        ("PHOTO.JPG", JPEG, "PHOTO.JPG"),
        ("evil.exe", PNG, "evil.png"),
        ("evil.png.exe", PNG, "evil.png"),
        ("archive.tar.gz", PDF, "archive.tar.pdf"),
        ("Screenshot 2026-01-02 at 10.22.31.png", PNG, "Screenshot 2026-01-02 at 10.22.31.png"),
        ("report v1.2", PDF, "report v1.2.pdf"),
        ("スクリーンショット.png", PNG, "スクリーンショット.png"),
        ("снимок экрана.png", PNG, "снимок экрана.png"),
        ("لقطة شاشة.png", PNG, "لقطة شاشة.png"),
        ("Mara's café.png", PNG, "Mara's café.png"),
        ("cafe\u0301.png", PNG, "café.png"),
        ("../../etc/passwd", PNG, "passwd.png"),
        ("..\\..\\boot.png", PNG, "boot.png"),
        ("C:\\fakepath\\photo.png", PNG, "photo.png"),
        ("folder/", PNG, "file-3.png"),
        ("..", PNG, "file-3.png"),
        ("", PDF, "file-3.pdf"),
        ("\x00\u200b\u202e", PNG, "file-3.png"),
        ("\u3164\u115f\u2800", PNG, "file-3.png"),
        ("evil.php\x00.png", PNG, "evil.php.png"),
        ("a\r\nContent-Type: text/html\r\n\r\n.png", PNG, "html.png"),
        ("two\nlines.png", PNG, "two lines.png"),
        ('a"; filename="b.png', PNG, "a_; filename=_b.png"),
        ("%2e%2e%2fb.png", PNG, "_2e_2e_2fb.png"),
        ("photo\u202egpj.exe", JPEG, "photogpj.jpg"),
        ("CON", PNG, "_CON.png"),
        ("nul.png", PNG, "_nul.png"),
        ("com1.backup.png", PNG, "_com1.backup.png"),
        ("console.png", PNG, "console.png"),
        (".htaccess", PNG, "htaccess.png"),
        ("-rf.png", PNG, "rf.png"),
        ("spaced   out . ", PNG, "spaced out.png"),
        ("a" * 300 + ".png", PNG, "a" * 96 + ".png"),
        ("あ" * 300 + ".jpeg", JPEG, "あ" * 65 + ".jpeg"),
        ("notes.txt", None, "notes.txt"),
        ("README", None, "README"),
    ],
)
def test_a_hostile_name_becomes_a_safe_one_and_a_good_name_stays(hostile, media_type, safe):
    assert files.safe_name(hostile, media_type, 2) == safe


@pytest.mark.parametrize(
    ("media_type", "name", "declared"),
    [
        (PNG, "a.jpg", ""),
        (PNG, "a.PDF", "image/png"),
        (PDF, "a.png", "application/octet-stream"),
        (PNG, "a", "image/jpeg"),
        (PNG, "a.png", "text/html; charset=utf-8"),
        (JPEG, "a.html", "image/jpeg"),
        (JPEG, "a.gif", ""),
        (JPEG, "a.png\u202e", ""),
    ],
)
def test_a_name_or_a_declared_type_that_says_something_else_contradicts_the_content(media_type, name, declared):
    assert files.contradicts(media_type, name, declared)


@pytest.mark.parametrize(
    ("media_type", "name", "declared"),
    [
        (JPEG, "a.jpg", "image/jpeg"),
        (JPEG, "a.JFIF", "image/pjpeg"),
        (JPEG, "a", "image/jpg"),
        (PNG, "a.png", "Image/PNG; x=y"),
        (PNG, "a.apng", "image/apng"),
        (PDF, "a.pdf", "application/x-pdf"),
        (PDF, "report v1.2", ""),
        (PNG, "evil.php", "application/octet-stream"),
        (PNG, "pictures.html/a.png", ""),
        (PNG, "", "*/*"),
    ],
)
def test_what_says_the_same_or_nothing_contradicts_no_content(media_type, name, declared):
    assert not files.contradicts(media_type, name, declared)


@given(HOSTILE, st.sampled_from([PNG, JPEG, PDF]))
def test_our_own_name_for_a_file_never_contradicts_it(hostile, media_type):
    assert not files.contradicts(media_type, files.safe_name(hostile, media_type, 0), media_type)


@given(HOSTILE, MEDIA_TYPES)
@example("a" * 600 + "\u0301" * 600 + ".png", PNG)
@example("\u0301" * 100_000, PNG)
def test_whatever_the_name_the_result_is_short_visible_and_without_a_path(hostile, media_type):
    name = files.safe_name(hostile, media_type, 0)
    assert 0 < len(name) <= files.MAX_NAME_LENGTH
    assert len(name.encode()) <= files.MAX_NAME_SIZE
    assert not set(name) & set('/\\:*?"<>|%\x00\r\n')
    assert all(character == " " or unicodedata.category(character)[0] not in "CZ" for character in name)
    assert name[0] not in ".-~ "
    assert name[-1] not in ". "


@given(HOSTILE, MEDIA_TYPES)
def test_a_safe_name_is_left_as_it_is(hostile, media_type):
    name = files.safe_name(hostile, media_type, 0)
    assert files.safe_name(name, media_type, 0) == name


@given(HOSTILE, st.sampled_from([PNG, JPEG, PDF]))
def test_the_extension_fits_the_content(hostile, media_type):
    extensions = {PNG: (".png",), JPEG: (".jpg", ".jpeg", ".jpe", ".jfif"), PDF: (".pdf",)}
    assert files.safe_name(hostile, media_type, 0).lower().endswith(extensions[media_type])

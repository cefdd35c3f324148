"""The parser of multipart bodies gives the same result however the body is cut into chunks."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from widget.errors import Fault, Rejected
from widget.intake.multipart import Form, Limits

BOUNDARY = "----form7MA4YWxk"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
LIMITS = Limits(files=2, file_size=100, field_size=60, parts=8)


def text(name, value):
    return part(f'form-data; name="{name}"', value)


def file(filename, content, name="files"):
    return part(f'form-data; name="{name}"; filename="{filename}"', content, "Content-Type: application/octet-stream")


def part(disposition, content, *headers):
    head = "\r\n".join([f"Content-Disposition: {disposition}", *headers])
    content = content if isinstance(content, bytes) else content.encode()
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def body(*parts, end=f"--{BOUNDARY}--\r\n"):
    return b"".join(parts) + end.encode()


def parse(*chunks, content_type=CONTENT_TYPE, limits=LIMITS):
    form = Form(content_type, limits)
    for chunk in chunks:
        form.feed(chunk)
    form.finish()
    return form


def codes(form):
    return [(fault.field, fault.code) for fault in form.faults]


def contents(form):
    return [(upload.name, upload.media_type, bytes(upload.pending)) for upload in form.uploads]


def seen(form):
    """Everything that identifies a form."""
    return form.fields, form.token, form.faults, contents(form), form.refused


def test_fields_the_token_and_files_are_distinguished():
    form = parse(body(text("token", "abc"), text("description", "Grüße 😀\r\n."), file("a.png", PNG)))
    assert form.faults == ()
    assert form.token == "abc"
    assert form.fields == {"description": "Grüße 😀\r\n."}
    assert contents(form) == [("a.png", "image/png", PNG)]


def test_the_values_of_several_check_boxes_are_joined_and_bounded_together():
    form = parse(body(text("chips", "Slow"), text("description", "x"), text("chips", "Too small")))
    assert (form.faults, form.fields) == ((), {"chips": "Slow\nToo small", "description": "x"})
    form = parse(body(text("chips", "x" * 30), text("chips", "y" * 30)))
    assert codes(form) == [("chips", "request_too_large")]


def test_the_empty_file_input_that_every_browser_sends_is_no_file():
    form = parse(body(file("", b"")))
    assert (form.faults, form.uploads) == ((), [])


def test_a_file_without_a_name_is_a_file_all_the_same():
    assert contents(parse(body(file("", PNG)))) == [("", "image/png", PNG)]


def test_a_form_without_parts_is_an_empty_form():
    assert seen(parse(body())) == ({}, None, (), [], False)


def test_unknown_fields_are_passed_over():
    form = parse(body(text("_charset_", "utf-16"), text("x", "1"), text("x", "2"), file("a.exe", b"MZ", name="other")))
    assert seen(form) == ({}, None, (), [], False)


@pytest.mark.parametrize(
    "header", ["Content-Type: text/plain; charset=utf-16", "Content-Transfer-Encoding: 8bit", "X-Other: 1"]
)
def test_headers_change_nothing_about_a_value(header):
    form = parse(body(text("_charset_", "utf-16"), part('form-data; name="description"', "é", header)))
    assert (form.faults, form.fields) == ((), {"description": "é"})


def test_escapes_of_browsers_in_a_file_name_are_undone():
    form = parse(body(file("a%22b%0D%0Ac%41\\d.png", PNG)))
    assert form.uploads[0].name == 'a"b\r\nc%41\\d.png'


def test_a_line_feed_or_nul_in_a_part_header_stays_inside_its_value():
    form = parse(body(file("a\nContent-Type: text/html\x00.png", PNG)))
    assert contents(form) == [("a\nContent-Type: text/html\x00.png", "image/png", PNG)]


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed; boundary=x"]
)
def test_another_content_type_is_refused(content_type):
    form = parse(body(text("description", "x")), content_type=content_type)
    assert codes(form) == [("", "media_type")]


@pytest.mark.parametrize(
    "boundary", ["", "; boundary=", '; boundary=""', "; boundary=" + "x" * 71, "; boundary=a\u00e9",
                 '; boundary="a\tb"', '; boundary="a "', "; boundary*=utf-8''x"]
)  # fmt: skip
def test_a_boundary_of_no_use_is_malformed(boundary):
    assert codes(parse(b"--x--\r\n", content_type="multipart/form-data" + boundary)) == [("", "malformed")]


@pytest.mark.parametrize("boundary", ["x", "x" * 70, "a'()+_,-./:=?b c"])
def test_every_boundary_of_the_standard_is_understood(boundary):
    sent = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="description"\r\n\r\nhi\r\n--{boundary}--\r\n'.encode()
    )
    form = parse(sent, content_type=f'Multipart/Form-Data; Boundary="{boundary}"; charset=utf-16')
    assert (form.faults, form.fields) == ((), {"description": "hi"})


MALFORMED = {
    "nothing": b"",
    "no closing boundary": body(text("description", "x"), end=""),
    "half a closing boundary": body(text("description", "x"), end=f"--{BOUNDARY}-"),
    "a part that only begins": body(text("description", "x"), end=f"--{BOUNDARY}\r\nContent-Dis"),
    "a preamble": b"hello\r\n" + body(text("description", "x")),
    "an empty line first": b"\r\n" + body(text("description", "x")),
    "another boundary": body(text("description", "x")).replace(BOUNDARY.encode(), b"other"),
    "invalid UTF-8": body(text("description", b"\xff")),
    "latin-1": body(text("description", "é".encode("latin-1"))),
    "a lone surrogate": body(text("description", b"\xed\xa0\x80")),
    "an invalid token": body(text("token", b"\xc3")),
    "an invalid file name": body(text("x", "y")).replace(b'"x"', b'"files"; filename="\xff.png"'),
    "an invalid name": body(text("x", "y")).replace(b'"x"', b'"\xff"'),
    "a repeated field": body(text("description", "x"), text("description", "x")),
    "a repeated token": body(text("token", "x"), text("token", "y")),
    "a text field with a file name": body(file("a.txt", b"x", name="description")),
    "a text field with an empty file name": body(file("", b"", name="description")),
    "files without a file name": body(text("files", PNG)),
    "files without a file name, empty": body(text("files", "")),
    "no disposition": body(text("x", "y")).replace(b"Content-Disposition", b"X-Other"),
    "no headers at all": f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode(),
    "no name": body(part("form-data", "x")),
    "another disposition": body(part('attachment; name="description"', "x")),
    "two dispositions": body(part('form-data; name="x"', "x", 'content-disposition: form-data; name="y"')),
    "base64": body(part('form-data; name="description"', "eA==", "Content-Transfer-Encoding: base64")),
    "nested parts": body(part('form-data; name="files"', b"--x--\r\n", "Content-Type: multipart/mixed; boundary=x")),
    "a folded header": body(part('form-data;\r\n name="description"', "x")),
    "a header without a name": body(part('form-data; name="description"', "x", ": x")),
    "a header without an end": body(part('form-data; name="description"', "x", "X: " + "x" * 5000)),
    "too many headers": body(part('form-data; name="description"', "x", *(f"X-{i}: x" for i in range(8)))),
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_malformed(sent):
    form = parse(sent)
    assert codes(form) == [("", "malformed")]
    assert form.refused


def test_what_could_be_read_of_a_malformed_form_is_given_back_without_the_token():
    form = parse(body(text("token", "secret"), text("description", "kept"), text("submittedByEmail", b"\xff"), end=""))
    assert codes(form) == [("", "malformed")]
    assert form.fields == {"description": "kept"}


@pytest.mark.parametrize(("name", "field"), [("description", "description"), ("token", "token"), ("unknown", "")])
def test_a_field_over_its_limit_is_too_large_and_the_rest_is_read(name, field):
    form = parse(body(text(name, "x" * 61), text("submittedByEmail", "x" * 60)))
    assert codes(form) == [(field, "request_too_large")]
    assert form.fields == {"submittedByEmail": "x" * 60}


def test_all_fields_together_have_a_limit_and_ignored_ones_do_not_count():
    fields = [text("context", "x" * 50), text("unknown", "x" * 60), text("proof", "x" * 50), text("description", "y")]
    form = parse(body(*fields), limits=replace(LIMITS, text_size=100))
    assert codes(form) == [("description", "request_too_large")]
    assert form.fields == {"context": "x" * 50, "proof": "x" * 50}
    assert LIMITS.text_size == 128 * 1024


def test_too_many_parts_end_the_parsing():
    form = parse(body(text("description", "x"), *[text("x", "y")] * 7, text("submittedByEmail", "x")))
    assert codes(form) == [("", "request_too_large")]
    assert form.fields == {"description": "x"}


def test_a_file_of_exactly_the_limit_fits_and_one_byte_more_does_not():
    fitting = PNG.ljust(100, b".")
    assert contents(parse(body(file("a.png", fitting)))) == [("a.png", "image/png", fitting)]
    form = parse(body(file("a.png", fitting), file("b.png", fitting + b".")))
    assert form.faults == (Fault("file_too_large", "files", position=1, params={"name": "b.png"}),)


def test_a_file_of_another_kind_or_without_content_is_named():
    form = parse(body(file("a.png", b"GIF89a.."), file("b.png", b"")))
    assert form.faults == (
        Fault("file_type", "files", position=0, params={"name": "a.png"}),
        Fault("file_type", "files", "empty", 1, {"name": "b.png"}),
    )


@pytest.mark.parametrize("content", [b"%PDF-", b"\xff\xd8\xff"])
def test_a_file_shorter_than_the_longest_signature_is_still_known(content):
    assert parse(body(file("a", content))).faults == ()


def test_too_many_files_say_how_many_to_remove():
    form = parse(body(*[file("a.png", PNG)] * 5))
    assert form.faults == (Fault("too_many_files", "files", params={"n": 3, "limit": 2}),)


def test_all_faults_are_collected_in_the_order_of_the_contract_and_no_file_is_kept():
    form = parse(
        body(
            file("good.png", PNG),
            file("a.gif", b"GIF89a" + b"x" * 100),
            file("c.png", b""),
            text("description", "kept"),
            text("description", "again"),
        )
    )
    assert [(fault.code, fault.position) for fault in form.faults] == [
        ("malformed", None),
        ("file_too_large", 1),
        ("too_many_files", None),
        ("file_type", 1),
        ("file_type", 2),
    ]
    assert not any(upload.pending for upload in form.uploads)
    assert form.fields == {"description": "kept"}


@pytest.mark.parametrize(
    "sent",
    [
        body(file("a.png", PNG), file("b.gif", b"GIF89a.."), text("description", "x")),
        body(file("a.gif", b"GIF89a.."), file("b.png", PNG)),
        body(*[file("a.png", PNG)] * 3),
    ],
    ids=["before the fault", "after the fault", "one too many"],
)
def test_of_a_refused_form_no_bytes_are_kept(sent):
    form = parse(sent)
    assert form.refused
    assert not any(upload.pending for upload in form.uploads)


def test_the_token_is_known_at_once_and_its_refusal_is_one_more_fault():
    form = Form(CONTENT_TYPE, LIMITS)
    form.feed(body(text("token", "forged"), end=f"--{BOUNDARY}"))
    tokens = [form.token]
    form.feed(b"\r\n")
    assert [*tokens, form.token] == [None, "forged"]
    form.refuse(Rejected(Fault("token_invalid"), retry_after=3))
    form.feed(body(file("a.png", PNG), file("b", b"no"), text("description", "kept"))[len(BOUNDARY) + 4 :])
    form.finish()
    assert codes(form) == [("", "token_invalid"), ("files", "file_type")]
    assert (form.fields, form.retry_after) == ({"description": "kept"}, 3)
    assert not any(upload.pending for upload in form.uploads)


def test_what_was_decided_before_stays_the_answer():
    form = Form(CONTENT_TYPE, LIMITS, Rejected(Fault("rate_limited"), retry_after=9))
    form.feed(body(text("description", "kept"), file("b", b"no image"), file("a.png", PNG), end=""))
    form.finish()
    assert [fault.code for fault in form.faults] == ["rate_limited", "malformed", "file_type"]
    assert (form.fields, form.retry_after) == ({"description": "kept"}, 9)
    assert not any(upload.pending for upload in form.uploads)


WHOLE = body(
    text("token", "abc"),
    text("description", f"a\r\n--{BOUNDARY}x\r\n--{BOUNDARY[:9]}\r\n\r\n--\r"),
    file("", b""),
    file("a%22ä.png", PNG + b"\r\n--" + BOUNDARY.encode() + b"-\r\r\n"),
    part('form-data; name="files"; filename="b.pdf"', b"%PDF-1.7", "Content-Type: x\ny"),
    text("contactConsent", "true"),
)
PADDED = WHOLE.replace(f"--{BOUNDARY}\r\n".encode(), f"--{BOUNDARY} \t\r\n".encode()).removeprefix(
    f"--{BOUNDARY} \t".encode()
)
PADDED = f"--{BOUNDARY}".encode() + PADDED
ALL_SHAPES = [
    WHOLE,
    PADDED,
    WHOLE + b"an epilogue",
    body(file("a", b"x" * 101), file("b", PNG), file("c", b""), text("description", "kept")),
    *MALFORMED.values(),
]


@pytest.mark.parametrize("sent", ALL_SHAPES)
def test_split_in_two_anywhere_or_into_single_bytes_it_is_the_same_form(sent):
    expected = seen(parse(sent))
    for i in range(min(len(sent), 1200)):
        assert seen(parse(sent[:i], sent[i:])) == expected, i
    assert seen(parse(*(sent[i : i + 1] for i in range(len(sent))))) == expected


FRAGMENTS = st.sampled_from(
    [b"\r", b"\n", b"-", b"--", b"\r\n", b"\r\n--", BOUNDARY.encode(), f"\r\n--{BOUNDARY}".encode(), b" ", b"x",
     b"\x00", f"--{BOUNDARY}\r\n".encode(), f"\r\n--{BOUNDARY}--\r\n".encode(),
     b'Content-Disposition: form-data; name="description"',
     b'Content-Disposition: form-data; name="files"; filename="a"', b"\r\n\r\n", b"%PDF-", b":", b'"', b";"]
)  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=30).map(b"".join), st.lists(st.integers(0, 600), max_size=8))
@example(f"--{BOUNDARY}\r\n".encode(), [3])
def test_any_bytes_give_one_result_however_they_are_split(sent, cuts):
    sent = text("token", "x") + sent
    places = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    chunks = [sent[start:end] for start, end in itertools.pairwise(places)]
    assert seen(parse(*chunks)) == seen(parse(sent))


@given(st.binary(max_size=300), st.integers(0, 400))
def test_a_file_arrives_byte_for_byte(content, cut):
    content = b"%PDF-" + content
    sent = body(file("a", content))
    form = parse(sent[:cut], sent[cut:], limits=replace(LIMITS, file_size=1000))
    assert contents(form) == [("a", "application/pdf", content)]

"""A small file cannot occupy a file checker by what it becomes when it is decompressed, or by naming it often.

Each of these took three to ten seconds. Two senders of such files kept those of all others from being checked.
"""

import struct
import time
import zlib

import pytest
from samples import png_of

from widget.files.examine import examine
from widget.files.protocol import Rules

RULES = Rules(64_000_000)
MOST = 2.0
"""Seconds of processor time. Each takes less than one."""
BLANKS = zlib.compress(b" " * (12 * 1024 * 1024 - 1), 9)
TWICE = zlib.compress(BLANKS, 9)
NOTHING = zlib.compress(b"\x78\x9c" + b"\0\0\0\xff\xff" * 2_300_000 + b"\3\0\0\0\0\1", 9)
"""Eleven megabytes on the way that become nothing."""


def pdf(*objects, contents=()):
    """A PDF of one page with these contents, whose further objects have the numbers from 4 on."""
    numbers = b" ".join(b"%d 0 R" % number for number in contents)
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(
        (
            b"<< /Type /Catalog /Pages 2 0 R /Other 4 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents [%s] >>" % numbers,
            *objects,
        ),
        1,
    ):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(places) + 1
    tail = b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Root 1 0 R /Size %d >>\n" % (size, table, size)
    return out + tail + b"startxref\n%d\n%%%%EOF\n" % len(out)


def stream(packed, more):
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (more, len(packed), packed)


def png_with(kind, content, times):
    header = b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return png_of(header, *[(kind, content)] * times, (b"IDAT", zlib.compress(bytes(2))), (b"IEND", b""))


FILES = {
    "a_png_with_texts": lambda: png_with(b"zTXt", b"a\0\0" + zlib.compress(b" " * (1 << 20), 9), 1000),
    "a_png_with_texts_that_end_in_damage": lambda: png_with(
        b"zTXt", b"a\0\0" + zlib.compress(b" " * (1 << 20), 9)[:-1] + b"!", 1000
    ),
    "a_png_with_colour_profiles": lambda: png_with(b"iCCP", b"a\0\0" + zlib.compress(b" " * 3_000_000, 9), 1000),
    "metadata_that_is_named_often": lambda: pdf(
        stream(BLANKS, b"/Filter /FlateDecode"), *[b"<< /Metadata 4 0 R >>"] * 100
    ),
    "pictures": lambda: pdf(*[stream(TWICE, b"/Filter [/FlateDecode /FlateDecode /DCTDecode]")] * 100),
    "pages": lambda: pdf(*[stream(TWICE, b"/Filter [/FlateDecode /FlateDecode]")] * 80, contents=range(4, 84)),
    "pages_whose_first_copy_is_too_large": lambda: pdf(
        b"(" + b"\x81" * 2_200_000 + b")",
        *[stream(TWICE, b"/Filter [/FlateDecode /FlateDecode]")] * 80,
        contents=range(5, 85),
    ),
    "object_streams_of_nothing": lambda: pdf(
        *[stream(NOTHING, b"/Type /ObjStm /N 0 /First 0 /Filter [/FlateDecode /FlateDecode]")] * 150
    ),
    "events_that_are_named_often": lambda: pdf(
        b"<< " + b" ".join(b"/a%d 5 0 R" % number for number in range(20_000)) + b" >>",
        b"<< /Q 1 >>",
        *[b"<< /AA 4 0 R >>"] * 100,
    ),
    "files_that_are_named_often": lambda: pdf(
        b"[" + b"5 0 R " * 20_000 + b"]", b"<< /Q 1 >>", *[b"<< /AF 4 0 R >>"] * 200
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_unpacks_to_is_bounded_in_all(name):
    data = FILES[name]()
    began = time.process_time()
    examine(data, "image/png" if data.startswith(b"\x89PNG") else "application/pdf", RULES)
    assert time.process_time() - began < MOST

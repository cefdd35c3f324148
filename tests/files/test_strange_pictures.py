"""Bytes in pictures that decoders ignore are removed wherever they are, and the picture stays the same."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageCms
from samples import jpeg, photo, png_of
from test_pictures import END, HEADER, PIXELS, RULES, assert_same_pixels, opened

from widget.files import icc
from widget.files.examine import examine

HTML = b"<script>alert(1)</script>"
JPEG, PNG = "image/jpeg", "image/png"


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def at_each(data, added):
    """A JPEG with these bytes in front of each of its segments."""
    out, at = data[:2], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        out += added + data[at:end]
        at = end
    return out + added + data[at:]


def after_start(*segments):
    return jpeg()[:2] + b"".join(segments) + jpeg()[2:]


def before_scan(*segments, data=None):
    data = data or jpeg()
    at = data.index(b"\xff\xda")
    return data[:at] + b"".join(segments) + data[at:]


def profile(*tags, kind=b"mntr", version=4, gap=b""):
    """A colour profile with additional tags, and bytes between them that belong to no tag."""
    good = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    entries = [struct.unpack_from(">4sII", good, 132 + 12 * n) for n in range(good[131])]
    contents = [(name, good[at : at + size]) for name, at, size in entries] + list(tags)
    at, table, body = 132 + 12 * len(contents), b"", b""
    for name, content in contents:
        table += struct.pack(">4sII", name, at + len(body), len(content))
        body += content + bytes(-len(content) % 4) + gap
    head = bytearray(good[:128])
    head[8], head[12:16], head[48:56] = version, kind, b"Ada was "
    return struct.pack(">I", at + len(body)) + bytes(head[4:]) + struct.pack(">I", len(contents)) + table + body


NAMED = profile((b"mmod", b"mmod" + bytes(4) + HTML), (b"cprt", b"text" + bytes(4) + HTML), gap=HTML + bytes(3))
QUANTISATION = bytes([3]) + (HTML * 3)[:64]
HUFFMAN = bytes([0x13]) + bytes([0, len(HTML)]) + bytes(14) + HTML
STRANGE_JPEGS = {
    "stray_bytes_in_front_of_each_segment": at_each(jpeg(), b"\0\x137" + HTML),
    "noughts_in_front_of_each_segment": at_each(jpeg(), bytes(4)),
    "stuffed_bytes_in_front_of_each_segment": at_each(jpeg(), b"\xff\0" + HTML),
    "fill_bytes_in_front_of_each_segment": at_each(jpeg(), b"\xff\xff\xff"),
    "restarts_in_front_of_each_segment": at_each(jpeg(), b"\xff\xd3" + HTML),
    "a_marker_without_a_meaning": at_each(jpeg(), b"\xff\x01" + HTML),
    "a_comment_of_no_length_in_front_of_each_segment": at_each(jpeg(), b"\xff\xfe\0\0" + HTML),
    "a_segment_of_half_a_length_in_front_of_each_segment": at_each(jpeg(), b"\xff\xe5\0\1" + HTML),
    "something_behind_it": jpeg() + HTML,
    "a_comment": after_start(segment(0xFE, HTML)),
    "an_unknown_segment": after_start(segment(0xEB, HTML)),
    "a_long_jfif_segment": after_start(segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0" + HTML)),
    "a_second_jfif_segment": after_start(*[segment(0xE0, b"JFIF\0" + HTML)] * 2),
    "flags_of_adobe_s_segment": after_start(segment(0xEE, b"Adobe<scri\0\1" + HTML)),
    "a_height_told_again": before_scan(segment(0xDC, b"\0\x08"), HTML),
    "a_quantisation_table_that_nothing_uses": before_scan(segment(0xDB, QUANTISATION)),
    "a_quantisation_table_that_is_replaced": after_start(segment(0xDB, bytes(1) + QUANTISATION[1:])),
    "a_huffman_table_that_nothing_uses": before_scan(segment(0xC4, HUFFMAN)),
    "a_huffman_table_that_is_replaced": after_start(segment(0xC4, bytes([0x10]) + HUFFMAN[1:])),
    "values_of_another_coding": before_scan(segment(0xCC, (b"\0<" * 30)[:60])),
    "texts_in_its_colour_profile": after_start(segment(0xE2, b"ICC_PROFILE\0\1\1" + NAMED)),
    "no_colour_profile_where_one_should_be": after_start(segment(0xE2, b"ICC_PROFILE\0\1\1" + HTML * 9)),
    "a_part_of_a_colour_profile": after_start(segment(0xE2, b"ICC_PROFILE\0\1\2" + NAMED)),
    "a_colour_profile_behind_its_first_scan": jpeg().replace(
        b"\xff\xd9", segment(0xE2, b"ICC_PROFILE\0\1\1" + NAMED) + b"\xff\xd9"
    ),
}
INDEXED = (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 1, 3, 0, 0, 0))
INDICES = (b"IDAT", zlib.compress(b"\0\x55" * 8))
BLACK_AND_RED = bytes(3) + b"\xff\0\0"


def png_with(*chunks):
    return png_of(HEADER, *chunks, PIXELS, END)


def damaged_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + bytes(4)


STRANGE_PNGS = {
    "a_short_pixel_size": png_with((b"pHYs", bytes(4))),
    "a_long_pixel_size": png_with((b"pHYs", bytes(9) + HTML)),
    "a_long_gamma": png_with((b"gAMA", bytes(4) + HTML)),
    "an_unknown_intent": png_with((b"sRGB", b"<")),
    "texts_for_chromaticities": png_with((b"cHRM", HTML)),
    "too_many_significant_bits": png_with((b"sBIT", b"<sc")),
    "a_background_of_another_kind": png_with((b"bKGD", HTML)),
    "transparency_of_another_kind": png_with((b"tRNS", HTML)),
    "a_second_gamma": png_with((b"gAMA", bytes([0, 0, 177, 143])), (b"gAMA", b"<scr")),
    "a_pixel_size_behind_its_data": png_of(HEADER, PIXELS, (b"pHYs", b"<script>\1"), END),
    "a_damaged_text": png_with() [:33] + damaged_chunk(b"tEXt", HTML) + png_with()[33:],
    "a_palette_that_it_does_not_need": png_with((b"PLTE", (HTML * 3)[:75])),
    "a_palette_of_an_impossible_length_that_it_does_not_need": png_with((b"PLTE", HTML)),
    "colours_without_a_number": png_of(INDEXED, (b"PLTE", BLACK_AND_RED + (HTML * 3)[:75]), INDICES, END),
    "transparency_without_a_colour": png_of(INDEXED, (b"PLTE", BLACK_AND_RED), (b"tRNS", HTML), INDICES, END),
    "something_in_its_last_chunk": png_of(HEADER, PIXELS, (b"IEND", HTML)),
    "something_behind_it": png_with() + HTML,
    "something_behind_its_pixels": png_of(HEADER, (b"IDAT", PIXELS[1] + HTML), END),
    "a_name_of_its_colour_profile": png_with((b"iCCP", HTML + b"\0\0" + zlib.compress(NAMED))),
    "texts_in_its_colour_profile": png_with((b"iCCP", b"a\0\0" + zlib.compress(NAMED, 0))),
    "something_behind_its_colour_profile": png_with((b"iCCP", b"a\0\0" + zlib.compress(NAMED) + HTML)),
    "no_colour_profile_where_one_should_be": png_with((b"iCCP", b"a\0\0" + HTML)),
    "a_colour_profile_that_is_none": png_with((b"iCCP", b"a\0\0" + zlib.compress(HTML * 9, 0))),
}  # fmt: skip
PLAIN_PNGS = (png_with(), png_of(INDEXED, (b"PLTE", BLACK_AND_RED), INDICES, END))
STRANGE = [(JPEG, name) for name in STRANGE_JPEGS] + [(PNG, name) for name in STRANGE_PNGS]


@pytest.mark.parametrize(("media_type", "name"), STRANGE)
def test_the_picture_alone_is_left_of_one_with(media_type, name):
    before = (STRANGE_JPEGS if media_type == JPEG else STRANGE_PNGS)[name]
    found = examine(before, media_type, RULES)
    assert found.verdict == "good"
    assert found.data
    assert b"<scr" not in found.data
    assert b"<scr" not in icc_of(found.data)
    assert len(found.data) <= len(before)
    plain = jpeg() if media_type == JPEG else PLAIN_PNGS[b"PLTE" in found.data]
    assert_same_pixels(plain, found.data)
    assert examine(found.data, media_type, RULES).data == found.data


def icc_of(data):
    return opened(data).info.get("icc_profile", b"")


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("version", [2, 4])
def test_a_colour_profile_says_the_same_of_colours_and_nothing_of_anybody(form, version):
    named = profile((b"mmod", b"mmod" + bytes(4) + HTML), (b"dscm", b"Ada's screen, 1234"), version=version)
    target = io.BytesIO()
    Image.new("RGB", (8, 8)).save(target, form, icc_profile=named)
    found = examine(target.getvalue(), f"image/{form.lower()}", RULES)
    kept = icc_of(found.data)
    assert not [word for word in (b"Ada", HTML, b"sRGB", b"dscm", b"mmod") if word in kept]
    assert colours_by(kept) == colours_by(named)
    assert icc.clean(kept) == kept


def colours_by(profile_):
    """Some colours in the space that connects all profiles."""
    source = Image.frombytes("RGB", (16, 16), bytes(range(256)) * 3)
    lab = ImageCms.createProfile("LAB")
    changed = ImageCms.profileToProfile(source, ImageCms.ImageCmsProfile(io.BytesIO(profile_)), lab, outputMode="LAB")
    assert changed
    return changed.tobytes()


def test_a_profile_of_tables_keeps_them_to_the_byte_and_loses_what_stands_between():
    table = b"mft1" + bytes(4) + bytes([3, 3, 2, 0]) + bytes(36) + bytes(256 * 3) + bytes(24) + bytes(256 * 3)
    kept = icc.clean(profile((b"A2B0", table + HTML), kind=b"prtr", version=2, gap=HTML))
    assert kept is not None
    assert table in kept
    assert HTML not in kept


@pytest.mark.parametrize(
    "broken",
    [b"", NAMED[:100], NAMED[:36] + b"none" + NAMED[40:], profile(kind=b"link"), NAMED[:128] + b"\xff\xff\xff\xff"],
    ids=["empty", "cut", "unsigned", "a link", "too many tags"],  # a profile contains the time of its creation
)
def test_what_is_no_colour_profile_is_none(broken):
    assert icc.clean(broken) is None


GOES_ON = png_of(HEADER, (b"IDAT", zlib.compress((b"\0" + bytes(24)) * 8 + HTML * 40, 0)), END)


def test_a_picture_whose_data_goes_on_is_drawn_anew():
    found = examine(GOES_ON, PNG, RULES)
    assert found.data
    assert HTML not in found.data
    assert_same_pixels(png_with(), found.data)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_with_text_among_its_codes_is_drawn_anew(progressive):
    before = photo(gps=False, progressive=progressive, optimize=True)
    at = before.index(b"\xff\xc4")
    while before[at + 4] != 0x10:
        at = before.index(b"\xff\xc4", at + 2)
    end = at + 2 + int.from_bytes(before[at + 2 : at + 4], "big")
    lengths = bytearray(before[at + 5 : at + 21])
    lengths[15] += len(HTML)  # codes of 16 bits that no picture uses
    table = before[at + 4 : at + 5] + bytes(lengths) + before[at + 21 : end] + HTML
    found = examine(before[:at] + segment(0xC4, table) + before[end:], JPEG, RULES)
    assert found.data
    assert HTML not in found.data
    pairs = zip(opened(before).tobytes(), opened(found.data).tobytes(), strict=True)
    assert max(abs(one - other) for one, other in pairs) < 40


def with_a_table_that_cannot_be():
    data = bytearray(photo(orientation=6))
    data[data.index(b"\xff\xdb") + 69 - 1] = 0
    return bytes(data)


def test_a_jpeg_with_a_table_that_cannot_be_is_drawn_anew_the_same_way_up():
    before = with_a_table_that_cannot_be()
    found = examine(before, JPEG, RULES)
    assert found.data
    assert found.notes == ("location_removed",)
    assert dict(opened(found.data).getexif()) == {0x0112: 6}
    assert found.data[found.data.index(b"\xff\xdb") :][:69].count(0) == 2  # first byte of its length, and its number
    pairs = zip(opened(before).tobytes(), opened(found.data).tobytes(), strict=True)
    assert max(abs(one - other) for one, other in pairs) < 40

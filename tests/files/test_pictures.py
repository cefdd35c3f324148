"""Pictures lose all metadata, and no pixel changes."""

import io
import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps
from samples import jpeg, photo, place, png, png_of, screenshot

from widget.files import jpeg as jpegs
from widget.files import png as pngs
from widget.files.examine import Examined, examine
from widget.files.metadata import read_exif, write_exif
from widget.files.picture import Unreadable
from widget.files.protocol import Rules

RULES = Rules(max_pixels=1_000_000)
CLEAN = {
    "image/jpeg": lambda data: jpegs.clean(data, RULES.max_pixels),
    "image/png": lambda data: pngs.clean(data, RULES.max_pixels),
}
HEADER = (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
PIXELS = (b"IDAT", zlib.compress((b"\0" + bytes(24)) * 8))
END = (b"IEND", b"")


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def assert_same_pixels(before: bytes, after: bytes) -> None:
    one, other = opened(before), opened(after)
    assert (one.size, one.mode) == (other.size, other.mode)
    assert ImageChops.difference(one.convert("RGBA"), other.convert("RGBA")).getbbox(alpha_only=False) is None


@pytest.mark.parametrize(
    ("before", "media_type"),
    [
        (photo(), "image/jpeg"),
        (photo(progressive=True), "image/jpeg"),
        (photo(subsampling=0, optimize=True, restart_marker_blocks=1), "image/jpeg"),
        (screenshot(), "image/png"),
    ],
)
def test_whatever_names_somebody_or_a_place_is_gone_and_every_pixel_is_as_it_was(before, media_type):
    assert b"Ada" in before
    found = examine(before, media_type, RULES)
    assert (found.verdict, found.notes) == ("good", ("location_removed",))
    assert found.data
    assert b"Ada" not in found.data
    assert b"GPS" not in found.data
    assert not opened(found.data).getexif()
    assert len(found.data) < len(before)
    assert_same_pixels(before, found.data)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stays_the_same_way_up(orientation):
    before = photo(orientation=orientation)
    after = CLEAN["image/jpeg"](before).data
    assert dict(opened(after).getexif()) == ({} if orientation == 1 else {0x0112: orientation})
    upright = [ImageOps.exif_transpose(opened(data)) for data in (before, after)]
    assert ImageChops.difference(*upright).getbbox() is None


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_png_stays_the_same_way_up(orientation):
    exif = place()
    exif[0x0112] = orientation
    target = io.BytesIO()
    Image.new("RGB", (8, 4)).save(target, "PNG", exif=exif)
    for before in (target.getvalue(), with_exif_at_its_end(exif)):
        assert dict(opened(CLEAN["image/png"](before).data).getexif()) == {0x0112: orientation}


def with_exif_at_its_end(exif):
    return png_of(HEADER, PIXELS, (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")), END)


@pytest.mark.parametrize("media_type", CLEAN)
def test_a_picture_without_metadata_is_left_as_it_is(media_type):
    before = jpeg() if media_type == "image/jpeg" else png()
    assert examine(before, media_type, RULES) == Examined("good", before)


def test_cmyk_keeps_the_segment_that_says_how_its_colours_are_stored():
    target = io.BytesIO()
    Image.new("CMYK", (8, 8), (10, 200, 30, 40)).save(target, "JPEG")
    assert_same_pixels(target.getvalue(), CLEAN["image/jpeg"](target.getvalue()).data)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "P", "RGB", "RGBA"])
def test_every_kind_of_png_keeps_its_colours_and_transparency(mode):
    target = io.BytesIO()
    more = {"transparency": 0} if mode in ("L", "P") else {}
    Image.new(mode, (9, 7)).save(target, "PNG", dpi=(300, 300), **more)
    before, after = opened(target.getvalue()), opened(CLEAN["image/png"](target.getvalue()).data)
    assert (after.mode, after.info) == (before.mode, before.info)
    assert after.tobytes() == before.tobytes()


def test_an_animated_picture_becomes_its_first():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    target = io.BytesIO()
    frames[0].save(target, "PNG", save_all=True, append_images=frames[1:])
    found = examine(target.getvalue(), "image/png", RULES)
    assert found.notes == ("animation_removed",)
    assert found.data
    after = opened(found.data)
    assert getattr(after, "n_frames", 1) == 1
    assert after.getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("width", [1, 3, 5, 8, 33])
@pytest.mark.parametrize("depth", [1, 8])
def test_an_interlaced_picture_is_read_pass_by_pass(width, depth):
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    data = b""
    for left, top, across, down in passes:
        columns, rows = len(range(left, width, across)), len(range(top, 9, down))
        data += (b"\1" + bytes((columns * depth + 7) // 8)) * rows if columns else b""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, 9, depth, 0, 0, 0, 1))
    good, short = (png_of(header, (b"IDAT", zlib.compress(part)), END) for part in (data, data[:-1]))
    assert opened(good).size == (width, 9)
    assert examine(good, "image/png", RULES) == Examined("good", good)
    assert examine(short, "image/png", RULES) == Examined("unreadable")


def test_what_follows_a_picture_within_its_own_chunks_is_cut():
    data = PIXELS[1]
    hidden = png_of(HEADER, (b"IDAT", data[:9]), (b"IDAT", data[9:] + b"Ada"), (b"IDAT", b"was here"), END)
    assert examine(hidden, "image/png", RULES) == Examined("good", png_of(HEADER, PIXELS, END))


@pytest.mark.parametrize("gps", [{}, {0: b"\2\3\0\0"}, {1: "N", 29: "2026:01:02"}])
def test_a_gps_block_without_a_place_is_no_location(gps):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update(gps)
    assert not read_exif(exif.tobytes().removeprefix(b"Exif\0\0")).located


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_is_read_as_it_was_written(orientation):
    assert read_exif(write_exif(orientation)).orientation == orientation


BROKEN = {
    "a_jpeg_cut_off": (photo()[:900], "image/jpeg"),
    "a_jpeg_s_head_alone": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
    "a_jpeg_without_a_picture": (b"\xff\xd8\xff\xd9", "image/jpeg"),
    "a_jpeg_with_a_segment_beyond_its_end": (jpeg()[:2] + b"\xff\xe1\xff\xff" + jpeg()[2:], "image/jpeg"),
    "a_jpeg_of_noise": (b"\xff\xd8\xff" + bytes(range(256)) * 20, "image/jpeg"),
    "a_jpeg_with_two_frames": (jpeg()[:-2] + jpeg()[2:], "image/jpeg"),
    "a_jpeg_of_no_height": (jpeg().replace(b"\xff\xc0\0\x11\x08\0\x08", b"\xff\xc0\0\x11\x08\0\0"), "image/jpeg"),
    "a_png_cut_off": (png()[:-1], "image/png"),
    "a_png_with_a_changed_byte": (png().replace(b"IDATx", b"IDATy"), "image/png"),
    "a_png_whose_data_ends_early": (png_of(HEADER, (b"IDAT", PIXELS[1][:5]), END), "image/png"),
    "a_png_whose_data_is_too_little": (png_of(HEADER, (b"IDAT", zlib.compress(bytes(25))), END), "image/png"),
    "a_png_with_an_unknown_filter": (png_of(HEADER, (b"IDAT", zlib.compress(b"\5" * 200)), END), "image/png"),
    "a_png_without_data": (png_of(HEADER, END), "image/png"),
    "a_png_without_a_header": (png_of(PIXELS, END), "image/png"),
    "a_png_with_two_headers": (png_of(HEADER, HEADER, PIXELS, END), "image/png"),
    "a_png_with_an_unknown_critical_chunk": (png_of(HEADER, (b"NEWc", b""), PIXELS, END), "image/png"),
    "a_png_whose_data_is_interrupted": (png_of(HEADER, PIXELS, (b"tIME", b""), PIXELS, END), "image/png"),
    "a_png_without_its_palette": (
        png_of((b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 3, 0, 0, 0)), PIXELS, END), "image/png",
    ),
    "a_png_of_no_width": (png_of((b"IHDR", struct.pack(">IIBBBBB", 0, 8, 8, 2, 0, 0, 0)), PIXELS, END), "image/png"),
    "a_png_of_13_bits": (png_of((b"IHDR", struct.pack(">IIBBBBB", 8, 8, 13, 2, 0, 0, 0)), PIXELS, END), "image/png"),
    "a_png_with_a_chunk_beyond_its_end": (png()[:33] + b"\x7f\xff\xff\xffIDAT" + bytes(90), "image/png"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_picture_that_no_reader_could_show_is_unreadable(name):
    assert examine(*BROKEN[name], RULES) == Examined("unreadable")


def test_a_picture_of_too_many_pixels_is_recognised_by_its_header_without_being_decoded():
    bomb = png_of((b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)), PIXELS, END)
    assert len(bomb) < 100
    assert examine(bomb, "image/png", RULES) == Examined("pixels")
    wide = jpeg(16, 8).replace(b"\xff\xc0\0\x11\x08\0\x08\0\x10", b"\xff\xc0\0\x11\x08\xff\xff\xff\xff")
    assert examine(wide, "image/jpeg", RULES) == Examined("pixels")
    assert examine(png(1000, 1001), "image/png", RULES) == Examined("pixels")
    assert examine(png(1000, 1000), "image/png", RULES).verdict == "good"


@pytest.mark.parametrize(("side", "few", "many"), [(8, 80, 200), (900, 10, 30)])
def test_a_jpeg_of_more_scans_than_any_camera_writes_is_unreadable(side, few, many):
    target = io.BytesIO()
    Image.new("RGB", (side, side)).save(target, "JPEG", progressive=True)
    data = target.getvalue()
    last = data.rindex(b"\xff\xda")
    for more, verdict in ((few, "good"), (many, "unreadable")):
        again = data[:last] + data[last:-2] * more + b"\xff\xd9"
        assert examine(again, "image/jpeg", RULES).verdict == verdict, more


def test_a_long_run_of_fill_bytes_costs_no_more_than_its_length():
    data = jpeg()
    scan = data.rindex(b"\xff\xda") + 14
    examine(data[:scan] + b"\xff" * 4_000_000 + data[scan:], "image/jpeg", RULES)
    examine(data[:2] + b"\xff" * 4_000_000 + data[2:], "image/jpeg", RULES)


@st.composite
def damaged(draw):
    """A real picture with bytes changed, removed or inserted at critical places."""
    media_type = draw(st.sampled_from(list(CLEAN)))
    whole = (photo if media_type == "image/jpeg" else screenshot)()
    data = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        at, bytes_ = draw(st.integers(0, len(data) - 1)), draw(st.binary(max_size=4))
        data[at : at + draw(st.integers(0, 4))] = bytes_
    return bytes(data), media_type


@given(damaged())
def test_whatever_passes_can_be_read_is_no_larger_and_passes_unchanged_again(sent):
    data, media_type = sent
    found = examine(data, media_type, RULES)
    if found.verdict == "good":
        assert found.data
        assert len(found.data) <= len(data) or not CLEAN[media_type](data).sound  # so it was encoded anew
        assert opened(found.data).width > 0
        again = examine(found.data, media_type, RULES)
        assert (again.verdict, again.data, again.notes) == ("good", found.data, ())
    else:
        assert found.data is None


@given(st.binary(max_size=300))
def test_no_bytes_behind_a_signature_make_a_reader_fail_otherwise(data):
    for start, clean in zip((b"\xff\xd8\xff", pngs.SIGNATURE), CLEAN.values(), strict=True):
        with suppress(Unreadable):
            clean(start + data)


@given(st.binary(max_size=200), st.sampled_from([b"II*\0", b"MM\0*"]))
def test_no_exif_makes_its_reader_fail(data, start):
    assert 1 <= read_exif(start + data).orientation <= 8

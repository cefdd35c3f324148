"""Pages that are compressed except for their gaps: whatever fills these, every decoder reads the same page."""

import gzip

import brotli
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from widget.web.compression import CODINGS
from widget.web.gapped import LONGEST, Gapped

DECODE = {"br": brotli.decompress, "gzip": gzip.decompress}
PAGE = '<p class="feedback">ä 日本 the same words, the same words</p>' * 40
TOKEN = "6f1c0a9b52d84e3f8a7b6c5d4e3f2a1b.demo.aSXkQw.Xb9y-Z0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2"
"""As long as a token, and much like the text around it."""
SHORT = st.text(max_size=4)
LONG = st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=30), st.integers(1, 400))


@settings(max_examples=60)
@given(
    pieces=st.lists(SHORT | LONG | st.just(PAGE) | st.just(TOKEN), min_size=1, max_size=5),
    value=st.binary(min_size=1, max_size=200) | st.just(TOKEN.encode()),
)
@example(["", ""], b"x")
@example(["", "", "a", "", "bc", ""], b"x")
@example([PAGE, PAGE, PAGE], TOKEN.encode())
@example([TOKEN, TOKEN + PAGE, PAGE + TOKEN], TOKEN.encode())
@example([PAGE * 30, PAGE * 30], TOKEN.encode())  # more than one block of the encoder
def test_a_filled_page_decodes_to_what_it_is(pieces: list[str], value: bytes) -> None:
    page = Gapped(pieces, len(value))
    whole = value.join(piece.encode() for piece in pieces)
    assert page.filled(value) == whole
    for coding in CODINGS:
        assert DECODE[coding](page.filled(value, coding)) == whole


def test_a_value_may_have_any_length_up_to_the_longest() -> None:
    pieces = [PAGE, f'">{PAGE}', PAGE]
    for length in (*range(1, 150), 255, 256, 257, LONGEST):
        page = Gapped(pieces, length)
        for text in (TOKEN, "e", "日本語"):
            value = (text * LONGEST).encode()[:length]
            assert brotli.decompress(page.filled(value, "br")) == page.filled(value)


@pytest.mark.parametrize("length", [0, LONGEST + 1])
def test_a_gap_of_a_length_that_cannot_be_packed_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"1 to {LONGEST} bytes, not {length}"):
        Gapped([PAGE, PAGE], length)


@pytest.mark.parametrize("coding", [*CODINGS, "identity"])
def test_a_value_of_another_length_is_refused_rather_than_sent_broken(coding: str) -> None:
    page = Gapped([PAGE, PAGE], len(TOKEN))
    for value in (TOKEN[1:], TOKEN + "x"):
        with pytest.raises(ValueError, match=f"hold {len(TOKEN)} bytes"):
            page.filled(value.encode(), coding)


@pytest.mark.parametrize("coding", CODINGS)
def test_the_length_of_a_packed_page_says_nothing_about_the_value(coding: str) -> None:
    page = Gapped(["the secret is abcdefgh", "!"], 8)
    assert len(page.filled(b"abcdefgh", coding)) == len(page.filled(b"zyxwvuts", coding))


def test_a_page_is_smaller_as_brotli_than_as_gzip() -> None:
    page = Gapped([PAGE + "".join(map(chr, range(32, 2000))), PAGE], len(TOKEN))
    assert len(page.filled(TOKEN.encode(), "br")) < len(page.filled(TOKEN.encode(), "gzip"))

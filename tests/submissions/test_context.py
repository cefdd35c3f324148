"""What a host page tells about itself: bounded, without secrets, and never at the cost of the person's own words."""

import json

import pytest

from widget.submissions import context
from widget.submissions.model import MAX_DESCRIPTION, utf16_length


def test_what_a_page_tells_is_read_and_written_back() -> None:
    told = context.read('{"address": "https://app.example.com/orders", "version": 3, "beta": true}')
    assert told == (("address", "https://app.example.com/orders"), ("version", "3"), ("beta", "true"))
    assert context.read(context.write(told)) == told
    assert context.write(()) == ""


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "3", '"x"', "{", "[" * 100_000, '{"a": null}', '{"": "x"}', '{"a": {"b": 1}}']
)
def test_what_is_nothing_of_the_kind_is_left_out(text: str) -> None:
    assert context.read(text) == ()


def test_an_address_loses_whatever_may_be_a_secret() -> None:
    told = context.read('{"address": "https://user:word@app.example.com/reset?token=abc#id=1", "bad": "https://[x"}')
    assert told == (("address", "https://app.example.com/reset"),)


def test_keys_and_values_are_bounded() -> None:
    many = {f"key-{n}": "x" * 5000 for n in range(50)} | {"k" * 41: "x"}
    told = context.read(json.dumps(many))
    assert len(told) == context.MAX_KEYS
    assert {len(value) for _, value in told} == {context.MAX_VALUE}


def test_a_value_is_one_line_without_control_characters() -> None:
    assert context.read(json.dumps({"a\nb": "c\r\n\0d\t e"})) == (("a b", "c d e"),)


def test_lines_are_appended_as_long_as_they_fit_whole() -> None:
    told = (("address", "https://app.example.com"), ("long", "x" * 300), ("version", "3"))
    text = "y" * (MAX_DESCRIPTION - 60)
    longer, left_out = context.append(text, told)
    assert longer == f"{text}\n\naddress: https://app.example.com\nversion: 3"
    assert left_out == (("long", "x" * 300),)


def test_not_one_character_of_the_persons_is_cut() -> None:
    text = "😀" * (MAX_DESCRIPTION // 2)
    assert context.append(text, (("a", "b"),)) == (text, (("a", "b"),))
    assert utf16_length(context.append("", (("a", "b" * 300),) * 10)[0]) <= MAX_DESCRIPTION


def test_without_text_the_context_begins_the_text() -> None:
    assert context.append("", (("a", "b"),))[0] == "a: b"

"""Context from the host page: bounded, without secrets, and never at the expense of the person's own words."""

import json

import pytest

from widget.submissions import context
from widget.submissions.limits import MAX_DESCRIPTION
from widget.submissions.model import utf16_length


def test_what_a_page_tells_is_read_and_written_back() -> None:
    pairs = context.read('{"address": "https://app.example.com/orders", "version": 3, "beta": true}')
    assert pairs == (("address", "https://app.example.com/orders"), ("version", "3"), ("beta", "true"))
    assert context.read(context.write(pairs)) == pairs
    assert context.write(()) == ""


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "3", '"x"', "{", "[" * 100_000, '{"a": null}', '{"": "x"}', '{"a": {"b": 1}}']
)
def test_what_is_nothing_of_the_kind_is_left_out(text: str) -> None:
    assert context.read(text) == ()


def test_an_address_loses_whatever_may_be_a_secret() -> None:
    pairs = context.read('{"address": "https://user:word@app.example.com/reset?token=abc#id=1", "bad": "https://[x"}')
    assert pairs == (("address", "https://app.example.com/reset"),)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("/reset?token=SECRET", "/reset"),
        ("/orders#access_token=SECRET&x=1", "/orders"),
        ("./reset?SECRET", "./reset"),
        ("../a/b?x=1#SECRET", "../a/b"),
        ("?token=SECRET", ""),
        ("?SECRET", ""),
        ("#access_token=SECRET", ""),
        ("//user:SECRET@app.example.com/a?b=SECRET", "//app.example.com/a"),
        ("app.example.com/reset?token=SECRET", "app.example.com/reset"),
        ("app.example.com?SECRET", "app.example.com"),
        ("app.example.com:8443/#SECRET", "app.example.com:8443/"),
        ("ftp://user:SECRET@files.example.com/a.txt", "ftp://files.example.com/a.txt"),
        ("ftp://SECRET@files.example.com", "ftp://files.example.com"),
        ("ftp://user:SECRET?SECRET@files.example.com/a", ""),
        ("postgresql://me:SECRET@db:5432/widget", "postgresql://db:5432/widget"),
        ("user:SECRET@files.example.com/a", "files.example.com/a"),
        ("HTTPS://User:SECRET@app.example.com/A?b=SECRET", "HTTPS://app.example.com/A"),
        ("https:\\\\user:SECRET@app.example.com\\a?b=SECRET", "https:\\\\app.example.com\\a"),
        ("token=SECRET&x=1", ""),
        ("access_token=SECRET", ""),
        ("a=1&b=SECRET", ""),
        ("/login%3Ftoken%3DSECRET", "/login"),
        ("/a;jsessionid=SECRET", "/a"),
        ("from https://a.example/x?t=SECRET to /y?t=SECRET now", "from https://a.example/x to /y now"),
        ("(https://u:SECRET@a.example/x?t=SECRET)", "(https://a.example/x"),
        ("https://a.example/x,https://u:SECRET@b.example/y", "https://a.example/x,https://b.example/y"),
        ("https://u:" + "SECRET" * 100 + "@a.example/", "https://a.example/"),
        ("https://[::1]:8000/a?SECRET", "https://[::1]:8000/a"),
        ("https://a.example/x&token=SECRET", "https://a.example/x"),
        ("https://a.example/x%253Ftoken%253DSECRET", "https://a.example/x"),
        ("https://a.example/x\uff1ftoken=SECRET", "https://a.example/x"),
        ("https:/user:SECRET@app.example.com/a", "https:/app.example.com/a"),
        ("ftp:\\SECRET@files.example.com", "ftp:\\files.example.com"),
        ("&token=SECRET", "&"),
        ("token%3DSECRET", ""),
        ("access_token%253DSECRET", ""),
        ("https%3A%2F%2Fada%3ASECRET%40a.example%2F", "https%3A"),
        ("to=ftp%253A%252f%252Fa%2540b%253ASECRET%2540a.example", "to=ftp%253A"),
        ("/callback/id_token=SECRET/x", "/callback/"),
        ("failed:password=SECRET", "failed:"),
        ("(session_id=SECRET)", "("),
        ('{"apiKey=SECRET"}', '{"'),
        ("Authorization: Bearer SECRET-SECRET.1", "Authorization:"),
        ("session eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.SECRET", "session"),
    ],
)
def test_no_spelling_of_an_address_carries_a_secret_along(given: str, kept: str) -> None:
    pairs = context.read(json.dumps({"address": given}))
    assert "SECRET" not in str(pairs)
    assert pairs == ((("address", kept),) if kept else ())


@pytest.mark.parametrize(
    "harmless",
    ["Really?", "yes?no", "#123", "C#", "version=3", "ada@example.com", "12:30", "1/2", "a; b", "mailto:a@example.com",
     "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)", "50% of 3", "Order 17: paid", "https://a.example/x:y", "a & b = c",
     "basic knowledge", "a/b & c", "C:/pictures/a@2x.png", "codes = 3", "tokens: 12", "a=b"],
)  # fmt: skip
def test_what_is_no_secret_stays_as_it_is(harmless: str) -> None:
    assert context.read(json.dumps({"said": harmless})) == (("said", harmless),)


def test_keys_and_values_are_bounded() -> None:
    many = {f"key-{n}": "x" * 5000 for n in range(50)} | {"k" * 41: "x"}
    pairs = context.read(json.dumps(many))
    assert len(pairs) == context.MAX_KEYS
    assert {len(value) for _, value in pairs} == {context.MAX_VALUE}


def test_a_key_carries_no_secret_either() -> None:
    pairs = context.read(json.dumps({"https://a.example/?t=SECRET": "x", "token=SECRET": "y"}))
    assert pairs == (("https://a.example/", "x"),)


def test_a_value_is_one_line_without_control_characters() -> None:
    assert context.read(json.dumps({"a\nb": "c\r\n\0d\t e"})) == (("a b", "c d e"),)


def test_lines_are_appended_as_long_as_they_fit_whole() -> None:
    pairs = (("address", "https://app.example.com"), ("long", "x" * 300), ("version", "3"))
    text = "y" * (MAX_DESCRIPTION - 60)
    longer, left_out = context.append(text, pairs)
    assert longer == f"{text}\n\naddress: https://app.example.com\nversion: 3"
    assert left_out == (("long", "x" * 300),)


def test_not_one_character_of_the_persons_is_cut() -> None:
    text = "😀" * (MAX_DESCRIPTION // 2)
    assert context.append(text, (("a", "b"),)) == (text, (("a", "b"),))
    assert utf16_length(context.append("", (("a", "b" * 300),) * 10)[0]) <= MAX_DESCRIPTION


def test_without_text_the_context_begins_the_text() -> None:
    assert context.append("", (("a", "b"),))[0] == "a: b"

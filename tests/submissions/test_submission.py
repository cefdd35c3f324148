"""The rules for every field."""

import pytest

from widget.errors import Fault, Rejected
from widget.submissions.model import Feedback, Rules, check, check_fields, clean_text, seen_version, utf16_length

MARA = "mara@northwind.example"


def faults_of(files=0, **fields):
    """What is wrong with the fields. The e-mail is valid unless it is given."""
    _, faults = check_fields({"submittedByEmail": MARA, **fields}, files=files)
    return [(fault.field, fault.code) for fault in faults]


def feedback_of(files=0, **fields):
    return check({"submittedByEmail": MARA, **fields}, files=files)


def test_a_full_form_is_a_feedback():
    fields = {"description": "Hello", "sentimentRating": "true", "contactConsent": "true", "submittedByEmail": MARA}
    assert check(fields, files=0) == Feedback("Hello", MARA, rating=True, consent=True)


def test_what_is_not_said_is_not_rated_and_no_consent():
    assert feedback_of(description="Hello") == Feedback("Hello", MARA, rating=None, consent=False)


def test_all_faults_are_named_at_once():
    fields = {"description": "x" * 1001, "submittedByEmail": "mara", "sentimentRating": "5", "contactConsent": "on"}
    with pytest.raises(Rejected) as caught:
        check(fields, files=0)
    assert [(fault.field, fault.code) for fault in caught.value.faults] == [
        ("description", "too_long"),
        ("submittedByEmail", "invalid"),
        ("sentimentRating", "invalid"),
        ("contactConsent", "invalid"),
    ]
    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\r\n\r\nb", "a\n\nb"),
        ("a\n\rb", "a\n\nb"),
        ("a\vb\fc\x85d", "a\nb\nc\nd"),
        ("tab\tstays", "tab\tstays"),
        ("n\x00u\x1b[0ml\x7f\x9b", "nu[0ml"),
        ("  spaces stay \n", "  spaces stay \n"),
        (" \r\n\t\u3000", ""),
        ("\x00", ""),
    ],
)
def test_line_breaks_become_lf_and_control_characters_go(written, read):
    assert clean_text(written) == read


@pytest.mark.parametrize(
    ("text", "length"), [("", 0), ("abc", 3), ("é", 1), ("😀", 2), ("👩\u200d💻", 5), ("\ud800", 1)]
)
def test_length_is_counted_as_browsers_count_it(text, length):
    assert utf16_length(text) == length


@pytest.mark.parametrize("text", ["x" * 1000, "😀" * 500, "x\r\n" * 500, "\r\n" * 499 + "xy", "あ" * 1000])
def test_a_thousand_characters_fit(text):
    assert faults_of(description=text) == []


@pytest.mark.parametrize("text", ["x" * 1001, "😀" * 500 + "x", "x\r\n" * 500 + "x"])
def test_one_character_more_is_too_long_and_says_by_how_much(text):
    _, faults = check_fields({"submittedByEmail": MARA, "description": text}, files=0)
    assert faults == [Fault("too_long", "description", params={"n": 1, "limit": 1000})]


@pytest.mark.parametrize(
    "email",
    [MARA, "name@example.com", "mara+tag@example.com", "o'hara@example.com", "mara@shop.test", "jürgen@bücher.example",
     "x@例え.jp", "a" * 64 + "@example.com"],
)  # fmt: skip
def test_an_address_that_mail_could_reach_passes(email):
    assert faults_of(description="x", submittedByEmail=email) == []


@pytest.mark.parametrize(
    "email",
    ["mara", "mara@", "@example.com", "mara@northwind", "mara@@example.com", "mara@exa mple.com", "mara@example..com",
     "Mara <mara@example.com>", "mara@example.com, joe@example.com", "mara@[127.0.0.1]", "mara@printer.local",
     "mara@example.com\nBcc: joe@example.com", "mara\x00@example.com"],
)  # fmt: skip
def test_what_is_no_address_is_invalid(email):
    assert faults_of(description="x", submittedByEmail=email) == [("submittedByEmail", "invalid")]


@pytest.mark.parametrize("email", ["", "  ", "\t\n"])
def test_an_address_is_required(email):
    assert faults_of(description="x", submittedByEmail=email) == [("submittedByEmail", "required")]


def test_a_missing_address_is_required():
    _, faults = check_fields({"description": "x"}, files=0)
    assert faults == [Fault("required", "submittedByEmail")]


@pytest.mark.parametrize("email", ["a" * 250 + "@x.example", "a@" + "\u0301" * 60_000 + ".example"])
def test_an_overlong_address_is_too_long_and_costs_nothing_to_refuse(email):
    assert faults_of(description="x", submittedByEmail=email) == [("submittedByEmail", "too_long")]


def test_an_address_is_kept_as_written_before_the_at():
    assert feedback_of(description="x", submittedByEmail=" Mara@Northwind.Example\t").email == "Mara@northwind.example"


@pytest.mark.parametrize(("written", "rating"), [("true", True), ("false", False), ("", None)])
def test_a_thumb_is_up_down_or_none(written, rating):
    assert feedback_of(description="x", sentimentRating=written).rating is rating


@pytest.mark.parametrize("written", ["True", "1", "yes", " true", "null"])
def test_any_other_thumb_is_invalid(written):
    assert faults_of(description="x", sentimentRating=written) == [("sentimentRating", "invalid")]


@pytest.mark.parametrize(("written", "consent"), [("true", True), ("false", False)])
def test_consent_is_given_or_not(written, consent):
    assert feedback_of(description="x", contactConsent=written).consent is consent


@pytest.mark.parametrize("written", ["on", "", "TRUE", "1"])
def test_any_other_consent_is_invalid_rather_than_guessed(written):
    assert faults_of(description="x", contactConsent=written) == [("contactConsent", "invalid")]


def test_nothing_said_at_all_is_empty():
    assert faults_of(description=" \r\n ") == [("", "empty")]


@pytest.mark.parametrize("said", [{"description": "x"}, {"sentimentRating": "false"}, {"files": 1}])
def test_any_one_of_text_thumb_and_file_is_enough(said):
    assert faults_of(**said) == []


ASKED = {"description": "description", "sentiment": "sentimentRating", "files": "files"}


@pytest.mark.parametrize(("rule", "field"), ASKED.items())
def test_what_a_product_requires_is_missed_by_its_name_and_nothing_else_is_said_of_it(rule: str, field: str) -> None:
    fields = {"submittedByEmail": "ada@example.com"}
    _, faults = check_fields(fields, files=0, rules=Rules(**{rule: "required"}))
    assert faults == [Fault("required", field)]


@pytest.mark.parametrize(("rule", "field"), [("description", "description"), ("sentiment", "sentimentRating")])
def test_what_a_product_hides_is_not_taken_either(rule: str, field: str) -> None:
    given = {"description": "Good", "sentimentRating": "true", "submittedByEmail": "ada@example.com"}
    _, faults = check_fields(given, files=0, rules=Rules(**{rule: "hidden"}))
    assert [(fault.code, fault.field) for fault in faults] == [("invalid", field)]
    _, faults = check_fields({**given, field: ""}, files=0, rules=Rules(**{rule: "hidden"}))
    assert faults == []


def test_the_version_of_the_consent_is_the_one_that_the_person_saw() -> None:
    assert seen_version({"consentVersion": "2026-05"}, "2026-06") == "2026-05"
    assert seen_version({}, "2026-06") == "2026-06"
    assert seen_version({"consentVersion": "<x>" * 99}, "2026-06") == "2026-06"
    assert seen_version({"consentVersion": "2026-05"}, None) is None

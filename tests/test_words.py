"""The words: every language complete, plurals right, values put in as they are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from babel import Locale

from widget import words
from widget.errors import STATUS, Fault
from widget.words import Words

ENGLISH = words.choose("en")
PLACEHOLDER = re.compile(r"\{[a-z]+\}")


@dataclass(frozen=True)
class Product:
    name: str = "Northwind"


def texts(language: str) -> Mapping[str, tuple[str, ...]]:
    return words.choose(language).texts


@pytest.mark.parametrize("language", words.languages())
def test_a_language_has_every_text_and_none_is_empty(language: str) -> None:
    assert texts(language).keys() == texts("en").keys()
    assert all(form.strip() for forms in texts(language).values() for form in forms)


@pytest.mark.parametrize("language", words.languages())
def test_a_language_fills_in_nothing_that_english_does_not(language: str) -> None:
    for key, forms in texts(language).items():
        known = {name for form in texts("en")[key] for name in PLACEHOLDER.findall(form)}
        assert {name for form in forms for name in PLACEHOLDER.findall(form)} <= known, key


@pytest.mark.parametrize("language", words.languages())
def test_each_plural_form_belongs_to_the_category_that_browsers_choose(language: str) -> None:
    chosen = words.choose(language)
    forms = chosen.script(Product())["text.left"]
    assert isinstance(forms, dict)
    plural = Locale.parse(language.replace("-", "_")).plural_form
    for n in range(300):
        assert chosen("text.left", n=n) == forms[plural(n)].replace("{n}", str(n))


@pytest.mark.parametrize("language", words.languages())
@pytest.mark.parametrize("code", STATUS)
def test_every_code_has_words_fit_to_show(language: str, code: str) -> None:
    said = words.choose(language).fault(Fault(code), Product())
    assert said.endswith((".", "。"))
    assert not PLACEHOLDER.search(said)


def test_a_variant_comes_before_a_field_and_a_field_before_the_code() -> None:
    assert ENGLISH.fault(Fault("file_type", "files", "empty")) == ENGLISH("error.file_type.empty")
    assert ENGLISH.fault(Fault("invalid", "submittedByEmail")) == ENGLISH("error.invalid.submittedByEmail")
    assert ENGLISH.fault(Fault("invalid", "contactConsent", "odd")) == ENGLISH("error.invalid")


def test_numbers_choose_the_form_and_are_filled_in() -> None:
    assert ENGLISH("summary", n=1) == "1 thing to put right"
    assert ENGLISH("summary", n=2) == "2 things to put right"
    assert words.choose("ar")("summary", n=2) == "أمران يحتاجان إلى تصحيح"


def test_what_is_put_in_stays_what_it_is() -> None:
    odd = "{n} {0.__class__} %s {name}"
    assert ENGLISH("files.remove", name=odd) == f"Remove {odd}"


def test_a_missing_value_is_an_error_and_no_gap() -> None:
    with pytest.raises(KeyError):
        ENGLISH("files.remove")


def test_names_are_kept_apart_from_text_that_runs_right_to_left() -> None:
    assert "\u2068notes.docx\u2069" in words.choose("ar")("files.remove", name="notes.docx")


def test_limits_are_written_as_the_language_writes_them() -> None:
    assert ENGLISH("files.limit") == "up to 5, 4 MB each"
    assert "4 م.ب" in words.choose("ar")("files.limit")


def test_the_reason_of_a_refusal_is_told() -> None:
    told = ENGLISH.fault(Fault("refused_upstream", params={"reason": "The text is empty."}), Product())
    assert told == "Northwind could not take this as it is. The text is empty. Change it and press Send again."


def test_a_refusal_without_a_reason_has_no_gap() -> None:
    told = ENGLISH.fault(Fault("refused_upstream"), Product())
    assert told == "Northwind could not take this as it is. Change it and press Send again."


@pytest.mark.parametrize(
    ("requested", "accepted", "lang"),
    [
        ("de", "ar", "de"),
        ("de-AT", "", "de"),
        ("xx", "ar;q=0.4, de;q=0.8", "de"),
        (None, "fr, de;q=0", "en"),
        (None, "ar-EG", "ar"),
        (None, "*;q=nonsense, ,;;", "en"),
        ("../../etc", "", "en"),
    ],
)
def test_the_page_asks_for_a_language_then_the_browser_then_english(
    requested: str | None, accepted: str, lang: str
) -> None:
    assert words.choose(requested, accepted).lang == lang


def test_the_script_gets_the_product_and_the_limits_filled_in_and_the_rest_left_open() -> None:
    script = ENGLISH.script(Product())
    assert script["accepted.text"] == ENGLISH("accepted.text", product="Northwind")
    assert script["text.left"] == {"one": "{n} character left", "other": "{n} characters left"}
    assert "4 MB" in str(script["error.file_too_large"])


def test_moments_are_told_in_utc() -> None:
    at = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
    assert ENGLISH.moment(at) == "23 November 2026, 14:02 UTC"


def test_no_english_text_shouts() -> None:
    assert not [key for key, forms in texts("en").items() if "!" in "".join(forms)]


def test_words_know_their_direction() -> None:
    def directions(*every: Words) -> list[str]:
        return [one.dir for one in every]

    assert directions(words.choose("en"), words.choose("ar"), words.choose("de")) == ["ltr", "rtl", "ltr"]

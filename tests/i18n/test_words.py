"""Texts: every language is complete, plurals are right, and values are inserted as they are."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel import Locale
from bed import ROOT

from widget.config import resources
from widget.errors import STATUS, Fault
from widget.i18n import messages as words
from widget.i18n.overrides import faults_of, placeholders

ENGLISH = words.choose("en")
PLACEHOLDER = re.compile(r"\{[a-z]+\}")


@dataclass(frozen=True)
class Product:
    name: str = "Northwind"


def texts(language: str) -> Mapping[str, tuple[str, ...]]:
    return words.choose(language).texts


def categories(language: str, numbers: Iterable[int]) -> dict[int, str]:
    """The plural category of each number according to the Unicode CLDR."""
    plural = Locale.parse(language, sep="-").plural_form
    return {n: plural(n) for n in numbers}


def test_the_languages_are_those_that_the_readme_names() -> None:
    assert words.languages() == (
        "en", "ar", "de", "es", "fr", "he", "hi", "id", "it", "ja", "ko", "nl", "pl", "pt-BR", "ro", "tr", "uk",
        "zh-Hans", "zh-Hant",
    )  # fmt: skip


@pytest.mark.parametrize("language", words.languages())
def test_a_language_has_every_text_and_none_is_empty(language: str) -> None:
    own = texts(language)
    assert [key for key in texts("en") if not "".join(own.get(key, ())).strip()] == [], f"{language} lacks these"
    assert [key for key in own if key not in texts("en")] == [], f"{language} has these to no purpose"


@pytest.mark.parametrize("language", words.languages())
def test_every_form_of_a_text_fills_in_what_english_fills_in(language: str) -> None:
    chosen = words.choose(language)
    wrong = []
    for key, english in texts("en").items():
        samples = {chosen.plural(n): n for n in (0, *range(200, 0, -1))}
        reference = english[-1:]
        if len(english) > 1 and len(samples) > 1:
            reference = tuple(english[ENGLISH.plural(samples[form])] for form in sorted(samples))
        own = frozenset().union(*map(placeholders, chosen.texts[key]))
        if own != placeholders(english[-1]):
            wrong.append(f"{language}.po: {key}: it fills in {sorted(own)}")
        wrong += [f"{language}.po: {key}: {fault}" for fault in faults_of(chosen.texts[key], reference, chosen)]
    assert wrong == []


@pytest.mark.parametrize("language", words.languages())
def test_a_plural_rule_says_what_the_unicode_cldr_says(language: str) -> None:
    chosen = words.choose(language)
    together = {(chosen.plural(n), category) for n, category in categories(language, range(2001)).items()}
    forms, named = {form for form, _ in together}, {category for _, category in together}
    assert len(together) == len(forms) == len(named), sorted(together)
    assert chosen.plural_forms.startswith(f"nplurals={len(forms)};")


@pytest.mark.parametrize("language", words.languages())
def test_each_plural_form_belongs_to_the_category_that_browsers_choose(language: str) -> None:
    chosen = words.choose(language)
    countable = {key: forms for key, forms in chosen.script(Product()).items() if isinstance(forms, dict)}
    assert countable or len(chosen.texts["text.left"]) == 1
    for n, category in categories(language, range(300)).items():
        for key, forms in countable.items():
            form = forms.get(str(n)) or (forms.get("other", "") if set(forms) == {"other", "2"} else forms[category])
            assert chosen(key, n=n, m=0, product="Northwind") == form.replace("{n}", str(n)).replace("{m}", "0"), key


@pytest.mark.parametrize("language", words.languages())
@pytest.mark.parametrize("code", STATUS)
def test_every_code_has_words_fit_to_show(language: str, code: str) -> None:
    said = words.choose(language).fault(Fault(code), Product())
    assert said.endswith((".", "\u3002", "\u0964", "?", "\uff1f", "\u061f"))
    assert not PLACEHOLDER.search(said)


def test_a_variant_comes_before_a_field_and_a_field_before_the_code() -> None:
    assert ENGLISH.fault(Fault("file_type", "files", "empty")) == ENGLISH("error.file_type.empty")
    assert ENGLISH.fault(Fault("invalid", "submittedByEmail")) == ENGLISH("error.invalid.submittedByEmail")
    assert ENGLISH.fault(Fault("invalid", "contactConsent", "odd")) == ENGLISH("error.invalid")


def test_numbers_choose_the_form_and_are_filled_in() -> None:
    assert ENGLISH("summary", n=1) == "1 thing to fix"
    assert ENGLISH("summary", n=2) == "2 things to fix"
    assert words.choose("ar")("summary", n=2) == "أمران يحتاجان إلى تصحيح"


def test_a_text_may_have_a_wording_for_two() -> None:
    one, two, three = (ENGLISH("delivered.files", n=n, product="Northwind") for n in (1, 2, 3))
    assert one.endswith(" your feedback and the file.")
    assert two.endswith(" your feedback and both files.")
    assert three.endswith(" your feedback and all 3 files.")
    forms = ENGLISH.script(Product())["delivered.files"]
    assert isinstance(forms, dict)
    assert (forms["2"], forms["other"].replace("{n}", "3")) == (two, three)


def test_a_product_that_words_a_text_anew_words_it_for_two_as_well() -> None:
    own = ENGLISH.but({"delivered.files": ("One.", "{n}.")})
    assert own("delivered.files", n=2) == "2."
    assert own.script(Product())["delivered.files"] == {"one": "One.", "other": "{n}."}


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


def test_the_reason_of_a_refusal_is_shown() -> None:
    message = ENGLISH.fault(Fault("refused_upstream", params={"reason": "The text is empty."}), Product())
    assert message == "Northwind did not accept this. The text is empty. Change it and press Send again."


def test_a_refusal_without_a_reason_has_no_gap() -> None:
    message = ENGLISH.fault(Fault("refused_upstream"), Product())
    assert message == "Northwind did not accept this. Change it and press Send again."


@pytest.mark.parametrize(
    ("requested", "accepted", "lang"),
    [
        ("de", "ar", "de"),
        ("de-AT", "", "de"),
        ("xx", "ar;q=0.4, de;q=0.8", "de"),
        (None, "sv, de;q=0", "en"),
        ("pt", "", "pt-BR"),
        ("pt-PT", "en", "pt-BR"),
        ("PT_br", "", "pt-BR"),
        ("zh", "", "zh-Hans"),
        ("zh-CN", "", "zh-Hans"),
        ("zh-Hans-CN", "", "zh-Hans"),
        ("zh-Hans-HK", "", "zh-Hans"),
        ("zh-Hant", "", "zh-Hant"),
        ("zh-TW", "en", "zh-Hant"),
        ("zh_hk", "", "zh-Hant"),
        ("zh-MO", "", "zh-Hant"),
        ("zh-Hant-CN", "", "zh-Hant"),
        ("zh-SG", "", "zh-Hans"),
        (None, "zh-TW, zh;q=0.9, en;q=0.7", "zh-Hant"),
        (None, "zh;q=0.5, zh-HK", "zh-Hant"),
        (None, "yue-HK", "zh-Hant"),
        ("iw-IL", "", "he"),
        ("in", "", "id"),
        ("in-ID", "", "id"),
        ("nl-BE", "", "nl"),
        ("uk-UA", "", "uk"),
        (None, "pl-PL", "pl"),
        ("hi-Latn", "en", "hi"),
        (None, "hi-Latn, en;q=0.5", "en"),
        ("xx-latn-de-fonipa-" + "x" * 5000, "", "en"),
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


def test_times_are_written_in_utc() -> None:
    at = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
    assert ENGLISH.moment(at) == "23 November 2026, 14:02 UTC"


@pytest.mark.parametrize("language", words.languages())
def test_no_text_shouts(language: str) -> None:
    assert not [key for key, forms in texts(language).items() if set("!\uff01\u00a1") & set("".join(forms))]


@pytest.mark.parametrize("language", words.languages())
def test_a_sentence_ends_where_the_english_one_does_and_a_label_does_not(language: str) -> None:
    for key, english in texts("en").items():
        for form in texts(language)[key]:
            assert form.endswith((".", "。", "।")) == english[-1].endswith("."), (key, form)


FOREIGN = {
    "de": "\u201d|[\u00ab\u00bb]",  # „so“
    "fr": r"(?<![\u202f\u00a0])[?!;:\u00bb]|\u00ab(?!\u00a0)|[\u201c\u201d]",  # « ainsi », a narrow space before ?
    "es": "^[^\u00bf]*\\?|[\u201c\u201d]",
    "it": "[\u201c\u201d]",
    "ro": "[\u015e\u015f\u0162\u0163]|\u201c",  # a comma below, no cedilla
    "ar": "[?,;]",
    "hi": "\\.",
    "ja": "[.,;:?!]",
    "zh-Hans": "[.,;:?!]",
    "zh-Hant": "[.,;:?!\u201c\u201d]",
    "nl": "[\u201c\u201d\u00ab\u00bb]",
    "pl": "[\u201c\u00ab\u00bb]",  # „tak”
    "uk": "[\u201c\u201d]",  # «так»
    "he": "[\u201c\u201d\u00ab\u00bb]|[\u05d0-\u05ea]-",  # ״כך״, and the maqaf in the hyphen's place
}
"""What each language writes differently."""


@pytest.mark.parametrize("language", words.languages())
def test_the_marks_are_those_of_the_language(language: str) -> None:
    foreign = re.compile("[\"'`]" + (f"|{FOREIGN[language]}" if language in FOREIGN else ""))
    said = {key: " ".join(forms).replace("name@example.com", "") for key, forms in texts(language).items()}
    joined = {"say.note", "error.joined", "error.refused_upstream"} if language == "hi" else set()
    assert [key for key, text in said.items() if key not in joined and foreign.search(text)] == []


@pytest.mark.parametrize("language", words.languages())
def test_one_place_is_worded_otherwise_than_several(language: str) -> None:
    forms = words.choose(language).script(Product())["files.full"]
    assert isinstance(forms, str) or not re.search(r"\{|1", forms["one"])


def test_a_file_that_is_broken_costs_its_language_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("en.po").write_bytes(words.LOCALES.joinpath("en.po").read_bytes())
    french = words.LOCALES.joinpath("fr.po").read_text("utf-8")
    tmp_path.joinpath("fr.po").write_text(french.replace("plural=(n > 1)", "plural=(n >"), "utf-8")
    monkeypatch.setattr(words, "LOCALES", tmp_path)
    for cached in (words._paths, words._load):
        cached.cache_clear()
    try:
        assert words.choose("fr").lang == "en"
    finally:
        monkeypatch.undo()
        for cached in (words._paths, words._load):
            cached.cache_clear()


def test_words_know_their_direction() -> None:
    assert [lang for lang in words.languages() if words.choose(lang).dir == "rtl"] == ["ar", "he"]


def rows_of(source: str, name: str) -> dict[str, list[str]]:
    """A table of the loader's, whose rows are lists of texts."""
    table = source.partition(f"const {name} = {{")[2].partition("\n}")[0]
    return {lang: re.findall(r"'([^']*)'", row) for lang, row in re.findall(r"(\w+): \[(.*)\],", table)}


def test_the_loaders_words_are_those_of_the_locale_files() -> None:
    static = resources.path("static")
    source = (ROOT / "loader" / "widget.js").read_text("utf-8").partition("const WORDS = {")[2].partition("}")[0]
    button = dict(re.findall(r"(\w+): '([^']*)'", source))
    source = static.joinpath("embed-panel.js").read_text("utf-8")
    panel, fates = (rows_of(source, name) for name in ("WORDS", "FATES"))
    for lang in words.languages():
        own = words.choose(lang)
        assert button.get("h" if lang == "zh-Hant" else lang[:2], "Feedback") == own("feedback"), lang
        keys = ("close", "frame.open", "frame.failed", "frame.failed.text")
        code = "hant" if lang == "zh-Hant" else lang[:2]
        assert fates[code] == [own(f"launcher.{fate}") for fate in ("sending", "sent", "failed")], lang
        assert panel[code] == [own(key) for key in keys], lang

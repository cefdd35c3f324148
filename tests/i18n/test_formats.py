"""Numbers, sizes, dates and lists are written as the Unicode CLDR has it, without reading it while the service runs.

Babel has the CLDR. If a new release of Babel changes a format, run `scripts/formats`.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel import Locale, localedata
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_decimal
from babel.units import format_unit

from widget.i18n import messages
from widget.i18n.formats import Formats
from widget.i18n.overrides import Wording

MB = 1024 * 1024
MOMENTS = [
    datetime(2026, 1 + hour % 12, 1 + hour, hour, minute, tzinfo=UTC) for hour in range(24) for minute in (5, 59)
]
"""Each hour and each month. Of midnight itself, Chinese has a name that only lasts until a minute later."""


def locale_of(language: str) -> Locale:
    """The locale of a language. English has British dates, as its texts have British words."""
    return Locale.parse("en-GB" if language == "en" else language, sep="-")


@pytest.mark.parametrize("language", messages.languages())
def test_a_language_writes_numbers_and_sizes_as_the_unicode_cldr_does(language: str) -> None:
    own, locale = Formats.of(language), locale_of(language)
    for number in (0, 7, 999, 1000, 54_321, 987_654, 1_234_567):
        assert own.number(number) == format_decimal(number, locale=locale)
    for size in (2 * MB, 4 * MB, 25 * MB // 2, 100 * MB):
        expected = format_unit(size / MB, "digital-megabyte", "short", format="#,##0.#", locale=locale)
        assert own.size(size) == expected


@pytest.mark.parametrize("language", messages.languages())
def test_a_language_writes_dates_and_times_as_the_unicode_cldr_does(language: str) -> None:
    own, locale = Formats.of(language), locale_of(language)
    for at in MOMENTS:
        assert own.date(at) == format_date(at, "long", locale)
        assert own.time(at) == format_time(at, "short", locale=locale)


@pytest.mark.parametrize("language", messages.languages())
def test_a_language_lists_kinds_of_files_as_the_unicode_cldr_does(language: str) -> None:
    for kinds in (["JPEG"], ["JPEG", "PNG"], ["JPEG", "PNG", "PDF"]):
        assert Formats.of(language).any_of(kinds) == format_list(kinds, "or", locale_of(language))


def test_a_language_without_formats_is_an_error_that_tells_what_to_do() -> None:
    with pytest.raises(ValueError, match="run scripts/formats"):
        Formats.of("xx")


def test_all_texts_are_read_without_the_unicode_cldr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localedata, "load", lambda name, **_: pytest.fail(f"the CLDR's data of {name} was loaded"))
    messages._load.cache_clear()
    folder = tmp_path / "products" / "demo"
    folder.mkdir(parents=True)
    for language in messages.languages():
        folder.joinpath(f"words.{language}.po").write_text('msgid "title"\nmsgstr "Hello"\n', "utf-8")
    wording = Wording(tmp_path, ["demo"])
    assert wording.problems == ()
    for language in messages.languages():
        words = wording.of("demo", messages.choose(language))
        assert (words("title"), words.lang) == ("Hello", language)
        assert words.moment(MOMENTS[0]).strip()
        assert re.search(r"12\D345", words("text.left", n=12_345))

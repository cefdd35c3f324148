"""A product's own texts replace ours where they are valid, and are reported where they are not."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from bed import ROOT

from widget.i18n import messages as words
from widget.i18n.overrides import Wording


@dataclass(frozen=True)
class Product:
    name: str = "Northwind"


def wording(folder: Path, /, slug: str = "demo", **files: str | bytes) -> Wording:
    """The texts of `demo`, whose files are given by language."""
    own = folder / "products" / slug
    own.mkdir(parents=True, exist_ok=True)
    for language, text in files.items():
        own.joinpath(f"words.{language}.po").write_bytes(text if isinstance(text, bytes) else text.encode())
    return Wording(folder, ["demo", "other"])


def said(own: Wording, language: str, key: str, /, slug: str = "demo", **params: str | int) -> str:
    return own.of(slug, words.choose(language))(key, **params)


def ours(language: str, key: str, /, **params: str | int) -> str:
    return words.choose(language)(key, **params)


TITLE = 'msgid "title"\nmsgstr "Alors, {product} ?"\n'


def test_a_text_of_the_products_own_wins_in_its_language_alone(tmp_path: Path) -> None:
    own = wording(tmp_path, fr=TITLE)
    assert own.problems == ()
    assert said(own, "fr", "title", product="Northwind") == "Alors, Northwind ?"
    assert said(own, "fr", "send") == ours("fr", "send")
    assert said(own, "de", "title", product="Northwind") == ours("de", "title", product="Northwind")
    assert said(own, "fr", "title", slug="other", product="Northwind") == ours("fr", "title", product="Northwind")
    assert own.of("demo", words.choose("fr")).script(Product())["send"] == ours("fr", "send")


def test_a_file_may_be_named_as_gettext_or_as_browsers_name_languages(tmp_path: Path) -> None:
    text = 'msgid "send"\nmsgstr "{}"\n'
    own = wording(tmp_path, pt_BR=text.format("Mandar"), **{"zh-hans": text.format("好了")})
    assert own.problems == ()
    assert (said(own, "pt", "send"), said(own, "zh-CN", "send")) == ("Mandar", "好了")


def test_the_right_plural_rule_is_used_where_none_is_given(tmp_path: Path) -> None:
    forms = "".join(f'msgstr[{form}] "{{n}} #{form}"\n' for form in range(3))
    own = wording(tmp_path, ro=f'msgid "text.left"\nmsgid_plural "text.left"\n{forms}')
    assert own.problems == ()
    assert [said(own, "ro", "text.left", n=n) for n in (1, 5, 20)] == ["1 #0", "5 #1", "20 #2"]


def test_a_product_need_not_say_its_name_and_one_may_be_a_word(tmp_path: Path) -> None:
    own = wording(
        tmp_path,
        en='msgid "title"\nmsgstr "How is it going?"\n\n'
        'msgid "summary"\nmsgid_plural "summary"\nmsgstr[0] "One thing left"\nmsgstr[1] "{n} things left"\n',
    )
    assert own.problems == ()
    assert said(own, "en", "summary", n=1) == "One thing left"


PLURAL = 'msgid "text.left"\nmsgid_plural "text.left"\n'
HEADER = 'msgid ""\nmsgstr ""\n"Language: ro\\n"\n"Plural-Forms: {}\\n"\n\n'


@pytest.mark.parametrize(
    ("language", "text", "line", "message"),
    [
        ("fr", '\nmsgid "titel"\nmsgstr "x"\n', 2, "there is no text 'titel'; there is 'title'"),
        ("fr", 'msgid "files.remove"\nmsgstr "Enlever"\n', 1, "'files.remove': it has lost {name}"),
        ("fr", 'msgid "send"\nmsgstr "Envoyer {nom}"\n', 1, "'send': it asks for {nom}, which is not given here"),
        ("fr", f'{PLURAL}msgstr[0] "{{n}} signe"\n', 1, "'text.left': msgstr[1] is missing or empty"),
        ("fr", f'{PLURAL}msgstr[0] "un signe"\nmsgstr[1] "{{n}}"\n', 1, "'text.left': msgstr[0] has lost {n}"),
        ("fr", 'msgid "text.left"\nmsgstr "{n}"\n', 1, "'text.left': it has 1 forms and needs 2"),
        (
            "fr",
            'msgid "send"\nmsgid_plural "send"\nmsgstr[0] "a"\nmsgstr[1] "b"\n',
            1,
            "'send': it takes no plural",
        ),
        (
            "fr",
            f'{PLURAL}msgstr[0] "{{n}}"\nmsgstr[1] "{{n}}"\nmsgstr[2] "{{n}}"\n',
            1,
            "this cannot be read: msg has more translations than num_plurals of catalog",
        ),
        ("fr", 'msgid "send"\nwhatever\n', 2, "this cannot be read: Unknown or misformatted keyword"),
        ("ja", b'msgid "send"\nmsgstr "\xff"\n', 1, "this file cannot be read: "),
        ("sv", TITLE, 1, "there is no language 'sv': en, ar, de, "),
        ("ro", HEADER.format("nplurals=3; plural=(n==;") + PLURAL + 'msgstr[0] "{n}"\n', 4, "Plural-Forms are not"),
        ("ro", HEADER.format("nplurals=2; plural=(n!=1);"), 4, "Plural-Forms are not those of ro"),
        ("ro", HEADER.format("nplurals=x; plural=0;"), 1, "this file cannot be read: "),
    ],
)
def test_what_cannot_be_used_is_named_with_file_and_line_and_ours_stays(
    tmp_path: Path, language: str, text: str | bytes, line: int, message: str
) -> None:
    good = 'msgid "send"\nmsgstr "Abschicken"\n'
    own = wording(tmp_path, "demo", **{language: text, "de": good})
    assert own.problems[0].name == f"products/demo/words.{language}.po:{line}"
    assert own.problems[0].message.startswith(message)
    assert own.of("demo", words.choose(language)).texts == words.choose(language).texts
    assert said(own, "de", "send") == "Abschicken"


def test_a_fault_costs_its_own_text_alone(tmp_path: Path) -> None:
    own = wording(tmp_path, fr=TITLE + '\nmsgid "files.remove"\nmsgstr "Enlever"\n')
    assert [problem.name for problem in own.problems] == ["products/demo/words.fr.po:4"]
    assert said(own, "fr", "title", product="X") == "Alors, X ?"
    assert said(own, "fr", "files.remove", name="a.png") == ours("fr", "files.remove", name="a.png")


def test_the_example_in_the_manual_is_right(tmp_path: Path) -> None:
    manual = (ROOT / "docs" / "words.md").read_text("utf-8")
    own = wording(tmp_path, fr=manual.partition("```po\n")[2].partition("```")[0])
    assert own.problems == ()
    assert said(own, "fr", "summary", n=2) == "Encore 2 détails à revoir"


def test_the_manual_lists_every_language() -> None:
    manual = (ROOT / "docs" / "words.md").read_text("utf-8")
    assert tuple(re.findall(r"^\| `([\w-]+)` \|", manual, re.MULTILINE)) == words.languages()

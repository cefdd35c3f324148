"""Products' own texts, from `products/{slug}/words.{language}.po` in the templates' folder.

Such a file has only the texts that differ, under the names of ours. What is unusable in it (a name that we do not have,
a missing placeholder, a plural without all its forms, a file that cannot be parsed) is reported with file and line.
There, our own words are used; other texts and products are not affected.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from gettext import c2py
from pathlib import Path

import structlog
from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, PoFileParser

from widget.config.products import Product
from widget.errors import Problem
from widget.i18n import messages as ours
from widget.i18n.messages import Forms, Words, forms_of, key_of

log = structlog.get_logger("widget.i18n.overrides")

OWN = frozenset({"product"})
"""The placeholder that a product's text may leave out: the product's own name."""


class Wording:
    """The products' own texts, read once."""

    def __init__(self, templates: Path, slugs: Iterable[str]) -> None:
        problems: list[Problem] = []
        self._own: dict[tuple[str, str], Mapping[str, Forms]] = {}
        for slug in slugs:
            for path in sorted((templates / "products" / slug).glob("words.*.po")):
                words, texts = _read(path, templates, problems)
                if words:
                    self._own[slug, words.lang] = texts
        self.problems = tuple(problems)
        """The problems in the files. Each is named `products/{slug}/words.{language}.po:{line}`."""
        for problem in problems:
            log.warning("wording.unusable", where=problem.name, problem=problem.message)

    def of(self, slug: str, words: Words) -> Words:
        """`words` with the texts of one product."""
        own = self._own.get((slug, words.lang))
        return words.but(own) if own else words


def faults_of(text: Forms, reference: Forms, words: Words) -> Iterator[str]:
    """What is wrong with a text that replaces another, as far as forms and placeholders go.

    A form for exactly one number may write it in words, such as "one".
    """
    if len(text) != len(reference):
        yield f"it has {len(text)} forms and needs {len(reference)}" if len(reference) > 1 else "it takes no plural"
        return
    known = frozenset().union(*map(placeholders, reference))
    for index, (form, pattern) in enumerate(zip(text, reference, strict=True)):
        where = f"msgstr[{index}]" if len(reference) > 1 else "it"
        if not form.strip():
            yield f"{where} is missing or empty"
            continue
        needed = placeholders(pattern) - OWN
        if len(reference) > 1:
            needed -= _said_in_words([n for n in range(201) if words.plural(n) == index])
        if lost := needed - placeholders(form):
            yield f"{where} has lost {_named(lost)}"
        if unknown := placeholders(form) - known:
            yield f"{where} asks for {_named(unknown)}, which is not given here"


def unspoken(product: Product) -> Iterator[str]:
    """Problems with the languages that a product's consent text and chips name."""
    known = {lang.lower() for lang in ours.languages()}
    consent = product.consent if isinstance(product.consent, dict) else ()
    chips = product.chips.languages if product.chips else ()
    for setting, named in (("consent", consent), ("chips", chips)):
        for tag in sorted({*named} - known):
            yield f"{setting}: there is no language {tag!r}: {', '.join(ours.languages())}"


def _said_in_words(numbers: list[int]) -> frozenset[str]:
    if numbers == [0]:
        return frozenset({"m", "n"})  # m of n
    return frozenset({"n"}) if len(numbers) == 1 else frozenset()


def placeholders(form: str) -> frozenset[str]:
    """The names of the placeholders in a text."""
    return frozenset(re.findall(r"\{([a-z]+)\}", form))


def _read(path: Path, templates: Path, problems: list[Problem]) -> tuple[Words | None, Mapping[str, Forms]]:
    name = path.relative_to(templates).as_posix()
    language = path.name.removeprefix("words.").removesuffix(".po")
    lang = next((lang for lang in ours.languages() if lang.lower() == language.lower().replace("_", "-")), None)
    if lang is None:
        problems.append(Problem(f"{name}:1", f"there is no language {language!r}: {', '.join(ours.languages())}"))
        return None, {}
    words = ours.choose(lang)
    try:
        catalog, plural_line = _parse(path, words)
    except PoFileError as error:
        reason, _, _ = str(error).rpartition(" on ")
        problems.append(Problem(f"{name}:{error.lineno + 1}", f"this cannot be read: {reason}"))
        return None, {}
    except (OSError, ValueError) as error:
        problems.append(Problem(f"{name}:1", f"this file cannot be read: {error}"))
        return None, {}
    can_count = plural_line is None or _counts_alike(catalog, words)
    if not can_count:
        problem = f"Plural-Forms are not those of {lang}; leave the line out, and the right ones are used"
        problems.append(Problem(f"{name}:{plural_line}", problem))
    texts: dict[str, Forms] = {}
    for message in catalog:
        if message.id:
            text = forms_of(message)
            found = list(_faults(message, text, words, can_count=can_count))
            problems += [Problem(f"{name}:{message.lineno}", fault) for fault in found]
            if not found and any(text):
                texts[key_of(message)] = text
    return words, texts


def _parse(path: Path, words: Words) -> tuple[Catalog, int | None]:
    """The parsed file, and the line of its plural rule, if it has one."""
    catalog = Catalog(locale=Locale.parse(words.lang, sep="-"))
    catalog.mime_headers = [("Plural-Forms", words.plural_forms)]
    lines = path.read_text("utf-8-sig").splitlines(keepends=True)
    PoFileParser(catalog, abort_invalid=True).parse(lines)
    return catalog, next((i for i, line in enumerate(lines, 1) if "Plural-Forms:" in line), None)


def _counts_alike(catalog: Catalog, words: Words) -> bool:
    try:
        plural = c2py(catalog.plural_expr)
        return all(plural(n) == words.plural(n) for n in range(201))
    except (ValueError, ArithmeticError):
        return False


def _faults(message: Message, text: Forms, words: Words, *, can_count: bool) -> Iterator[str]:
    key = key_of(message)
    reference = words.texts.get(key)
    if reference is None:
        near = difflib.get_close_matches(key, words.texts, 1)
        yield f"there is no text {key!r}" + (f"; there is {near[0]!r}" if near else "")
    elif any(text) and (can_count or len(reference) == 1):
        yield from (f"{key!r}: {fault}" for fault in faults_of(text, reference, words))
    elif any(text):
        yield f"{key!r}: its plural cannot be counted"


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))

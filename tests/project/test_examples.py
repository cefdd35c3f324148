"""The products of examples/ are complete, have no findings, and differ as intended. Our updates reach them."""

import shutil
from functools import cache
from pathlib import Path

import pytest
from bed import ROOT
from structlog.testing import capture_logs

from widget.config import loading, resources
from widget.config.products import Product
from widget.config.settings import Settings
from widget.errors import Fault
from widget.i18n import messages as words
from widget.i18n.overrides import Wording
from widget.pages.pages import Pages
from widget.pages.state import FormState
from widget.pages.templating import Templates
from widget.theming import themes
from widget.web.assets import StaticFiles

EXAMPLES = ROOT / "examples"
ENVIRON = {
    "INSIDER_URL": "https://insider.example.com",
    "INSIDER_CLIENT_ID": "client",
    "INSIDER_CLIENT_SECRET": "a-secret",
    "SECRET_KEY": "tests-only-tests-only-tests-only-0",
    "WIDGET_CONFIG": str(EXAMPLES / "widget.toml"),
}


@cache
def examples() -> Settings:
    return loading.load(ENVIRON)


def ferry() -> Product:
    return examples().products["ferry"]


@cache
def pages(ours: Path | None = None) -> Pages:
    static = StaticFiles(resources.path("static"), examples().custom / "static" / "products")
    templates = Templates(
        ours or resources.path("templates"),
        examples().custom / "templates" / "products",
        slugs=examples().products,
        static=static.url,
    )
    return Pages(templates, sheet=static.sheet)


UNTOUCHED = FormState("t")


@cache
def wording() -> Wording:
    return Wording(examples().custom / "templates", examples().products)


def form(product: Product, language: str = "en", ours: Path | None = None, state: FormState = UNTOUCHED) -> str:
    """The form. Fails if a template did."""
    with capture_logs() as logs:
        said = wording().of(product.slug, words.choose(language))
        page = pages(ours).form(product, said, state)
    assert logs == []
    return page


@pytest.mark.parametrize("language", words.languages())
def test_every_example_is_whole_in_every_language(language: str) -> None:
    for product in examples().products.values():
        faults = [Fault("required", "submittedByEmail"), Fault("unavailable")]
        for page in (
            form(product, language),
            form(product, language, state=FormState("t", faults=faults, retry_after=5)),
        ):
            assert page.count('name="submittedByEmail"') == page.count('id="feedback-send"') == 1


@pytest.mark.parametrize("slug", examples().products)
def test_no_colour_of_an_example_is_too_weak(slug: str) -> None:
    assert themes.shortfalls(examples().products[slug].theme) == ()


def test_the_second_product_has_a_look_words_and_a_block_of_its_own() -> None:
    page, plain = form(ferry()), form(examples().products["demo"])
    assert wording().problems == ()
    for language, heading, thumb in (
        ("en", "How was the crossing?", "Smooth sailing"),
        ("de", "Wie war die Überfahrt?", "Ruhige Fahrt"),
        ("fr", "passée la traversée ?", "Mer calme"),
    ):
        assert f"{heading}</h1>" in form(ferry(), language)
        assert thumb in form(ferry(), language)
    assert 'class="ferry-crew">Every message is read on board' in page
    assert page.index("ferry-crew") < page.index('id="feedback-send"')
    assert "/products/ferry/product.css" in page
    assert "/form/ferry/theme.css?v=" in page
    assert 'accept="image/jpeg,image/png"' in page
    assert "ferry" not in plain
    assert "--feedback-surface: light-dark(#fbf6ea, #0e1c24);" in themes.stylesheet(ferry().theme)


def test_no_english_stands_in_the_second_product_s_form_in_a_language_that_it_has_no_words_in() -> None:
    page = form(ferry(), "ar")
    for text in ("crew", "write back", "consentVersion", "crossing", "sailing"):
        assert text not in page.replace("ferry-crew", "")
    for language, wording in (("en", "The crew may"), ("de", "Die Crew darf"), ("fr", "peut me répondre")):
        assert wording in form(ferry(), language)
        assert 'name="consentVersion" value="2026-11"' in form(ferry(), language)


def test_an_update_that_adds_a_field_reaches_a_product_that_replaced_two_blocks(tmp_path: Path) -> None:
    ours = tmp_path / "templates"
    shutil.copytree(resources.path("templates"), ours)
    source = (ours / "form.html").read_text("utf-8")
    place = '<div class="feedback-person">\n'
    assert source.count(place) == 1
    field = '{% block urgency %}<input type="checkbox" name="urgency" value="{{ fields.email }}">{% endblock %}\n'
    (ours / "form.html").write_text(source.replace(place, field + place), "utf-8")
    page = form(ferry(), ours=ours)
    assert page.count('name="urgency"') == 1
    assert "How was the crossing?" in page
    assert "ferry-crew" in page
    assert page.replace('<input type="checkbox" name="urgency" value="prefill">', "") == form(ferry())

"""Forms that are rendered once: every visitor gets the same page with a different token, and nothing about anybody."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from bed import TOKEN, Widget, submission_id_of, until_kept

from widget.config import resources
from widget.config.products import Product
from widget.i18n import messages as words
from widget.pages import pages
from widget.pages.state import FormState
from widget.pages.templating import Templates
from widget.submissions.tokens import Tokens
from widget.web.form_cache import FormCache, Variant, wish
from widget.web.gapped import Gapped

PLAIN = Variant("en", "auto", "page")


def token_in(answer: httpx.Response) -> str:
    (token,) = TOKEN.findall(answer.text)
    return str(token)


def without_token(answer: httpx.Response) -> str:
    return TOKEN.sub("TOKEN", answer.text)


def kept(own: str | None, folder: Path) -> Gapped | None:
    """What the cache keeps of a form that is asked for twice, and whose product has `own` as its template."""
    (folder / "demo").mkdir(exist_ok=True)
    if own is not None:
        (folder / "demo" / "form.html").write_text(own)
    templates = Templates(resources.path("templates"), folder, slugs=("demo",), static="/static/1/{}".format)
    product = Product(slug="demo", name="Northwind", origins=("https://app.example.com",))
    tokens, language = Tokens(["k" * 32], 60), words.choose("en")
    forms, token = FormCache(pages.Pages(templates), tokens), tokens.form("demo")
    page = pages.Pages(templates).form(product, language, FormState(token))
    asyncio.run(forms.keep(product, language, PLAIN, page, token))
    assert forms.find("demo", PLAIN) is None, "it is kept before anybody asks again"
    asyncio.run(forms.keep(product, language, PLAIN, page, token))
    return forms.find("demo", PLAIN)


@pytest.mark.parametrize("query", ["", "?lang=de&theme=dark&mode=popover", "?theme=wrong&mode=&lang=xx"])
def test_a_form_is_the_same_page_whoever_made_it_but_for_the_token(widget: Widget, query: str) -> None:
    path = f"/form/demo{query}"
    rendered = widget.client.get(path + ("&" if query else "?") + "email=")  # which is never cached
    answers = [widget.client.get(path)]
    until_kept(widget.url + path)
    answers += [widget.client.get(path) for _ in range(2)]
    assert {without_token(answer) for answer in answers} == {without_token(rendered)}
    assert len({submission_id_of(token_in(answer)) for answer in answers}) == 3
    for answer in answers:
        fields = {**answer.headers, "content-length": "", "date": ""}
        assert fields == {**rendered.headers, "content-length": "", "date": ""}


def test_a_form_from_the_cache_can_be_sent(widget: Widget) -> None:
    until_kept(widget.url + "/form/demo")
    token = token_in(widget.client.get("/form/demo"))
    assert widget.submit(token=token).status_code == 201


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0.1, gzip", "gzip"),
        ("br;q=0", None),
        ("", None),
    ],
)
def test_a_form_comes_packed_as_the_client_likes_it(widget: Widget, accept: str, coding: str | None) -> None:
    as_it_is = without_token(widget.client.get("/form/demo", headers={"Accept-Encoding": "identity"}))
    rendered = widget.client.get("/form/demo?email=", headers={"Accept-Encoding": accept})
    until_kept(widget.url + "/form/demo")
    from_cache = widget.client.get("/form/demo", headers={"Accept-Encoding": accept})
    for answer in (rendered, from_cache):
        assert answer.headers.get("content-encoding") == coding
        assert without_token(answer) == as_it_is


def test_the_language_of_the_browser_counts_where_the_address_names_none(widget: Widget) -> None:
    for _ in range(2):
        german = widget.client.get("/form/demo", headers={"Accept-Language": "de-AT,en;q=0.5"})
        french = widget.client.get("/form/demo?lang=fr", headers={"Accept-Language": "de-AT,en;q=0.5"})
        assert '<html lang="de"' in german.text
        assert '<html lang="fr"' in french.text


def test_nobody_puts_a_form_into_the_cache_under_the_language_of_others(widget: Widget) -> None:
    twice = [("Accept-Language", "ar"), ("Accept-Language", "en")]
    english = {"Accept-Language": "en"}
    shown = [widget.client.get("/form/demo", headers=twice).text for _ in range(2)]
    until_kept(widget.url + "/form/demo", twice)
    shown.append(widget.client.get("/form/demo", headers=twice).text)
    assert all('<html lang="ar"' in page for page in shown)
    assert '<html lang="en"' in widget.client.get("/form/demo", headers=english).text


def test_what_is_said_about_a_person_is_in_their_page_alone(widget: Widget) -> None:
    for _ in range(2):
        assert "ada@example.com" in widget.client.get("/form/demo?email=ada@example.com").text
        assert "ada@example.com" not in widget.client.get("/form/demo").text
    for query in (b"email=a", b"identity=x", b"context=%7B%7D", b"lang=de&email=a", b"else=1", b"lang=" + b"x" * 500):
        assert wish({"query_string": query, "headers": []}) is None


def test_a_template_that_puts_the_token_elsewhere_or_nowhere_is_kept_too(tmp_path: Path) -> None:
    token = Tokens(["k" * 32], 60).form("demo")
    twice = kept("<main>{{ token }}<b>ä</b><input value='{{ token }}'></main>", tmp_path)
    assert twice is not None
    assert twice.filled(token.encode()).decode() == f"<main>{token}<b>ä</b><input value='{token}'></main>"
    none = kept("<main></main>", tmp_path)
    assert none is not None
    assert none.filled(token.encode()) == b"<main></main>"


@pytest.mark.parametrize(
    "own",
    ["{{ token|upper }}", "{{ token[:9] }}", "{% if token < '8' %}a{% endif %}{{ token|urlencode|replace('a','b') }}"],
)
def test_a_template_that_makes_something_else_of_the_token_is_rendered_each_time(own: str, tmp_path: Path) -> None:
    assert kept(own, tmp_path) is None


def test_what_stands_in_for_a_broken_template_is_not_kept(tmp_path: Path) -> None:
    assert kept("{{ nothing }}", tmp_path) is None
    assert kept("{% for x in range(9999) %}{% for x in range(9999) %}{% endfor %}{% endfor %}", tmp_path) is None
    assert kept("fine", tmp_path) is not None


def test_a_form_that_asks_for_a_proof_has_a_challenge_of_its_own(start_widget: Callable[..., Widget]) -> None:
    config = '[products.demo]\nname = "N"\norigins = ["https://a.example"]\nproof = "always"\n'
    widget = start_widget(config=config)
    pages = [widget.client.get("/form/demo").text for _ in range(2)]
    challenges = [re.findall(r"data-challenge='([^']+)'", page) for page in pages]
    assert len(challenges[0]) == 1
    assert challenges[0] != challenges[1]


def test_in_development_a_changed_template_is_seen_at_once(start_widget: Callable[..., Widget], tmp_path: Path) -> None:
    own = tmp_path / "templates" / "products" / "demo" / "form.html"
    own.parent.mkdir(parents=True)
    own.write_text("first {{ token }}")
    widget = start_widget(RELOAD="true")
    assert widget.client.get("/form/demo").text.startswith("first ")
    assert widget.client.get("/form/demo").text.startswith("first ")
    own.write_text("second one {{ token }}")
    assert widget.client.get("/form/demo").text.startswith("second one ")

"""`widget check` names each fault and its place, and finds nothing where nothing is wrong."""

import base64
import json
import os
import re
import shlex
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import children
import pytest
from bed import CLIENT_ID, CLIENT_SECRET, COMMAND, IN_ENGLISH, ROOT, SECRET_KEY, Sandbox, free_port, plain_environ

from widget.config.loading import load_products
from widget.config.settings import VARIABLES
from widget.tools import annotations
from widget.tools.check import check_products, fields, pages
from widget.tools.findings import Check, Finding, Report, Section

PRODUCT = """\
[products.demo]
name = "Northwind"
origins = ["http://localhost:*", "http://127.0.0.1:*"]
"""
Plant = Callable[[Path], object]


def put(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def changed(template: str, old: str, new: str) -> Plant:
    """Our template, copied into the product's folder with one change."""

    def plant(folder: Path) -> None:
        text = (ROOT / "templates" / template).read_text("utf-8")
        assert old in text, f"{template} has no {old!r} any more"
        put(folder, f"templates/products/demo/{template}", text.replace(old, new))

    return plant


def block(name: str, text: str, template: str = "form.html") -> Plant:
    """A template that replaces one block."""
    return own(f'{{% extends "{template}" %}}\n{{% block {name} %}}\n{text}\n{{% endblock %}}\n', template)


def own(text: str, template: str = "form.html") -> Plant:
    return lambda folder: put(folder, f"templates/products/demo/{template}", text)


def css(text: str) -> Plant:
    return lambda folder: put(folder, "static/products/demo/product.css", text)


def wording(text: str) -> Plant:
    return lambda folder: put(folder, "templates/products/demo/words.en.po", text)


def toml(text: str) -> Plant:
    return lambda folder: put(folder, "widget.toml", PRODUCT + text)


def static(name: str, text: str) -> Plant:
    return lambda folder: put(folder, f"static/products/demo/{name}", text)


def both(one: Plant, other: Plant) -> Plant:
    def plant(folder: Path) -> None:
        one(folder)
        other(folder)

    return plant


FOOTER = "footer"
CHIPS = 'chips = {like = ["Fast", "Clear"]}\n'
SENTIMENT = 'id="sentimentRating-{{ value }}"'
FAULTS: dict[str, tuple[Plant, str, str]] = {
    # fields lost or renamed
    "token lost": (
        changed("form.html", '<input type="hidden" name="token" value="{{ token }}">', ""),
        "fields.lost",
        "token",
    ),
    "token renamed": (changed("form.html", 'name="token"', 'name="csrf"'), "fields.lost", "token"),
    "token empty": (changed("form.html", 'value="{{ token }}"', 'value=""'), "fields.token", "token"),
    "trap lost": (changed("form.html", '{% include "_trap.html" %}', ""), "fields.lost", "website"),
    "proof lost": (changed("_trap.html", 'name="proof"', 'name="work"'), "fields.proof", "proof is missing"),
    "proof's challenge": (
        changed("_trap.html", "data-challenge='{{ challenge|tojson }}'", ""),
        "fields.proof",
        "data-challenge",
    ),
    "proof's worker": (changed("_trap.html", "proof-worker.js", "main.js"), "fields.proof", "worker"),
    "proof's script": (
        changed("_trap.html", """<script type="module" src="{{ static('form/proof.js') }}"></script>""", ""),
        "fields.proof",
        "script",
    ),
    "description lost": (block("description", ""), "fields.lost", "description"),
    "description renamed": (
        changed("form.html", 'name="description"', 'name="message"'),
        "fields.renamed",
        "'message'",
    ),
    "description forgets": (changed("form.html", "\n{{ values.description }}", ""), "fields.given_back", "description"),
    "e-mail lost": (block("email", "<p>No, thanks</p>"), "fields.lost", "submittedByEmail"),
    "e-mail renamed": (
        changed("form.html", ' name="submittedByEmail" value', ' name="email" value'),
        "fields.renamed",
        "'email'",
    ),
    "e-mail forgets": (
        changed("form.html", 'value="{{ values.submittedByEmail }}" required', "required"),
        "fields.given_back",
        "submittedByEmail",
    ),
    "thumbs lost": (block("sentiment", ""), "fields.lost", "sentimentRating"),
    "thumb's value": (changed("form.html", 'ui.tile("true"', 'ui.tile("yes"'), "fields.value", "'yes'"),
    "chips lost": (both(toml(CHIPS), block("chips", "")), "fields.lost", "chips is lost (value Fast)"),
    "chips forget": (
        both(toml(CHIPS), changed("_macros.html", "{{ ' checked' if word in chosen }}", "")),
        "fields.given_back",
        "chips",
    ),
    "chips in no language": (toml("chips.like = {xx = ['Fast']}"), "words.unusable", "language 'xx'"),
    "consent lost": (block("consent", ""), "fields.lost", "contactConsent"),
    "consent's value": (
        changed("form.html", 'name="contactConsent" value="true"', 'name="contactConsent" value="on"'),
        "fields.value",
        "'on'",
    ),
    "files lost": (block("files", ""), "fields.lost", "files"),
    "files as text": (
        changed("form.html", '<input type="file" id="files"', '<input type="text" id="files"'),
        "fields.type",
        "files",
    ),
    "form lost": (changed("form.html", 'id="feedback" method', 'id="contact" method'), "fields.form", "missing"),
    "form by GET": (changed("form.html", 'method="post"', 'method="get"'), "fields.method", "POST"),
    "form without enctype": (changed("form.html", ' enctype="multipart/form-data"', ""), "fields.enctype", "files"),
    "form sent elsewhere": (
        changed("form.html", 'action="{{ address }}"', 'action="/contact"'),
        "fields.action",
        "elsewhere",
    ),
    "form around a block": (block("consent", "<form>{{ super() }}</form>"), "fields.outside", "Send is"),
    "form around the thumbs": (
        block("sentiment", "<form>{{ super() }}</form>"),
        "fields.outside",
        "Send is outside",
    ),
    "e-mail cut": (
        changed("form.html", 'autocomplete="email"', 'autocomplete="email" maxlength="30"'),
        "fields.cut",
        "30",
    ),
    "text cut": (changed("form.html", 'rows="3"', 'rows="3" maxlength="999"'), "fields.cut", "description"),
    "button's id": (changed("form.html", 'id="feedback-send"', 'id="send"'), "fields.id", "feedback-send"),
    "actions replaced": (block("actions", "<button>Send</button>"), "fields.id", "feedback-progress"),
    "id twice": (block(FOOTER, '<p id="feedback-notes">Hello</p>'), "fields.twice", "feedback-notes"),
    "element lost": (
        changed("form.html", "<feedback-form product", "<div product"),
        "fields.element",
        "<feedback-form>",
    ),
    "words lost": (changed("form.html", " data-words='{{ script|tojson }}'", ""), "fields.data", "data-words"),
    "script lost": (block("parts", ""), "fields.script", "script"),
    "error unsaid": (
        changed(
            "form.html",
            '{{ ui.error("submittedByEmail", errors.submittedByEmail) }}',
            '{{ ui.error("submittedByEmail", ()) }}',
        ),
        "fields.told",
        "submittedByEmail",
    ),
    "summary hidden": (
        changed("form.html", '" autofocus" if summary|length > 1 else " hidden"', '" hidden"'),
        "fields.told",
        "summary",
    ),
    "thanks without receipt": (
        block(
            "thanks",
            '<h1 id="feedback-thanks-title" data-fill="title">Ta</h1><p data-fill="text"></p><p data-fill="time"></p>',
        ),
        "fields.thanks",
        "receipt",
    ),
    # names
    "label lost": (
        changed("form.html", '<label class="feedback-label" for="submittedByEmail">', '<label class="feedback-label">'),
        "labels.field",
        "submittedByEmail",
    ),
    "tile without words": (changed("_macros.html", "<span>{{ word }}</span>", ""), "labels.field", "sentimentRating"),
    "button without name": (block(FOOTER, "<button></button>"), "labels.name", "button"),
    "link without name": (block(FOOTER, '<a href="/x"></a>'), "labels.name", "link"),
    "picture without alt": (block(FOOTER, '<img src="{{ static("form.css") }}">'), "labels.picture", "alt"),
    "drawing unnamed": (block(FOOTER, '<svg viewBox="0 0 1 1"></svg>'), "labels.picture", "drawing"),
    "language lost": (changed("base.html", ' lang="{{ words.lang }}"', ""), "labels.language", "language"),
    "title lost": (block("title", ""), "labels.title", "title"),
    "heading lost": (block("header", ""), "labels.heading", "heading"),
    "description's description": (
        changed("form.html", 'aria-describedby="description-limit', 'aria-describedby="nothing'),
        "labels.dangling",
        "nothing",
    ),
    # what the page's policy blocks
    "script inline": (block(FOOTER, "<script>alert(1)</script>"), "policy.script", "block it"),
    "style inline": (block(FOOTER, '<p style="color: red">Hi</p>'), "policy.style", "style"),
    "style element": (block("head", "<style>p { color: red }</style>"), "policy.style", "styles"),
    "handler": (block(FOOTER, '<button onclick="go()">Go</button>'), "policy.handler", "onclick"),
    "script as address": (block(FOOTER, '<a href="javascript:go()">Go</a>'), "policy.handler", "href"),
    "frame": (block(FOOTER, '<iframe src="/x" title="x"></iframe>'), "policy.element", "<iframe>"),
    # other servers
    "script from elsewhere": (
        block("head", '<script src="https://cdn.example/a.js"></script>'),
        "policy.foreign",
        "cdn.example",
    ),
    "picture from elsewhere": (
        block(FOOTER, '<img src="//cdn.example/a.png" alt="">'),
        "policy.foreign",
        "cdn.example",
    ),
    "stylesheet from elsewhere": (
        block("head", '<link rel="stylesheet" href="https://fonts.example/a">'),
        "policy.foreign",
        "fonts.example",
    ),
    "font from elsewhere": (
        css("@font-face { font-family: x; src: url(https://fonts.example/a.woff2) }"),
        "policy.foreign",
        "fonts.example",
    ),
    "import from elsewhere": (css('@import "//fonts.example/a.css";'), "policy.foreign", "fonts.example"),
    # what leads nowhere
    "picture by its bare name": (block(FOOTER, '<img src="logo.svg" alt="">'), "policy.nowhere", "logo.svg"),
    "link to a page beside the form": (block(FOOTER, '<a href="terms.html">Terms</a>'), "policy.nowhere", "terms.html"),
    "font that is not there": (css("@font-face { font-family: x; src: url(a.woff2) }"), "policy.nowhere", "a.woff2"),
    "link in the frame": (
        block(FOOTER, '<a href="https://www.example.com/privacy">Privacy</a>'),
        "policy.link",
        "privacy",
    ),
    # what people write as HTML
    "safe text": (
        changed("form.html", "\n{{ values.description }}", "\n{{ values.description|safe }}"),
        "escaping.page",
        "HTML",
    ),
    "safe name": (block("header", "<h1>Hi {{ person.name|safe if person }}</h1>"), "escaping.source", "person"),
    "safe by a detour": (
        block(FOOTER, "{% set x = values %}{% for y in x.description %}{{ y|upper|safe }}{% endfor %}"),
        "escaping.source",
        "y",
    ),
    "escaping off": (
        block(FOOTER, "{% autoescape false %}<b>Hi</b>{% endautoescape %}"),
        "escaping.source",
        "turned off",
    ),
    # templates that make no page
    "syntax": (own('{% extends "form.html" %}\n{% block footer %}\n{% if %}\n'), "templates.broken", "form.html:3"),
    "no such value": (block(FOOTER, "{{ customer }}"), "templates.broken", "form.html:3"),
    "no such text": (block(FOOTER, '{{ words("hello") }}'), "templates.broken", "hello"),
    "no such file": (block(FOOTER, '<img src="{{ asset("logo.svg") }}" alt="">'), "templates.broken", "logo.svg"),
    "upwards": (
        block(FOOTER, '{% include "../../secret.html" %}'),
        "templates.broken",
        "outside",
    ),
    "without end": (
        block("thanks", "{% for a in range(999) %}{% for b in range(999) %}.{% endfor %}{% endfor %}"),
        "templates.broken",
        "seconds",
    ),
    "broken in one state alone": (block("thanks", "{{ thanks.nothing }}"), "templates.broken", "form.html:3"),
    # templates without effect
    "block misspelt": (block("heder", "<h1>Hi</h1>"), "sources.block", "Did you mean header?"),
    "outside of blocks": (own('{% extends "form.html" %}\n\n<p>Hello</p>\n'), "sources.outside", "form.html:3"),
    "no page uses it": (own("Hi", "from.html"), "sources.unused", "Did you mean form.html?"),
    # words
    "word lost": (wording('msgid "files.remove"\nmsgstr "Away"\n'), "words.unusable", "{name}"),
    "plural broken": (
        wording('msgid "summary"\nmsgid_plural "summary"\nmsgstr[0] "{n} thing"\n'),
        "words.unusable",
        "msgstr[1] is missing",
    ),
    "no such word": (wording('msgid "titel"\nmsgstr "Hello"\n'), "words.unusable", "words.en.po:1"),
    "consent in no language": (toml('[products.demo.consent]\nxx = "Yes"\n'), "words.unusable", "language 'xx'"),
    # colours
    "text too pale": (toml('[products.demo.theme]\ntext = "#999999"\n'), "contrast.theme", "#6f6f6f"),
    "accent too pale": (toml('[products.demo.theme]\naccent = {dark = "#333333"}\n'), "contrast.theme", "in dark"),
    "stylesheet too pale": (css("\n:root { --feedback-muted: #bbb }"), "contrast.stylesheet", "product.css:2"),
    "no such token": (css(":root { --feedback-acent: #123456 }"), "contrast.token", "--feedback-accent?"),
    # tags
    "unclosed": (block(FOOTER, "<section><p>Hello</p>"), "tags.unclosed", "form.html:3: <section> is never closed"),
    "unclosed by a slash": (block(FOOTER, "<div/>\n<p>Hello</p>"), "tags.unclosed", "<div> is never closed"),
    "unclosed text field": (
        changed("form.html", "{{ values.description }}</textarea>", "{{ values.description }}"),
        "tags.unclosed",
        "<textarea> is never closed",
    ),
    "stray": (block("header", "<h1>Hi</h1>\n</section>"), "tags.stray", "form.html:4: </section> closes nothing"),
    "stray end of the form": (block("sentiment", "{{ super() }}</form>"), "tags.stray", "form.html:3: </form>"),
    "paragraph around a block": (block(FOOTER, "<p><div>Hi</div></p>"), "tags.stray", "</p> closes nothing"),
    "wrong order": (block(FOOTER, "<p><b><i>Hi</b></i></p>"), "tags.crossed", "form.html:3: <i>"),
    "end of what has none": (block(FOOTER, "<p>Hi<br></br></p>"), "tags.void", "form.html:3: </br>"),
    "quotation mark lost": (block(FOOTER, '<p class="x>Hi</p><p class="y">Ho</p>'), "tags.attribute", "<p>"),
    "attribute twice": (block(FOOTER, '<p class="x" class="y">Hi</p>'), "tags.twice", "class twice"),
    "comment without end": (block(FOOTER, "<!-- Hi\n<p>Ho</p>"), "tags.comment", "form.html:3: A comment"),
    "form within the form": (block("email", "<form>{{ super() }}</form>"), "tags.form", "form.html:3: "),
    # what the form would do by itself
    "consent forced": (
        changed("form.html", 'name="contactConsent" value="true"', 'name="contactConsent" required value="true"'),
        "fields.forced",
        "The consent is required",
    ),
    "consent out of sight": (block("consent", "<div hidden>{{ super() }}</div>"), "fields.hidden", "The consent"),
    "Send out of sight": (block("actions", "<div inert>{{ super() }}</div>"), "fields.hidden", "Send is hidden"),
    "e-mail disabled": (
        block("email", "<fieldset disabled>{{ super() }}</fieldset>"),
        "fields.disabled",
        "The field submittedByEmail is disabled",
    ),
    "Send that does not send": (
        changed("form.html", 'id="feedback-send"', 'type="button" id="feedback-send"'),
        "fields.send",
        "Send has type=button",
    ),
    "Send as a link": (
        changed(
            "form.html",
            '<button class="feedback-send" id="feedback-send">{{ words("send") }}</button>',
            '<a href="#" class="feedback-send" id="feedback-send">{{ words("send") }}</a>',
        ),
        "fields.send",
        "Send is a <a>",
    ),
    "field twice": (
        block("header", '<h1>Hi</h1><input type="email" name="submittedByEmail" aria-label="E">'),
        "fields.repeated",
        "2 times",
    ),
    "field that nothing reads": (
        block("header", '<h1>Hi</h1><input name="phone" aria-label="Phone">'),
        "fields.unread",
        "Nothing reads the field phone",
    ),
    "consent ticked": (
        changed("form.html", 'value="true"{{ " checked" if values.contactConsent == "true" }}', 'value="true" checked'),
        "fields.prechecked",
        "consent",
    ),
    "thumb chosen": (
        changed("form.html", '"like", values.sentimentRating == "true"', '"like", true'),
        "fields.prechecked",
        "thumb",
    ),
    "words put in": (
        changed("form.html", "\n{{ values.description }}</textarea>", "Dear team,{{ values.description }}</textarea>"),
        "fields.prefilled",
        "text field",
    ),
    "second form": (block(FOOTER, '<form action="?x"><button>Search</button></form>'), "fields.second_form", ":3: "),
    "button without type": (block("header", "<h1>Hi</h1><button>More</button>"), "fields.button", "“More” has no type"),
    "button that sends": (
        block("header", '<h1>Hi</h1><button type="submit">Now</button>'),
        "fields.button",
        "“Now” sends",
    ),
    "button that empties": (block("header", '<h1>Hi</h1><input type="reset" value="X">'), "fields.button", "clears"),
    # nearly right
    "value misspelt": (block(FOOTER, "{{ prodct.name }}"), "templates.broken", "Did you mean product?"),
    "part of a value misspelt": (block(FOOTER, "{{ product.nmae }}"), "templates.broken", "Did you mean name?"),
    "text misspelt": (block(FOOTER, '{{ words("sned") }}'), "templates.broken", "Did you mean send?"),
    "partial misspelt": (block(FOOTER, '{% include "_icnos.html" %}'), "templates.broken", "Did you mean _icons.html?"),
    "picture misspelt": (
        lambda folder: [
            static("logo.svg", "<svg/>")(folder),
            block(FOOTER, '<img src="{{ asset("lgoo.svg") }}" alt="">')(folder),
        ],
        "templates.broken",
        "Did you mean logo.svg?",
    ),
    # weight
    "too heavy": (toml("budget = 4\n"), "weight.budget", "the budget is 4 KB"),
    "not served": (static("tracker.js", "x()"), "weight.not_served", "tracker.js"),
}


def look(folder: Path, *languages: str) -> Report:
    config = folder / "widget.toml"
    return Report(check_products(load_products(config), folder, config, languages or ("en",)))


def test_the_table_plants_thirty_faults_at_least() -> None:
    assert len(FAULTS) >= 30


@pytest.mark.parametrize("name", FAULTS)
def test_each_planted_fault_is_found_by_name_and_place(name: str, tmp_path: Path) -> None:
    plant, code, part = FAULTS[name]
    put(tmp_path, "widget.toml", PRODUCT)
    plant(tmp_path)
    report = look(tmp_path)
    found = [f"{finding.at}: {finding.message} {finding.fix}" for finding in report.findings if finding.code == code]
    assert any(part in text for text in found), "\n".join(report.lines())
    assert not report.passed
    for finding in report.findings:
        assert finding.fix, finding
        assert finding.line, finding
        assert Path(finding.file).exists(), finding


def test_nothing_is_found_where_nothing_is_wrong(tmp_path: Path) -> None:
    put(tmp_path, "widget.toml", PRODUCT)
    assert look(tmp_path, "en", "ar").findings == ()
    block("footer", '<p>By the <a href="https://www.example.com/" target="_blank" rel="noopener">crew</a></p>')(
        tmp_path
    )
    css(":root { --feedback-accent-text: light-dark(#123456, #cde) } .x { background: url(a.svg) }")(tmp_path)
    static("a.svg", "<svg/>")(tmp_path)
    assert look(tmp_path, "en", "ar").findings == ()


@pytest.mark.parametrize(
    "rule",
    ["min-height: 120vh", "height:100dvh", "MIN-BLOCK-SIZE: calc(50svb + 1px)", "min-height: max(10rem, 100lvh)"],
)
def test_a_height_that_is_measured_by_the_window_is_reported(tmp_path: Path, rule: str) -> None:
    put(tmp_path, "widget.toml", PRODUCT)
    css(f"/* min-height: 9vh */\n.feedback-panel {{ color: red; {rule} }}")(tmp_path)
    (finding,) = [each for each in look(tmp_path).findings if each.code == "policy.viewport"]
    assert finding.level == "notice"
    assert finding.at == "static/products/demo/product.css:2"


@pytest.mark.parametrize("rule", ["max-height: 80vh", "line-height: 1", "width: 50vw", "min-height: 20rem"])
def test_other_measures_are_left_alone(tmp_path: Path, rule: str) -> None:
    put(tmp_path, "widget.toml", PRODUCT)
    css(f".feedback-panel {{ {rule} }}")(tmp_path)
    assert not [each for each in look(tmp_path).findings if each.code == "policy.viewport"]


def test_nothing_is_found_in_the_products_of_this_project() -> None:
    for folder in (ROOT, ROOT / "examples"):
        if (folder / "widget.toml").is_file():
            report = look(folder, "en", "de", "ar")
            assert report.findings == (), "\n".join(report.lines())


def test_a_fault_of_one_language_or_state_says_so_and_stands_once(tmp_path: Path) -> None:
    put(tmp_path, "widget.toml", PRODUCT)
    block("footer", '{% if words.lang == "de" and note %}<img src="{{ static("form.css") }}">{% endif %}')(tmp_path)
    (finding,) = look(tmp_path, "en", "de").findings
    assert finding.message == "A picture has no alt. (in refused, waiting; de)"
    assert finding.at == "demo/form.html:3"


def test_other_products_are_none_the_worse_for_it(tmp_path: Path) -> None:
    put(tmp_path, "widget.toml", PRODUCT + PRODUCT.replace("demo", "other"))
    block("email", "")(tmp_path)
    config = tmp_path / "widget.toml"
    demo, other = check_products(load_products(config), tmp_path, config, ["en"])
    assert not all(check.passed for check in demo.checks)
    assert all(check.passed for check in other.checks)


def test_the_ids_that_are_asked_for_are_those_that_the_script_uses() -> None:
    script = "".join(path.read_text("utf-8") for path in (ROOT / "static" / "form").glob("*.js"))
    form = (ROOT / "templates" / "form.html").read_text("utf-8")
    for name in (*fields.ALWAYS, *fields.OF_TEXT, *fields.OF_FILES):
        assert f'id="{name}"' in form
        assert f"'{name}'" in script or f'"{name}"' in script, name


@pytest.mark.parametrize(
    ("table", "at", "fix"),
    [
        ("bugdet = 3\n", "4: products.demo.bugdet", "Did you mean budget?"),
        ('[products.demo.theme]\nacent = "#123"\n', "5: products.demo.theme.acent", "Did you mean accent?"),
        ("[products.demo.fields]\nmax_file = 1\n", "5: products.demo.fields.max_file", "Did you mean max_files?"),
        ("max_files = 1\n", "4: products.demo.max_files", "It belongs in [products.SLUG.fields]."),
        ('colour = "#123"\n', "4: products.demo.colour", "The table has name, origins"),
        ("[product.other]\n", "4: product", "Did you mean products?"),
        ('[theme]\naccent = "#123"\n', "4: theme", "Write [products.SLUG.theme]."),
        ('[products.demo.chips]\nlove = ["a"]\n', "5: products.demo.chips.love", "The table has like, dislike."),
        ("budget = 0\n", "4: products.demo.budget", "Give at least 1."),
        ('draft = "no"\n', "4: products.demo.draft", "Give `on` or `off`."),
    ],
)
def test_a_key_that_is_nearly_right_is_named_with_its_line_and_the_one_that_is_meant(
    tmp_path: Path, table: str, at: str, fix: str
) -> None:
    toml(table)(tmp_path)
    config = tmp_path / "widget.toml"
    (finding,) = pages({"WIDGET_CONFIG": str(config)}).findings
    assert finding.at == f"{config}:{at}"
    assert fix in finding.fix
    assert (finding.file, finding.line) == (str(config), int(at.partition(":")[0]))


# --- the command -------------------------------------------------------------------------------------------------


def run(
    folder: Path, *arguments: str, command: Sequence[str] = IN_ENGLISH, **environ: str
) -> "subprocess.CompletedProcess[str]":
    return children.run([*command, "check", *arguments], folder, plain_environ(**environ))


def settings(folder: Path, insider: str) -> dict[str, str]:
    put(folder, "widget.toml", PRODUCT)
    return {
        "INSIDER_URL": insider,
        "INSIDER_CLIENT_ID": CLIENT_ID,
        "INSIDER_CLIENT_SECRET": CLIENT_SECRET,
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": f"sqlite:///{folder / 'widget.db'}",
    }


def test_the_command_says_what_it_looked_at_and_exits_0(insider: Sandbox, tmp_path: Path) -> None:
    done = run(tmp_path, command=COMMAND, **settings(tmp_path, insider.url))
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'integrity="sha384-' in done.stdout
    for line in ("✓ settings", "✓ credentials", "✓ database", "Nothing is wrong.", "Settings in force"):
        assert line in done.stdout
    assert "✓ templates (13 states in 19 languages)" in done.stdout
    assert insider.counts()["token"] == 1
    assert not (tmp_path / "widget.db").exists()


def test_wrong_credentials_and_a_database_that_is_none_exit_1(insider: Sandbox, tmp_path: Path) -> None:
    environ = settings(tmp_path, insider.url) | {"INSIDER_CLIENT_SECRET": "hunter2-of-nobody"}
    (tmp_path / "widget.db").write_bytes(b"no database at all, but long enough to be read as one" * 40)
    done = run(tmp_path, "--json", **environ)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert not report["passed"]
    service = {check["title"]: check for check in report["sections"][0]["checks"]}
    assert service["settings"]["passed"]
    assert service["credentials"]["findings"][0]["code"] == "credentials.refused"
    assert service["database"]["findings"][0]["code"] == "database.unusable"
    assert "hunter2" not in done.stdout


def test_an_unreachable_service_and_missing_tables_have_codes_of_their_own(tmp_path: Path) -> None:
    environ = settings(tmp_path, f"http://127.0.0.1:{free_port()}")
    sqlite3.connect(tmp_path / "widget.db").close()
    (tmp_path / "widget.db").touch()
    done = run(tmp_path, "--json", **environ)
    codes = {
        finding["code"]: finding
        for section in json.loads(done.stdout)["sections"]
        for check in section["checks"]
        for finding in check["findings"]
    }
    assert done.returncode == 1
    assert set(codes) == {"credentials.unreachable", "database.unusable"}
    assert "widget migrate" in codes["database.unusable"]["message"]


def test_settings_that_cannot_be_used_are_named_and_the_pages_looked_at_all_the_same(tmp_path: Path) -> None:
    environ = settings(tmp_path, "http://127.0.0.1:1")
    block("email", "")(tmp_path)
    del environ["SECRET_KEY"]
    done = run(tmp_path, **environ)
    assert done.returncode == 1
    assert "✗ settings" in done.stdout
    assert "SECRET_KEY" in done.stdout
    assert "The field submittedByEmail is lost" in done.stdout


def test_a_colour_that_is_none_is_named_and_the_rest_looked_at(tmp_path: Path) -> None:
    environ = settings(tmp_path, "http://127.0.0.1:1")
    put(tmp_path, "widget.toml", PRODUCT + '[products.demo.theme]\naccent = "blau"\n')
    done = run(tmp_path, "--offline", **environ)
    assert done.returncode == 1
    assert "products.demo.theme.accent: 'blau' is no colour" in done.stdout
    assert "✓ templates" in done.stdout


def test_origins_that_fit_no_public_service_are_named(insider: Sandbox, tmp_path: Path) -> None:
    environ = settings(tmp_path, insider.url) | {"PUBLIC_URL": "http://feedback.example.com"}
    done = run(tmp_path, "--offline", **environ)
    assert done.returncode == 1
    assert "PUBLIC_URL: Pages on https cannot embed a form on http." in done.stdout
    assert "products.demo.origins: Only pages on this machine may embed the form" in done.stdout
    assert insider.counts()["token"] == 0
    put(tmp_path, "widget.toml", PRODUCT.replace("127.0.0.1", "[::1]"))
    refused = run(tmp_path, "--offline", **environ).stdout
    assert "origins.1: 'http://[::1]:*': browsers do not support IPv6 addresses in frame-ancestors" in refused


def test_a_proof_of_work_is_looked_for_only_where_one_may_be_asked_for(tmp_path: Path) -> None:
    toml('proof = "never"\n')(tmp_path)
    FAULTS["proof lost"][0](tmp_path)
    assert look(tmp_path).findings == ()


@pytest.mark.parametrize("broken", [{}, {"SECRET_KEY": ""}])
def test_a_product_that_does_not_exist_is_named_with_the_one_that_is_meant(
    tmp_path: Path, broken: dict[str, str]
) -> None:
    done = run(tmp_path, "--offline", "--product", "demoo", **settings(tmp_path, "http://127.0.0.1:1") | broken)
    assert done.returncode == 2
    assert "there is no product 'demoo' in widget.toml; did you mean demo?" in done.stderr


def test_helpers_that_do_not_answer_and_a_folder_that_is_not_there_are_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environ = settings(tmp_path, "http://127.0.0.1:1") | {
            "CLAMD": f"tcp://127.0.0.1:{silent.getsockname()[1]}",
            "RATE_LIMIT_STORAGE": "redis://:hunter2@127.0.0.1:1/0",
            "CUSTOM_FOLDER": str(tmp_path / "nowhere"),
            "ALERT_WEBHOOK": "http://127.0.0.1:1/hunter2",
            "ALERT_EMAIL": "ops@example.com",
            "SMTP_URL": "smtp://ops:hunter2@127.0.0.1:1",
            "HEARTBEAT_URL": "https://127.0.0.1:1/hunter2",
            "EVENTS_SECRET__DEMO": f"whsec_{base64.b64encode(bytes(range(32))).decode()}",
        }
        toml('[products.demo.events]\nurl = "http://127.0.0.1:1/hunter2"\n')(tmp_path)
        done = run(tmp_path, **environ)
    assert done.returncode == 1
    assert "CLAMD: No answer within 3 s." in done.stdout
    assert "RATE_LIMIT_STORAGE: " in done.stdout
    for at in "ALERT_WEBHOOK", "SMTP_URL", "HEARTBEAT_URL", "products.demo.events.url":
        assert f"{at}: Connection refused by 127.0.0.1:1." in done.stdout
    assert f"CUSTOM_FOLDER: There is no folder {tmp_path / 'nowhere'}." in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_every_setting_is_shown_with_where_it_came_from_and_no_secret_is(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(SECRET_KEY)
    environ = settings(tmp_path, "http://127.0.0.1:1") | {"SECRET_KEY": "", "SECRET_KEY_FILE": str(key)}
    environ |= {"RATE_LIMIT": "off", "DATABASE_DIRECT_URL": "postgresql://ada:hunter2@db/widget?password=hunter3"}
    environ |= {"DATABASE_URL": "postgresql://ada:hunter2@127.0.0.1:1/widget"}
    done = run(tmp_path, "--json", "--offline", **environ)
    report = {each["name"]: each for each in json.loads(done.stdout)["settings"]}
    assert set(report) >= set(map(str.upper, VARIABLES))
    assert report["SECRET_KEY"] == {"name": "SECRET_KEY", "value": "********", "source": f"SECRET_KEY_FILE: {key}"}
    assert report["INSIDER_CLIENT_SECRET"]["value"] == "********"
    assert (report["RATE_LIMIT"]["value"], report["RATE_LIMIT"]["source"]) == ("off", "environment")
    assert report["PROOF_SURGE"]["source"] == "RATE_LIMIT"
    assert (report["PORT"]["value"], report["PORT"]["source"]) == ("8000", "default")
    assert report["DATABASE_URL"]["value"] == "postgresql://ada:********@127.0.0.1:1/widget"
    for secret in (SECRET_KEY, CLIENT_SECRET, "hunter2", "hunter3"):
        assert secret not in done.stdout


def in_ci(folder: Path, *arguments: str, command: Sequence[str] = IN_ENGLISH) -> "subprocess.CompletedProcess[str]":
    """The command in a team's own CI: in its repository, without any settings."""
    return run(folder, "--pages", *arguments, command=command)


def test_a_team_checks_its_pages_without_the_services_settings(tmp_path: Path) -> None:
    put(tmp_path, "widget.toml", PRODUCT)
    done = in_ci(tmp_path, command=COMMAND)
    assert (done.returncode, done.stderr) == (0, "")
    assert "✓ templates (13 states in 19 languages)" in done.stdout
    assert "Service" not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["widget.toml"]


def test_what_is_found_is_printed_as_github_and_gitlab_annotate_it(tmp_path: Path) -> None:
    put(tmp_path, "widget.toml", PRODUCT)
    css("\n.feedback-send { display: none }")(tmp_path)
    block("footer", '<img src="100%.svg">')(tmp_path)
    done = in_ci(tmp_path, "--json", "--product", "demo")
    assert done.returncode == 1
    findings = {each["code"]: each for each in json.loads(done.stdout)["findings"]}
    assert findings["css.hidden"] == {
        "file": "static/products/demo/product.css",
        "line": 2,
        "severity": "error",
        "code": "css.hidden",
        "message": "display: none hides Send.",
        "fix": "Remove the line, or choose elements of your own. People cannot use what they cannot see.",
    }
    assert (findings["labels.picture"]["file"], findings["labels.picture"]["line"]) == (
        "templates/products/demo/form.html",
        3,
    )
    finding = Finding("a.b", "50% of it,\nat least:", "Do.", "x", "notice", file="a,b:c.css", line=7)
    report = Report((Section("", (Check("", (finding, Finding("c.d", "No.", at="PORT"))),)),))
    assert annotations.as_github(report).splitlines() == [
        "::warning file=a%2Cb%3Ac.css,line=7,title=a.b::50%25 of it,%0Aat least: Do.",
        "::error title=c.d::PORT: No.",
    ]
    first, second = json.loads(annotations.as_gitlab(report))
    assert first["location"] == {"path": "a,b:c.css", "lines": {"begin": 7}}
    assert (first["severity"], first["check_name"], second["severity"]) == ("minor", "a.b", "major")
    assert first["fingerprint"] != second["fingerprint"]
    assert second["location"] == {"path": "widget.toml", "lines": {"begin": 1}}


def test_the_steps_for_ci_run_as_they_are_documented(tmp_path: Path) -> None:
    put(tmp_path, "widget.toml", PRODUCT)
    css(".feedback-send { display: none }")(tmp_path)
    text = (ROOT / "docs" / "tools.md").read_text("utf-8")
    _, github, gitlab, *_ = text.split("```yaml")
    steps = [re.findall(r"(?:run:|-) (widget .*)", github), re.findall(r"- (widget .*)", gitlab)]
    command = tmp_path / "bin" / "widget"
    put(tmp_path, "bin/widget", f'#!/bin/sh\nexec {shlex.join(IN_ENGLISH)} "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    done = [children.run(["sh", "-c", step], tmp_path, plain_environ(PATH=path)) for (step,) in steps]
    assert [each.returncode for each in done] == [1, 1], done
    assert done[0].stdout.startswith("::error file=static/products/demo/product.css,line=1,title=css.hidden::display")
    (issue,) = json.loads((tmp_path / "feedback-form.json").read_text("utf-8"))
    assert issue["location"]["path"] == "static/products/demo/product.css"

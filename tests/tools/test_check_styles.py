"""`widget check` finds rules in a product's stylesheet that have no effect, or that harm the form."""

from functools import cache

import pytest
from bed import ROOT

from widget.config.products import Product
from widget.pages.samples import HOSTILE, states_of
from widget.tools.check import contrast, css, product, styling
from widget.tools.check.page import Page
from widget.tools.findings import Finding
from widget.tools.offline import OfflineRenderer

NAME = "product.css"
DEMO = Product.model_validate({"slug": "demo", "name": "Northwind", "origins": ["https://app.example.com"]})
FAULTS: dict[str, tuple[str, str, str]] = {
    # styles that cannot be read
    "brace lost": ((".feedback-title {\n color: red\n"), "css.unreadable", "product.css:1: A { is never closed"),
    "brace lost in the middle": (
        (".feedback-title { color: #123\n.feedback-intro { color: #123 }"),
        "css.unreadable",
        ":1: ",
    ),
    "bracket lost": (
        "p { color: rgb(1 2 3 }\n.feedback-consent { margin: 0 }",
        "css.unreadable",
        ":1: A ( is never closed",
    ),
    "brace too many": (("p { color: #123 } }\np { color: #123 }"), "css.unreadable", "a } without a {"),
    "semicolon lost": (("p {\n color: #123\n margin: 0 }"), "css.unreadable", "A semicolon is missing after color"),
    "colon lost": (("p {\n color #123; }"), "css.unreadable", "product.css:2: This is no declaration"),
    "value lost": (("p { color: }"), "css.unreadable", "color has no value"),
    "comment in the style of scripts": (("// ours\np { color: #123 }"), "css.unreadable", "product.css:1: "),
    "comment left open": (("p { color: #123 }\n/* ours\np { margin: 0 }"), "css.unreadable", "product.css:2: "),
    "no such at-rule": (("@meda (width > 1px) { p { margin: 0 } }"), "css.unreadable", "@media?"),
    "a preprocessor's": (("@mixin x { margin: 0 }"), "css.unreadable", "There is no @mixin"),
    "selector broken": (("p..x { margin: 0 }"), "css.unreadable", "The selector p..x"),
    # styles that do harm
    "Send hidden": (("\n.feedback-send { display: none }"), "css.hidden", "product.css:2: display: none hides Send"),
    "Send hidden by its block": ((".feedback-actions { visibility: hidden }"), "css.hidden", "Send"),
    "Send hidden on phones": (
        ("@media (width < 30rem) {\n  button.feedback-send { opacity: 0 } }"),
        "css.hidden",
        "product.css:2: opacity: 0 hides Send (@media (width < 30rem))",
    ),
    "Send hidden in one mode": (('[data-mode="popover"] .feedback-send { display: none }'), "css.hidden", "Send"),
    "Send out of reach": (("#feedback-send { pointer-events: none }"), "css.hidden", "Send"),
    "consent hidden": ((".feedback-consent { position: absolute; left: -9999px }"), "css.hidden", "the consent"),
    "consent hidden by size": (
        ("label:has(#contactConsent) { height: 0; overflow: hidden }"),
        "css.hidden",
        "consent",
    ),
    "consent hidden by nesting": (
        (".feedback-person { & .feedback-consent { display: none } }"),
        "css.hidden",
        "the consent",
    ),
    "errors hidden": ((".feedback-error { clip-path: inset(50%) }"), "css.hidden", "errors"),
    "errors hidden by id": (("[id$=-error] { display: none }"), "css.hidden", "errors"),
    "summary hidden by style": ((".feedback-summary { font-size: 0 }"), "css.hidden", "the summary of errors"),
    "everything hidden": (("form { transform: scale(0) }"), "css.hidden", "Send"),
    "ring lost": (("* { outline: none }"), "css.focus", "product.css:1: outline: none"),
    "ring lost by focus": ((".feedback-send:focus-visible { outline: 0 }"), "css.focus", "outline: 0"),
    "ring lost by colour": (("button:focus { outline-color: transparent }"), "css.focus", "outline-color"),
    "ring of the text": ((".feedback-box:focus-within { outline: none !important }"), "css.focus", "outline"),
    "rule too pale": ((".feedback-intro { color: #bbb }"), "contrast.rule", "product.css:1: "),
    "rule too pale by name": ((".feedback-send { background: gold }"), "contrast.rule", "product.css:1: "),
    "rule too pale in the dark": ((".feedback-label { color: hsl(220 30% 30%) }"), "contrast.rule", "in dark"),
    "rule too pale when pointed at": (".feedback-send:hover { background: #ccc }", "contrast.rule", "with :hover"),
    "rule too pale on dark systems": (
        "@media (prefers-color-scheme: dark) { .feedback-intro { color: #444 } }",
        "contrast.rule",
        "in dark",
    ),
    "rule too pale in one theme": ('[data-theme="light"] .feedback-label { color: #aaa }', "contrast.rule", "in light"),
    "rule too pale on phones": ("@media (width < 30rem) { .feedback-label { color: #999 } }", "contrast.rule", ":1: "),
    "rule too faint": ((".feedback-intro { opacity: .4 }"), "contrast.rule", "Give it more opacity"),
    "ground too dark": ((".feedback-panel, .feedback-tile { background: #444 }"), "contrast.rule", "in light"),
    "token transparent": ((":root { --feedback-focus: transparent }"), "contrast.stylesheet", "--feedback-focus"),
    "token too pale by name": ((":root { --feedback-muted: silver }"), "contrast.stylesheet", "product.css:1"),
    "token that is no colour": (":root { --feedback-accent: notacolour }", "contrast.token", "no colour: notacolour."),
    "token without a unit": (":root { --feedback-radius: 12 }", "contrast.token", "no length: 12."),
    # styles without effect
    "class misspelt": (("\n.feedback-titel { margin: 0 }"), "css.unknown", "product.css:2: "),
    "id misspelt": (("#feedback-sned { margin: 0 }"), "css.unknown", "Did you mean feedback-send?"),
    "token misspelt in a value": (
        ("p { color: var(--feedback-acent) }"),
        "contrast.token",
        "Did you mean --feedback-accent?",
    ),
}
HARMLESS = {
    "nothing": "",
    "our own": ".feedback-title:focus { outline: 0 }",
    "a ring of its own": ".feedback-send:focus-visible { outline: none; box-shadow: 0 0 0 3px #123 }",
    "a ring elsewhere": "button { outline: 0 } button:focus-visible { outline: 3px solid #123 }",
    "only without a keyboard": ":focus:not(:focus-visible) { outline: none }",
    "what is shown again": ".feedback-send { display: none } button.feedback-send { display: block }",
    "the field that its tile stands for": ".feedback-tile input { opacity: 0 }",
    "the intro hidden": ".feedback-intro { display: none }",
    "printed": "@media print { .feedback-buttons { display: none } }",
    "legible": ".feedback-send { background: #123; color: white } .feedback-intro { color: light-dark(#333, #ddd) }",
    "legible by token": ".feedback-intro { color: var(--feedback-text); background: var(--feedback-subtle) }",
    "unknown ground": ".feedback-panel { background: url(a) } .feedback-tile { background: linear-gradient(red, red) }",
    "for dark systems": "@media (prefers-color-scheme: dark) { .feedback-intro { color: #ddd } }",
    "for each theme": "[data-theme='dark'] .feedback-intro { color: #ddd } .feedback-intro:hover { color: inherit }",
    "modern": "@layer a { @container (width > 1px) { label { &:hover { margin: 0 } } } } @font-face { src: none }",
    "names of its own": ".crew > .crew-name:nth-child(2 of .x)::part(a) { --crew: { a: b }; content: '}' }",
    "tokens of the system": ":root { --feedback-page: Canvas; --feedback-radius: 0; --feedback-text: inherit }",
    "decoration": "a::before { content: '\\201C'; opacity: 0 } /* } */ p { background: url(data:image/png,A//B=) }",
}


@cache
def pages() -> tuple[Page, ...]:
    """The pages of an uncustomised product, rendered once."""
    renderer = OfflineRenderer({"demo": DEMO}, ROOT / "nowhere")
    scene = renderer.scene(DEMO, "en", HOSTILE)
    return tuple(
        Page(DEMO, scene.words, state.name, state.template, state.render(scene), HOSTILE)
        for state in states_of(DEMO)
        if state.name in styling.LOOKED_AT
    )


def found(text: str, of: Product = DEMO) -> list[Finding]:
    sheet, tokens = css.read(text, NAME), product.tokens()
    return [*styling.check(sheet, of, pages(), tokens), *contrast.check_stylesheet(sheet, of.theme, tokens)]


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_of_a_stylesheet_is_found_by_name_and_place(name: str) -> None:
    text, code, part = FAULTS[name]
    findings = [each for each in found(text) if each.code == code]
    assert any(part in f"{each.at}: {each.message} {each.fix}" for each in findings), found(text)
    assert all(each.fix and each.at.partition(":")[2].isdecimal() for each in findings)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_stylesheet_that_does_no_harm_is_left_alone(name: str) -> None:
    assert found(HARMLESS[name]) == []


@pytest.mark.parametrize(
    ("rule", "level"),
    [
        (":root { --feedback-radius: 1rem }", "wrong"),
        ("@media (width < 9rem) { html { --feedback-radius: 0 } }", "notice"),
    ],
)
def test_a_token_that_widget_toml_sets_in_vain_is_named(rule: str, level: str) -> None:
    themed = Product.model_validate({**DEMO.model_dump(), "theme": {"radius": 4}})
    (finding,) = found(rule, themed)
    assert (finding.code, finding.level, finding.at) == ("css.beaten", level, "product.css:1")
    assert "theme.radius in widget.toml" in finding.message
    assert found(rule) == []
    assert found(rule.replace("radius", "shadow"), themed) == []


def test_words_are_judged_by_all_rules_that_apply_to_them() -> None:
    dark = ".feedback-note { background: #222 } .feedback-note-title, .feedback-note-text { color: #eee }"
    assert [each for each in found(dark) if each.code == "contrast.rule"] == []
    assert [each.code for each in found(".feedback-note { background: #222 }")] == ["contrast.rule"]

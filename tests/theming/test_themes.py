"""Colours that are derived from a few: legible whatever a team chooses. What cannot be legible is reported."""

import re
from typing import Any

import pytest
from bed import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from widget.config import resources
from widget.theming import themes
from widget.theming.colours import Colour, contrast, nearest
from widget.theming.themes import AA_PARTS, AA_TEXT, MODES, NEEDS, Theme

LOOK = {
    "light": {
        "accent-hover": "#264273", "accent-pressed": "#1e3660", "accent-text": "#2f4e86", "accent-soft": "#f0f4fb",
        "field": "#ffffff", "subtle": "#f7f5f2", "muted": "#675f56", "border": "#8f877c", "page": "#efece7",
    },
    "dark": {
        "accent-hover": "#5073c2", "accent-pressed": "#4768b5", "accent-text": "#aec4f4", "accent-soft": "#262d3c",
        "field": "#262421", "subtle": "#2a2724", "muted": "#b8b0a5", "border": "#8b8378", "page": "#121110",
    },
}  # fmt: skip
"""Our colours, as they were designed."""

colours = st.builds(Colour, *(st.integers(0, 255).map(lambda value: value / 255) for _ in range(3)))


def theme(**settings: Any) -> Theme:
    return Theme.model_validate(settings)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("#2f4e86", "#2f4e86"),
        ("#FFF", "#ffffff"),
        (" #abc ", "#aabbcc"),
        ("rgb(47 78 134)", "#2f4e86"),
        ("rgb(47, 78, 134)", "#2f4e86"),
        ("oklch(62.8% .2577 29.23)", "#ff0000"),
        ("oklch(1 0 0)", "#ffffff"),
    ],
)
def test_a_colour_is_read_in_each_of_its_notations(text: str, same: str) -> None:
    assert str(Colour.read(text)) == same


@pytest.mark.parametrize(
    "text",
    ["", "blue", "#12", "#12345", "#ggg", "rgb(1 2)", "rgb(300 0 0)", "oklch(2 0 0)",
     "#fff;}body{", "var(--x)", "#fff\n;"],
)  # fmt: skip
def test_a_colour_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no colour; write #rrggbb"):
        Colour.read(text)


def test_contrast_is_that_of_the_standard() -> None:
    white = Colour.read("#fff")
    assert contrast(white, Colour.read("#000")) == pytest.approx(21)
    assert contrast(Colour.read("#777"), white) == pytest.approx(4.48, abs=0.005)
    assert contrast(Colour.read("#2f4e86"), white) == pytest.approx(8.22, abs=0.005)


@given(colours)
def test_a_colour_survives_being_written_and_taken_apart(colour: Colour) -> None:
    assert Colour.read(str(colour)) == colour
    assert str(Colour.oklch(*colour.lch)) == str(colour)


@settings(max_examples=25, deadline=None)
@given(colours, colours)
def test_the_nearest_colour_passes_and_one_that_passes_stays(colour: Colour, ground: Colour) -> None:
    found = nearest(colour, [ground], AA_TEXT)
    assert found is not None
    assert contrast(found, ground) >= AA_TEXT
    if contrast(colour, ground) >= AA_TEXT:
        assert str(found) == str(colour)


@pytest.mark.parametrize("mode", MODES)
def test_without_choices_the_colours_are_those_that_were_drawn(mode: themes.Mode) -> None:
    found = themes.palette(Theme(), mode)
    assert {name: str(found[name]) for name in LOOK[mode]} == LOOK[mode]
    assert themes.stylesheet(Theme()) == ""
    assert themes.shortfalls(Theme()) == ()


def tokens(mode: themes.Mode) -> dict[str, str]:
    """The colours that the form's stylesheet names or mixes. A browser test compares those that follow the accent."""
    css = resources.content(resources.path("static") / "form.css").decode().partition("@supports not")[0]
    found: dict[str, str] = {}
    for name, value in re.findall(r"--feedback-([\w-]+): ([^;}]*)", css):
        value = re.sub(r"light-dark\((#\w+), ?(#\w+)\)", rf"\{MODES.index(mode) + 1}", value)
        if mixed := re.fullmatch(r"color-mix\(in srgb, ?var\(--feedback-(\w+)\) (\d+)%, ?(#\w+)\)", value):
            ground, share, colour = mixed.groups()
            found[name] = str(Colour.read(found[ground]).mix(int(share) / 100, Colour.read(colour)))
        elif re.fullmatch(r"#\w+", value):
            found[name] = str(Colour.read(value))
    return found


@pytest.mark.parametrize("mode", MODES)
def test_the_module_calculates_with_the_colours_of_the_stylesheet(mode: themes.Mode) -> None:
    written, ours = tokens(mode), themes.palette(Theme(), mode)
    common = written.keys() & ours
    assert {"accent", "surface", "field", "muted", "border", "danger"} <= common
    assert {name: str(ours[name]) for name in common} == {name: written[name] for name in common}


@pytest.mark.parametrize(
    "sheet", ["static/sandbox.css", "static/ops.css", "static/preview/gallery.css", "loader/style.js"]
)
def test_a_sheet_that_cannot_use_the_tokens_has_the_same_colours(sheet: str) -> None:
    source = (ROOT / sheet).read_text("utf-8")
    # The charts' colours are the sheet's own.
    written = re.findall(r"--(?!chart-)(?:feedback-)?([\w-]+)[:,] ?light-dark\((#\w+), ?(#\w+)\)", source)
    assert written
    ours = {
        mode: tokens(mode) | {name: str(each) for name, each in themes.palette(Theme(), mode).items()} for mode in MODES
    }
    for name, *pair in written:
        assert [str(Colour.read(colour)) for colour in pair] == [ours[mode][name] for mode in MODES], name


@settings(max_examples=40, deadline=None)
@given(colours, colours)
def test_whatever_a_team_chooses_all_that_follows_can_be_read(accent: Colour, surface: Colour) -> None:
    chosen = theme(accent=str(accent), surface={"light": str(surface), "dark": str(surface)})
    for mode in MODES:
        found = themes.palette(chosen, mode)
        for name, (ratio, grounds) in NEEDS.items():
            if name != "accent" or mode == "dark":
                least = min(contrast(found[name], found[ground]) for ground in grounds)
                # Between a grey surface and its shades there may be no such colour; then it is the best available one.
                assert least >= min(ratio, 3.6), (mode, name, least)
        for ground in ("accent", "accent-hover", "accent-pressed"):
            assert contrast(found["on-accent"], found[ground]) >= AA_TEXT, (mode, ground)


def test_a_weak_choice_is_named_with_the_nearest_that_passes() -> None:
    (weak,) = themes.shortfalls(theme(text="#999"))
    assert (weak.name, weak.mode, weak.ground) == ("text", "light", "subtle")
    assert weak.nearest is not None
    assert str(weak).startswith("text #999999 on subtle has a contrast of 2.62 in light, and needs 4.5; #6f6f6f passes")
    assert themes.shortfalls(theme(text=str(weak.nearest))) == ()


def test_a_weak_accent_is_named_for_each_mode_that_it_was_set_for() -> None:
    found = themes.shortfalls(theme(accent={"light": "#ffd400", "dark": "#222"}))
    assert [(weak.name, weak.mode, weak.needed) for weak in found] == [
        ("accent", "light", AA_PARTS),
        ("accent", "dark", AA_PARTS),
    ]


def test_an_accent_for_light_alone_is_lifted_in_dark() -> None:
    found = themes.palette(theme(accent="#0b2e22"), "dark")
    assert contrast(found["accent"], found["surface"]) >= AA_PARTS
    assert contrast(found["accent-text"], found["field"]) >= AA_TEXT


def test_the_stylesheet_has_what_was_chosen_and_lies_in_our_layer() -> None:
    sheet = themes.stylesheet(
        theme(accent="#0f6a4a", radius=4, font='"Iowan Old Style", serif', spacing="5px", density=0.85)
    )
    assert sheet.startswith("@layer feedback.tokens {\n  :root {\n")
    for line in (
        "--feedback-accent: light-dark(#0f6a4a, ",
        "--feedback-radius: 4px;",
        '--feedback-font: "Iowan Old Style", serif;',
        "--feedback-space: calc(5px * var(--feedback-density));",
        "--feedback-density: 0.85;",
    ):
        assert line in sheet


def test_the_stylesheet_has_every_colour_of_light_mode_for_browsers_that_cannot_derive_it() -> None:
    chosen = theme(accent="#0f6a4a", surface={"light": "#fffaf0", "dark": "#101010"})
    _, _, plain = themes.stylesheet(chosen).partition("@supports not")
    found = dict(re.findall(r"--feedback-([\w-]+): (#\w+);", plain))
    assert found == {name: str(colour) for name, colour in themes.palette(chosen, "light").items()}
    assert "@supports" not in themes.stylesheet(theme(radius=4))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("accent", "blau", "'blau' is no colour"),
        ("accent", {"light": "#fff", "dim": "#000"}, "write a colour, or"),
        ("accent", {"dark": "nope"}, "'nope' is no colour"),
        ("accent", 3, "write a colour, or"),
        ("radius", "12px; color: red", "write a length"),
        ("radius", True, "write a length"),
        ("font", "x; } body { display: none", "names of typefaces"),
        ("font", '"open', "names of typefaces"),
        ("density", 9, "less than or equal to 1.5"),
        ("colour", "#fff", "not permitted"),
    ],
)
def test_a_setting_of_a_theme_that_is_none_is_named(name: str, value: object, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        theme(**{name: value})
    (fault,) = caught.value.errors()
    assert fault["loc"][0] == name
    assert said in fault["msg"]

"""The launcher: its size, its looks, its labels."""

import re
from typing import Any

import pytest
from bed import until
from pages import SAID, form, launcher, opened, panel
from playwright.sync_api import expect
from stage import STATIC, Stage


def test_whatever_a_page_may_override_is_in_the_manual() -> None:
    manual = (STATIC.parent / "docs" / "embedding.md").read_text("utf-8")
    loader = sorted((STATIC.parent / "loader").glob("*.js"))
    source = "".join(path.read_text("utf-8") for path in (*loader, STATIC / "embed-panel.js"))
    properties = set(re.findall(r"var\((--feedback-[\w-]+)", source))
    parts = set(re.findall(r"part(?:: |', )'(\w+)'", source))
    assert properties == set(re.findall(r"`(--feedback-[\w-]+)`", manual))
    table = manual.partition("| part | is |")[2].partition("```")[0]
    assert parts == {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"\w+", row)}
    options = source.partition("__proto__: null, ")[2].partition("identity: ''")[0].replace("zIndex", "z-index")
    for attribute in re.findall(r"([\w-]+): ", options):
        assert f"| `data-{attribute}` | `{attribute}` |" in manual


def test_the_loader_is_the_only_request_until_someone_means_to_use_it(visit: Any, stage: Stage) -> None:
    page = visit()
    expect(launcher(page)).to_have_text("Feedback")
    page.wait_for_load_state("networkidle")
    assert stage.form.requests == ["/embed.js"]
    launcher(page).hover()
    form(page)
    wanted = {"/static/embed-panel.js", "/form/demo?lang=en&theme=auto&mode=popover"}
    until(lambda: wanted <= set(stage.form.requests[1:]))  # in either order, and the form's own follow
    expect(panel(page)).not_to_be_visible()


def test_keyboard_focus_is_intent_too(visit: Any, stage: Stage) -> None:
    page = visit()
    launcher(page).focus()
    form(page)


def test_the_launcher_takes_its_looks_and_words_from_the_tag(visit: Any) -> None:
    page = visit(
        attributes='data-product="demo" data-label="Tell us" data-position="top-start" '
        'data-theme="dark" data-z-index="7"'
    )
    expect(launcher(page)).to_have_text("Tell us")
    box = launcher(page).bounding_box()
    assert (box["x"], box["y"]) == (28, 24)
    style = "getComputedStyle(document.querySelector('insider-feedback'))"
    assert page.evaluate(f"[{style}.zIndex, {style}.colorScheme]") == ["7", "dark"]


def test_a_z_index_lets_what_lies_higher_in_the_page_cover_button_and_form(visit: Any) -> None:
    banner = '<p id="banner" style="position:fixed;inset:0;margin:0;background:#eee;z-index:ORDER">Cookies</p>'
    covered = visit(banner.replace("ORDER", "8"), attributes='data-product="demo" data-z-index="7"')
    box = launcher(covered).bounding_box()
    at = f"document.elementFromPoint({box['x'] + 20}, {box['y'] + 20}).localName"
    assert covered.evaluate(at) == "p"
    covered.evaluate("InsiderFeedback.open()")
    form(covered)
    box = panel(covered).bounding_box()
    at = f"document.elementFromPoint({box['x'] + 20}, {box['y'] + 20}).localName"
    assert covered.evaluate(at) == "p"
    covered.evaluate("InsiderFeedback.set({zIndex: 9})")
    expect(panel(covered)).to_be_visible()
    assert covered.evaluate(at) == "insider-feedback"


@pytest.mark.parametrize(
    ("lang", "word", "close"),
    [
        ("de-AT", "Feedback", "Schließen"),
        ("ar", "رأيك", "إغلاق"),
        ("zh-CN", "反馈", "关闭"),
        ("zh-Hans-HK", "反馈", "关闭"),
        ("zh-TW", "意見", "關閉"),
        ("zh-Hant", "意見", "關閉"),
        ("nl", "Feedback", "Sluiten"),
        ("uk", "Відгук", "Закрити"),
        ("iw", "Feedback", "סגירה"),
        ("sv", "Feedback", "Close"),
        ("FR", "Votre avis", "Fermer"),
        ("ZH-HANT", "意見", "關閉"),
    ],
)
def test_the_launcher_speaks_the_language_of_the_page(
    visit: Any, stage: Stage, lang: str, word: str, close: str
) -> None:
    stage.form.answers["/form.js"] = (200, "text/javascript", "", {})
    page = visit(html=f'lang="{lang}"')
    expect(launcher(page)).to_have_text(word)
    launcher(page).click()
    expect(launcher(page)).to_have_text(close)


def test_the_launcher_can_be_left_out(visit: Any) -> None:
    page = visit(attributes='data-product="demo" data-launcher="false"')
    expect(page.locator("insider-feedback")).to_be_attached()
    expect(launcher(page)).to_have_count(0)


EVERYTHING = (
    "body>*,html>*,body *{position:relative;display:grid;margin:40px;border:9px solid red;padding:30px;"
    "background:red;box-shadow:0 0 9px red;outline:9px solid red}style{display:none!important}"
)


def test_styles_of_a_page_for_all_its_elements_draw_nothing_in_our_place(visit: Any) -> None:
    left_out = 'data-product="demo" data-launcher="false"'
    page = visit(f"<style>{EVERYTHING}</style>", attributes=left_out)
    element = page.locator("insider-feedback")
    for place in ("body", "html"):  # where it is at first, and once the page has settled
        expect(page.locator(f"{place} > insider-feedback")).to_be_attached()
        with_it, height = page.screenshot(), page.evaluate("document.documentElement.scrollHeight")
        element.evaluate("element => element.style.setProperty('display', 'none', 'important')")
        assert page.screenshot() == with_it
        assert page.evaluate("document.documentElement.scrollHeight") == height
        element.evaluate("element => element.style.removeProperty('display')")


def test_button_and_form_are_not_printed_but_a_form_within_the_page_is(visit: Any) -> None:
    page = visit('<insider-feedback product="demo" mode="inline"></insider-feedback>')
    page.emulate_media(media="print")
    expect(panel(page).first).to_be_visible()  # the one within the page
    expect(launcher(page)).not_to_be_visible()
    page.emulate_media(media="screen")
    launcher(page).click()
    expect(panel(page).last).to_be_visible()
    page.emulate_media(media="print")
    expect(panel(page).last).not_to_be_visible()


def test_it_mirrors_with_a_page_that_runs_from_right_to_left(visit: Any) -> None:
    page = visit(html='lang="ar" dir="rtl"')
    assert launcher(page).bounding_box()["x"] == 28


SHORT = "axyhrst"
STYLES = {
    "registered as percentages": "".join(
        f"@property --{name}{{syntax:'<percentage>';inherits:true;initial-value:0%}}" for name in SHORT
    ),
    "registered as angles that are not inherited": "".join(
        f"@property --{name}{{syntax:'<angle>';inherits:false;initial-value:0deg}}" for name in SHORT
    ),
    "set for all elements": f"*{{{''.join(f'--{name}:0;' for name in SHORT)}}}",
    "a large root": "html{font-size:100px}",
    "a root as wide as a part of the window": "html{font-size:calc(100vw / 7.5)}",
}
LOOKS = """element => [JSON.stringify(element.getBoundingClientRect()),
  ...['backgroundColor', 'fontSize', 'borderRadius'].map(key => getComputedStyle(element)[key])]"""


def test_properties_and_sizes_of_a_page_change_nothing_of_button_and_form(visit: Any) -> None:
    def looks(style: str) -> list[Any]:
        page = visit(f"<style>{style}</style>")
        opened(page).evaluate("document.body.offsetHeight")
        return [locator.evaluate(LOOKS) for locator in (launcher(page), panel(page), panel(page).locator("iframe"))]

    plain = looks("")
    assert {name: looks(style) for name, style in STYLES.items()} == dict.fromkeys(STYLES, plain)


def test_a_note_is_as_large_as_the_visitor_wants_whatever_the_page_s_size_is(visit: Any) -> None:
    page = visit(
        "<style>html{font-size:100px}</style><insider-feedback mode=inline product=none></insider-feedback>",
        attributes="",
        expected=(SAID, "404"),
    )
    expect(page.locator("insider-feedback .note a")).to_have_css("font-size", "16px")
    expect(page.locator("insider-feedback .note p")).to_have_css("font-size", "15px")

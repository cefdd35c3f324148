"""Opening and closing: where the form appears, where the focus goes, what keys do."""

import io
from typing import Any

import pytest
from bed import until
from pages import SPY, form, heard, launcher, opened, painted, panel, seen
from PIL import Image
from playwright.sync_api import expect
from stage import Stage


def test_a_press_opens_the_form_beside_the_launcher_and_another_closes_it(visit: Any) -> None:
    page = visit()
    opened(page)
    expect(launcher(page)).to_have_text("Close")
    expect(launcher(page)).to_have_attribute("aria-expanded", "true")
    expect(panel(page)).to_have_accessible_name("Feedback on Northwind")
    expect(panel(page)).to_have_role("dialog")

    def stands_above_the_launcher() -> bool:
        box, button = panel(page).bounding_box(), launcher(page).bounding_box()
        return (box["x"] + box["width"], box["width"], round(box["y"] + box["height"])) == (1252, 420, button["y"] - 16)

    until(stands_above_the_launcher)
    launcher(page).click()
    expect(panel(page)).not_to_be_visible()
    expect(launcher(page)).to_have_text("Feedback")
    assert [data["product"] for data in seen(page, "open") + seen(page, "close")] == ["demo", "demo"]


def test_a_double_click_opens_it_and_leaves_it_open(visit: Any) -> None:
    page = visit()
    launcher(page).dblclick()
    form(page)
    expect(panel(page)).to_be_visible()
    assert [len(seen(page, kind)) for kind in ("open", "close")] == [1, 0]


@pytest.mark.parametrize("phase", ["bubbling", "capturing"])
@pytest.mark.parametrize("key", ["Space", "Enter"])
def test_a_page_with_shortcuts_of_its_own_leaves_us_the_keys_that_press_a_button(
    visit: Any, stage: Stage, key: str, phase: str
) -> None:
    """It spares its own buttons, but sees only our element, which is none."""
    stage.script(f"""{SPY}
    window.keys = []
    for (const type of ['keydown', 'keyup']) document.addEventListener(type, event => {{
      window.keys.push(event.code)
      if (!event.target.closest('button')) event.preventDefault()
    }}, {"true" if phase == "capturing" else "false"})""")
    page = visit()
    launcher(page).press(key)
    expect(panel(page)).to_be_visible()
    page.evaluate("InsiderFeedback.close()")
    launcher(page).press("k")
    page.locator("#first").press(key)
    assert page.evaluate("keys") == ["KeyK", "KeyK", key, key]


def test_focus_goes_into_the_form_and_back_to_the_launcher(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    frame.wait_for_function("document.activeElement.name === 'rating'")
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.tagName") == "IFRAME"
    page.keyboard.press("Escape")
    expect(panel(page)).not_to_be_visible()
    expect(launcher(page)).to_be_focused()


def test_the_ring_shows_where_a_keyboard_opened_the_form_and_not_after_a_press(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    frame.wait_for_function("document.activeElement.name === 'rating'")
    assert not frame.evaluate("document.activeElement.matches(':focus-visible')")
    page.keyboard.press("Escape")
    expect(launcher(page)).to_be_focused()
    page.keyboard.press("Enter")
    frame.wait_for_function("document.activeElement.matches('[name=rating]:focus-visible')")


def test_a_close_button_in_the_form_closes_it(visit: Any) -> None:
    page = visit()
    opened(page).click("#leave")
    expect(panel(page)).not_to_be_visible()
    expect(launcher(page)).to_be_focused()


def test_escape_in_the_host_page_closes_it_unless_the_page_used_it_up(visit: Any) -> None:
    page = visit()
    opened(page)
    page.evaluate("addEventListener('keydown', event => event.preventDefault(), {once: true, capture: true})")
    page.locator("#first").focus()
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel(page)).not_to_be_visible()
    expect(page.locator("#first")).to_be_focused()


def test_focus_stays_where_it_is_when_no_person_opened_the_form(visit: Any, stage: Stage) -> None:
    stage.script(SPY + "InsiderFeedback.push(feedback => feedback.open())")
    page = visit()
    form(page)
    expect(panel(page)).to_be_visible()
    painted(page)
    assert page.evaluate("document.activeElement.tagName") == "BODY"


HOLD = """addEventListener('message', event => {
  if (event.isTrusted && event.data?.data?.focus) {
    event.stopImmediatePropagation()
    window.late = event
  }
}, true)"""
"""Hold back the message about where the focus goes."""
LATE = "dispatchEvent(new MessageEvent('message', {source: parent, origin: late.origin, data: late.data}))"


def test_words_are_not_interrupted_when_the_page_says_late_where_the_focus_goes(visit: Any) -> None:
    page = visit()
    page.add_init_script(HOLD)
    frame = opened(page)
    frame.wait_for_function("window.late")
    frame.click("textarea")
    page.keyboard.type("It is ")
    frame.evaluate(LATE)
    page.keyboard.type("easy.")
    expect(frame.locator("textarea")).to_have_value("It is easy.")


def test_a_form_that_comes_late_takes_no_focus_from_a_field_of_the_page(visit: Any) -> None:
    page = visit("<input id=field>")
    held: list[Any] = []
    page.route("**/form.js", lambda route: held.append(route))
    launcher(page).click()
    expect(panel(page)).to_be_visible()
    page.locator("#field").click()
    page.keyboard.type("A-1")
    until(lambda: page.title() and held)  # Playwright hands it over only while the browser is asked something
    held[0].continue_()
    form(page)
    page.keyboard.type("027")
    expect(page.locator("#field")).to_have_value("A-1027")


def test_tab_leaves_a_popover_at_both_ends(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    frame.wait_for_function("document.activeElement.name === 'rating'")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(launcher(page)).to_be_focused()
    expect(panel(page)).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#last")).to_be_focused()


def test_tab_returns_from_a_popover_to_an_opener_elsewhere(visit: Any, stage: Stage) -> None:
    stage.script(SPY + "InsiderFeedback.push(feedback => feedback.attach('#first'))")
    page = visit()
    page.locator("#first").click()
    frame = form(page)
    frame.wait_for_function("document.activeElement.name === 'rating'")
    frame.focus("#send")
    page.keyboard.press("Tab")
    expect(page.locator("#first")).to_be_focused()
    expect(panel(page)).to_be_visible()


def test_a_dialog_keeps_tab_inside_and_closes_on_escape(visit: Any) -> None:
    page = visit(attributes='data-product="demo" data-mode="dialog"')
    frame = opened(page)
    assert page.evaluate(
        "document.querySelector('insider-feedback').shadowRoot.querySelector('dialog').matches(':modal')"
    )
    frame.wait_for_function("document.activeElement.name === 'rating'")
    frame.focus("#send")
    page.keyboard.press("Tab")
    frame.wait_for_function("document.activeElement.name === 'rating'")
    frame.focus("#leave")
    page.keyboard.press("Shift+Tab")
    frame.wait_for_function("document.activeElement.id === 'send'")
    page.keyboard.press("Escape")
    expect(panel(page)).not_to_be_visible()
    expect(launcher(page)).to_be_focused()


def test_a_dialog_is_in_the_middle(visit: Any) -> None:
    page = visit(attributes='data-product="demo" data-mode="dialog"')
    opened(page)

    def is_in_the_middle() -> bool:
        box = panel(page).bounding_box()
        return (box["width"], box["x"]) == (480, 400) and abs(box["y"] * 2 + box["height"] - 900) < 2

    until(is_in_the_middle)


@pytest.mark.parametrize("mode", ["popover", "dialog"])
def test_a_small_screen_gets_a_sheet(visit: Any, mode: str) -> None:
    page = visit(size=(360, 740), attributes=f'data-product="demo" data-mode="{mode}"')
    frame = opened(page)
    until(lambda: panel(page).bounding_box() == {"x": 0, "y": 12, "width": 360, "height": 728})
    assert heard(frame, "hello")[0]["sheet"] is True
    edge = {"x": 0, "y": 13, "width": 180, "height": 1}

    def has_a_round_corner() -> bool:
        line = Image.open(io.BytesIO(page.screenshot(clip=edge))).convert("RGB")
        return line.getpixel((179, 0)) == (255, 255, 255) != line.getpixel((0, 0)) != (0, 0, 0)

    until(has_a_round_corner)
    frame.evaluate("window.link.stage('full')")
    assert panel(page).bounding_box()["width"] == 360
    page.set_viewport_size({"width": 1280, "height": 900})
    frame.wait_for_function("window.heard.at(-1)[1].sheet === false")
    expect(panel(page)).to_be_visible()
    until(lambda: panel(page).bounding_box() == {"x": 16, "y": 16, "width": 1248, "height": 868})
    expect(launcher(page)).to_be_hidden()
    frame.evaluate("window.link.stage('')")
    until(lambda: panel(page).bounding_box()["width"] < 500)
    expect(launcher(page)).to_be_visible()


def test_the_height_follows_the_content_and_stops_at_the_edge_of_the_window(visit: Any) -> None:
    page = visit()
    frame = opened(page)

    def height() -> Any:
        return panel(page).bounding_box()["height"]

    assert height() < 500
    frame.evaluate("document.querySelector('main').className = 'tall'")
    until(lambda: height() == 500)
    frame.evaluate("document.querySelector('main').className = 'huge'")
    until(lambda: height() == 900 - 108)


def test_it_follows_a_colour_scheme_that_is_switched_later(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    page.evaluate("InsiderFeedback.set({theme: 'dark'})")
    frame.wait_for_function("window.heard.at(-1)[1].theme === 'dark'")
    scheme = "document.querySelector('insider-feedback').shadowRoot.querySelector('iframe')"
    assert page.evaluate(f"getComputedStyle({scheme}).colorScheme") == "dark"


def test_inline_it_stands_in_the_page_and_loads_when_it_comes_near(visit: Any, stage: Stage) -> None:
    page = visit(
        '<div id="gap"></div><insider-feedback product="demo" mode="inline"></insider-feedback>', attributes=""
    )
    form(page)
    expect(panel(page)).to_be_visible()
    expect(launcher(page)).to_have_count(0)
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    until(lambda: panel(page).bounding_box()["height"] == 300)
    stage.form.requests.clear()
    far = visit(
        '<insider-feedback product="demo" mode="inline"></insider-feedback>',
        attributes='data-far="true"',
        html='lang="en" style="padding-top: 3000px"',
    )
    until(lambda: stage.form.requests[1:])
    far.wait_for_load_state("networkidle")
    assert stage.form.requests == ["/embed.js", "/static/embed-page.js"]  # looks for a tag that names a product
    far.locator("#last").scroll_into_view_if_needed()
    form(far)


@pytest.mark.parametrize(
    "layout", ["", "display:flex;flex-direction:column;align-items:center", "display:grid;place-items:center"]
)
def test_inline_it_is_as_wide_as_its_place_unless_the_page_says_otherwise(visit: Any, layout: str) -> None:
    page = visit(
        f'<div id="place" style="width:800px;{layout}">'
        '<insider-feedback product="demo" mode="inline"></insider-feedback></div>',
        attributes="",
    )
    form(page)
    width = "element => element.getBoundingClientRect().width"
    assert panel(page).evaluate(width) == 800
    page.add_style_tag(content="insider-feedback { width: 500px }")
    assert panel(page).evaluate(width) == 500


@pytest.mark.parametrize("place", ["float:left", "display:inline-block"])
def test_inline_it_is_no_narrower_in_a_place_that_shrinks_to_its_content(visit: Any, stage: Stage, place: str) -> None:
    body = f'<div style="{place}"><insider-feedback product="demo" mode="inline"></insider-feedback></div>'
    width = "element => element.getBoundingClientRect().width"
    page = visit(body, attributes="")
    form(page)
    assert panel(page).evaluate(width) == 640
    page.set_viewport_size({"width": 360, "height": 800})
    assert panel(page).evaluate(width) == page.evaluate("document.body.offsetWidth")
    stage.form.answers["/form.js"] = (200, "text/javascript", "", {})
    page = visit(body, attributes="")
    expect(panel(page)).to_have_class("panel wait")
    assert panel(page).evaluate(width) == 640

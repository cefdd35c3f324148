"""`window.InsiderFeedback` and the element: calls, options, several widgets, moves within the page."""

from typing import Any

from pages import SPY, form, heard, launcher, opened, painted, panel, seen
from playwright.sync_api import Page, expect
from stage import Stage


def test_calls_before_the_loader_has_come_wait_for_it(visit: Any, stage: Stage) -> None:
    stage.script(
        SPY + "InsiderFeedback.push(f => { f.set({label: 'Early'}); window.order = 'first' })\n"
        "InsiderFeedback.push(f => { window.order += ' second'; f.open() })"
    )
    page = visit()
    expect(panel(page)).to_be_visible()
    assert page.evaluate("[window.order, InsiderFeedback.isOpen]") == ["first second", True]
    page.evaluate("InsiderFeedback.close()")
    expect(launcher(page)).to_have_text("Early")


def test_the_api_opens_toggles_and_closes(visit: Any) -> None:
    page = visit()
    states = page.evaluate("""() => {
      const states = [InsiderFeedback.isOpen]
      for (const name of ['open', 'open', 'close', 'close', 'toggle', 'toggle']) {
        InsiderFeedback[name]()
        states.push(InsiderFeedback.isOpen)
      }
      return states
    }""")
    assert states == [False, True, True, False, False, True, False]


def test_attached_elements_open_the_form_until_they_are_detached(visit: Any, stage: Stage) -> None:
    page = visit('<a href="/elsewhere" class="ask">Tell us <b>more</b></a>')
    page.evaluate("void (window.detach = InsiderFeedback.attach('.ask'))")
    page.evaluate("void InsiderFeedback.attach(document.querySelector('#first'))")
    page.locator(".ask b").hover()
    form(page)
    page.locator(".ask b").click()
    expect(panel(page)).to_be_visible()
    page.locator("#first").click()
    expect(panel(page)).not_to_be_visible()
    page.evaluate("detach()")
    page.evaluate("document.querySelector('.ask').addEventListener('click', event => event.preventDefault())")
    page.locator(".ask").click()
    painted(page)
    expect(panel(page)).not_to_be_visible()


def test_a_callback_can_be_removed(visit: Any) -> None:
    page = visit()
    page.evaluate("window.count = 0; void (window.off = InsiderFeedback.on('open', () => window.count++))")
    page.evaluate("InsiderFeedback.open(); InsiderFeedback.close(); off(); InsiderFeedback.open()")
    assert page.evaluate("window.count") == 1


def test_an_error_in_one_call_of_the_queue_stops_no_other(visit: Any, stage: Stage) -> None:
    stage.script("""window.InsiderFeedback = [() => { throw Error('theirs') }, () => { window.isCalled = true }]""")
    page = visit(expected=("theirs",))
    assert page.evaluate("window.isCalled")
    opened(page)


def load_again(page: Page, stage: Stage, **options: str) -> None:
    """Load the script once more, by a tag with these options."""
    page.evaluate(
        """([src, options]) => new Promise(done => {
      const script = Object.assign(document.createElement('script'), {src, onload: done})
      Object.assign(script.dataset, options)
      document.head.append(script)
    })""",
        [f"{stage.form_url}/embed.js?again", options],
    )


def test_loaded_twice_there_is_one_of_everything(visit: Any, stage: Stage) -> None:
    page = visit()
    load_again(page, stage, product="demo")
    expect(page.locator("insider-feedback")).to_have_count(1)
    opened(page)
    assert len(seen(page, "open")) == 1
    page.evaluate("InsiderFeedback.destroy()")
    load_again(page, stage, product="demo")
    expect(launcher(page)).to_have_count(1)
    opened(page)


def test_a_second_tag_changes_nothing_unless_it_is_of_another_product(visit: Any, stage: Stage) -> None:
    page = visit(attributes='data-product="demo" data-email="anna@northwind.example"')
    page.evaluate("InsiderFeedback.set({label: 'Mine'})")
    attributes = "element => [...element.attributes].map(({name, value}) => [name, value])"
    load_again(page, stage, product="demo", email="bert@northwind.example", theme="dark")
    page.evaluate("module => import(module).then(() => {})", f"{stage.form_url}/static/embed-page.js")  # it decides
    before = dict(page.locator("insider-feedback").evaluate(attributes))
    assert (before["email"], before["label"], before.get("theme")) == ("anna@northwind.example", "Mine", None)
    load_again(page, stage, product="other", theme="light")
    expect(page.locator("insider-feedback[product=other]")).to_have_count(1)
    values = dict(page.locator("insider-feedback").evaluate(attributes))
    assert {key: values.get(key) for key in ("theme", "email", "label")} == {
        "theme": "light",
        "email": None,
        "label": None,
    }


def test_destroy_leaves_nothing_behind(visit: Any) -> None:
    page = visit()
    page.evaluate("void InsiderFeedback.attach('#first')")
    opened(page)
    page.evaluate("InsiderFeedback.destroy()")
    expect(page.locator("insider-feedback")).to_have_count(0)
    before = page.evaluate("window.seen.length")
    page.locator("#first").click()
    page.evaluate("InsiderFeedback.open(); InsiderFeedback.set({theme: 'dark'}); InsiderFeedback.toggle()")
    assert page.evaluate("[window.seen.length, InsiderFeedback.isOpen]") == [before, False]
    assert len(page.frames) == 1


def test_what_was_destroyed_comes_back_for_whoever_names_a_product(visit: Any) -> None:
    """A module runs once, so `import()` and the package's `load()` have no other way."""
    page = visit()
    page.evaluate("InsiderFeedback.destroy({keep: true})")
    page.evaluate("InsiderFeedback.set({product: 'demo', label: 'Back'})")
    expect(launcher(page)).to_have_text("Back")
    opened(page)


def test_several_instances_do_not_mix(visit: Any) -> None:
    page = visit(
        '<insider-feedback product="other" position="bottom-start"></insider-feedback>'
        '<insider-feedback product="other" mode="inline"></insider-feedback>'
    )
    expect(launcher(page)).to_have_count(2)
    launcher(page).nth(0).click()
    expect(panel(page).nth(0)).to_be_visible()
    launcher(page).nth(1).click()
    expect(page.locator("insider-feedback dialog[open]")).to_have_count(1)
    page.wait_for_function("window.seen.filter(([type]) => type === 'ready').length === 3")
    assert [data["product"] for data in seen(page, "open")] == ["other", "demo"]
    assert [data["product"] for data in seen(page, "close")] == ["other"]


def test_an_element_that_comes_with_all_its_attributes_is_set_up_once(visit: Any) -> None:
    """It is upgraded when it is inserted: each attribute is reported to it before it is told that it is connected."""
    page = visit(attributes="")
    shown = page.evaluate("""() => {
      const shown = [], {showPopover} = HTMLElement.prototype
      HTMLElement.prototype.showPopover = function () { shown.push(this.className); showPopover.call(this) }
      const template = document.createElement('template')
      template.innerHTML = '<insider-feedback product="demo" mode="dialog" launcher="true" label="Mine">'
      document.body.append(template.content)
      return shown
    }""")
    assert shown == ["box"]
    expect(launcher(page)).to_have_text("Mine")


def test_an_element_can_be_moved_and_changed_as_single_page_apps_do(visit: Any) -> None:
    page = visit(
        '<div id="a"><insider-feedback product="demo"></insider-feedback></div><div id="b"></div>', attributes=""
    )
    opened(page)
    page.mouse.move(0, 0)
    page.evaluate("document.querySelector('#b').append(document.querySelector('insider-feedback'))")
    expect(launcher(page)).to_have_count(1)
    expect(panel(page)).to_be_visible()
    assert heard(form(page), "hello")
    page.evaluate("document.querySelector('insider-feedback').setAttribute('product', 'other')")
    expect(panel(page)).to_be_visible()
    assert "/form/other" in form(page).url
    assert seen(page, "close") == []
    page.evaluate("document.querySelector('insider-feedback').setAttribute('mode', 'inline')")
    expect(page.locator("insider-feedback div.panel.ready")).to_be_visible()
    expect(launcher(page)).to_have_count(0)
    assert not page.evaluate("InsiderFeedback.isOpen")
    page.evaluate("document.querySelector('insider-feedback').setAttribute('mode', 'popover')")
    opened(page)
    page.evaluate("document.querySelector('insider-feedback').remove()")
    assert not page.evaluate("InsiderFeedback.isOpen")


def test_a_form_that_is_removed_while_it_is_open_has_closed(visit: Any) -> None:
    page = visit('<div id="view"><insider-feedback product="other"></insider-feedback></div>', attributes="")
    opened(page)
    page.evaluate("document.querySelector('#view').prepend(document.querySelector('insider-feedback'))")
    form(page)
    page.evaluate("document.querySelector('#view').replaceChildren()")
    assert seen(page, "close") == [{"product": "other"}]
    assert not page.evaluate("InsiderFeedback.isOpen")


def test_a_move_that_keeps_state_keeps_the_open_form(visit: Any) -> None:
    element = '<insider-feedback product="demo"></insider-feedback>'
    page = visit(f'<div id="a">{element}</div><div id="b"></div>', attributes="")
    opened(page).fill("textarea", "half a sentence")
    page.evaluate("document.querySelector('#b').moveBefore(document.querySelector('insider-feedback'), null)")
    expect(panel(page)).to_be_visible()
    assert form(page).input_value("textarea") == "half a sentence"


def test_an_option_that_is_set_again_keeps_the_open_form(visit: Any) -> None:
    """As effects of a component do with each rendering."""
    page = visit(attributes='data-product="demo" data-mode="dialog" data-launcher="true" data-z-index="5"')
    frame = opened(page)
    frame.fill("textarea", "half a sentence")
    page.evaluate("InsiderFeedback.set({product: 'demo', mode: 'dialog', launcher: true, zIndex: 5})")
    assert not frame.is_detached()
    assert form(page).input_value("textarea") == "half a sentence"


def test_with_reduced_motion_nothing_moves(visit: Any) -> None:
    for size in ((1280, 900), (360, 740)):
        page = visit(size=size, moves=True)
        page.emulate_media(reduced_motion="reduce")
        opened(page)
        page.evaluate("InsiderFeedback.close()")
        assert panel(page).evaluate("panel => [getComputedStyle(panel).translate, getComputedStyle(panel).scale]") == [
            "0px",
            "1",
        ]

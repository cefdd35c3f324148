"""The loader changes as little of a host page as possible, and reports each problem once."""

from pathlib import Path
from typing import Any

import pytest
from bed import until
from playwright.sync_api import Locator, expect
from rounds import HostPage

TAG = '<script src="LOADER" async data-product="demo"></script>'
HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Orders</title>'
PAGE = f"{HEAD}{TAG}<body><h1>Orders</h1><input id=field><a class=ask href=/elsewhere>Tell us</a>"


@pytest.fixture
def ready(host: HostPage) -> HostPage:
    """A plain page that has loaded the loader."""
    host.put(PAGE)
    host.visit()
    expect(host.launcher).to_be_visible()
    return host


def said(host: HostPage) -> list[str]:
    """The loader's messages. Any other console message fails the test."""
    assert [text for text in host.unexpected() if not text.startswith("[feedback] ")] == []
    return [text.removeprefix("[feedback] ") for text in host.unexpected()]


def until_said(host: HostPage, part: str) -> str:
    """Wait for a message with these words, and return all messages."""
    host.page.wait_for_function("true")
    for _ in range(200):
        lines = [line for line in said(host) if part in line]
        if lines:
            (line,) = lines
            return line
        host.page.evaluate("new Promise(done => setTimeout(done, 20))")
    raise AssertionError(host.said)


# Options


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("set({thme: 'dark'})", "There is no option thme: there are product, "),
        ("set({test: true})", "test cannot be set: write data-test on the script tag, "),
        ("set({theme: 'night'})", 'theme cannot be "night": write light or dark or auto.'),
        ("set({launcher: 'no'})", 'launcher cannot be "no": write true or false.'),
        ("set({position: 'left'})", 'position cannot be "left": write bottom-end, '),
        ("set({mode: 'window'})", 'mode cannot be "window": write popover or dialog or inline.'),
        ("set({product: 'My shop'})", 'product cannot be "My shop": write the product\'s slug.'),
        ("set({zIndex: '1.5'})", 'zIndex cannot be "1.5": write a whole number.'),
        ("set({zIndex: 'top'})", 'zIndex cannot be "top": write a whole number.'),
        ("set({zIndex: NaN})", "zIndex cannot be NaN: write a whole number."),
        ("open('x')", "Options must be an object"),
    ],
)
def test_an_option_that_is_none_is_named_once_and_nothing_is_written(ready: HostPage, call: str, words: str) -> None:
    markup = "document.querySelector('insider-feedback').outerHTML.replace(/ style=\"[^\"]*\"/, '')"
    before = ready.page.evaluate(markup)
    ready.page.evaluate(f"InsiderFeedback.{call}; InsiderFeedback.{call}; InsiderFeedback.close()")
    assert until_said(ready, words).endswith("See docs/embedding.md#attributes.")
    assert ready.page.evaluate(markup) == before


NO_VALUES = {
    "label": "({})",
    "email": "() => 1",
    "theme": "10n",
    "lang": "Symbol('de')",
    "position": "(() => { const ring = {}; return ring.ring = ring })()",
    "mode": "Object.create(null)",
    "zIndex": "{}",
    "constructor": "1",
}
"""Values that no option can have, and something that only looks like an option."""


def test_a_value_of_any_kind_is_named_and_nothing_is_thrown_or_written(ready: HostPage) -> None:
    for key, value in NO_VALUES.items():
        ready.page.evaluate(f"InsiderFeedback.set({{{key}: {value}}})")
        until_said(ready, key + (":" if key == "constructor" else " cannot be"))
    attributes = ready.page.evaluate("document.querySelector('insider-feedback').getAttributeNames()")
    assert set(attributes) <= {"slot", "product", "style", "dir"}


def test_an_event_is_not_taken_for_options(ready: HostPage) -> None:
    """As in `onclick = InsiderFeedback.open`, or in `onClick={InsiderFeedback.open}` with React."""
    ready.page.evaluate("document.querySelector('h1').onclick = InsiderFeedback.open")
    ready.page.locator("h1").click()
    expect(ready.panel).to_be_visible()
    ready.page.evaluate("InsiderFeedback.open({_reactName: 'onClick', nativeEvent: {}, target: document})")
    ready.page.evaluate("InsiderFeedback.set({theme: 'night'})")
    until_said(ready, "theme cannot be")
    assert len(said(ready)) == 1


def test_a_context_that_cannot_be_cloned_is_named_and_the_former_one_stays(ready: HostPage) -> None:
    ready.page.evaluate("InsiderFeedback.set({context: {page: 'orders'}})")
    ready.press()
    expect(ready.form.locator(".feedback-context")).to_contain_text("orders")
    ready.page.evaluate("InsiderFeedback.set({context: {page: 'x', act() {}}})")
    until_said(ready, "context cannot be handed to the form")
    expect(ready.form.locator(".feedback-context")).to_contain_text("orders")


def test_null_takes_an_option_back(ready: HostPage) -> None:
    ready.page.evaluate("InsiderFeedback.set({theme: 'dark', label: 'Tell us'})")
    expect(ready.launcher).to_have_text("Tell us")
    ready.page.evaluate("InsiderFeedback.set({theme: null, label: null})")
    expect(ready.launcher).to_have_text("Feedback")
    assert ready.page.evaluate("document.querySelector('insider-feedback').theme") is None


def test_wrong_attributes_of_an_element_are_named_when_its_form_is_loaded(host: HostPage) -> None:
    element = '<insider-feedback class="mine" product="demo" mode="window" zindex="5" test></insider-feedback>'
    host.put(f'{HEAD}<script src="LOADER" async></script><body>{element}')
    host.visit()
    host.launcher.hover()
    until_said(host, 'mode cannot be "window". Write popover or dialog or inline.')
    until_said(host, "There is no zindex. Write z-index.")
    assert len(said(host)) == 2


def test_an_element_that_holds_the_rest_of_the_page_is_named(host: HostPage) -> None:
    link = '<a href="WIDGET/form/demo">Tell us</a>'
    host.put(
        f'{HEAD}<script src="LOADER" async></script><body><insider-feedback product=demo>{link}</insider-feedback>\n'
        '<insider-feedback product="demo" mode="inline" /><p>The rest</p></body></html>'
    )
    host.visit()
    host.launcher.hover()
    until_said(host, "The page goes on inside an <insider-feedback>")
    assert len(said(host)) == 1


def test_a_tag_of_a_form_in_the_page_is_told_where_that_is(host: HostPage) -> None:
    host.put(f'{HEAD}<script src="LOADER" async data-product="demo" data-mode="inline"></script><body>')
    host.visit()
    until_said(host, "The form of the script tag is at the end of the page.")


def test_a_tag_that_is_meant_to_make_a_button_is_told_that_it_names_no_product(host: HostPage) -> None:
    host.put(f'{HEAD}<script src="LOADER" async data-produkt="demo"></script><body>')
    host.visit()
    until_said(host, "There is no data-produkt. Write data-product.")
    until_said(host, "The script tag names no product, so it makes no button.")


def test_a_misspelled_attribute_of_the_tag_is_named_when_its_form_is_loaded(host: HostPage) -> None:
    host.put(PAGE.replace("async", "async data-thme=dark data-turbo-track=reload"))
    host.visit()
    host.launcher.hover()
    until_said(host, "There is no data-thme. Write data-theme.")
    assert len(said(host)) == 1


def test_an_element_without_a_product_is_named_as_such(host: HostPage) -> None:
    host.put(f'{HEAD}<script src="LOADER" async></script><body><insider-feedback data-product="demo" mode="inline">')
    with host.page.expect_console_message(lambda message: "An <insider-feedback> names no product." in message.text):
        host.visit()


def test_each_form_in_a_page_brings_back_its_own_draft(host: HostPage) -> None:
    inline = '<insider-feedback product="demo" mode="inline"></insider-feedback>'
    host.put(f'{HEAD}<script src="LOADER" async></script><body>{inline}{inline}')
    host.visit()
    forms = [host.page.locator("insider-feedback").nth(place).frame_locator("iframe") for place in range(2)]
    texts = [form.locator("#description") for form in forms]

    def keep(text: Locator, words: str) -> None:
        text.fill(words)
        until(lambda: words in text.evaluate("() => JSON.stringify({...sessionStorage})"))

    keep(texts[0], "About this")
    keep(texts[1], "About that")
    host.visit()
    expect(texts[0]).to_have_value("About this")
    expect(texts[1]).to_have_value("About that")


def test_a_form_that_opens_where_the_page_hides_it_is_named(host: HostPage) -> None:
    """Teams with a button of their own hide ours by a style, and the form with it."""
    host.put(f"{PAGE}<style>insider-feedback{{display:none}}</style>")
    host.visit()
    expect(host.launcher).to_be_attached()
    host.page.evaluate("InsiderFeedback.open()")
    assert 'write launcher="false"' in until_said(host, "the page hides its <insider-feedback>")


# Calls


def test_calls_without_an_element_wait_for_one_and_say_so_once(host: HostPage) -> None:
    host.put(f'{HEAD}<script src="LOADER"></script><body><h1>Orders</h1>')
    host.visit()
    host.page.evaluate("InsiderFeedback.set({label: 'Early'}); InsiderFeedback.open()")
    until_said(host, "There is no element yet")
    host.page.evaluate(
        "document.body.append(Object.assign(document.createElement('insider-feedback'), {product: 'demo'}))"
    )
    expect(host.panel).to_be_visible()
    host.page.evaluate("InsiderFeedback.close()")
    expect(host.launcher).to_have_text("Early")


def test_calls_that_cannot_reach_an_inline_form_are_told_what_does(host: HostPage) -> None:
    host.put(f'{HEAD}<script src="LOADER"></script><body><insider-feedback product="demo" mode="inline">')
    host.visit()
    host.page.evaluate("InsiderFeedback.set({theme: 'dark'})")
    until_said(host, "Reach an inline form by its element: document.querySelector('insider-feedback').set(")


def test_one_click_opens_once_however_often_it_was_attached(ready: HostPage) -> None:
    ready.page.evaluate("window.detach = [1, 2, 3].map(() => InsiderFeedback.attach('.ask')); true")
    ready.page.locator(".ask").click()
    expect(ready.panel).to_be_visible()
    ready.page.evaluate("InsiderFeedback.close(); detach[0](); detach[1]()")
    ready.page.locator(".ask").click()
    expect(ready.panel).to_be_visible()
    ready.page.evaluate("InsiderFeedback.close(); detach[2]()")
    prevented = (
        "document.querySelector('.ask').dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
    )
    ready.page.evaluate(
        "addEventListener('click', event => { window.left = event.defaultPrevented; event.preventDefault() })"
    )
    ready.page.evaluate(prevented)
    assert ready.page.evaluate("[left, InsiderFeedback.isOpen]") == [False, False]


def test_an_attached_link_leads_to_its_address_while_there_is_nothing_to_open(host: HostPage) -> None:
    host.put(f'{HEAD}<script src="LOADER"></script><body><a class=ask href="#form">Tell us</a>')
    host.visit()
    host.page.evaluate("void InsiderFeedback.attach('.ask')")
    host.page.locator(".ask").click()
    host.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<insider-feedback product=demo>')")
    assert host.page.evaluate("[location.hash, InsiderFeedback.isOpen]") == ["#form", False]
    host.page.locator(".ask").click()
    expect(host.panel).to_be_visible()


def test_a_double_click_on_what_is_attached_leaves_the_form_open(ready: HostPage) -> None:
    ready.page.evaluate("void InsiderFeedback.attach('.ask')")
    ready.page.locator(".ask").dblclick()
    expect(ready.panel).to_be_visible()
    assert ready.page.evaluate("[InsiderFeedback.isOpen, location.pathname]") == [True, "/"]
    ready.page.evaluate("void document.querySelector('.ask').dispatchEvent(new Event('click', {bubbles: true}))")
    expect(ready.panel).not_to_be_visible()


@pytest.mark.parametrize(("where", "phase"), [("document.body", "false"), ("window", "true")])
def test_a_click_opens_although_the_page_stops_it(ready: HostPage, where: str, phase: str) -> None:
    """As dialogs of frameworks do with all clicks in them, and guards of a whole page with those they do not know."""
    ready.page.evaluate(f"{where}.addEventListener('click', event => event.stopPropagation(), {phase})")
    ready.page.evaluate("void InsiderFeedback.attach('.ask')")
    ready.page.locator(".ask").click()
    expect(ready.panel).to_be_visible()


@pytest.mark.parametrize("key", ["ctrlKey", "metaKey", "shiftKey"])
def test_a_click_that_opens_a_tab_stays_the_browser_s(ready: HostPage, key: str) -> None:
    ready.page.evaluate("document.querySelector('.ask').innerHTML = '<b>Tell us</b>'; void InsiderFeedback.attach('b')")
    ready.page.evaluate("void InsiderFeedback.attach('.ask')")
    ready.page.evaluate(
        "addEventListener('click', event => { window.left = event.defaultPrevented; event.preventDefault() })"
    )
    click = f"new MouseEvent('click', {{bubbles: true, cancelable: true, {key}: true}})"
    ready.page.evaluate(f"document.querySelector('.ask b').dispatchEvent({click})")
    assert ready.page.evaluate("[left, InsiderFeedback.isOpen]") == [False, False]


def test_an_escape_that_ends_composing_closes_nothing(ready: HostPage) -> None:
    ready.press()
    expect(ready.panel).to_be_visible()
    ready.page.evaluate("""for (const more of [{isComposing: true}, {keyCode: 229}]) document.querySelector('#field')
      .dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true, cancelable: true, ...more}))""")
    assert ready.page.evaluate("InsiderFeedback.isOpen")
    ready.page.locator("#field").press("Escape")
    expect(ready.panel).not_to_be_visible()


# Missing parts


def test_an_unknown_product_is_reported_as_such(host: HostPage) -> None:
    host.put(PAGE.replace("demo", "nobody"))
    host.visit()
    host.page.evaluate("window.codes = []; void InsiderFeedback.on('error', ({code}) => codes.push(code))")
    host.press()
    expect(host.panel.get_by_role("link", name="Open in a new tab")).to_be_visible()
    host.page.wait_for_function("codes.length === 1")
    assert host.page.evaluate("codes") == ["product_unknown"]
    lines = [line for line in host.said if line.startswith("[feedback]")]
    assert len(lines) == 1
    assert 'The service has no product "nobody"' in lines[0]


@pytest.mark.parametrize(("place", "words"), [("file", "This page is a file"), ("sandbox", "is in a sandbox")])
def test_a_page_without_an_origin_is_not_told_to_allow_it(
    host: HostPage, tmp_path: Path, place: str, words: str
) -> None:
    host.put(HEAD, Content_Security_Policy="sandbox allow-scripts")
    (tmp_path / "index.html").write_text(HEAD)
    host.page.goto((tmp_path / "index.html").as_uri() if place == "file" else host.url)
    meaning = "path => import(path).then(({meaning}) => meaning('frame_refused', 'demo')[0])"
    assert words in host.page.evaluate(meaning, f"{host.widget.url}/static/embed-advice.js")


def test_a_panel_that_is_blocked_makes_the_first_press_open_a_tab(host: HostPage) -> None:
    host.put(PAGE)
    host.page.route("**/embed-*.js", lambda route: route.abort("blockedbyclient"))
    host.visit()
    with host.context.expect_page() as opened:
        host.press()
    assert "/form/demo?" in opened.value.url or opened.value.url == "about:blank"
    assert opened.value.evaluate("opener") is None
    expect(host.page.locator("insider-feedback").get_by_role("link", name="Feedback")).to_be_visible()


def test_a_link_of_the_page_opens_a_tab_as_long_as_the_panel_is_blocked(host: HostPage) -> None:
    host.put(PAGE)
    host.page.route("**/embed-*.js", lambda route: route.abort("blockedbyclient"))
    host.visit()
    host.page.evaluate("void InsiderFeedback.attach('.ask')")
    host.page.locator(".ask").hover()
    expect(host.page.locator("insider-feedback").get_by_role("link", name="Feedback")).to_be_visible()
    for _ in range(2):
        with host.context.expect_page() as opened:
            host.page.locator(".ask").click()
        opened.value.close()
    host.page.unroute_all()
    host.page.locator(".ask").click()
    expect(host.form.locator("#description")).to_be_visible()
    expect(host.launcher).to_have_text("Close")


def test_a_slow_network_is_waited_for_and_is_not_a_fault(host: HostPage) -> None:
    """The form answers after the loader has given it up, by the test's clock."""
    host.put(PAGE)
    host.page.clock.install()
    held: list[Any] = []
    host.page.route("**/form/demo?*", lambda route: held.append(route))
    host.visit()
    host.page.evaluate("window.codes = []; void InsiderFeedback.on('error', ({code}) => codes.push(code))")
    host.press()
    expect(host.panel).to_have_class("panel wait")
    for _ in range(4):
        host.page.clock.run_for(9000)
    until(lambda: host.page.title() and held)
    for route in held:
        route.continue_()
    expect(host.form.locator("#description")).to_be_visible()
    assert host.page.evaluate("codes") == []
    expect(host.panel.get_by_role("link", name="Open in a new tab")).to_have_count(0)


# What is left behind


class Listeners:
    """The listeners of our scripts on the window and the document, read from the browser itself."""

    def __init__(self, host: HostPage) -> None:
        self._session = host.context.new_cdp_session(host.page)
        self._ours: set[str] = set()
        self._session.on("Debugger.scriptParsed", lambda script: self._note(script, host.widget.url))
        self._session.send("Debugger.enable")

    def _note(self, script: dict[str, Any], url: str) -> None:
        if script["url"].startswith(url):
            self._ours.add(script["scriptId"])

    def types(self) -> list[str]:
        found = []
        for name in ("window", "document", "document.documentElement", "document.body"):
            place = self._session.send("Runtime.evaluate", {"expression": name})["result"]["objectId"]
            listeners = self._session.send("DOMDebugger.getEventListeners", {"objectId": place})["listeners"]
            found += [each["type"] for each in listeners if each["scriptId"] in self._ours]
        return sorted(found)


@pytest.mark.parametrize("way", ["destroy", "remove"])
def test_nothing_is_left_of_it(host: HostPage, way: str) -> None:
    """After `destroy()`, and after the page's only element was removed."""
    listeners = Listeners(host)
    body = "" if way == "destroy" else '<insider-feedback product="demo"></insider-feedback>'
    tag = TAG if way == "destroy" else '<script src="LOADER"></script>'
    host.put(f"{HEAD}<script>window.before = Object.keys(window)</script>{tag}<body><h1>Orders</h1>{body}")
    host.visit()
    host.press()
    expect(host.form.locator("#description")).to_be_visible()
    assert set(listeners.types()) >= {"click", "focusin", "keydown", "message", "pointerdown"}
    end = "InsiderFeedback.destroy()" if way == "destroy" else "document.querySelector('insider-feedback').remove()"
    host.page.evaluate(end)
    expect(host.page.locator("insider-feedback")).to_have_count(0)
    assert listeners.types() == []
    assert len(host.page.frames) == 1
    added = "Object.keys(window).filter(key => !before.includes(key) && key !== 'before' && !/playwright/.test(key))"
    assert host.page.evaluate(added) == ["InsiderFeedback"]
    assert said(host) == []


def test_it_moves_nothing_of_the_page(host: HostPage) -> None:
    host.put(PAGE.replace("<body>", "<body style='display:grid;gap:20px;min-height:100vh'>").replace(TAG, ""))
    host.visit()
    size = "JSON.stringify([...document.body.children].map(child => child.getBoundingClientRect()))"
    before = host.page.evaluate(size)
    host.page.evaluate(
        # The panel may grow once the form has loaded: only elements of the page itself must not move.
        "window.shifts = 0; new PerformanceObserver(list => {"
        "shifts += list.getEntries().filter(each => each.sources.some(({node}) => document.body.contains(node))).length"
        "}).observe({type: 'layout-shift', buffered: true})"
    )
    host.page.add_script_tag(url=host.loader)
    host.page.evaluate("InsiderFeedback.set({product: 'demo'})")
    host.press()
    expect(host.form.locator("#description")).to_be_visible()
    host.page.wait_for_function("document.querySelector('insider-feedback').parentNode === document.documentElement")
    assert host.page.evaluate(size) == before
    assert host.page.evaluate("shifts") == 0


def test_what_is_detached_is_let_go(ready: HostPage) -> None:
    """A page may attach and detach for as long as it is open."""
    ready.page.evaluate("""{
      const link = document.createElement('a')
      InsiderFeedback.attach(link)()
      const seen = () => link
      InsiderFeedback.on('open', seen)()
      window.gone = [new WeakRef(link), new WeakRef(seen)]
    }""")
    ready.context.new_cdp_session(ready.page).send("HeapProfiler.collectGarbage")
    assert ready.page.evaluate("gone.map(ref => ref.deref() === undefined)") == [True, True]


@pytest.mark.parametrize(("mode", "colour"), [("popover", "rgba(0, 0, 0, 0)"), ("dialog", "rgba(38, 34, 29, 0.45)")])
def test_the_page_is_dimmed_behind_a_dialog_alone(host: HostPage, mode: str, colour: str) -> None:
    host.put(PAGE.replace('data-product="demo"', f'data-product="demo" data-mode="{mode}"'))
    host.visit()
    host.press()
    expect(host.form.locator("#description")).to_be_visible()
    colours = """[...document.querySelector('insider-feedback').shadowRoot.querySelectorAll('.box, dialog:modal')]
      .map(element => getComputedStyle(element, '::backdrop').backgroundColor)"""
    assert host.page.evaluate(colours)[-1] == colour
    assert host.page.evaluate(colours)[0] == "rgba(0, 0, 0, 0)"


# Older browsers, whose missing features are removed from Chromium


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("no light-dark, popover or moveBefore", ""),
        ("no constructed sheets either", "window.CSSStyleSheet = class { constructor() { throw new TypeError() } };"),
    ],
)
def test_in_an_older_browser_it_works_with_simpler_looks(host: HostPage, name: str, script: str) -> None:
    host.page.add_init_script(
        f"""const {{supports}} = CSS
        CSS.supports = (...words) => !/light-dark|color-mix/.test(words.join()) && supports.apply(CSS, words)
        for (const key of ['showPopover', 'hidePopover', 'popover']) delete HTMLElement.prototype[key]
        delete Element.prototype.moveBefore; delete Document.prototype.moveBefore
        delete Element.prototype.currentCSSZoom; {script}"""
    )
    host.put(PAGE)
    host.visit()
    expect(host.launcher).to_have_css("background-color", "rgb(47, 78, 134)")
    host.go_round()

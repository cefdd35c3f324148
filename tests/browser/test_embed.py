"""The loader in a host page on another origin: launcher, modes, focus, and each message of the talk with the form."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Frame, Page, expect
from stage import STATIC, Stage

BUDGET = 3584
SAID = "[feedback] "
"""What the loader says itself, where the form does not show."""
STRICT = "default-src 'none'; script-src 'self' {widget}; frame-src {widget}"
SPY = """window.seen = []
;(window.InsiderFeedback ||= []).push(feedback => {
  for (const type of ['open', 'close', 'ready', 'resize', 'dirty', 'submit', 'success', 'error']) {
    feedback.on(type, data => window.seen.push([type, data]))
  }
})
"""
FORGE = """([type, data, change]) => {
  const frame = document.querySelector('insider-feedback').shadowRoot.querySelector('iframe')
  const message = {ns: 'insider-feedback', v: 1, id: window.id, type, data, ...change}
  frame.contentWindow.postMessage(message, '*')
}"""


@pytest.fixture
def visit(browser: Browser, stage: Stage) -> Iterator[Callable[..., Page]]:
    """Opens a host page; whatever it says on its console, beyond what `expected` holds, fails the test."""
    contexts = []
    said: list[str] = []
    allowed: list[str] = []
    stage.allow(stage.host_url)
    stage.script(SPY)
    stage.form.requests.clear()

    def open_page(
        *body: str, size: tuple[int, int] = (1280, 900), expected: tuple[str, ...] = (), **options: Any
    ) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB")
        contexts.append(context)
        allowed.extend(expected)
        context.on("console", lambda message: said.append(message.text))
        context.on("weberror", lambda error: said.append(str(error.error)))
        page = context.new_page()
        page.set_default_timeout(5000)
        page.goto(stage.page(*body, **options))
        page.wait_for_function("!!window.InsiderFeedback?.open")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in said if not any(part in text for part in allowed)] == []


def launcher(page: Page) -> Any:
    return page.locator("insider-feedback .launcher")


def panel(page: Page) -> Any:
    return page.locator("insider-feedback .panel")


def form(page: Page) -> Frame:
    """The form's own document, once it has spoken."""
    expect(page.locator("insider-feedback .panel.ready").first).to_be_attached()
    return next(frame for frame in page.frames if "&mode=" in frame.url)


def seen(page: Page, kind: str) -> list[dict[str, Any]]:
    return [data for type_, data in page.evaluate("window.seen") if type_ == kind]


def heard(frame: Frame, kind: str) -> list[Any]:
    return [data for type_, data in frame.evaluate("window.heard") if type_ == kind]


def opened(page: Page) -> Frame:
    launcher(page).click()
    expect(panel(page)).to_be_visible()
    return form(page)


# The launcher, and what it costs


def test_the_loader_fits_its_budget() -> None:
    import brotli

    size = len(brotli.compress((STATIC / "embed.js").read_bytes(), quality=11))
    assert size <= BUDGET, f"embed.js has {size} bytes"


def test_whatever_a_page_may_override_is_in_the_manual() -> None:
    manual = (STATIC.parent / "docs" / "embedding.md").read_text("utf-8")
    loader = sorted((STATIC.parent / "loader").glob("*.js"))
    source = "".join(path.read_text("utf-8") for path in (*loader, STATIC / "embed-panel.js"))
    properties = set(re.findall(r"var\((--feedback-[\w-]+)", source))
    parts = set(re.findall(r"part: '(\w+)'", source))
    assert properties == set(re.findall(r"`(--feedback-[\w-]+)`", manual))
    table = manual.partition("| part | is |")[2].partition("```")[0]
    assert parts == {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"\w+", row)}
    options = source.partition("OPTIONS = {")[2].partition("context: ''")[0].replace("zIndex", "z-index")
    for attribute in re.findall(r"([\w-]+): ", options):
        assert f"| `data-{attribute}` | `{attribute}` |" in manual


def test_the_loader_is_the_only_request_until_someone_means_to_use_it(visit: Any, stage: Stage) -> None:
    page = visit()
    expect(launcher(page)).to_have_text("Feedback")
    page.wait_for_timeout(200)
    assert stage.form.requests == ["/embed.js"]
    launcher(page).hover()
    form(page)
    assert stage.form.requests[1] == "/static/embed-panel.js"
    assert stage.form.requests[2] == "/form/demo?lang=en&theme=auto&mode=popover"
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


@pytest.mark.parametrize(
    ("lang", "word", "close"),
    [
        ("de-AT", "Feedback", "Schließen"),
        ("ar", "رأيك", "إغلاق"),
        ("zh-TW", "反馈", "关闭"),
        ("nl", "Feedback", "Close"),
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


def test_it_mirrors_with_a_page_that_runs_from_right_to_left(visit: Any) -> None:
    page = visit(html='lang="ar" dir="rtl"')
    assert launcher(page).bounding_box()["x"] == 28


# Opening and closing


def test_a_press_opens_the_form_beside_the_launcher_and_another_closes_it(visit: Any) -> None:
    page = visit()
    opened(page)
    expect(launcher(page)).to_have_text("Close")
    expect(launcher(page)).to_have_attribute("aria-expanded", "true")
    expect(panel(page)).to_have_accessible_name("Feedback on Northwind")
    expect(panel(page)).to_have_role("dialog")
    page.wait_for_timeout(300)
    box, button = panel(page).bounding_box(), launcher(page).bounding_box()
    assert (box["x"] + box["width"], box["width"]) == (1252, 420)
    assert round(box["y"] + box["height"]) == button["y"] - 16
    launcher(page).click()
    expect(panel(page)).not_to_be_visible()
    expect(launcher(page)).to_have_text("Feedback")
    assert [data["product"] for data in seen(page, "open") + seen(page, "close")] == ["demo", "demo"]


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
    page.wait_for_timeout(200)
    assert page.evaluate("document.activeElement.tagName") == "BODY"


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
    page.wait_for_timeout(300)
    box = panel(page).bounding_box()
    assert (box["width"], box["x"]) == (480, 400)
    assert abs(box["y"] * 2 + box["height"] - 900) < 2


@pytest.mark.parametrize("mode", ["popover", "dialog"])
def test_a_small_screen_gets_a_sheet(visit: Any, mode: str) -> None:
    page = visit(size=(360, 740), attributes=f'data-product="demo" data-mode="{mode}"')
    frame = opened(page)
    page.wait_for_timeout(400)
    assert panel(page).bounding_box() == {"x": 0, "y": 12, "width": 360, "height": 728}
    assert heard(frame, "hello")[0]["sheet"] is True
    page.set_viewport_size({"width": 1280, "height": 900})
    frame.wait_for_function("window.heard.at(-1)[1].sheet === false")
    expect(panel(page)).to_be_visible()


def test_the_height_follows_the_content_and_stops_at_the_edge_of_the_window(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    heights = []
    for name in ("", "tall", "huge"):
        frame.evaluate("name => document.querySelector('main').className = name", name)
        page.wait_for_timeout(350)
        heights.append(panel(page).bounding_box()["height"])
    assert heights[1] == 500
    assert heights[0] < heights[1]
    assert heights[2] == 900 - 108


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
    page.wait_for_timeout(100)
    assert panel(page).bounding_box()["height"] == 300
    stage.form.requests.clear()
    far = visit(
        '<insider-feedback product="demo" mode="inline"></insider-feedback>',
        attributes='data-far="true"',
        html='lang="en" style="padding-top: 3000px"',
    )
    far.wait_for_timeout(200)
    assert stage.form.requests == ["/embed.js"]
    far.locator("#last").scroll_into_view_if_needed()
    form(far)


# The talk, seen from both sides


def test_hello_tells_theme_language_address_and_context(visit: Any, stage: Stage) -> None:
    stage.script(SPY + "InsiderFeedback.push(feedback => feedback.set({context: {page: 'orders'}}))")
    page = visit(attributes='data-product="demo" data-email="mara@northwind.example" data-lang="de" data-theme="light"')
    frame = opened(page)
    hello = heard(frame, "hello")[0]
    assert {key: hello[key] for key in ("theme", "lang", "email", "context", "sheet")} == {
        "theme": "light",
        "lang": "de",
        "email": "mara@northwind.example",
        "context": {"page": "orders"},
        "sheet": False,
    }
    assert "mara" not in frame.url


def test_set_reaches_the_form(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    page.evaluate("InsiderFeedback.set({email: 'b@example.com', context: {a: 1}})")
    frame.wait_for_function("window.heard.at(-1)[1].email === 'b@example.com'")
    assert heard(frame, "set")[-1]["context"] == {"a": 1}


def test_close_reaches_the_form(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    page.evaluate("InsiderFeedback.close()")
    frame.wait_for_function("window.heard.at(-2)[0] === 'close' || window.heard.at(-1)[0] === 'close'")


def test_what_the_form_tells_arrives_as_events_without_the_text(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    frame.fill("textarea", "My secret opinion")
    frame.click("#send")
    frame.evaluate("link.error({code: 'rate_limited', retryable: true, text: 'My secret opinion'})")
    page.wait_for_function("window.seen.some(([type]) => type === 'error')")
    assert seen(page, "ready") == [{"product": "demo", "title": "Feedback on Northwind", "close": "Close"}]
    assert seen(page, "resize")[0]["height"] > 0
    assert seen(page, "dirty") == [{"product": "demo"}]
    assert seen(page, "submit") == [{"product": "demo"}]
    assert seen(page, "success") == [{"product": "demo", "receipt": "r-1", "status": "accepted"}]
    assert seen(page, "error") == [{"product": "demo", "code": "rate_limited", "retryable": True}]
    assert "secret" not in str(page.evaluate("window.seen"))


def test_the_form_answers_no_origin_that_the_product_does_not_allow(visit: Any, stage: Stage) -> None:
    stage.allow("https://app.example.com")
    _, kind, body, _ = stage.form.answers["/form/demo"]
    stage.form.answers["/form/demo"] = (200, kind, body, {})  # and let the frame load all the same
    page = visit(expected=(SAID,))
    launcher(page).click()
    expect(panel(page).locator("a")).to_be_visible()
    frame = next(frame for frame in page.frames if "/form/" in frame.url)
    assert frame.evaluate("[window.heard.length, link.connected]") == [0, False]
    assert seen(page, "error")[0]["code"] == "frame_refused"


JUNK = [
    ["set", {"theme": "dark"}, {"ns": "other"}],
    ["set", {"theme": "dark"}, {"v": 2}],
    ["set", {"theme": "dark"}, {"id": "guess"}],
    ["set", {"theme": "dark"}, {"id": None}],
    ["explode", {}, {}],
]


def test_the_form_ignores_junk_from_its_host(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    frame.evaluate("addEventListener('message', event => { window.id = event.data?.id ?? window.id })")
    page.evaluate("InsiderFeedback.set({theme: 'light'})")
    frame.wait_for_function("!!window.id")
    page.evaluate("id => { window.id = id }", frame.evaluate("window.id"))
    before = len(frame.evaluate("window.heard"))
    for junk in JUNK:
        page.evaluate(FORGE, junk)
    page.evaluate(
        "for (const junk of [null, 1, 'x', [], {}]) document.querySelector('insider-feedback').shadowRoot"
        ".querySelector('iframe').contentWindow.postMessage(junk, '*')"
    )
    page.evaluate(FORGE, ["set", {"theme": "sepia", "lang": "<b>", "email": 7, "focus": "x"}, {}])
    page.wait_for_timeout(100)
    assert frame.evaluate("window.heard")[before:] == [["set", {}]]


def test_the_form_ignores_whoever_is_not_its_parent(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    before = len(frame.evaluate("window.heard"))
    frame.evaluate("postMessage({ns: 'insider-feedback', v: 1, id: 'x', type: 'hello', data: {theme: 'dark'}}, '*')")
    page.wait_for_timeout(100)
    assert len(frame.evaluate("window.heard")) == before


def test_the_host_ignores_junk_wrong_ids_and_unknown_types(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    frame.evaluate("addEventListener('message', event => { window.id = event.data?.id ?? window.id })")
    page.evaluate("InsiderFeedback.set({theme: 'light'})")
    frame.wait_for_function("!!window.id")
    before = page.evaluate("window.seen.length")
    frame.evaluate("""() => {
      const good = {ns: 'insider-feedback', v: 1, id: window.id, type: 'escape', data: {}}
      const bad = [{ns: 'x'}, {v: 2}, {id: 'x'}, {id: undefined}, {type: 'explode'}, {type: 'constructor'}]
      for (const change of bad) parent.postMessage({...good, ...change}, '*')
      for (const junk of [null, 1, 'x', [], {}]) parent.postMessage(junk, '*')
      parent.postMessage({...good, type: 'resize', data: {height: 'auto; color: red'}}, '*')
      parent.postMessage({...good, type: 'resize', data: null}, '*')
    }""")
    page.wait_for_timeout(100)
    assert [type_ for type_, _ in page.evaluate("window.seen")[before:]] == ["resize", "resize"]
    assert (
        page.evaluate(
            "parseInt(document.querySelector('insider-feedback').shadowRoot.querySelector('.panel').style.getPropertyValue('--h'))"
        )
        >= 300
    )
    expect(panel(page)).to_be_visible()


def test_the_host_ignores_other_frames_and_itself(visit: Any, stage: Stage) -> None:
    page = visit(f'<iframe src="{stage.form_url}/form/other"></iframe>')
    frame = opened(page)
    frame.evaluate("addEventListener('message', event => { window.id = event.data?.id ?? window.id })")
    page.evaluate("InsiderFeedback.set({theme: 'light'})")
    frame.wait_for_function("!!window.id")
    message = {"ns": "insider-feedback", "v": 1, "id": frame.evaluate("window.id"), "type": "escape", "data": {}}
    stranger = next(frame for frame in page.frames if "/form/other" in frame.url)
    stranger.evaluate("message => parent.postMessage(message, '*')", message)
    page.evaluate("message => postMessage(message, '*')", message)
    page.wait_for_timeout(100)
    expect(panel(page)).to_be_visible()


def test_the_host_ignores_a_frame_that_went_to_another_origin(visit: Any, stage: Stage) -> None:
    stage.host.answers["/evil"] = (
        200,
        "text/html",
        "<!doctype html><script>onmessage = event => parent.postMessage({...event.data, type: 'escape'}, '*')</script>",
        {},
    )
    page = visit(expected=("does not match the recipient",))
    opened(page).evaluate("address => { location.href = address }", f"{stage.host_url}/evil")
    page.wait_for_timeout(300)
    page.evaluate("InsiderFeedback.set({theme: 'light'})")
    page.wait_for_timeout(100)
    expect(panel(page)).to_be_visible()


def test_a_form_alone_in_a_tab_works_and_says_nothing(visit: Any, stage: Stage) -> None:
    page = visit()
    page.goto(f"{stage.form_url}/form/demo")
    page.wait_for_function("!!window.link")
    page.evaluate("link.dirty(); link.escape(); link.success({receipt: 'r', status: 'delivered'})")
    page.keyboard.press("Escape")
    assert page.evaluate("[link.connected, window.heard.length]") == [False, 0]


@pytest.mark.parametrize(
    ("entry", "origin", "allowed"),
    [
        ("https://app.example.com", "https://app.example.com", True),
        ("https://app.example.com", "http://app.example.com", False),
        ("https://app.example.com", "https://app.example.com:8443", False),
        ("https://app.example.com:443", "https://app.example.com", True),
        ("https://app.example.com:8443", "https://app.example.com:8443", True),
        ("https://app.example.com", "https://app.example.com.evil.example", False),
        ("https://*.example.com", "https://a.b.example.com", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://evilexample.com", False),
        ("http://localhost:*", "http://localhost:5173", True),
        ("http://localhost:*", "http://localhost", True),
        ("http://localhost", "http://localhost:5173", False),
        ("*", "https://app.example.com", False),
        ("https://app.example.com", "null", False),
        ("nonsense", "nonsense", False),
    ],
)
def test_an_allowed_origin_means_what_the_settings_mean_by_it(
    visit: Any, stage: Stage, entry: str, origin: str, allowed: bool
) -> None:
    page = visit()
    page.goto(f"{stage.form_url}/form/demo")
    check = "async ([entry, origin]) => (await import('/static/form/host-link.js')).allows(entry, origin)"
    assert page.evaluate(check, [entry, origin]) is allowed


# The API


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
    page.wait_for_timeout(100)
    expect(panel(page)).not_to_be_visible()


def test_a_callback_can_be_removed(visit: Any) -> None:
    page = visit()
    page.evaluate("window.count = 0; void (window.off = InsiderFeedback.on('open', () => window.count++))")
    page.evaluate("InsiderFeedback.open(); InsiderFeedback.close(); off(); InsiderFeedback.open()")
    assert page.evaluate("window.count") == 1


def test_loaded_twice_there_is_one_of_everything(visit: Any, stage: Stage) -> None:
    page = visit()
    again = f"""() => new Promise(done => {{
      const script = document.createElement('script')
      script.src = '{stage.form_url}/embed.js?again'
      script.dataset.product = 'demo'
      script.onload = done
      document.head.append(script)
    }})"""
    page.evaluate(again)
    expect(page.locator("insider-feedback")).to_have_count(1)
    opened(page)
    assert len(seen(page, "open")) == 1
    page.evaluate("InsiderFeedback.destroy()")
    page.evaluate(again)
    expect(launcher(page)).to_have_count(1)
    opened(page)


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


def test_an_element_can_be_moved_and_changed_as_single_page_apps_do(visit: Any) -> None:
    page = visit(
        '<div id="a"><insider-feedback product="demo"></insider-feedback></div><div id="b"></div>', attributes=""
    )
    opened(page)
    page.mouse.move(0, 0)
    page.evaluate("document.querySelector('#b').append(document.querySelector('insider-feedback'))")
    expect(launcher(page)).to_have_count(1)
    expect(panel(page)).to_have_count(0)
    frame = opened(page)
    assert heard(frame, "hello")
    page.mouse.move(0, 0)
    page.evaluate("document.querySelector('insider-feedback').setAttribute('product', 'other')")
    expect(panel(page)).to_have_count(0)
    opened(page)
    assert seen(page, "open")[-1]["product"] == "other"
    page.evaluate("document.querySelector('insider-feedback').setAttribute('mode', 'inline')")
    expect(page.locator("insider-feedback div.panel.ready")).to_be_visible()
    expect(launcher(page)).to_have_count(0)


def test_a_move_that_keeps_state_keeps_the_open_form(visit: Any) -> None:
    element = '<insider-feedback product="demo"></insider-feedback>'
    page = visit(f'<div id="a">{element}</div><div id="b"></div>', attributes="")
    opened(page).fill("textarea", "half a sentence")
    page.evaluate("document.querySelector('#b').moveBefore(document.querySelector('insider-feedback'), null)")
    expect(panel(page)).to_be_visible()
    assert form(page).input_value("textarea") == "half a sentence"


def test_with_reduced_motion_nothing_moves(visit: Any) -> None:
    for size in ((1280, 900), (360, 740)):
        page = visit(size=size)
        page.emulate_media(reduced_motion="reduce")
        opened(page)
        page.evaluate("InsiderFeedback.close()")
        assert panel(page).evaluate("panel => [getComputedStyle(panel).translate, getComputedStyle(panel).scale]") == [
            "0px",
            "1",
        ]


# Strict pages, and frames that do not come


@pytest.mark.parametrize("policy", ["require-corp", "credentialless"])
def test_it_works_without_a_word_on_the_console_under_strict_policies(visit: Any, stage: Stage, policy: str) -> None:
    headers = {
        "Content_Security_Policy": STRICT.format(widget=stage.form_url) + "; require-trusted-types-for 'script'",
        "Cross_Origin_Embedder_Policy": policy,
        "Cross_Origin_Opener_Policy": "same-origin",
    }
    page = visit(**headers)
    assert page.evaluate("crossOriginIsolated")
    frame = opened(page)
    frame.click("#send")
    page.wait_for_function("window.seen.some(([type]) => type === 'success')")
    page.mouse.move(0, 0)
    expect(launcher(page)).to_have_css("background-color", "rgb(47, 78, 134)")


def failure(page: Page) -> str:
    """Waits for the note and answers the code that the host page was told."""
    expect(panel(page).get_by_role("alert")).to_contain_text("could not be opened here")
    link = panel(page).get_by_role("link", name="Open in a new tab")
    assert "/form/demo?" in link.get_attribute("href")
    assert (link.get_attribute("target"), link.get_attribute("rel")) == ("_blank", "noopener")
    page.wait_for_function("window.seen.some(([type]) => type === 'error')")
    return str(seen(page, "error")[0]["code"])


def test_a_frame_that_the_form_refuses_to_this_page_becomes_a_link(visit: Any, stage: Stage) -> None:
    stage.allow("https://app.example.com")
    page = visit(expected=(SAID, "frame-ancestors", "does not match the recipient"))
    launcher(page).click()
    assert failure(page) == "frame_refused"
    expect(panel(page).get_by_role("link")).to_be_focused()
    panel(page).get_by_role("button", name="Close").click()
    expect(panel(page)).not_to_be_visible()
    stage.allow(stage.host_url)
    opened(page)


def test_a_frame_that_the_host_page_forbids_becomes_a_link(visit: Any, stage: Stage) -> None:
    policy = f"script-src 'self' {stage.form_url}; frame-src 'none'"
    page = visit(expected=(SAID, "Framing", "does not match the recipient"), Content_Security_Policy=policy)
    launcher(page).click()
    assert failure(page) == "host_policy"


def test_a_frame_that_something_blocks_becomes_a_link(visit: Any) -> None:
    page = visit(expected=(SAID, "ERR_", "does not match the recipient"))
    page.route("**/form/**", lambda route: route.abort("blockedbyclient"))
    launcher(page).click()
    assert failure(page) == "frame_blocked"


def test_without_a_network_it_says_so(visit: Any) -> None:
    page = visit(expected=(SAID, "ERR_", "does not match the recipient", "Failed to"))
    page.context.set_offline(True)
    launcher(page).click()
    link = page.locator("insider-feedback").get_by_role("link", name="Feedback ↗")
    expect(link).to_be_visible()
    assert (link.get_attribute("target"), link.get_attribute("rel")) == ("_blank", "noopener")
    assert seen(page, "error")[0]["code"] == "offline"


def test_a_loader_that_is_blocked_half_way_becomes_a_link(visit: Any) -> None:
    page = visit(expected=(SAID, "ERR_", "Failed to"))
    page.route("**/embed-panel.js", lambda route: route.abort("blockedbyclient"))
    launcher(page).click()
    link = page.locator("insider-feedback").get_by_role("link", name="Feedback ↗")
    expect(link).to_be_visible()
    assert (link.get_attribute("target"), link.get_attribute("rel")) == ("_blank", "noopener")
    assert seen(page, "error")[0]["code"] == "script_blocked"


def test_while_it_opens_nothing_shows_for_a_moment_and_then_grey_blocks(visit: Any, stage: Stage) -> None:
    stage.form.answers["/form.js"] = (200, "text/javascript", "", {})
    page = visit()
    launcher(page).click()
    blocks = panel(page).locator(".blocks")
    expect(blocks).to_be_visible()
    expect(panel(page)).to_have_css("opacity", "1")
    expect(page.locator("insider-feedback iframe")).not_to_be_visible()

"""The messages between host page and form, seen from both sides, and the messages that either side ignores."""

from typing import Any

import pytest
from bed import until
from pages import SAID, SPY, heard, launcher, opened, panel, seen
from playwright.sync_api import Frame, Page, expect
from stage import Stage

FORGE = """([type, data, change]) => {
  const frame = document.querySelector('insider-feedback').shadowRoot.querySelector('iframe')
  const message = {ns: 'insider-feedback', v: 1, id: window.id, type, data, ...change}
  frame.contentWindow.postMessage(message, '*')
}"""


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


def test_the_form_hears_of_a_page_that_changes_its_language(visit: Any) -> None:
    """People choose another one there, or have the page translated."""
    page = visit()
    frame = opened(page)
    page.evaluate("document.documentElement.lang = 'fr'")
    frame.wait_for_function("window.heard.at(-1)[1]?.lang === 'fr'")


def test_close_reaches_the_form(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    page.evaluate("InsiderFeedback.close()")
    frame.wait_for_function("window.heard.some(([type]) => type === 'close')")


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


def test_a_form_that_knows_of_no_channel_is_talked_to_all_the_same(visit: Any, stage: Stage) -> None:
    """As while a new version is rolled out."""
    status, kind, script, headers = stage.form.answers["/form.js"]
    older = script + "\nObject.defineProperty(MessageEvent.prototype, 'ports', {get: () => []})"
    stage.form.answers["/form.js"] = (status, kind, older, headers)
    page = visit()
    frame = opened(page)
    page.evaluate("InsiderFeedback.set({theme: 'dark'})")
    frame.wait_for_function("window.heard.some(([type, data]) => type === 'set' && data.theme === 'dark')")
    frame.click("#send")
    page.wait_for_function("window.seen.some(([type]) => type === 'success')")
    page.evaluate("InsiderFeedback.reset()")


def test_listeners_of_the_page_hear_nothing_of_the_form_and_cannot_stop_it(visit: Any, stage: Stage) -> None:
    stage.script(
        SPY + "window.theirs = []; addEventListener('message', event => "
        "{ theirs.push(event.data); event.stopImmediatePropagation() }, true)"
    )
    page = visit()
    page.evaluate("InsiderFeedback.reset()")
    frame = opened(page)
    frame.fill("textarea", "Good")
    frame.click("#send")
    page.wait_for_function("window.seen.some(([type]) => type === 'success')")
    page.evaluate("InsiderFeedback.reset()")
    assert page.evaluate("window.theirs") == []


def test_the_form_answers_no_origin_that_the_product_does_not_allow(visit: Any, stage: Stage) -> None:
    stage.allow("https://app.example.com")
    _, kind, body, _ = stage.form.answers["/form/demo"]
    stage.form.answers["/form/demo"] = (200, kind, body, {})  # and let the frame load after all
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


def settled(page: Page) -> Frame:
    """Open the form, and wait for the last of what it is told by itself: where the focus goes."""
    frame = opened(page)
    until(lambda: heard(frame, "focus"))
    return frame


def test_the_form_ignores_junk_from_its_host(visit: Any) -> None:
    page = visit()
    frame = settled(page)
    page.evaluate("id => { window.id = id }", frame.evaluate("window.id"))
    before = len(frame.evaluate("window.heard"))
    for junk in JUNK:
        page.evaluate(FORGE, junk)
    page.evaluate(
        "for (const junk of [null, 1, 'x', [], {}]) document.querySelector('insider-feedback').shadowRoot"
        ".querySelector('iframe').contentWindow.postMessage(junk, '*')"
    )
    page.evaluate(FORGE, ["set", {"theme": "sepia", "lang": "<b>", "email": 7, "focus": "x"}, {}])
    until(lambda: frame.evaluate("window.heard")[before:])  # messages arrive in order
    assert frame.evaluate("window.heard")[before:] == [["set", {}]]


def test_the_form_ignores_whoever_is_not_its_parent(visit: Any) -> None:
    page = visit()
    frame = settled(page)
    before = len(frame.evaluate("window.heard"))
    frame.evaluate("postMessage({ns: 'insider-feedback', v: 1, id: 'x', type: 'hello', data: {theme: 'dark'}}, '*')")
    page.evaluate("InsiderFeedback.set({theme: 'light'})")
    until(lambda: len(frame.evaluate("window.heard")) > before)
    assert {(kind, said["theme"]) for kind, said in frame.evaluate("window.heard")[before:]} == {("set", "light")}


def test_the_host_ignores_junk_wrong_ids_and_unknown_types(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    before = page.evaluate("window.seen.length")
    frame.evaluate("""() => {
      const good = {ns: 'insider-feedback', v: 1, id: window.id, type: 'escape', data: {}}
      const bad = [{ns: 'x'}, {v: 2}, {id: 'x'}, {id: undefined}, {type: 'explode'}, {type: 'constructor'}]
      for (const change of bad) parent.postMessage({...good, ...change}, '*')
      for (const junk of [null, 1, 'x', [], {}]) parent.postMessage(junk, '*')
      parent.postMessage({...good, type: 'resize', data: {height: 'auto; color: red'}}, '*')
      parent.postMessage({...good, type: 'resize', data: null}, '*')
    }""")
    until(lambda: page.evaluate("window.seen.length") >= before + 2)
    assert [type_ for type_, _ in page.evaluate("window.seen")[before:]] == ["resize", "resize"]
    assert (
        page.evaluate(
            "parseInt(document.querySelector('insider-feedback').shadowRoot.querySelector('.panel').style.getPropertyValue('--ifb-height'))"
        )
        >= 300
    )
    expect(panel(page)).to_be_visible()


def test_the_host_ignores_other_frames_and_itself(visit: Any, stage: Stage) -> None:
    page = visit(f'<iframe src="{stage.form_url}/form/other"></iframe>')
    frame = opened(page)
    message = {"ns": "insider-feedback", "v": 1, "id": frame.evaluate("window.id"), "type": "escape", "data": {}}
    stranger = next(frame for frame in page.frames if "/form/other" in frame.url)
    stranger.evaluate("message => parent.postMessage(message, '*')", message)
    page.evaluate("message => postMessage(message, '*')", message)
    sizes = len(seen(page, "resize"))
    frame.evaluate(
        "message => parent.postMessage(message, '*')", {**message, "type": "resize", "data": {"height": 400}}
    )
    until(lambda: len(seen(page, "resize")) > sizes)  # sent after those
    expect(panel(page)).to_be_visible()


def test_the_host_ignores_a_frame_that_went_to_another_origin(visit: Any, stage: Stage) -> None:
    stage.host.answers["/evil"] = (
        200,
        "text/html",
        "<!doctype html><script>window.theirs = []\n"
        "onmessage = event => theirs.push(parent.postMessage({...event.data, type: 'escape'}, '*'))</script>",
        {},
    )
    page = visit(expected=("does not match the recipient",))
    frame = opened(page)
    with page.expect_console_message(lambda message: "does not match the recipient" in message.text):
        frame.evaluate("address => { location.href = address }", f"{stage.host_url}/evil")
    page.evaluate("InsiderFeedback.set({theme: 'light'})")
    assert frame.evaluate("window.theirs") == []
    expect(panel(page)).to_be_visible()


def test_a_form_alone_in_a_tab_works_and_says_nothing(visit: Any, stage: Stage) -> None:
    page = visit()
    page.goto(f"{stage.form_url}/form/demo")
    page.wait_for_function("!!window.link")
    page.evaluate("link.dirty(); link.escape(); link.success({receipt: 'r', status: 'delivered'})")
    page.keyboard.press("Escape")
    assert page.evaluate("[link.connected, window.heard.length]") == [False, 0]


ALLOWED = [
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
]
ALLOWS = """async cases => {
  const {allows} = await import('/static/form/host-link.js')
  return cases.map(([entry, origin]) => allows(entry, origin))
}"""


@pytest.fixture(scope="module")
def allowances() -> dict[tuple[str, str], bool]:
    """What the form's script says of each case. One page tells all."""
    return {}


@pytest.mark.parametrize(("entry", "origin", "allowed"), ALLOWED)
def test_an_allowed_origin_means_what_the_settings_mean_by_it(
    visit: Any, stage: Stage, allowances: dict[tuple[str, str], bool], entry: str, origin: str, allowed: bool
) -> None:
    if not allowances:
        page = visit()
        page.goto(f"{stage.form_url}/form/demo")
        cases = [case[:2] for case in ALLOWED]
        allowances.update(zip(cases, page.evaluate(ALLOWS, cases), strict=True))
    assert allowances[entry, origin] is allowed


def test_nobody_sees_the_frame_that_clears_what_the_form_stores(visit: Any) -> None:
    page = visit("<style>iframe { display: block }</style>")
    page.evaluate("""{
      window.heights = []
      const look = () => heights.push(...[...document.querySelectorAll('iframe')].map(frame => frame.offsetHeight))
      new MutationObserver(look).observe(document.body, {childList: true})
    }""")
    page.evaluate("InsiderFeedback.reset()")
    assert page.evaluate("heights") == [0]

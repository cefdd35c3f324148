"""A window that a test hands on has nothing of that test in it."""

from collections.abc import Callable

import pytest
from bed import Widget
from playwright.sync_api import Browser, Frame, Page
from reuse import Windows
from stage import Server

KEEP = """async () => {
  localStorage.setItem('kept', 'local')
  sessionStorage.setItem('kept', 'session')
  document.cookie = 'kept=cookie'
  await caches.open('kept')
  await new Promise(done => { indexedDB.open('kept').onsuccess = done })
  window.kept = 'global'
  addEventListener('pagehide', () => sessionStorage.setItem('late', 'session'))
}"""
KEPT = """async () => [{...localStorage}, {...sessionStorage}, document.cookie, await caches.keys(),
  (await indexedDB.databases()).length, window.kept ?? null, innerWidth, navigator.onLine,
  ['print', '(prefers-color-scheme: dark)'].map(media => matchMedia(media).matches)]"""
LASTING: dict[str, Callable[[Page], object]] = {
    "script": lambda page: page.add_init_script("window.kept = true"),
    "script of the context": lambda page: page.context.add_init_script("window.kept = true"),
    "clock": lambda page: page.clock.install(),
    "clock of the context": lambda page: page.context.clock.set_fixed_time(0),
    "permission": lambda page: page.context.grant_permissions(["clipboard-read"]),
    "header": lambda page: page.context.set_extra_http_headers({"X-Kept": "1"}),
    "binding": lambda page: page.expose_function("kept", lambda: 1),
    "session": lambda page: page.context.new_cdp_session(page),
    "second tab": lambda page: page.context.new_page(),
    "end": lambda page: page.close(),
}


def test_the_next_test_gets_the_same_page_and_nothing_that_was_kept(browser: Browser, form_site: Widget) -> None:
    windows = Windows()
    heard: list[str] = []
    with windows.window(browser, form_site.url) as window:
        page = window.page
        page.on("request", lambda request: heard.append(request.url))
        page.context.route("**/form/demo", lambda route: route.continue_())
        page.goto(f"{form_site.url}/form/demo")
        before = page.evaluate(KEPT)
        page.evaluate(KEEP)
        page.set_viewport_size({"width": 320, "height": 300})
        page.context.set_offline(True)
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate(KEPT) == [
            {"kept": "local"}, {"kept": "session"}, "kept=cookie", ["kept"], 1, "global", 320, False, [True, True]
        ]  # fmt: skip
    heard.clear()
    with windows.window(browser, form_site.url) as window:
        assert window.page is page
        page.goto(f"{form_site.url}/form/demo")
        assert page.evaluate(KEPT) == before == [{}, {}, "", [], 0, None, 1280, True, [False, False]]
    window.context.close()
    assert not heard


def test_what_another_site_kept_in_a_frame_is_forgotten_too(browser: Browser, form_site: Widget) -> None:
    windows = Windows()
    with Server() as host:
        host.answers["/"] = (200, "text/html", f'<iframe src="{form_site.url}/form/demo"></iframe>', {})

        def framed(page: Page) -> Frame:
            page.goto(host.url)
            return page.frames[1]

        with windows.window(browser, host.url, form_site.url) as window:
            before = framed(window.page).evaluate(KEPT)
            framed(window.page).evaluate(KEEP)
            assert framed(window.page).evaluate(KEPT)[:5] == [
                {"kept": "local"}, {"kept": "session", "late": "session"}, "", ["kept"], 1
            ]  # fmt: skip
        with windows.window(browser, host.url, form_site.url) as another:
            assert another is window
            assert framed(another.page).evaluate(KEPT) == before
        window.context.close()


def test_a_page_to_which_lasting_things_were_done_is_closed(
    browser: Browser, form_site: Widget, subtests: pytest.Subtests
) -> None:
    windows = Windows()
    for what, is_done in LASTING.items():
        with subtests.test(what):
            with windows.window(browser, form_site.url) as window:
                assert not window.page.is_closed(), "it was closed before"
                is_done(window.page)
            assert window.page.is_closed()

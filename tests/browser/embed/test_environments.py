"""Each environment in the table of docs/embedding.md: one button, clicked where it is drawn; text and file arrive;
Escape closes the form; nothing is written to the console."""

from collections.abc import Callable

import pytest
from bed import until
from bundles import REACT_18, bundle, rendered, svelte
from playwright.sync_api import Route, expect
from rounds import TEXT, HostPage
from stage import HIDDEN, STATIC, TAKEN

from widget.web import pinned

TAG = '<script src="LOADER" async data-product="demo"></script>'
HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Orders</title>'
NONCE = "default-src 'none'; script-src 'nonce-abc'; frame-src WIDGET; require-trusted-types-for 'script'"
INJECTED = (
    "const script = document.createElement('script'); script.src = 'LOADER'; script.async = true;"
    "script.dataset.product = 'demo';"
)

# What a page contains besides the heading, by environment.
BODIES = {
    "tag at the end of the head, blocking": '<script src="LOADER" data-product="demo"></script>',
    "type=module": '<script type="module" src="LOADER" data-product="demo"></script>',
    "crossorigin": '<script src="LOADER" crossorigin async data-product="demo"></script>',
    "import()": "<script>import('LOADER').then(() => InsiderFeedback.set({product: 'demo'}))</script>",
    "tag manager": f"<script>addEventListener('load', () => {{ {INJECTED} document.head.append(script) }})</script>",
    "tag manager that tidies up": f"<script>{INJECTED} script.onload = () => script.remove();"
    "document.head.append(script)</script>",
    "a tag that jQuery appends": "<script>document.body.insertAdjacentHTML('beforeend',"  # it runs a copy
    "'<script src=LOADER data-product=demo><\\/script>'); const copy = document.createElement('script');"
    "copy.src = 'LOADER'; copy.onload = () => copy.remove(); document.head.append(copy)</script>",
    "tag in a shadow root": f"<div id=host></div><script>{INJECTED}"
    "document.querySelector('#host').attachShadow({mode: 'open'}).append(script)</script>",
    "a stranger's embed.js": f'<script src="/other/embed.js"></script>{TAG}',
    "two tags": TAG + TAG,
    "filter on html and body": f"<style>html{{filter:grayscale(1)}}body{{filter:grayscale(1)}}</style>{TAG}",
    "transform on body": f"<style>body{{transform:translate(300px,2000px)}}</style>{TAG}",
    "transform on html": f"<style>html{{transform:scale(.5)}}</style>{TAG}",
    "zoom on html": f"<style>html{{zoom:1.5}}</style>{TAG}",
    "zoom on body": f"<style>body{{zoom:.5}}</style>{TAG}",
    "overflow and contain": f"<style>body{{contain:strict;overflow:hidden;height:10px}}</style>{TAG}",
    "inert content, an overlay with the highest z-index, and pointer-events: none on body": "<style>"
    "body{pointer-events:none} p{pointer-events:auto;position:fixed;inset:0;z-index:2147483647}</style>"
    f"<main inert>Orders</main><p>{TAG}",
    "marks that frameworks write though they are off": "<script>document.documentElement.dataset.feedbackTest = 'false'"
    "</script><script type=none data-product=demo data-test=false></script>"
    "<script src=LOADER async data-debug=false></script><insider-feedback product=demo test=false></insider-feedback>",
    "extended prototypes": "<script>Object.prototype.each = function () { return 1 };"
    f"Array.prototype.toJSON = function () {{ return 'x' }}</script>{TAG}",
    "names of the browser that the page takes": f"<script>{TAKEN}</script>{TAG}",
    "names of the browser that the page hides": f"<script>{HIDDEN}</script>{TAG}",
    "messages that the page takes for its own": "<script>addEventListener('message', event => {"
    "event.stopImmediatePropagation(); JSON.parse(event.data)}, true)</script>" + TAG,
    "an element called as our API": f'<form id="InsiderFeedback"></form>{TAG}',
    "an observer that takes our element back": "<div id=corner></div><script>new MutationObserver(() => {"
    "const ours = document.querySelector(':is(html, body) > insider-feedback'); if (ours) corner.moveBefore(ours, null)"
    f"}}).observe(document, {{childList: true, subtree: true}})</script>{TAG}",
    "hostile styles": "<style>*{all:unset;visibility:hidden!important;opacity:0!important}"
    f"*{{pointer-events:none!important}}</style>{TAG}",
}


def test_a_plain_page_in_which_everything_moves(moving: HostPage) -> None:
    moving.put(f"{HEAD}<body><h1>Orders</h1>{TAG}")
    moving.visit().go_round()


@pytest.mark.parametrize("name", BODIES)
def test_a_page(host: HostPage, name: str) -> None:
    host.script("", "/other/embed.js")
    host.put(f"{HEAD}<body><h1>Orders</h1>{BODIES[name]}")
    host.visit().go_round()


def test_a_tag_that_has_tidied_up_needs_no_address_that_stays(host: HostPage) -> None:
    host.put(f"{HEAD}<body><h1>Orders</h1>{BODIES['tag manager that tidies up']}")
    host.visit()
    expect(host.launcher).to_be_visible()
    expect(host.page.locator("script[data-product]")).to_have_count(0)
    host.page.evaluate("location.hash = 'top'; history.replaceState(null, '', '/orders')")
    expect(host.page.locator("html > insider-feedback")).to_be_attached()
    host.go_round()


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("nonce and Trusted Types", {"Content_Security_Policy": NONCE}),
        (
            "COEP: require-corp",
            {"Cross_Origin_Embedder_Policy": "require-corp", "Cross_Origin_Opener_Policy": "same-origin"},
        ),
        ("COEP: credentialless", {"Cross_Origin_Embedder_Policy": "credentialless"}),
    ],
)
def test_a_page_with_a_policy(host: HostPage, name: str, headers: dict[str, str]) -> None:
    host.put(f"{HEAD}<body><h1>Orders</h1>{TAG.replace('async', 'async nonce=abc')}", **headers)
    host.visit().go_round()


@pytest.mark.parametrize("way", ["Send", "Enter"])
def test_a_page_in_a_sandbox_without_forms(host: HostPage, way: str) -> None:
    """The browser refuses to submit any form, before a script hears of it."""
    sandbox = "sandbox allow-scripts allow-same-origin allow-popups"
    host.put(f"{HEAD}<body><h1>Orders</h1>{TAG}", Content_Security_Policy=sandbox)
    host.visit().press()
    host.write()
    host.form.locator("#submittedByEmail").fill("mara@northwind.example")
    if way == "Send":
        host.form.locator("#feedback-send").click()
    else:
        host.form.locator("#submittedByEmail").press("Enter")
    expect(host.form.locator("[data-status=delivered]")).to_be_visible()
    assert [feedback["body"]["description"] for feedback in host.insider.feedbacks()] == [TEXT]
    assert all("sandbox" in text for text in host.unexpected()), host.unexpected()


def test_a_page_that_states_the_hash_of_the_script(host: HostPage) -> None:
    tag = pinned.tag((STATIC / "embed.js").read_bytes(), "WIDGET").replace("async", "async data-product=demo")
    assert "integrity=" in tag
    host.put(f"{HEAD}<body><h1>Orders</h1>{tag}")
    host.visit().go_round()


@pytest.mark.parametrize(
    "marked",
    [
        TAG.replace("async", "async data-test"),
        '<script src="LOADER" async></script><insider-feedback product="demo" test></insider-feedback>',
        f"<script>document.documentElement.dataset.feedbackTest = ''</script>{TAG}",
    ],
)
def test_what_a_page_marks_as_a_test_is_not_delivered(host: HostPage, marked: str) -> None:
    host.put(f"{HEAD}<body><h1>Orders</h1>{marked}")
    host.visit().press()
    host.write()
    host.form.locator("#submittedByEmail").fill("mara@northwind.example")
    host.form.locator("#feedback-send").click()
    expect(host.form.get_by_role("heading", name="This was a test")).to_be_visible()
    assert host.insider.feedbacks() == []
    assert host.unexpected() == []


def test_a_page_in_quirks_mode(host: HostPage) -> None:
    host.put(f"<html lang=en><title>Orders</title><body><h1>Orders</h1>{TAG}")
    host.visit().go_round()


def test_a_page_in_frames_of_frames(host: HostPage) -> None:
    host.put(f"{HEAD}<body><h1>Orders</h1>{TAG}", "/inner")
    host.put(f'{HEAD}<body><iframe src="/inner" style="width:100%;height:700px"></iframe>', "/middle")
    host.put(f'{HEAD}<body style="margin:0"><iframe src="/middle" style="width:100%;height:760px;border:0"></iframe>')
    host.visit()
    host.inside = host.page.frame_locator("iframe").frame_locator("iframe")
    host.go_round()


# Frameworks that render the element


APPS: dict[str, Callable[[], str]] = {
    "React 19": lambda: bundle("react.tsx"),
    "React 18": lambda: bundle("react.tsx", *REACT_18),
    "Preact": lambda: bundle("preact.ts"),
    "Vue 3": lambda: bundle("vue.ts"),
    "Solid": lambda: bundle("solid.ts"),
    "Svelte 5": svelte,
    "Lit": lambda: bundle("lit.ts"),
    "Angular": lambda: bundle("angular.ts"),
}


FIRST = ("React 19", "Preact", "Solid", "Lit")
"""The frameworks whose pages load embed.js first. In the pages of the others it comes last; `test_properties` looks at
each in both orders."""


@pytest.mark.parametrize(
    ("name", "order"),
    [(name, "embed.js first" if name in FIRST else "embed.js last") for name in APPS]
    + [("Svelte 5", "embed.js first")],
)
def test_an_app_that_renders_the_element(host: HostPage, name: str, order: str) -> None:
    host.script(
        "options = {product: 'demo', theme: 'light', label: 'Tell us', context: {page: 'orders'}};" + APPS[name]()
    )
    scripts = ['<script src="LOADER"></script>', '<script src="/app.js"></script>']
    if order == "embed.js last":
        scripts.reverse()
    host.put(f'{HEAD}<body><main id="app"></main>{"".join(scripts)}')
    host.visit().go_round()


@pytest.mark.parametrize("when", ["at once", "late=DOMContentLoaded", "late=load"])
@pytest.mark.parametrize("react", ["19", "18"])
def test_react_hydrates_the_whole_document(host: HostPage, react: str, when: str) -> None:
    more = REACT_18 if react == "18" else ()
    host.script(bundle("document.tsx", *more))
    host.put(rendered(host.loader, *more))
    host.visit(f"/?{when}")
    host.page.locator("#count").click()
    expect(host.page.locator("#count")).to_have_text("Count 1")
    host.go_round()


HYDRATED = "Object.keys(document.querySelector('#count')).some(key => key.startsWith('__reactProps'))"


def test_react_18_hydrates_a_whole_document_that_takes_long_to_load(host: HostPage) -> None:
    """Nothing but an image at the end of the body is in its way until then."""
    host.page.clock.install()
    held: list[Route] = []
    host.page.route("**/slow.png", lambda route: held.append(route))
    host.script("new Image().src = '/slow.png';" + bundle("document.tsx", *REACT_18))
    host.put(rendered(host.loader, *REACT_18))
    host.page.goto(host.url + "/?late=hydrate", wait_until="commit")
    expect(host.launcher).to_be_visible()
    host.page.clock.run_for(9000)
    until(lambda: host.page.evaluate("window.waits"))  # its script is deferred, unlike ours
    host.page.evaluate("dispatchEvent(new Event('hydrate'))")
    host.page.clock.run_for(1000)
    until(lambda: host.page.evaluate(HYDRATED))  # a click before is lost
    host.page.locator("#count").click()
    expect(host.page.locator("#count")).to_have_text("Count 1")
    until(lambda: host.page.title() and held)
    held[0].fulfill(status=204)
    host.page.wait_for_load_state()
    host.page.clock.run_for(4000)
    expect(host.page.locator("html > insider-feedback")).to_be_attached()
    host.page.clock.resume()
    host.go_round()


# Pages that change our element, or everything around it


def test_what_a_modal_of_the_page_does_to_the_button_ends_when_it_leaves_the_body(host: HostPage) -> None:
    host.page.clock.install()
    host.put(f"{HEAD}<body><h1>Orders</h1>{TAG}")
    host.visit()
    host.page.locator("body > insider-feedback").evaluate("ours => ours.inert = ours.ariaHidden = true")
    host.page.clock.run_for(2000)
    expect(host.page.locator("html > insider-feedback")).to_be_attached()
    host.page.clock.resume()
    host.go_round()


def visit_and_settle(host: HostPage, *, body: str = "<body>") -> None:
    """Visit a page whose clock stands, and in which the button has left the body."""
    host.page.clock.install()
    host.put(f"{HEAD}{body}<h1>Orders</h1>{TAG}")
    host.visit()
    expect(host.launcher).to_be_visible()
    host.page.clock.run_for(2000)
    expect(host.page.locator("html > insider-feedback")).to_be_attached()


def test_a_page_that_replaces_its_whole_document_keeps_the_button(host: HostPage) -> None:
    visit_and_settle(host)
    host.page.evaluate("document.replaceChild(document.documentElement.cloneNode(true), document.documentElement)")
    host.page.clock.resume()
    host.go_round()


def test_the_language_and_direction_of_the_body_count_after_the_button_has_left_it(host: HostPage) -> None:
    visit_and_settle(host, body='<body lang="ar" dir="rtl">')
    host.page.clock.resume()
    host.launcher.hover()
    expect(host.form.locator("html")).to_have_attribute("lang", "ar")
    expect(host.launcher).to_have_text("رأيك")
    assert host.launcher.bounding_box()["x"] == 28
    host.page.evaluate("document.body = Object.assign(document.createElement('body'), {lang: 'fr'})")
    expect(host.launcher).to_have_text("Votre avis")
    assert host.launcher.bounding_box()["x"] > 1000


def test_a_page_that_somebody_stops_while_it_loads_has_the_button(host: HostPage) -> None:
    host.page.route("**/slow.js", lambda _: None)
    host.put(f'{HEAD}{TAG}<body><h1>Orders</h1><script src="/slow.js"></script>')
    host.page.goto(host.url, wait_until="commit")
    until(lambda: host.page.evaluate("!!window.InsiderFeedback?.open"))
    host.page.evaluate("stop()")
    host.go_round()


def test_a_browser_that_cannot_move_a_frame_keeps_the_button_however_often_the_body_changes(host: HostPage) -> None:
    """The element then stays in the body, as somebody used the form before the page had settled."""
    host.page.add_init_script("delete Element.prototype.moveBefore; delete Document.prototype.moveBefore")
    host.page.clock.install()
    host.put(f"{HEAD}{TAG}<body><h1>Orders</h1>")
    host.visit()
    host.launcher.hover()
    expect(host.form.locator("#description")).to_be_attached()
    host.page.clock.run_for(2000)
    host.page.evaluate("""(async () => {
      for (let time = 0; time < 100; time++) {
        document.body.append('.')
        await new Promise(done => queueMicrotask(done))
      }
      document.body = document.createElement('body')
    })()""")
    host.page.clock.resume()
    host.go_round()


def test_a_page_that_compares_its_document_with_the_next_keeps_the_button_however_often(host: HostPage) -> None:
    """As Blazor's enhanced navigation does: what the server did not send goes, with each press of a link."""
    visit_and_settle(host)
    for _ in range(2):
        host.page.evaluate("""(async () => {
          for (let time = 0; time < 40; time++) {
            document.body.nextElementSibling.remove()
            await new Promise(done => queueMicrotask(done))
          }
        })()""")
        host.page.clock.run_for(10_000)
    host.page.clock.resume()
    host.go_round()


# Pages that control the focus, and elements in front of the page


def test_radix_has_a_modal_dialog_open(host: HostPage) -> None:
    host.script(bundle("radix.tsx"))
    host.put(f'{HEAD}<body><main id="app"></main><script src="/app.js"></script>{TAG}')
    host.visit()
    expect(host.page.get_by_role("dialog", name="An order")).to_be_visible()
    host.go_round()
    expect(host.page.get_by_label("Number")).to_be_visible()


def test_a_focus_trap_is_active(host: HostPage) -> None:
    host.script(bundle("trap.ts"))
    host.put(
        f'{HEAD}<body><div id="trap"><button>Yes</button><button>No</button></div><script src="/app.js"></script>{TAG}'
    )
    host.visit()
    expect(host.page.get_by_role("button", name="Yes")).to_be_focused()
    host.go_round()


@pytest.mark.parametrize("way", ["trap.addEventListener('focusout'", "field.addEventListener('blur'"])
def test_a_focus_trap_that_looks_a_frame_later_is_active(host: HostPage, way: str) -> None:
    """As React Aria's does: whatever has the focus then and is not in the trap loses it. So do fields for barcodes."""
    host.put(f"""{HEAD}<body><div id="trap"><input id="field"></div>{TAG}<script>
      const look = () => trap.contains(document.activeElement) || field.focus()
      {way}, () => requestAnimationFrame(look))
      field.focus()
    </script>""")
    host.visit()
    host.press()
    expect(host.form.locator("#description")).to_be_visible()
    host.page.locator("#field").focus()
    host.write()
    host.send()
    host.leave()
    host.arrived()


@pytest.mark.parametrize("inside", ["document", "shadow root"])
def test_a_native_modal_has_the_button_that_opens_it(host: HostPage, inside: str) -> None:
    """The launcher is inert behind the modal, like the rest of the page. The form opens in front of it."""
    host.put(f"""{HEAD}<body><h1>Orders</h1><div id="place"></div>{TAG}<script>
      const place = document.querySelector('#place')
      const root = {"place" if inside == "document" else "place.attachShadow({mode: 'open'})"}
      root.innerHTML = '<dialog style="margin:40px">An order <button>Say something</button></dialog>'
      root.querySelector('dialog').showModal();
      (window.InsiderFeedback ||= []).push(feedback => feedback.attach(root.querySelector('button')))
    </script>""")
    host.visit()
    expect(host.launcher).to_be_attached()
    host.page.get_by_role("button", name="Say something").click()
    host.write()
    host.send()
    host.leave()
    expect(host.page.get_by_role("button", name="Say something")).to_be_visible()
    host.arrived()


@pytest.mark.parametrize(
    "script",
    [
        "place.requestFullscreen()",
        "place.popover = 'auto'; place.showPopover()",
        "const root = place.attachShadow({mode: 'open'}); root.innerHTML = '<dialog><button>Say something</button>';"
        "root.firstChild.showModal(); root.querySelector('button').onclick = () => InsiderFeedback.open()",
    ],
    ids=["full screen", "popover", "modal in a shadow root"],
)
def test_what_covers_the_page_has_the_button_that_opens_it(host: HostPage, script: str) -> None:
    host.put(f"""{HEAD}<body><button id="cover">Cover</button>
      <div id="place" style="width:100vw;height:100vh;margin:0"><button class="ask">Say something</button></div>{TAG}
      <script>
      document.querySelector('#cover').onclick = () => {{ const place = document.querySelector('#place'); {script} }};
      (window.InsiderFeedback ||= []).push(feedback => feedback.attach('.ask'))
    </script>""")
    host.visit()
    expect(host.launcher).to_be_attached()
    host.page.locator("#cover").click()
    host.page.get_by_role("button", name="Say something").click()
    host.write()
    host.send()
    host.leave()
    host.arrived()


# Pages that replace their content


def two_pages(host: HostPage, *, where: str, body: str = "", options: tuple[str, str] = ("", "")) -> None:
    for path, other, more in (("/", "/two", options[0]), ("/two", "/", options[1])):
        link = f'<a id="other" href="{other}">Other</a>'
        tags = {"head": "", "content": "", "body": "", where: TAG.replace("async", f"async {more}")}
        inside = f'<main id="swup" class="transition-main"><h1>Page {path}</h1>{link}{tags["content"]}</main>'
        script = '<script src="/app.js" defer></script>'
        host.put(f"{HEAD}{script}{tags['head']}<body {body}>{inside}{tags['body']}</body>", path)


def arrive(host: HostPage, go: Callable[[], object]) -> None:
    """Navigate, and wait until the other page has replaced this one.

    Turbo first shows its cached copy. htmx shows its links before it handles them.
    """
    heading = host.page.locator("h1").inner_text()
    go()
    expect(host.page.locator("h1")).not_to_have_text(heading)
    expect(host.page.locator("html")).not_to_have_attribute("aria-busy", "true")
    expect(host.page.locator(".htmx-added")).to_have_count(0)
    expect(host.launcher).to_have_count(1)


def change(host: HostPage) -> None:
    """Go to the other page in the way of the page's own library."""
    arrive(host, lambda: host.page.locator("#other").evaluate("link => link.click()"))


def test_a_tag_that_went_while_its_script_was_running_gives_way_to_the_next(host: HostPage) -> None:
    host.put(f"{HEAD}<body>{TAG}</body>")
    host.visit()
    module = host.loader.replace("embed.js", "static/embed-page.js")
    assert host.page.evaluate(f"""async () => {{
      const {{next}} = await import('{module}'), tag = document.querySelector('script[data-product]')
      const after = tag.cloneNode()
      tag.replaceWith(after)
      return next(document.querySelector('insider-feedback'), {{}}, tag, document.URL, tag) === after
    }}""")


@pytest.mark.parametrize("where", ["head", "body"])
@pytest.mark.parametrize(
    ("library", "body"),
    [("turbo.ts", ""), ("htmx.ts", 'hx-boost="true"'), ("swup.ts", "")],
    ids=["Turbo", "htmx", "Swup"],
)
def test_a_page_that_swaps_its_body_keeps_one_button_and_the_words(
    host: HostPage, library: str, body: str, where: str
) -> None:
    host.script(bundle(library))
    two_pages(host, where=where, body=body)
    host.visit()
    host.page.evaluate("window.stays = true")
    expect(host.launcher).to_have_count(1)
    for _ in range(3):
        change(host)
    arrive(host, host.page.go_back)
    host.press()
    host.write()
    change(host)
    expect(host.panel).to_be_visible()
    expect(host.form.locator("#description")).to_have_value(TEXT)
    host.send()
    host.leave()
    host.arrived()
    assert host.page.evaluate("window.stays")


@pytest.mark.parametrize("by", ["tag manager", "page"])
def test_a_button_stays_in_the_next_page_if_no_page_has_its_tag(host: HostPage, by: str) -> None:
    """A tag manager put it into the body that Turbo replaces. If the first page has a tag, and the next has none, that
    page does not want the button."""
    host.script(bundle("turbo.ts"))
    manager = f"<script>addEventListener('load', () => {{ {INJECTED} document.body.append(script) }})</script>"
    two_pages(host, where="nowhere")
    status, kind, text, headers = host.server.answers["/"]
    tag = (manager if by == "tag manager" else TAG).replace("LOADER", host.loader)
    host.server.answers["/"] = (status, kind, text.replace("</body>", f"{tag}</body>"), headers)
    host.visit()
    expect(host.page.locator("html > insider-feedback")).to_be_attached()
    host.page.locator("#other").click()
    expect(host.page.locator("h1")).to_have_text("Page /two")
    if by == "tag manager":
        host.go_round()
    else:
        expect(host.launcher).to_have_count(0)


@pytest.mark.parametrize("second", ["data-email=bert@northwind.example", ""], ids=["Bert", "nobody"])
@pytest.mark.parametrize(
    ("library", "where", "body"),
    [
        ("turbo.ts", "body", ""),
        ("turbo.ts", "head", ""),
        ("htmx.ts", "body", 'hx-boost="true"'),
        ("swup.ts", "content", ""),
    ],
    ids=["Turbo", "Turbo, tag in head", "htmx", "Swup"],
)
def test_the_tag_of_the_next_page_says_who_is_there(
    host: HostPage, library: str, where: str, body: str, second: str
) -> None:
    """On page one, Anna begins to write; on page two, it is somebody else."""
    host.script(bundle(library))
    two_pages(host, where=where, body=body, options=("data-email=anna@northwind.example", second))
    host.visit().press()
    host.write("My salary is wrong")
    expect(host.form.locator("#submittedByEmail")).to_have_value("anna@northwind.example")
    host.leave()
    change(host)
    expect(host.page.locator("insider-feedback[email='anna@northwind.example']")).to_have_count(0)
    host.press()
    expect(host.form.locator("#description")).to_have_value("")
    expect(host.form.locator("#submittedByEmail")).to_have_value(second.removeprefix("data-email="))
    assert not host.unexpected(), host.unexpected()

"""Drafts with files: a reload loses nothing, and nobody else sees them."""

from collections.abc import Callable
from copy import copy
from typing import Any

import pytest
from bed import Sandbox, Widget, until
from form_stage import EMAIL, HUSH, NETWORK, FormPage, payloads
from playwright.sync_api import Browser, Dialog, Route, expect
from samples import forwarded, pdf, png
from test_form_host import Framed
from test_form_host import framed as framed

FILES = (("a.png", png(), "image/png"), ("b.pdf", pdf(), "application/pdf"))
TAB = "JSON.parse(sessionStorage.getItem('feedback:demo:tab:draft'))"
"""The drafts of a tab that nobody in particular uses."""
OWNED = "JSON.parse(Object.entries(localStorage).find(([key]) => /:draft$/.test(key))?.[1] ?? '[]')"
"""The drafts of the only person whom a page names."""
COUNT = """new Promise((done, fail) => {
  const opening = indexedDB.open('feedback', 1)
  opening.onupgradeneeded = () => opening.transaction.abort()
  opening.onerror = () => done(0)
  opening.onsuccess = () => {
    const request = opening.result.transaction('files').objectStore('files').count()
    request.onsuccess = () => { opening.result.close(); done(request.result) }
  }
})"""
"""The number of sets of files that the browser keeps."""


@pytest.fixture
def drafted(form: FormPage) -> FormPage:
    """A form with a text and two files, all of which are saved."""
    form.text.fill("Half a thought")
    form.add(*FILES)
    form.until("sessionStorage.getItem('feedback:demo:tab:draft') !== null")
    form.until_files_are_kept(2)
    return form


def sent(form: FormPage, insider: Sandbox) -> dict[str, Any]:
    """Send what came back with the draft. Returns what has arrived."""
    form.settle()
    form.email.fill(EMAIL)
    form.send()
    expect(form.thanks).to_be_visible()
    (feedback,) = insider.feedbacks()
    return feedback


def test_after_a_reload_text_and_files_are_back_and_all_of_it_is_sent(drafted: FormPage, insider: Sandbox) -> None:
    drafted.open()
    expect(drafted["feedback-draft"]).to_contain_text("We restored your draft")
    expect(drafted.text).to_have_value("Half a thought")
    expect(drafted.rows).to_have_count(2)
    feedback = sent(drafted, insider)
    assert feedback["body"]["description"] == "Half a thought"
    assert [file["name"] for file in feedback["attachments"]] == ["a.png", "b.pdf"]
    drafted.until(f"{COUNT}.then(count => count === 0)")
    assert drafted.page.evaluate("sessionStorage.length") == 0


TAKES_NO_FILE = """
  const {put} = IDBObjectStore.prototype
  const holds = value => value instanceof Blob || Object(value) === value && Object.values(value).some(holds)
  IDBObjectStore.prototype.put = function (value, key) {
    if (holds(value)) throw new DOMException('Error preparing Blob/File data', 'UnknownError')
    return put.call(this, value, key)
  }
"""
"""What a database does with files in a private window of Safari."""


def test_files_are_back_after_a_reload_where_the_database_takes_none(form: FormPage, insider: Sandbox) -> None:
    form.context.add_init_script(TAKES_NO_FILE)
    form.open()
    form.add(*FILES)
    form.until(f"{TAB}?.[0].files")
    form.until_files_are_kept(2)
    form.open()
    expect(form.rows).to_have_count(2)
    feedback = sent(form, insider)
    assert [insider.file(file["number"]) for file in feedback["attachments"]] == [
        png(),
        forwarded(pdf(), "application/pdf"),
    ]


def test_one_press_throws_all_of_a_draft_away(drafted: FormPage) -> None:
    drafted.open()
    expect(drafted.rows).to_have_count(2)
    drafted["feedback-draft-clear"].click()
    expect(drafted.rows).to_have_count(0)
    expect(drafted.text).to_have_value("")
    drafted.until(f"{COUNT}.then(count => count === 0)")
    drafted.until("localStorage.length + sessionStorage.length === 0")


def test_files_that_are_removed_are_kept_no_longer(drafted: FormPage) -> None:
    drafted.page.get_by_role("button", name="Remove a.png").click()
    drafted.until_files_are_kept(1)
    drafted.open()
    expect(drafted.rows).to_have_count(1)


def test_files_that_could_not_be_kept_at_first_are_kept_with_the_next_words(form: FormPage) -> None:
    form.expected.append(NETWORK)
    form.page.route("**/draft-files.js", lambda route: route.abort())
    with form.page.expect_event("requestfailed"):
        form.add(*FILES)
    form.page.unroute("**/draft-files.js")
    form.text.fill("Half a thought")
    form.until_files_are_kept(2)


def test_files_that_were_not_touched_for_half_an_hour_are_gone_and_the_text_is_not(drafted: FormPage) -> None:
    drafted.page.goto(f"{drafted.url}/token")  # of the same origin: the form may still be about to keep the draft
    drafted.page.evaluate(
        """() => {
          const long = Date.now() - 31 * 60_000
          localStorage.setItem('feedback:demo:browser:files', JSON.stringify({at: long}))
          return new Promise(done => {
            const opening = indexedDB.open('feedback', 1)
            opening.onsuccess = () => {
              const transaction = opening.result.transaction('times', 'readwrite')
              const times = transaction.objectStore('times')
              times.openCursor().onsuccess = ({target}) => target.result?.update({...target.result.value, at: long})
              transaction.oncomplete = () => { opening.result.close(); done() }
            }
          })
        }"""
    )
    drafted.open()
    expect(drafted.text).to_have_value("Half a thought")
    drafted.until(f"{COUNT}.then(count => count === 0)")
    expect(drafted.rows).to_have_count(0)
    drafted.until(f"{TAB}[0].text && !{TAB}[0].files")


def test_another_tab_of_nobody_in_particular_is_not_given_the_files(drafted: FormPage) -> None:
    other = drafted.context.new_page()
    other.goto(drafted.url)
    other.locator("#description").press("Shift")
    expect(other.locator("#feedback-progress")).to_have_attribute("tabindex", "-1")
    expect(other.locator("#description")).to_have_value("")
    expect(other.locator(".feedback-file")).to_have_count(0)


@pytest.mark.unopened
def test_the_files_of_one_person_are_not_given_to_another(form: FormPage) -> None:
    form.open(f"?email={EMAIL}").text.fill("Mine")
    form.add(*FILES)
    form.until(f"{OWNED}[0]?.text && {OWNED}[0].files")
    form.open("?email=other@northwind.example").awake()
    expect(form.text).to_have_value("")
    expect(form.rows).to_have_count(0)
    form.open(f"?email={EMAIL}")
    expect(form.text).to_have_value("Mine")
    expect(form.rows).to_have_count(2)


@pytest.mark.unopened
def test_a_draft_that_was_sent_from_one_tab_goes_from_the_others(form: FormPage) -> None:
    form.open(f"?email={EMAIL}").text.fill("Twice the same")
    form.add(*FILES)
    form.until(f"{OWNED}[0]?.text && {OWNED}[0].files")
    other = form.context.new_page()
    other.goto(f"{form.url}?email={EMAIL}")
    expect(other.locator("#description")).to_have_value("Twice the same")
    expect(other.locator(".feedback-file")).to_have_count(2)
    form.send()
    expect(form.thanks).to_be_visible()
    expect(other.locator("#description")).to_have_value("")
    expect(other.locator(".feedback-file")).to_have_count(0)


@pytest.mark.unopened
def test_a_draft_that_another_tab_is_sending_does_not_become_two(form: FormPage, insider: Sandbox) -> None:
    form.open(f"?email={EMAIL}").text.fill("Twice the same")
    form.until(f"{OWNED}[0]?.text")
    other = form.context.new_page()
    other.clock.install()
    other.goto(f"{form.url}?email={EMAIL}")
    expect(other.locator("#description")).to_have_value("Twice the same")
    insider.slow(60, "create")
    form.send()
    form.until(f"{OWNED}[0]?.token")
    other.clock.run_for(1000)  # it stores what it shows
    assert form.page.evaluate(f"{OWNED}.length") == 1
    insider.recover()
    expect(form.thanks).to_be_visible()
    expect(other.locator("#description")).to_have_value("")


def test_leaving_asks_while_a_submission_is_on_its_way(form: FormPage, insider: Sandbox) -> None:
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    form.page.on("dialog", leave)
    form.fill().open()
    assert asked == []
    insider.slow(60, "create")
    form.fill().send()
    until(insider.descriptions)  # or it would come while the next test is running
    form.open()
    assert asked == ["beforeunload"]


def test_what_was_on_its_way_at_a_reload_is_not_sent_a_second_time(form: FormPage, insider: Sandbox) -> None:
    form.page.on("dialog", lambda dialog: dialog.accept())
    form.expected.append(NETWORK)
    insider.slow(60, "create")
    form.fill("Half a thought").add(*FILES).send()
    until(insider.descriptions)
    form.open()
    insider.recover()
    expect(form.rows).to_have_count(2)
    form.settle()
    form.fill("Another thought").send()
    expect(form.note).to_contain_text("Your earlier version has already been sent")
    form.fill("Another thought").open()
    form.fill("Half a thought").send()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == ["Half a thought"]


def test_a_product_may_have_no_drafts_at_all(
    browser: Browser, start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(config='[products.demo]\nname = "Demo"\norigins = ["http://localhost:*"]\ndraft = "off"\n')
    context = browser.new_context(locale="en-GB")
    form = FormPage(context.new_page(), widget.url).open()
    form.text.fill("On a shared computer")
    form.add(*FILES)
    form.email.fill(EMAIL)
    assert form.page.evaluate(COUNT) == 0
    assert form.page.evaluate("localStorage.length + sessionStorage.length") == 0
    form.open()
    expect(form.text).to_have_value("")
    context.close()


# --- what is done before the draft is back -------------------------------------------------------------------------


def open_late(form: FormPage) -> Callable[[], None]:
    """Open the form while what restores the draft does not come. Returns what lets it come."""
    waiting: list[Route] = []
    form.context.route("**/rest.js*", lambda route: waiting.append(route))
    form.open()
    form.until_asked(waiting)

    def come() -> None:
        for route in waiting:
            route.continue_()
        form.context.unroute_all()

    return come


def test_a_thumb_that_is_chosen_before_the_draft_is_back_costs_nothing_of_it(drafted: FormPage) -> None:
    drafted.like.check(force=True)
    drafted.until(f"{TAB}[0].thumb === 'true'")
    come = open_late(drafted)
    drafted.dislike.check(force=True)
    come()
    for _ in range(2):
        expect(drafted.text).to_have_value("Half a thought")
        expect(drafted.dislike).to_be_checked()
        expect(drafted.rows).to_have_count(2)
        drafted.until(f"{TAB}.length === 1 && {TAB}[0].thumb === 'false' && {TAB}[0].text === 'Half a thought'")
        drafted.open()


@pytest.mark.parametrize(
    ("typed", "text"),
    [("Hal", "Half a thought"), ("Half a thought, and more", "Half a thought, and more"), (" ", "Half a thought")],
)
def test_words_that_are_part_of_the_draft_are_not_there_twice(drafted: FormPage, typed: str, text: str) -> None:
    come = open_late(drafted)
    drafted.text.fill(typed)
    come()
    expect(drafted.rows).to_have_count(2)
    expect(drafted.text).to_have_value(text)


def test_words_that_are_written_before_the_draft_is_back_follow_it(drafted: FormPage) -> None:
    drafted.like.check(force=True)
    drafted.until(f"{TAB}[0].thumb")
    come = open_late(drafted)
    drafted.text.fill("Hm")
    drafted["files"].set_input_files(payloads([("c.png", png(), "image/png")]))
    drafted.text.focus()
    drafted.text.press("ArrowLeft")
    come()
    expect(drafted.text).to_have_value("Half a thought\n\nHm")
    expect(drafted.like).to_be_checked()
    drafted.page.keyboard.type("mm")
    expect(drafted.text).to_have_value("Half a thought\n\nHmmm")
    assert drafted.text.evaluate("area => area.value.length - area.selectionStart") == 1
    drafted.until_files_are_kept(3)
    drafted.open()
    expect(drafted.text).to_have_value("Half a thought\n\nHmmm")
    expect(drafted.rows).to_have_count(3)


def test_a_press_is_not_lost_because_the_draft_comes_back_meanwhile(drafted: FormPage) -> None:
    come = open_late(drafted)
    consent, mouse = drafted["contactConsent"], drafted.page.mouse
    consent.hover(force=True)
    mouse.down()
    come()
    expect(drafted.progress).to_have_attribute("tabindex", "-1")
    drafted.painted()
    assert drafted["feedback-draft"].is_hidden()
    mouse.up()
    expect(drafted["feedback-draft"]).to_be_visible()
    expect(drafted.rows).to_have_count(2)
    expect(consent).to_be_checked()


def begin_in_a_silent_frame(framed: Framed) -> None:
    """A draft in a frame of a page that says nothing, and the frame anew."""
    framed.context.add_init_script(HUSH)
    framed.awake().text.fill("A long text")
    framed.until(f"{TAB}?.[0].text === 'A long text'")
    framed.visit(framed.host.url)
    framed.like.check(force=True)
    framed.awake()
    framed.text.press_sequentially("Hm")


def test_in_a_frame_that_is_not_used_yet_a_draft_is_announced_once_it_is(framed: Framed) -> None:
    framed.say("hello")
    framed.text.fill("Half a thought")
    framed.until(f"{TAB}?.length === 1")
    framed.visit(framed.host.url)
    framed.say("hello")
    expect(framed["feedback-draft"]).to_be_visible()
    expect(framed.status).to_be_empty()
    framed.like.focus()
    expect(framed.status).to_have_text("We restored your text")


def test_what_is_done_in_a_frame_before_its_page_counts_as_silent_is_added_to_the_draft(framed: Framed) -> None:
    begin_in_a_silent_frame(framed)
    framed.page.evaluate("window.hush()")
    expect(framed.text).to_have_value("A long text\n\nHm")
    expect(framed.like).to_be_checked()
    framed.until(f"{TAB}.length === 1 && {TAB}[0].text.endsWith('Hm')")


def test_what_is_left_before_the_draft_was_back_is_kept_beside_it(framed: Framed) -> None:
    begin_in_a_silent_frame(framed)
    framed.visit(framed.host.url)
    assert framed.page.evaluate(f"{TAB}.map(({{text}}) => text)") == ["Hm", "A long text"]
    framed.until("Boolean(window.hush)")
    framed.page.evaluate("window.hush()")
    expect(framed.text).to_have_value("Hm")


def test_the_button_back_brings_the_files_back_as_well(drafted: FormPage, insider: Sandbox) -> None:
    drafted.email.fill(EMAIL)
    drafted.page.goto(drafted.url.replace("/form/demo", "/healthz"))
    drafted.page.evaluate("history.back()")
    expect(drafted.rows).to_have_count(2)
    expect(drafted.text).to_have_value("Half a thought")
    drafted.settle()
    drafted.email.fill(EMAIL)
    drafted.send()
    expect(drafted.thanks).to_be_visible()
    (feedback,) = insider.feedbacks()
    assert [file["name"] for file in feedback["attachments"]] == ["a.png", "b.pdf"]


def test_the_button_back_brings_nothing_back_that_was_sent(drafted: FormPage) -> None:
    drafted.page.locator("#contactConsent").check(force=True)
    drafted.email.fill(EMAIL)
    drafted.send()
    expect(drafted.thanks).to_be_visible()
    drafted.page.goto(drafted.url.replace("/form/demo", "/healthz"))
    drafted.page.evaluate("history.back()")
    drafted.page.wait_for_url(drafted.url)
    drafted.awake()
    for field in (drafted.text, drafted.email):
        expect(field).to_have_value("")
    expect(drafted["contactConsent"]).not_to_be_checked()
    expect(drafted.rows).to_have_count(0)


CHOOSE = """id => new Promise(done => {
  const opening = indexedDB.open('feedback', 1)
  opening.onsuccess = () => {
    const request = opening.result.transaction('files').objectStore('files').get(id)
    request.onsuccess = () => {
      const transfer = new DataTransfer()
      for (const {file} of request.result) transfer.items.add(new File([file.bytes], file.name, file))
      document.querySelector('#files').files = transfer.files
      opening.result.close()
      done()
    }
  }
})"""
"""What a browser does that puts the chosen files back itself."""


def test_a_file_that_the_browser_put_back_itself_is_sent_once(drafted: FormPage, insider: Sandbox) -> None:
    come = open_late(drafted)
    drafted.page.evaluate(CHOOSE, drafted.page.evaluate(f"{TAB}[0].files"))
    come()
    expect(drafted.rows).to_have_count(2)
    drafted.settle()
    drafted.email.fill(EMAIL)
    drafted.send()
    expect(drafted.thanks).to_be_visible()
    assert [len(feedback["attachments"]) for feedback in insider.feedbacks()] == [2]


def test_what_is_sent_before_the_files_are_back_takes_them_along(drafted: FormPage, insider: Sandbox) -> None:
    waiting: list[Route] = []
    drafted.context.route("**/draft-files.js", lambda route: waiting.append(route))
    drafted.open()
    expect(drafted.text).to_have_value("Half a thought")
    drafted.until_asked(waiting)
    drafted.email.fill(EMAIL)
    drafted.send()
    expect(drafted.progress).to_be_visible()
    expect(drafted.cancel).to_be_visible()
    for route in waiting:
        route.continue_()
    expect(drafted.thanks).to_be_visible()
    (feedback,) = insider.feedbacks()
    assert [file["name"] for file in feedback["attachments"]] == ["a.png", "b.pdf"]


MUTE = """
  window.limits = []
  const {setTimeout} = window
  const hold = act => void window.limits.push(act)
  window.setTimeout = (act, time, ...more) => time === 5000 ? hold(act) : setTimeout(act, time, ...more)
  indexedDB.open = () => ({})
"""
"""A database that never answers, and a time limit that waits."""


def test_a_database_that_never_answers_costs_no_word(drafted: FormPage, insider: Sandbox) -> None:
    drafted.context.add_init_script(MUTE)
    drafted.open()
    expect(drafted.text).to_have_value("Half a thought")
    drafted.fill("A whole thought")
    drafted.until(f"{TAB}[0].text === 'A whole thought'")
    drafted.send()
    drafted.until("window.limits.length > 0")
    drafted.page.evaluate("for (const limit of window.limits) limit()")
    expect(drafted.thanks).to_be_visible()
    assert insider.descriptions() == ["A whole thought"]


# --- several tabs ------------------------------------------------------------------------------------------------


@pytest.fixture
def two(form: FormPage) -> tuple[FormPage, FormPage]:
    """Two tabs of one person, both of which were opened before anything was written."""
    first = form.open(f"?email={EMAIL}")
    second = copy(form)
    second.page = form.context.new_page()
    second.open(f"?email={EMAIL}").awake()
    first.awake()
    return first, second


def until_texts(form: FormPage, *texts: str) -> None:
    """Wait until the drafts of the person are these, in whatever order."""
    until(lambda: sorted(form.page.evaluate(f"{OWNED}.map(({{text}}) => text)")) == sorted(texts))


@pytest.mark.unopened
def test_two_tabs_keep_two_drafts(two: tuple[FormPage, FormPage]) -> None:
    first, second = two
    first.text.fill("One")
    first.add(*FILES)
    first.until(f"{OWNED}[0]?.files")
    second.text.fill("Two")
    second.add(FILES[0])
    second.until(f"{OWNED}.length === 2 && {OWNED}.every(({{text, files}}) => text && files)")
    for form, text, count, other in ((first, "One", 2, second), (second, "Two", 1, first)):
        form.page.goto("about:blank")
        latest = other.text.input_value()
        other.text.fill(latest)
        other.until(f"{OWNED}[0].text === '{latest}'")
        form.open(f"?email={EMAIL}")
        expect(form.text).to_have_value(text)
        expect(form.rows).to_have_count(count)
    second["feedback-draft-clear"].click()
    second.until(f"{COUNT}.then(count => count === 1)")
    until_texts(first, "One")
    expect(first.text).to_have_value("One")
    first.page.reload()
    expect(first.text).to_have_value("One")
    expect(first.rows).to_have_count(2)


@pytest.mark.unopened
def test_sending_a_thumb_from_one_tab_leaves_that_of_another(two: tuple[FormPage, FormPage]) -> None:
    first, second = two
    first.like.check(force=True)
    second.dislike.check(force=True)
    first.until(f"{OWNED}.length === 2")
    first.page.reload()
    expect(first.like).to_be_checked()
    expect(first["feedback-draft"]).to_be_visible()
    second.send()
    expect(second.thanks).to_be_visible()
    first.until(f"{OWNED}.length === 1")
    first.text.press("Shift")
    first.painted()
    expect(first.like).to_be_checked()
    first.page.reload()
    expect(first.like).to_be_checked()


@pytest.mark.unopened
@pytest.mark.parametrize("end", ["send", "clear"])
def test_a_draft_that_two_tabs_change_becomes_two(two: tuple[FormPage, FormPage], end: str) -> None:
    first, second = two
    first.text.fill("A thought")
    first.add(*FILES)
    first.until(f"{OWNED}[0]?.text && {OWNED}[0].files")
    second.page.reload()
    expect(second.rows).to_have_count(2)
    second.text.fill("A thought of the second")
    until_texts(second, "A thought of the second")
    first.text.fill("A thought of the first")
    until_texts(first, "A thought of the first", "A thought of the second")
    first.until(f"{COUNT}.then(count => count === 2)")
    if end == "send":
        second.send()
        expect(second.thanks).to_be_visible()
    else:
        second["feedback-draft-clear"].click()
    until_texts(first, "A thought of the first")
    first.until(f"{COUNT}.then(count => count === 1)")
    first.page.reload()
    expect(first.text).to_have_value("A thought of the first")
    expect(first.rows).to_have_count(2)


@pytest.mark.unopened
def test_what_was_added_to_a_draft_outlasts_its_sending_from_another_tab(two: tuple[FormPage, FormPage]) -> None:
    first, second = two
    first.text.fill("A thought")
    until_texts(first, "A thought")
    before = first.page.evaluate(f"{OWNED}[0].at")
    second.page.reload()
    second.until(f"{OWNED}[0].at > {before}")
    expect(second.text).to_have_value("A thought")
    second.page.evaluate("document.querySelector('#description').value += ', and more'")  # not yet saved
    first.send()
    expect(first.thanks).to_be_visible()
    second.text.press("End")
    second.text.press("!")
    until_texts(second, "A thought, and more!")


def test_a_copy_of_a_tab_has_copies_of_its_files(drafted: FormPage) -> None:
    name = drafted.page.evaluate(f"{TAB}[0].files")
    with drafted.context.expect_page() as opened:
        drafted.page.evaluate("void open(location.href)")
    other = copy(drafted)
    other.page = opened.value
    expect(other.rows).to_have_count(2)
    assert other.page.evaluate(f"{TAB}[0].files") == name
    drafted.until(f"{TAB}[0].files !== '{name}'")
    other["feedback-draft-clear"].click()
    drafted.until(f"{COUNT}.then(count => count === 1)")
    drafted.open()
    expect(drafted.rows).to_have_count(2)
    expect(drafted.text).to_have_value("Half a thought")


def test_five_drafts_are_kept(form: FormPage) -> None:
    form.awake().page.evaluate(
        """() => {
          const drafts = [5, 4, 3, 2, 1].map(n => ({id: String(n), text: `Draft ${n}`, at: Date.now()}))
          sessionStorage.setItem('feedback:demo:tab:draft', JSON.stringify(drafts))
        }"""
    )
    form.text.fill("Draft 6")
    form.until(f"{TAB}[0].text === 'Draft 6'")
    assert form.page.evaluate(f"{TAB}.map(({{text}}) => text)") == [f"Draft {n}" for n in (6, 5, 4, 3, 2)]

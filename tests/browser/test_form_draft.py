"""Drafts with files: a reload loses nothing, and nobody else sees them."""

from collections.abc import Callable

import pytest
from bed import Sandbox, Widget
from form_stage import EMAIL, FormPage
from playwright.sync_api import Browser, Dialog, expect
from samples import pdf, png

FILES = (("a.png", png(), "image/png"), ("b.pdf", pdf(), "application/pdf"))
INDEX = "JSON.parse(sessionStorage.getItem('feedback:demo:tab:files'))"
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
    until_kept(form, 2)
    return form


def until_kept(form: FormPage, files: int) -> None:
    form.until(
        f"""new Promise(done => {{
          const id = {INDEX}?.id
          const opening = indexedDB.open('feedback', 1)
          opening.onupgradeneeded = () => opening.transaction.abort()
          opening.onerror = () => done(false)
          opening.onsuccess = () => {{
            const request = opening.result.transaction('files').objectStore('files').get(id ?? '')
            request.onsuccess = () => {{ opening.result.close(); done(request.result?.length === {files}) }}
          }}
        }})"""
    )


def test_after_a_reload_text_and_files_are_back_and_all_of_it_is_sent(drafted: FormPage, insider: Sandbox) -> None:
    drafted.open()
    expect(drafted["feedback-draft"]).to_contain_text("We restored your draft")
    expect(drafted.text).to_have_value("Half a thought")
    expect(drafted.rows).to_have_count(2)
    drafted.settle()
    drafted.email.fill(EMAIL)
    drafted.send()
    expect(drafted.thanks).to_be_visible()
    (feedback,) = insider.feedbacks()
    assert feedback["body"]["description"] == "Half a thought"
    assert [file["name"] for file in feedback["attachments"]] == ["a.png", "b.pdf"]
    drafted.until(f"{COUNT}.then(count => count === 0)")
    assert drafted.page.evaluate("sessionStorage.length") == 0


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
    until_kept(drafted, 1)
    drafted.open()
    expect(drafted.rows).to_have_count(1)


def test_files_that_were_not_touched_for_half_an_hour_are_gone_and_the_text_is_not(drafted: FormPage) -> None:
    drafted.page.evaluate(
        """() => {
          const long = Date.now() - 31 * 60_000
          for (const [place, owner] of [[sessionStorage, 'tab'], [localStorage, 'browser']]) {
            const key = `feedback:demo:${owner}:files`
            place.setItem(key, JSON.stringify({...JSON.parse(place.getItem(key)), at: long}))
          }
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
    form.until("Object.keys(localStorage).filter(key => /:files$/.test(key)).length === 2")
    form.until("Object.keys(localStorage).filter(key => /:draft$/.test(key)).length === 1")
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
    form.until("Object.keys(localStorage).filter(key => /:draft$/.test(key)).length === 1")
    form.until("Object.keys(localStorage).filter(key => /:files$/.test(key)).length === 2")
    other = form.context.new_page()
    other.goto(f"{form.url}?email={EMAIL}")
    expect(other.locator("#description")).to_have_value("Twice the same")
    expect(other.locator(".feedback-file")).to_have_count(2)
    form.send()
    expect(form.thanks).to_be_visible()
    expect(other.locator("#description")).to_have_value("")
    expect(other.locator(".feedback-file")).to_have_count(0)


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
    expect(form.progress).to_be_visible()
    form.open()
    assert asked == ["beforeunload"]


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

"""Two people on one page: what one of them wrote is never shown to the other, sent for the other, or lost."""

import re
from copy import copy

import pytest
from bed import Sandbox, Widget, until
from form_stage import HUSH, NETWORK
from people import ANNA, BERT, SALARY, keep, meet, reload, shows_nothing_of_anna, stored
from playwright.sync_api import Route, expect
from samples import pdf
from stage import Server
from test_form_host import Framed


def test_what_anna_wrote_is_out_of_sight_for_bert_and_back_for_her(signed: Framed, insider: Sandbox) -> None:
    meet(signed, ANNA, "hello")
    signed.text.fill(SALARY)
    signed.dislike.check(force=True)
    signed["contactConsent"].check(force=True)
    signed.add(("payslip.pdf", pdf(), "application/pdf"))
    meet(signed, BERT)
    shows_nothing_of_anna(signed)
    signed.text.fill("All is well")
    signed.send()
    expect(signed.thanks).to_be_visible()
    (feedback,) = insider.feedbacks()
    assert feedback["body"]["description"] == "All is well"
    assert feedback["body"]["submittedByEmail"] == BERT
    assert feedback["attachments"] == []
    meet(signed, ANNA)
    expect(signed.thanks).to_have_count(0)
    expect(signed.text).to_have_value(SALARY)
    expect(signed.dislike).to_be_checked()
    expect(signed["feedback-draft"]).to_be_visible()


def test_undoing_does_not_bring_back_what_another_person_wrote(signed: Framed) -> None:
    meet(signed, ANNA, "hello")
    signed.text.press_sequentially(SALARY)
    meet(signed, BERT)
    signed.text.focus()
    for _ in range(5):
        signed.text.press("Control+z")
    shows_nothing_of_anna(signed)


def test_a_reload_brings_words_back_to_their_owner_alone(signed: Framed) -> None:
    meet(signed, ANNA, "hello")
    signed.text.fill(SALARY)
    keep(signed, SALARY)
    assert ANNA not in stored(signed)
    reload(signed)
    meet(signed, BERT, "hello")
    signed.text.fill("All is well")
    keep(signed, "All is well")
    reload(signed)
    meet(signed, ANNA, "hello")
    expect(signed.text).to_have_value(SALARY)
    reload(signed)
    meet(signed, BERT, "hello")
    expect(signed.text).to_have_value("All is well")


def test_whoever_is_signed_out_leaves_an_empty_form(signed: Framed) -> None:
    meet(signed, ANNA, "hello")
    signed.text.fill(SALARY)
    meet(signed, None)
    shows_nothing_of_anna(signed)
    expect(signed.email).to_be_editable()
    signed.text.fill("Whoever I am")
    keep(signed, "Whoever I am")
    meet(signed, BERT)
    expect(signed.text).to_have_value("")
    meet(signed, ANNA)
    expect(signed.text).to_have_value(SALARY)
    meet(signed, None)
    expect(signed.text).to_have_value("Whoever I am")


def test_whoever_signs_in_for_the_first_time_keeps_what_they_began(signed: Framed) -> None:
    signed.say("hello")
    signed.text.fill("Begun before")
    keep(signed, "Begun before")
    meet(signed, ANNA)
    expect(signed.text).to_have_value("Begun before")
    until(lambda: "tab" not in stored(signed))
    meet(signed, None)
    expect(signed.text).to_have_value("")
    meet(signed, ANNA)
    expect(signed.text).to_have_value("Begun before")


def test_what_is_written_before_the_page_names_a_person_is_added_to_their_draft_alone(signed: Framed) -> None:
    meet(signed, ANNA, "hello")
    signed.text.fill(SALARY)
    keep(signed, SALARY)
    meet(signed, None)
    signed.text.fill("Whoever I am")
    keep(signed, "Whoever I am")
    signed.context.add_init_script(HUSH)
    reload(signed)
    signed.awake().text.fill("Begun before")
    meet(signed, ANNA, "hello")
    expect(signed.text).to_have_value(f"{SALARY}\n\nBegun before")
    meet(signed, None)
    expect(signed.text).to_have_value("Whoever I am")
    meet(signed, ANNA)
    expect(signed.text).to_have_value(f"{SALARY}\n\nBegun before")


def test_thanks_and_receipt_are_gone_when_somebody_else_comes(signed: Framed) -> None:
    meet(signed, ANNA, "hello")
    signed.text.fill(SALARY)
    signed.send()
    expect(signed.thanks).to_be_visible()
    receipt = signed.until_message("success")["receipt"]
    meet(signed, BERT)
    shows_nothing_of_anna(signed)
    assert receipt not in signed.page.content()
    assert SALARY not in stored(signed)
    expect(signed.page.get_by_role("button", name="Your feedback")).to_be_hidden()
    signed.text.fill("Mine")
    signed.send()
    expect(signed.thanks).to_be_visible()
    mine = signed.messages("success")[1]["receipt"]
    until(lambda: mine in stored(signed))
    signed.page.get_by_role("link", name="Send another").click()
    signed.page.get_by_role("button", name="Your feedback").click()
    links = signed.page.locator(".feedback-receipt-list a")
    expect(links).to_have_count(1)
    assert str(links.get_attribute("href")).endswith(f"/{mine}?lang=en")
    meet(signed, ANNA)
    expect(signed.page.locator(".feedback-receipt-list")).to_have_count(0)


def test_a_receipt_that_is_kept_late_is_kept_for_who_sent_it(signed: Framed) -> None:
    waiting: list[Route] = []
    signed.context.route(re.compile(r"/form/receipts\.js"), lambda route: waiting.append(route))
    meet(signed, ANNA, "hello")
    signed.text.fill(SALARY)
    signed.send()
    expect(signed.thanks).to_be_visible()
    signed.until_asked(waiting)
    meet(signed, BERT)
    waiting[0].continue_()
    until(lambda: "receipts" in stored(signed))
    leads = signed.page.get_by_role("button", name="Your feedback")
    expect(leads).to_be_hidden()
    meet(signed, ANNA)
    expect(leads).to_be_visible()


def test_a_list_of_receipts_that_opens_late_is_shown_to_nobody_else(signed: Framed) -> None:
    meet(signed, ANNA, "hello")
    signed.text.fill(SALARY)
    signed.send()
    expect(signed.thanks).to_be_visible()
    until(lambda: "receipts" in stored(signed))
    signed.page.get_by_role("link", name="Send another").click()
    expect(signed["feedback-receipts"]).to_be_visible()
    signed.page.evaluate(  # and press at once: whatever else asks for a digest hides the button meanwhile
        """() => {
          const digest = crypto.subtle.digest.bind(crypto.subtle)
          const late = new Promise(done => { window.proceed = done })
          crypto.subtle.digest = (...all) => { window.isHeld = true; return late.then(() => digest(...all)) }
          document.querySelector('#feedback-receipts').click()
        }"""
    )
    until(lambda: signed.page.evaluate("() => window.isHeld"))
    signed.page.evaluate("() => delete crypto.subtle.digest")
    meet(signed, BERT)
    signed.page.evaluate("() => window.proceed()")
    expect(signed.page.locator(".feedback-receipt-list")).to_have_count(0)


def test_an_address_that_somebody_typed_is_gone_for_the_next(named: Framed, insider: Sandbox) -> None:
    named.say("hello", email=ANNA)
    expect(named.email).to_have_value(ANNA)
    named.fill(SALARY, "anna.private@example.com")
    named.say("set", email=BERT)
    expect(named.email).to_have_value(BERT)
    shows_nothing_of_anna(named)
    assert "private" not in named.page.content()
    named.text.fill("All is well")
    named.send()
    expect(named.thanks).to_be_visible()
    assert insider.feedbacks()[0]["body"]["submittedByEmail"] == BERT
    assert "@" not in stored(named)


def test_a_suggested_address_is_gone_for_the_next(named: Framed) -> None:
    named.say("hello", email=None)
    named.awake().fill(SALARY, "anna.private@gmial.com")
    named.email.blur()
    expect(named.page.get_by_role("button", name="anna.private@gmail.com")).to_be_visible()
    named.say("set", email=ANNA)
    named.say("set", email=BERT)
    expect(named.email).to_have_value(BERT)
    assert "private" not in named.page.content()


CAPTURED = """() => {
  const stream = {getTracks: () => [{stop() { window.isTaken = true }}]}
  navigator.mediaDevices.getDisplayMedia = () => new Promise(done => { window.allow = () => done(stream) })
  Object.defineProperty(HTMLVideoElement.prototype, 'srcObject', {set() {}})
  for (const [name, value] of [['videoWidth', 40], ['videoHeight', 30], ['readyState', 4]]) {
    Object.defineProperty(HTMLVideoElement.prototype, name, {value})
  }
  HTMLVideoElement.prototype.requestVideoFrameCallback = undefined
  const {setTimeout} = window
  window.setTimeout = (act, time, ...more) => setTimeout(act, time === 4000 ? 0 : time, ...more)
  document.querySelector('#feedback-capture').hidden = false
  window.staged = 0
  addEventListener('message', ({data}) => {
    if (data.type === 'staged') setTimeout(() => setTimeout(() => window.staged++))
  })
}"""
"""A screenshot that waits until the browser has asked the person. `staged`: how often the widget was hidden or shown,
and all that waited for it was done."""


def test_a_screenshot_that_comes_late_is_shown_to_nobody_else(named: Framed) -> None:
    named.say("hello", email=ANNA)
    expect(named.email).to_have_value(ANNA)
    named.page.evaluate(CAPTURED)
    named.host.evaluate("addEventListener('message', ({data}) => { if (data.type === 'stage') say('staged') })")
    named.awake()["feedback-capture"].click()
    until(lambda: named.page.evaluate("() => Boolean(window.allow)"))
    named.say("set", email=BERT)
    expect(named.email).to_have_value(BERT)
    named.page.evaluate("() => window.allow()")
    until(lambda: named.page.evaluate("() => window.isTaken && window.staged === 2"))
    expect(named.rows).to_have_count(0)


def test_an_address_in_other_letters_is_the_same_person(named: Framed) -> None:
    named.say("hello", email=ANNA)
    named.text.fill("Half a thought")
    keep(named, "Half a thought")
    reload(named)
    named.say("hello", email=f" {ANNA.title()} ")
    expect(named.text).to_have_value("Half a thought")


def test_a_page_that_came_back_with_faults_keeps_its_words(named: Framed) -> None:
    named.expected += [NETWORK, re.compile("autofocus")]
    named.text.fill("Sent without script")
    named.email.fill("unfinished")
    named.page.evaluate("HTMLFormElement.prototype.submit.call(document.querySelector('#feedback'))")
    expect(named["submittedByEmail-error"]).to_be_visible()
    named.say("hello", email=None, context={"plan": "gold"})
    expect(named["feedback-context"]).to_be_visible()
    expect(named.text).to_have_value("Sent without script")
    named.say("set", email=ANNA, context={"plan": "silver"})
    expect(named["feedback-context"]).to_contain_text("silver")
    expect(named.text).to_have_value("Sent without script")
    expect(named.email).to_have_value("unfinished")


# --- several tabs ------------------------------------------------------------------------------------------------


def test_two_tabs_of_two_people_keep_apart(signed: Framed, form_site: Widget, host: Server) -> None:
    meet(signed, ANNA, "hello")
    signed.text.fill(SALARY)
    keep(signed, SALARY)
    other = another_tab(signed, host)
    meet(other, BERT, "hello")
    expect(other.text).to_have_value("")
    other.text.fill("All is well")
    keep(other, "All is well")
    reload(other)
    meet(other, ANNA, "hello")
    expect(other.text).to_have_value(SALARY)
    expect(signed.text).to_have_value(SALARY)


@pytest.mark.parametrize("known", [True, False])
def test_whoever_signs_out_in_one_tab_leaves_nothing_in_another(named: Framed, host: Server, known: bool) -> None:
    """Whether or not the tab where they sign out has been told who they are."""
    other = another_tab(named, host)
    named.say("hello", email=ANNA)
    named.text.fill(SALARY)
    keep(named, SALARY)
    other.say("hello", email=ANNA if known else None)
    if known:
        expect(other.text).to_have_value(SALARY)
    other.say("reset")
    other.until_message("reset")
    expect(named.text).to_have_value("")
    assert stored(named) == "[{},{}]"


def test_without_an_address_words_stay_in_their_tab(named: Framed, host: Server) -> None:
    named.say("hello", email=None)
    named.text.fill("Only here")
    keep(named, "Only here")
    other = another_tab(named, host)
    other.say("hello", email=None)
    assert "Only here" not in stored(other)
    other.awake()
    expect(other.text).to_have_value("")
    reload(named)
    named.say("hello", email=None)
    expect(named.text).to_have_value("Only here")


def another_tab(form: Framed, host: Server) -> Framed:
    tab = copy(form)
    tab.host = form.context.new_page()
    tab.visit(f"http://{form.site}:{host.port}/")
    return tab

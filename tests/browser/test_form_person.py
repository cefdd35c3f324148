"""Two people on one page: what one of them wrote is never shown to the other, sent for the other, or lost."""

import hashlib
import re
import time
from collections.abc import Iterator
from copy import copy
from typing import Any

import jwt
import pytest
from bed import ROOT, Sandbox, Widget, until
from form_stage import NETWORK, FormPage
from playwright.sync_api import Browser, Page, Route, expect
from samples import pdf
from stage import Server
from test_form_host import Framed

SECRET = "tests-only-identity-secret-of-demo"
ANNA, BERT = "anna@northwind.example", "bert@northwind.example"
SALARY = "My salary is wrong"
ORIGINS = 'origins = ["http://localhost:*", "http://127.0.0.1:*"]'
CONFIG = f"""
[products.demo]
name = "Northwind"
{ORIGINS}
[products.demo.identity]

[products.open]
name = "Open"
{ORIGINS}

[products.shared]
name = "Shared"
{ORIGINS}
draft = "off"

[products.proven]
name = "Proven"
{ORIGINS}
proof = "always"
"""
STORED = "JSON.stringify([{...localStorage}, {...sessionStorage}])"


@pytest.fixture(scope="module")
def form_site(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    _sandbox.recover()
    folder = tmp_path_factory.mktemp("person")
    with Widget(
        folder,
        _sandbox.url,
        config=CONFIG,
        DELIVERY_WAIT="10",
        KEEP_ALIVE="1",
        PROOF_COST="200",
        IDENTITY_KEY__DEMO=SECRET,
    ) as widget:
        yield widget


@pytest.fixture
def host() -> Iterator[Server]:
    with Server() as host:
        yield host


@pytest.fixture
def signed(browser: Browser, form_site: Widget, insider: Sandbox, host: Server) -> Iterator[Framed]:
    """A form on whose page people are signed in."""
    yield from framed(browser, form_site, host, "demo")


@pytest.fixture
def named(browser: Browser, form_site: Widget, insider: Sandbox, host: Server) -> Iterator[Framed]:
    """A form whose page sets an address, for which nobody vouches."""
    yield from framed(browser, form_site, host, "open")


@pytest.fixture
def proven(browser: Browser, form_site: Widget, insider: Sandbox, host: Server) -> Iterator[Framed]:
    """A form that always asks for a proof of work."""
    yield from framed(browser, form_site, host, "proven")


class Near(Framed):
    """The form in a frame of a page of the same site: in others, the browser of these tests lets it keep nothing."""

    site = "127.0.0.1"

    @property
    def tab(self) -> Page:
        return self.host


def framed(
    browser: Browser, form_site: Widget, host: Server, product: str, kind: type[Framed] = Near
) -> Iterator[Framed]:
    form = kind(browser, form_site.url, host, product)
    yield form
    form.context.close()
    assert form.unexpected() == []


def token(email: str, product: str = "demo", *, lasts: float = 300, secret: str = SECRET) -> str:
    """What the host's server signs."""
    return jwt.encode({"email": email, "aud": product, "exp": time.time() + lasts}, secret, "HS256")


def meet(form: Framed, email: str | None, kind: str = "set") -> None:
    """The host page says who is there, and the form shows it."""
    form.say(kind, identity=email and token(email))
    expect(form.email).to_have_value(email or "")


def stored(form: FormPage) -> str:
    """All that the browser keeps for the form."""
    return str(form.page.evaluate(STORED))


def keep(form: FormPage, text: str) -> None:
    """Waits until the browser keeps a text."""
    until(lambda: text in stored(form), pause=0.05)


def reload(form: Framed) -> None:
    """Loads the host page, and the form in it, once more."""
    form.visit(form.host.url)


def shows_nothing_of_anna(form: Framed) -> None:
    expect(form.text).to_have_value("")
    expect(form.like).not_to_be_checked()
    expect(form.dislike).not_to_be_checked()
    expect(form["contactConsent"]).not_to_be_checked()
    expect(form.rows).to_have_count(0)
    expect(form.thanks).to_have_count(0)
    expect(form["feedback-draft"]).to_be_hidden()
    content = form.page.content()
    assert SALARY not in content
    assert ANNA not in content
    assert "payslip" not in content


# --- signed in and out -------------------------------------------------------------------------------------------


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
    assert str(links.get_attribute("href")).endswith(mine)
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


# --- while it is sent --------------------------------------------------------------------------------------------


def test_a_submission_under_way_keeps_the_person_it_began_with(signed: Framed, insider: Sandbox) -> None:
    meet(signed, ANNA, "hello")
    session = signed.slow_down(200_000)
    signed.text.fill(SALARY)
    signed.add(("payslip.pdf", pdf(size=400_000), "application/pdf"))
    signed.send()
    expect(signed.progress).to_be_visible()
    meet(signed, BERT)
    shows_nothing_of_anna(signed)
    expect(signed.progress).to_be_hidden()
    expect(signed.text).to_be_editable()
    signed.text.fill("All is well")
    signed.throttle(session, -1)
    (feedback,) = until(insider.feedbacks)
    assert feedback["body"]["submittedByEmail"] == ANNA
    assert feedback["body"]["description"] == SALARY
    until(lambda: SALARY not in stored(signed))
    expect(signed.thanks).to_have_count(0)
    expect(signed.text).to_have_value("All is well")
    assert signed.messages("success") == []
    signed.send()
    expect(signed.thanks).to_be_visible()
    assert [entry["body"]["submittedByEmail"] for entry in insider.feedbacks()] == [ANNA, BERT]
    meet(signed, ANNA)
    expect(signed.text).to_have_value("")


def test_what_waits_for_the_network_keeps_its_person(signed: Framed, insider: Sandbox) -> None:
    meet(signed, ANNA, "hello")
    signed.awake().text.fill(SALARY)
    signed.context.set_offline(True)
    signed.expected.append(NETWORK)
    signed.send()
    expect(signed.note).to_contain_text("You are offline")
    meet(signed, BERT)
    shows_nothing_of_anna(signed)
    expect(signed.note).to_be_empty()
    signed.text.fill("All is well")
    signed.context.set_offline(False)
    (feedback,) = until(insider.feedbacks)
    assert feedback["body"]["submittedByEmail"] == ANNA
    expect(signed.text).to_have_value("All is well")
    signed.send()
    expect(signed.thanks).to_be_visible()
    assert insider.feedbacks()[1]["body"]["submittedByEmail"] == BERT


def test_what_could_not_be_sent_comes_back_to_its_person(signed: Framed, insider: Sandbox) -> None:
    meet(signed, ANNA, "hello")
    signed.break_posts(9)
    signed.awake().text.fill(SALARY)
    signed.send()
    expect(signed.progress).to_be_visible()
    meet(signed, BERT)
    shows_nothing_of_anna(signed)
    meet(signed, ANNA)
    expect(signed.text).to_have_value(SALARY)
    assert insider.feedbacks() == []


def test_whoever_is_back_before_it_has_arrived_is_thanked(signed: Framed, insider: Sandbox) -> None:
    meet(signed, ANNA, "hello")
    signed.awake().text.fill(SALARY)
    signed.context.set_offline(True)
    signed.send()
    expect(signed.note).to_contain_text("You are offline")
    meet(signed, BERT)
    meet(signed, ANNA)
    expect(signed.text).to_have_value(SALARY)
    signed.expected.append(NETWORK)
    signed.context.set_offline(False)
    expect(signed.thanks).to_be_visible()
    assert len(insider.feedbacks()) == 1
    until(lambda: SALARY not in stored(signed))


def test_a_sending_that_waits_is_not_made_for_somebody_else(signed: Framed, insider: Sandbox) -> None:
    meet(signed, ANNA, "hello")
    signed.awake().answer(503, "unavailable", message="Later.", retry_after=2)
    signed.text.fill(SALARY)
    signed.send()
    expect(signed.button).to_have_text("Try now")
    meet(signed, BERT)
    shows_nothing_of_anna(signed)
    expect(signed.button).to_have_text("Send feedback")
    signed.text.fill("Half a thought")
    signed.host.wait_for_timeout(2500)  # the countdown that must not go on
    assert insider.feedbacks() == []


STALLED = """() => {
  const {Worker} = window
  window.Worker = class {
    postMessage() {
      window.Worker = Worker
      window.goOn = () => {
        this.onmessage({data: null}) // it cannot do the work, so that Send goes on without
        return new Promise(done => setTimeout(() => setTimeout(done))) // by then all that follows has been done
      }
      this.onmessage({data: {}}) // it is there, and at work
    }
    terminate() {}
  }
  window.sent = 0
  document.addEventListener('feedback-submit', () => window.sent++)
}"""
"""Makes the first worker wait to be told how its work ends."""


@pytest.mark.parametrize("leaving", ["set", "reset"])
def test_a_send_that_waits_for_its_proof_sends_nothing_of_the_next_person(
    proven: Framed, insider: Sandbox, leaving: str
) -> None:
    proven.say("hello", email=ANNA)
    expect(proven.email).to_have_value(ANNA)  # from now on the work is for her token
    proven.page.evaluate(STALLED)
    proven.awake().text.fill(SALARY)
    proven.send()
    proven.say(leaving, email=None if leaving == "reset" else BERT)
    expect(proven.email).not_to_have_value(ANNA)
    shows_nothing_of_anna(proven)
    proven.fill("Half a thought", BERT)
    proven.page.evaluate("window.goOn()")
    assert proven.page.evaluate("window.sent") == 0
    proven.text.fill("All is well")
    proven.send()
    expect(proven.thanks).to_be_visible()
    (feedback,) = insider.feedbacks()
    assert feedback["body"]["description"] == "All is well"
    assert feedback["body"]["submittedByEmail"] == BERT


def test_a_plain_send_that_waits_for_its_proof_sends_nothing_of_the_next_person(proven: Framed) -> None:
    proven.expected.append(NETWORK)
    proven.context.route(re.compile(r"/form/rest\.js"), lambda route: route.abort())
    proven.page.evaluate(STALLED)
    proven.page.evaluate("() => { HTMLFormElement.prototype.submit = () => { window.sent++ } }")
    proven.say("hello", email=ANNA)
    expect(proven.email).to_have_value(ANNA)
    proven.fill(SALARY, ANNA)
    proven.send()
    until(lambda: proven.page.evaluate("() => Boolean(window.goOn)"))
    proven.say("set", email=BERT)
    expect(proven.text).to_have_value("")
    proven.fill("Half a thought", BERT)
    proven.page.evaluate("window.goOn()")
    assert proven.page.evaluate("window.sent") == 0


def test_a_send_before_the_next_person_has_a_token_waits_for_it_and_for_its_proof(
    proven: Framed, form_site: Widget, insider: Sandbox
) -> None:
    proven.say("hello", email=ANNA)
    expect(proven.email).to_have_value(ANNA)
    proven.awake().text.fill(SALARY)
    waiting: list[Route] = []
    is_slow = True
    proven.context.route("**/form/proven/token", lambda route: waiting.append(route) if is_slow else route.continue_())
    proven.say("set", email=BERT)
    expect(proven.text).to_have_value("")
    proven.fill("All is well", BERT)
    proven.until_asked(waiting)
    proven.send()
    expect(proven.progress).to_be_visible()
    is_slow = False
    for route in waiting:
        route.continue_()
    expect(proven.thanks).to_be_visible()
    (feedback,) = insider.feedbacks()  # held back by nobody
    assert feedback["body"]["submittedByEmail"] == BERT


def test_a_send_before_its_script_is_there_is_not_left_to_the_next_person(named: Framed, insider: Sandbox) -> None:
    waiting: list[Route] = []
    named.context.route("**/rest.js*", lambda route: waiting.append(route))
    named.say("hello", email=ANNA)
    expect(named.email).to_have_value(ANNA)
    named.text.fill(SALARY)
    named.send()
    expect(named.button).to_have_text("Sending")
    named.say("set", email=BERT)
    expect(named.email).to_have_value(BERT)
    expect(named.button).to_have_text("Send feedback")
    for route in waiting:
        route.continue_()
    named.text.fill("All is well")
    named.send()
    expect(named.thanks).to_be_visible()
    assert insider.descriptions() == ["All is well"]


# --- forgetting --------------------------------------------------------------------------------------------------


def test_a_reset_leaves_nothing_of_anybody(signed: Framed, insider: Sandbox) -> None:
    meet(signed, BERT, "hello")
    signed.text.fill("All is well")
    keep(signed, "All is well")
    meet(signed, ANNA)
    signed.text.fill(SALARY)
    signed.say("reset")
    signed.until_message("reset")
    shows_nothing_of_anna(signed)
    assert stored(signed) == "[{},{}]"
    for person in (ANNA, BERT, None):
        meet(signed, person)
        signed.awake()
        expect(signed.text).to_have_value("")
    assert stored(signed) == "[{},{}]"


@pytest.mark.parametrize("part", ["receipts", "draft-files"])
def test_what_is_kept_late_is_not_kept_after_a_reset(named: Framed, part: str) -> None:
    """The module that keeps it comes after the sign-out."""
    waiting: list[Route] = []
    named.context.route(re.compile(rf"/form/{part}\.js"), lambda route: waiting.append(route))
    named.say("hello", email=ANNA)
    named.awake().text.fill(SALARY)
    named.add(("payslip.pdf", pdf(), "application/pdf"))
    if part == "receipts":
        named.send()
        expect(named.thanks).to_be_visible()
    until(lambda: stored(named) and waiting)
    named.say("reset")
    expect(named.email).to_have_value("")
    asked = named.page.evaluate_handle(LATER, part)
    for route in waiting:
        route.continue_()
    asked.evaluate("async ({coming}) => void await coming")
    named.until_message("reset")
    assert stored(named) == "[{},{}]"


LATER = """part => {
  const {href} = new URL(`./${part}.js`, document.querySelector('script[type=module]').src)
  return {coming: import(href).then(() => new Promise(done => setTimeout(() => setTimeout(done))))}
}"""
"""What can be awaited until a module is there, and until whoever waited for it has gone on."""


def test_what_the_page_says_is_kept_until_the_script_for_it_is_there(named: Framed) -> None:
    """Also if that fails at first, so nobody writes in another person's name."""
    failed: list[str] = []

    def refuse(route: Route) -> None:
        if failed:
            route.fallback()
        else:
            failed.append(route.request.url)
            route.abort()

    named.expected.append(NETWORK)
    named.context.route("**/form/host-page.js*", refuse)
    named.say("hello", email=ANNA)
    named.say("set", email=BERT)
    expect(named.email).to_have_value(BERT)
    assert failed


def test_a_product_may_have_nothing_kept(browser: Browser, form_site: Widget, insider: Sandbox, host: Server) -> None:
    for form in framed(browser, form_site, host, "shared"):
        form.page.evaluate("localStorage.setItem('feedback:shared:x:draft', '{}')")
        form.say("hello", email=ANNA)
        form.awake().text.fill(SALARY)
        form.say("set", email=BERT)
        expect(form.email).to_have_value(BERT)
        shows_nothing_of_anna(form)
        assert stored(form) == "[{},{}]"
        form.fill("Sent all the same").send()
        expect(form.thanks).to_be_visible()


FORGE = """forged => {
  const [key] = Object.keys(localStorage)
  localStorage.setItem(key, JSON.stringify({text: forged, thumb: {}, at: Date.now(), email: 'eve@example.com'}))
}"""


def test_a_forged_draft_is_words_or_nothing(signed: Framed, subtests: pytest.Subtests) -> None:
    forgeries: list[Any] = ["<img src=x onerror=alert(1)>", 7, {"a": 1}, None]
    meet(signed, ANNA, "hello")
    for text in forgeries:
        with subtests.test(text=text):
            signed.text.fill(SALARY)
            keep(signed, SALARY)
            signed.page.evaluate(FORGE, text)
            reload(signed)
            meet(signed, ANNA, "hello")
            expect(signed.text).to_have_value(text if isinstance(text, str) else "")
            expect(signed.page.locator("main img[src=x]")).to_have_count(0)


def test_where_the_browser_keeps_nothing_words_are_kept_as_long_as_the_page(
    browser: Browser, form_site: Widget, insider: Sandbox, host: Server
) -> None:
    for form in framed(browser, form_site, host, "demo", Framed):
        meet(form, ANNA, "hello")
        form.text.fill(SALARY)
        meet(form, BERT)
        shows_nothing_of_anna(form)
        meet(form, ANNA)
        expect(form.text).to_have_value(SALARY)


def test_outside_of_https_words_are_kept_as_long_as_the_page(named: Framed) -> None:
    named.page.evaluate("Object.defineProperty(crypto, 'subtle', {value: undefined})")
    named.say("hello", email=ANNA)
    named.text.fill(SALARY)
    named.say("set", email=BERT)
    expect(named.email).to_have_value(BERT)
    expect(named.text).to_have_value("")
    assert stored(named) == "[{},{}]"
    named.say("set", email=ANNA)
    expect(named.text).to_have_value(SALARY)


# --- taken back --------------------------------------------------------------------------------------------------


def test_null_takes_back_what_the_host_page_said(named: Framed) -> None:
    root = named.page.locator("html")
    named.say("hello", email=ANNA, theme="dark", lang="de", context={"plan": "gold"})
    expect(root).to_have_attribute("lang", "de")
    named.say("hello", email=ANNA, theme="dark", lang="de", context={"plan": "gold"})
    expect(named.email).to_have_value(ANNA)
    expect(named["feedback-context"]).to_be_visible()
    named.say("set", email=None, theme=None, context=None)
    expect(named.email).to_have_value("")
    expect(named["feedback-context"]).to_be_hidden()
    expect(named["context"]).to_have_value("")
    expect(root).to_have_attribute("data-theme", "auto")
    named.say("set", lang=None)
    expect(root).to_have_attribute("lang", "en")


def test_an_identity_that_is_taken_back_leaves_an_empty_field_to_write_in(signed: Framed) -> None:
    meet(signed, ANNA, "hello")
    expect(signed.email).not_to_be_editable()
    meet(signed, None)
    expect(signed.email).to_be_editable()
    expect(signed["identity"]).to_have_value("")


def test_an_address_that_somebody_typed_stays_when_the_page_takes_its_own_back(named: Framed) -> None:
    named.say("hello", email=ANNA)
    expect(named.email).to_have_value(ANNA)
    named.email.fill("mine@example.com")
    named.say("set", email=None, theme="dark")
    expect(named.page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(named.email).to_have_value("mine@example.com")


# --- vouched for -------------------------------------------------------------------------------------------------

REFUSED = [
    ("expired", lambda: token(ANNA, lasts=-3600)),
    ("signature", lambda: token(ANNA, secret="another secret, as long as it has to be")),
    ("audience", lambda: token(ANNA, "open")),
    ("malformed", lambda: "no token"),
    ("malformed", lambda: "\N{SNOWMAN}"),
    ("malformed", lambda: "x" * 5000),
]


@pytest.mark.parametrize("kind", ["hello", "set"])
def test_an_identity_that_is_not_accepted_is_refused_when_it_is_set(
    signed: Framed, insider: Sandbox, kind: str, subtests: pytest.Subtests
) -> None:
    signed.expected.append(NETWORK)
    for place, (reason, identity) in enumerate(REFUSED):
        with subtests.test(place=place, reason=reason):
            if kind == "set":
                meet(signed, BERT, "set" if place else "hello")
            before = len(signed.messages("error"))
            signed.say(kind, identity=identity())  # made now: it does not last until a late test
            error = signed.until_message("error", before)
            assert error == {"code": "identity_invalid", "reason": reason, "retryable": True}
            expect(signed["feedback-identity"]).to_be_visible()
            expect(signed["feedback-identity"]).to_contain_text("This page could not confirm who you are")
            expect(signed.email).to_have_value("")
            expect(signed.email).to_be_editable()
            meet(signed, ANNA)
            expect(signed["feedback-identity"]).to_be_hidden()
    signed.text.fill("Vouched for")
    signed.send()
    expect(signed.thanks).to_be_visible()
    assert insider.feedbacks()[0]["body"]["submittedByEmail"] == ANNA


def test_a_form_that_needs_an_identity_says_so_before_anything_is_typed(signed: Framed, form_site: Widget) -> None:
    expect(signed["feedback-identity"]).to_be_hidden()
    signed.say("hello", identity=None, renews=True)
    signed.until_message("ready")
    expect(signed["feedback-identity"]).to_be_hidden()
    signed.say("set", identity=None)
    expect(signed["feedback-identity"]).to_be_visible()
    alone = FormPage(signed.context, form_site.url)
    alone.open()
    expect(alone["feedback-identity"]).to_be_visible()
    alone.open(f"?identity={token(ANNA)}")
    expect(alone["feedback-identity"]).to_be_hidden()
    expect(alone.email).to_have_value(ANNA)


def test_a_form_that_needs_no_identity_never_says_so(named: Framed) -> None:
    named.say("hello", email=None)
    named.until_message("ready")
    expect(named["feedback-identity"]).to_have_count(0)


def test_an_identity_that_cannot_be_checked_now_is_checked_at_send(signed: Framed) -> None:
    signed.expected.append(NETWORK)
    signed.context.route("**/identity", lambda route: route.abort())
    meet(signed, ANNA, "hello")
    expect(signed.email).not_to_be_editable()
    signed.text.fill("Vouched for")
    signed.send()
    expect(signed.thanks).to_be_visible()


def test_a_fresh_token_of_the_same_person_leaves_their_words_alone(signed: Framed) -> None:
    meet(signed, ANNA, "hello")
    signed.text.fill(SALARY)
    with signed.host.expect_response("**/identity"):
        signed.say("set", identity=token(ANNA, lasts=600))
    expect(signed.email).to_have_value(ANNA)
    expect(signed.text).to_have_value(SALARY)
    expect(signed["feedback-draft"]).to_be_hidden()


# --- by the loader -----------------------------------------------------------------------------------------------

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Orders</title>
<script src="{url}/embed.js" data-product="{product}"></script><body>"""


class Loaded(FormPage):
    """The form as the loader opens it."""

    def __init__(self, browser: Browser, form_url: str, host: Server, product: str) -> None:
        super().__init__(browser.new_context(locale="en-GB"), form_url, product)
        host.answers["/loader"] = (200, "text/html; charset=utf-8", PAGE.format(url=form_url, product=product), {})
        self.host = self.page
        self.visit(f"http://127.0.0.1:{host.port}/loader")

    def visit(self, url: str) -> None:
        """Opens the host page, or opens it anew."""
        self.host.goto(url)
        self.call("isOpen")

    def call(self, call: str) -> Any:
        """Something of the API; a promise is waited for."""
        return self.host.evaluate(f"InsiderFeedback.{call}")

    def enter(self) -> None:
        """Opens the form, and goes into its frame."""
        self.call("open()")
        self.host.frame_locator("iframe:not([hidden])").locator("#description").wait_for()
        (self.page,) = [frame for frame in self.host.frames if "/form/" in frame.url]  # type: ignore[assignment]


@pytest.fixture
def loaded(browser: Browser, form_site: Widget, insider: Sandbox, host: Server) -> Iterator[Loaded]:
    form = Loaded(browser, form_site.url, host, "open")
    yield form
    form.context.close()
    assert form.unexpected() == []


def begin(form: Loaded) -> None:
    """Anna begins to write."""
    form.call(f"set({{email: '{ANNA}', context: {{plan: 'gold'}}}})")
    form.enter()
    expect(form.email).to_have_value(ANNA)
    form.text.fill(SALARY)
    keep(form, SALARY)


@pytest.mark.parametrize("is_open", [True, False])
def test_the_loader_takes_values_back_whether_the_form_is_open_or_closed(loaded: Loaded, is_open: bool) -> None:
    begin(loaded)
    if not is_open:
        loaded.call("close()")
    loaded.call("set({email: null, context: null})")
    expect(loaded.email).to_have_value("")
    expect(loaded["feedback-context"]).to_be_hidden()
    expect(loaded.text).to_have_value("")
    loaded.call(f"set({{email: '{ANNA}'}})")
    expect(loaded.text).to_have_value(SALARY)


def test_reset_clears_an_open_form_and_what_it_keeps(loaded: Loaded) -> None:
    begin(loaded)
    loaded.call("reset()")
    assert stored(loaded) == "[{},{}]"
    expect(loaded.text).to_have_value("")
    expect(loaded.email).to_have_value("")
    expect(loaded["feedback-context"]).to_be_hidden()
    assert loaded.host.locator("insider-feedback").get_attribute("email") is None


def test_reset_clears_what_is_kept_before_the_form_was_ever_opened(loaded: Loaded) -> None:
    begin(loaded)
    loaded.visit(loaded.host.url)
    loaded.call("reset()")
    assert loaded.host.frames[1:] == []
    loaded.enter()
    assert stored(loaded) == "[{},{}]"


@pytest.mark.parametrize(("options", "is_kept"), [("", False), ("{keep: true}", True)])
def test_destroy_clears_what_is_kept_unless_it_is_asked_not_to(
    loaded: Loaded, form_site: Widget, options: str, is_kept: bool
) -> None:
    begin(loaded)
    loaded.call(f"destroy({options})")
    assert loaded.host.frames[1:] == []
    loaded.visit(loaded.host.url)
    loaded.enter()
    assert (stored(loaded) != "[{},{}]") == is_kept


FETCHED = """tokens => {
  window.asked = 0
  window.errors = []
  InsiderFeedback.on('error', error => window.errors.push(error))
  InsiderFeedback.set({identity: async () => {
    const token = tokens[Math.min(window.asked++, tokens.length - 1)]
    if (token === 'fails') throw new Error('no network')
    return token
  }})
}"""


@pytest.fixture
def fetched(browser: Browser, form_site: Widget, insider: Sandbox, host: Server) -> Iterator[Loaded]:
    """A form whose page is asked who is there."""
    form = Loaded(browser, form_site.url, host, "demo")
    form.expected.append(NETWORK)
    yield form
    form.context.close()
    assert form.unexpected() == []


def test_the_loader_asks_for_an_identity_at_each_opening(fetched: Loaded) -> None:
    fetched.host.evaluate(FETCHED, [token(ANNA), token(BERT), None])
    fetched.host.get_by_role("button", name="Feedback").hover()
    assert fetched.host.evaluate("window.asked") == 0
    for person in (ANNA, BERT, ""):
        fetched.enter()
        expect(fetched.email).to_have_value(person)
        fetched.call("close()")
    assert fetched.host.evaluate("window.asked") == 3
    expect(fetched["feedback-identity"]).to_be_attached()
    assert fetched["feedback-identity"].evaluate("note => note.hidden") is False


def test_the_loader_asks_once_more_for_one_that_was_refused(fetched: Loaded) -> None:
    fetched.host.evaluate(FETCHED, [token(ANNA, lasts=-3600), token(ANNA)])
    fetched.enter()
    expect(fetched.email).to_have_value(ANNA)
    expect(fetched["feedback-identity"]).to_be_hidden()
    assert fetched.host.evaluate("window.asked") == 2
    assert [error["reason"] for error in fetched.host.evaluate("window.errors")] == ["expired"]


def test_it_does_not_ask_for_ever(fetched: Loaded) -> None:
    fetched.host.evaluate(FETCHED, [token(ANNA, lasts=-3600), token(ANNA, lasts=-3500)])
    fetched.enter()
    expect(fetched["feedback-identity"]).to_be_visible()
    until(lambda: fetched.host.evaluate("window.errors.length") == 2)
    assert fetched.host.evaluate("window.asked") == 2


def test_what_is_refused_at_send_is_sent_once_more_with_a_fresh_identity(fetched: Loaded, insider: Sandbox) -> None:
    fetched.host.evaluate(FETCHED, [token(ANNA), token(ANNA, lasts=600)])
    fetched.enter()
    expect(fetched.email).to_have_value(ANNA)
    fetched.answer(403, "identity_invalid", "identity", "Expired.", reason="expired")
    fetched.text.fill("Written for long")
    fetched.send()
    expect(fetched.thanks).to_be_visible()
    assert insider.feedbacks()[0]["body"]["submittedByEmail"] == ANNA
    assert [error["reason"] for error in fetched.host.evaluate("window.errors")] == ["expired"]


ANSWERED = """() => {
  window.answers = []
  InsiderFeedback.set({identity: () => new Promise(done => window.answers.push(done))})
}"""


def test_an_identity_that_comes_late_is_nobody_s_once_another_was_asked_for(fetched: Loaded) -> None:
    fetched.host.evaluate(ANSWERED)
    fetched.enter()
    fetched.call("close()")
    fetched.enter()
    until(lambda: fetched.host.evaluate("answers.length") == 2)
    fetched.host.evaluate("bert => answers[1](bert)", token(BERT))
    expect(fetched.email).to_have_value(BERT)
    fetched.text.fill("All is well")
    fetched.host.evaluate("anna => answers[0](anna)", token(ANNA))
    fetched.call("set({theme: 'dark'})")  # the form hears of this last
    expect(fetched.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert fetched.email.input_value() == BERT
    assert fetched.text.input_value() == "All is well"


@pytest.mark.parametrize("identity", ["Promise.resolve('a.b.c')", "42", "{token: 'a.b.c'}"])
def test_an_identity_that_is_none_is_named_and_nothing_is_thrown(fetched: Loaded, identity: str) -> None:
    fetched.call(f"set({{identity: {identity}}})")
    fetched.enter()
    expect(fetched["feedback-identity"]).to_be_visible()
    fetched.call(f"set({{identity: {identity}}})")
    until(lambda: [text for text in fetched.said if text.startswith("[feedback] identity is neither a token nor")])
    fetched.expected.append(re.compile("identity is neither"))


@pytest.mark.parametrize("answer", ["42", "{token: () => 1}", "new Response('a.b.c')"])
def test_an_answer_that_is_no_identity_is_reported_as_a_missing_one(fetched: Loaded, answer: str) -> None:
    fetched.host.evaluate("window.errors = []; void InsiderFeedback.on('error', error => errors.push(error))")
    fetched.call(f"set({{identity: () => ({answer})}})")
    fetched.enter()
    expect(fetched["feedback-identity"]).to_be_visible()
    assert [error["reason"] for error in fetched.host.evaluate("errors")] == ["unavailable"]


def deafen(form: Loaded) -> None:
    """From now on the form fails at a reset, and does not answer."""
    form.expected.append(re.compile("busy"))
    form.page.evaluate("""() => {
      document.querySelector('#feedback').reset = () => {
        window.isAsked = true
        throw Error('busy')
      }
    }""")


@pytest.mark.parametrize("end", ["element.remove()", "element.product = 'shared'"])
def test_a_reset_is_done_although_the_element_goes(loaded: Loaded, form_site: Widget, end: str) -> None:
    begin(loaded)
    deafen(loaded)
    loaded.host.evaluate("void InsiderFeedback.reset().then(() => { window.isOver = true })")
    until(lambda: loaded.page.evaluate("() => window.isAsked"))
    loaded.host.evaluate(f"() => {{ const element = document.querySelector('insider-feedback'); {end} }}")
    until(lambda: loaded.host.evaluate("window.isOver"))
    loaded.visit(loaded.host.url)
    loaded.enter()
    assert stored(loaded) == "[{},{}]"


def test_a_reset_of_a_form_that_does_not_answer_ends(loaded: Loaded) -> None:
    loaded.host.clock.install()
    loaded.visit(loaded.host.url)
    begin(loaded)
    deafen(loaded)
    loaded.host.evaluate("void InsiderFeedback.reset().then(() => { window.isOver = true })")
    until(lambda: loaded.page.evaluate("() => window.isAsked"))
    loaded.host.clock.run_for(8000)
    until(lambda: loaded.host.evaluate("window.isOver"))


def test_a_function_that_fails_is_reported_as_a_missing_identity(fetched: Loaded) -> None:
    fetched.host.evaluate(FETCHED, ["fails"])
    fetched.enter()
    expect(fetched["feedback-identity"]).to_be_visible()
    (error,) = fetched.host.evaluate("window.errors")
    assert error == {"product": "demo", "code": "identity_invalid", "reason": "unavailable", "retryable": True}


# --- what the documents say --------------------------------------------------------------------------------------


def snippet(document: str, name: str) -> str:
    """A piece of script that a document tells people to use."""
    text = (ROOT / "docs" / f"{document}.md").read_text("utf-8")
    return text.partition(f"<!-- runs: {name} -->\n```js\n")[2].partition("```")[0]


def test_the_recipe_for_fresh_tokens_works(fetched: Loaded, host: Server) -> None:
    for person in (ANNA, BERT):
        host.answers["/feedback-identity"] = (200, "text/plain", token(person), {})
        fetched.host.evaluate(f"async () => {{ {snippet('identity', 'fetched')} }}")
        fetched.enter()
        expect(fetched.email).to_have_value(person)
        fetched.call("close()")
    host.answers["/feedback-identity"] = (401, "text/plain", "", {})
    fetched.enter()
    expect(fetched["feedback-identity"]).to_be_visible()


def test_the_recipes_for_signing_in_and_out_work(fetched: Loaded) -> None:
    fetched.host.evaluate(f"token => {{ {snippet('identity', 'set')} }}", token(ANNA))
    fetched.enter()
    expect(fetched.email).to_have_value(ANNA)
    fetched.text.fill(SALARY)
    keep(fetched, SALARY)
    fetched.host.evaluate(f"async () => {{ {snippet('identity', 'reset')} }}")
    expect(fetched.text).to_have_value("")
    assert stored(fetched) == "[{},{}]"


def test_the_privacy_page_names_all_that_is_kept_and_how_it_is_cleared(loaded: Loaded) -> None:
    page = (ROOT / "docs" / "privacy.md").read_text("utf-8")
    begin(loaded)
    kept = loaded.page.evaluate("[Object.keys(localStorage), Object.keys(sessionStorage)]")
    digest = hashlib.sha256(f"open\n{ANNA}".encode()).hexdigest()
    assert kept == [[f"feedback:open:{digest}:draft"], []]
    assert "`feedback:PRODUCT:HASH:draft`" in page
    assert "`feedback:PRODUCT:tab:draft`" in page
    assert loaded.context.cookies() == []
    assert loaded.host.evaluate(STORED) == "[{},{}]"
    loaded.host.evaluate(f"async () => {{ {snippet('privacy', 'keep')} }}")
    loaded.visit(loaded.host.url)
    loaded.enter()
    assert SALARY in stored(loaded)
    loaded.host.evaluate(f"async () => {{ {snippet('privacy', 'clear')} }}")
    assert stored(loaded) == "[{},{}]"

"""Sending: progress, cancel, lost connections, blockers, limits, old tokens, and the thanks at the end."""

import re
import time
from collections.abc import Callable
from functools import partial

import pytest
from bed import SECRET_KEY, Sandbox, Widget, until
from form_stage import EMAIL, NETWORK, FormPage, stop_clock
from itsdangerous import TimestampSigner
from playwright.sync_api import Browser, Request, Route, expect
from samples import jpeg

from widget.submissions.tokens import Tokens

TEXT = "The totals are easy to find."
LINES = """element => {
  const words = document.createRange()
  words.selectNodeContents(element)
  return words.getClientRects().length
}"""
SOON = {"KEEP_ALIVE": "1"}
"""The console's message when a widget ends while the browser still has a connection to it."""


PHOTO, SECOND = ("photo.jpg", jpeg(), "image/jpeg"), ("b.jpg", jpeg(), "image/jpeg")
BIG = ("photo.jpg", jpeg(size=1_200_000), "image/jpeg")
"""A photo that takes a while to send."""


def tokens_of(form: FormPage) -> list[str]:
    """The token of each request, in the order of sending."""
    tokens: list[str] = []

    def listen(request: Request) -> None:
        if request.method == "POST" and (body := request.post_data_buffer):
            found = re.search(rb'name="token"\r\n\r\n([^\r]+)', body)
            tokens.append(found[1].decode() if found else "")

    form.page.on("request", listen)
    return tokens


# --- progress ---------------------------------------------------------------------------------------------------


HELD = """() => {
  const {send} = XMLHttpRequest.prototype
  XMLHttpRequest.prototype.send = function (body) {
    window.goOn = () => send.call(this, body)
    window.progress = (loaded, total) => this.upload.dispatchEvent(new ProgressEvent('progress', {loaded, total}))
  }
}"""
"""Makes the test say how far the upload is: a browser that is busy may tell of none but its end."""


def test_progress_is_shown_in_bytes_and_as_a_bar_and_said_at_25_50_and_75(form: FormPage) -> None:
    form.fill().add(PHOTO)
    form.listen()
    form.page.evaluate(HELD)
    form.send()
    form.until("window.progress !== undefined")

    def said_last(text: str) -> bool:
        return form.heard[-1:] == [text]

    bar = form.progress.locator("progress")
    for part in (0.25, 0.5, 0.75):
        for loaded in (part - 0.01, part, part + 0.01):
            form.page.evaluate("([loaded, total]) => progress(loaded, total)", [loaded * 4e6, 4e6])
            expect(bar).to_have_js_property("value", loaded)
        until(partial(said_last, f"{part:.0%} sent"))
    expect(form["feedback-progress-title"]).to_have_text("Sending")
    expect(form["feedback-progress-text"]).to_have_text("2.9 of 3.8 MB")
    expect(form.progress).to_be_focused()  # on Cancel, an Enter that is held would press it
    expect(form.progress).to_have_role("group")
    expect(form.progress).to_have_accessible_name("Sending")
    expect(form.button).to_be_hidden()
    expect(form.text).to_have_js_property("readOnly", True)
    form.page.evaluate("goOn()")
    expect(form.thanks).to_be_visible()
    until(partial(said_last, "Thank you, your feedback has arrived"))
    heard = form.heard
    assert "Sending" in heard
    assert [text for text in heard if "%" in text] == ["25% sent", "50% sent", "75% sent"]


def test_after_the_last_byte_it_says_almost_there_and_offers_no_cancel(form: FormPage, insider: Sandbox) -> None:
    insider.slow(60, "create")
    form.fill().send()
    expect(form["feedback-progress-title"]).to_have_text("Almost there")
    expect(form["feedback-progress-text"]).to_have_text("Saving your feedback")
    expect(form.cancel).to_be_hidden()
    expect(form.progress).to_be_focused()
    insider.recover()
    expect(form.thanks).to_be_visible()


def test_send_cannot_be_pressed_twice(form: FormPage, insider: Sandbox) -> None:
    tokens = tokens_of(form)
    insider.slow(60, "create")
    form.fill()
    form.page.evaluate("() => { for (let i = 0; i < 5; i++) document.querySelector('#feedback-send').click() }")
    until(insider.descriptions)
    insider.recover()
    expect(form.thanks).to_be_visible()
    assert len(tokens) == 1
    assert insider.descriptions() == [TEXT]


def test_nothing_but_cancel_can_be_pressed_while_it_is_sent(form: FormPage) -> None:
    form.expected.append(NETWORK)
    form.fill("I paid with 4111 1111 1111 1111.").add(PHOTO)
    mask, edit = form.page.locator(".feedback-hints button"), form.page.locator(".feedback-edit")
    for button in (mask, edit):
        expect(button).to_be_visible()
    form.context.set_offline(True)
    form.send()
    expect(form.cancel).to_be_visible()
    expect(form["feedback"].locator("button:visible")).to_have_count(1)
    form.cancel.click()
    for button in (mask, edit):
        expect(button).to_be_visible()


# --- cancel -----------------------------------------------------------------------------------------------------


def test_cancel_stops_it_while_bytes_travel_and_everything_stays(form: FormPage, insider: Sandbox) -> None:
    form.fill().add(BIG)
    session = form.slow_down(50_000)
    form.send()
    until(lambda: form.progress.locator("progress").evaluate("bar => bar.value") > 0)
    form.cancel.click()
    expect(form.note).to_contain_text("Stopped")
    expect(form.note).to_contain_text("Nothing was sent. Everything you wrote is still here.")
    expect(form.button).to_have_text("Send feedback")
    expect(form.button).to_be_focused()
    expect(form.text).to_have_value(TEXT)
    expect(form.rows).to_have_count(1)
    expect(form.like).to_be_enabled()
    assert insider.descriptions() == []
    form.throttle(session, -1)
    form.send()
    expect(form.thanks).to_be_visible(timeout=20_000)
    assert insider.descriptions() == [TEXT]


def test_a_late_cancel_says_that_it_may_have_arrived_and_sending_again_makes_no_second_one(
    form: FormPage, insider: Sandbox
) -> None:
    lost = False

    def take_and_lose(route: Route) -> None:
        nonlocal lost
        if route.request.method != "POST" or lost:
            return route.fallback()
        lost = True
        route.fetch()
        return route.abort("connectionreset")

    form.page.route(form.address, take_and_lose)
    form.expected.append(NETWORK)
    # An intercepted request has no progress events. A real one has reported its last byte by then.
    form.page.evaluate(
        """() => {
          const send = XMLHttpRequest.prototype.send
          XMLHttpRequest.prototype.send = function(body) {
            send.call(this, body)
            this.upload.dispatchEvent(new ProgressEvent('progress', {loaded: 9, total: 9, lengthComputable: true}))
          }
        }"""
    )
    form.fill().send()
    expect(form["feedback-progress-title"]).to_have_text("Trying again")
    form.cancel.click()
    expect(form.note).to_contain_text("It may have arrived already. Sending it again does not create a duplicate.")
    form.send()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == [TEXT]


def test_a_cancel_before_any_progress_was_reported_says_so_too(form: FormPage) -> None:
    held: list[Route] = []
    form.page.route(
        form.address, lambda route: held.append(route) if route.request.method == "POST" else route.fallback()
    )
    form.fill().send()
    form.until_asked(held)
    form.cancel.click()
    expect(form.note).to_contain_text("It may have arrived already.")


# --- dropped connections ----------------------------------------------------------------------------------------


def test_after_a_network_fault_it_tries_again_by_itself_with_the_same_token(form: FormPage, insider: Sandbox) -> None:
    tokens = tokens_of(form)
    form.break_posts(2)
    form.fill().send()
    expect(form["feedback-progress-title"]).to_have_text("Trying again")
    expect(form["feedback-progress-text"]).to_have_text("The connection dropped. Nothing was lost.")
    expect(form.thanks).to_be_visible(timeout=15_000)
    assert len(tokens) == 3
    assert len(set(tokens)) == 1
    assert insider.descriptions() == [TEXT]


def test_when_trying_does_not_help_it_offers_to_try_again(form: FormPage, insider: Sandbox) -> None:
    form.break_posts(4)
    form.fill().add(PHOTO)
    form.page.clock.install()
    form.send()

    def has_given_up() -> bool:
        form.page.clock.run_for(3000)
        return "It did not go through" in form.note.inner_text()

    until(has_given_up)
    expect(form.note).to_contain_text("Your text is still here.")
    expect(form.button).to_have_text("Try again")
    expect(form["feedback-copy"]).to_be_hidden()
    expect(form.text).to_have_value(TEXT)
    expect(form.rows).to_have_count(1)
    form.send()
    form.page.clock.resume()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == [TEXT]


@pytest.mark.parametrize(
    "body", ["<h1>Bad gateway</h1>", '{"errors": []}', '{"errors": [{"message": "upstream"}]}', "null"]
)
def test_a_gateways_answer_counts_as_a_dropped_connection(form: FormPage, body: str) -> None:
    form.expected.append(NETWORK)
    answers = iter([502, 504])

    def handle(route: Route) -> None:
        if route.request.method == "POST" and (answer := next(answers, None)):
            return route.fulfill(status=answer, body=body)
        return route.fallback()

    form.page.route(form.address, handle)
    form.fill().send()
    expect(form["feedback-progress-title"]).to_have_text("Trying again")
    expect(form.thanks).to_be_visible()


def test_offline_is_said_as_such_and_sending_goes_on_when_the_network_is_back(form: FormPage, insider: Sandbox) -> None:
    form.expected.append(NETWORK)
    form.awake().fill()
    form.context.set_offline(True)
    form.send()
    expect(form.note).to_contain_text("You are offline")
    expect(form.note).to_contain_text("Leave this open, and it will be sent once you are back online.")
    expect(form["feedback-progress-title"]).to_have_text("Waiting for a connection")
    expect(form.status).to_contain_text("You are offline. Your text is still here.")  # the last that is said
    expect(form.progress.locator("progress")).to_be_hidden()
    expect(form.cancel).to_be_visible()
    form.context.set_offline(False)
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == [TEXT]


def test_a_browser_that_is_wrong_about_being_offline_sends_all_the_same(form: FormPage, insider: Sandbox) -> None:
    form.page.evaluate("Object.defineProperty(navigator, 'onLine', {value: false})")
    form.fill().send()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == [TEXT]


def test_waiting_for_the_network_can_be_cancelled(form: FormPage) -> None:
    form.expected.append(NETWORK)
    form.awake().fill()
    form.context.set_offline(True)
    form.send()
    form.cancel.click()
    expect(form.note).to_contain_text("Nothing was sent.")
    form.context.set_offline(False)
    form.page.wait_for_timeout(500)
    expect(form.button).to_be_visible()
    expect(form.thanks).to_have_count(0)


def test_a_request_that_something_swallows_is_said_to_be_blocked_and_the_text_can_be_copied(
    form: FormPage, insider: Sandbox
) -> None:
    form.context.grant_permissions(["clipboard-read", "clipboard-write"])
    methods = form.break_posts(2, reachable=True)
    form.fill().send()
    expect(form.note).to_contain_text("Something on this device blocked it")
    assert methods == ["POST", "HEAD", "POST", "HEAD"]
    expect(form.text).to_have_value(TEXT)
    form.page.get_by_role("button", name="Copy my text").click()
    expect(form["feedback-copy"]).to_have_text("Copied")
    assert form.page.evaluate("navigator.clipboard.readText()") == TEXT
    expect(form.button).to_have_text("Try again")
    form.send()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == [TEXT]


@pytest.mark.unopened
def test_the_text_is_copied_where_the_clipboards_own_interface_is_refused(form: FormPage) -> None:
    form.page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))")
    form.open().break_posts(2, reachable=True)
    form.fill().send()
    form.page.get_by_role("button", name="Copy my text").click()
    expect(form["feedback-copy"]).to_have_text("Copied")
    form["feedback-copy"].evaluate("button => { button.textContent = 'Meinen Text kopieren' }")
    form.page.set_viewport_size({"width": 360, "height": 740})
    for button in form["feedback-buttons"].locator("button").all():  # one under the other rather than in several lines
        assert button.evaluate(LINES) == 1


# --- limits and refusals ----------------------------------------------------------------------------------------


@pytest.mark.unopened
def test_too_many_submissions_count_down_and_can_then_be_sent(
    form: FormPage, start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(**SOON, RATE_LIMIT="1/minute", DELIVERY_WAIT="10")
    form.url = f"{widget.url}/form/demo"
    form.expected.append(NETWORK)
    assert widget.submit().status_code == 201
    form.open().fill()
    form.page.clock.install()
    form.send()
    expect(form.note).to_contain_text("You have sent a lot in a short time")
    expect(form.note).to_contain_text(re.compile(r"You can send this in \d+ seconds"))
    expect(form.button).to_have_text("Send feedback")  # it has the focus: if it counted, each second would be read
    expect(form.button).to_have_attribute("aria-disabled", "true")
    expect(form.text).to_be_editable()
    form.button.click(force=True)
    expect(form.button).to_have_attribute("aria-disabled", "true")
    form.page.clock.run_for(61_000)
    expect(form.button).to_have_text("Send feedback")
    expect(form.button).not_to_have_attribute("aria-disabled", "true")
    expect(form.note).to_be_empty()


def test_when_it_cannot_be_stored_it_counts_down_and_tries_again_by_itself(form: FormPage, insider: Sandbox) -> None:
    form.answer(503, "unavailable", retry_after=20)
    form.fill()
    stop_clock(form.page)
    form.send()
    expect(form.note).to_contain_text("Not sent yet")
    expect(form.note).to_contain_text("we will try again in 20 seconds.")
    expect(form.button).to_have_text("Try now")
    form.page.clock.run_for(5_000)
    expect(form.note).to_contain_text("we will try again in 15 seconds.")
    form.page.clock.run_for(16_000)
    form.page.clock.resume()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == [TEXT]


@pytest.mark.parametrize("touch", ["text", "address", "files"])
def test_whoever_goes_on_with_the_form_sends_it_themselves(form: FormPage, insider: Sandbox, touch: str) -> None:
    form.answer(503, "unavailable", retry_after=20)
    form.fill()
    form.page.clock.install()
    form.send()
    expect(form.button).to_have_text("Try now")
    match touch:
        case "text":
            form.text.press("End")
            form.page.keyboard.type(" I mean")
        case "address":
            form.email.fill("ada@elsewhere.example")
        case _:
            form.add(PHOTO)
    expect(form.button).to_have_text("Send feedback")
    expect(form.note).to_be_empty()
    form.page.clock.run_for(30_000)
    form.page.clock.resume()
    assert insider.descriptions() == []
    form.send()
    expect(form.thanks).to_be_visible()


def test_what_could_not_be_stored_can_be_tried_now(form: FormPage, insider: Sandbox) -> None:
    form.answer(503, "unavailable", retry_after=20)
    form.fill().send()
    expect(form.button).to_have_text("Try now")
    form.send()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == [TEXT]


@pytest.mark.parametrize("code", ["token_expired", "token_invalid"])
def test_an_old_token_is_renewed_without_the_person_noticing(form: FormPage, insider: Sandbox, code: str) -> None:
    tokens = tokens_of(form)
    form.answer(403, code)
    form.fill().send()
    expect(form.thanks).to_be_visible()
    assert len(set(tokens)) == 2
    assert insider.descriptions() == [TEXT]


@pytest.mark.unopened
def test_an_earlier_version_that_was_sent_is_named_and_this_one_can_be_sent_as_well(
    form: FormPage, start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(**SOON)
    form.url = f"{widget.url}/form/demo"
    form.expected.append(NETWORK)
    form.open().fill()
    token = form.page.locator("[name=token]").input_value()
    assert widget.submit("an earlier version", token=token).status_code == 201  # as if its answer had been lost
    form.send()
    expect(form.note).to_contain_text("Your earlier version has already been sent")
    url = form.note.get_by_role("link", name="Your receipt").evaluate("link => link.href")
    assert widget.client.get(url, headers={"Accept": "application/json"}).json()["status"] == "delivered"
    expect(form["feedback-foot"]).to_be_visible()  # what lists the receipts
    expect(form.text).to_have_value(TEXT)
    form.send()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == ["an earlier version", TEXT]


@pytest.mark.unopened
def test_a_form_that_really_is_too_old_is_renewed(
    form: FormPage, start_widget: Callable[..., Widget], insider: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = start_widget(**SOON, TOKEN_MAX_AGE="60", DELIVERY_WAIT="10")
    form.url = f"{widget.url}/form/demo"
    form.expected.append(NETWORK)
    form.open().fill()
    with monkeypatch.context() as patch:
        patch.setattr(TimestampSigner, "get_timestamp", lambda _: int(time.time()) - 90)
        old = Tokens([SECRET_KEY], 60).form("demo")
    form.page.locator("[name=token]").evaluate("(field, old) => { field.value = old }", old)
    form.send()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == [TEXT]


@pytest.mark.unopened
def test_one_who_was_very_quick_waits_without_knowing(
    form: FormPage, start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(**SOON, MIN_FILL_TIME="3", DELIVERY_WAIT="10")
    form.url = f"{widget.url}/form/demo"
    form.expected.append(NETWORK)
    form.open().fill().send()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == [TEXT]


def test_people_who_would_have_to_wait_long_are_asked_to_come_again(form: FormPage) -> None:
    form.answer(403, "too_fast", message="Wait a moment, then press Send again.", retry_after=9)
    form.fill().send()
    expect(form.note).to_contain_text("Wait a moment, then press Send again.")
    expect(form.button).to_have_text("Send feedback")


def test_what_insider_connect_refuses_is_said_with_its_reason_and_the_next_try_has_a_new_token(
    form: FormPage, insider: Sandbox
) -> None:
    tokens = tokens_of(form)
    form.expected.append(NETWORK)
    insider.misbehave("refuse", "create", message="Words like these are not taken.", times=1)
    form.fill().send()
    expect(form.note).to_contain_text("Northwind did not accept this")
    expect(form.note).to_contain_text("Words like these are not taken. Change it and press Send again.")
    expect(form.text).to_have_value(TEXT)
    until(lambda: form.page.locator("[name=token]").input_value() != tokens[0])
    expect(form.open().text).to_have_value(TEXT)
    form.fill("Other words").send()
    expect(form.thanks).to_be_visible()
    assert len(set(tokens)) == 2


# --- thanks -----------------------------------------------------------------------------------------------------


def test_delivered_thanks_name_number_files_and_receipt(form: FormPage, insider: Sandbox) -> None:
    form.context.grant_permissions(["clipboard-read", "clipboard-write"])
    form.fill().add(PHOTO, SECOND).send()
    expect(form["feedback-thanks-title"]).to_be_focused()
    expect(form["feedback-thanks-title"]).to_have_text("Thank you, your feedback has arrived")
    expect(form.thanks).to_contain_text("The Northwind team has your feedback and both files.")
    (feedback,) = insider.feedbacks()
    number = str(feedback["id"])
    expect(form.thanks.locator("[data-fill=number]")).to_have_text(number)
    expect(form.thanks.locator("time")).to_have_text(re.compile(r"^Today, \d\d:\d\d$"))
    link = form.thanks.get_by_role("link", name="Your receipt")
    assert link.get_attribute("target") == "_blank"
    form.thanks.get_by_role("button", name="Copy link").click()
    expect(form.thanks.get_by_role("button", name="Copied")).to_be_visible()
    copied = form.page.evaluate("navigator.clipboard.readText()")
    assert copied == link.evaluate("link => link.href")
    form.page.goto(copied)
    expect(form.page.get_by_role("heading", name="Your feedback has arrived")).to_be_visible()


def test_delivered_in_part_is_said_as_it_is(form: FormPage, insider: Sandbox) -> None:
    insider.misbehave("refuse", "attach", message="Too bad.", times=2)
    form.fill().add(PHOTO, SECOND).send()
    expect(form.thanks).to_contain_text("has your feedback. 1 of 2 files arrived; your receipt says why.")


def test_kept_thanks_say_that_it_is_on_its_way(kept: FormPage) -> None:
    kept.fill().add(PHOTO).send()
    expect(kept["feedback-thanks-title"]).to_have_text("Thank you, we have your feedback", timeout=20_000)
    expect(kept.thanks).to_contain_text("It is saved and on its way to the Northwind team.")
    expect(kept.thanks.locator("[data-fill=files]")).to_have_text("1")
    expect(kept.thanks.locator("[data-fill=number]")).to_be_hidden()


def test_another_can_be_sent_with_a_fresh_token(form: FormPage, insider: Sandbox) -> None:
    token = form.page.locator("[name=token]")
    first = token.input_value()
    form.fill("One thing").like.check(force=True)
    form.add(PHOTO).send()
    form.page.get_by_role("link", name="Send another").click()
    expect(form.thanks).to_have_count(0)
    expect(form.like).to_be_focused()
    expect(form.like).not_to_be_checked()
    expect(form.text).to_have_value("")
    expect(form.email).to_have_value(EMAIL)
    expect(form.rows).to_have_count(0)
    assert token.input_value() != first
    form.text.fill("One more thing")
    form.send()
    expect(form.thanks).to_be_visible()
    until(
        lambda: [text for text in insider.descriptions() if text.startswith("One ")] == ["One thing", "One more thing"]
    )


def test_another_can_be_written_without_a_network(form: FormPage, insider: Sandbox) -> None:
    form.fill("One thing").send()
    form.expected.append(NETWORK)
    form.context.set_offline(True)
    form.page.get_by_role("link", name="Send another").click()
    expect(form.like).to_be_focused()
    form.text.fill("One more thing")
    form.send()
    expect(form.note).to_contain_text("You are offline")
    form.context.set_offline(False)
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == ["One thing", "One more thing"]


def test_a_token_that_comes_late_does_not_make_one_feedback_two(form: FormPage, insider: Sandbox) -> None:
    tokens = tokens_of(form)
    form.fill("One thing").send()
    expect(form.thanks).to_be_visible()
    held: list[Route] = []
    form.page.route("**/token", lambda route: held.append(route))
    form.page.get_by_role("link", name="Send another").click()
    form.text.fill("One more thing")
    form.answer(422, "invalid", "description", "Say it otherwise.")
    form.send()
    form.until_asked(held)
    until(lambda: form.page.title() and len(held) == 2)
    for route in held:
        route.continue_()
    expect(form.page.get_by_text("Say it otherwise.")).to_be_visible()
    form.send()
    expect(form.thanks).to_be_visible()
    _, refused, sent = tokens
    assert refused == sent


def test_a_page_may_object_to_sending(form: FormPage, browser: Browser) -> None:
    form.page.evaluate("document.addEventListener('feedback-submit', event => event.preventDefault())")
    form.fill().send()
    form.painted()
    expect(form.button).to_be_visible()
    expect(form.thanks).to_have_count(0)

"""What is sent while people change belongs to the person who sent it."""

import re

import pytest
from bed import Sandbox, Widget, until
from form_stage import NETWORK, stop_clock
from people import ANNA, BERT, SALARY, STALLED, meet, shows_nothing_of_anna, stored
from playwright.sync_api import Route, expect
from samples import pdf
from test_form_host import Framed


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
    signed.page.get_by_role("button", name="Your feedback").click()
    expect(signed.page.locator(".feedback-receipt-list li")).to_have_count(1)


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


def test_whoever_is_back_and_sends_it_again_makes_no_second_one(signed: Framed, insider: Sandbox) -> None:
    meet(signed, ANNA, "hello")
    insider.slow(60, "create")
    signed.awake().text.fill(SALARY)
    signed.send()
    until(insider.descriptions)
    meet(signed, BERT)
    shows_nothing_of_anna(signed)
    meet(signed, ANNA)
    expect(signed.text).to_have_value(SALARY)
    signed.send()
    insider.recover()
    expect(signed.thanks).to_be_visible()
    assert insider.descriptions() == [SALARY]
    until(lambda: SALARY not in stored(signed))


def test_a_sending_that_waits_is_not_made_for_somebody_else(signed: Framed, insider: Sandbox) -> None:
    meet(signed, ANNA, "hello")
    signed.awake().answer(503, "unavailable", message="Later.", retry_after=2)
    signed.text.fill(SALARY)
    stop_clock(signed.host)
    signed.send()
    expect(signed.button).to_have_text("Try now")
    meet(signed, BERT)
    shows_nothing_of_anna(signed)
    expect(signed.button).to_have_text("Send feedback")
    signed.text.fill("Half a thought")
    signed.host.clock.run_for(5_000)  # the countdown must not go on
    signed.host.clock.resume()
    signed.text.fill("A whole thought")
    signed.send()
    expect(signed.thanks).to_be_visible()
    assert insider.descriptions() == ["A whole thought"]


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
    named.until_asked(waiting)
    for route in waiting:
        route.continue_()
    named.text.fill("All is well")
    named.send()
    expect(named.thanks).to_be_visible()
    assert insider.descriptions() == ["All is well"]

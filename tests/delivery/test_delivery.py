"""What happens to a submission next: decisions as values."""

import pytest
from clock import Clock

from widget.delivery.gate import FAILURES_TO_SHUT, SERIES, Gate
from widget.delivery.policy import Policy, backoff, decide, longest_delay, next_files
from widget.insider.outcomes import Attached, Created, Misconfigured, NotProcessed, Outcome, Refused, Unknown
from widget.outbox.model import NO_ID, Pending, Transition, Work
from widget.submissions.model import Feedback

POLICY = Policy(retry_min=5, retry_max=900, give_up_after=7 * 86_400, unknown_hold=900)
PARK = Policy(retry_min=5, retry_max=900, give_up_after=7 * 86_400, unknown_hold=None)
FILES = tuple(Pending(n, f"{n}.png", "image/png", 10, f"blob{n}") for n in range(3))


def work(**changes: object) -> Work:
    values: dict[str, object] = {
        "id": "a" * 32,
        "product": "demo",
        "claim": "c",
        "age": 1.0,
        "attempts": 1,
        "feedback": Feedback("hi", "ada@example.com", None, False),
        "feedback_id": None,
        "pending": (),
        "separately": False,
        "possible_duplicate": False,
    }
    return Work(**{**values, **changes})  # type: ignore[arg-type]


def after(outcome: Outcome, policy: Policy = POLICY, **changes: object) -> Transition:
    return decide(work(**changes), outcome, policy, chance=0.5)


def test_a_feedback_without_files_is_delivered_once_it_is_created() -> None:
    assert after(Created(32)) == Transition("delivered", feedback_id=32)


def test_a_feedback_with_files_keeps_its_id_and_goes_on() -> None:
    assert after(Created(32), pending=FILES) == Transition("sending", feedback_id=32)


def test_all_files_go_in_one_request_and_then_it_is_delivered() -> None:
    transition = after(Attached(), feedback_id=32, pending=FILES)
    assert transition.state == "delivered"
    assert set(transition.attachments) == {0, 1, 2}


def test_when_all_files_together_are_refused_they_go_one_by_one() -> None:
    transition = after(Refused(("File size cannot exceed 4MB.",), 400), feedback_id=32, pending=FILES)
    assert (transition.state, transition.separately, dict(transition.attachments)) == ("sending", True, {})
    assert next_files(work(pending=FILES, separately=True)) == FILES[:1]


def test_a_file_refused_alone_is_noted_and_the_rest_goes_on() -> None:
    transition = after(Refused(("Too bad.",), 400), feedback_id=32, pending=FILES, separately=True)
    assert transition.state == "sending"
    assert transition.attachments == {0: ("refused", "Too bad.")}
    last = after(Refused(("Too bad.",), 400), feedback_id=32, pending=FILES[2:], separately=True)
    assert last.state == "delivered"


def test_a_create_that_is_refused_is_refused_for_good_with_its_reason() -> None:
    transition = after(Refused(("Contact Consent is required.",), 400))
    assert (transition.state, transition.public_message) == ("refused", "Contact Consent is required.")
    assert transition.delay is None
    assert after(Refused((), 409)).error == "answered 409"


def test_what_was_not_processed_is_tried_again_later_and_later() -> None:
    delays = [after(NotProcessed("busy"), attempts=attempts).delay for attempts in (1, 2, 3, 20, 1000)]
    assert delays == [2.5, 5.0, 10.0, 450.0, 450.0]


@pytest.mark.parametrize(("wish", "delay"), [(0, 2.5), (60, 60), (86_400, 3600)])
def test_a_wish_for_patience_is_obeyed_within_bounds(wish: float, delay: float) -> None:
    assert after(NotProcessed("busy", retry_after=wish)).delay == delay


def test_after_days_of_trying_it_is_left_to_the_operator() -> None:
    transition = after(NotProcessed("busy"), age=8 * 86_400)
    assert transition.state == "refused"
    assert transition.error == "given up after 8.0 days: busy"


def test_what_nobody_can_know_is_held_and_flagged_and_tried_once_more() -> None:
    transition = after(Unknown("no answer in time"))
    assert (transition.state, transition.delay, transition.possible_duplicate) == ("unknown", 900, True)
    assert after(Unknown("again"), possible_duplicate=True).delay is None


def test_what_nobody_can_know_may_be_left_to_the_operator_at_once() -> None:
    assert after(Unknown("no answer in time"), PARK).delay is None


def test_wrong_credentials_cost_a_row_no_attempt() -> None:
    transition = after(Misconfigured("invalid_client"))
    assert (transition.state, transition.attempt_spent) == ("queued", False)


def test_a_stored_file_that_is_missing_is_looked_for_and_noted_without_a_word_to_the_person() -> None:
    missing = Refused(("The file is no longer stored.",), None)
    assert after(missing, feedback_id=32, pending=FILES).separately
    transition = after(missing, feedback_id=32, pending=FILES, separately=True)
    assert transition.attachments == {0: ("refused", None)}
    assert transition.error == "The file is no longer stored."


@pytest.mark.parametrize("policy", [POLICY, PARK])
def test_no_row_is_told_to_wait_for_longer_than_the_longest_delay(policy: Policy) -> None:
    outcomes: list[Outcome] = [
        NotProcessed("busy", retry_after=1e9),
        NotProcessed("busy"),
        Unknown("no answer in time"),
    ]
    delays = [decide(work(attempts=99), outcome, policy, 0.999).delay or 0.0 for outcome in outcomes]
    assert max(delays) < longest_delay(policy)


def test_it_is_over_when_it_is_not_tried_by_itself() -> None:
    assert after(Unknown("no answer in time"), PARK).is_over
    assert after(Refused((), 400)).is_over
    assert after(Created(32)).is_over
    assert not after(Unknown("no answer in time")).is_over
    assert not after(NotProcessed("busy")).is_over


def test_the_jitter_spreads_over_the_whole_delay() -> None:
    assert backoff(1, POLICY, 0.0) == 0
    assert backoff(1, POLICY, 0.999) < 5
    assert backoff(8, POLICY, 0.999) > 600


def test_a_gate_shuts_after_some_failures_to_connect_and_lets_one_probe_pass() -> None:
    clock = Clock()
    gate = Gate(30, clock)
    for _ in range(FAILURES_TO_SHUT - 1):
        assert not gate.note(NotProcessed("connection refused by 127.0.0.1:1", unreachable=True))
        assert gate.admit()
    assert gate.note(NotProcessed("connection refused by 127.0.0.1:1", unreachable=True))
    assert not gate.admit()
    clock.now = 30
    assert gate.admit()
    assert not gate.admit()
    assert gate.note(Created(1))
    assert gate.admit()


UNKNOWN = Unknown("answered 502")


def test_a_gate_shuts_when_nobody_can_know_again_and_again() -> None:
    gate = Gate(30, Clock())
    assert [gate.note(UNKNOWN) for _ in range(FAILURES_TO_SHUT)] == [False] * (FAILURES_TO_SHUT - 1) + [True]
    assert not gate.note(UNKNOWN), "its probe shows nothing better"
    assert not gate.admit()


def test_probes_that_nobody_can_know_of_come_ever_more_seldom() -> None:
    clock = Clock()
    gate = Gate(30, clock)
    for _ in range(FAILURES_TO_SHUT + 11):  # some were on their way already
        gate.note(UNKNOWN)
    probes = []
    for clock.now in range(1, 3601):
        if gate.admit():
            probes.append(clock.now)
            gate.note(UNKNOWN)
    assert probes == [30, 60, 120, 240, 480, 960, 1860, 2760]
    gate.stay_shut("the token endpoint answered 502")
    assert gate.opens_in == 30, "that costs no row"


def test_a_row_that_nobody_knew_of_before_is_the_probe_only_if_there_is_no_other() -> None:
    clock = Clock()
    gate = Gate(30, clock)
    for _ in range(FAILURES_TO_SHUT):
        assert gate.admit(doubtful=True)
        gate.note(UNKNOWN)
    clock.now = 30
    assert not gate.admit(doubtful=True)
    assert gate.admit()
    gate.note(UNKNOWN)
    clock.now = 30 + 30
    assert not gate.admit(doubtful=True)
    clock.now = 30 + 60
    assert gate.admit(doubtful=True), "no other has come"
    gate.note(NotProcessed("answered 503", busy=True), pause=7)
    clock.now += 7
    assert gate.admit(doubtful=True)


def test_where_little_arrives_a_gate_shuts_after_two_that_nobody_can_know() -> None:
    clock = Clock()
    gate = Gate(30, clock)
    gate.note(Created(1))
    clock.now = 31
    assert not gate.note(UNKNOWN), "one alone may be about its own text"
    gate.note(Created(2))
    assert not gate.note(UNKNOWN)
    clock.now = 62
    assert gate.note(UNKNOWN)


def test_a_busy_account_is_left_alone_for_as_long_as_it_asks() -> None:
    clock = Clock()
    gate = Gate(30, clock)
    assert gate.note(NotProcessed("answered 503", busy=True), pause=7)
    assert not gate.admit()
    clock.now = 7
    assert gate.admit()
    assert not gate.note(NotProcessed("answered 503", busy=True), pause=9)
    assert gate.pauses == 2
    clock.now = 16
    assert gate.admit()
    assert gate.note(Created(1))
    assert (gate.admit(), gate.pauses) == (True, 0)


def test_what_was_not_processed_for_another_reason_does_not_shut_a_gate() -> None:
    gate = Gate(30, Clock())
    for _ in range(20):
        gate.note(NotProcessed("answered 408"))
    assert gate.admit()


def test_a_row_for_which_no_call_was_made_opens_no_gate() -> None:
    gate = Gate(30, Clock())
    gate.note(Misconfigured("answered 403"))
    gate.note(Refused(("The file is no longer stored.",), None))
    assert gate.shut


def told(gate: Gate, row: str) -> None:
    """A call of this row is answered that the account is wrong."""
    wrong = Misconfigured("answered 403")
    gate.suspects.judge(row, wrong)
    gate.note(wrong)


def test_a_gate_that_one_row_may_have_shut_lets_others_try_in_a_row_but_not_without_end() -> None:
    clock = Clock()
    gate = Gate(30, clock)
    tried = 0
    while gate.admit(str(tried)):
        assert not tried or not gate.admit(f"{tried}, beside it")
        told(gate, str(tried))
        assert not gate.admit(str(tried)), "again"
        tried += 1
    assert tried == SERIES
    clock.now = 30
    assert gate.admit("0")
    told(gate, "0")
    assert not gate.admit("new"), "a row that was told so before begins no series"
    gate.note(Created(1))
    assert gate.admit("new")


def test_no_row_is_tried_in_a_series_once_the_account_cannot_get_a_token() -> None:
    gate = Gate(30, Clock())
    told(gate, "a")
    gate.stay_shut("the token endpoint answered 502")
    assert not gate.admit("b")


def test_a_feedback_that_was_created_without_an_id_is_never_created_again() -> None:
    assert after(Created(None)) == Transition("delivered", feedback_id=NO_ID)
    with_files = after(Created(None), pending=FILES)
    assert (with_files.state, with_files.delay, with_files.feedback_id) == ("unknown", None, NO_ID)


def test_wrong_credentials_shut_a_gate_at_once() -> None:
    gate = Gate(30, Clock())
    assert gate.note(Misconfigured("invalid_client"))
    assert not gate.admit()
    assert gate.reason == "invalid_client"

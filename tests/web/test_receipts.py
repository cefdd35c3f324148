"""What the page of a receipt says is true, whatever became of the submission."""

import re
from collections.abc import Callable

import httpx
import pytest
from bed import Sandbox, Widget, until

REFUSED = "The receiving system did not accept it"
AGAIN = "Edit and send again"


def shown(widget: Widget, answer: httpx.Response) -> tuple[str, list[str], bool, bool]:
    """The heading, the steps, and whether the page says that it was refused, and offers to send it again. What programs
    read says the same of the last."""
    page = widget.client.get(f"{answer.json()['receipt_url']}?lang=en").text
    (heading,) = re.findall(r"<h1[^>]*>([^<]*)</h1>", page)
    assert ("discarded" in widget.receipt(answer)) == (AGAIN not in page)
    return heading, re.findall(r'"feedback-step-title">([^<]*)<', page), REFUSED in page, AGAIN in page


@pytest.fixture
def widget(start_widget: Callable[..., Widget]) -> Widget:
    return start_widget(UNKNOWN_POLICY="park", RETRY_MIN="600", RETRY_MAX="600", DELIVERY_WAIT="0")


def gave_up(widget: Widget, answer: httpx.Response, *commands: str) -> str:
    """Do this with a submission as an operator. The status that its receipt then has for programs."""
    for command in commands:
        assert widget.operate(command, answer.json()["receipt"]).returncode == 0
    return str(widget.receipt(answer)["status"])


def test_what_insider_connect_refused_was_not_accepted_and_may_be_sent_again_until_it_is_erased(
    widget: Widget, insider: Sandbox
) -> None:
    insider.misbehave("refuse", "create")
    answer = widget.submit("no")
    until(lambda: widget.receipt(answer)["status"] == "refused")
    refused = ("Your feedback could not be delivered", ["Saved", "Not taken"], True)
    assert shown(widget, answer) == (*refused, True)
    assert gave_up(widget, answer, "erase") == "refused"
    assert shown(widget, answer) == (*refused, False)


@pytest.mark.parametrize("commands", [("discard",), ("erase",), ("discard", "erase")])
def test_what_an_operator_gave_up_was_not_delivered_and_nobody_is_said_to_have_refused_it(
    widget: Widget, insider: Sandbox, commands: tuple[str, ...]
) -> None:
    insider.fail_with(408, "create")
    answer = widget.submit("not passed on")
    until(lambda: (widget.row()["state"], widget.row()["attempts"]) == ("queued", 1))
    assert gave_up(widget, answer, *commands) == "refused"
    assert shown(widget, answer) == ("Not delivered", ["Saved", "Not delivered"], False, False)


def test_what_may_have_arrived_is_not_said_to_be_undelivered(widget: Widget, insider: Sandbox) -> None:
    insider.misbehave("drop_after_accepting", "create")
    answer = widget.submit("nobody can know")
    until(lambda: widget.row()["state"] == "unknown")
    assert gave_up(widget, answer, "discard") == "refused"
    assert shown(widget, answer) == ("Your feedback", ["Saved"], False, False)

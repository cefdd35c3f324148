"""What is remembered of who sent what."""

from widget.intake.senders import Senders


def test_of_each_sender_the_latest_submissions_are_known_and_none_twice() -> None:
    senders = Senders(most=3)
    assert senders.note("1", "a") == ()
    assert senders.note("2", "a") == ("1",)
    assert senders.note("1", "a") == ("2",), "the same again is no other one"
    assert senders.note("1", "b") == (), "the address of a phone changes"
    assert senders.note("3", "a") == ("2",)
    assert senders.note("4", "b") == ("1",)
    assert senders.note("5", "a") == ("3",), "the oldest is forgotten"

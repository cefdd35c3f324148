"""Form tokens and receipts."""

import base64
import time

import pytest

from widget.errors import TokenExpired, TokenInvalid
from widget.submissions.tokens import CLOCK_SKEW, Tokens

OLD, NEW = "o" * 32, "n" * 32


def test_a_token_gives_back_its_submission_and_its_age() -> None:
    tokens = Tokens([NEW], max_age=100)
    token = tokens.form("demo")
    first = tokens.read_form(token, "demo", time.time() + 50)
    assert first.submission_id == tokens.read_form(token, "demo", time.time()).submission_id
    assert 49 <= first.age <= 52


def test_every_token_is_another_submission() -> None:
    tokens = Tokens([NEW], max_age=100)
    ids = {tokens.read_form(tokens.form("demo"), "demo", time.time()).submission_id for _ in range(100)}
    assert len(ids) == 100


def test_a_token_that_is_too_old_still_names_its_submission() -> None:
    tokens = Tokens([NEW], max_age=100)
    token = tokens.form("demo")
    with pytest.raises(TokenExpired) as caught:
        tokens.read_form(token, "demo", time.time() + 102)
    assert caught.value.submission_id == tokens.read_form(token, "demo", time.time()).submission_id


def test_a_clock_that_runs_ahead_a_little_is_forgiven_and_a_lot_is_not() -> None:
    tokens = Tokens([NEW], max_age=100)
    token = tokens.form("demo")
    assert tokens.read_form(token, "demo", time.time() - CLOCK_SKEW + 5).age == 0
    with pytest.raises(TokenInvalid):
        tokens.read_form(token, "demo", time.time() - CLOCK_SKEW - 5)


def test_another_product_s_token_is_not_believed() -> None:
    tokens = Tokens([NEW], max_age=100)
    with pytest.raises(TokenInvalid):
        tokens.read_form(tokens.form("demo"), "other", time.time())


def test_a_receipt_is_no_token_and_a_token_no_receipt() -> None:
    tokens = Tokens([NEW], max_age=100)
    with pytest.raises(TokenInvalid):
        tokens.read_form(tokens.receipt("a" * 32, "demo"), "demo", time.time())
    with pytest.raises(TokenInvalid):
        tokens.read_receipt(tokens.form("demo"))


def test_a_receipt_is_the_same_each_time_and_reads_back() -> None:
    tokens = Tokens([NEW], max_age=100)
    receipt = tokens.receipt("a" * 32, "demo")
    assert receipt == tokens.receipt("a" * 32, "demo")
    assert tokens.read_receipt(receipt) == ("a" * 32, "demo")


def test_keys_rotate_without_losing_what_the_old_one_signed() -> None:
    before, during, after = Tokens([OLD], 100), Tokens([NEW, OLD], 100), Tokens([NEW], 100)
    old_token, new_token = before.form("demo"), during.form("demo")
    assert during.read_form(old_token, "demo", time.time())
    assert after.read_form(new_token, "demo", time.time())
    with pytest.raises(TokenInvalid):
        after.read_form(old_token, "demo", time.time())


@pytest.mark.parametrize("junk", ["", ".", "..", "a.b.c", "é", "\udc80", "x" * 5000, "\x00", "null"])
def test_junk_is_no_token_and_no_receipt(junk: str) -> None:
    tokens = Tokens([NEW], max_age=100)
    with pytest.raises(TokenInvalid):
        tokens.read_form(junk, "demo", time.time())
    with pytest.raises(TokenInvalid):
        tokens.read_receipt(junk)


def test_a_token_written_in_another_way_is_the_same_submission_or_none() -> None:
    """The last character of base64 has unused bits. A token that differs only there must not start a second
    submission."""
    tokens = Tokens([NEW], max_age=100)
    token = tokens.form("demo")
    wanted = tokens.read_form(token, "demo", time.time()).submission_id
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twins = [token[:-1] + letter for letter in alphabet if letter != token[-1]] + [token + "="]
    signature = base64.urlsafe_b64decode(token.rsplit(".", 1)[1] + "=")
    assert len(signature) == 32  # SHA-256
    for twin in twins:
        try:
            found = tokens.read_form(twin, "demo", time.time()).submission_id
        except TokenInvalid:
            continue
        assert found == wanted

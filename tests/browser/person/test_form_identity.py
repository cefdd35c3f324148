"""What a page says of a person: it takes it back, or vouches for it."""

import pytest
from bed import Sandbox, Widget
from form_stage import NETWORK, FormPage
from people import ANNA, BERT, SALARY, meet, token
from playwright.sync_api import expect
from test_form_host import Framed


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
    alone = FormPage(signed.context.new_page(), form_site.url)
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

"""The loader tells the form who is there, asks for identities, and clears what is kept."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from bed import ROOT, Sandbox, Widget, until
from form_stage import NETWORK, SIZE, FormPage
from people import ANNA, BERT, SALARY, STORED, keep, stored, token
from playwright.sync_api import Browser, Page, expect
from reuse import Windows
from stage import Server

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Orders</title>
<script src="{url}/embed.js" data-product="{product}"></script><body>"""


class Loaded(FormPage):
    """The form as the loader opens it."""

    def __init__(self, page: Page, form_url: str, host: Server, product: str) -> None:
        super().__init__(page, form_url, product)
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
def tab(browser: Browser, windows: Windows, form_site: Widget) -> Iterator[Page]:
    """A page that goes from test to test, for the reasons of `people.framed`."""
    with windows.window(browser, form_site.url, **SIZE) as window:
        yield window.page


@pytest.fixture
def loaded(tab: Page, form_site: Widget, insider: Sandbox, host: Server) -> Iterator[Loaded]:
    form = Loaded(tab, form_site.url, host, "open")
    yield form
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
def fetched(tab: Page, form_site: Widget, insider: Sandbox, host: Server) -> Iterator[Loaded]:
    """A form whose page is asked who is there."""
    form = Loaded(tab, form_site.url, host, "demo")
    form.expected.append(NETWORK)
    yield form
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


def test_a_new_function_for_the_identity_leaves_the_words_alone(fetched: Loaded) -> None:
    """Components pass one with each rendering."""
    fetched.host.evaluate(ANSWERED)
    fetched.enter()
    fetched.host.evaluate("anna => answers[0](anna)", token(ANNA))
    expect(fetched.email).to_have_value(ANNA)
    fetched.text.fill("Half a thought")
    fetched.host.evaluate(ANSWERED)
    fetched.call("set({theme: 'dark'})")  # the form hears of this last
    expect(fetched.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert (fetched.email.input_value(), fetched.text.input_value()) == (ANNA, "Half a thought")
    fetched.host.evaluate("bert => answers[0](bert)", token(BERT))
    expect(fetched.email).to_have_value(BERT)
    expect(fetched.text).to_have_value("")


@pytest.mark.parametrize("identity", ["Promise.resolve('a.b.c')", "42", "{token: 'a.b.c'}"])
def test_an_identity_that_is_none_is_named_and_nothing_is_thrown(fetched: Loaded, identity: str) -> None:
    fetched.call(f"set({{identity: {identity}}})")
    fetched.enter()
    expect(fetched["feedback-identity"]).to_be_visible()
    fetched.call(f"set({{identity: {identity}}})")

    def is_said() -> bool:
        fetched.host.title()  # Playwright hears of it only while the browser is asked something
        return any(text.startswith("[feedback] identity is neither a token nor") for text in fetched.said)

    until(is_said)
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


def test_a_function_that_returns_no_token_any_more_leaves_nothing_to_the_next_person(fetched: Loaded) -> None:
    """As the JSON of a 401: whoever was there has signed out."""
    fetched.host.evaluate(FETCHED, [token(ANNA), {"detail": "signed out"}])
    fetched.enter()
    expect(fetched.email).to_have_value(ANNA)
    fetched.text.fill("Half a thought")
    fetched.call("close()")
    fetched.enter()
    expect(fetched.email).to_have_value("")
    expect(fetched.text).to_have_value("")


def test_a_function_that_fails_later_leaves_the_words_alone(fetched: Loaded) -> None:
    fetched.host.evaluate(FETCHED, [token(ANNA), "fails"])
    fetched.enter()
    expect(fetched.email).to_have_value(ANNA)
    fetched.text.fill("Half a thought")
    fetched.call("close()")
    fetched.enter()
    until(lambda: fetched.host.evaluate("window.errors.length") == 1)
    fetched.call("set({theme: 'dark'})")  # the form hears of this last
    expect(fetched.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert (fetched.email.input_value(), fetched.text.input_value()) == (ANNA, "Half a thought")


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
    assert kept == [[f"feedback:open:{digest}:draft"], [f"feedback:open:{digest}:own"]]
    assert "`feedback:PRODUCT:HASH:draft`" in page
    assert "`feedback:PRODUCT:HASH:own`" in page
    assert "`feedback:PRODUCT:tab:draft`" in page
    assert loaded.context.cookies() == []
    assert loaded.host.evaluate(STORED) == "[{},{}]"
    loaded.host.evaluate(f"async () => {{ {snippet('privacy', 'keep')} }}")
    loaded.visit(loaded.host.url)
    loaded.enter()
    assert SALARY in stored(loaded)
    loaded.host.evaluate(f"async () => {{ {snippet('privacy', 'clear')} }}")
    assert stored(loaded) == "[{},{}]"

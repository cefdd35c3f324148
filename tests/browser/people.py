"""People who use the form of one page one after the other, and what tests say, see and keep of them."""

import time
from collections.abc import Iterator

import jwt
from bed import Widget, until
from form_stage import SIZE, FormPage
from playwright.sync_api import Browser, Page, expect
from reuse import Windows
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
STORED = "JSON.stringify([{...localStorage}, {...sessionStorage}])"


class Near(Framed):
    """The form in a frame of a page of the same site, whose storage they share."""

    site = "127.0.0.1"

    @property
    def tab(self) -> Page:
        return self.host


def framed(browser: Browser, windows: Windows, form_site: Widget, host: Server, product: str) -> Iterator[Near]:
    """A form, in a window that goes from test to test. Host page and form are of one site, so that one process serves
    all; the form keeps all in the storage that a window forgets, and the host page's origin is each test's own."""
    with windows.window(browser, form_site.url, **SIZE) as window:
        form = Near(window.page, form_site.url, host, product)
        yield form
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

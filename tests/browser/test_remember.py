"""The e-mail address that a person asks the browser to remember, and the form's reason for asking for one."""

from collections.abc import Iterator

import pytest
from bed import Sandbox, Widget
from form_stage import EMAIL, FormPage
from people import BERT, framed
from playwright.sync_api import Browser, Locator, expect
from reuse import Windows
from stage import Server
from test_form_access import violations

ORIGINS = 'origins = ["http://localhost:*", "http://127.0.0.1:*"]'
CONFIG = f"""
[products.demo]
name = "Northwind"
{ORIGINS}
[products.other]
name = "Southwind"
{ORIGINS}
[products.shared]
name = "Shared"
draft = "off"
{ORIGINS}
[products.vouched]
name = "Vouched"
{ORIGINS}
[products.vouched.identity]
required = false
"""
KEPT = "localStorage.getItem('feedback-email')"


@pytest.fixture(scope="module")
def _form_site(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    """A widget with several products, which share what the browser remembers."""
    _sandbox.recover()
    key = {"IDENTITY_KEY__VOUCHED": "tests-only-identity-secret-of-vouched"}
    with Widget(tmp_path_factory.mktemp("remember"), _sandbox.url, config=CONFIG, DELIVERY_WAIT="10", **key) as widget:
        yield widget


def box(form: FormPage) -> Locator:
    return form.page.get_by_label("Remember my e-mail on this device")


@pytest.fixture
def remembered(form: FormPage) -> FormPage:
    """A form in a browser that remembers an address."""
    expect(box(form)).not_to_be_checked()
    form.fill()
    box(form).check()
    form.until(f"{KEPT} !== null")
    return form


def test_an_address_is_remembered_for_all_products_until_the_box_is_unticked(
    remembered: FormPage, form_site: Widget
) -> None:
    form = remembered
    form.page.goto(f"{form_site.url}/form/other")
    expect(form.email).to_have_value(EMAIL)
    expect(box(form)).to_be_checked()
    form.email.fill("ada@example.com")
    form.email.blur()
    form.until(f"{KEPT} === 'ada@example.com'")
    box(form).uncheck()
    form.until(f"{KEPT} === null")
    form.open()
    expect(box(form)).to_be_visible()
    expect(form.email).to_have_value("")
    expect(box(form)).not_to_be_checked()


def test_nothing_is_remembered_unless_somebody_asks_for_it(form: FormPage, insider: Sandbox) -> None:
    form.fill().send()
    expect(form.thanks).to_be_visible()
    assert form.page.evaluate(KEPT) is None


def test_no_half_address_is_remembered(form: FormPage) -> None:
    form.awake()
    box(form).check()
    form.email.fill("mara@northwind")
    form.email.blur()
    expect(form["submittedByEmail-error"]).to_be_visible()
    assert form.page.evaluate(KEPT) is None
    form.email.fill(EMAIL)
    form.email.press("Enter")
    form.until(f"{KEPT} === '{EMAIL}'")


def test_the_box_is_not_sent_and_stays_ticked_in_the_next_form(remembered: FormPage, insider: Sandbox) -> None:
    posts: list[str] = []
    remembered.page.on("request", lambda request: posts.append(request.post_data or ""))
    remembered.send()
    expect(remembered.thanks).to_be_visible()
    assert not [body for body in posts if "emember" in body]
    remembered.page.get_by_role("link", name="Send another").click()
    expect(box(remembered)).to_be_checked()
    expect(remembered.email).to_have_value(EMAIL)


@pytest.mark.parametrize("product", ["shared", "vouched"])
def test_a_product_that_keeps_no_drafts_or_knows_the_person_does_not_offer_it(
    remembered: FormPage, form_site: Widget, product: str
) -> None:
    remembered.page.goto(f"{form_site.url}/form/{product}")
    expect(remembered.email).to_be_visible()
    assert box(remembered).count() == 0
    remembered.text.press("Shift")
    expect(remembered.progress).to_have_attribute("tabindex", "-1")
    expect(remembered.email).to_have_value("")
    assert remembered.page.evaluate(KEPT) == EMAIL


def test_without_script_it_is_not_offered(browser: Browser, form_site: Widget) -> None:
    form = FormPage(browser.new_page(java_script_enabled=False), form_site.url)
    form.open()
    expect(form.email).to_be_visible()
    expect(box(form)).to_be_hidden()
    form.context.close()


def test_whoever_the_page_names_is_given_nobody_elses_address(
    browser: Browser, windows: Windows, form_site: Widget, insider: Sandbox
) -> None:
    with Server() as host:
        for form in framed(browser, windows, form_site, host, "demo"):
            form.page.evaluate(f"localStorage.setItem('feedback-email', '{EMAIL}')")
            form.say("hello", context={})
            expect(form.email).to_have_value(EMAIL)
            form.awake().text.fill("Begun by nobody")
            form.say("set", email=BERT)
            expect(form.email).to_have_value(BERT)
            expect(box(form)).to_be_hidden()
            form["contactConsent"].check()
            form.say("set", email=None)
            expect(form.email).to_have_value(EMAIL)
            expect(box(form)).to_be_checked()
            form.say("reset")
            expect(form.email).to_have_value("")
            expect(box(form)).not_to_be_checked()
            assert form.page.evaluate(KEPT) is None


def test_in_a_low_window_the_box_waits_for_an_address(form: FormPage) -> None:
    form.page.set_viewport_size({"width": 560, "height": 650})
    expect(box(form)).to_be_hidden()
    form.email.fill(EMAIL)
    expect(box(form)).to_be_visible()


def test_the_field_says_why_it_is_asked_to_eyes_and_to_screen_readers(form: FormPage) -> None:
    why = "So the team knows who it is from."
    expect(form.page.get_by_text(why)).to_be_visible()
    expect(form.email).to_have_accessible_description(why)
    expect(form.email).to_have_accessible_name("E-mail")
    assert violations(form) == []

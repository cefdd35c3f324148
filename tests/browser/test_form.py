"""The form: thumbs, text, e-mail, errors, draft, theme, and what happens where script cannot run."""

import json
import re
import time

import pytest
from bed import Sandbox, Widget, until
from form_stage import EMAIL, NETWORK, FormPage
from playwright.sync_api import Browser, expect
from samples import png

LIMIT = 1000
TOO_LONG = "This is too long to send. Please shorten it; nothing was cut off."
UNFINISHED = "This address looks incomplete. It should look like name@example.com."
DRAFT = "feedback:demo:tab:draft"
KEPT = f"JSON.parse(sessionStorage.getItem('{DRAFT}'))?.[0]"
NEAR_MISSES = {"Mara@gmial.com": "Mara@gmail.com", "m@gmail.co": "m@gmail.com", "m@hotnail.com": "m@hotmail.com"}
MISSED = {
    "m@gmail.con": "m@gmail.com",  # a letter is wrong,
    "m@gmaill.com": "m@gmail.com",  # too many,
    "m@yaho.com": "m@yahoo.com",  # missing,
    "m@hotmial.com": "m@hotmail.com",  # or swapped
    "m@outlook.cm": "m@outlook.com",
    "m@gmailcom": "m@gmail.com",
    "m@gmail,com": "m@gmail.com",
    "m@t-onlne.de": "m@t-online.de",
    "m@orange.ft": "m@orange.fr",
    "m@aol.con": "m@aol.com",
    "m@live.cmo": "m@live.com",
}
"""Addresses, and with the domains that were meant."""
REAL = ["m@mail.com", "m@gmail.com", "m@northwind.example", "m@ymail.com", "m@", "", "m@gmx.de", "m@email.com"]
REAL += ["m@outlook.dk", "m@outlook.be", "m@hotmail.gr", "m@hotmail.be", "m@yahoo.co.jp", "m@yahoo.ca", "m@proton.me"]
REAL += ["m@web.dev", "m@olive.com", "m@man.com", "m@gmx.at", "m@gmx.com", "m@live.co", "m@free.fr", "m@aon.at"]
BELOW = """() => {
  const words = document.createRange()
  words.selectNodeContents(document.querySelector('.feedback-edit'))
  const name = document.querySelector('.feedback-file-name')
  return words.getBoundingClientRect().top >= name.getBoundingClientRect().bottom
}"""
"""Whether the words of the link that edits a picture, which may take two lines, are below its name."""
NEAREST = """async addresses => {
  const main = document.querySelector('script[src*="form/main.js"]').src
  const {nearest} = await import(main.replace('main.js', 'email-hint.js'))
  return Object.fromEntries(addresses.map(address => [address, nearest(address)]))
}"""


def nearest(form: FormPage, addresses: list[str]) -> dict[str, str]:
    """For each address the one that is suggested, if any."""
    meant: dict[str, str] = form.page.evaluate(NEAREST, addresses)
    return meant


# --- thumbs -----------------------------------------------------------------------------------------------------


def test_a_thumb_is_undone_by_a_second_press_of_the_mouse(form: FormPage) -> None:
    form.awake()
    tile = form.page.locator(".feedback-tile").first
    tile.click()
    expect(form.like).to_be_checked()
    tile.click()
    expect(form.like).not_to_be_checked()
    tile.click()
    expect(form.like).to_be_checked()


def test_a_thumb_is_undone_by_space_on_the_chosen_one(form: FormPage) -> None:
    form.awake().like.focus()
    form.page.keyboard.press("Space")
    expect(form.like).to_be_checked()
    form.page.keyboard.press("ArrowRight")
    expect(form.dislike).to_be_checked()
    form.page.keyboard.press("Space")
    expect(form.dislike).not_to_be_checked()
    form.page.keyboard.press("Space")
    expect(form.dislike).to_be_checked()


def test_the_texts_label_follows_the_thumb(form: FormPage) -> None:
    label = form.page.locator("label[for=description]")
    assert label.inner_text() == "In your own words"
    form.like.check(force=True)
    assert label.inner_text() == "What do you like about it?"
    form.dislike.check(force=True)
    assert label.inner_text() == "What would make it better?"
    form.dislike.click(force=True)
    assert label.inner_text() == "In your own words"


# --- text -------------------------------------------------------------------------------------------------------


def test_the_text_grows_to_twelve_lines_and_then_scrolls(form: FormPage) -> None:
    heights = []
    for lines in (1, 6, 12, 40):
        form.text.fill("\n".join("line" for _ in range(lines)))
        heights.append(form.text.evaluate("area => area.clientHeight"))
    assert heights[0] < heights[1] < heights[2] == heights[3]
    assert form.text.evaluate("area => area.scrollHeight > area.clientHeight")


@pytest.mark.unopened
def test_the_text_grows_by_script_where_css_cannot_do_it(form: FormPage) -> None:
    form.page.add_init_script(
        "const supports = CSS.supports; CSS.supports = (...all) => !/sizing/.test(all) && supports(...all)"
    )
    form.open()
    form.text.evaluate("area => { area.style.fieldSizing = 'fixed' }")
    form.awake()

    def height(lines: int) -> int:
        form.text.fill("\n".join("line" for _ in range(lines)))
        return int(form.text.evaluate("area => area.clientHeight"))

    one, six, twelve, forty = map(height, (1, 6, 12, 40))
    assert one < six < twelve == forty


def test_the_last_100_characters_are_counted_as_the_server_counts_them(form: FormPage) -> None:
    counter = form["description-counter"]
    form.text.fill("x" * (LIMIT - 101))
    expect(counter).to_be_hidden()
    form.text.fill("x" * (LIMIT - 100))
    expect(counter).to_have_text("100 characters left")
    form.text.fill("x" * (LIMIT - 5) + "\n😀")  # a line break is one, an emoji is two
    expect(counter).to_have_text("2 characters left")
    form.text.fill("x" * (LIMIT - 1))
    expect(counter).to_have_text("1 character left")


def test_the_counter_is_said_aloud_at_100_50_20_10_and_0_and_no_more_often(form: FormPage) -> None:
    form.awake().text.fill("x" * (LIMIT - 102))
    form.listen()
    form.text.press("End")
    said = []
    for left in (101, 100, 99, 60, 50, 49, 20, 15, 10, 1, 0):
        form.text.fill("x" * (LIMIT - left))
        if left in (100, 50, 20, 10, 0):
            said.append(f"{left} characters left")
            until(lambda: len(form.heard) >= len(said))
        assert form.heard == said


def test_an_over_long_paste_is_kept_and_marked_until_it_is_shortened(form: FormPage) -> None:
    form.text.focus()
    form.page.keyboard.insert_text("y" * (LIMIT + 12))
    expect(form["description-counter"]).to_have_text("12 too many")
    expect(form["description-error"]).to_have_text(TOO_LONG)
    expect(form.text).to_have_attribute("aria-invalid", "true")
    assert len(form.text.input_value()) == LIMIT + 12
    form.email.fill(EMAIL)
    form.send()
    expect(form.text).to_be_focused()
    form.text.fill("y" * LIMIT)
    expect(form["description-error"]).to_be_hidden()
    expect(form.text).not_to_have_attribute("aria-invalid", "true")


def test_the_text_runs_as_it_is_written_and_its_limit_is_described_from_the_start(form: FormPage) -> None:
    assert (
        form.text.evaluate("area => document.getElementById('description-limit').textContent")
        == "Up to 1,000 characters."
    )
    form.open("?lang=ar")
    direction = "area => getComputedStyle(area).direction"
    assert form.text.evaluate(direction) == "rtl"
    form.text.fill("Hello")
    assert form.text.evaluate(direction) == "ltr"
    form.text.fill("مرحبا")
    assert form.text.evaluate(direction) == "rtl"


def test_the_title_follows_the_state(form: FormPage) -> None:
    form.fill().send()
    expect(form.thanks).to_be_visible()
    expect(form.page).to_have_title(re.compile(r" · How is Northwind working for you\?$"))
    form.thanks.get_by_role("link", name="Send another").click()
    expect(form.page).to_have_title("How is Northwind working for you?")


# --- e-mail -----------------------------------------------------------------------------------------------------


def test_an_address_that_was_copied_with_what_is_around_it_is_taken_as_it_is_meant(
    form: FormPage, insider: Sandbox
) -> None:
    form.fill("Copied.")
    form.email.fill("mailto:Ada\uff20B\u00fccher.example\u200b")
    form.send()
    expect(form.thanks).to_be_visible()
    assert insider.feedbacks()[-1]["body"]["submittedByEmail"] == "Ada@xn--bcher-kva.example"


def test_an_address_is_checked_when_it_is_left_and_not_while_it_is_typed(form: FormPage) -> None:
    error = form.awake()["submittedByEmail-error"]
    form.email.press_sequentially("mara@northwind")
    expect(error).to_be_hidden()
    form.email.press("Tab")
    expect(error).to_have_text(UNFINISHED)
    expect(form.email).to_have_attribute("aria-invalid", "true")
    assert "submittedByEmail-error" in (form.email.get_attribute("aria-describedby") or "")
    form.email.press_sequentially(".ex")
    expect(error).to_be_hidden()
    expect(form.email).not_to_have_attribute("aria-invalid", "true")


def test_the_complaint_about_an_address_does_not_push_send_away_from_under_the_pointer(form: FormPage) -> None:
    form.awake().text.fill("Something")
    form.email.press_sequentially("mara@northwind")
    box = form.button.bounding_box()
    assert box
    form.page.mouse.move(box["x"] + 50, box["y"] + 5)
    form.page.mouse.down()
    form.page.wait_for_timeout(300)
    held = form.button.bounding_box()  # a little smaller while it is held down
    assert held
    assert abs(held["y"] - box["y"]) < 2
    form.page.mouse.up()
    expect(form.email).to_be_focused()
    expect(form["submittedByEmail-error"]).to_have_text(UNFINISHED)


LOADED = "performance.getEntriesByType('resource').some(({name}) => /%s/.test(name))"


@pytest.mark.parametrize(
    ("text", "email", "loaded"),
    [("Something", "mara@gmial.com", "email-hint"), ("Card 4111 1111 1111 1111", EMAIL, "words.json")],
)
def test_no_hint_pushes_send_away_from_under_the_pointer(form: FormPage, text: str, email: str, loaded: str) -> None:
    form.awake()
    form.page.evaluate("performance.clearResourceTimings()")
    form.text.fill(text)
    form.email.press_sequentially(email)
    box = form.button.bounding_box()
    assert box
    form.page.mouse.move(box["x"] + 50, box["y"] + 5)
    form.page.mouse.down()
    form.until(LOADED % loaded)
    for _ in range(3):
        form.painted()
    form.page.mouse.up()
    expect(form.thanks).to_be_visible()


def test_a_near_miss_of_a_common_domain_is_put_right_by_one_press(form: FormPage, subtests: pytest.Subtests) -> None:
    form.awake()
    for typed, meant in NEAR_MISSES.items():
        with subtests.test(typed=typed):
            form.email.clear()
            form.email.press_sequentially(typed)
            form.email.press("Tab")
            form.page.get_by_role("button", name=f"Did you mean {meant}?").click()
            expect(form.email).to_have_value(meant)
            expect(form.page.locator(".feedback-hint button")).to_have_count(0)


def test_other_domains_are_left_alone(form: FormPage) -> None:
    assert nearest(form, REAL) == dict.fromkeys(REAL, "")


def test_every_kind_of_near_miss_is_recognised(form: FormPage) -> None:
    assert nearest(form, list(MISSED)) == MISSED


def test_an_address_that_was_left_empty_is_not_complained_of_before_send(form: FormPage) -> None:
    form.awake().email.focus()
    form.page.keyboard.press("Tab")
    form.page.wait_for_timeout(200)
    expect(form["submittedByEmail-error"]).to_be_hidden()


# --- errors -----------------------------------------------------------------------------------------------------


def test_what_is_wrong_is_said_once_when_it_appears_beside_its_field(form: FormPage) -> None:
    form.awake().email.fill("mara@northwind")
    form.listen()
    form.email.press("Tab")
    until(lambda: form.heard == [UNFINISHED])
    form.text.fill("z" * (LIMIT + 1))
    until(lambda: form.heard == [UNFINISHED, TOO_LONG])
    form.email.press("Tab")  # nothing new
    form.text.fill("z" * (LIMIT + 2))
    form.add(("order.png", png(), "image/png"))
    until(lambda: len(form.heard) > 2)
    assert [text for text in form.heard if text in (UNFINISHED, TOO_LONG)] == [UNFINISHED, TOO_LONG]


def test_errors_stand_beside_their_fields_and_in_a_summary_that_takes_the_focus(form: FormPage) -> None:
    form.text.fill("z" * (LIMIT + 1))
    form.send()
    expect(form.summary).to_be_focused()
    expect(form["feedback-summary-title"]).to_have_text("2 things to fix")
    expect(form["submittedByEmail-error"]).to_have_text(
        "Add your e-mail address so that the team knows who this is from."
    )
    form.summary.get_by_role("link", name="E-mail").click()
    expect(form.email).to_be_focused()
    form.email.fill(EMAIL)
    expect(form["feedback-summary-title"]).to_have_text("1 thing to fix")
    form.summary.get_by_role("link", name="In your own words").click()
    expect(form.text).to_be_focused()
    assert "#" not in form.page.url


def test_a_form_in_which_nothing_is_said_asks_for_one_of_three(form: FormPage) -> None:
    form.email.fill(EMAIL)
    form.send()
    error = form["sentimentRating-error"]
    expect(error).to_have_text("Choose a rating, write a few words or add a file. One of these is enough.")
    expect(form.like).to_be_focused()
    form.text.fill("Something")
    expect(error).to_be_hidden()


def test_one_fault_takes_the_focus_to_its_field_without_a_summary(form: FormPage) -> None:
    form.text.fill("Something")
    form.send()
    expect(form.email).to_be_focused()
    expect(form.email).to_be_in_viewport()
    expect(form.summary).to_be_hidden()
    assert form.email.evaluate("field => getComputedStyle(field).outlineStyle") == "solid"
    expect(form.page).to_have_title("1 thing to fix · How is Northwind working for you?")
    form.email.fill(EMAIL)
    expect(form.page).to_have_title("How is Northwind working for you?")


def test_the_servers_errors_are_shown_like_the_forms_own(form: FormPage) -> None:
    form.answer(422, "invalid", "submittedByEmail", "Nobody has such an address.")
    form.fill()
    form.send()
    expect(form["submittedByEmail-error"]).to_have_text("Nobody has such an address.")
    expect(form.email).to_be_focused()
    expect(form.email).to_have_attribute("aria-invalid", "true")
    assert form.text.input_value() == "The totals are easy to find."
    form.email.press_sequentially(".org")
    expect(form["submittedByEmail-error"]).to_be_hidden()
    form.send()
    expect(form.thanks).to_be_visible()


# --- draft ------------------------------------------------------------------------------------------------------


def test_words_and_thumb_come_back_after_a_reload_and_address_and_consent_do_not(form: FormPage) -> None:
    form.fill("Half a thought").dislike.check(force=True)
    form["contactConsent"].check(force=True)
    form.until(KEPT)
    form.until(f"{KEPT}.thumb")
    assert EMAIL not in form.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    form.open()
    expect(form["feedback-draft"]).to_contain_text("We restored your text")
    expect(form.status).to_have_text("We restored your text")
    expect(form.text).to_have_value("Half a thought")
    expect(form.dislike).to_be_checked()
    expect(form.email).to_have_value("")
    expect(form["contactConsent"]).not_to_be_checked()


def test_a_draft_is_written_at_once_when_the_page_goes(form: FormPage) -> None:
    form.awake().text.fill("Gone in no time at all")
    form.open()
    expect(form.text).to_have_value("Gone in no time at all")


def test_clearing_a_draft_forgets_it(form: FormPage) -> None:
    form.text.fill("Never mind")
    form.until(KEPT)
    form.open()
    form.page.get_by_role("button", name="Clear it").click()
    expect(form.text).to_have_value("")
    expect(form.text).to_be_focused()
    expect(form["feedback-draft"]).to_be_hidden()
    assert form.page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_a_draft_is_forgotten_once_it_is_sent(form: FormPage) -> None:
    form.fill().until(KEPT)
    form.send()
    expect(form.thanks).to_be_visible()
    kept = form.page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
    assert set(kept) <= {"feedback:demo:browser:receipts"}
    form.open()
    expect(form.text).to_have_value("")


def find(form: FormPage, storage: str, key: str, draft: str) -> None:
    """Open the form, which finds this in a storage, whatever the form before it wrote there as it went."""
    with form.page.add_init_script(f"{storage}.setItem({json.dumps(key)}, {json.dumps(draft)})"):
        form.open()


@pytest.mark.unopened
def test_a_draft_that_was_not_written_within_30_days_is_dropped(form: FormPage, subtests: pytest.Subtests) -> None:
    times: list[object] = [1, 9e15, "x", None]
    for at in times:
        with subtests.test(at=at):
            drafts = [{"id": "a", "text": "Now", "at": time.time() * 1000}, {"id": "b", "text": "Long ago", "at": at}]
            find(form, "sessionStorage", DRAFT, json.dumps(drafts[1:]))
            form.until(f"sessionStorage.getItem('{DRAFT}') === null")
            expect(form.text).to_have_value("")
            find(form, "sessionStorage", DRAFT, json.dumps(drafts))
            expect(form.text).to_have_value("Now")
            assert "Long ago" not in form.page.evaluate("JSON.stringify({...sessionStorage})")


@pytest.mark.unopened
def test_a_draft_that_is_not_ours_does_no_harm(form: FormPage, subtests: pytest.Subtests) -> None:
    for draft in ("", "nonsense", "[]", "null", '{"at": "x"}', "[null, 7, {}]", '[{"id": {}, "text": "x", "at": 1}]'):
        with subtests.test(draft=draft):
            find(form, "sessionStorage", DRAFT, draft)
            form.fill().send()
            expect(form.thanks).to_be_visible()
            assert form.unexpected() == []


@pytest.mark.unopened
def test_a_draft_from_before_drafts_had_owners_is_thrown_away(form: FormPage) -> None:
    draft = json.dumps({"text": "Whose?", "thumb": "", "at": time.time() * 1000})
    find(form, "localStorage", "feedback:demo", draft)
    form.until("localStorage.length === 0")
    expect(form.text).to_have_value("")


@pytest.mark.unopened
def test_blocked_storage_breaks_nothing(form: FormPage, insider: Sandbox) -> None:
    form.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
    )
    form.open().fill("Without storage").send()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == ["Without storage"]


# --- the page ---------------------------------------------------------------------------------------------------


@pytest.mark.unopened
def test_an_address_in_the_query_is_filled_in(form: FormPage) -> None:
    form.open("?email=mara@northwind.example")
    expect(form.email).to_have_value(EMAIL)


def test_the_form_works_without_script(browser: Browser, form_site: Widget, insider: Sandbox) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    form = FormPage(context.new_page(), form_site.url).open()
    form.fill("As plain as can be").send()
    expect(form.page.get_by_text("Thank you, your feedback has arrived")).to_be_visible()
    context.close()
    assert insider.descriptions() == ["As plain as can be"]


def test_without_script_one_fault_takes_the_focus_to_its_field(browser: Browser, form_site: Widget) -> None:
    form = FormPage(browser.new_page(java_script_enabled=False), form_site.url).open()
    form.fill("Words", "nobody").send()
    expect(form["submittedByEmail-error"]).to_be_visible()
    expect(form.email).to_be_focused()
    expect(form.summary).to_be_hidden()
    form.fill("", "nobody").send()
    expect(form.summary).to_be_focused()
    form.context.close()


def test_the_form_is_sent_the_plain_way_when_the_rest_of_its_script_does_not_come(
    form: FormPage, insider: Sandbox
) -> None:
    form.page.route(re.compile(r"/form/rest\.js"), lambda route: route.abort())
    form.expected.append(NETWORK)
    form.fill("The script is lost").send()
    expect(form.page.get_by_role("heading", name="Thank you, your feedback has arrived")).to_be_visible()
    assert insider.descriptions() == ["The script is lost"]


def test_going_offline_before_the_rest_of_the_script_has_loaded_is_reported_and_recovered_from(
    form: FormPage, insider: Sandbox
) -> None:
    form.expected.append(NETWORK)
    form.page.wait_for_load_state("networkidle")
    form.context.route("**/rest.js*", lambda route: route.continue_())  # not from the cache of a window that was used
    form.context.set_offline(True)
    form.fill("From under the ground").send()
    expect(form.note).to_contain_text("You are offline")
    expect(form.text).to_have_value("From under the ground")
    form.context.set_offline(False)
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == ["From under the ground"]


def test_whoever_goes_on_writing_while_offline_sends_it_themselves(form: FormPage, insider: Sandbox) -> None:
    form.expected.append(NETWORK)
    form.page.wait_for_load_state("networkidle")
    form.context.route("**/rest.js*", lambda route: route.continue_())  # not from the cache of a window that was used
    form.context.set_offline(True)
    form.fill("From under").send()
    expect(form.note).to_contain_text("You are offline")
    form.text.press("End")
    form.page.keyboard.type(" the ground")
    expect(form.note).to_be_empty()
    expect(form.button).to_have_text("Send feedback")
    form.context.set_offline(False)
    form.page.evaluate("new Promise(done => setTimeout(done))")  # after the event that tells of the network
    assert insider.descriptions() == []
    form.send()
    expect(form.thanks).to_be_visible()
    assert insider.descriptions() == ["From under the ground"]


@pytest.mark.unopened
def test_nothing_but_the_first_script_is_loaded_before_somebody_begins(form: FormPage) -> None:
    loaded: list[str] = []
    form.page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    form.open().page.wait_for_load_state("networkidle")
    scripts = {name for name in loaded if name.endswith(".js")}
    assert scripts == {"main.js"}


def test_everything_can_be_done_by_the_keyboard_alone(form: FormPage, insider: Sandbox) -> None:
    keyboard = form.page.keyboard
    for keys in ("Tab", "Space", "Tab"):
        keyboard.press(keys)
    keyboard.type("By keys")
    for place in ("files", "feedback-capture", "submittedByEmail"):  # in the order in which they are seen
        keyboard.press("Tab")
        expect(form[place]).to_be_focused()
    keyboard.type(EMAIL)
    for keys in ("Tab", "Tab", "Space", "Tab", "Enter"):  # past what remembers the address
        keyboard.press(keys)
    expect(form["feedback-thanks-title"]).to_be_focused()
    (feedback,) = insider.feedbacks()
    assert feedback["body"]["description"] == "By keys"
    assert feedback["body"]["sentimentRating"] is True
    assert feedback["body"]["contactConsent"] is True


def test_an_enter_that_ends_composing_sends_nothing(form: FormPage, insider: Sandbox) -> None:
    form.fill("Too slow", "見").text.focus()
    form.compose("見")
    form.email.focus()
    form.compose("本@northwind.example")
    expect(form.email).to_have_value("見本@northwind.example")
    expect(form.button).to_be_visible()
    assert insider.feedbacks() == []
    form.email.press("Enter")
    expect(form.thanks).to_be_visible()
    assert [text[-1] for text in insider.descriptions()] == ["見"]


@pytest.mark.unopened
@pytest.mark.parametrize("query", ["", "?lang=ar", "?lang=de"])
def test_nothing_scrolls_sideways_or_overlaps_at_320_pixels(form: FormPage, query: str) -> None:
    form.page.set_viewport_size({"width": 320, "height": 700})
    form.open(query)
    form.like.check(force=True)
    form.text.fill("w" * (LIMIT + 5))
    form.add(("a.png", png(), "image/png"), ("a-very-long-name-of-a-file-" * 4 + ".docx", b"PK", ""))
    form.send()
    expect(form.summary).to_be_visible()
    assert form.page.evaluate("document.documentElement.scrollWidth") <= 320
    expect(form.page.locator(".feedback-edit")).to_be_visible()
    assert form.page.evaluate(BELOW)


@pytest.mark.unopened
def test_numbers_sizes_and_names_stay_readable_from_right_to_left(form: FormPage) -> None:
    form.open("?lang=ar").add(("order-1187.txt", b"no", "text/plain"))
    expect(form.rows.locator("button")).to_have_attribute("aria-label", re.compile("\u2068order-1187.txt\u2069"))
    form.text.fill("x" * (LIMIT - 3))
    expect(form["description-counter"]).to_contain_text("3")

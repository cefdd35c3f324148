"""The list "Your feedback": the last ten receipts of the person who is there, and a text that was refused later."""

import json
import re

from bed import ROOT, Sandbox, Widget, until
from form_stage import EMAIL, KEEP, NETWORK, FormPage
from playwright.sync_api import Locator, expect
from samples import png

TEXT = "The totals are hard to find."
AGAIN = "If you added files, add them again"
STORED = "() => JSON.stringify([{...localStorage}, {...sessionStorage}])"


def foot(form: FormPage) -> Locator:
    return form.page.get_by_role("button", name="Your feedback")


def without_language(link: Locator) -> str:
    """The address of a receipt, as it is kept."""
    return str(link.evaluate("link => link.href.replace('?lang=en', '')"))


def rows(form: FormPage) -> Locator:
    return form.page.locator(".feedback-receipt-list li")


def send(form: FormPage, text: str = TEXT) -> str:
    """Send a submission and begin another. Returns the receipt's address."""
    form.fill(text).dislike.check(force=True)
    form.send()
    url = without_language(form.thanks.get_by_role("link", name="Your receipt"))
    until(lambda: url.rpartition("/")[2] in form.page.evaluate(STORED))
    form.page.get_by_role("link", name="Send another").click()
    expect(form.thanks).to_have_count(0)
    return url


def refuse(insider: Sandbox, site: Widget, url: str) -> None:
    """Have Insider Connect refuse the submission, and wait until its receipt says so."""
    insider.misbehave("refuse", "create", message="Too bad.")
    until(lambda: site.client.get(url, headers={"Accept": "application/json"}).json()["status"] == "refused")


def test_what_was_sent_is_found_again_with_the_keyboard_alone(
    kept: FormPage, kept_site: Widget, insider: Sandbox
) -> None:
    expect(foot(kept)).to_be_hidden()
    url = send(kept)
    kept.open()
    expect(foot(kept)).to_be_visible()
    assert not kept.page.evaluate("performance.getEntriesByType('resource').some(({name}) => /receipts/.test(name))")
    foot(kept).press("Enter")
    expect(kept["feedback-receipts-title"]).to_be_focused()
    for is_sheet in ("true", "false"):  # on a phone, the sheet lays the form out differently
        kept.page.evaluate(f"document.documentElement.toggleAttribute('data-sheet', {is_sheet})")
        expect(kept.text).to_be_hidden()
    link = rows(kept).get_by_role("link")
    assert without_language(link) == url
    expect(rows(kept)).to_contain_text("On its way")
    kept.page.get_by_role("button", name="Back to the form").press("Enter")
    expect(foot(kept)).to_be_focused()
    insider.recover()
    until(lambda: kept_site.client.get(url, headers={"Accept": "application/json"}).json()["status"] == "delivered")
    foot(kept).press("Enter")
    expect(rows(kept)).to_contain_text("Arrived")
    until(lambda: TEXT not in kept.page.evaluate(STORED))


def test_without_a_network_the_list_says_so_and_opens_afterwards(kept: FormPage) -> None:
    send(kept)
    button = kept["feedback-receipts"]
    kept.expected.append(NETWORK)
    kept.context.route("**/receipts-view.js*", lambda route: route.continue_())  # not from a cache
    kept.context.set_offline(True)
    button.press("Enter")
    expect(button).to_have_text("You are offline")
    expect(kept.status).to_have_text("You are offline")
    kept.context.set_offline(False)
    expect(button).to_have_text("Your feedback")
    button.press("Enter")
    expect(rows(kept)).to_have_count(1)


def test_a_text_that_was_refused_late_comes_back_with_one_press(
    kept: FormPage, kept_site: Widget, insider: Sandbox
) -> None:
    refuse(insider, kept_site, send(kept))
    foot(kept).click()
    expect(rows(kept)).to_contain_text("Not delivered")
    expect(kept.page.get_by_text(AGAIN)).to_be_visible()
    kept.page.get_by_role("button", name="Edit and send again").click()
    expect(kept.text).to_be_focused()
    expect(kept.text).to_have_value(TEXT)
    expect(kept.dislike).to_be_checked()
    insider.recover()
    kept.send()
    expect(kept.thanks).to_be_visible()
    until(lambda: insider.descriptions() == [TEXT])


def test_a_refused_text_does_not_take_the_place_of_what_is_being_written(
    kept: FormPage, kept_site: Widget, insider: Sandbox
) -> None:
    refuse(insider, kept_site, send(kept))
    kept.text.fill("Something else")
    foot(kept).click()
    expect(rows(kept)).to_contain_text("Not delivered")
    expect(kept.page.get_by_role("button", name="Edit and send again")).to_be_hidden()
    expect(kept.page.get_by_text(AGAIN)).to_be_hidden()
    kept.page.get_by_role("button", name="Back to the form").click()
    expect(kept.text).to_have_value("Something else")


def test_the_list_asks_again_what_became_of_a_refused_text(kept: FormPage, kept_site: Widget, insider: Sandbox) -> None:
    url = send(kept)
    refuse(insider, kept_site, url)
    again, back = (kept.page.get_by_role("button", name=name) for name in ("Edit and send again", "Back to the form"))
    foot(kept).click()
    expect(again).to_be_visible()
    back.click()
    receipt = url.rpartition("/")[2]
    assert kept_site.operate("discard", receipt).returncode == 0
    foot(kept).click()
    until(lambda: TEXT not in kept.page.evaluate(STORED))
    expect(rows(kept)).to_contain_text("Not delivered")
    expect(again).to_be_hidden()
    back.click()
    insider.recover()
    assert kept_site.operate("retry", receipt).returncode == 0
    until(lambda: kept_site.client.get(url, headers={"Accept": "application/json"}).json()["status"] == "delivered")
    foot(kept).click()
    expect(rows(kept)).to_contain_text("Arrived")


def test_the_list_holds_ten_and_never_a_text(kept: FormPage, insider: Sandbox) -> None:
    insider.recover()
    older = [{"url": f"/receipt/{n}", "at": 1_760_000_000_000 + n, "status": "delivered"} for n in range(10, 0, -1)]
    kept.page.evaluate(KEEP, json.dumps({"sent": older}))
    kept.open()
    url = send(kept)
    (found,) = json.loads(kept.page.evaluate(STORED))[:1]
    sent = json.loads(found["feedback:demo:browser:receipts"])["sent"]
    newest = url.removeprefix(kept.url.partition("/form")[0])
    assert [entry["url"] for entry in sent] == [newest, *(entry["url"] for entry in older[:9])]
    assert all(set(entry) == {"url", "at", "status"} for entry in sent)


def test_a_person_who_does_not_want_the_list_has_none(kept: FormPage) -> None:
    send(kept)
    foot(kept).click()
    box = kept.page.get_by_label("Keep this list in this browser")
    box.uncheck()
    expect(rows(kept)).to_have_count(0)
    assert "/receipt/" not in kept.page.evaluate(STORED)
    assert TEXT not in kept.page.evaluate(STORED)
    kept.open().fill("Another").send()
    expect(kept.thanks).to_be_visible()
    kept.page.wait_for_load_state("networkidle")
    assert "/receipt/" not in kept.page.evaluate(STORED)
    kept.open()
    foot(kept).click()
    expect(box).not_to_be_checked()
    box.check()
    kept.page.get_by_role("button", name="Back to the form").click()
    send(kept)
    foot(kept).click()
    expect(rows(kept)).to_have_count(1)


def test_nobody_sees_what_another_person_sent(kept: FormPage) -> None:
    kept.open("?email=mara@northwind.example")
    mara = send(kept)
    expect(foot(kept)).to_be_visible()
    kept.open("?email=ben@northwind.example")
    kept.email.fill("ben@northwind.example")
    ben = send(kept, "From Ben")
    foot(kept).click()
    links = rows(kept).get_by_role("link")
    expect(links).to_have_count(1)
    assert without_language(links) == ben
    kept.open().page.wait_for_load_state("networkidle")
    expect(foot(kept)).to_be_hidden()
    kept.open("?email=mara@northwind.example")
    foot(kept).click()
    expect(links).to_have_count(1)
    assert without_language(links) == mara


def test_the_receipt_of_what_was_refused_leads_back_to_the_text(
    kept: FormPage, kept_site: Widget, insider: Sandbox
) -> None:
    kept.open("?email=mara@northwind.example").add(("screen.png", png(8, 8), "image/png"))
    url = send(kept)
    with kept.context.expect_page() as opened:
        foot(kept).click()
        rows(kept).get_by_role("link").click()
    page = opened.value
    expect(page.get_by_role("link", name="Edit and send again")).to_be_hidden()
    refuse(insider, kept_site, url)
    page.reload()
    expect(page.get_by_text(AGAIN)).to_be_visible()
    page.get_by_role("link", name="Edit and send again").click()
    expect(page.locator("#description")).to_have_value(TEXT)
    expect(page.locator("#feedback-draft")).to_contain_text("We restored your text")
    page.goto(url)
    stranger = kept.context.browser
    assert stranger is not None
    other = stranger.new_page()
    other.goto(url)
    expect(other.get_by_role("heading", level=1)).to_have_text("Your feedback could not be delivered")
    expect(other.get_by_role("link", name="Edit and send again")).to_be_hidden()
    expect(other.get_by_text(AGAIN)).to_be_hidden()
    other.close()


def test_a_refused_text_comes_back_beside_the_draft_of_its_tab(
    kept: FormPage, kept_site: Widget, insider: Sandbox
) -> None:
    url = send(kept)
    refuse(insider, kept_site, url)
    insider.recover()
    kept.text.fill("Something else")
    kept.add(("screen.png", png(8, 8), "image/png"))
    kept.until("/files/.test(sessionStorage.getItem('feedback:demo:tab:draft'))")
    kept.page.goto(url)
    again = kept.page.get_by_role("link", name="Edit and send again")
    again.click()
    expect(kept.text).to_have_value(TEXT)
    expect(kept.dislike).to_be_checked()
    expect(kept.rows).to_have_count(0)
    kept.text.fill("The totals are found.")
    kept.page.goto(url)
    again.click()
    expect(kept.text).to_have_value("The totals are found.")
    kept.email.fill(EMAIL)
    kept.send()
    expect(kept.thanks).to_be_visible()
    kept.open()
    expect(kept.text).to_have_value("Something else")
    expect(kept.rows).to_have_count(1)


NAMES = """async () => [
  ...Object.keys(localStorage), ...Object.keys(sessionStorage), ...(await indexedDB.databases()).map(({name}) => name)
]"""


def test_the_privacy_page_names_all_that_is_kept_and_nothing_else(kept: FormPage) -> None:
    page = (ROOT / "docs" / "privacy.md").read_text("utf-8")
    table = "".join(line for line in page.splitlines() if line.startswith("| "))
    documented = set(re.findall(r"`(feedback[:\w-]*)`", table))
    found: set[str] = set()

    def until_found(*names: str) -> None:
        def are_found() -> bool:
            found.update(name.replace(":demo:", ":PRODUCT:") for name in kept.page.evaluate(NAMES))
            return found >= set(names)

        until(are_found)

    kept.fill(TEXT).add(("screen.png", png(8, 8), "image/png"))
    kept.page.locator("#feedback-remember input").check(force=True)
    until_found("feedback", "feedback:PRODUCT:tab:draft", "feedback:PRODUCT:tab:own", "feedback-email")
    kept.send()
    until_found("feedback:PRODUCT:tab:sent", "feedback:PRODUCT:browser:receipts")
    assert {name for name in documented if "HASH" not in name} == found
    of_persons = {
        re.sub("tab|browser(?=:receipts)", "HASH", name) for name in found if "files" not in name or "tab" in name
    }
    assert {name for name in documented if "HASH" in name} == {name for name in of_persons if "HASH" in name}

"""What a product can customise, end to end: looks, templates, fields, identity, context."""

import json
import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from bed import Sandbox, Widget, aged_token
from samples import jpeg, pdf, png

SECRET = "tests-only-identity-secret-of-demo"
ORIGINS = 'origins = ["http://localhost:*", "http://127.0.0.1:*"]\n'
PRODUCT = f'[products.demo]\nname = "Northwind"\n{ORIGINS}'
OTHER = f'[products.other]\nname = "Other"\n{ORIGINS}'
IDENTITY = "[products.demo.identity]\n"
Start = Callable[..., Widget]


def put(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def send(
    widget: Widget, files: Any = (), *, accept: str = "application/json", lang: str = "en", **fields: str
) -> httpx.Response:
    """A form with only these fields, a token and an address."""
    fields = {"token": widget.token(), "submittedByEmail": "ada@example.com", **fields}
    return widget.post(fields, files, f"/form/demo?lang={lang}", {"Accept": accept})


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(fault["field"], fault["code"]) for fault in answer.json()["errors"]]


def signed(key: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    now = time.time()
    return jwt.encode(
        {"email": "mara@northwind.example", "aud": "demo", "iat": now, "exp": now + 300, **changes}, key, algorithm
    )


def row(widget: Widget) -> dict[str, Any]:
    """The newest row of the outbox."""
    with sqlite3.connect(f"file:{widget.folder / 'widget.db'}?mode=ro", uri=True) as database:
        database.row_factory = sqlite3.Row
        found = database.execute("SELECT * FROM submission ORDER BY accepted_at DESC LIMIT 1").fetchone()
    database.close()
    return dict(found)


# --- looks ------------------------------------------------------------------------------------------------------


def test_a_theme_is_one_small_stylesheet_behind_ours(start_widget: Start) -> None:
    widget = start_widget(config=f'{PRODUCT}[products.demo.theme]\naccent = "#0f6a4a"\n{OTHER}')
    sheets = re.findall(r'rel="stylesheet" href="([^"]+)"', widget.client.get("/form/demo").text)
    assert [sheet.partition("?")[0] for sheet in sheets[1:]] == ["/form/demo/theme.css"]
    answer = widget.client.get(sheets[1])
    assert "--feedback-accent:" in answer.text
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert widget.client.get("/form/demo/theme.css").headers["Cache-Control"] == "no-cache"
    assert "theme.css" not in widget.client.get("/form/other").text


def test_a_choice_that_cannot_be_read_is_named_at_the_start(start_widget: Start) -> None:
    widget = start_widget(config=f'{PRODUCT}[products.demo.theme]\ntext = "#999"\n')
    assert "#6f6f6f passes" in widget.log()


def test_a_colour_that_is_none_is_named_and_costs_its_product_its_look_alone(start_widget: Start) -> None:
    themes = '[products.demo.theme]\naccent = "blau"\n[products.other.theme]\naccent = "#a3341f"\n'
    widget = start_widget(config=PRODUCT + OTHER + themes)
    assert "'blau' is no colour" in widget.log()
    assert "products.demo.theme.accent" in widget.log()
    assert "theme.css" not in widget.client.get("/form/demo").text
    assert "#a3341f" in widget.client.get("/form/other/theme.css").text
    assert send(widget, description="Hi").status_code == 201


def test_a_products_files_are_served_and_its_stylesheet_is_linked(start_widget: Start, tmp_path: Path) -> None:
    put(tmp_path, "static/products/demo/product.css", ":root { --feedback-radius: 0 }")
    put(tmp_path, "static/products/demo/logo.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    put(tmp_path, "static/products/demo/.env", "hunter2")
    put(tmp_path, "static/products/demo/evil.js", "alert(1)")
    put(tmp_path, "static/products/demo/page.html", "<script>alert(1)</script>")
    (tmp_path / "static/products/demo/link.css").symlink_to("/etc/passwd")
    put(
        tmp_path,
        "templates/products/demo/form.html",
        '{% extends "form.html" %}{% block footer %}<img src="{{ asset("logo.svg") }}" alt="">{% endblock %}',
    )
    widget = start_widget(config=PRODUCT + OTHER)
    page = widget.client.get("/form/demo").text
    (sheet,) = re.findall(r'href="(/static/[^"]+/products/demo/product.css)"', page)
    (logo,) = re.findall(r'src="(/static/[^"]+/products/demo/logo.svg)"', page)
    for address, kind in ((sheet, "text/css"), (logo, "image/svg+xml")):
        answer = widget.client.get(address)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert "immutable" in answer.headers["Cache-Control"]
    for name in (".env", "evil.js", "page.html", "link.css", "../../widget.toml"):
        assert widget.client.get(f"/static/products/demo/{name}").status_code == 404, name
    assert "evil.js" in widget.log()
    assert "product.css" not in widget.client.get("/form/other").text


def test_a_broken_template_gets_ours_and_the_log_has_the_line(start_widget: Start, tmp_path: Path) -> None:
    put(tmp_path, "templates/products/demo/form.html", "\n\n{{ nothing }}")
    put(tmp_path, "templates/products/other/form.html", "\n{% if")
    widget = start_widget(config=PRODUCT + OTHER)
    for product in ("demo", "other"):
        assert widget.client.get(f"/form/{product}").text.count("<textarea") == 1
    assert "demo/form.html:3" in widget.log()
    assert "other/form.html:2" in widget.log()


def test_a_product_that_is_wrong_in_every_way_is_named_for_each_and_harms_no_other(
    start_widget: Start, tmp_path: Path
) -> None:
    put(tmp_path, "templates/products/demo/form.html", "{% for a in range(9999) %}{{ 'x' * 10 ** 9 }}{% endfor %}")
    put(tmp_path, "templates/products/demo/thanks.html", '{% include "../../../widget.toml" %}')
    put(tmp_path, "templates/products/demo/receipt.html", "\n{{ product.client_secret }}")
    put(tmp_path, "templates/products/demo/_part.html", "\n{% if")
    plural = 'msgid "summary"\nmsgid_plural "summary"\nmsgstr[0] "{n}"\n'
    put(tmp_path, "templates/products/demo/words.en.po", plural)
    put(tmp_path, "templates/products/demo/words.xx.po", "")
    wrong = f'{IDENTITY}required = false\n[products.demo.theme]\naccent = "blau"\n'
    widget = start_widget(config=PRODUCT + wrong + OTHER, IDENTITY_KEY__DEMO=SECRET)
    assert widget.client.get("/form/demo").text.count("<textarea") == 1
    for make in BAD.values():
        assert "hunter2" not in widget.client.get("/form/demo", params={"identity": make()}).text
    other = widget.client.get("/form/other").text
    assert other.count("<textarea") == 1
    answer = send(widget, accept="text/html", description="Hi")
    assert "Thank you" in answer.text
    receipt = send(widget, description="Hi").json()["receipt_url"]
    assert "Your feedback has arrived" in widget.client.get(receipt, headers={"Accept": "text/html"}).text
    log = widget.log()
    for named in (
        "demo/form.html:1", "is outside the", "demo/receipt.html:2", "demo/_part.html:2", "words.en.po:1", "'xx'",
        "'blau' is no colour", "audience", "expired", "signature", "algorithm",
    ):  # fmt: skip
        assert named in log, named
    assert "product=other" not in log.replace('"', "").replace("product: other", "product=other")


def test_changes_are_seen_at_once_in_development(start_widget: Start, tmp_path: Path) -> None:
    widget = start_widget(config=PRODUCT, RELOAD="1")
    assert "Hello there" not in widget.client.get("/form/demo").text
    put(
        tmp_path,
        "templates/products/demo/form.html",
        '{% extends "form.html" %}{% block header %}Hello there{% endblock %}',
    )
    put(tmp_path, "static/products/demo/product.css", "a{}")
    page = widget.client.get("/form/demo").text
    assert "Hello there" in page
    (sheet,) = re.findall(r'href="(/static/[^"]+/products/demo/product.css)"', page)
    assert widget.client.get(sheet).text == "a{}"


# --- fields -----------------------------------------------------------------------------------------------------


def test_a_form_asks_for_what_the_product_wants_and_says_what_it_misses(start_widget: Start) -> None:
    config = f'{PRODUCT}[products.demo.fields]\ndescription = "required"\nsentiment = "required"\nfiles = "required"\n'
    widget = start_widget(config=config)
    page = widget.client.get("/form/demo").text
    for name in ("description", "sentimentRating-true", "files"):
        assert re.search(rf'<(input|textarea)[^>]* id="{name}"[^>]* required', page), name
    answer = send(widget)
    assert answer.status_code == 422
    assert faults(answer) == [("sentimentRating", "required"), ("description", "required"), ("files", "required")]
    assert all(fault["message"].startswith("Please ") for fault in answer.json()["errors"])
    assert send(widget, [("a.png", png(), "image/png")], description="Hi", sentimentRating="true").status_code == 201


def test_a_form_without_text_and_files_has_no_place_for_them_and_takes_none(start_widget: Start) -> None:
    widget = start_widget(config=f'{PRODUCT}[products.demo.fields]\ndescription = "hidden"\nfiles = "hidden"\n')
    page = widget.client.get("/form/demo").text
    assert "<textarea" not in page
    assert 'id="files"' not in page
    assert faults(send(widget, description="Hi", sentimentRating="true")) == [("description", "invalid")]
    answer = send(widget, [("a.png", png(), "image/png")], sentimentRating="true")
    assert answer.status_code == 413
    assert send(widget, sentimentRating="true").status_code == 201


def test_number_and_kinds_of_files_are_the_products(start_widget: Start) -> None:
    widget = start_widget(config=f'{PRODUCT}[products.demo.fields]\nmax_files = 2\nfile_kinds = ["png", "jpeg"]\n')
    page = widget.client.get("/form/demo").text
    assert 'accept="image/jpeg,image/png"' in page
    assert 'max-files="2"' in page
    assert "Add a picture<" in page
    answer = send(widget, [("a.pdf", pdf(), "application/pdf")])
    assert answer.status_code == 415
    assert answer.json()["errors"][0]["message"].startswith("Only JPEG or PNG files can be attached here.")
    answer = send(widget, [("a.png", png(), "image/png")] * 3)
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["message"].startswith("Remove 1 file to continue: the limit is 2.")
    assert send(widget, [("a.png", png(), "image/png"), ("b.jpg", jpeg(), "image/jpeg")]).status_code == 201


def test_a_consent_that_is_not_asked_for_is_not_given(start_widget: Start, insider: Sandbox) -> None:
    config = f'{PRODUCT}consent_version = "2026-05"\n[products.demo.fields]\nconsent = "hidden"\n'
    widget = start_widget(config=config)
    page = widget.client.get("/form/demo").text
    assert "contactConsent" not in page
    assert "2026-05" not in page
    for said in ("true", "false", "nonsense", ""):
        assert send(widget, description="Hi", contactConsent=said).status_code == 201
    assert [entry["body"]["contactConsent"] for entry in insider.feedbacks()] == [False] * 4


def test_the_wording_of_the_consent_and_its_version_are_kept(start_widget: Start) -> None:
    config = PRODUCT + 'consent = "You may call me"\nconsent_version = "2026-05"\n'
    widget = start_widget(config=config)
    page = widget.client.get("/form/demo").text
    assert "You may call me" in page
    assert '<input type="hidden" name="consentVersion" value="2026-05">' in page
    send(widget, description="Hi", consentVersion="2026-04")
    assert row(widget)["consent_version"] == "2026-04"
    send(widget, description="Hi")
    assert row(widget)["consent_version"] == "2026-05"


def test_a_consent_that_is_worded_by_language_has_its_version_where_its_wording_stands(start_widget: Start) -> None:
    config = (
        f'{PRODUCT}consent_version = "2026-05"\n[products.demo.consent]\nde = "Rufen Sie mich an"\npt-BR = "Ligue"\n'
    )
    widget = start_widget(config=config)
    for lang, wording, version in (
        ("de", "Rufen Sie mich an", "2026-05"),
        ("de-AT", "Rufen Sie mich an", "2026-05"),
        ("pt", "Ligue", "2026-05"),
        ("ar", "يمكنكم التواصل معي بهذا الشأن", None),
        ("en", "You may contact me about this", None),
    ):
        page = widget.client.get("/form/demo", params={"lang": lang}).text
        assert f"<span>{wording}</span></label>" in page
        assert ('name="consentVersion" value="2026-05"' in page) is bool(version)
        shown = {"consentVersion": version} if version else {}
        send(widget, description=f"In {lang}", lang=lang, **shown)
        assert row(widget)["consent_version"] == version


CHIPS = """
[products.demo.chips]
like = ["Fast"]
dislike = {en = ["Slow", "Too \U0001f600 small"], pt-BR = ["Lento"]}
"""


def test_ticked_chips_stand_in_front_of_the_text_that_is_sent(start_widget: Start, insider: Sandbox) -> None:
    widget = start_widget(config=PRODUCT + CHIPS)
    for fields in (
        {"description": "Hi\r\nthere", "chips": "Slow\nFast"},
        {"chips": " Slow \n\n\x00\nSlow"},
        {"description": "", "chips": "", "sentimentRating": "true"},
        {"description": "Hi", "chips": "What it was called yesterday"},
    ):
        assert send(widget, **fields).status_code == 201
    said = [entry["body"].get("description") for entry in insider.feedbacks()]
    assert said == ["Slow · Fast\n\nHi\nthere", "Slow", None, "What it was called yesterday\n\nHi"]


def test_other_chips_make_another_submission(start_widget: Start) -> None:
    widget = start_widget(config=PRODUCT + CHIPS)
    token = widget.token()
    first = send(widget, token=token, description="Hi", chips="Slow")
    assert send(widget, token=token, description="Hi", chips="Slow").json() == first.json()
    assert send(widget, token=token, description="Hi", chips="Fast").status_code == 409


def test_chips_count_towards_the_length_of_the_text(start_widget: Start, insider: Sandbox) -> None:
    widget = start_widget(config=PRODUCT + CHIPS)
    chips, taken = "Slow\nToo \U0001f600 small", len("Slow · Too .. small\n\n")
    answer = send(widget, description="x" * (1001 - taken), chips=chips)
    assert faults(answer) == [("description", "too_long")]
    assert send(widget, description="x" * (1000 - taken), chips=chips).status_code == 201


@pytest.mark.parametrize("chips", ["x" * 31, "\n".join(f"word {n}" for n in range(13))], ids=["long", "many"])
def test_what_no_form_could_have_sent_as_chips_is_refused(start_widget: Start, chips: str) -> None:
    widget = start_widget(config=PRODUCT + CHIPS + OTHER)
    assert faults(send(widget, description="Hi", chips=chips)) == [("sentimentRating", "invalid")]


def test_a_product_without_chips_takes_none(widget: Widget) -> None:
    assert faults(send(widget, description="Hi", chips="Slow")) == [("sentimentRating", "invalid")]


def test_chips_do_not_stand_in_for_a_text_that_is_required(start_widget: Start) -> None:
    widget = start_widget(config=PRODUCT + CHIPS + '[products.demo.fields]\ndescription = "required"\n')
    assert faults(send(widget, chips="Slow", sentimentRating="false")) == [("description", "required")]


def test_chips_are_shown_in_the_languages_that_they_have(start_widget: Start) -> None:
    widget = start_widget(config=PRODUCT + CHIPS)
    for lang, words in (("en", ["Fast", "Slow", "Too \U0001f600 small"]), ("pt", ["Fast", "Lento"]), ("de", ["Fast"])):
        page = widget.client.get("/form/demo", params={"lang": lang}).text
        assert re.findall('name="chips" value="([^"]+)"', page) == words


def test_an_address_that_is_always_asked_for_is_never_filled_in(start_widget: Start) -> None:
    widget = start_widget(config=f'{PRODUCT}[products.demo.fields]\nemail = "ask"\n')
    assert "ada@" not in widget.client.get("/form/demo", params={"email": "ada@example.com"}).text


# --- identity ---------------------------------------------------------------------------------------------------


def test_a_vouched_address_stands_in_the_form_and_goes_along_whatever_the_form_says(
    start_widget: Start, insider: Sandbox
) -> None:
    widget = start_widget(config=PRODUCT + IDENTITY, IDENTITY_KEY__DEMO=SECRET)
    token = signed()
    page = widget.client.get("/form/demo", params={"identity": token, "email": "eve@example.com"}).text
    assert re.search(r'<input[^>]* id="submittedByEmail"[^>]* value="mara@northwind.example"[^>]* readonly', page)
    assert f'name="identity" id="identity" value="{token}"' in page
    assert send(widget, description="Hi", identity=token, submittedByEmail="").status_code == 201
    assert insider.feedbacks()[0]["body"]["submittedByEmail"] == "mara@northwind.example"


def test_a_hidden_address_is_not_seen_and_goes_along(start_widget: Start, insider: Sandbox) -> None:
    config = f'{PRODUCT}{IDENTITY}[products.demo.fields]\nemail = "hidden"\n'
    widget = start_widget(config=config, IDENTITY_KEY__DEMO=SECRET)
    page = widget.client.get("/form/demo", params={"identity": signed()}).text
    assert '<input type="hidden" id="submittedByEmail"' in page
    assert send(widget, description="Hi", identity=signed(), submittedByEmail="").status_code == 201
    assert insider.feedbacks()[0]["body"]["submittedByEmail"] == "mara@northwind.example"


BAD = {
    "expired": lambda: signed(exp=time.time() - 100),
    "audience": lambda: signed(aud="other"),
    "signature": lambda: signed("x" * 32),
    "algorithm": lambda: jwt.encode({"email": "a@b.example", "aud": "demo", "exp": time.time() + 9}, "", "none"),
    "malformed": lambda: "x.y.z",
    "missing": lambda: "",
}


@pytest.fixture
def vouching(start_widget: Start) -> Widget:
    return start_widget(config=PRODUCT + IDENTITY, IDENTITY_KEY__DEMO=SECRET)


def test_an_identity_that_is_not_believed_is_refused_by_name_and_nothing_is_sent(
    vouching: Widget, insider: Sandbox
) -> None:
    for reason, make in BAD.items():
        token = make()
        answer = send(vouching, description="Hi", identity=token)
        assert answer.status_code == 403
        (fault,) = answer.json()["errors"]
        assert (fault["code"], fault["reason"]) == ("identity_invalid", reason)
        assert "could not confirm who you are" in fault["message"]
        if token:
            shown = vouching.client.get("/form/demo", params={"identity": token})
            assert shown.status_code == 403
            assert "could not confirm who you are" in shown.text
            assert token not in shown.text
    assert insider.feedbacks() == []
    assert {f'"{reason}"' in vouching.log() or f"reason={reason}" in vouching.log() for reason in BAD} == {True}
    assert SECRET not in vouching.log()


def test_another_address_than_the_vouched_one_is_refused_and_the_text_given_back(vouching: Widget) -> None:
    answer = send(
        vouching, accept="text/html", description="Mine", identity=signed(), submittedByEmail="eve@example.com"
    )
    assert answer.status_code == 403
    assert "Mine</textarea>" in answer.text
    assert "eve@example.com" not in answer.text


def test_where_nobody_has_to_be_vouched_for_the_address_is_asked_for(start_widget: Start, insider: Sandbox) -> None:
    widget = start_widget(config=PRODUCT + IDENTITY + "required = false\n", IDENTITY_KEY__DEMO=SECRET)
    assert "readonly" not in widget.client.get("/form/demo").text
    assert send(widget, description="Hi").status_code == 201
    assert send(widget, description="Hi", identity=BAD["signature"]()).status_code == 403
    assert [feedback["body"]["submittedByEmail"] for feedback in insider.feedbacks()] == ["ada@example.com"]


def test_who_opened_the_form_in_time_may_send_it_later(start_widget: Start) -> None:
    widget = start_widget(config=PRODUCT + IDENTITY, IDENTITY_KEY__DEMO=SECRET)
    form_token = aged_token(10)
    identity = signed(exp=time.time() - 65)  # beyond the minute by which clocks may differ, but not then
    late = send(widget, description="Hi", identity=identity, token=form_token, submittedByEmail="")
    assert late.status_code == 201
    assert send(widget, description="Hi", identity=identity, submittedByEmail="").status_code == 403


# --- context ----------------------------------------------------------------------------------------------------

TOLD = json.dumps({"address": "https://app.example.com/orders?token=hunter2", "version": "3.1"})


def test_what_a_page_tells_is_shown_and_stored_and_not_sent(start_widget: Start, insider: Sandbox) -> None:
    widget = start_widget(config=PRODUCT, RETRY_MIN="0.1", RETRY_MAX="0.5", PROBE_INTERVAL="0.2")
    page = widget.client.get("/form/demo", params={"context": TOLD}).text
    assert "<dt>address</dt><dd>https://app.example.com/orders</dd>" in page
    assert "hunter2" not in page
    insider.down()
    answer = send(widget, description="Hi", context=TOLD)
    assert json.loads(row(widget)["context"]) == {"address": "https://app.example.com/orders", "version": "3.1"}
    insider.recover()
    widget.until_delivered(answer)
    assert insider.descriptions() == ["Hi"]
    assert row(widget)["context"] is None


def test_context_stays_after_delivery_if_the_operator_wants_it(start_widget: Start) -> None:
    widget = start_widget(config=PRODUCT, CONTEXT_DAYS="30")
    assert send(widget, description="Hi", context=TOLD).status_code == 201
    assert json.loads(row(widget)["context"])["version"] == "3.1"


def test_what_a_page_tells_is_appended_only_if_the_product_says_so(start_widget: Start, insider: Sandbox) -> None:
    widget = start_widget(config=PRODUCT + 'context = "append"\n', CONTEXT_DAYS="30")
    assert send(widget, description="Hi", context=TOLD).status_code == 201
    assert insider.descriptions() == ["Hi\n\naddress: https://app.example.com/orders\nversion: 3.1"]
    assert row(widget)["context"] is None
    assert send(widget, description="x" * 1000, context=TOLD).status_code == 201
    assert insider.descriptions()[1] == "x" * 1000
    assert json.loads(row(widget)["context"])["version"] == "3.1"


def test_what_a_page_tells_alone_is_no_feedback(start_widget: Start) -> None:
    widget = start_widget(config=PRODUCT + 'context = "append"\n')
    assert faults(send(widget, context=TOLD)) == [("", "empty")]


def test_what_a_page_tells_is_left_out_where_the_product_wants_none(start_widget: Start) -> None:
    widget = start_widget(config=PRODUCT + 'context = "off"\n')
    assert "feedback-context" not in widget.client.get("/form/demo", params={"context": TOLD}).text
    assert send(widget, description="Hi", context=TOLD).status_code == 201
    assert row(widget)["context"] is None


def test_what_a_page_tells_wrongly_is_never_held_against_the_person(start_widget: Start) -> None:
    widget = start_widget(config=PRODUCT)
    assert send(widget, description="Hi", context="{" * 3000).status_code == 201
    assert row(widget)["context"] is None

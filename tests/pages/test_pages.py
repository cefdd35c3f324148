"""The pages as HTML, read by a parser: associations of elements, escaping, and the blocks that a product may
replace."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from widget.config import resources
from widget.config.products import Product
from widget.errors import Fault
from widget.i18n import messages as words
from widget.i18n.messages import Words
from widget.pages import pages
from widget.pages.pages import Pages
from widget.pages.state import File, FormState, Looks, ReceiptState, ThanksState
from widget.pages.templating import Templates

AT = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
ENGLISH = words.choose("en")
ODD = """<script>alert(1)</script>"'&{{ 7*7 }}"""
CONTRACT = ["title", "header", "sentiment", "description", "email", "consent", "files", "actions", "thanks", "footer"]


def product_of(**changes: Any) -> Product:
    ours = {"slug": "demo", "name": "Northwind", "origins": ("https://app.example.com", "https://*.example.com")}
    return Product.model_validate({**ours, **changes})


DEMO = product_of()


class Page(HTMLParser):
    """The start tags of a page, with their attributes and the text that follows each."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data

    def one(self, **wanted: str) -> dict[str, str | None]:
        found = [attrs for _, attrs in self.tags if wanted.items() <= attrs.items()]
        assert len(found) == 1, (wanted, found)
        return found[0]

    def inside(self, name: str, tag: str) -> str:
        """The text of the first `tag` after the element with this id."""
        start = next(i for i, (_, attrs) in enumerate(self.tags) if attrs.get("id") == name)
        return next(self.texts[i] for i in range(start, len(self.tags)) if self.tags[i][0] == tag).strip()


@cache
def make(custom: Path | None = None, ours: Path | None = None) -> Pages:
    templates = Templates(
        ours or resources.path("templates"), custom, slugs=("demo", "other"), static="/static/1/{}".format
    )
    return Pages(templates)


def form(
    *faults: Fault,
    values: dict[str, str] | None = None,
    product: Product | None = None,
    chosen: Words = ENGLISH,
    mode: str = "page",
    retry_after: float | None = None,
) -> Page:
    product = product or DEMO
    return Page(
        make().form(product, chosen, FormState("the-token", values or {}, faults, retry_after), Looks(mode=mode))
    )


def thanks(status: str, files: Sequence[File] = (), feedback_id: int | None = 32) -> str:
    return make().thanks(DEMO, ENGLISH, ThanksState(status, "/receipt/abc", feedback_id, AT, files))


def receipt(status: str, files: Sequence[File] = (), product: Product | None = DEMO) -> str:
    return make().receipt(product, ENGLISH, ReceiptState(status, AT, AT, AT, 32, files))


PAGES: dict[str, Callable[[], str]] = {
    "form": lambda: form().html,
    "errors": lambda: form(Fault("empty"), Fault("invalid", "submittedByEmail"), Fault("unavailable")).html,
    "thanks": lambda: thanks("delivered"),
    "receipt": lambda: receipt("delivered", [File("a.png", "attached")]),
    "problem": lambda: make().problem(ENGLISH, Fault("origin_not_allowed"), DEMO, open_url="/form/demo"),
}


def test_the_form_has_the_fields_of_the_contract_in_the_order_in_which_they_are_filled_in() -> None:
    names = [attrs["name"] for tag, attrs in form().tags if tag in ("input", "textarea") and attrs.get("name")]
    assert [name for name in dict.fromkeys(names) if name != "website"] == [
        "token", "sentimentRating", "description", "files", "submittedByEmail", "contactConsent",
        "context",
    ]  # fmt: skip


def test_a_form_is_sent_as_multipart_and_checked_in_our_words() -> None:
    sent = form().one(id="feedback")
    assert sent["method"] == "post"
    assert sent["enctype"] == "multipart/form-data"
    assert "novalidate" in sent


@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_script_a_style_or_a_handler_of_its_own(name: str) -> None:
    page = Page(PAGES[name]())
    for (tag, attrs), text in zip(page.tags, page.texts, strict=True):
        assert tag != "style"
        assert "style" not in attrs
        assert not [attr for attr in attrs if attr.startswith("on")]
        assert tag != "script" or (attrs.get("src") and not text.strip())


@pytest.mark.parametrize("name", PAGES)
def test_ids_are_unique_and_every_reference_finds_its_element(name: str) -> None:
    page = Page(PAGES[name]())
    ids = [str(attrs["id"]) for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.tags:
        for attr in ("for", "aria-labelledby", "aria-describedby"):
            assert set(str(attrs.get(attr) or "").split()) <= set(ids), attrs
        href = str(attrs.get("href") or "")
        assert not href.startswith("#") or href[1:] in ids, href


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (Fault("invalid", "submittedByEmail"), "submittedByEmail"),
        (Fault("too_long", "description"), "description"),
        (Fault("file_type", "files"), "files"),
        (Fault("invalid", "contactConsent"), "contactConsent"),
    ],
)
def test_an_error_stands_beside_its_field_and_is_tied_to_it(fault: Fault, name: str) -> None:
    page = form(fault)
    control = page.one(id=name)
    assert control["aria-invalid"] == "true"
    assert f"{name}-error" in str(control["aria-describedby"]).split()
    assert "hidden" not in page.one(id=f"{name}-error")
    assert page.inside(f"{name}-error", "span") == ENGLISH.fault(fault)


def test_a_form_without_faults_marks_nothing_as_wrong() -> None:
    page = form()
    assert not [attrs for _, attrs in page.tags if "aria-invalid" in attrs]
    assert "hidden" in page.one(id="feedback-summary")


@pytest.mark.parametrize(
    ("fault", "place", "said"),
    [
        (Fault("required", "submittedByEmail"), "submittedByEmail", "submittedByEmail-error"),
        (Fault("invalid", "contactConsent"), "contactConsent", "contactConsent-error"),
        (Fault("too_long", "description", params={"n": 1, "limit": 1000}), "description", "description-error"),
        (Fault("file_type", "files", position=0, params={"name": "a.exe"}), "files", "files-error"),
        (Fault("empty"), "sentimentRating-true", "sentimentRating-error"),
    ],
    ids=lambda value: value.code if isinstance(value, Fault) else "",
)
def test_one_fault_takes_the_focus_to_its_field_without_a_summary(fault: Fault, place: str, said: str) -> None:
    page = form(fault)
    assert "hidden" in page.one(id="feedback-summary")
    assert page.html.count(" autofocus") == 1
    assert "autofocus" in page.one(id=place)
    assert "hidden" not in page.one(id=said)


def test_the_summary_counts_what_is_wrong_and_leads_to_each_field() -> None:
    page = form(Fault("empty"), Fault("required", "submittedByEmail"))
    assert page.inside("feedback-summary-title", "h2") == "2 things to fix"
    assert "autofocus" in page.one(id="feedback-summary")
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a" and str(attrs["href"]).startswith("#")]
    assert links == ["#sentimentRating-true", "#submittedByEmail"]


def test_a_fault_of_the_whole_request_is_shown_once_with_its_time() -> None:
    page = form(Fault("rate_limited"), retry_after=41.2)
    assert "You have sent a lot in a short time" in page.html
    assert "You can send this in 42 seconds." in page.html
    assert "hidden" in page.one(id="feedback-summary")


def test_what_a_person_chose_and_wrote_is_given_back() -> None:
    values = {
        "description": "\nfirst line\nsecond",
        "submittedByEmail": "mara@northwind",
        "sentimentRating": "false",
        "contactConsent": "true",
    }
    page = form(Fault("invalid", "submittedByEmail"), values=values)
    assert "\n\nfirst line\nsecond</textarea>" in page.html
    assert page.one(id="submittedByEmail")["value"] == "mara@northwind"
    assert "checked" in page.one(id="sentimentRating-false")
    assert "checked" not in page.one(id="sentimentRating-true")
    assert "checked" in page.one(id="contactConsent")


def test_nothing_that_a_person_or_an_operator_wrote_becomes_markup() -> None:
    odd = product_of(name=ODD, consent=ODD)
    page = form(
        Fault("file_type", "files", params={"name": ODD}),
        Fault("refused_upstream", params={"reason": ODD}),
        values={"description": ODD, "submittedByEmail": ODD},
        product=odd,
    )
    receipt = make().receipt(odd, ENGLISH, ReceiptState("delivered", attachments=[File(ODD, "refused", ODD)]))
    for html in (page.html, receipt):
        assert "<script>alert" not in html
        assert "49" not in re.sub(r"&#\d+;", "", html.partition("</svg>")[2].partition("<template")[0])
    assert page.one(id="submittedByEmail")["value"] == ODD
    assert [tag for tag, attrs in page.tags if tag == "script" and "src" not in attrs] == []


def test_the_script_finds_limits_origins_and_words_on_its_element() -> None:
    import json

    element = next(attrs for tag, attrs in form().tags if tag == "feedback-form")
    assert json.loads(str(element["data-origins"])) == list(DEMO.origins)
    assert json.loads(str(element["data-words"])) == ENGLISH.of(DEMO).script(DEMO)
    assert (element["max-length"], element["max-files"], element["max-size"]) == ("1000", "5", "4194304")


def test_the_page_says_its_language_direction_theme_and_mode() -> None:
    root = form(chosen=words.choose("ar"), mode="popover").one(lang="ar")
    assert (root["dir"], root["data-theme"], root["data-mode"]) == ("rtl", "auto", "popover")


def test_only_a_page_of_its_own_says_what_a_keyboard_does_to_it() -> None:
    """In a frame it has no effect, and Safari's console complains in the host page's name."""
    views = [form(mode=mode).one(name="viewport")["content"] or "" for mode in ("page", "popover", "dialog", "inline")]
    assert ["interactive-widget" in view for view in views] == [True, False, False, False]


def test_a_theme_or_mode_that_nobody_knows_falls_back() -> None:
    html = make().form(DEMO, ENGLISH, FormState("t"), Looks('"x', "sideways"))
    root = Page(html).one(lang="en")
    assert (root["data-theme"], root["data-mode"]) == ("auto", "page")


def test_the_products_wording_of_the_consent_wins() -> None:
    assert "Call me maybe" in form(product=product_of(consent="Call me maybe")).html


def test_the_thanks_are_honest_about_files() -> None:
    both = [File("a", "attached"), File("b", "refused")]
    assert "has your feedback. 1 of 2 files arrived; your receipt says why." in thanks("delivered", both)
    assert "has your feedback and both files." in thanks("delivered", [both[0]] * 2)
    assert "The Northwind team has your feedback.<" in thanks("delivered")
    assert "Thank you, we have your feedback" in thanks("accepted", both, None)


def test_the_thanks_lead_to_the_receipt_and_to_another_form() -> None:
    page = Page(thanks("delivered"))
    assert page.one(href="/receipt/abc?lang=en")["class"] == "feedback-receipt"
    assert str(page.one(**{"data-do": "another"})["href"]).startswith("?lang=en")


@pytest.mark.parametrize(
    ("status", "heading"),
    [
        ("delivered", "Your feedback has arrived"),
        ("accepted", "Your feedback is on its way"),
        ("refused", "Your feedback could not be delivered"),
        ("expired", "This receipt has expired"),
    ],
)
def test_a_receipt_tells_each_of_its_states(status: str, heading: str) -> None:
    assert f">{heading}</h1>" in receipt(status)
    assert heading in receipt(status, product=None)


def test_an_expired_receipt_tells_no_more_than_that() -> None:
    html = receipt("expired")
    assert "Receipts are kept for 30 days." in html
    assert "datetime=" not in html


def test_how_soon_a_popover_closes_is_the_products_to_say() -> None:
    given = [
        next(attrs for tag, attrs in page.tags if tag == "feedback-form")["close-after"]
        for page in (form(), form(product=product_of(close_after=30)))
    ]
    assert given == ["8", "30"]


@pytest.mark.parametrize(
    ("own", "listed"),
    [({}, True), ({"receipts": "off"}, False), ({"draft": "off"}, False), ({"draft": "off", "receipts": "on"}, True)],
)
def test_the_list_of_receipts_is_the_products_to_switch_off(own: dict[str, str], listed: bool) -> None:
    assert ('id="feedback-foot"' in form(product=product_of(**own)).html) == listed


def test_every_block_of_the_contract_is_there_to_be_replaced() -> None:
    assert list(pages.BLOCKS)[: len(CONTRACT)] == CONTRACT
    folder = resources.path("templates")
    source = "".join((folder / name).read_text() for name in ("base.html", "form.html"))
    for block in pages.BLOCKS:
        assert f"{{% block {block} %}}" in source


@pytest.mark.parametrize("block", pages.BLOCKS)
def test_a_product_replaces_one_block_and_keeps_the_rest(block: str, tmp_path: Path) -> None:
    theirs = tmp_path / "demo"
    theirs.mkdir()
    theirs.joinpath("form.html").write_text(
        f'{{% extends "default:form.html" %}}{{% block {block} %}}<b>Theirs</b>{{{{ super() }}}}{{% endblock %}}'
    )
    themed = make(tmp_path).form(DEMO, ENGLISH, FormState("t"))
    assert themed.count("<b>Theirs</b>") == 1
    assert themed.replace("<b>Theirs</b>", "") == make().form(DEMO, ENGLISH, FormState("t"))
    assert "Theirs" not in make(tmp_path).form(product_of(slug="other"), ENGLISH, FormState("t"))


def test_a_products_thanks_are_shown_without_script_too(tmp_path: Path) -> None:
    theirs = tmp_path / "demo"
    theirs.mkdir()
    theirs.joinpath("form.html").write_text(
        '{% extends "default:form.html" %}{% block thanks %}<p>You are kind</p>{{ super() }}{% endblock %}'
    )
    html = make(tmp_path).thanks(DEMO, ENGLISH, ThanksState("accepted", "/receipt/abc", None, AT))
    assert "You are kind" in html
    assert "<form" not in html


def test_a_problem_page_says_what_to_do() -> None:
    html = make().problem(ENGLISH, Fault("product_unknown"))
    assert "There is no form here" in html
    assert "Check the address, or go back to the page you came from." in html


def test_every_word_that_a_template_asks_for_exists() -> None:
    for template in resources.path("templates").glob("*.html"):
        for key in re.findall(r"""words\(['"]([^'"]+)['"]""", template.read_text()):
            assert key in ENGLISH, (template.name, key)


def test_a_product_whose_style_lies_in_our_layers_still_wins() -> None:
    css = resources.content(resources.path("static") / "form.css").decode()
    depth, outside = 0, ""
    for character in css:
        depth += (character == "{") - (character == "}")
        outside += character if depth == 0 else ""
    assert depth == 0
    rules = [rule for rule in re.split("[;}]", outside) if rule]
    assert len(rules) > 5
    assert [rule for rule in rules if not rule.startswith("@layer ")] == []

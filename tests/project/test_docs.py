"""The documents list what exists, lead the reader on, and describe the protocol and the interface as they are."""

import re
from pathlib import Path

import pytest
from bed import ROOT

from widget import errors
from widget.web.routes import ROUTES

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md", "npm/README.md")]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)")


def text_of(page: Path) -> str:
    """A document without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a document's headings."""
    heads = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [*PAGES, *TOP], ids=name_of)
def test_every_link_leads_to_a_page_and_a_heading_that_there_are(page: Path) -> None:
    for target, anchor in LINK.findall(text_of(page)):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{target} is not there"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{target}#{anchor} is not there"


def test_every_page_that_code_names_is_there() -> None:
    named = re.compile(r"docs/([\w/-]+\.md)(?:#([\w-]+))?")
    for folder in ("widget", "static", "loader", "npm", "templates", "deploy", "scripts", "examples"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".js", ".ts", ".jsx", ".html", ".toml", ".md", ""} and path.is_file():
                for page, anchor in named.findall(path.read_text("utf-8", errors="ignore")):
                    assert (DOCS / page).is_file(), f"{path} names docs/{page}"
                    assert not anchor or anchor in anchors(DOCS / page), f"{path} names docs/{page}#{anchor}"


def test_every_chapter_that_the_console_names_is_there() -> None:
    advice = (ROOT / "static" / "embed-advice.js").read_text("utf-8")
    chapters = set(re.findall(r"(?:chapter = |, )'([a-z]+)'\)", advice))
    assert {"attributes", "methods", "events"} <= chapters <= anchors(DOCS / "embedding.md")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_opens_with_what_it_is_for_and_ends_with_what_to_read_next(page: Path) -> None:
    paragraphs = [part for part in text_of(page).split("\n\n") if part.strip()]
    assert paragraphs[0].startswith("# ")
    assert paragraphs[1].lstrip().startswith("This page ")
    assert paragraphs[-1].lstrip().startswith("**Read next:** [")


def test_every_page_is_in_a_table_of_contents() -> None:
    for contents in DOCS.rglob("README.md"):
        linked = {(contents.parent / target).resolve() for target, _ in LINK.findall(text_of(contents))}
        beside = [*contents.parent.glob("*.md"), *contents.parent.glob("*/README.md")]
        assert [name_of(page) for page in beside if page not in linked | {contents}] == []


def test_every_state_that_the_script_draws_is_shown() -> None:
    shown = set(re.findall(r"\(pictures/form-(\w+)\.webp\)", (DOCS / "states.md").read_text("utf-8")))
    drawn = re.search(r"for act in \(([^)]+)\)", (ROOT / "scripts" / "pictures").read_text("utf-8"))
    assert drawn
    assert set(re.findall(r"\w+", drawn[1])) == shown


def test_every_picture_is_shown_and_every_picture_shown_is_there() -> None:
    shown = {name for page in PAGES for name in re.findall(r"\]\(pictures/([\w.-]+)\)", page.read_text("utf-8"))}
    assert shown == {path.name for path in (DOCS / "pictures").iterdir()}


def rows(page: str, head: str) -> set[str]:
    """The names in backquotes in the first column of the tables below a heading."""
    part = (DOCS / page).read_text("utf-8").split(f"\n## {head}\n")[1].split("\n## ")[0]
    cells = [line.split(" | ")[0] for line in part.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_protocol_has_every_message_and_every_value() -> None:
    form = (ROOT / "static/form/host-link.js").read_text("utf-8")
    panel = (ROOT / "static/embed-panel.js").read_text("utf-8")
    sent = re.compile(r"#post\('(\w+)'")
    known = form.split("function known(")[1]
    flags = re.findall(r"'(\w+)'", known.split("const key of [")[1].partition("]")[0])
    values = {*re.findall(r"wish\.(\w+) = ", known), *flags}
    assert rows("protocol.md", "From the form") == set(sent.findall(form))
    assert rows("protocol.md", "From the host page") == set(sent.findall(panel)) | values


def test_the_interface_has_every_code_and_every_address() -> None:
    text = (DOCS / "api.md").read_text("utf-8")
    answers = re.findall(r"^\| (\d{3}) \| (`\w+`[^|]*) \|", text, re.MULTILINE)
    found = {code: int(status) for status, codes in answers for code in re.findall(r"`(\w+)`", codes)}
    assert found == errors.STATUS
    addresses = set(re.findall(r"`((?:GET|POST) /[^`]+)`", text))
    assert addresses == {
        f"{method} {re.sub(r':path', '', route.path)}"
        for route in ROUTES
        for method in route.methods or ()
        if method != "HEAD"
    }

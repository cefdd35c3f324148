"""The documents say what is there."""

import re

from bed import ROOT


def test_every_state_that_the_script_draws_is_shown_and_every_picture_shown_is_there() -> None:
    shown = set(re.findall(r"\(pictures/form-(\w+)\.png\)", (ROOT / "docs" / "states.md").read_text("utf-8")))
    drawn = re.search(r"for act in \(([^)]+)\)", (ROOT / "scripts" / "pictures").read_text("utf-8"))
    assert drawn
    assert set(re.findall(r"\w+", drawn[1])) == shown
    for state in shown:
        assert (ROOT / "docs" / "pictures" / f"form-{state}.png").is_file()


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links {target}"


def test_every_picture_is_shown_and_every_picture_shown_is_there() -> None:
    documents = (ROOT / "docs").glob("*.md")
    shown = [name for page in documents for name in re.findall(r"\]\(pictures/([\w.-]+)\)", page.read_text("utf-8"))]
    assert sorted(shown) == sorted(path.name for path in (ROOT / "docs" / "pictures").iterdir())

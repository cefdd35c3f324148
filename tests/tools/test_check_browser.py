"""`widget check --browser` finds what only a browser knows, and says how to install one."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import children
from bed import COMMAND, ROOT, plain_environ

from widget.config.loading import load_products
from widget.tools import browser
from widget.tools.findings import Finding

PRODUCT = '[products.demo]\nname = "Northwind"\norigins = ["http://localhost:*"]\n'
STYLES = """\
:root { --none: none; --pale: #ccc }
.feedback-buttons { display: var(--none) }
.feedback-input { outline: var(--none); box-shadow: none; border-color: #777 }
.feedback-intro { color: var(--pale) }
.feedback-title { colr: red }
.feedback-person { inline-size: 40rem }
"""


def found(folder: Path, *states: str) -> Iterator[Finding]:
    """What a browser finds on the pages of the product in a folder, in a thread without the tests' event loop."""
    config = folder / "widget.toml"
    work = browser.look(load_products(config), config, folder, states=states)
    with ThreadPoolExecutor(1) as thread:
        sections = thread.submit(asyncio.run, work).result()
    return (finding for section in sections for check in section.checks for finding in check.findings)


def test_a_browser_finds_what_the_rules_come_to_and_nothing_in_ours(tmp_path: Path) -> None:
    (tmp_path / "widget.toml").write_text(PRODUCT)
    assert list(found(tmp_path, "idle", "thanks-delivered")) == []
    sheet = tmp_path / "static" / "products" / "demo" / "product.css"
    sheet.parent.mkdir(parents=True)
    sheet.write_text(STYLES)
    findings = list(found(tmp_path, "idle"))
    for code, part in {
        "browser.hidden": "The stylesheet hides Send.",
        "browser.focus": "With the stylesheet #submittedByEmail does not show that it has the focus.",
        "browser.color-contrast": ".feedback-intro in light.",
        "browser.dropped": "The browser drops colr: red.",
        "browser.overflow": "wider than a phone of 360 px",
    }.items():
        assert any(each.code == code and part in each.message for each in findings), (code, findings)
    assert all(each.fix and each.line and Path(each.file).is_file() for each in findings)


def test_nothing_is_found_in_the_second_product_of_the_examples() -> None:
    folder = ROOT / "examples"
    config = folder / "widget.toml"
    work = browser.look({"ferry": load_products(config)["ferry"]}, config, folder, states=("error",))
    with ThreadPoolExecutor(1) as thread:
        (section,) = thread.submit(asyncio.run, work).result()
    assert [finding for check in section.checks for finding in check.findings] == []


def test_without_a_browser_it_says_how_to_get_one(tmp_path: Path) -> None:
    (tmp_path / "widget.toml").write_text(PRODUCT)
    environ = plain_environ(PATH="", PLAYWRIGHT_BROWSERS_PATH=str(tmp_path))
    done = children.run([*COMMAND, "check", "--pages", "--browser"], tmp_path, environ)
    assert done.returncode == 2
    assert "--browser needs Chromium, and it does not start" in done.stderr
    assert "playwright install --with-deps chromium" in done.stderr

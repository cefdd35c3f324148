"""`widget check` names files that nothing reads, and says where each finding is."""

from pathlib import Path

import pytest

from widget.config.loading import load_products
from widget.tools.check import check_products
from widget.tools.check.location import line_of
from widget.tools.findings import Finding, Report

PRODUCT = '[products.demo]\nname = "Northwind"\norigins = ["http://localhost:*"]\n'
UNREAD = {
    "templates/products/dmeo/form.html": "templates/products/dmeo/: There is no product 'dmeo', so nothing reads this "
    "folder. Did you mean demo? Rename the folder.",
    "static/products/Demo/product.css": "static/products/Demo/: There is no product 'Demo', so nothing reads this "
    "folder. Did you mean demo? Rename the folder.",
    "static/products/order_desk/a.css": "static/products/order_desk/: There is no product 'order_desk', so nothing "
    "reads this folder. Did you mean order-desk? Rename the folder.",
    "static/products/other/product.css": "add [products.other] to widget.toml.",
    "static/product/demo/product.css": "static/product/: Nothing reads this folder. Move it to static/products/.",
    "template/products/demo/form.html": "template/: Nothing reads this folder. Rename it to templates.",
    "templates/demo/form.html": "templates/demo/: Nothing reads this folder. Move it to templates/products/demo/.",
    "templates/form.html": "templates/form.html:1: Nothing reads this file. Move it to templates/products/SLUG/.",
    "templates/products/form.html": "templates/products/form.html:1: Nothing reads this file. Move it to ",
    "static/products/demo/products.css": "products.css:1: Nothing reads this file. Did you mean product.css?",
    "templates/products/demo/product.css": "Did you mean product.css in static/products/demo/?",
    "templates/products/demo/words.po": "Words are read from templates/products/demo/words.en.po",
    "templates/products/demo/words.json": "words.json:1: Nothing reads this file. Words are read from ",
    "templates/products/demo/words-de.po": "words-de.po:1: Nothing reads this file. Words are read from ",
    "templates/products/demo/de.po": "/words.de.po",
    "templates/products/demo/form.htm": "form.htm:1: Nothing reads this file. Did you mean form.html?",
    "templates/products/demo/form.html.bak": "form.html.bak:1: Nothing reads this file.",
    "templates/products/demo/Form.jinja": "Did you mean form.html?",
}
READ = (
    "templates/products/demo/words.de.po",
    "templates/products/demo/README.md",
    "templates/products/demo/.gitkeep",
    "static/products/demo/img/logo.svg",
    "static/products/demo/extra.css",
    "static/app/main.css",
    "src/products/x.html",
)


def put(folder: Path, name: str, text: str = "") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def look(folder: Path) -> tuple[Finding, ...]:
    config = folder / "widget.toml"
    return Report(check_products(load_products(config), folder, config, ["en"])).findings


def test_each_file_that_nothing_reads_is_named_with_what_was_meant(tmp_path: Path) -> None:
    put(tmp_path, "widget.toml", PRODUCT + PRODUCT.replace("demo", "order-desk"))
    for name in UNREAD:
        put(tmp_path, name, "x" if name.endswith("html") else "")
    messages = [f"{each.at}: {each.message} {each.fix}" for each in look(tmp_path)]
    for name, part in UNREAD.items():
        assert any(part in text for text in messages), f"{name}\n" + "\n".join(messages)
    assert len(messages) == len(UNREAD)
    assert all(each.level == "wrong" and each.line and Path(each.file).exists() for each in look(tmp_path))


def test_files_that_are_read_or_no_business_of_ours_are_left_alone(tmp_path: Path) -> None:
    put(tmp_path, "widget.toml", PRODUCT)
    for name in READ:
        put(tmp_path, name)
    put(tmp_path, "static/products/demo/product.css", "p { background: url(img/logo.svg) } @layer x {} /* extra.css */")
    assert look(tmp_path) == ()
    put(tmp_path, "static/products/demo/old.png")
    (finding,) = look(tmp_path)
    assert (finding.code, finding.level, finding.file) == (
        "files.unread",
        "notice",
        str(tmp_path / "static/products/demo/old.png"),
    )


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    put(tmp_path, "widget.toml", "\ufeff" + PRODUCT)
    put(tmp_path, "templates/products/demo/form.html", '\ufeff{% extends "default:form.html" %}')
    put(tmp_path, "templates/products/demo/words.en.po", '\ufeffmsgid "title"\nmsgstr "So, {product}?"\n')
    put(tmp_path, "static/products/demo/product.css", "\ufeffp { margin: 0 }")
    assert look(tmp_path) == ()


TOML = """\
[products.demo]
name = "Northwind"
theme = {accent = "#123", radius = 4}

[products.demo.fields]
files = "hidden"
[products."ferry"]
origins = [
  "https://a.example",
]
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("products.demo", 1),
        ("products.demo.name", 2),
        ("products.demo.theme.accent", 3),
        ("products.demo.fields.files", 6),
        ("products.demo.budget", 1),
        ("products.ferry.origins.0", 8),
        ("products.nobody", 1),
    ],
)
def test_a_key_is_found_in_its_line(key: str, line: int) -> None:
    assert line_of(TOML, key) == line

"""`widget new` makes a product that works, and changes nothing that is there."""

import tomllib
from pathlib import Path

import children
import pytest
from bed import COMMAND, plain_environ

from widget.config.loading import load_products
from widget.errors import ConfigurationError
from widget.tools import scaffold
from widget.tools.check import check_products

CONFIG = """\
# The products. Keep this line.

[products.demo]   # ours
name = "Northwind"
origins = ["https://app.example.com"]
[products.demo.theme]
accent = "#2f4e86"
"""


def make(folder: Path, slug: str = "order-desk", name: str = "Order desk", *origins: str) -> scaffold.Made:
    given = origins or scaffold.LOCAL_ORIGINS
    return scaffold.make(slug, name=name, origins=given, config=folder / "widget.toml", custom=folder)


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


def test_a_new_product_stands_behind_the_others_and_is_found_without_fault(tmp_path: Path) -> None:
    config = tmp_path / "widget.toml"
    config.write_text(CONFIG)
    config.chmod(0o640)
    made = make(tmp_path, "order-desk", 'The "order" desk', "https://desk.example.com", "https://*.example.org")
    assert config.read_text("utf-8").startswith(CONFIG)
    assert config.stat().st_mode & 0o777 == 0o640
    products = load_products(config)
    assert set(products) == {"demo", "order-desk"}
    assert products["order-desk"].name == 'The "order" desk'
    assert products["order-desk"].origins == ("https://desk.example.com", "https://*.example.org")
    assert all(path.is_file() for path in made.files)
    assert sorted(tree(tmp_path)) == [
        "static/products/order-desk/product.css",
        "templates/products/order-desk/form.html",
        "widget.toml",
    ]
    sections = check_products(products, tmp_path, config, ["en"])
    assert [finding for section in sections for check in section.checks for finding in check.findings] == []


def test_the_first_product_makes_the_file(tmp_path: Path) -> None:
    make(tmp_path, "demo")
    assert list(load_products(tmp_path / "widget.toml")) == ["demo"]


@pytest.mark.parametrize(
    ("before", "slug", "origin", "reason"),
    [
        (CONFIG, "demo", "https://a.example", "is there already"),
        (CONFIG, "Order", "https://a.example", "small letters"),
        (CONFIG, "../evil", "https://a.example", "small letters"),
        (CONFIG, "order", "http://a.example", "needs https"),
        (CONFIG, "order", "a.example", "is not a valid origin"),
        (
            'products = {demo = {name = "N", origins = ["https://a.example"]}}\n',
            "order",
            "https://a.example",
            "write each",
        ),
        ("[products.demo\n", "order", "https://a.example", "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    tmp_path: Path, before: str, slug: str, origin: str, reason: str
) -> None:
    (tmp_path / "widget.toml").write_text(before)
    with pytest.raises(ConfigurationError, match=reason):
        make(tmp_path, slug, "Order", origin)
    assert tree(tmp_path) == {"widget.toml": before}


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "templates" / "products" / "order-desk"
    own.mkdir(parents=True)
    (own / "form.html").write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already"):
        make(tmp_path)
    assert tree(tmp_path) == {"templates/products/order-desk/form.html": "mine"}


def test_the_command_says_what_is_there_and_what_comes_next(tmp_path: Path) -> None:
    command = [*COMMAND, "new", "order-desk"]
    environ = plain_environ(WIDGET_CONFIG=str(tmp_path / "widget.toml"))
    done = children.run(command, tmp_path, environ)
    assert done.returncode == 0, done.stderr
    assert "Created Order desk:" in done.stdout
    assert "widget preview order-desk" in done.stdout
    assert tomllib.loads((tmp_path / "widget.toml").read_text())["products"]["order-desk"]["name"] == "Order desk"
    again = children.run(command, tmp_path, environ)
    assert again.returncode == 1
    assert "is there already" in again.stderr

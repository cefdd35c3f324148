"""`widget new` creates a product that works, and changes nothing that exists."""

import asyncio
import os
import pty
import subprocess
import tomllib
from contextlib import suppress
from pathlib import Path

import children
import pytest
from bed import CLIENT_ID, CLIENT_SECRET, COMMAND, ROOT, SECRET_KEY, Sandbox, plain_environ
from stage import Server

from widget.config.loading import load_products
from widget.errors import ConfigurationError
from widget.theming.colours import Colour, nearest
from widget.theming.themes import shortfalls
from widget.tools import borrowing, scaffold
from widget.tools.check import check_products
from widget.tools.findings import Report
from widget.tools.markup import parse

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
        (CONFIG, "demo", "https://a.example", "already exists"),
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
    with pytest.raises(ConfigurationError, match="already exists"):
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
    assert "already exists" in again.stderr


@pytest.mark.parametrize("start", scaffold.STARTS)
def test_each_starting_point_is_found_without_fault(tmp_path: Path, start: str) -> None:
    look = scaffold.Look(accent="#a3341f", font='"Iowan Old Style", serif', radius="4px")
    config = tmp_path / "widget.toml"
    origins = ["https://desk.example.com"]
    made = scaffold.make("desk", name="Desk", origins=origins, config=config, custom=tmp_path, look=look, start=start)
    theme = load_products(config)["desk"].theme
    assert theme.accent is not None
    assert (str(theme.accent.light), theme.font, theme.radius) == ("#a3341f", look.font, "4px")
    assert len(made.files) == {"colours": 0, "block": 2, "full": 6}[start]
    report = Report(check_products(load_products(config), tmp_path, config, ["en", "de", "ar"]))
    assert report.findings == (), "\n".join(report.lines())


def in_terminal(folder: Path, answers: list[str], *arguments: str) -> str:
    """What the command prints in a terminal in which somebody gives these answers."""
    ours, theirs = pty.openpty()
    command = [*COMMAND, "new", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=plain_environ()) as done:
        os.close(theirs)
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        said = b""
        with suppress(OSError):  # on Linux, this means that the other end is closed
            while chunk := os.read(ours, 65536):
                said += chunk
    os.close(ours)
    assert done.returncode == 0, said.decode()
    return said.decode().replace("\r", "")


def test_in_a_terminal_it_asks_again_until_an_answer_will_do(tmp_path: Path) -> None:
    slug, origin = ["Desk!", "desk"], ["http://desk.example.com", "https://desk.example.com"]
    said = in_terminal(tmp_path, [*slug, "", *origin, "blau", "#ffd000", "x", "colours"])
    for part in ("a slug has small letters", "needs https", "is no colour", "is too pale to be seen on the form; #"):
        assert part in said
    product = load_products(tmp_path / "widget.toml")["desk"]
    assert (product.name, product.origins) == ("Desk", ("https://desk.example.com",))
    assert product.theme.accent is not None
    assert shortfalls(product.theme) == ()
    assert sorted(tree(tmp_path)) == ["widget.toml"]
    assert 'src="https://feedback.example.com/embed.js" async data-product="desk"></script>' in said
    assert "frame-src https://feedback.example.com" in said
    assert "Replace https://feedback.example.com with your service's address, or set PUBLIC_URL." in said


PAGE = """<!doctype html><title>Shop</title><meta name="theme-color" content="#00ff00">
<link rel="stylesheet" href="/shop.css"><link rel="stylesheet" href="/gone.css">
<style>:root { --brand-text: #010203 } body { font-family: var(--sans, serif) }</style>"""
SHEET = """:root { --sans: "Inter", sans-serif; --grey: #777 } .btn { background: var(--grey); border-radius: 3px }
.btn-primary { background: var(--blue, #8ab4f8); border-radius: .5rem } .btn-primary:hover { background: red }
@media (prefers-color-scheme: dark) { .btn-primary { background: orange } }"""


def test_the_look_of_a_page_is_proposed_with_its_contrast_repaired(tmp_path: Path) -> None:
    with Server() as shop:
        shop.answers |= {"/": (200, "text/html", PAGE, {}), "/shop.css": (200, "text/css", SHEET, {})}
        url = shop.url
        done = children.run([*COMMAND, "new", "shop", "--from", f"{url}/"], tmp_path, plain_environ())
    assert done.returncode == 0, done.stderr
    product = load_products(tmp_path / "widget.toml")["shop"]
    assert product.origins == (url,)
    assert (product.theme.font, product.theme.radius) == ('"Inter", sans-serif', ".5rem")
    assert product.theme.accent is not None
    assert product.theme.accent.light == nearest(Colour.read("#8ab4f8"), [Colour.read("#ffffff")], 3)
    assert "The page has #8ab4f8 (.btn-primary), too pale to be seen on the form." in done.stdout
    assert shortfalls(product.theme) == ()


@pytest.mark.parametrize(
    ("sheet", "accent", "font", "radius"),
    [
        (":root { --color-primary: oklch(.45 .15 260) }", "#1c50a7", "", ""),
        (":root { --accent: var(--b); --b: var(--accent) }", "", "", ""),
        ("a { color: teal } body { font: 1rem x; font-family: Georgia, serif }", "#008080", "Georgia, serif", ""),
        ("button { background: rgb(0 0 0 / .5); border-radius: 9999px }", "", "", "20px"),
        ("button { background: #333; border-radius: 0 }", "", "", "0"),
        ("body { font-family: url(x) } } }}} {{{ @media", "", "", ""),
        ("a{" * 5000, "", "", ""),
    ],
)
def test_a_look_is_what_the_rules_of_a_page_say(sheet: str, accent: str, font: str, radius: str) -> None:
    assert borrowing.look_of(parse("<p>Hi"), [sheet]).look == scaffold.Look(accent, font, radius)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/gone", "it answers 404"), ("/logo", "is not an HTML page but image/png"), ("/round", "more than 5 redirects")],
)
def test_a_page_that_cannot_be_read_is_named(path: str, reason: str) -> None:
    with Server() as shop:
        shop.answers |= {"/logo": (200, "image/png", "", {}), "/round": (302, "text/html", "", {"Location": "/round"})}
        with pytest.raises(borrowing.Unreadable, match=reason):
            asyncio.run(borrowing.borrow(f"http://127.0.0.1:{shop.port}{path}"))
    with pytest.raises(borrowing.Unreadable, match="is not the address of a page"):
        asyncio.run(borrowing.borrow("file:///etc/passwd"))


def test_the_way_to_run_it_that_the_readme_shows_works_in_an_empty_folder(tmp_path: Path, insider: Sandbox) -> None:
    _, _, text = (ROOT / "README.md").read_text("utf-8").partition("## Run it")
    lines = text.split("```")[1].splitlines()
    steps = [line for line in lines if line.startswith(("widget new", "widget check"))]
    named = {line.split()[1].partition("=")[0] for line in lines if line.startswith("export")}
    assert named == {"INSIDER_URL", "INSIDER_CLIENT_ID", "SECRET_KEY"}  # the secret beside the id
    environ = plain_environ(
        INSIDER_URL=insider.url,
        INSIDER_CLIENT_ID=CLIENT_ID,
        INSIDER_CLIENT_SECRET=CLIENT_SECRET,
        SECRET_KEY=SECRET_KEY,
        PATH=f"{Path(COMMAND[0]).parent}{os.pathsep}{os.environ['PATH']}",
    )
    done = children.run(["sh", "-ec", "\n".join(steps)], tmp_path, environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Created Northwind:" in done.stdout
    assert "Nothing is wrong." in done.stdout

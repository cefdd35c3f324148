"""docs/architecture.md lists the packages as they are, and contracts keep their order."""

import importlib
import pkgutil
import re
import tomllib

from bed import ROOT

import widget
from widget import errors

DOCUMENT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PACKAGE = ROOT / "widget"


def packages() -> set[str]:
    """Everything at the top of the package that other code imports."""
    entries = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    return entries - {"__init__", "__main__"}


def layers() -> list[list[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (ordered,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [[name.strip() for name in layer.split("|")] for layer in ordered]


def test_the_tree_of_errors_names_every_one() -> None:
    for module in pkgutil.walk_packages(widget.__path__, "widget."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    pending, named = [errors.WidgetError], set()
    while pending:
        error = pending.pop()
        pending += error.__subclasses__()
        named.add(error.__name__)
    tree = (errors.__doc__ or "").split("WidgetError")[1].split("The decoders")[0]
    assert set(re.findall(r"[├└]─ (\w+)", tree)) == named - {"WidgetError"}


def test_the_packages_are_few_enough_to_remember() -> None:
    assert len(packages()) <= 20


def test_the_table_names_every_package_in_the_order_of_the_contracts() -> None:
    table = DOCUMENT.split("## Packages")[1].split("## ")[0]
    named = [
        name for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)/?`", row)
    ]
    assert set(named) == packages()
    place = {name: number for number, layer in enumerate(layers()) for name in layer}
    assert [place[name] for name in named] == sorted(place[name] for name in named)


def test_every_module_of_the_walks_is_there_and_a_submission_enters_each_once() -> None:
    walks = DOCUMENT.split("## Four walks")[1].split("\n## ")[0]
    named = re.findall(r"`(\w+/\w+)`", walks)
    assert [name for name in named if not (PACKAGE / f"{name}.py").is_file()] == []
    steps = re.findall(r"^\d+\. `(\w+/\w+)`", walks, re.MULTILINE)
    assert len(steps) > 15
    assert len(set(steps)) == len(steps)

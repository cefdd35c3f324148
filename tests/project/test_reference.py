"""The generated parts of the docs match the source."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from bed import ROOT

from widget.pages import views

CUSTOMISING = (ROOT / "docs" / "customising.md").read_text("utf-8")
IDENTITY = (ROOT / "docs" / "identity.md").read_text("utf-8")


def dataclasses_in(annotation: Any) -> Iterator[type]:
    """The types that a type consists of: `tuple[Step, ...]` consists of Step."""
    if isinstance(annotation, type) and is_dataclass(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from dataclasses_in(part)


def names(view: type, before: str = "") -> Iterator[str]:
    """Every value that a template may use, with a dot before attributes."""
    hints = get_type_hints(view)
    for field in fields(view):
        if not field.name.startswith("_"):
            yield before + field.name
            for inner in dataclasses_in(hints[field.name]):
                yield from names(inner, f"{field.name}.")


def test_the_table_of_what_templates_see_has_every_value_and_no_other() -> None:
    table = CUSTOMISING.split("### What a template sees")[1].split("\n\n")[1]
    documented = {name for row in table.splitlines()[2:] for name in re.findall(r"`([\w.]+)`", row.split("|")[1])}
    real = {name for page in views.PAGES.values() for name in names(page)}
    assert documented == real


def test_every_value_that_templates_see_is_frozen() -> None:
    for view in vars(views).values():
        if isinstance(view, type) and is_dataclass(view):
            assert view.__dataclass_params__.frozen, view  # type: ignore[attr-defined]


def test_the_reference_is_what_the_source_says() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "reference", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_reason_for_which_an_identity_is_not_believed_is_documented() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "widget").rglob("*.py"))
    raised = set(re.findall(r'IdentityInvalid\(\s*"(\w+)"', source))
    table = IDENTITY.split("| reason |")[1].split("\n\n")[0]
    documented = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert documented == raised


def test_the_worked_example_is_the_one_that_is_tested() -> None:
    example = tomllib.loads((ROOT / "examples" / "widget.toml").read_text("utf-8"))["products"]["ferry"]
    for text in re.findall(r"```toml\n(\[products\.ferry.*?)```", CUSTOMISING, re.DOTALL):
        for table, values in tomllib.loads(text)["products"]["ferry"].items():
            assert values.items() <= example[table].items()

"""The rooms, as docs/architecture.md has them: a module imports from those above it, never from below."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "widget"


def rooms() -> list[str]:
    """The modules in the order of the documented table."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    return re.findall(r"^\| `([a-z_]+)` \|", text.split("## Rooms")[1].split("## ")[0], re.MULTILINE)


def imports(path: Path) -> set[str]:
    """The rooms that a module imports from, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "widget":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("widget."):
            found.add(str(node.module).split(".")[1])
    return found


def test_every_module_is_a_room_and_every_room_a_module() -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/__init__.py")
    }
    assert modules - {"__init__", "__main__"} == set(rooms())


def test_a_module_imports_from_the_rooms_above_it_alone() -> None:
    order = {room: place for place, room in enumerate(rooms())}
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for other in imports(path) & order.keys():
            if room not in ("__main__", "cli", other):
                assert order[other] < order[room], f"{path.name} imports {other}"


def test_http_and_sql_stay_in_their_rooms() -> None:
    allowed = {
        "httpx": {"insider", "doctor"},
        "sqlalchemy": {"outbox", "settings"},
        "starlette": {"headers", "front", "routes", "intake", "app", "cli", "static_files", "sandbox", "preview"},
        "jinja2": {"templating", "sandbox", "check", "preview"},
        "itsdangerous": {"tokens"},
        "PIL": {"files"},
        "pikepdf": {"files"},
    }
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        tree = ast.parse(path.read_text("utf-8"))
        names = {
            name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
        }
        names |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        for library, at_home in allowed.items():
            assert library not in names or room in at_home, f"{path} imports {library}"

"""Scripts and styles work in browsers that are four years old: Chrome 109, Safari 16 and Firefox ESR 115."""

import json
import subprocess
from pathlib import Path

from bed import ROOT

SYNTAX = Path(__file__).with_name("syntax.mjs")
GUARDED = {"static/editor/private-data.js"}
"""What only browsers load that can parse it."""


def too_young(*files: Path) -> dict[str, str]:
    """The files with newer syntax, with the first such line. esbuild would rewrite it."""
    names = [str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file) for file in files]
    command = ["node", "--input-type=module", "-", *names]
    answer = subprocess.run(
        command, cwd=ROOT, input=SYNTAX.read_text("utf-8"), capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(answer.stdout)
    return found


def test_every_script_and_style_is_in_a_syntax_that_they_can_parse() -> None:
    static = ROOT / "static"
    styles = [*(static / "form.css").iterdir(), *(static / "editor").glob("*.css"), static / "receipt.css"]
    scripts = [*static.glob("*.js"), *(static / "form").glob("*.js"), *(static / "editor").glob("*.js")]
    assert too_young(*styles, *scripts).keys() == GUARDED


def test_a_syntax_that_is_younger_is_found(tmp_path: Path) -> None:
    young = {
        "nested.css": ".a { .b { color: red } }",
        "range.css": "@media (width >= 30rem) { .a { color: red } }",
        "static.js": "class A { static { A.ready = true } }",
        "pattern.js": "export const pattern = /[a&&b]/v",
    }
    old = {
        "plain.css": "@media (min-width: 30rem) { .a:has(b) { user-select: none } }",
        "plain.js": "export class A { #a = 1 }",
    }
    for name, text in {**young, **old}.items():
        (tmp_path / name).write_text(text)
    assert {Path(name).name for name in too_young(*tmp_path.iterdir())} == young.keys()

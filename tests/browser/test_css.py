"""Browsers keep every rule of our style sheets. They drop what they do not understand without a warning."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from bed import ROOT
from form_stage import FormPage

from widget.config import resources

STATIC = ROOT / "static"
SHEETS = sorted([*STATIC.rglob("*.css"), STATIC / "embed-panel.js", ROOT / "loader" / "style.js"])
READ = Path(__file__).with_name("css.mjs")
OTHERS = ("::-moz-progress-bar",)
"""What only other browsers understand."""
BY_SCRIPT = [["", "", "--ifb-height", "1px", []]]
"""Properties that a script sets."""

ASK = r"""found => {
  const own = new Map(found.filter(([, , name]) => name.startsWith('--')).map(([, , name, value]) => [name, value]))
  const root = getComputedStyle(document.documentElement)
  const filled = value => {
    for (let turn = 0; /var\(/.test(value) && turn < 20; turn++) {
      value = value.replace(/var\((--[\w-]+)(?:,((?:[^()]|\([^()]*\))*))?\)/g, (_, name, instead) =>
        root.getPropertyValue(name) || own.get(name) || instead || 'unknown')
    }
    return value
  }
  const isPaint = value => CSS.supports('background', value) || CSS.supports('box-shadow', value)
  const kept = ([, , name, value]) => name.startsWith('--')
    ? !/color|light-dark|^(oklch|rgb)\(|^#/.test(value) || isPaint(filled(value))
    : CSS.supports(name, filled(value.replace(/\s*!important$/, '')))
  const wanted = new Set(found.flatMap(([, , , , selectors]) => selectors))
  return {
    declarations: found.filter(one => !kept(one)).map(one => one.slice(0, 4).join(' ')),
    selectors: [...wanted].filter(one => !CSS.supports(`selector(${one.replace(/&/g, ':root')})`)),
  }
}"""


def declarations(*sheets: Path) -> list[list[Any]]:
    """File, line, property, value, selectors and media queries of each declaration, as postcss reads them."""
    command = ["node", str(READ), *map(str, sheets or (sheet for sheet in SHEETS if sheet.is_file()))]
    found: list[list[Any]] = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    return found


def test_the_browser_keeps_every_declaration_and_selector_of_our_styles(form: FormPage) -> None:
    found = declarations()
    assert len(found) > 500
    answer = form.page.evaluate(ASK, [*found, *BY_SCRIPT])
    assert answer["declarations"] == []
    assert {selector for selector in answer["selectors"] if not selector.endswith(OTHERS)} == set()


def test_a_declaration_that_the_browser_would_drop_is_found(form: FormPage) -> None:
    halo = "4px solid color-mix(in srgb, var(--feedback-focus) light-dark(15%, 18%), transparent)"
    answer = form.page.evaluate(ASK, [["form.css", "1", "outline", halo, [".feedback-input:focsu"]]])
    assert answer["declarations"] == [f"form.css 1 outline {halo}"]
    assert answer["selectors"] == [".feedback-input:focsu"]


def test_nothing_looks_hovered_where_there_is_no_pointer() -> None:
    seen = re.compile(r"^form\.css/|^editor/|^receipt\.css|^embed-panel\.js|/loader/style\.js")
    hovered = [one for one in declarations() if seen.search(one[0]) and ":hover" in "".join(one[4])]
    assert {"form.css/2-base.css", "embed-panel.js"} <= {name for name, *_ in hovered}
    assert [one for one in hovered if not any("hover" in query for query in one[5])] == []


def test_the_form_moves_less_where_people_ask_for_it() -> None:
    sheets = sorted((STATIC / "form.css").iterdir())
    moving = [one for one in declarations(*sheets) if one[2] in ("transition", "animation")]
    assert len(moving) > 5
    assert [one for one in moving if not any("prefers-reduced-motion" in query for query in one[5])] == []


def test_what_is_served_without_indentation_has_the_rules_of_its_source(tmp_path: Path) -> None:
    served = tmp_path / "form.css"
    served.write_bytes(resources.content(STATIC / "form.css"))
    source = [rule[2:] for rule in declarations(*sorted((STATIC / "form.css").iterdir()))]
    assert len(source) > 400
    without = json.loads(re.sub(r",\s+", ",", json.dumps(source)))
    assert [rule[2:] for rule in declarations(served)] == without

"""Every code block of the documents works: settings load, commands are accepted, components compile.

`browser/embed/test_code_blocks_in_pages.py` opens those in HTML, CSS and JavaScript in a page.
"""

import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from bed import ROOT, Sandbox, Widget
from blocks import SERVICE, Block, blocks, named
from samples import png
from structlog.testing import capture_logs

from widget.cli.main import main
from widget.config import loading
from widget.config.secrets import suffix
from widget.config.settings import VARIABLES
from widget.i18n import messages
from widget.pages.pages import Pages
from widget.pages.state import FormState
from widget.pages.templating import Templates

ELSEWHERE = {"python": 1, "po": 1, "yaml": 2}
"""How many blocks `submissions/test_identity.py`, `i18n/test_wording.py` and `tools/test_check.py` run."""
BY_LANGUAGE = {"sh", "toml", "css", "html", "js", "ts", "tsx", "vue", "jinja", *ELSEWHERE}
KEY = "tests-only-tests-only-tests-only-0"
REQUIRED = {
    "INSIDER_URL": "https://insider.example.com",
    "INSIDER_CLIENT_ID": "client",
    "INSIDER_CLIENT_SECRET": "a-secret",
    "SECRET_KEY": KEY,
}
EVENTS_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OURS = "name = 'Northwind'\norigins = ['https://app.example.com']\n"


def test_every_block_names_its_language_and_runs_or_says_why_not() -> None:
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for block in blocks():
        assert block.language, f"{block} names no language"
        assert block.language in BY_LANGUAGE | {"text"} or block.name or block.reason, f"nothing runs {block}"
        assert not block.name or f'"{block.name}"' in tests or f"'{block.name}'" in tests, f"no test runs {block}"


def test_the_settings_of_every_block_are_loaded(tmp_path: Path) -> None:
    config = tmp_path / "widget.toml"
    for block in blocks("toml"):
        text = block.text
        products = tomllib.loads(text)["products"]
        for slug in (slug for slug, table in products.items() if "name" not in table):
            head = f"[products.{slug}]\n"
            text = text.replace(head, head + OURS) if head in text else head + OURS + text
        config.write_text(text, "utf-8")
        signed = (slug for slug, table in products.items() if "identity" in table)
        keys = {f"IDENTITY_KEY__{suffix(slug)}": KEY for slug in signed}
        told = (slug for slug, table in products.items() if "events" in table)
        keys |= {f"EVENTS_SECRET__{suffix(slug)}": EVENTS_SECRET for slug in told}
        settings = loading.load({**REQUIRED, "WIDGET_CONFIG": str(config), **keys})
        assert settings.unusable_themes == (), block
        assert set(settings.products) == set(products), block


# Commands of a shell


def commands(block: Block) -> Iterator[list[str]]:
    """Each simple command of a block, as words."""
    text = re.sub(r"(?m)(^|\s)#.*$", "", block.text).replace("\\\n", " ")
    text = re.sub(r"\$\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)", "output", text)
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, "#"
    words: list[str] = []
    for word in [*lexer, "\n"]:
        if not set(word) <= set("();|&\n"):
            words.append(word)
        elif words:
            yield words
            words = []


def understood(words: list[str]) -> None:
    """Have click parse a command line of ours. Raises its error about a wrong one, except about missing files."""
    command: click.Command = main
    context = click.Context(main)
    rest = words[1:]
    while isinstance(command, click.Group):
        found = command.get_command(context, rest[0])
        assert found, f"there is no command {rest[0]}"
        command, rest = found, rest[1:]
    try:
        with command.make_context(words[0], rest):
            pass
    except click.BadParameter as error:
        if not (error.param and isinstance(error.param.type, click.Path | click.File)):
            raise


def assigned(words: list[str]) -> list[str]:
    """The variables that a command sets, if it does nothing else."""
    given = words[1:] if words[0] == "export" else words
    names = [re.match(r"([A-Z_]+)=", word) for word in given]
    return [name[1] for name in names if name] if all(names) else []


def test_every_command_of_ours_is_understood_and_every_setting_is_one() -> None:
    known = {name.upper() for name in VARIABLES}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    seen = set()
    for block in (block for block in blocks() if block.language == "sh"):
        for words in commands(block):
            seen.add(words[0])
            if words[0] == "widget":
                understood(words)
            elif words[0] == "make":
                assert set(words[1:]) <= targets, block
            elif names := assigned(words):
                ours = [name for name in names if not name.startswith("OTEL_")]
                assert {name.partition("__")[0] for name in ours} <= known | {"IDENTITY_KEY", "EVENTS_SECRET"}, block
            elif not block.name and not block.reason:
                assert words[0] in {"cd", "curl", "grep"}, f"nothing runs {words[0]!r} of {block}"
    assert seen >= {"widget", "make", "curl", "export"}


ANSWERS = (
    "HTTP/1.1 200",
    "frame-ancestors 'self' https://app.example.com",
    '<html lang="de"',
    '"status":"ready"',
    '"reason":"malformed"',
)
"""Answers of the service to the commands that call it, among others."""


def test_every_command_that_asks_the_service_is_answered(tmp_path: Path, insider: Sandbox) -> None:
    config = f"[products.demo]\n{OURS}[products.demo.identity]\n"
    with Widget(tmp_path, insider.url, config=config, OPS_TOKEN=KEY, IDENTITY_KEY__DEMO=KEY) as widget:
        asks = [block.text for block in blocks("sh") if re.match(r"curl ", block.text)]
        assert len(asks) > 4
        script = "set -e -o pipefail\n" + "echo\n".join(asks).replace(SERVICE, widget.url)
        answer = shell(script, tmp_path, OPS_TOKEN=KEY, TOKEN="eyJ")
    for part in ANSWERS:
        assert part in answer


def test_the_commands_that_send_without_our_form_send(tmp_path: Path, insider: Sandbox) -> None:
    (tmp_path / "screen.png").write_bytes(png(8, 8))
    with Widget(tmp_path, insider.url) as widget:
        answer = shell(named("api", "send").text.replace("sleep 2\n", ""), tmp_path, SERVICE=widget.url)
    assert '"status":"delivered"' in answer.replace(" ", "")
    assert insider.descriptions() == ["The totals jump."]


def test_the_commands_that_make_a_pair_of_keys_make_one(tmp_path: Path) -> None:
    public = shell(named("identity", "keys").text, tmp_path)
    config = tmp_path / "widget.toml"
    config.write_text(f"[products.demo]\n{OURS}[products.demo.identity]\npublic_keys = '''\n{public}'''\n")
    assert loading.load_products(config)["demo"].identity
    assert "PRIVATE KEY" in (tmp_path / "private.pem").read_text()


def shell(script: str, folder: Path, **environ: str) -> str:
    """The output of a script, which must succeed."""
    command, variables = ["bash", "-e", "-c", script], {**os.environ, **environ}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# Components and templates


def test_every_component_in_typescript_has_the_right_types(tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    modules.mkdir()
    for package in (ROOT / "node_modules").iterdir():
        (modules / package.name).symlink_to(package)
    (modules / "insider-feedback-embed").symlink_to(ROOT / "npm")
    (tmp_path / "embed.d.ts").write_bytes((ROOT / "static" / "embed.d.ts").read_bytes())
    written = []
    for number, block in enumerate(blocks("ts", "tsx")):
        path = tmp_path / f"block{number}.{block.language}"
        path.write_text(block.text, "utf-8")
        written.append(path.name)
    assert len(written) > 1
    options = "--noEmit --strict --jsx react-jsx --experimentalDecorators --target es2022 --module esnext"
    tool = str(ROOT / "node_modules" / ".bin" / "tsc")
    command = [
        tool,
        *options.split(),
        "--moduleResolution",
        "bundler",
        "--preserveSymlinks",
        "--skipLibCheck",
        *written,
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


COMPILE = """
import {compileScript, compileTemplate, parse} from 'vue/compiler-sfc'
let source = ''
for await (const part of process.stdin) source += part
for (const text of JSON.parse(source)) {
  const {descriptor, errors} = parse(text)
  const {bindings} = compileScript(descriptor, {id: 'block'})
  const isCustomElement = tag => tag === 'insider-feedback'
  const {errors: more} = compileTemplate({
    id: 'block', filename: 'block.vue', source: descriptor.template.content,
    compilerOptions: {bindingMetadata: bindings, isCustomElement, expressionPlugins: ['typescript']},
  })
  for (const error of [...errors, ...more]) throw error
}
"""


def test_every_component_of_vue_compiles() -> None:
    texts = json.dumps([block.text for block in blocks("vue")])
    command = ["node", "--input-type=module", "-e", COMPILE]
    done = subprocess.run(command, cwd=ROOT, input=texts, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_template_renders(tmp_path: Path) -> None:
    product = loading.load_products(ROOT / "examples" / "widget.toml")["demo"]
    for block in blocks("jinja"):
        folder = tmp_path / product.slug
        folder.mkdir(exist_ok=True)
        (folder / "form.html").write_text(block.text, "utf-8")
        templates = Templates(ROOT / "templates", tmp_path, slugs=[product.slug], static=lambda name: f"/{name}")
        with capture_logs() as logs:
            page = Pages(templates).form(product, messages.choose("en"), FormState("t"))
        assert logs == []
        assert "logo.svg" in page


@pytest.mark.parametrize(("language", "number"), ELSEWHERE.items())
def test_other_tests_run_the_blocks_that_are_left(language: str, number: int) -> None:
    assert len(blocks(language)) == number

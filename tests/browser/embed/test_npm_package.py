"""The npm package: packed, installed from its tarball into the apps of examples/, and used there; its types."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from bed import ROOT, until
from playwright.sync_api import expect
from rounds import HostPage

PACKAGE = "insider-feedback-embed"
BUDGET = 2048
POLICY = "default-src 'none'; script-src 'self' WIDGET; frame-src WIDGET; require-trusted-types-for 'script'"
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Orders</title>'
    '<body><main id="app" data-service="WIDGET"></main><script type="module" src="/app.js"></script>'
)
LOAD = f"""import {{load}} from '{PACKAGE}'
document.querySelector('#app').innerText = 'Orders'
const url = document.querySelector('#app').dataset.service
const [feedback, again] = await Promise.all([load({{url, product: 'demo', label: 'Tell us'}}), load({{url}})])
if (feedback !== again) throw new Error('loaded twice')
"""


def run(*command: str, folder: Path, text: str | None = None) -> str:
    ended = subprocess.run(command, input=text, text=True, capture_output=True, cwd=folder, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the apps and the package as npm installs it. Everything else is linked from this repository."""
    folder = tmp_path_factory.mktemp("apps")
    (packed,) = json.loads(run("npm", "pack", "--json", "--pack-destination", str(folder), folder=ROOT / "npm"))
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    install = ("npm", "install", "--offline", "--legacy-peer-deps", "--no-audit", "--no-fund", packed["filename"])
    run(*install, folder=folder)
    modules = folder / "node_modules"
    for there in (ROOT / "node_modules").iterdir():
        if there.name not in {PACKAGE, ".package-lock.json"}:
            os.symlink(there, modules / there.name)
    for name in ("react", "vue", "svelte"):
        shutil.copytree(ROOT / "examples" / name, folder / name, ignore=shutil.ignore_patterns("node_modules"))
    return folder


def esbuild(folder: Path, entry: str, *more: str, text: str | None = None) -> str:
    """The bundle of the app in a folder; `text` replaces the file's content."""
    source = (entry,) if text is None else (f"--sourcefile={entry}", "--loader=js")
    tool = str(ROOT / "node_modules" / ".bin" / "esbuild")
    flags = ("--bundle", "--format=esm", "--jsx=automatic", '--define:process.env.NODE_ENV="development"')
    return run(tool, *source, *flags, *more, "--log-level=error", folder=folder, text=text)


def built(folder: Path, *more: str) -> str:
    """The bundle that an example's own `npm run build` makes without a warning. `more` are flags for esbuild."""
    command = ["npm", "run", "--silent", "build", "--", "--log-level=warning", *more]
    ended = subprocess.run(command, text=True, capture_output=True, cwd=folder, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    return (folder / "app.bundle.js").read_text("utf-8")


REACT_18 = ("--alias:react=react-18", "--alias:react-dom=react-dom-18")
APPS: dict[str, Callable[[Path], str]] = {
    "load()": lambda apps: esbuild(apps, "load.js", text=LOAD),
    "React 19": lambda apps: built(apps / "react"),
    "React 18": lambda apps: built(apps / "react", *REACT_18),
    "Vue 3": lambda apps: built(apps / "vue"),
    "Svelte 5": lambda apps: built(apps / "svelte"),
}


@pytest.mark.parametrize("name", APPS)
def test_an_app_that_installed_the_package_sends_one_submission(host: HostPage, apps: Path, name: str) -> None:
    """With a policy that forbids script from strings and, for React, in StrictMode."""
    host.script(APPS[name](apps))
    host.put(PAGE, Content_Security_Policy=POLICY)
    host.visit()
    expect(host.launcher).to_have_text("Tell us")
    host.go_round()
    if name != "load()":
        expect(host.page.locator("output")).not_to_have_text("none yet")


WRONG = f"""import {{follow, load}} from '{PACKAGE}'
const url = document.querySelector('#app').dataset.service
const element = document.createElement('insider-feedback')
const {{update}} = follow(element, () => {{}})
update({{url, product: 'demo', mode: 'window', tehme: 'dark'}})
document.body.append(element)
await load({{url: 'feedback.example.com'}}).catch(error => console.warn(error.message))
const nowhere = follow(document.createElement('insider-feedback'), () => {{}})
for (const theme of ['light', 'dark']) nowhere.update({{product: 'demo', theme}})
await load({{url, product: 'demo', thme: 'dark', theme: 'night'}})
"""


def test_wrong_options_are_named_on_the_console(host: HostPage, apps: Path) -> None:
    host.script(esbuild(apps, "wrong.js", text=WRONG))
    host.put(PAGE, Content_Security_Policy=POLICY)
    wanted = (
        'mode cannot be "window": write popover or dialog or inline',
        "There is no option tehme: there are product, ",
        "feedback.example.com is none",
        "[feedback] load() needs the address of the service",
        "There is no option thme: there are product, ",
        'theme cannot be "night": write light or dark or auto',
    )
    host.visit()
    until(lambda: host.page.title() and all(any(part in text for text in host.said) for part in wanted))
    assert len(host.said) == len(wanted)


def test_a_server_renders_the_component_and_cannot_load(apps: Path) -> None:
    script = f"""import {{createElement}} from 'react'
    import {{renderToString}} from 'react-dom/server'
    import {{load}} from '{PACKAGE}'
    import {{Feedback}} from '{PACKAGE}/react'
    console.log(renderToString(createElement(Feedback, {{url: 'https://feedback.example.com', product: 'demo'}})))
    await load({{url: 'https://feedback.example.com'}}).catch(error => console.log(error.message))"""
    shown = run("node", "--input-type=module", "--preserve-symlinks", "-", folder=apps, text=script)
    assert shown.splitlines()[0] == "<insider-feedback></insider-feedback>"
    assert "load() needs a browser" in shown


USE = f"""import {{load, type FeedbackOptions}} from '{PACKAGE}'
import {{Feedback as InReact}} from '{PACKAGE}/react'
import {{Feedback as InVue}} from '{PACKAGE}/vue'
import {{feedback}} from '{PACKAGE}/svelte'
import {{h}} from 'vue'

const url = 'https://feedback.example.com'
const options: FeedbackOptions = {{theme: 'dark'}}
load({{url, product: 'demo', ...options}}).then(api => api.on('success', ({{receipt}}) => receipt.length))
InReact({{url, product: 'demo', onSuccess: ({{receipt}}) => receipt.length}})
h(InVue, {{url, product: 'demo', onSuccess: data => data.receipt.length}})
feedback(document.body, {{url, product: 'demo'}}).destroy()
// @ts-expect-error: there is no such theme
load({{url, theme: 'night'}})
// @ts-expect-error: there is no such option
load({{url, thme: 'dark'}})
// @ts-expect-error: without an address there is nothing to load
load({{product: 'demo'}})
// @ts-expect-error: a component needs a product
InReact({{url}})
"""


def test_its_types_name_wrong_options(apps: Path) -> None:
    (apps / "use.ts").write_text(USE)
    options = ("--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")
    tool = str(ROOT / "node_modules" / ".bin" / "tsc")
    run(tool, *options, "--types", "react", "--preserveSymlinks", "use.ts", folder=apps)


def test_its_types_and_version_are_those_of_the_service() -> None:
    types = (ROOT / "static" / "embed.d.ts").read_text("utf-8")
    assert (ROOT / "npm" / "embed.d.ts").read_text("utf-8") == types, "run `make loader`"
    version = json.loads((ROOT / "npm" / "package.json").read_text("utf-8"))["version"]
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_it_is_small(apps: Path) -> None:
    external = ("--minify", "--external:react", "--external:vue")
    for entry in ("index", "react", "vue", "svelte"):
        script = esbuild(apps / "node_modules" / PACKAGE, f"{entry}.js", *external)
        assert len(script.encode()) < BUDGET, entry

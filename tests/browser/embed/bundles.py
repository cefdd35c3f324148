"""Bundles of small pages that use the real libraries from npm, built as their users build them."""

import subprocess
from functools import cache
from pathlib import Path

from bed import ROOT

APPS = Path(__file__).parent / "apps"
REACT_18 = ("--alias:react=react-18", "--alias:react-dom=react-dom-18")
VUE_FLAGS = ("OPTIONS_API", "PROD_DEVTOOLS", "PROD_HYDRATION_MISMATCH_DETAILS")


def run(*command: str, text: str | None = None) -> str:
    """The output of a command that reads `text`."""
    ended = subprocess.run(command, input=text, text=True, capture_output=True, cwd=APPS)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@cache
def bundle(name: str, *more: str, text: str | None = None) -> str:
    """An app of the folder, bundled. `more` are arguments for esbuild; `text` replaces the file's content."""
    source = (name,) if text is None else (f"--sourcefile={name}", "--loader=js")
    return run(
        str(ROOT / "node_modules" / ".bin" / "esbuild"),
        *source,
        "--bundle",
        '--define:process.env.NODE_ENV="development"',
        *(f"--define:__VUE_{flag}__=false" for flag in VUE_FLAGS),
        "--log-level=warning",
        *more,
        text=text,
    )


@cache
def svelte() -> str:
    """The Svelte app, compiled first."""
    return bundle("svelte.js", "--conditions=browser", text=run("node", "svelte.mjs"))


@cache
def rendered(loader: str, *more: str) -> str:
    """The document that React renders on a server for the script at `loader`."""
    script = bundle("document.tsx", "--platform=node", *more)
    return run("node", "-", loader, text=script)

"""What is downloaded from the npm registry at run time, and never kept in the repository: the rivals and Lighthouse."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import brotli

from bench.stage import CACHE, environ

PACKAGES: Mapping[str, str] = {
    "@sentry/browser": "11.12.0",
    "pushfeedback": "0.1.85",
    "giscus": "1.6.0",
    "esbuild": "0.28.2",
    "lighthouse": "13.5.0",
}
"""Names and exact versions."""
_FOLDER = CACHE / "npm"
_MODULES = _FOLDER / "node_modules"
_MINUTES = 5
_SENTRY = """import {init, feedbackIntegration} from '@sentry/browser'
const dsn = location.origin.replace('//', '//key@') + '/1'
init({dsn, integrations: [feedbackIntegration({colorScheme: 'system'})]})
"""

Page = tuple[str, Mapping[str, bytes]]
"""The content of a host page, and its files by path."""


def fetch() -> None:
    """Install the packages into an ignored folder, unless they are there already."""
    stamp, wanted = _FOLDER / "stamp", json.dumps(PACKAGES)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    _FOLDER.mkdir(parents=True, exist_ok=True)
    (_FOLDER / "package.json").write_text('{"private": true, "type": "module"}')
    names = [f"{name}@{version}" for name, version in PACKAGES.items()]
    command = ["npm", "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--silent", *names]
    subprocess.run(command, cwd=_FOLDER, check=True, timeout=_MINUTES * 60)
    stamp.write_text(wanted)


def _bundle(name: str, source: str) -> bytes:
    """A script with everything that it imports, as a production build makes it."""
    entry, target = _FOLDER / f"{name}.entry.js", _FOLDER / f"{name}.js"
    entry.write_text(source)
    options = ["--bundle", "--minify", "--format=esm", "--target=es2022", "--conditions=production"]
    subprocess.run(
        [_MODULES / ".bin" / "esbuild", entry, *options, f"--outfile={target}", "--log-level=error"], check=True
    )
    return target.read_bytes()


def sentry() -> Page:
    """Sentry's SDK with its feedback integration, as documented for npm: all in one script."""
    return '<script type="module" src="/sentry.js"></script>', {"/sentry.js": _bundle("sentry", _SENTRY)}


def pushfeedback() -> Page:
    """pushfeedback's element as its package builds it: a loader that fetches what is used."""
    folder = _MODULES / "pushfeedback" / "dist" / "pushfeedback"
    files = {f"/pushfeedback/{path.name}": path.read_bytes() for path in folder.iterdir() if path.is_file()}
    head = (
        '<link rel="stylesheet" href="/pushfeedback/pushfeedback.css">'
        '<script type="module" src="/pushfeedback/pushfeedback.esm.js"></script>'
        '<feedback-button project="demo" button-position="bottom-right">Feedback</feedback-button>'
    )
    return head, files


def giscus() -> Page:
    """giscus's element. The frame that it opens comes from its own server, which is not contacted."""
    tag = '<giscus-widget repo="a/b" repoid="1" mapping="pathname" loading="lazy"></giscus-widget>'
    return f'<script type="module" src="/giscus.js"></script>{tag}', {
        "/giscus.js": _bundle("giscus", "import 'giscus'")
    }


def packed(content: bytes) -> bytes:
    """The content as a good server sends it, with brotli's best level."""
    return bytes(brotli.compress(content, quality=11))


def lighthouse(url: str, chromium: str, into: Path) -> Mapping[str, float]:
    """Lighthouse's scores of a page, 0 to 100, by category."""
    categories = "performance,accessibility,best-practices"
    command = [
        "node",
        str(_MODULES / "lighthouse" / "cli" / "index.js"),
        url,
        f"--only-categories={categories}",
        "--output=json",
        f"--output-path={into}",
        "--quiet",
        "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
    ]
    env = environ(CHROME_PATH=chromium)
    if subprocess.run(command, env=env, timeout=120, capture_output=True).returncode:  # the browser did not start
        subprocess.run(command, env=env, timeout=120, check=True)
    report = json.loads(into.read_text())
    return {name: 100 * float(category["score"]) for name, category in report["categories"].items()}

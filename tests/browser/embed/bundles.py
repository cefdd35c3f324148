"""The scripts of small pages, with the real libraries from npm, packed as those who use them pack them."""

import subprocess
from functools import cache
from pathlib import Path

from bed import ROOT

APPS = Path(__file__).parent / "apps"
REACT_18 = ("--alias:react=react-18", "--alias:react-dom=react-dom-18")
VUE_FLAGS = ("OPTIONS_API", "PROD_DEVTOOLS", "PROD_HYDRATION_MISMATCH_DETAILS")


@cache
def bundle(name: str, *more: str) -> str:
    """An app of the folder beside this file as one script; `more` are arguments for esbuild."""
    command = (
        str(ROOT / "node_modules" / ".bin" / "esbuild"),
        str(APPS / name),
        "--bundle",
        '--define:process.env.NODE_ENV="development"',
        *(f"--define:__VUE_{flag}__=false" for flag in VUE_FLAGS),
        "--log-level=warning",
        *more,
    )
    run = subprocess.run(command, text=True, capture_output=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    return run.stdout

"""The scripts that `make loader` bundles."""

import json
import os
import subprocess

import pytest
from bed import ROOT


@pytest.mark.parametrize(
    ("name", "script"), [("embed.js", "loader"), ("form/main.js", "form"), ("form/rest.js", "rest")]
)
def test_what_is_served_is_built_from_the_source(name: str, script: str) -> None:
    command = json.loads((ROOT / "package.json").read_text("utf-8"))["scripts"][script]
    command = command.replace(f"--outfile=static/{name}", "")
    path = f"{ROOT}/node_modules/.bin:{os.environ['PATH']}"
    built = subprocess.run(command, shell=True, cwd=ROOT, check=True, env={"PATH": path}, stdout=subprocess.PIPE)  # noqa: S602 - our own
    assert (ROOT / "static" / name).read_bytes() == built.stdout, "run `make loader`"

"""static/embed.js is what `make loader` makes of loader/."""

import json
import subprocess

from bed import ROOT


def test_what_is_served_is_built_from_the_source() -> None:
    command = json.loads((ROOT / "package.json").read_text("utf-8"))["scripts"]["loader"]
    arguments = [word for word in command.split() if not word.startswith("--outfile")]
    built = subprocess.run(["npx", "--no-install", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (ROOT / "static" / "embed.js").read_text("utf-8") == built.stdout, "run `make loader`"

"""The short form of `make chaos`."""

import subprocess
import sys

from bed import ROOT, plain_environ


def test_kills_at_random_lose_nothing_and_make_nothing_twice_in_silence() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "chaos"), "--submissions", "60", "--kills", "6"]
    done = subprocess.run(command, env=plain_environ(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 submissions with 90 files" in done.stdout
    assert "lost: 0\n" in done.stdout
    assert "made twice outside unknown: 0\n" in done.stdout
    print(done.stdout)  # noqa: T201

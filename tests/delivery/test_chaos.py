"""The short form of `make chaos`, on both databases."""

import subprocess
import sys

from bed import ROOT, plain_environ

SEVERAL = ["--web", "2", "--workers", "2", "--truncate-jobs"]


def test_kills_at_random_lose_nothing_and_make_nothing_twice_in_silence(database_url: str) -> None:
    where = [] if database_url.startswith("sqlite") else ["--database", database_url, *SEVERAL]
    command = [sys.executable, str(ROOT / "scripts" / "chaos"), "--submissions", "60", "--kills", "6", *where]
    done = subprocess.run(command, env=plain_environ(), capture_output=True, text=True, timeout=300)
    print(done.stdout)  # noqa: T201 - the counts
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 submissions with 90 files" in done.stdout
    assert "lost: 0\n" in done.stdout
    assert "made twice outside unknown: 0\n" in done.stdout

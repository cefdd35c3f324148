"""A short run of every fuzzer: more than 10,000 cases without a crash, and nothing left behind."""

import re
import subprocess
import sys
from pathlib import Path

import children
import pytest
from bed import ROOT, plain_environ

sys.path.insert(0, str(ROOT))

from fuzz import targets

CORPUS = ROOT / "fuzz" / "corpus"


def fuzz(target: str, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a fuzzer. It is not forked, because it traces the modules that it imports."""
    command = [sys.executable, "-m", "fuzz", target, "--folder", str(folder), "--seed", "20260102", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("target", targets.TARGETS)
def test_no_case_crashes_or_leaves_a_file_a_descriptor_or_memory_behind(target: str, tmp_path: Path) -> None:
    cases = targets.TARGETS[target][1]
    done = fuzz(target, tmp_path, "--runs", str(cases))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert re.search(rf"^{cases} cases: descriptors \+0, ", done.stdout, re.MULTILINE), done.stdout[-2000:]
    assert not list((tmp_path / "spool" / target).iterdir())
    assert not list((tmp_path / target).glob("crash-*"))


def test_ten_thousand_cases_are_run() -> None:
    assert sum(cases for _, cases in targets.TARGETS.values()) >= 10_000


@pytest.mark.parametrize("target", targets.TARGETS)
def test_every_seed_passes(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "SPOOL", tmp_path)
    seeds = sorted((CORPUS / target).iterdir())
    assert seeds
    for seed in seeds:
        targets.TARGETS[target][0](seed.read_bytes())


@pytest.mark.parametrize("held", ["descriptor", "object", "file"])
def test_a_target_that_leaves_something_behind_is_found_out(held: str, tmp_path: Path) -> None:
    leaks = {
        "descriptor": "kept.append(open('/dev/null'))",
        "object": "kept.extend([] for _ in range(100))",
        "file": "(targets.SPOOL / str(len(kept))).touch(); kept.append(0); targets.body(b'\\xff--b--')",
    }
    code = (
        "import fuzz.__main__ as fuzzer, fuzz.targets as targets\n"
        f"kept = []\ndef leak(data):\n    {leaks[held]}\n"
        "targets.TARGETS['name'] = (leak, 1)\nfuzzer.main()"
    )
    command = [sys.executable, "-c", code, "name", "--runs", "800", "--folder", str(tmp_path)]
    done = children.run(command, ROOT, plain_environ(), timeout=300)
    assert done.returncode != 0
    assert "left behind" in done.stdout + done.stderr

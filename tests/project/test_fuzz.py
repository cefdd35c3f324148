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


def test_no_case_crashes_or_leaves_a_file_a_descriptor_or_memory_behind(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """The fuzzer forks for each target itself. It is no fork of ours, because it traces the modules that it imports."""
    command = [sys.executable, "-m", "fuzz", "all", "--short", "--folder", str(tmp_path), "--seed", "20260102"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    said = dict(part.split("\n", 1) for part in done.stdout.split("== ")[1:])
    assert said.keys() == targets.TARGETS.keys()
    for target, (_, cases) in targets.TARGETS.items():
        with subtests.test(target):
            assert re.search(rf"^{cases} cases: descriptors \+0, ", said[target], re.MULTILINE), said[target][-2000:]
            assert not list((tmp_path / "spool" / target).iterdir())
            assert not list((tmp_path / target).glob("crash-*"))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


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

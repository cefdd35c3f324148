"""Fuzzes one target, or all in turn: guided by coverage if atheris is installed, otherwise by blind changes.

    python -m fuzz picture                     for five minutes
    python -m fuzz all --seconds 3600          an hour for each
    python -m fuzz body --runs 2500            2,500 cases
    python -m fuzz all --short                 as many of each as the tests run
    python -m fuzz pdf --case build/fuzz/pdf/crash-…

Findings are written to `build/fuzz/`. Add the input of a crash to `fuzz/corpus/`, in the commit that fixes it.
"""

import argparse
import gc
import importlib
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
WARM = 300
"""Cases after which nothing should grow any more."""
MOST_OBJECTS, MOST_MEMORY = 20_000, 96 * 1024 * 1024
"""Objects and bytes by which it may still grow: caches fill up, and the fuzzer keeps its findings."""


def main() -> None:
    """Parse the arguments, and run."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Fuzz a target.")
    parser.add_argument("target", help="a target's name, or all")
    parser.add_argument("--runs", type=int, default=0, help="cases; without it, --seconds counts")
    parser.add_argument("--short", action="store_true", help="as many cases as the tests run")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="0 for a different one each time")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz", help="where findings go")
    parser.add_argument("--case", type=Path, help="run a single input")
    options = parser.parse_args()
    if options.target == "all":
        sys.exit(_run_all(options))
    atheris = _atheris()
    _run(options, atheris, _import_targets(atheris))


def _run_all(options: argparse.Namespace) -> int:
    """Run each target in a fork, since to import them takes longer than a short run of most. Returns the exit code."""
    atheris = _atheris()
    targets = _import_targets(atheris)
    codes = []
    for name in sorted(targets.TARGETS):
        print(f"== {name}", flush=True)
        if not (child := os.fork()):
            _run(argparse.Namespace(**vars(options) | {"target": name}), atheris, targets)
            os._exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return int(any(codes))


def _import_targets(atheris: Any) -> Any:
    if atheris is None:
        return importlib.import_module("fuzz.targets")
    with atheris.instrument_imports(include=["widget", "python_multipart", "itsdangerous"]):
        return importlib.import_module("fuzz.targets")


def _run(options: argparse.Namespace, atheris: Any, targets: Any) -> None:
    run, short = targets.TARGETS[options.target]
    options.runs = short if options.short else options.runs
    targets.SPOOL = options.folder / "spool" / options.target
    shutil.rmtree(targets.SPOOL, ignore_errors=True)
    targets.SPOOL.mkdir(parents=True)
    if options.case:
        run(options.case.read_bytes())
        return
    found = options.folder / options.target
    found.mkdir(parents=True, exist_ok=True)
    watched = _Watched(run, options.runs)
    if atheris is None:
        _run_blindly(watched, options)
        return
    arguments = [
        f"-artifact_prefix={found}/",
        *([f"-seed={options.seed}"] if options.seed else []),
        *([f"-runs={options.runs}"] if options.runs else [f"-max_total_time={options.seconds}"]),
        "-max_len=8192",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        str(found),
        str(CORPUS / options.target),
    ]
    atheris.Setup([sys.argv[0], *arguments], watched)
    atheris.Fuzz()


def _atheris() -> Any:
    try:
        return importlib.import_module("atheris")
    except ImportError:
        return None


class _Watched:
    """A target that notices if cases leave descriptors, objects or memory behind."""

    def __init__(self, run: Callable[[bytes], None], runs: int) -> None:
        self._run = run
        self._runs = runs
        self._cases = 0
        self._before: tuple[int, int, int] | None = None

    def __call__(self, data: bytes) -> None:
        self._run(data)
        self._cases += 1
        if self._cases == WARM:
            self._before = _held()
        elif self._before and (self._cases == self._runs or self._cases % 5000 == 0):
            self._compare(self._before, _held())

    def _compare(self, before: tuple[int, int, int], now: tuple[int, int, int]) -> None:
        grown = [after - earlier for earlier, after in zip(before, now, strict=True)]
        print(f"{self._cases} cases: descriptors {grown[0]:+}, objects {grown[1]:+}, memory {grown[2] >> 20:+} MiB")
        sys.stdout.flush()
        if grown[0] > 0 or grown[1] > MOST_OBJECTS or grown[2] > MOST_MEMORY:
            raise AssertionError("something was left behind")


def _held() -> tuple[int, int, int]:
    """Open descriptors, Python's objects, bytes of memory."""
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    try:
        memory = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        memory = 0
    return descriptors, len(gc.get_objects()), memory


def _run_blindly(run: Callable[[bytes], None], options: argparse.Namespace) -> None:
    """Change seeds at random. That is no match for guidance, but better than nothing."""
    chance = random.Random(options.seed or None)
    seeds = [path.read_bytes() for path in sorted((CORPUS / options.target).iterdir())]
    end, case = time.monotonic() + options.seconds, 0
    while case < options.runs if options.runs else time.monotonic() < end:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(6)):
            at = chance.randrange(len(data) + 1)
            data[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
        try:
            run(bytes(data))
        except BaseException:
            (options.folder / options.target / f"crash-{case}").write_bytes(data)
            raise
        case += 1


if __name__ == "__main__":
    main()

"""A helper that is forked cannot be told from one that was started (see `nursery`)."""

import json
import subprocess
import sys
from pathlib import Path

import children
import pytest
from bed import ROOT, plain_environ
from samples import photo, png

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

SERVICE = """
import asyncio, json, os, resource, sys
from pathlib import Path
from widget.files.pool import Examiner, _Helper
from widget.files.protocol import Rules
from widget.server import hardening

RULES = Rules(max_pixels=1_000_000)
ALIKE = ["Uid", "Gid", "Groups", "Umask", "Threads", "NSpgid", "NSsid", "NoNewPrivs", "Seccomp", "SigBlk", "SigIgn",
         "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd"]

def circumstances(helper):
    assert helper.is_ready()
    proc = Path(f"/proc/{helper._process.pid}")
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    limits = {line[:26].strip(): line[26:].split()[:2] for line in (proc / "limits").read_text().splitlines()[1:]}
    room = int(limits.pop("Max address space")[0]) - int(status["VmPeak"].split()[0]) * 1024
    return {
        "status": {name: status[name].split() for name in ALIKE},
        "limits": limits,
        "room": round(room / (64 << 20)),
        "is small": 10 << 20 < helper.memory() < 48 << 20,
        "folder": os.readlink(proc / "cwd"),
        "streams": [os.readlink(proc / "fd" / name).partition(":")[0] for name in "012"],
        "others": sorted(os.readlink(proc / "fd" / name) for name in os.listdir(proc / "fd") if int(name) > 2),
        "missing": helper.missing,
    }

def ends():
    ended, killed, confused = (_Helper(RULES, 9) for _ in range(3))
    assert all(each.is_ready() for each in (ended, killed, confused))
    killed._process.kill()
    confused._socket.sendall(bytes([99] * 5))
    return {"statuses": [each.end() for each in (ended, killed, confused)], "is ready": killed.is_ready(),
            "polled": killed._process.poll(), "waited": killed._process.wait(), "memory": killed.memory()}

async def seen():
    examiner = Examiner(RULES, processes=1, timeout=9, patience=9)
    try:
        return [[repr(await examiner.examine(path, media_type, client="")), path.read_bytes().hex()]
                for media_type, path in zip(sys.argv[1::2], map(Path, sys.argv[2::2]))]
    finally:
        await examiner.close()

resource.setrlimit(resource.RLIMIT_MSGQUEUE, (12_345, 12_345))
hardening.keep_files_private()
hardening.harden()
helper = _Helper(RULES, 9)
is_forked = b"forkserver" in Path(f"/proc/{helper._process.pid}/cmdline").read_bytes()
told = {"circumstances": circumstances(helper), "ends": ends(), "seen": asyncio.run(seen()), "end": helper.end()}
print(json.dumps([is_forked, told]))
"""
"""Has helpers, and prints what can be seen of them."""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """Runs the service with files of each kind, good and bad."""
    pdf = (ROOT / "widget" / "files" / "samples" / "warm.pdf").read_bytes()
    files = [("image/png", png()), ("image/jpeg", photo()), ("application/pdf", pdf)]
    command = [sys.executable, "-c", SERVICE]
    for number, (media_type, data) in enumerate([*files, *((kind, data[:-40]) for kind, data in files)]):
        (tmp_path / str(number)).write_bytes(data)
        command += [media_type, str(number)]
    return command


def test_a_helper_that_is_forked_is_as_one_that_was_started(command: list[str], tmp_path: Path) -> None:
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    forked = children.run(command, tmp_path, plain_environ())
    for path, data in kept.items():
        path.write_bytes(data)
    started = subprocess.run(command, cwd=tmp_path, env=plain_environ(), capture_output=True, text=True)
    assert (forked.returncode, started.returncode) == (0, 0), forked.stderr + started.stderr
    (is_forked, of_forked), (is_started_so, of_started) = json.loads(forked.stdout), json.loads(started.stdout)
    assert (is_forked, is_started_so) == (True, False)
    assert of_forked == of_started
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} != kept, "nothing had to be removed"

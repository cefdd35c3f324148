"""An attacker who takes over the process that checks files gains nothing. The tests attack each barrier from within."""

import json
import os
import socket
import subprocess
import sys

import pytest
from bed import ROOT
from samples import jpeg, photo, png, screenshot
from structlog.testing import capture_logs
from test_examiner import JPEG, PDF, PNG, RULES, children, proc_file, running, see
from test_pdfs import ACTIVE, BROKEN, ENCRYPTED, HARMLESS
from test_strange_pictures import GOES_ON, with_a_table_that_cannot_be

from widget.files import HEAD_SIZE, identify
from widget.files.examine import examine

CORPUS = ROOT / "fuzz" / "corpus"
ATTACK = """
import ctypes, errno, json, mmap, os, resource, signal, socket, sys
from widget.files import confinement

victim, port = int(sys.argv[1]), int(sys.argv[2])
us = socket.socket(fileno=0)
{without}
listening = socket.socket()
missing = confinement.confine(None)
for descriptor in (1, 2):
    try:
        os.close(descriptor)  # to make room for others
    except OSError:
        pass
libc = ctypes.CDLL(None, use_errno=True)

def call(function, *arguments):
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), "")

def connect():
    with socket.socket() as one:
        one.connect(("127.0.0.1", port))

attacks = {
    "read a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "write a file": lambda: os.open("/tmp/attacked", os.O_WRONLY | os.O_CREAT),
    "list a folder": lambda: os.listdir("/"),
    "delete a file": lambda: os.unlink(sys.argv[3]),
    "connect": connect,
    "listen": lambda: socket.create_server(("127.0.0.1", 0)),
    "fork": lambda: os.fork() or os._exit(0),
    "end another process": lambda: os.kill(victim, signal.SIGTERM),
    "limit another process": lambda: resource.prlimit(victim, resource.RLIMIT_CPU, (1, 1)),
    "trace another process": lambda: call(libc.ptrace, 16, victim, 0, 0),
    "run memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    "get rights back": lambda: os.setuid(0),
    "start a program": lambda: os.execv("/bin/true", ["true"]),  # the last: then nobody can report any more
}
def outcome(attack):
    try:
        attack()
    except (OSError, ValueError) as error:
        return errno.errorcode.get(getattr(error, "errno", None), str(error))
    return "done"
us.sendall(json.dumps({"missing": missing, **dict.fromkeys(attacks, "done")}).encode() + bytes([10]))
for name, attack in attacks.items():
    us.sendall(json.dumps({name: outcome(attack)}).encode() + bytes([10]))
"""
NOTHING = "confinement._limit = confinement._become_nobody = lambda *_: None\n"
ONLY_LIMITS = "confinement._System.restrict_by_landlock = confinement._System.filter_calls = lambda _: False"
ONLY_LANDLOCK = NOTHING + "confinement._System.filter_calls = lambda _: False"
ONLY_SECCOMP = NOTHING + "confinement._System.restrict_by_landlock = lambda _: False"


@pytest.fixture
def attacked(tmp_path):
    """Run attacks in a confined process that lacks some of the barriers. Returns the result of each attack."""
    (tmp_path / "kept").touch()
    with (
        subprocess.Popen(["/bin/sleep", "60"]) as victim,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):

        def attack(without=""):
            ours, theirs = socket.socketpair()
            arguments = [str(victim.pid), str(server.getsockname()[1]), str(tmp_path / "kept")]
            with ours, theirs:
                script = ATTACK.replace("{without}", without)
                with subprocess.Popen([sys.executable, "-c", script, *arguments], stdin=theirs.fileno()):
                    theirs.close()
                    with ours.makefile("rb") as said:
                        outcomes = {}
                        for line in said:
                            outcomes.update(json.loads(line))
            assert victim.poll() is None
            assert (tmp_path / "kept").exists()
            return outcomes

        yield attack
        victim.kill()


def test_whoever_takes_the_process_over_gets_nothing(attacked):
    outcomes = attacked()
    outcomes.pop("missing")
    assert "done" not in outcomes.values()


def test_limits_alone_give_no_file_no_connection_and_no_program_that_could_have_one(attacked):
    outcomes = attacked(ONLY_LIMITS)
    assert outcomes["missing"] == ["landlock", "seccomp"]
    got = {name: outcomes[name] for name in ("read a file", "write a file", "list a folder", "connect", "listen")}
    assert got == dict.fromkeys(got, "EMFILE")


def test_landlock_alone_gives_no_file_no_connection_no_program_and_no_signal(attacked):
    outcomes = attacked(ONLY_LANDLOCK)
    if "landlock" in outcomes["missing"]:
        pytest.skip("this kernel has no Landlock")
    names = ("read a file", "write a file", "list a folder", "delete a file", "connect", "start a program")
    got = {name: outcomes[name] for name in (*names, "end another process", "trace another process")}
    assert "done" not in got.values()


def test_the_filter_of_calls_alone_gives_nothing(attacked):
    outcomes = attacked(ONLY_SECCOMP)
    if "seccomp" in outcomes.pop("missing"):
        pytest.skip("this kernel filters no calls")
    assert outcomes == dict.fromkeys(outcomes, "EPERM")


async def test_files_are_checked_in_there_as_they_are_outside(tmp_path):
    pictures = [(jpeg(), JPEG), (photo(), JPEG), (photo(progressive=True), JPEG), (png(), PNG), (screenshot(), PNG)]
    pictures += [(GOES_ON, PNG), (with_a_table_that_cannot_be(), JPEG)]
    cut_off = [(data[: len(data) // 2], media_type) for data, media_type in pictures]
    pdfs = [(data, PDF) for data in (ACTIVE | HARMLESS | ENCRYPTED | BROKEN).values()]
    strange = [path.read_bytes() for kind in ("picture", "pdf") for path in sorted((CORPUS / kind).iterdir())]
    known = [(data, media_type) for data in strange if (media_type := identify(data[:HEAD_SIZE]))]
    async with running() as examiner:
        for number, (data, media_type) in enumerate(pictures + cut_off + pdfs + known):
            path = tmp_path / str(number)
            seen, outside = await see(examiner, path, data, media_type), examine(data, media_type, RULES)
            assert (seen.verdict, seen.notes) == (outside.verdict, outside.notes)
            assert path.read_bytes() == (outside.data or data)
        (helper,) = children()  # it failed on none
        assert "Seccomp:\t2" in proc_file(helper, "status")
        assert ("Uid:\t65534" in proc_file(helper, "status")) == (os.geteuid() == 0)


async def test_a_system_that_lacks_a_barrier_is_named_in_the_log_once(tmp_path, monkeypatch):
    lesser = tmp_path / "lesser.py"
    lesser.write_text(
        "from widget.files import confinement, helper\nconfinement._System._call = lambda *_: -1\nhelper.main()\n"
    )
    genuine = subprocess.Popen

    def start(command, **more):
        return genuine([sys.executable, str(lesser), *command[command.index("widget.files.helper") + 1 :]], **more)

    monkeypatch.setattr("widget.files.pool.subprocess.Popen", start)
    with capture_logs() as logs:
        async with running(processes=2) as examiner:
            for number in range(2):
                assert (await see(examiner, tmp_path / str(number), png(), PNG)).verdict == "good"
    events = [entry for entry in logs if entry["event"] == "file.checkers_less_confined"]
    assert [entry["missing"] for entry in events] == [("landlock", "seccomp")]

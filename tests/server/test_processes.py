"""Several processes as one server: what happens to its siblings if one cannot start."""

import os
import signal
import sys
from pathlib import Path

from bed import STOP, Process, plain_environ, until

from widget.server.processes import LONGEST_PAUSE, _Place

SOMEBODY = """
import os, sys, time
from pathlib import Path
from widget.telemetry import logs
from widget.server import processes

logs.configure("info")
processes.FIRST_PAUSE = 0.01

def work(started):
    births = 0
    while True:
        try:
            with open(f"born/{{births}}", "x") as born:
                born.write(str(os.getpid()))
            break
        except FileExistsError:
            births += 1
    if births >= {healthy} and births < {healthy} + {failing}:
        while {healthy} and not Path("steady").exists():
            time.sleep(0.01)
        sys.exit(1)
    started()
    Path("steady").touch()
    time.sleep(3600)

sys.exit(processes.run_processes(work, {count}))
"""


def run(folder: Path, **facts: int) -> Process:
    """Processes of which the first `healthy` start and the next `failing` do not."""
    (folder / "born").mkdir()
    code = SOMEBODY.format(**facts)
    return Process([sys.executable, "-c", code], folder / "log", plain_environ(), folder)


def test_one_that_cannot_start_is_tried_again_with_growing_pauses_and_its_siblings_go_on(tmp_path: Path) -> None:
    process = run(tmp_path, count=2, healthy=1, failing=4)
    try:
        until(lambda: len(list((tmp_path / "born").iterdir())) == 6)
        os.kill(int((tmp_path / "born" / "0").read_text()), 0)
        died = until(lambda: found if len(found := process.lines("process.died")) == 4 else [])
        assert [death["next_start_in"] for death in died] == [0.01, 0.02, 0.04, 0.08]
        assert {death["status"] for death in died} == {1}
        assert process.stop() == 0
    finally:
        process.kill()


def test_when_none_can_start_all_of_them_end_and_say_so(tmp_path: Path) -> None:
    process = run(tmp_path, count=3, healthy=0, failing=3)
    try:
        assert process.popen.wait(STOP) == 1
    finally:
        process.kill()


def test_they_stop_while_one_of_them_waits_to_be_started(tmp_path: Path) -> None:
    process = run(tmp_path, count=2, healthy=1, failing=1000)
    try:
        until(lambda: len(process.lines("process.died")) > 3)
        process.popen.send_signal(signal.SIGINT)
        assert process.popen.wait(STOP) == 0
    finally:
        process.kill()


STOPPED = """
import os, signal, sys, threading, time
from widget.server import processes

fork = os.fork

def stop():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    signal.raise_signal(signal.SIGTERM)

def stopped_first():
    thread = threading.Thread(target=stop)
    thread.start()
    thread.join()
    return fork()

os.fork = stopped_first
sys.exit(processes.run_processes(lambda started: time.sleep(3600), 1))
"""


def test_one_that_is_made_while_another_thread_gets_the_signal_to_stop_ends_too(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", STOPPED], tmp_path / "log", plain_environ(), tmp_path)
    try:
        assert process.popen.wait(STOP) == 0
    finally:
        process.kill()


def test_pauses_grow_to_a_bound_and_a_long_life_ends_them() -> None:
    place = _Place()
    assert [place.ended(0.0) for _ in range(9)] == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    assert place.ended(3600.0) == 0.0

"""The processes that check files: few, bounded, without access to anything. The service survives whatever they do."""

import asyncio
import os
import signal
import struct
import subprocess
import sys
import threading
import zlib
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from bed import FACT, until
from samples import jpeg, photo, png, png_of
from test_pdfs import packed

from widget.errors import OutboxUnavailable
from widget.files import pool
from widget.files.pool import Examiner, Seen
from widget.files.protocol import Rules

RULES = Rules(max_pixels=64_000_000)
JPEG, PNG, PDF = "image/jpeg", "image/png", "application/pdf"


@asynccontextmanager
async def running(**more):
    examiner = Examiner(RULES, **{"processes": 1, "timeout": 10, "patience": 60, **more})
    try:
        yield examiner
    finally:
        await examiner.close()


def children() -> set[int]:
    """The helpers of this process."""
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if b"widget.files.helper" in words and parent == os.getpid():
                found.add(int(entry.name))
    return found


def proc_file(process: int, what: str) -> str:
    return Path(f"/proc/{process}/{what}").read_text("utf-8")


async def see(examiner, path, data, media_type, client="a client"):
    path.write_bytes(data)
    return await examiner.examine(path, media_type, client=client)


async def test_what_may_be_forwarded_takes_the_file_s_place(tmp_path):
    path = tmp_path / "photo"
    async with running() as examiner:
        seen = await see(examiner, path, photo(), JPEG)
        assert seen == Seen("good", path.stat().st_size, ("location_removed",))
        assert b"Ada" not in path.read_bytes()
        for data, media_type in ((png(), PNG), (jpeg(), JPEG)):
            assert await see(examiner, path, data, media_type) == Seen("good", len(data))
            assert path.read_bytes() == data
        assert (await see(examiner, path, png()[:-1], PNG)).verdict == "unreadable"


async def test_a_helper_has_no_secret_no_file_and_no_connection_and_can_have_none(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "a-canary")
    async with running() as examiner:
        await see(examiner, tmp_path / "a", png(), PNG)
        (helper,) = children()
        held = {number: os.readlink(f"/proc/{helper}/fd/{number}") for number in os.listdir(f"/proc/{helper}/fd")}
        assert held.pop("0").startswith("socket:")
        assert (held.pop("1"), held.pop("2")) == ("/dev/null", "/dev/null")
        assert [*held.values()] == ["/dev/urandom"], "qpdf needs random numbers"
        assert "canary" not in proc_file(helper, "environ") + proc_file(helper, "cmdline")
        limits = {line[:26].strip(): line[26:].split()[:2] for line in proc_file(helper, "limits").splitlines()[1:]}
        assert limits["Max open files"] == ["0", "0"]
        assert "NoNewPrivs:\t1" in proc_file(helper, "status")
        assert limits["Max file size"] == limits["Max core file size"] == limits["Max processes"] == ["0", "0"]
        assert int(limits["Max address space"][1]) < 1 << 30
        assert limits["Max cpu time"][0] != "unlimited"


async def test_a_helper_that_dies_costs_one_file_and_nothing_else(tmp_path, monkeypatch):
    asked, examine = threading.Event(), pool._Helper.examine

    def noted(*arguments):
        asked.set()
        return examine(*arguments)

    async with running() as examiner:
        await see(examiner, tmp_path / "a", png(), PNG)
        (helper,) = children()
        monkeypatch.setattr(pool._Helper, "examine", noted)
        os.kill(helper, signal.SIGSTOP)
        waiting = asyncio.create_task(see(examiner, tmp_path / "b", png(), PNG))
        assert await asyncio.to_thread(asked.wait, FACT)
        os.kill(helper, signal.SIGKILL)
        assert (await waiting).verdict == "unreadable"
        assert (await see(examiner, tmp_path / "c", png(), PNG)).verdict == "good"
        assert children() != {helper}


async def test_a_helper_that_is_asked_to_end_along_with_the_service_finishes_its_file(tmp_path):
    async with running() as examiner:
        await see(examiner, tmp_path / "a", png(), PNG)
        (helper,) = children()
        os.kill(helper, signal.SIGSTOP)
        waiting = asyncio.create_task(see(examiner, tmp_path / "b", png(), PNG))
        for asks_to_end in (signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
            os.kill(helper, asks_to_end)
        assert (await waiting).verdict == "good"
        assert children() == {helper}


async def test_a_helper_that_died_while_idle_costs_nothing(tmp_path):
    async with running() as examiner:
        await see(examiner, tmp_path / "a", png(), PNG)
        (helper,) = children()
        os.kill(helper, signal.SIGKILL)
        until(lambda: proc_file(helper, "stat").rpartition(")")[2].split()[0] == "Z")
        assert (await see(examiner, tmp_path / "b", png(), PNG)).verdict == "good"


async def test_a_file_that_takes_too_long_is_given_up_and_its_helper_ended(tmp_path):
    async with running(timeout=1) as examiner:
        await see(examiner, tmp_path / "a", png(), PNG)
        (helper,) = children()
        os.kill(helper, signal.SIGSTOP)
        assert (await see(examiner, tmp_path / "b", png(), PNG)).verdict == "unreadable"
        assert helper not in children()


async def test_a_file_that_takes_too_much_work_is_given_up(tmp_path):
    async with running(timeout=0.7) as examiner:
        assert (await see(examiner, tmp_path / "a", slow_pdf(), PDF)).verdict in ("unreadable", "damaged")
        assert (await see(examiner, tmp_path / "b", png(), PNG)).verdict == "good"


def slow_pdf():
    """As many objects as fit into 4 MiB, which takes some seconds."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"]
    objects += [b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"]
    objects += [b"[[1][2][3]]"] * 130_000
    data = bytearray(b"%PDF-1.4\n")
    for number, content in enumerate(objects, 1):
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    return bytes(data) + b"trailer\n<< /Root 1 0 R >>\n"


async def test_a_helper_that_grew_is_replaced(tmp_path):
    million = packed(zlib.compress(b"10 0 [" + b"<<>>" * 1_000_000 + b"]"), b"/FlateDecode")
    async with running() as examiner:
        await see(examiner, tmp_path / "a", png(), PNG)
        (first,) = children()
        await see(examiner, tmp_path / "b", png(), PNG)
        assert children() == {first}
        assert (await see(examiner, tmp_path / "c", million, PDF)).verdict == "damaged"
        assert first not in children()
        assert (await see(examiner, tmp_path / "d", png(), PNG)).verdict == "good"


async def test_an_answer_that_cannot_be_is_not_believed(tmp_path, monkeypatch):
    liar = tmp_path / "liar.py"
    liar.write_text(
        "import socket, struct\ns = socket.socket(fileno=0)\ns.sendall(bytes(1))\ns.recv(1 << 20)\n"
        "s.sendall(struct.pack('>BBI', 0, 0, 1 << 30) + bytes(1000))\ns.recv(1)\n"
    )
    genuine = subprocess.Popen
    monkeypatch.setattr(
        "widget.files.pool.subprocess.Popen", lambda _, **more: genuine([sys.executable, str(liar)], **more)
    )
    async with running() as examiner:
        assert await see(examiner, tmp_path / "a", png(), PNG) == Seen("unreadable", len(png()))
        assert (tmp_path / "a").read_bytes() == png()


async def test_without_a_process_no_file_is_accepted(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    async with running() as examiner:
        with pytest.raises(OutboxUnavailable, match="no process"):
            await see(examiner, tmp_path / "a", png(), PNG)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    async with running() as examiner:
        with pytest.raises(OutboxUnavailable, match="does not start"):
            await see(examiner, tmp_path / "a", png(), PNG)


async def test_a_cancelled_look_ends_before_its_file_is_cleared_away(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(photo())
    async with running() as examiner:
        looking = asyncio.create_task(examiner.examine(path, JPEG, client="a client"))
        await asyncio.sleep(0)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        path.unlink()
        await asyncio.sleep(0.1)
        assert not path.exists()


async def test_many_files_at_once_are_looked_at_by_few(tmp_path):
    data = compressible(1500)
    async with running(processes=2) as examiner:
        work = [asyncio.create_task(see(examiner, tmp_path / str(n), data, PNG)) for n in range(128)]
        most = 0
        while not all(task.done() for task in work):
            most = max(most, len(children()))
            await asyncio.sleep(0.05)
        assert {task.result().verdict for task in work} == {"good"}
        assert most == 2
    assert not children()


def compressible(side):
    """A square picture of many pixels in a few kilobytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return png_of((b"IHDR", header), (b"IDAT", zlib.compress(bytes((side + 1) * side))), (b"IEND", b""))


async def test_the_loop_goes_on_while_a_file_is_looked_at(tmp_path):
    async with running() as examiner:
        await see(examiner, tmp_path / "a", png(), PNG)
        (helper,) = children()
        os.kill(helper, signal.SIGSTOP)
        going_on = threading.Timer(5, os.kill, (helper, signal.SIGCONT))  # where the loop waits for it
        going_on.start()
        looking = asyncio.create_task(see(examiner, tmp_path / "b", png(), PNG))
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert not looking.done()
        going_on.cancel()
        os.kill(helper, signal.SIGCONT)
        assert (await looking).verdict == "good"

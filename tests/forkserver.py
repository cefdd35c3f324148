"""A process that has imported the widget already, and forks each program that a test starts.

python forkserver.py DESCRIPTOR

Python and the widget's modules take 0.6 s of processor time to start; a fork of a process that has them takes some
hundredths. The child is a process as any other: it gets the arguments, environment, folder, streams and signal
dispositions of a fresh interpreter, runs `python -m MODULE`, `python FILE` or `python -c CODE` as its main program, and
ends as an interpreter does, but leaves its memory to the system: to take apart what it has only inherited would cost
more than most programs do. The hash seed is the one thing that all children have in common.

Requests come over the socket whose descriptor is named: a JSON object with the three standard streams. Each child is
left to the caller, who has to be a subreaper meanwhile (prctl(2)): it is answered the child's id, then, once it is the
child's parent, `ADOPTED`.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import threading
import time
import typing
from pathlib import Path
from typing import Any

import nursery

ADOPTED = b"adopted"
_LATE = (
    "anyio._backends._asyncio",
    "encodings.ascii",
    "encodings.idna",
    "httpcore",
    "procrastinate.builtin_tasks",
    "procrastinate.worker",
    "sqlalchemy.dialects.postgresql.psycopg",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""Modules that others import by their name, or within a function, when they are needed."""
LARGEST = 1 << 20
"""Bytes of a request."""
_MADV_COLLAPSE = 25


class Ending:
    """The last thing that a child does, after all that its program has registered with `atexit`."""

    def __init__(self) -> None:
        self.status: int | None = None
        """None if the interpreter has to end by itself: this is no child, or SIGINT ends it."""
        atexit.register(self._leave)

    def _leave(self) -> None:
        if self.status is None:
            return
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            self.status = 120  # an interpreter's for this case
        os._exit(self.status)


def preload() -> None:
    """Import all that the widget may need, and do what a process does once: models, templates, TLS, what is served."""
    import widget
    from widget.config import loading, resources
    from widget.errors import ConfigurationError
    from widget.insider.transport import tls
    from widget.pages.loader import Loader
    from widget.pages.sandbox import SandboxedEnvironment
    from widget.web.assets import StaticFiles, pack

    for module in pkgutil.walk_packages(widget.__path__, "widget."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in _LATE:
        importlib.import_module(name)
    with contextlib.suppress(ConfigurationError):
        loading.load({})
    for url in ("sqlite:///widget.db", "postgresql://127.0.0.1/widget"):
        _build_statements(url)
    tls(None)
    templates = SandboxedEnvironment(Loader(resources.path("templates"), None), str, None, reload=False)
    for template in resources.path("templates").glob("*.html"):
        templates.get_template(template.name)
    pack(StaticFiles(resources.path("static")).assets)
    vars(typing)["_cleanups"].clear()  # pikepdf's bindings would empty typing's caches at the end of each child


def _build_statements(url: str) -> None:
    """Build every statement that is sent to a database with the usual settings. None is opened."""
    from widget.app.delivery import create_retention
    from widget.app.outbox import create_outbox
    from widget.config import loading
    from widget.outbox.accounts import Accounts
    from widget.outbox.notices import Notices
    from widget.outbox.operator import Operator
    from widget.outbox.tally import Tally

    account = {"INSIDER_URL": "http://127.0.0.1", "INSIDER_CLIENT_ID": "-", "INSIDER_CLIENT_SECRET": "-"}
    settings = loading.load({"DATABASE_URL": url, "SECRET_KEY": "preloaded-preloaded-preloaded-00", **account})
    outbox = create_outbox(settings)
    create_retention(settings, outbox)
    for part in (Accounts, Notices, Operator, Tally):
        part(outbox.backend)


def gather() -> None:
    """Put this process's memory into huge pages, where the system lets us: there is less to copy for a fork, and less
    to take apart at its end, which halves what both cost."""
    with contextlib.suppress(AttributeError):
        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
        for line in Path("/proc/self/maps").read_text().splitlines():
            addresses, rights, *_ = line.split()
            if rights == "rw-p":
                begin, end = (int(address, 16) for address in addresses.split("-"))
                madvise(begin, end - begin, _MADV_COLLAPSE)


def serve(connection: socket.socket) -> dict[str, Any] | None:
    """Fork until the caller has gone. Returns None then; in a child, what it is to run."""
    while True:
        message, streams, _, _ = socket.recv_fds(connection, LARGEST, 3)
        if not message:
            return None
        between = os.fork()
        if between:
            for stream in streams:
                os.close(stream)
            os.waitpid(between, 0)
            connection.send(ADOPTED)
            continue
        between = os.getpid()
        if child := os.fork():
            connection.send(b"%d" % child)
            os._exit(0)
        while os.getppid() == between:  # until the caller is the parent
            os.sched_yield()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, max(connection.fileno(), *streams) + 1)
        connection.detach()
        request: dict[str, Any] = json.loads(message)
        return request


def run(ending: Ending, arguments: list[str], environ: dict[str, str], folder: str) -> None:
    """Be the main program that the arguments of an interpreter name."""
    ending.status = 1  # of an exception that nobody catches
    try:
        _run(arguments, environ, folder)
        ending.status = 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            ending.status = (end.code or 0) & 0xFF
        raise
    except KeyboardInterrupt:
        ending.status = None
        raise


def _run(arguments: list[str], environ: dict[str, str], folder: str) -> None:
    locale = {name: os.environ[name] for name in ("LC_CTYPE",) if name in os.environ}  # set at the start (PEP 538)
    os.environ.clear()
    os.environ.update(locale | environ)
    time.tzset()
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.enable()
    match arguments:
        case ["-P", "-m", module, *rest]:
            sys.path[0:1], sys.argv = [], [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-m", module, *rest]:
            sys.path[0], sys.argv = folder, [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-c", code, *rest]:
            sys.path[0], sys.argv = "", ["-c", *rest]
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - what -c is
        case [file, *rest]:
            sys.path[0], sys.argv = str(Path(file).parent), [file, *rest]
            runpy.run_path(file, run_name="__main__")


if __name__ == "__main__":
    ending = Ending()  # registered before all others, so called after them
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests; they then close the socket
    gc.disable()
    connection = socket.socket(fileno=int(sys.argv[1]))
    if request := nursery.start(connection):
        run(ending, **request)
    else:
        preload()
        assert threading.active_count() == 1, "a thread does not survive a fork"
        gc.freeze()
        gather()
        if request := serve(connection):
            nursery.use()
            run(ending, **request)

"""An upgrade under load, and back: the previous release and this one share a database."""

import itertools
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from bed import ROOT, START, Sandbox, Widget, until
from postgres import Postgres
from sqlalchemy import create_engine, text

from widget.errors import ConfigurationError
from widget.outbox import migrations

BEFORE = "563c00f44a1e21921799f440598ac17ce1b79036"
"""The last commit whose database holds only one number."""
_PAUSE = 0.03
"""Seconds between two submissions. Without it, they would take the processor from the processes that start."""


@pytest.fixture(scope="module")
def release_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the previous release: of the last tag, if there is one."""
    described = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "HEAD^"], cwd=ROOT, capture_output=True, text=True
    )
    commit = described.stdout.strip() or BEFORE
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True)
    if archive.returncode:
        pytest.skip(f"this copy has no history to take {commit} from")
    folder = tmp_path_factory.mktemp("release-before")
    subprocess.run(["tar", "x", "-C", folder], input=archive.stdout, check=True)
    return folder


class People:
    """Sends one submission after the other to whichever process answers, and counts the failures."""

    def __init__(self) -> None:
        self.to: list[Widget] = []
        self.sent: list[str] = []
        self.wrong: list[object] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> "People":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _send(self) -> None:
        for number in itertools.count():
            if self._over.wait(_PAUSE):
                return
            words = f"number {number}"
            for widget in self.to[:1]:
                try:
                    answer = widget.submit(words)
                except httpx.TransportError as error:
                    self.wrong.append(error)
                else:
                    (self.sent if answer.status_code in (201, 202) else self.wrong).append(words)

    def until_some_more(self) -> None:
        """Wait until a few more submissions were accepted."""
        before = len(self.sent)
        until(lambda: len(self.sent) >= before + 5)


def test_the_release_before_goes_on_restarts_and_takes_over_again(
    insider: Sandbox, postgres: Postgres, tmp_path: Path, release_before: Path, request: pytest.FixtureRequest
) -> None:
    settings = {"DATABASE_URL": postgres.database(), "WEB_CONCURRENCY": "2", "SWEEP_INTERVAL": "1"}
    folders = [tmp_path / name for name in ("old", "new")]
    for folder in folders:
        folder.mkdir()
    old, new = (Widget(folder, insider.url, **settings) for folder in folders)
    for each in (old, new):
        request.addfinalizer(each.__exit__)
    old.environ["PYTHONPATH"] = str(release_before)
    old.migrate()
    old.start()
    with People() as people:
        people.to = [old]
        people.until_some_more()
        new.migrate()
        victim = min(until(lambda: found if len(found := old.process.children()) == 2 else set()))
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(old.process.children() - {victim}) == 2, START)
        people.wrong.clear()  # the request that was under way when the process was killed
        people.until_some_more()
        new.start()
        people.to = [new]
        people.until_some_more()
        old.stop()
        people.until_some_more()
        old.start()
        people.to = [old]
        people.until_some_more()
        new.stop()
        people.until_some_more()
    assert people.wrong == []
    until(lambda: set(people.sent) <= set(insider.descriptions()))
    assert max(Counter(insider.descriptions()).values()) == 1


Works = Callable[[], None]


@pytest.fixture
def with_schema(tmp_path: Path) -> Callable[[int, int], tuple[Works, Works]]:
    """A database that records how many steps were taken, and which of them a release has to know."""
    engine = create_engine(f"sqlite:///{tmp_path / 'widget.db'}")

    def say(version: int, steps: int) -> tuple[Works, Works]:
        with engine.begin() as connection:
            migrations.migrate(connection)
            connection.execute(text(f"UPDATE schema_version SET version = {version}, steps = {steps}"))

        def check() -> None:
            with engine.connect() as connection:
                migrations.check(connection)

        def migrate() -> None:
            with engine.begin() as connection:
                migrations.migrate(connection)
                assert connection.execute(text("SELECT version, steps FROM schema_version")).one() == (version, steps)

        return check, migrate

    return say


def test_a_newer_database_that_only_has_more_is_worked_with(
    with_schema: Callable[[int, int], tuple[Works, Works]],
) -> None:
    for work in with_schema(migrations.LATEST, migrations.LATEST + 3):
        work()


def test_a_newer_database_that_is_other_is_refused(with_schema: Callable[[int, int], tuple[Works, Works]]) -> None:
    for work in with_schema(migrations.LATEST + 1, migrations.LATEST + 3):
        with pytest.raises(ConfigurationError, match="newer than this release's"):
            work()


def test_a_release_that_needs_more_steps_asks_for_them(
    with_schema: Callable[[int, int], tuple[Works, Works]],
) -> None:
    check, _ = with_schema(migrations.COMPATIBLE, migrations.LATEST - 1)
    with pytest.raises(ConfigurationError, match="run `widget migrate`"):
        check()

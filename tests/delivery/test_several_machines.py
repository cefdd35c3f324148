"""Several web processes and workers on one PostgreSQL act as one widget, whatever happens to any of them."""

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest
from bed import START, Process, Sandbox, Widget, free_port, proc_state, until
from migrated import migrate
from outboxes import end_leases, new_submission, outbox_at
from postgres import PgBouncer, Postgres
from samples import pdf, png

FILES = [("a.png", png(), "image/png"), ("b.pdf", pdf(), "application/pdf")]
NOBODY_SWEEPS = {"SWEEP_INTERVAL": "600"}
"""The log message of a delivery that a notice announced."""

Start = Callable[..., Widget]


@pytest.fixture
def database(postgres: Postgres) -> str:
    return postgres.database()


@pytest.fixture
def start(start_widget: Start, insider: Sandbox, database: str, tmp_path: Path) -> Start:
    """Start web processes on one migrated database."""
    migrate(Widget(tmp_path, insider.url, DATABASE_URL=database))

    def start(**environ: str) -> Widget:
        settings = {"DATABASE_URL": database, "RETRY_MIN": "0.1", "RETRY_MAX": "1", "PROBE_INTERVAL": "0.3", **environ}
        before = listening(tmp_path)
        widget = start_widget(**settings)
        if environ.get("WEB_DELIVERS") != "false":
            until(lambda: listening(tmp_path) == before + int(environ.get("WEB_CONCURRENCY", "1")))
        return widget

    return start


def listening(folder: Path) -> int:
    """The number of processes that have started listening for notices. All write to one log."""
    log = folder / "widget.log"
    return log.read_text("utf-8").count("engine.listening") if log.exists() else 0


@contextmanager
def workers(widget: Widget, count: int = 1) -> Iterator[list[Process]]:
    """Workers with the settings of `widget`, listening."""
    before = listening(widget.folder)
    running = [widget.run("worker") for _ in range(count)]
    try:
        until(lambda: listening(widget.folder) == before + count, START)
        yield running
    finally:
        for process in running:
            process.popen.send_signal(signal.SIGCONT)
        for process in running:
            process.stop()


def created_once(insider: Sandbox, descriptions: list[str]) -> bool:
    return Counter(insider.descriptions()) == Counter(descriptions)


def test_two_web_processes_and_three_workers_create_each_submission_once(start: Start, insider: Sandbox) -> None:
    webs = [start(DELIVERY_WAIT="0"), start(DELIVERY_WAIT="0", WEB_DELIVERS="false")]
    wanted = [f"number {n}" for n in range(60)]
    with workers(webs[0], 3), ThreadPoolExecutor(8) as people:
        answers = people.map(lambda n: webs[n % 2].submit(wanted[n], files=FILES if n % 3 == 0 else ()), range(60))
        assert {answer.status_code for answer in answers} <= {201, 202}
        until(lambda: created_once(insider, wanted))
        until(lambda: sum(len(feedback["attachments"]) for feedback in insider.feedbacks()) == 40)


def test_two_workers_share_hundreds_of_rows_and_create_each_once(
    start: Start, insider: Sandbox, database: str, tmp_path: Path
) -> None:
    web = start(WEB_DELIVERS="false")

    async def accept() -> list[str]:
        async with outbox_at(database, tmp_path) as outbox:
            rows = [new_submission(outbox) for _ in range(400)]
            assert all(await asyncio.gather(*(outbox.add(row) for row in rows)))
            return [row.id for row in rows]

    ids = asyncio.run(accept())
    with workers(web, 2):
        until(lambda: insider.counts()["create"] >= 400, timeout=90, pause=0.5)
        with psycopg.connect(database, autocommit=True) as connection:
            done = "SELECT count(*) FROM submission WHERE state = 'delivered' AND attempts = 1"
            until(lambda: connection.execute(done).fetchone() == (400,))
            until(lambda: connection.execute("SELECT count(*) FROM procrastinate_jobs").fetchone() == (0,))
    sent = Counter(request["headers"]["idempotency-key"] for request in insider.requests("create"))
    assert sent == Counter(ids)


def test_a_notice_wakes_a_worker_and_send_is_not_kept_waiting(start: Start, insider: Sandbox) -> None:
    web = start(WEB_DELIVERS="false", DELIVERY_WAIT="30", **NOBODY_SWEEPS)  # longer than the client waits
    with workers(web):
        answer = web.submit()
        assert answer.status_code == 202
        web.until_delivered(answer)


def test_rows_beyond_the_slots_of_a_worker_wake_the_next(start: Start, insider: Sandbox) -> None:
    web = start(WEB_DELIVERS="false", DELIVERY_CONCURRENCY="1", SHUTDOWN_GRACE="0.1", **NOBODY_SWEEPS)
    insider.slow(60, "create")  # so whoever has taken one row takes no other
    with workers(web, 2):
        for _ in range(2):
            web.submit()
        until(lambda: insider.counts()["create"] == 2)


def test_a_job_of_the_release_before_wakes_a_worker(
    start: Start, insider: Sandbox, database: str, tmp_path: Path
) -> None:
    web = start(WEB_DELIVERS="false", **NOBODY_SWEEPS)

    async def accept() -> None:
        async with outbox_at(database, tmp_path) as outbox:
            await outbox.add(new_submission(outbox))

    with workers(web), psycopg.connect(database, autocommit=True) as connection:
        asyncio.run(accept())
        connection.execute(
            "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('delivery', 'deliver', 0, NULL, 'x',"
            " jsonb_build_object('submission_id', 'x', 'product', 'demo'), NULL)::procrastinate_job_to_defer_v1])"
        )
        until(lambda: insider.counts()["create"] == 1)


def test_what_the_operator_puts_back_is_announced_at_once(start: Start, insider: Sandbox) -> None:
    web = start(WEB_DELIVERS="false", RETRY_MIN="3600", RETRY_MAX="3600", **NOBODY_SWEEPS)
    with workers(web):
        insider.misbehave("refuse", "create", times=1)
        refused = web.submit("refused at first")
        until(lambda: web.receipt(refused)["status"] == "refused")
        insider.fail_with(408, "create", times=1, retry_after=3600)  # only the one about this row
        waiting = web.submit("to wait for an hour")
        until(lambda: '"submission.queued"' in web.log())
        assert web.operate("retry", "--state", "refused", "--state", "queued").returncode == 0
        for answer in (refused, waiting):
            web.until_delivered(answer)


def test_send_is_answered_by_the_web_process_that_took_it_though_workers_listen(start: Start, insider: Sandbox) -> None:
    web = start()
    with workers(web, 2):
        answers = [web.submit(files=FILES).status_code for _ in range(20)]
    assert answers == [201] * 20
    assert insider.counts()["create"] == 20


def test_losing_all_jobs_loses_no_submission(start: Start, insider: Sandbox, database: str) -> None:
    web = start(WEB_DELIVERS="false", SWEEP_INTERVAL="0.5")
    wanted = [f"number {n}" for n in range(60)]
    insider.slow(0.3)
    for text in wanted[:30]:
        web.submit(text)
    with workers(web, 2), psycopg.connect(database, autocommit=True) as connection:
        for text in wanted[30:]:
            web.submit(text)
        until(lambda: insider.counts()["create"] > 5)
        connection.execute("TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_events CASCADE")
        insider.recover()
        until(lambda: created_once(insider, wanted))
    assert "submission.unknown" not in web.log()


def test_a_database_that_goes_away_and_comes_back_is_a_503_and_then_a_201(
    start: Start, postgres: Postgres, insider: Sandbox
) -> None:
    web = start()
    token = web.token()
    assert web.submit().status_code == 201
    postgres.stop()
    try:
        answer = web.submit("kept", files=FILES, token=token)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        until(lambda: web.client.get("/readyz").status_code == 503)  # it is checked every few seconds
        assert web.client.get("/healthz").status_code == 200
    finally:
        postgres.start()
    assert web.submit("kept", files=FILES, token=token).status_code == 201
    assert insider.descriptions() == ["Good", "kept"]
    assert "Traceback" not in web.log()


def test_a_database_restarted_under_load_loses_nothing_and_nobody_is_restarted(
    start: Start, postgres: Postgres, insider: Sandbox
) -> None:
    # What an outage longer than the lease leaves half done is unknown, and is retried at once.
    hasty = {"LEASE": "6", "DELIVERY_TIMEOUT": "3", "UNKNOWN_HOLD": "0.2", "SWEEP_INTERVAL": "1"}
    webs = [start(DELIVERY_WAIT="0", **hasty) for _ in range(2)]
    insider.slow(0.05)
    thanked: list[str] = []
    over = threading.Event()

    def keep_sending(person: int) -> None:
        number = 0
        while not over.is_set():
            text, number = f"{person}: {number}", number + 1
            web = webs[person % 2]
            token, deadline = web.token(), time.monotonic() + 20
            files = FILES if number % 4 == 0 else ()
            while (answer := web.submit(text, files=files, token=token)).status_code == 503:
                assert time.monotonic() < deadline, answer.text
                time.sleep(0.1)  # and the same again, as a form repeats it until it is accepted
            assert answer.status_code in (201, 202), answer.text
            thanked.append(text)

    def at_least(count: int) -> bool:
        return len(thanked) >= count

    with workers(webs[0], 3) as running, ThreadPoolExecutor(4) as people:
        sending = [people.submit(keep_sending, person) for person in range(4)]
        try:
            for kind in (signal.SIGINT, signal.SIGQUIT, signal.SIGINT, None):
                enough = len(thanked) + 8
                until(partial(at_least, enough))
                if kind is not None:
                    postgres.stop(kind)
                    postgres.start()
        finally:
            over.set()
        for person in sending:
            person.result(30)
        insider.recover()
        until(lambda: set(thanked) <= set(insider.descriptions()))
        assert [process.popen.poll() for process in (*running, *(web.process for web in webs))] == [None] * 5
        unknown = webs[0].log().count('"submission.unknown"')
        assert insider.counts()["create"] - len(thanked) <= unknown
        print(f"{len(thanked)} accepted, {unknown} unknown")  # noqa: T201


def test_of_several_hosts_the_one_that_takes_writes_is_found(start: Start, database: str) -> None:
    gone_and_there = database.replace("@", f"@127.0.0.1:{free_port()},")
    web = start(DATABASE_URL=f"{gone_and_there}?target_session_attrs=read-write")
    assert web.submit(files=FILES[:1]).status_code == 201


def test_a_pooler_in_transaction_mode_may_stand_in_front(start: Start, postgres: Postgres, database: str) -> None:
    with PgBouncer(postgres) as pooler:
        through = {"DATABASE_URL": pooler.url(database), "DATABASE_DIRECT_URL": database}
        web = start(**through)
        assert [web.submit(files=FILES[:1]).status_code for _ in range(12)] == [201] * 12
        web.stop()
        web = start(WEB_DELIVERS="false", **NOBODY_SWEEPS, **through)
        with workers(web, 2):
            for answer in [web.submit(files=FILES[:1]) for _ in range(12)]:
                web.until_delivered(answer)
        assert "Traceback" not in web.log()


def test_what_a_dead_worker_was_sending_is_unknown_and_tried_once_more(
    start: Start, insider: Sandbox, database: str
) -> None:
    web = start(WEB_DELIVERS="false", UNKNOWN_HOLD="0.2", SWEEP_INTERVAL="0.5")
    insider.slow(60, "create", times=1)
    with workers(web) as (doomed,):
        answer = web.submit(files=FILES)
        until(lambda: insider.counts()["create"] == 1)
        doomed.kill()
        end_leases(database)
        with workers(web):
            web.until_delivered(answer)
    assert insider.counts()["create"] == 2
    assert web.log().count('"submission.unknown"') == 1


def test_a_worker_that_was_asleep_for_longer_than_its_lease_writes_nothing(
    start: Start, insider: Sandbox, database: str
) -> None:
    web = start(WEB_DELIVERS="false", UNKNOWN_HOLD="0.2", SWEEP_INTERVAL="0.5")
    insider.slow(60, "create", times=1)
    with workers(web) as (sleeper,):
        answer = web.submit()
        until(lambda: insider.counts()["create"] == 1)
        sleeper.popen.send_signal(signal.SIGSTOP)
        end_leases(database)
        with workers(web):
            shown = web.until_delivered(answer)
            sleeper.popen.send_signal(signal.SIGCONT)
            insider.recover()
            until(lambda: "submission.claim_lost" in web.log())
            assert web.receipt(answer) == shown
    assert insider.counts()["create"] == 2


def test_while_insider_connect_is_down_workers_keep_every_row_and_then_deliver_it(
    start: Start, insider: Sandbox
) -> None:
    web = start(SWEEP_INTERVAL="1")
    wanted = [f"number {n}" for n in range(40)]
    with workers(web, 2):
        insider.down()
        assert {web.submit(text).status_code for text in wanted} == {202}
        time.sleep(1)
        insider.recover()
        until(lambda: created_once(insider, wanted))


def test_beyond_the_bytes_that_may_wait_files_are_a_503_with_words_and_text_passes(
    start: Start, insider: Sandbox
) -> None:
    web = start(PENDING_BYTES="5000", DELIVERY_WAIT="0")
    insider.down()
    assert web.submit(files=[("a.png", png(size=4000), "image/png")]).status_code == 202
    answer = web.submit(files=[("a.png", png(size=4000), "image/png")])
    assert answer.status_code == 503
    assert "files" in answer.json()["errors"][0]["message"]
    assert web.submit("only text").status_code == 202
    insider.recover()
    until(lambda: len(insider.feedbacks()) == 2)
    until(lambda: web.submit(files=[("a.png", png(size=4000), "image/png")]).status_code != 503)


def alive(pid: int) -> bool:
    return proc_state(Path(f"/proc/{pid}")) not in ("X", "Z")


def test_several_web_processes_share_a_port_and_one_that_dies_is_replaced(start: Start, insider: Sandbox) -> None:
    web = start(WEB_CONCURRENCY="3")
    first = web.process.children()
    assert len(first) == 3
    victim = min(first)
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(web.process.children()) == 3 and victim not in web.process.children())
    # One fewer than a burst, in which nobody would wait for Insider Connect's answer.
    assert [web.submit(f"number {n}").status_code for n in range(7)] == [201] * 7
    assert insider.counts()["create"] == 7
    assert web.stop() == 0
    assert not [pid for pid in first if alive(pid)]


def test_web_processes_end_with_the_one_that_started_them(start: Start) -> None:
    web = start(WEB_CONCURRENCY="2")
    orphans = web.process.children()
    web.kill()
    until(lambda: not any(map(alive, orphans)))
    with pytest.raises(httpx.TransportError):
        web.client.get("/healthz")

"""Alerts come when there is a reason, daily while it lasts, and when it is over. Nothing waits for them."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import children
import pytest
from bed import ROOT, Sandbox, Widget, until
from outboxes import outbox_at
from receiver import Receiver
from sqlalchemy import text

from widget.delivery.account_states import AccountStates
from widget.delivery.policy import Policy
from widget.insider.outcomes import Created, Misconfigured, NotProcessed
from widget.ops import alerts
from widget.ops.alerts import SHAPES, Bounds, alarms
from widget.ops.courier import Courier, Destinations
from widget.ops.mailing import Mailer
from widget.ops.posting import NotTaken
from widget.outbox.accounts import Accounts, AccountState, Overview, Waiting
from widget.outbox.notices import Backlog, Notices

TOKEN = "tests-only-operators-token"
HOOK = "/hook/secret-address"
BOUNDS = Bounds(oldest=3600, account_after=300, disk=1e9, pending=100)
POLICY = Policy(retry_min=5, retry_max=900, give_up_after=7 * 86_400, unknown_hold=None)
QUICK = {"HEALTH_INTERVAL": "0.1", "PROBE_INTERVAL": "0.2", "SWEEP_INTERVAL": "0.2", "RETRY_MIN": "0.1"}


def on(
    overview: Overview, disk: int | None = None, events: Mapping[str, Backlog] | None = None, **pending: float
) -> dict[str, str]:
    return dict(alarms(overview, disk, pending, events or {}, BOUNDS, 1000.0))


def test_there_is_an_alarm_for_each_thing_that_needs_a_person_and_none_before_its_time() -> None:
    assert (
        on(Overview({"demo": AccountState(None, 0, 0)}, {"demo": Waiting(3, 3000)}, {"held": 5}), 2 * 10**9, demo=90)
        == {}
    )
    assert on(Overview({"demo": AccountState("refused", 900, 0)}, {}, {})) == {}
    bad = Overview(
        {"demo": AccountState("invalid_client", 600, 0)}, {"demo": Waiting(2, 7300)}, {"refused": 1, "unknown": 2}
    )
    late = {"demo": Backlog(2, 7300, "answered 500"), "portal": Backlog(9, 60, "answered 500")}
    wrong = AccountState("answered 400: invalid_client", 600, 0, misconfigured=True)
    assert on(Overview({"demo": wrong}, {}, {})) == {
        "credentials demo": "Insider Connect does not accept the account of demo: answered 400: invalid_client."
    }
    files = AccountState("files: answered 502", 600, 0)
    assert files.is_about_files
    assert on(Overview({"demo": files}, {}, {})) == {
        "account demo": "Files do not go through to Insider Connect for demo: files: answered 502."
    }
    bad = replace(bad, accounts={**bad.accounts, "portal": wrong})
    alarms = on(bad, 10**8, late, demo=60, portal=35)
    assert set(alarms) == {
        "account demo",
        "credentials portal",
        "waiting demo",
        "events demo",
        "decision",
        "disk",
        "room",
    }
    assert alarms["events demo"] == "The oldest of 2 events of demo has waited for 2h: answered 500."
    assert alarms["account demo"] == "Nothing goes through to Insider Connect for demo: invalid_client."
    assert alarms["waiting demo"].endswith("has waited for 2h.")
    runbook = (ROOT / "docs" / "operations.md").read_text("utf-8").lower().replace(" ", "-")
    assert all(f"###-{anchor}\n" in runbook for anchor in alerts._RUNBOOK.values())
    assert {name.split(" ")[0] for name in alarms} == set(alerts._RUNBOOK)


async def test_wrong_credentials_are_told_from_an_outage(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path) as outbox:
        accounts = Accounts(outbox.backend)
        states = AccountStates(accounts)
        wrong, away = Misconfigured("answered 403"), NotProcessed("answered 503")
        for outcome in (wrong, away, wrong, Created(7)):
            await states.note(["demo"], outcome)
            account = (await accounts.overview(["demo"])).accounts["demo"]
            assert account.misconfigured == (outcome is wrong)
            assert (account.reason is None) == isinstance(outcome, Created)


def test_each_shape_says_what_it_is_and_what_to_do() -> None:
    alarm = {"name": "account demo", "words": "Nothing goes through.", "news": "on", "since": 0.0}
    for shape, make in SHAPES.items():
        made = json.dumps(make(alarm))
        assert "Alert: Nothing goes through." in made, shape
        assert "operations.md#an-account-is-failing" in made, shape
    assert make({**alarm, "news": "over"})["attachments"][0]["content"]["body"][0]["color"] == "good"
    subject, written = alerts.mail({**alarm, "news": "over"})
    assert subject == "[feedback widget] Over: Nothing goes through."
    assert "widget status" in written


async def test_of_many_processes_one_tells_once_daily_and_when_it_is_over(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path) as outbox:
        many = [Notices(outbox.backend) for _ in range(5)]

        async def settle(**on: str) -> list[str]:
            told = await asyncio.gather(*(one.settle(on, ["webhook", "email"]) for one in many))
            return [alarm.news for each in told for alarm in each]

        assert await settle(disk="full") == ["on"]
        assert await settle(disk="fuller") == []
        a_day_ago = text("UPDATE alarm SET told_at = told_at - 90000")
        await outbox.backend.write(lambda c: c.execute(a_day_ago).rowcount)
        assert await settle(disk="fuller") == ["still"]
        assert await settle() == ["over"]
        assert await settle() == []
        claims = [one.claim(channel, 2) for channel in ("webhook", "email") for one in many]
        notices = [notice for claimed in await asyncio.gather(*claims) for notice in claimed]
        assert len({notice.id for notice in notices}) == len(notices) == 6
        first = notices[0]
        await many[0].postpone(first.id, 0.0, "answered 500")
        assert (await many[0].waiting())[first.channel].reason == "answered 500"
        (again,) = await many[1].claim(first.channel, 9)
        assert (again.id, again.attempts) == (first.id, 2)
        await many[0].done(again.id)
        assert await many[0].claim(first.channel) == []


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def received(receiver: Receiver) -> list[tuple[str, str]]:
    """The alarms that arrived, each with its news."""
    return [(post.body["name"], post.body["news"]) for post in receiver.at(HOOK)]


def test_an_outage_and_its_end_are_shown_everywhere(
    start_widget: Callable[..., Widget], insider: Sandbox, receiver: Receiver
) -> None:
    """Shown by the page, the command, the metrics, the log, an alert and /readyz."""
    more = {"ALERT_WEBHOOK": receiver.url + HOOK, "ALERT_ACCOUNT_AFTER": "0", "OPS_TOKEN": TOKEN, "DELIVERY_WAIT": "0"}
    widget = start_widget(**QUICK, **more)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    widget.client.post("/ops/sign-in", data={"token": TOKEN})

    def signs() -> dict[str, bool]:
        ran = children.run([*widget.command, "status"], widget.folder, widget.environ)
        last = [line for line in widget.log().splitlines() if "delivery.paused" in line or "delivery.resumed" in line]
        return {
            "page": "Feedback arrives" in widget.client.get("/ops").text,
            "status": ran.returncode == 0,
            "metrics": 'widget_account_up{product="demo"} 1.0' in widget.client.get("/metrics", headers=bearer).text,
            "log": "resumed" in last[-1] if last else True,
            "alert": not received(receiver) or received(receiver)[-1] == ("account demo", "over"),
            "readyz": widget.client.get("/readyz?strict").status_code == 200,
        }

    widget.submit("before")
    until(lambda: all(signs().values()))
    insider.down()
    widget.submit("during")
    until(lambda: not any(signs().values()))
    insider.recover()
    until(lambda: all(signs().values()))
    assert received(receiver) == [("account demo", "on"), ("account demo", "over")]
    assert "secret-address" not in widget.log()


def test_nothing_waits_for_a_webhook_that_hangs_and_none_follows_a_redirect_or_keeps_a_cookie(
    start_widget: Callable[..., Widget], insider: Sandbox, receiver: Receiver
) -> None:
    receiver.hold(HOOK)
    receiver.status[HOOK] = 302
    insider.misbehave("refuse", "create")
    widget = start_widget(**QUICK, ALERT_WEBHOOK=receiver.url + HOOK)
    widget.submit("refused")
    until(lambda: "alert.on" in widget.log())
    insider.recover()
    assert widget.submit("delivered meanwhile").status_code == 201
    receiver.let_go()
    until(lambda: "answered 302" in widget.log())
    until(lambda: len(receiver.at(HOOK)) > 1)
    assert set(received(receiver)) == {("decision", "on")}
    assert not receiver.at("/elsewhere")
    assert not any("cookie" in post.headers for post in receiver.posts)


@contextmanager
def mail_server() -> Iterator[tuple[str, list[str]]]:
    """Receives one mail, as RFC 5321 describes."""
    lines: list[str] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rw", newline="\r\n") as talk:

            def say(words: str) -> None:
                talk.write(f"{words}\r\n")
                talk.flush()

            say("220 ready")
            in_text = False
            for line in talk:
                lines.append(line.rstrip())
                if in_text:
                    in_text = line.rstrip() != "."
                    if not in_text:
                        say("250 taken")
                elif line.lower().startswith("data"):
                    in_text = True
                    say("354 go on")
                elif line.lower().startswith("quit"):
                    say("221 bye")
                    return
                else:
                    say("250 ok")

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"smtp://127.0.0.1:{listening.getsockname()[1]}", lines
    thread.join(10)
    listening.close()


async def test_an_alert_is_mailed(tmp_path: Path) -> None:
    async with outbox_at(f"sqlite:///{tmp_path / 'widget.db'}", tmp_path) as outbox:
        await Accounts(outbox.backend).note(["demo"], "invalid_client")
        with mail_server() as (address, lines):
            to = Destinations(mail_to="ops@example.com, night@example.com", smtp=address)
            courier = Courier(outbox, ["demo"], to, Bounds(3600, 0, 0, 1e9), POLICY, every=1)
            await courier.look()
            await courier.lanes["email"].work()
            await courier.close()
        assert "rcpt TO:<ops@example.com>" in lines
        assert "rcpt TO:<night@example.com>" in lines
        assert any("Alert: Nothing goes through to Insider" in line for line in lines)
        assert await Notices(outbox.backend).waiting() == {}


async def test_a_mail_server_is_asked_without_a_mail_and_what_is_wrong_is_said_in_words() -> None:
    with mail_server() as (address, lines):
        await Mailer("ops@example.com", None, address).check()
    assert [line.split()[0].lower() for line in lines] == ["ehlo", "quit"]
    with mail_server() as (address, _), pytest.raises(NotTaken, match="the mail server cannot do what is needed"):
        await Mailer("ops@example.com", None, address.replace("//", "//ops:word@")).check()  # it knows no users
    with pytest.raises(NotTaken, match=r"^connection refused by 127\.0\.0\.1:1$"):
        await Mailer("ops@example.com", None, "smtp://127.0.0.1:1").check()


async def test_what_cannot_be_sent_is_kept_for_later_and_given_up_after_days(tmp_path: Path) -> None:
    async with outbox_at(f"sqlite:///{tmp_path / 'widget.db'}", tmp_path) as outbox:
        notices = Notices(outbox.backend)
        await notices.settle({"disk": "full"}, ["webhook"])
        courier = Courier(outbox, ["demo"], Destinations("http://127.0.0.1:1/"), BOUNDS, POLICY, every=1)
        (notice,) = await notices.claim("webhook")
        assert not await courier.lanes["webhook"].send(notice)
        assert (await notices.waiting())["webhook"].reason == "connection refused by 127.0.0.1:1"
        await courier.lanes["webhook"].send(notice._replace(age=4 * 86_400))
        assert await notices.waiting() == {}
        await courier.close()

"""Events to products' own systems: what they hold, that none is lost, and that nobody waits for who takes them."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bed import FACT, SECRET_KEY, Sandbox, Widget, until
from blocks import named
from outboxes import new_submission, outbox_at, row
from receiver import Post, Receiver
from sqlalchemy import text
from standardwebhooks import WebhookVerificationError

from widget.delivery.policy import Policy
from widget.ops.alerts import Bounds
from widget.ops.courier import Courier, Destinations, EventWebhook
from widget.outbox.model import NO_ID, Transition, Work
from widget.outbox.notices import Notices
from widget.outbox.outbox import Outbox
from widget.outbox.sealing import Keyring
from widget.submissions.tokens import Tokens

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLDER = "whsec_" + base64.b64encode(bytes(range(100, 140))).decode()
CONFIG = """\
[products.demo]
name = "Northwind"
origins = ["http://localhost:*"]
[products.demo.events]
url = "{url}/demo"

[products.portal]
name = "Portal"
origins = ["http://localhost:*"]
[products.portal.events]
url = "{url}/portal"

[products.quiet]
name = "Quiet"
origins = ["http://localhost:*"]
"""
POLICY = Policy(retry_min=0.01, retry_max=0.01, give_up_after=3600, unknown_hold=None)
TOKENS = Tokens([SECRET_KEY], 3600)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


async def claimed(outbox: Outbox, **more: Any) -> Work:
    """A submission that is about to be sent."""
    new = new_submission(outbox, **more)
    await outbox.add(new)
    work = await outbox.claim(new.id)
    assert work
    return work


def courier_to(outbox: Outbox, url: str, *secrets: str) -> Courier:
    to = Destinations(event_webhooks={"demo": EventWebhook(url, secrets)}, receipt=TOKENS.receipt)
    return Courier(outbox, ["demo"], to, Bounds(3600, 0, 0, 1e9), POLICY, every=60)


async def queued(outbox: Outbox) -> list[dict[str, Any]]:
    return [dict(each.body) for each in await Notices(outbox.backend).claim("events demo", 99)]


async def test_the_ends_of_a_submission_are_reported_and_nothing_that_a_person_wrote(
    database_url: str, tmp_path: Path
) -> None:
    async with outbox_at(database_url, tmp_path, events=["demo"]) as outbox:
        ends = {
            (await claimed(outbox)).id: None,
            (delivered := await claimed(outbox, product="demo")).id: ("delivered", 7),
            (without_id := await claimed(outbox)).id: ("delivered", None),
            (refused := await claimed(outbox)).id: ("refused", None),
            (later := await claimed(outbox)).id: None,
            (unknown := await claimed(outbox)).id: None,
        }
        await outbox.record(delivered, Transition("sending", feedback_id=7))
        await outbox.record(delivered, Transition("delivered", feedback_id=7))
        await outbox.record(without_id, Transition("delivered", feedback_id=NO_ID))
        await outbox.record(refused, Transition("refused", error="answered 400: It works", cause="answered_400"))
        await outbox.record(later, Transition("queued", delay=60.0))
        await outbox.record(unknown, Transition("unknown"))
        await outbox.record(await claimed(outbox, product="other"), Transition("delivered", feedback_id=8))
        assert not await outbox.record(refused, Transition("delivered", feedback_id=9)), "the claim is lost"
        events = {each.pop("submission"): each for each in await queued(outbox)}
        assert events == {
            each: {"product": "demo", "state": end[0], "feedback_id": end[1], "thumb": "up"}
            for each, end in ends.items()
            if end
        }


async def test_a_row_that_cannot_be_read_is_shown_as_refused(tmp_path: Path) -> None:
    keyring = Keyring(["k" * 32])
    async with outbox_at(f"sqlite:///{tmp_path / 'w.db'}", tmp_path, keyring=keyring, events=["demo"]) as outbox:
        new = new_submission(outbox)
        await outbox.add(new)
        await outbox.backend.write(lambda c: c.execute(text("UPDATE submission SET email = 'damaged'")).rowcount)
        assert await outbox.claim(new.id) is None
        assert [(each["submission"], each["state"]) for each in await queued(outbox)] == [(new.id, "refused")]


async def test_an_end_is_written_with_its_event_or_not_at_all(database_url: str, tmp_path: Path) -> None:
    async with outbox_at(database_url, tmp_path, events=["demo"]) as outbox:
        work = await claimed(outbox)
        await outbox.backend.write(lambda c: c.execute(text("ALTER TABLE notice RENAME TO hidden")).rowcount)
        with pytest.raises(Exception, match="notice"):
            await outbox.record(work, Transition("delivered", feedback_id=7))
        assert (await row(outbox, work.id))["state"] == "sending"
        await outbox.backend.write(lambda c: c.execute(text("ALTER TABLE hidden RENAME TO notice")).rowcount)
        assert await outbox.record(work, Transition("delivered", feedback_id=7))
        assert len(await queued(outbox)) == 1


def verified(post: Post, *secrets: str) -> list[dict[str, Any]]:
    """The event, as the documents have it verified."""
    documented: dict[str, Any] = {}
    exec(named("events", "verify").text, documented)  # noqa: S102
    return [documented["event_of"](dict(post.headers), post.content, secret) for secret in secrets]


async def test_an_event_is_sent_by_a_later_process_signed_with_each_secret_and_under_one_id(
    database_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    async with outbox_at(database_url, tmp_path, events=["demo"]) as outbox:
        work = await claimed(outbox)
        await outbox.record(work, Transition("delivered", feedback_id=7))
    async with outbox_at(database_url, tmp_path) as outbox:
        receiver.status["/hook"] = 500
        courier = courier_to(outbox, f"{receiver.url}/hook", SECRET, OLDER)
        lane = courier.lanes["events demo"]
        await lane.work()
        assert (await Notices(outbox.backend).waiting())["events demo"].reason == "answered 500"
        receiver.status["/hook"] = 302
        while len(receiver.posts) < 2:
            await lane.work()
        receiver.status["/hook"] = 204
        while await Notices(outbox.backend).waiting():
            await lane.work()
        await courier.close()
    assert [post.path for post in receiver.posts] == ["/hook"] * 3
    assert len({post.headers["webhook-id"] for post in receiver.posts}) == 1
    assert len({post.content for post in receiver.posts}) == 1
    for post in receiver.posts:
        one, other = verified(post, SECRET, OLDER)
        assert one == other
        with pytest.raises(WebhookVerificationError):
            verified(post._replace(content=post.content.replace(b"7", b"8")), SECRET)
        sample = json.loads(named("events", "event").text)
        assert (one.keys(), one["data"].keys()) == (sample.keys(), sample["data"].keys())
        assert one["type"] == "submission.delivered"
        data = {"product": "demo", "receipt": TOKENS.receipt(work.id, "demo"), "feedback_id": 7, "thumb": "up"}
        assert one["data"] == data
        assert post.headers["content-type"] == "application/json"


async def test_whoever_is_down_is_asked_by_one_event_at_a_time_until_it_takes_one(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with outbox_at(f"sqlite:///{tmp_path / 'w.db'}", tmp_path, events=["demo"]) as outbox:
        for _ in range(20):
            await outbox.record(await claimed(outbox), Transition("delivered", feedback_id=7))
        receiver.status["/hook"] = 503
        courier = courier_to(outbox, f"{receiver.url}/hook", SECRET)
        lane = courier.lanes["events demo"]
        sent = []
        for _ in range(3):
            before = len(receiver.posts)
            await lane.work()
            sent.append(len(receiver.posts) - before)
        assert sent == [8, 1, 1]
        receiver.status["/hook"] = 200
        while await Notices(outbox.backend).waiting():
            await lane.work()
        await courier.close()
    assert len({post.headers["webhook-id"] for post in receiver.posts}) == 20


async def test_events_that_nobody_sends_any_more_end_some_day(tmp_path: Path) -> None:
    async with outbox_at(f"sqlite:///{tmp_path / 'w.db'}", tmp_path, events=["demo", "gone"]) as outbox:
        for product in ("demo", "gone"):
            await outbox.record(await claimed(outbox, product=product), Transition("delivered", feedback_id=7))
        courier = courier_to(outbox, "http://127.0.0.1:1/", SECRET)
        await courier.look()
        assert set(await Notices(outbox.backend).waiting()) == {"events demo", "events gone"}
        a_month = text("UPDATE notice SET made_at = made_at - 2678400 WHERE channel = 'events gone'")
        await outbox.backend.write(lambda c: c.execute(a_month).rowcount)
        await courier.look()
        assert set(await Notices(outbox.backend).waiting()) == {"events demo"}


def test_a_webhook_that_hangs_or_is_away_holds_up_no_delivery_and_no_other_product(
    start_widget: Callable[..., Widget], insider: Sandbox, receiver: Receiver
) -> None:
    secrets = {"EVENTS_SECRET__DEMO": SECRET, "EVENTS_SECRET__PORTAL": f"{SECRET},{OLDER}"}
    quick = {"RETRY_MIN": "0.1", "RETRY_MAX": "0.1", "OPS_TOKEN": "tests-only-operators-token"}
    widget = start_widget(config=CONFIG.format(url=receiver.url), **secrets, **quick)
    receiver.hold("/demo")
    answers = [widget.submit(f"number {number}", rating="true") for number in range(10)]  # more than go at once
    until(lambda: receiver.at("/demo"))
    for answer in (*answers, widget.submit("still delivered", product="quiet")):
        widget.until_delivered(answer)
    insider.misbehave("refuse", "create")
    widget.submit("It does not work", product="portal", rating="false")
    (post,) = until(lambda: receiver.at("/portal"))
    (event,) = verified(post, OLDER)
    assert (event["type"], event["data"]["thumb"]) == ("submission.refused", "down")
    assert widget.client.get(f"/receipt/{event['data']['receipt']}").status_code == 200
    assert b"It does not work" not in post.content
    assert b"@" not in post.content

    widget.client.post("/ops/sign-in", data={"token": quick["OPS_TOKEN"]})
    assert '<td data-label="Waiting" class="number">10</td>' in widget.client.get("/ops").text
    widget.kill()
    receiver.let_go()
    widget.start()
    until(lambda: len({post.headers["webhook-id"] for post in receiver.at("/demo")}) == 10)
    until(lambda: '"event": "event.sent"' in widget.log())
    bearer = {"Authorization": f"Bearer {quick['OPS_TOKEN']}"}
    taken = 'widget_events_total{outcome="taken",product="demo"} 10.0'
    until(lambda: taken in widget.client.get("/metrics", headers=bearer).text)
    assert receiver.url not in widget.log()


@pytest.mark.parametrize("turns", range(4))
async def test_a_stop_that_comes_with_news_ends_the_sending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    async def nothing_due() -> float:
        return 60.0

    async with outbox_at(f"sqlite:///{tmp_path / 'widget.db'}", tmp_path) as outbox:
        lane = courier_to(outbox, "http://127.0.0.1:1/", SECRET).lanes["events demo"]
        monkeypatch.setattr(lane, "work", nothing_due)
        sending = asyncio.create_task(lane.forever())
        await asyncio.sleep(0)  # it waits for news
        lane.wake()
        for _ in range(turns):
            await asyncio.sleep(0)
        sending.cancel()
        done, _ = await asyncio.wait({sending}, timeout=FACT)
    assert done

"""Rate limits: whom they count, what they keep, and what happens without their storage."""

import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bed import Process, Sandbox, Widget, free_port, plain_environ, until
from clock import Clock
from samples import png

from widget.abuse.counters import BoundedStorage
from widget.abuse.rate_limits import SURGE, Limits, Rates, client_key, sender_key
from widget.errors import ConfigurationError


async def hit(rates: Rates, product: str, address: str, *, marked: bool = True) -> float | None:
    """Count a submission as the service does: for its client on arrival, for its product once it may pass, for a surge
    once it is stored."""
    exceeded = await rates.hit_client(product, address, marked=marked) or await rates.hit_product(product)
    if exceeded:
        return exceeded.wait
    await rates.note_new(product)
    return None


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("testclient", "unknown"),
        ("192.0.2.7, 192.0.2.8", "unknown"),
    ],
)
def test_a_client_is_an_address_or_the_64_of_one(address: str, key: str) -> None:
    assert client_key(address) == key


def test_what_is_shared_is_shared_among_addresses_and_networks_not_among_the_64s_of_one_site() -> None:
    addresses = ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:2:2::1", "")
    keys = ["192.0.2.7", "192.0.2.7", "2001:db8:1::/48", "2001:db8:1::/48", "2001:db8:2::/48", "unknown"]
    assert [*map(sender_key, addresses)] == keys


async def test_a_client_may_so_often_and_then_has_to_wait_for_the_window_s_end() -> None:
    clock = Clock()
    rates = Rates(Limits(client="3/minute"), clock=clock)
    assert [await hit(rates, "demo", "192.0.2.7") for _ in range(3)] == [None] * 3
    clock.now += 20
    assert await hit(rates, "demo", "192.0.2.7") == pytest.approx(40)
    assert await hit(rates, "demo", "192.0.2.8") is None
    assert await hit(rates, "other", "192.0.2.7") is None
    clock.now += 41
    assert await hit(rates, "demo", "192.0.2.7") is None


async def test_neighbours_in_one_64_are_one_client() -> None:
    rates = Rates(Limits(client="2/minute"), clock=Clock())
    waits = [await hit(rates, "demo", f"2001:db8::{n}") for n in range(3)]
    assert [bool(wait) for wait in waits] == [False, False, True]


async def test_a_network_of_many_clients_may_more_often_and_not_without_end() -> None:
    rates = Rates(Limits(client="2/minute", network="5/minute"), clock=Clock())
    one = [await hit(rates, "demo", "2001:db8:1:1::1") for _ in range(20)]
    assert sum(wait is None for wait in one) == 2, "what is stopped uses up nothing of its neighbours'"
    others = [await hit(rates, "demo", f"2001:db8:1:{n:x}::1") for n in range(2, 9)]
    assert sum(wait is None for wait in others) == 3
    assert await hit(rates, "demo", "2001:db8:2:1::1") is None
    assert await hit(rates, "demo", "192.0.2.1") is None
    assert await hit(rates, "other", "2001:db8:1:9::1") is None


async def test_who_says_nothing_of_where_it_comes_from_may_less_often() -> None:
    rates = Rates(Limits(client="5/minute", unmarked="2/minute"), clock=Clock())
    waits = [await hit(rates, "demo", "192.0.2.7", marked=False) for _ in range(3)]
    assert [bool(wait) for wait in waits] == [False, False, True]
    assert await hit(rates, "demo", "192.0.2.7", marked=True) is None


async def test_a_product_takes_so_much_from_everybody_and_one_client_cannot_use_it_up() -> None:
    rates = Rates(Limits(client="2/minute", total="4/minute"), clock=Clock())
    greedy = [await hit(rates, "demo", "192.0.2.7") for _ in range(10)]
    assert sum(wait is None for wait in greedy) == 2
    assert [await hit(rates, "demo", f"192.0.2.{n}") for n in (8, 9)] == [None, None]
    assert await hit(rates, "demo", "192.0.2.10")
    assert await hit(rates, "other", "192.0.2.10") is None


async def test_what_is_held_uses_up_nothing_of_what_people_need_and_has_a_limit_too() -> None:
    rates = Rates(Limits(total="3/minute"), clock=Clock())
    held = [await rates.hit_product("demo", held=True) for _ in range(5)]
    assert [exceeded is None for exceeded in held] == [True] * 3 + [False] * 2
    assert [await rates.hit_product("demo") for _ in range(3)] == [None] * 3
    assert await rates.hit_product("demo")


async def test_what_was_stored_before_is_taken_back() -> None:
    rates = Rates(Limits(total="3/minute"), clock=Clock())
    for held in (False, True):
        for _ in range(9):
            assert await rates.hit_product("demo", held=held) is None
            await rates.take_back("demo", held=held)
        assert [await rates.hit_product("demo", held=held) is None for _ in range(4)] == [True] * 3 + [False]


async def test_what_exceeds_the_products_limit_is_a_part_of_a_surge() -> None:
    rates = Rates(Limits(total="1/minute", surge="3/minute"), clock=Clock())
    for n in range(5):
        await hit(rates, "demo", f"192.0.2.{n}")
    assert rates.surge_height("demo") == 5 / 3


async def test_a_surge_begins_with_the_rate_and_lasts_for_a_while_after_it() -> None:
    clock = Clock()
    rates = Rates(Limits(surge="3/minute"), clock=clock)
    for n in range(3):
        await hit(rates, "demo", f"192.0.2.{n}")
    assert rates.surge_since("demo") is None
    assert await hit(rates, "demo", "192.0.2.9") is None
    assert rates.surge_since("demo") == clock.now
    assert rates.surge_since("other") is None
    clock.now += SURGE + 1
    assert rates.surge_since("demo") is None


async def test_a_surge_is_as_high_as_it_has_been() -> None:
    clock = Clock()
    rates = Rates(Limits(surge="3/minute"), clock=clock)
    heights = []
    for n in range(12):
        await hit(rates, "demo", f"192.0.2.{n}")
        heights.append(rates.surge_height("demo"))
    assert heights[:3] == [1.0] * 3
    assert heights[3:] == [count / 3 for count in range(4, 13)]
    clock.now += 61
    await hit(rates, "demo", "192.0.2.99")
    assert rates.surge_height("demo") == 4.0
    clock.now += SURGE
    assert rates.surge_height("demo") == 1.0


async def test_what_is_exceeded_is_named_by_its_setting() -> None:
    rates = Rates(Limits("2/minute", "3/minute", "1/minute", "4/minute"), clock=Clock())
    named = [await rates.hit_client("demo", "192.0.2.1", marked=False) for _ in range(2)]
    named += [await rates.hit_client("demo", f"2001:db8:1:{household}::1") for household in range(4)]
    named += [await rates.hit_client("demo", "192.0.2.2") for _ in range(3)]
    named += [await rates.hit_product("demo") for _ in range(5)]
    assert [exceeded.limit for exceeded in named if exceeded] == [
        "RATE_LIMIT_UNMARKED",
        "RATE_LIMIT_NETWORK",
        "RATE_LIMIT",
        "RATE_LIMIT_TOTAL",
    ]


async def test_off_is_off() -> None:
    rates = Rates(Limits(), clock=Clock())
    assert [await hit(rates, "demo", "192.0.2.7", marked=False) for _ in range(1000)] == [None] * 1000


async def test_memory_has_a_bound_however_many_come() -> None:
    storage, clock = BoundedStorage(1000), Clock()
    rates = Rates(Limits(client="20/minute; 200/hour", total="1000000/minute"), capacity=1000, clock=clock)
    for n in range(5000):
        await hit(rates, "demo", f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}")
        await storage.incr(str(n), 60)
    assert len(storage) == 1000
    tracemalloc.start()
    for n in range(20_000):
        await hit(rates, "demo", f"11.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}")
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 1_000_000


async def test_a_flood_of_clients_drives_out_the_oldest_and_no_product() -> None:
    rates = Rates(Limits(client="1/hour", total="1500/hour"), capacity=1000, clock=Clock())
    for n in range(1500):
        assert await hit(rates, "demo", f"10.0.{n >> 8}.{n & 255}") is None
    assert await hit(rates, "demo", "10.0.5.219")  # the 1499th is still known
    assert await hit(rates, "demo", "10.9.9.9")  # a new client, but the product has reached its limit


# --- Redis ------------------------------------------------------------------------------------------------------


class Redis:
    """A real Redis on a free port that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is missing; scripts/setup installs it"
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._arguments = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._folder = folder
        self.start()

    def start(self) -> None:
        self._process = Process(self._arguments, self._folder / "redis.log", plain_environ(), self._folder)
        until(lambda: "Ready to accept" in self._process.log())

    def stop(self) -> None:
        self._process.stop()
        (self._folder / "redis.log").unlink()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    redis = Redis(tmp_path)
    yield redis
    redis.stop()


async def test_two_processes_count_together_in_redis(redis: Redis) -> None:
    one, two = (Rates(Limits(client="3/minute"), redis.url) for _ in range(2))
    waits = [await hit(rates, "demo", "192.0.2.7") for rates in (one, two, one, two)]
    assert [bool(wait) for wait in waits] == [False, False, False, True]
    assert 1 <= (waits[-1] or 0) <= 60
    await one.close()
    await two.close()


async def test_without_redis_a_process_counts_by_itself_and_comes_back(redis: Redis) -> None:
    clock = Clock()
    rates = Rates(Limits(client="2/minute"), redis.url, clock=clock)
    assert await hit(rates, "demo", "192.0.2.7") is None
    redis.stop()
    waits = [await hit(rates, "demo", "192.0.2.7") for _ in range(3)]
    assert [bool(wait) for wait in waits] == [False, False, True]
    redis.start()
    assert await hit(rates, "demo", "192.0.2.7")  # it is not asked again immediately
    clock.now += 6
    assert await hit(rates, "demo", "192.0.2.7") is None  # the new server is empty
    await rates.close()


def test_a_widget_whose_redis_is_away_still_takes_submissions(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(RATE_LIMIT="3/minute", RATE_LIMIT_STORAGE=f"redis://user:canary@127.0.0.1:{free_port()}/0")
    assert [widget.submit().status_code for _ in range(4)] == [201, 201, 201, 429]
    assert "rates.storage_away" in widget.log()
    assert "canary" not in widget.log()


def test_an_address_that_is_no_redis_is_named_at_the_start() -> None:
    with pytest.raises(ConfigurationError):
        Rates(Limits(), "redis://127.0.0.1:port/0")


# --- through a socket -------------------------------------------------------------------------------------------

OURS = {"Sec-Fetch-Site": "same-origin"}


def test_what_a_client_writes_of_its_address_is_not_believed(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(RATE_LIMIT="2/minute")
    sent = [{**OURS, "X-Forwarded-For": f"203.0.113.{n}", "Forwarded": f"for=203.0.113.{n}"} for n in range(3)]
    assert [widget.submit(email=None, headers=headers).status_code for headers in sent] == [422, 422, 429]


def test_of_what_proxies_wrote_the_last_that_is_none_of_them_counts(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(RATE_LIMIT="1/minute", TRUSTED_PROXIES="127.0.0.0/8, 10.0.0.0/8")

    def status(forwarded: str) -> int:
        return widget.submit(email=None, headers={**OURS, "X-Forwarded-For": forwarded}).status_code

    assert status("203.0.113.1") == 422
    assert status("203.0.113.1") == 429
    assert status("198.51.100.99, 203.0.113.1") == 429  # the client wrote the first address
    assert status("198.51.100.98, 203.0.113.1, 10.1.2.3") == 429  # an inner proxy wrote the last
    assert status("198.51.100.98, 203.0.113.1, ::ffff:10.1.2.3") == 429  # the same one, on a socket for both kinds
    assert status("203.0.113.2") == 422
    assert status("203.0.113.1, 203.0.113.3") == 422
    assert status("2001:db8::1") == 422
    assert status("2001:db8::2") == 429
    assert status("nonsense") == 422
    assert status("<other nonsense>") == 429  # clients that cannot be distinguished count as one


def test_a_connection_that_is_no_proxy_s_is_not_believed_either(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(RATE_LIMIT="1/minute", TRUSTED_PROXIES="192.0.2.0/24")
    headers = {**OURS, "X-Forwarded-For": "203.0.113.1", "X-Forwarded-Proto": "https"}
    assert widget.submit(email=None, headers=headers).status_code == 422
    answer = widget.submit(email=None, headers={**headers, "X-Forwarded-For": "203.0.113.2"})
    assert answer.status_code == 429
    assert "strict-transport-security" not in answer.headers


def test_it_is_decided_before_the_body_is_read(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(RATE_LIMIT="1/minute")
    widget.submit(email=None)
    answer = widget.client.post(
        "/form/demo",
        content=iter([b""]),
        headers={"Content-Type": "multipart/form-data; boundary=b", "Expect": "100-continue"},
    )
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["connection"] == "close"


def test_the_total_is_counted_over_all_clients(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(RATE_LIMIT="9/minute", RATE_LIMIT_TOTAL="2/minute", TRUSTED_PROXIES="127.0.0.1")
    sent = [{**OURS, "X-Forwarded-For": f"203.0.113.{n}"} for n in range(3)]
    answers = [widget.submit(headers=headers) for headers in sent]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[-1].json()["errors"][0]["code"] == "rate_limited"


def test_programs_that_fall_into_the_trap_cannot_shut_a_product(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(RATE_LIMIT="9/minute", RATE_LIMIT_TOTAL="3/minute", TRUSTED_PROXIES="127.0.0.1")
    statuses = []
    for number in range(5):
        fields = {"token": widget.token(), "submittedByEmail": "spam@example.com", "website": "x", "description": "x"}
        theirs = {**OURS, "X-Forwarded-For": f"198.51.100.{number}", "Accept": "application/json"}
        statuses.append(widget.post(fields, headers=theirs).status_code)
    assert statuses == [202, 202, 202, 429, 429]
    assert widget.submit(headers={**OURS, "X-Forwarded-For": "203.0.113.1"}).status_code == 201


def test_what_is_refused_before_it_could_be_stored_uses_up_nothing_of_the_product(
    start_widget: Callable[..., Widget],
) -> None:
    widget = start_widget(
        RATE_LIMIT="9/minute", RATE_LIMIT_TOTAL="2/minute", PROOF_SURGE="1/minute", TRUSTED_PROXIES="127.0.0.1"
    )
    spent, unused = widget.token(), widget.token()
    first = widget.submit(token=spent)
    broken = [("a.png", png()[:40], "image/png")]
    for n in range(20):
        theirs = {**OURS, "X-Forwarded-For": f"198.51.100.{n}"}
        assert widget.submit(token="", headers=theirs).status_code == 403
        assert widget.submit(token="forged", headers=theirs).status_code == 403
        assert widget.submit(email=None, headers=theirs).status_code == 422
        assert widget.submit(token=unused, files=broken, headers=theirs).status_code == 415
        assert widget.submit(token=spent, headers=theirs).json()["receipt"] == first.json()["receipt"]
    last = widget.submit(headers={**OURS, "X-Forwarded-For": "203.0.113.1"})
    assert last.status_code == 201, "neither the total nor a surge may have been reached"

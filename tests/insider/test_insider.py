"""The client for Insider Connect, against a server whose answers each test sets."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from pydantic import SecretStr

from widget.config.settings import Account
from widget.insider.client import Insider
from widget.insider.multipart import Upload
from widget.insider.outcomes import Attached, Created, Misconfigured, NotProcessed, Outcome, Refused, Unknown
from widget.insider.transport import MAX_ANSWER
from widget.submissions.model import Feedback

FEEDBACK = Feedback("hi", "ada@example.com", None, False)
ACCOUNTS = {"demo": Account(client_id="client", client_secret=SecretStr("hidden"))}
TOKEN = json.dumps({"access_token": "t0k3n", "token_type": "Bearer", "expires_in": 3599, "scope": "feedback.write"})
BOMB = gzip.compress(b" " * 5_000_000)


def http(status: int, body: str | bytes = b"", *headers: str) -> bytes:
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + raw


class Server:
    """Answers each request with the next of `answers` for its path, and repeats the last one. Keeps the requests."""

    def __init__(self, **answers: list[bytes | None]) -> None:
        self.answers: dict[str, list[bytes | None]] = {"token": [http(200, TOKEN)], **answers}
        self.requests: list[tuple[str, bytes, bytes]] = []
        self._handlers: set[asyncio.Task[None]] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.current_task()
        assert handler
        self._handlers.add(handler)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self.respond(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            body = await reader.readexactly(int(fields[b"content-length"]))  # no proxy on the way has to support chunks
            path = head.split(b" ")[1].decode()
            kind = {"/connect/token": "token", "/api/client/feedbacks": "create"}.get(path, "attach")
            self.requests.append((kind, head, body))
            prepared = self.answers[kind]
            answer = prepared.pop(0) if len(prepared) > 1 else prepared[0]
            if answer is None:
                return
            writer.write(answer)
            await writer.drain()
            if b"Content-Length" not in answer:
                return

    @asynccontextmanager
    async def client(self, within: float = 5.0) -> AsyncIterator[Insider]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        insider = Insider(f"http://127.0.0.1:{port}", ACCOUNTS, timeout=within)
        try:
            yield insider
        finally:
            await insider.close()
            server.close()
            await asyncio.gather(*self._handlers)

    async def create(self, within: float = 5.0) -> Outcome:
        async with self.client(within) as insider:
            return await insider.create("demo", "a" * 32, FEEDBACK)

    async def attach(self, uploads: list[Upload]) -> Outcome:
        async with self.client() as insider:
            return await insider.attach("demo", "a" * 32, 32, uploads)

    def count(self, kind: str) -> int:
        return sum(request[0] == kind for request in self.requests)


def created(data: object = 32, **more: object) -> str:
    return json.dumps({"isSuccess": True, "data": data, "errors": None, "requestId": "x", **more})


def refused(*errors: object) -> str:
    return json.dumps({"isSuccess": False, "data": None, "errors": list(errors), "requestId": "x"})


async def test_the_documented_success_is_a_created_feedback() -> None:
    assert await Server(create=[http(201, created())]).create() == Created(32)


async def test_the_documented_refusal_is_refused_with_its_reasons() -> None:
    outcome = await Server(create=[http(400, refused("Contact Consent is required."))]).create()
    assert outcome == Refused(("Contact Consent is required.",), 400)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (http(200, refused("no")), Refused(("no",), 200)),
        (http(400, "<html>"), Refused((), 400)),
        (http(409, refused()), Refused((), 409)),
        (http(413), Refused((), 413)),
        (http(415), Refused((), 415)),
        (http(422, refused("a", 3, "", "b")), Refused(("a", "b"), 422)),
        (http(408), NotProcessed("answered 408")),
        (http(425), NotProcessed("answered 425")),
        (http(429, "", "Retry-After: 7"), NotProcessed("answered 429", 7.0, busy=True)),
        (http(503, "", "Retry-After: 120"), NotProcessed("answered 503", 120.0, busy=True)),
        (http(503, "", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"), NotProcessed("answered 503", 0.0, busy=True)),
        (http(503, "", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"), NotProcessed("answered 503", 1e9, busy=True)),
        (http(503, "", "Date: Wed, 21 Oct 2026 07:27:00 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT"),
         NotProcessed("answered 503", 60.0, busy=True)),
        (http(503, "", "Date: Wed, 21 Oct 2026 07:29:00 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT"),
         NotProcessed("answered 503", 0.0, busy=True)),
        (http(429, "", f"Retry-After: {'9' * 400}"), NotProcessed("answered 429", 1e9, busy=True)),
        (http(503, "", "Date: Wed, 21 Oct 2026 07:27:00 GMT\r\nRetry-After: Wed Oct 21 07:28:00 2026"),
         NotProcessed("answered 503", 60.0, busy=True)),
        (http(503, "", "Date: Wed, 21 Oct 2026 07:27:00 GMT\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT"),
         NotProcessed("answered 503", 1e9, busy=True)),
        (http(503, "", f"Retry-After: 1 Jan 1 {'9' * 20}:00:00 GMT"), NotProcessed("answered 503", busy=True)),
        (http(503, "", f"Date: 1 Jan {'9' * 20} 00:00:00 GMT\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT"),
         NotProcessed("answered 503", 0.0, busy=True)),
        (http(400, refused("a\0b", "\ud800", "c\ud83d \ud83d\ude42", "\x1b[31mred")),
         Refused(("ab", "c \U0001f642", "[31mred"), 400)),
        (http(429, "", "Retry-After: -5"), NotProcessed("answered 429", busy=True)),
        (http(429, "", "Retry-After: soon"), NotProcessed("answered 429", busy=True)),
        (http(401), Misconfigured("answered 401")),
        (http(403), Misconfigured("answered 403")),
        (http(404), Misconfigured("answered 404")),
        (http(405), Misconfigured("answered 405")),
        (http(302, "", "Location: http://127.0.0.1:1/"), Misconfigured("answered 302")),
        (http(302, "", "Location: mailto:x"), Misconfigured("answered 302")),
        (http(307, "", f"Location: /{'a' * 65_530}"), Misconfigured("answered 307")),
        (http(500), Unknown("answered 500")),
        (http(502), Unknown("answered 502")),
        (http(504), Unknown("answered 504")),
        (http(200, "nonsense"), Unknown("200 without the documented content")),
        (http(201, "nonsense"), Created(None)),
        (http(201, "[" * 20_000), Created(None)),
        (http(201, created("32")), Created(None)),
        (http(201, created(True)), Created(None)),
        (http(201, created(-1)), Created(None)),
        (http(201, created(10**30)), Created(None)),
        (http(201, created("../../connect/token")), Created(None)),
        (http(201, created(pad="x" * MAX_ANSWER)), Created(None)),
        (http(201, BOMB, "Content-Encoding: gzip"), Created(None)),
        (None, Unknown("no complete HTTP answer came")),
        (b"HTTP/1.1 201 Created\r\nContent-Le", Unknown("no complete HTTP answer came")),
        (b"HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n{", Created(None)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{", Unknown("no complete HTTP answer came")),
        (b"HTTP/1.1 400 Bad Request\r\ncontent-length: 500\r\n\r\n{", Unknown("no complete HTTP answer came")),
        (b"junk\r\n\r\n", Unknown("no complete HTTP answer came")),
    ],
)  # fmt: skip
async def test_every_other_answer_is_one_of_few_outcomes(answer: bytes, outcome: Outcome) -> None:
    assert await Server(create=[answer]).create() == outcome


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (http(400, json.dumps({"error": "invalid_client"})),
         Misconfigured("the credentials are refused (invalid_client)", by_token=True)),
        (http(404), Misconfigured("the token endpoint answered 404", by_token=True)),
        (http(500), NotProcessed("the token endpoint answered 500")),
        (http(503, "", "Retry-After: 9"), NotProcessed("the token endpoint answered 503", 9.0, busy=True)),
        (http(200, "{}"), NotProcessed("the token endpoint's answer holds no token")),
        (http(200, json.dumps({"access_token": "a\r\nb", "expires_in": 10})),
         NotProcessed("the token endpoint's answer holds no token")),
        (None, NotProcessed("token: no complete HTTP answer came", unreachable=True)),
    ],
)  # fmt: skip
async def test_without_a_token_nothing_was_sent_so_a_repeat_is_safe(answer: bytes, outcome: Outcome) -> None:
    server = Server(token=[answer], create=[http(201, created())])
    assert await server.create() == outcome
    assert server.count("create") == 0


async def test_many_at_once_ask_for_one_token() -> None:
    server = Server(create=[http(201, created())])
    async with server.client() as insider:
        outcomes = await asyncio.gather(*[insider.create("demo", "a" * 32, FEEDBACK) for _ in range(16)])
    assert set(outcomes) == {Created(32)}
    assert server.count("token") == 1


async def test_calls_one_after_the_other_share_a_connection_and_calls_at_once_have_one_each() -> None:
    server = Server(create=[http(201, created())])
    async with server.client() as insider:
        for _ in range(3):
            await insider.create("demo", "a" * 32, FEEDBACK)
        assert len(server._handlers) == 1
        for _ in range(2):
            await asyncio.gather(*[insider.create("demo", "a" * 32, FEEDBACK) for _ in range(4)])
        assert len(server._handlers) == 4


async def test_a_call_that_failed_leaves_the_next_one_a_connection() -> None:
    server = Server(create=[None, http(201, created())])
    async with server.client() as insider:
        assert isinstance(await insider.create("demo", "a" * 32, FEEDBACK), Unknown)
        assert await insider.create("demo", "a" * 32, FEEDBACK) == Created(32)


async def test_a_token_that_is_refused_is_renewed_once() -> None:
    server = Server(create=[http(401), http(201, created())])
    assert await server.create() == Created(32)
    assert (server.count("token"), server.count("create")) == (2, 2)
    still = Server(create=[http(401)])
    assert await still.create() == Misconfigured("answered 401")
    assert (still.count("token"), still.count("create")) == (2, 2)


async def test_no_cookie_is_kept_for_the_calls_of_other_accounts() -> None:
    server = Server(create=[http(201, created(), *(f"Set-Cookie: c{n}={'x' * 100}; Path=/" for n in range(100)))])
    async with server.client() as insider:
        for _ in range(2):
            assert await insider.create("demo", "a" * 32, FEEDBACK) == Created(32)
    assert not [head for _, head, _ in server.requests if b"cookie" in head.lower()]


async def test_a_token_is_used_until_shortly_before_its_end() -> None:
    short = json.dumps({"access_token": "t", "expires_in": 0.001})
    server = Server(token=[http(200, short)], create=[http(201, created())])
    async with server.client() as insider:
        for _ in range(2):
            assert await insider.create("demo", "a" * 32, FEEDBACK) == Created(32)
            await asyncio.sleep(0.01)
    assert server.count("token") == 2


class Dripping(Server):
    """Answers a create byte by byte, for ever."""

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"/connect/token" in await reader.readuntil(b"\r\n\r\n"):
            writer.write(http(200, TOKEN, "Connection: close"))
            return
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.02)


async def test_an_answer_that_drips_in_is_given_up_in_time() -> None:
    async with Dripping().client(0.3) as insider:
        while isinstance(outcome := await insider.create("demo", "a" * 32, FEEDBACK), NotProcessed):
            pass  # not even the token came in time
    assert outcome == Unknown("no answer in time")


async def test_all_files_go_in_one_request_under_our_own_names_and_types() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"def"

    server = Server(attach=[http(200, created(27))])
    uploads = [Upload('o"dd ä.png', "image/png", 6, chunks), Upload("b.pdf", "application/pdf", 6, chunks)]
    assert await server.attach(uploads) == Attached()
    ((_, head, body),) = [request for request in server.requests if request[0] == "attach"]
    assert head.startswith(b"POST /api/client/feedbacks/32/attachments ")
    assert body.count(b'name="files"') == 2
    assert 'filename="o%22dd ä.png"\r\nContent-Type: image/png\r\n\r\nabcdef\r\n'.encode() in body


async def test_files_can_be_sent_again_after_a_new_token() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"abc"

    server = Server(attach=[http(401), http(200, created(27))])
    assert await server.attach([Upload("a.png", "image/png", 3, chunks)]) == Attached()
    bodies = [body for kind, _, body in server.requests if kind == "attach"]
    assert bodies[0] == bodies[1]


async def test_a_feedback_that_is_gone_refuses_its_files_and_stops_nothing_else() -> None:
    assert await Server(attach=[http(404)]).attach([]) == Refused(("The feedback is no longer there.",), 404)


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert await Server(create=[http(201, created())]).create() == Created(32)


async def test_products_of_one_account_share_its_token_and_others_do_not() -> None:
    accounts = {
        **ACCOUNTS,
        "twin": ACCOUNTS["demo"],
        "other": Account(client_id="other", client_secret=SecretStr("hidden")),
    }
    insider = Insider("http://127.0.0.1:1", accounts, timeout=5)
    assert insider.account_of("demo") == insider.account_of("twin") != insider.account_of("other")
    await insider.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:1", "connection refused by 127.0.0.1:1"),
        ("http://[::1]:1", "connection refused by [::1]:1"),
        ("http://nobody.invalid", "the name nobody.invalid cannot be resolved"),
    ],
)
async def test_why_no_connection_came_about_is_told_in_words(address: str, words: str) -> None:
    insider = Insider(address, ACCOUNTS, timeout=5)
    assert await insider.check("demo") == NotProcessed(words, unreachable=True)
    assert await insider.create("demo", "a" * 32, FEEDBACK) == NotProcessed(words, unreachable=True)
    await insider.close()


async def test_a_port_that_speaks_no_tls_is_named() -> None:
    async def speak_plainly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"this is no TLS\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        insider = Insider(f"https://127.0.0.1:{port}", ACCOUNTS, timeout=5)
        outcome = await insider.create("demo", "a" * 32, FEEDBACK)
        await insider.close()
    assert isinstance(outcome, NotProcessed)
    assert outcome.reason.startswith(f"no TLS connection to 127.0.0.1:{port}: ")

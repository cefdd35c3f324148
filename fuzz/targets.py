"""The targets. Each takes any bytes, and fails with an exception that the code under test does not promise.

A target checks what has to hold for every input. What is right for a particular input is up to the tests.
"""

import asyncio
import io
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from PIL import Image
from starlette.requests import Request

from widget import files
from widget.config import loading
from widget.errors import STATUS, ConfigurationError, Rejected, TokenError
from widget.files import jpeg, png
from widget.files.examine import examine
from widget.files.protocol import Rules
from widget.intake import body as intake
from widget.submissions import limits
from widget.submissions import model as submission
from widget.submissions.tokens import Tokens

RULES = Rules(max_pixels=1_000_000)
KEY = "fuzzing-fuzzing-fuzzing-fuzzing-00"
SPOOL = Path()
"""An empty folder, which the fuzzer sets."""
LIMITS = intake.Limits(file_size=2000, field_size=500, request_size=6000, read_timeout=5, total_timeout=10)


@cache
def loop() -> asyncio.AbstractEventLoop:
    """One loop for all cases."""
    return asyncio.new_event_loop()


def body(data: bytes) -> None:
    """A request's body, in chunks whose size is the first byte, up to files on disk."""
    if not data:
        return
    size, data = data[0] + 1, data[1:]
    chunks = [data[at : at + size] for at in range(0, len(data), size)]

    async def receive() -> dict[str, object]:
        chunk = chunks.pop(0) if chunks else b""
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    loop().run_until_complete(_take(request))
    assert not list(SPOOL.iterdir()), "a file was left behind"


async def _take(request: Request) -> None:
    try:
        room = intake.Room(LIMITS.request_size, "")
        async with intake.receive(request, spool=SPOOL, limits=LIMITS, turns=intake.Turns(), room=room) as incoming:
            await incoming.token()
            raw = await incoming.form()
            assert len(raw.files) <= limits.MAX_FILES
            for file in raw.files:
                content = file.content.read_bytes()
                assert len(content) == file.size <= LIMITS.file_size
                assert files.identify(content[: files.HEAD_SIZE]) == file.media_type
                assert not set(file.name) & set('/\\"\r\n\0')
            feedback, faults = submission.check_fields(raw.fields, files=len(raw.files))
            assert faults or submission.utf16_length(feedback.description) <= limits.MAX_DESCRIPTION
    except Rejected as rejected:
        assert {fault.code for fault in rejected.faults} <= STATUS.keys()
        assert rejected.faults


def picture(data: bytes) -> None:
    """A JPEG or PNG. What passes can be shown, has not grown, reveals no place, and passes again unchanged."""
    media_type = files.identify(data[: files.HEAD_SIZE])
    if media_type not in ("image/jpeg", "image/png"):
        data = (b"\xff\xd8\xff" if len(data) % 2 else b"\x89PNG\r\n\x1a\n") + data
        media_type = files.identify(data[: files.HEAD_SIZE])
    assert media_type is not None
    found = examine(data, media_type, RULES)
    if found.data is None:
        return
    clean = jpeg.clean if media_type == "image/jpeg" else png.clean
    assert len(found.data) <= len(data) or not clean(data, RULES.max_pixels).sound  # then it was encoded again
    with Image.open(io.BytesIO(found.data)) as image:
        image.load()
    again = examine(found.data, media_type, RULES)
    assert (again.verdict, again.data, again.notes) == ("good", found.data, ())


def pdf(data: bytes) -> None:
    """A PDF: checked to its end, or unreadable."""
    found = examine(data if data.startswith(b"%PDF-") else b"%PDF-1.7\n" + data, "application/pdf", RULES)
    assert (found.data is not None) == (found.verdict == "good")


def token(data: bytes) -> None:
    """A token or receipt. Only our own are believed."""
    text = data.decode("utf-8", "surrogateescape")
    tokens = Tokens([KEY], 3600)
    for read in (lambda: tokens.read_form(text, "demo", time.time()), lambda: tokens.read_receipt(text)):
        with suppress(TokenError):
            read()
            raise AssertionError("a token was made without the key")


def name(data: bytes) -> None:
    """A file's name and declared type. Our name is safe, does not change again, and contradicts nothing."""
    text, _, declared = data.decode("utf-8", "replace").partition("\n\n")
    for media_type in ("image/jpeg", "image/png", "application/pdf"):
        files.contradicts(media_type, text, declared)
        safe = files.safe_name(text, media_type, 0)
        assert files.safe_name(safe, media_type, 0) == safe
        assert not files.contradicts(media_type, safe, media_type)


REQUIRED = {
    "INSIDER_URL": "https://api.example.com",
    "INSIDER_CLIENT_ID": "id",
    "INSIDER_CLIENT_SECRET": "fuzz-canary",
    "SECRET_KEY": KEY,
}


def setting(data: bytes) -> None:
    """The environment, one NAME=VALUE per line, and after an empty line the products' file."""
    environ, _, products = data.partition(b"\n\n")
    lines = environ.decode("utf-8", "surrogateescape").replace("\0", "").splitlines()
    given = REQUIRED | dict(line.split("=", 1) for line in lines if "=" in line)
    path = SPOOL / "widget.toml"
    path.write_bytes(products)
    try:
        loading.load(given | {"WIDGET_CONFIG": str(path)})
    except ConfigurationError as error:
        assert error.problems
        assert KEY not in str(error)
        assert "fuzz-canary" not in str(error) or b"fuzz-canary" in data
    finally:
        path.unlink()


TARGETS: dict[str, tuple[Callable[[bytes], None], int]] = {
    "body": (body, 2500),
    "name": (name, 1500),
    "pdf": (pdf, 1500),
    "picture": (picture, 2500),
    "setting": (setting, 1000),
    "token": (token, 1500),
}
"""Each with the number of cases of a short run, 10,500 in total."""

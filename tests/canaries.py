"""Secrets and personal texts that can be recognised wherever they appear.

`Canaries` has one of each. `Spill` names the place where one was found. `session` goes through a widget's whole life:
success, every error, refusals upstream, crashes.
"""

import base64
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from bed import Sandbox, Widget, until
from samples import png

SECRETS = {
    "client secret": "canary-client-secret-7f3a",
    "other client secret": "canary-other-secret-91bc",
    "signing key": "canary-signing-key-0123456789abcdef",
    "old signing key": "canary-old-signing-key-fedcba987654",
    "ops token": "canary-ops-token-5d5d5d",
    "access token": "canary-access-token-c0ffee",
    "storage password": "canary-storage-password",
}
WORDS = {
    "description": "canary description of a person",
    "email": "canary.person@example.com",
    "address in the query": "canary.query@example.com",
    "file name": "canary file name.png",
    "file content": "canary-file-content",
    "trap": "canary-trap-filled",
}
ENVIRON = {
    "INSIDER_CLIENT_SECRET": SECRETS["client secret"],
    "INSIDER_CLIENT_ID__OTHER": "other-client",
    "INSIDER_CLIENT_SECRET__OTHER": SECRETS["other client secret"],
    "SECRET_KEY": f"{SECRETS['signing key']},{SECRETS['old signing key']}",
    "OPS_TOKEN": SECRETS["ops token"],
    "LOG_LEVEL": "debug",
}
JSON = {"Accept": "application/json"}


def spellings(text: str) -> set[str]:
    """The encodings in which a text may appear."""
    raw = text.encode()
    return {
        text,
        quote(text),
        quote(text, safe=""),
        text.replace(" ", "+"),
        raw.hex(),
        base64.b64encode(raw).decode()[:-4],
    }


@dataclass
class Spill:
    """Something that was found where it does not belong."""

    found: list[str] = field(default_factory=list)

    def scan(self, where: str, text: str, canaries: Mapping[str, str], but: tuple[str, ...] = ()) -> None:
        """Look for every canary except those named in `but`."""
        for name, canary in canaries.items():
            if name not in but and any(spelling in text for spelling in spellings(canary)):
                self.found.append(f"{name} in {where}")


@contextmanager
def without_attachments(widget: Widget) -> Iterator[None]:
    """Drop a table, so that an unforeseen error happens while every value is at hand."""
    database = sqlite3.connect(widget.folder / "widget.db", isolation_level=None)
    database.execute("ALTER TABLE attachment RENAME TO elsewhere")
    yield
    database.execute("ALTER TABLE elsewhere RENAME TO attachment")
    database.close()


def picture() -> tuple[str, bytes, str]:
    """A picture with words after its end and in its name."""
    return WORDS["file name"], png() + WORDS["file content"].encode(), "image/png"


Said = tuple[str, httpx.Response, tuple[str, ...]]
"""The name of the request, the answer, and the canaries that the answer may contain: the person's own."""


def session(widget: Widget, insider: Sandbox) -> Iterator[Said]:
    """Everything that can happen to a submission, and every address."""
    client = widget.client
    own = ("description", "email")
    given: dict[str, Any] = {"description": WORDS["description"], "email": WORDS["email"]}
    echo = [WORDS["description"], WORDS["email"], f"Bearer {SECRETS['client secret']}", "<b>at Api.Program.Main()</b>"]

    yield "form", client.get("/form/demo", params={"email": WORDS["address in the query"]}), ("address in the query",)
    yield "token", client.get("/form/demo/token", params={"email": WORDS["address in the query"]}), ()
    taken = widget.submit(**given, files=[picture()])
    yield "taken", taken, ("file name",)
    yield "receipt", client.get(taken.json()["receipt_url"]), ("file name",)
    yield "receipt in JSON", client.get(taken.json()["receipt_url"], headers=JSON), ("file name",)
    yield "taken, as a page", widget.submit(**given, files=[picture()], accept="text/html"), ("file name",)
    yield "other's", widget.submit(**given, product="other"), ()
    yield "refused", widget.submit("x" * 2000, WORDS["email"] + "@", files=[picture()]), ("file name",)
    yield "refused, as a page", widget.submit(WORDS["description"], "canary.person@", accept="text/html"), own
    wrong_file = (WORDS["file name"], WORDS["file content"].encode(), "image/png")
    yield "a wrong file", widget.submit(**given, files=[wrong_file]), ("file name",)
    yield "forged", widget.submit(**given, token=SECRETS["signing key"]), ()
    yield "too many", widget.submit(**given, files=[picture()] * 6), ("file name",)
    body = json.dumps({"isSuccess": False, "errors": echo})
    for status in (400, 409, 422, 429, 500, 503, 403):
        insider.fail_with(status, "create", body=body)
        yield f"create answered {status}", widget.submit(**given, files=[picture()]), own
        insider.recover()
    widget.restart()  # after a 403 the account's gate holds the next ones back
    insider.fail_with(400, "attach", body=body)
    yield "attach answered 400", widget.submit(**given, files=[picture()]), (*own, "file name")
    insider.fail_with(400, "token", body=json.dumps({"error": "invalid_client", "error_description": " ".join(echo)}))
    widget.restart()
    yield "token refused", widget.submit(**given), ()
    grant = {"access_token": SECRETS["access token"], "token_type": "Bearer", "expires_in": 3599}
    insider.fail_with(200, "token", body=json.dumps(grant))
    widget.restart()
    yield "a token that is not accepted", widget.submit(**given), ()
    yield "ready", client.get("/readyz"), ()
    insider.down()
    widget.restart()
    yield "down", widget.submit(**given), ()
    insider.recover()
    widget.restart()
    with without_attachments(widget):
        yield "crash", widget.submit(**given, files=[picture()]), own
        yield "crash, as a page", widget.submit(**given, files=[picture()], accept="text/html"), own
        yield "crash of a receipt", client.get(taken.json()["receipt_url"]), ()
    yield "trap", client.post("/form/demo", headers=JSON, files=[
        ("token", (None, widget.token())), ("description", (None, WORDS["description"])),
        ("submittedByEmail", (None, WORDS["email"])), ("website", (None, WORDS["trap"]))]), ()  # fmt: skip
    for path in ("/metrics", "/ops", "/healthz", "/nowhere", f"/{WORDS['email']}", "/embed.js", "/.env"):
        yield path, client.get(path, params={"email": WORDS["address in the query"]}), ()
        authorized = {"Authorization": f"Bearer {SECRETS['ops token']}"}
        yield f"{path} for the operator", client.get(path, headers=authorized), (*own, "file name")
    yield "method", client.put("/form/demo", content=WORDS["description"].encode()), ()
    until(lambda: insider.counts()["token"] > 0)

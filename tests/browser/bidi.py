"""Drives Firefox over WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), with the few commands that tests need."""

import itertools
import json
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from bed import Process, free_port, plain_environ, until
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect


def firefox() -> str:
    """This machine's Firefox."""
    for name in ("firefox", "firefox-esr"):
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    raise AssertionError("there is no Firefox: run scripts/setup")


class Firefox:
    """A headless Firefox with its own profile, one page, and the messages of that page's console. Like that of many
    people, it blocks the cookies, and thus the storage, of other sites that a page embeds."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        profile = folder / "profile"
        profile.mkdir()
        (profile / "user.js").write_text(
            'user_pref("network.cookie.cookieBehavior", 1);\n'
            'user_pref("network.captive-portal-service.enabled", false);\n'
            'user_pref("network.connectivity-service.enabled", false);\n'
            'user_pref("app.normandy.enabled", false);\n'
            'user_pref("datareporting.policy.dataSubmissionEnabled", false);\n'
            'user_pref("browser.safebrowsing.downloads.remote.enabled", false);\n'
        )
        arguments = [firefox(), "--headless", "--no-remote", "--profile", str(profile)]
        arguments += ["--remote-debugging-port", str(self._port)]
        self._process = Process(arguments, folder / "firefox.log", plain_environ(HOME=str(folder)), folder)
        self._ids = itertools.count(1)
        self._stack = ExitStack()
        self.said: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._socket: Any = until(self._connect, timeout=60)
            self.command("session.new", capabilities={})
            self.command("session.subscribe", events=["log.entryAdded"])
            self.page = self.command("browsingContext.getTree")["contexts"][0]["context"]
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._process.stop()

    def _connect(self) -> ClientConnection | None:
        try:
            connecting = connect(f"ws://127.0.0.1:{self._port}/session", open_timeout=5, max_size=None, proxy=None)
            return self._stack.enter_context(connecting)
        except (OSError, WebSocketException):
            return None

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its result. Console messages that arrive meanwhile are kept."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            if message["type"] == "event" and message["method"] == "log.entryAdded":
                self.said.append(str(message["params"].get("text")))
            if message.get("id") == number:
                assert message["type"] == "success", message
                result: dict[str, Any] = message["result"]
                return result

    def open(self, url: str) -> None:
        """Open a page and wait until it has loaded."""
        self.command("browsingContext.navigate", context=self.page, url=url, wait="complete")

    def frame(self) -> str:
        """The context of the page's first frame, once it exists."""

        def first() -> str | None:
            (page,) = self.command("browsingContext.getTree", root=self.page)["contexts"]
            return page["children"][0]["context"] if page["children"] else None

        return str(until(first))

    def run(self, expression: str, context: str = "") -> Any:
        """The value of an expression in a page or frame: a string, number, boolean or nothing."""
        answer = self.command(
            "script.evaluate", expression=expression, target={"context": context or self.page}, awaitPromise=True
        )
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    def until(self, expression: str, context: str = "") -> Any:
        """Wait until an expression is true."""
        return until(lambda: self.run(expression, context))

    def click(self, element: str, context: str = "") -> None:
        """Click an element, given as an expression, once it is in view."""
        self.run(f"void {element}.scrollIntoView({{block: 'nearest'}})", context)
        at = {"type": "element", "element": {"sharedId": self._shared(element, context)}}
        actions: Sequence[dict[str, Any]] = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": at},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._perform(context, {"type": "pointer", "id": "mouse", "actions": actions})

    def type(self, text: str, context: str = "") -> None:
        """Type a text where the focus is."""
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self._perform(context, {"type": "key", "id": "keys", "actions": actions})

    def choose(self, element: str, files: Sequence[Path], context: str = "") -> None:
        """Choose files in a file input."""
        shared = {"sharedId": self._shared(element, context)}
        self.command(
            "input.setFiles", context=context or self.page, element=shared, files=[str(file) for file in files]
        )

    def _shared(self, element: str, context: str) -> str:
        answer = self.command(
            "script.evaluate", expression=element, target={"context": context or self.page}, awaitPromise=False
        )
        assert answer["type"] == "success", answer
        return str(answer["result"]["sharedId"])

    def _perform(self, context: str, *sources: dict[str, Any]) -> None:
        self.command("input.performActions", context=context or self.page, actions=list(sources))
        self.command("input.releaseActions", context=context or self.page)

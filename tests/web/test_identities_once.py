"""A signed identity with a `jti` sends one submission, whichever process it reaches and however many come at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import jwt
from bed import SECRET_KEY, WIDGET_TOML, Sandbox, Widget

SECRET = SECRET_KEY[::-1]
CONFIG = f"{WIDGET_TOML}[products.demo.identity]\n"


def signed(jti: str | None = None, **changes: str) -> str:
    claims = {"email": "mara@northwind.example", "aud": "demo", "exp": time.time() + 300, **changes}
    if jti is not None:
        claims["jti"] = jti
    return jwt.encode(claims, SECRET, "HS256")


def widget_at(url: str, insider: Sandbox, folder: Path) -> Widget:
    folder.mkdir()
    widget = Widget(folder, insider.url, config=CONFIG, DATABASE_URL=url, IDENTITY_KEY__DEMO=SECRET)
    widget.migrate()
    return widget


def send(widget: Widget, identity: str, token: str = "") -> httpx.Response:
    return widget.post({"token": token or widget.token(), "description": "Hi", "identity": identity})


def test_a_name_with_half_a_character_in_it_is_shown_without(insider: Sandbox, tmp_path: Path) -> None:
    with widget_at(f"sqlite:///{tmp_path}/widget.db", insider, tmp_path / "one") as widget:
        identity = signed(name="Mara \ud83d")
        answer = widget.client.get("/form/demo/identity", headers={"X-Identity": identity})
        assert (answer.status_code, answer.json()["name"]) == (200, "Mara")
        assert widget.client.get("/form/demo", params={"identity": identity}).status_code == 200
        assert send(widget, identity).status_code == 201


def test_the_second_submission_is_refused_also_after_a_restart(
    insider: Sandbox, database_url: str, tmp_path: Path
) -> None:
    with widget_at(database_url, insider, tmp_path / "one") as widget:
        assert send(widget, signed("first")).status_code == 201
        widget.restart()
        refused = send(widget, signed("first"))
        assert (refused.status_code, refused.json()["errors"][0]["reason"]) == (403, "used")
        assert '"reason": "used"' in widget.log()
        assert send(widget, signed("second")).status_code == 201
        assert len(insider.descriptions()) == 2


def test_a_repeat_of_the_same_form_is_no_second_use(insider: Sandbox, database_url: str, tmp_path: Path) -> None:
    with widget_at(database_url, insider, tmp_path / "one") as widget:
        token, identity = widget.token(), signed("first")
        first, again = send(widget, identity, token), send(widget, identity, token)
        assert first.json()["receipt"] == again.json()["receipt"]
        assert len(insider.descriptions()) == 1


def test_of_many_that_come_at_once_to_two_processes_one_is_taken(
    insider: Sandbox, postgres: object, tmp_path: Path
) -> None:
    url = postgres.database()  # type: ignore[attr-defined]
    with widget_at(url, insider, tmp_path / "one") as one, widget_at(url, insider, tmp_path / "two") as two:
        identity = signed("first")
        with ThreadPoolExecutor(8) as people:
            answers = list(people.map(lambda n: send((one, two)[n % 2], identity), range(8)))
        assert sorted(answer.status_code for answer in answers) in ([201, *[403] * 7], [202, *[403] * 7])
        assert len(one.rows()) == 1

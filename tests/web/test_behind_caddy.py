"""The service behind the real Caddy with the file of `deploy/caddy`."""

from collections.abc import Callable
from pathlib import Path

import httpx
from bed import Widget, free_port
from caddy import Caddy


def test_caddy_hands_on_what_the_service_needs(start_widget: Callable[..., Widget], tmp_path: Path) -> None:
    site = f"http://127.0.0.1:{free_port()}"
    widget = start_widget(PUBLIC_URL=f"{site}/feedback", TRUSTED_PROXIES="127.0.0.1", RATE_LIMIT="3/hour")
    with Caddy(tmp_path, widget.port, site=site):
        picture = ("files", ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(25 << 20)))
        with httpx.Client(base_url=f"{site}/feedback", trust_env=False, timeout=30) as client:
            page = client.get("/form/demo", headers={"X-Forwarded-Prefix": "/evil"}).text
            assert 'href="/feedback/static/' in page
            assert "/evil" not in page
            fields = {"token": (None, widget.token())}
            json = {"Accept": "application/json"}
            large = client.post("/form/demo", files=[*fields.items(), picture], headers=json)
            assert (large.status_code, large.headers["content-type"]) == (413, "application/problem+json")
            # What the client says about its address counts for nothing: all of these come from one client.
            answers = [
                client.post("/form/demo", files=fields, headers={**json, "X-Forwarded-For": f"203.0.113.{number}"})
                for number in range(3)
            ]
            assert [answer.status_code for answer in answers] == [422, 422, 429]

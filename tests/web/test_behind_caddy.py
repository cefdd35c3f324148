"""The service behind the real Caddy with the files of `deploy/caddy`, but without TLS, which needs a public name."""

from collections.abc import Callable
from pathlib import Path

import httpx
from bed import ROOT, Process, Widget, free_port, plain_environ

CADDYFILE = ROOT / "deploy" / "caddy" / "Caddyfile"


def test_caddy_hands_on_what_the_service_needs(start_widget: Callable[..., Widget], tmp_path: Path) -> None:
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    widget = start_widget(PUBLIC_URL=f"{site}/feedback", TRUSTED_PROXIES="127.0.0.1", RATE_LIMIT="3/hour")
    config = CADDYFILE.read_text("utf-8")
    for there, here in {
        "reverse_proxy 127.0.0.1:8000 127.0.0.1:8001": f"reverse_proxy 127.0.0.1:{widget.port}",
        "www.example.com {": f"{site} {{",
        "feedback.example.com {": f"http://127.0.0.1:{free_port()} {{",
        "root * /var/www/html": f"root * {tmp_path}",
    }.items():
        assert there in config, there
        config = config.replace(there, here)
    (tmp_path / "Caddyfile").write_text("{\n\tadmin off\n}\n" + config)
    environ = plain_environ(XDG_DATA_HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path))
    caddy = Process(["caddy", "run", "--config", str(tmp_path / "Caddyfile")], tmp_path / "log", environ, tmp_path)
    try:
        caddy.until_answers(f"{site}/feedback/healthz")
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
    finally:
        caddy.stop()

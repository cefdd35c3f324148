"""`widget check --proxy` through the real nginx: it finds what a proxy breaks, and gives the missing line."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import children
import pytest
from bed import IN_ENGLISH, Sandbox, Widget, free_port
from nginx import BareNginx

from widget.config.loading import load
from widget.tools.check import proxy
from widget.tools.findings import Finding

OPS_TOKEN = "tests-only-operators-token"
BODY = "client_max_body_size 24m;"
HOST = "proxy_set_header Host $http_host;"
SCHEME = "proxy_set_header X-Forwarded-Proto $scheme;"
CLIENT = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"


@pytest.fixture
def widget(start_widget: Callable[..., Widget]) -> Widget:
    return start_widget(OPS_TOKEN=OPS_TOKEN, TRUSTED_PROXIES="127.0.0.1")


def found(widget: Widget, url: str, **environ: str) -> dict[str, Finding]:
    """What the proxy's check finds, by code."""
    seen = asyncio.run(proxy.check(load(widget.environ | environ), url))
    return {finding.code: finding for finding in seen.findings}


def test_a_proxy_that_passes_on_what_the_service_needs_is_well_and_nothing_is_stored(
    widget: Widget, insider: Sandbox, tmp_path: Path
) -> None:
    with BareNginx(tmp_path, free_port(), widget.port, BODY, HOST, SCHEME, CLIENT) as nginx:
        done = children.run(
            [*IN_ENGLISH, "check", "--offline", "--json", "--proxy", f"{nginx.origin}/"],
            widget.folder,
            widget.environ,
        )
    (checked,) = [
        check
        for section in json.loads(done.stdout)["sections"]
        for check in section["checks"]
        if check["title"] == "proxy"
    ]
    assert checked["findings"] == []
    assert widget.rows() == []
    assert insider.feedbacks() == []


def test_each_line_that_is_missing_is_named(widget: Widget, tmp_path: Path) -> None:
    spoofable = "proxy_set_header X-Forwarded-For $http_x_forwarded_for;"
    with BareNginx(tmp_path, free_port(), widget.port, spoofable, "proxy_set_header X-Forwarded-Proto https;") as nginx:
        findings = found(widget, nginx.origin)
    assert set(findings) == {"proxy.body", "proxy.host", "proxy.spoofed", "proxy.scheme"}
    assert "nginx: `client_max_body_size 24m;`" in findings["proxy.body"].fix
    assert "answered 413 by the proxy" in findings["proxy.body"].message
    assert "nginx: `proxy_set_header Host" in findings["proxy.host"].fix
    assert CLIENT in findings["proxy.spoofed"].fix
    assert SCHEME in findings["proxy.scheme"].fix
    assert "Caddy" not in findings["proxy.body"].fix, "the proxy says what it is"


def test_a_proxy_that_is_not_trusted_is_named(start_widget: Callable[..., Widget], tmp_path: Path) -> None:
    widget = start_widget(OPS_TOKEN=OPS_TOKEN)
    with BareNginx(tmp_path, free_port(), widget.port, BODY, HOST, SCHEME, CLIENT) as nginx:
        findings = found(widget, nginx.origin)
        assert set(findings) == {"proxy.untrusted"}
        assert findings["proxy.untrusted"].fix == "Add 127.0.0.1 to TRUSTED_PROXIES."
        assert set(found(widget, nginx.origin, OPS_TOKEN="of-another-service-altogether")) == {"proxy.untold"}
        untold = found(widget, nginx.origin, OPS_TOKEN="")["proxy.untold"]
        assert untold.level == "notice"


def test_an_address_behind_which_nothing_is_is_named(widget: Widget) -> None:
    findings = found(widget, "http://127.0.0.1:1")
    assert findings["proxy.unreachable"].message == "No answer: connection refused by 127.0.0.1:1."
    done = children.run([*widget.command, "check", "--proxy", "no address"], widget.folder, widget.environ)
    assert (done.returncode, "give an address such as https://" in done.stderr) == (2, True)

"""The service below a path of a shared host: who may name the path, and how it is handled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from bed import EMAIL, Sandbox, Widget
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from widget.config import resources
from widget.config.products import Product
from widget.i18n import messages as words
from widget.pages import addresses
from widget.pages.pages import Pages
from widget.pages.state import FormState
from widget.pages.templating import Templates
from widget.server.forwarded import believed
from widget.submissions.tokens import Tokens
from widget.web.assets import StaticFiles
from widget.web.form_cache import FormCache, Variant
from widget.web.mounted import Mounted

NAMES = {"form", "static", "healthz"}
PLAIN = Variant("en", "auto", "page")


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    """Returns what the service sees of a request, and how it would write an address."""
    answer = JSONResponse({"path": scope["path"], "public": addresses.public("/x"), "client": scope["client"][0]})
    await answer(scope, receive, send)


async def asked(app: ASGIApp, path: str, peer: str = "10.0.0.1", **headers: str) -> Any:
    """What `inside` sees of a request from `peer`."""
    transport = httpx.ASGITransport(app, client=(peer, 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://widget") as client:
        return (await client.get(path, headers={key.replace("_", "-"): value for key, value in headers.items()})).json()


@pytest.mark.parametrize(
    ("root", "path", "within"),
    [
        ("/feedback", "/feedback/form/demo", "/form/demo"),
        ("/feedback", "/form/demo", "/form/demo"),
        ("/feedback", "/feedback/nowhere", "/feedback/nowhere"),
        ("/feedback", "/feedbacks/form/demo", "/feedbacks/form/demo"),
        ("/feedback", "/feedback", "/feedback"),
        ("/feedback", "/feedback/feedback/form/demo", "/feedback/feedback/form/demo"),
        ("/a/b", "/a/b/static/x.css", "/static/x.css"),
        ("/form", "/form/form/demo", "/form/demo"),
        ("/form", "/form/demo", "/form/demo"),
        ("", "/form/demo", "/form/demo"),
    ],
)
async def test_a_proxy_may_remove_the_path_or_leave_it(root: str, path: str, within: str) -> None:
    seen = await asked(Mounted(inside, root, NAMES), path)
    assert (seen["path"], seen["public"]) == (within, f"{root}/x")


@pytest.mark.parametrize(("root", "public"), [(None, "/team/x"), ("/feedback", "/feedback/x"), ("", "/x")])
async def test_a_trusted_proxy_names_the_path_unless_the_public_address_does(root: str | None, public: str) -> None:
    app = believed(Mounted(inside, root, NAMES), ["10.0.0.0/8"])
    seen = await asked(app, "/team/form/demo", X_Forwarded_Prefix="/team/", X_Forwarded_For="203.0.113.9")
    assert (seen["public"], seen["client"]) == (public, "203.0.113.9")


@pytest.mark.parametrize("proxies", [(), ("10.0.0.0/8",)])
async def test_nobody_else_does(proxies: tuple[str, ...]) -> None:
    app = believed(Mounted(inside, None, NAMES), proxies)
    seen = await asked(app, "/form/demo", "192.0.2.7", X_Forwarded_Prefix="/evil", X_Forwarded_For="10.0.0.1")
    assert seen == {"path": "/form/demo", "public": "/x", "client": "192.0.2.7"}


@pytest.mark.parametrize("given", ["//evil.example", "/a/../b", "feedback", "/a, /b", '/"><script>', "/" + 200 * "a"])
async def test_a_path_that_cannot_be_one_is_ignored_and_said_once(given: str) -> None:
    app = believed(Mounted(inside, None, NAMES), ["10.0.0.1"])
    with capture_logs() as lines:
        for _ in range(2):
            assert (await asked(app, "/form/demo", X_Forwarded_Prefix=given))["public"] == "/x"
    assert [line["event"] for line in lines] == ["proxy.prefix_unusable"]


async def test_a_request_leaves_the_path_of_the_next_one_alone() -> None:
    app = believed(Mounted(inside, None, NAMES), ["10.0.0.1"])
    given = [(await asked(app, "/form/demo", **more))["public"] for more in ({"X_Forwarded_Prefix": "/team"}, {})]
    assert given == ["/team/x", "/x"]


def test_a_running_service_believes_its_proxy_alone(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(TRUSTED_PROXIES="127.0.0.1")
    headers = {"X-Forwarded-Prefix": "/team", "Accept": "application/json"}
    for address, root in (("127.0.0.1", "/team"), ("127.0.0.2", "")):
        transport = httpx.HTTPTransport(local_address=address)
        with httpx.Client(base_url=widget.url, transport=transport, headers=headers) as client:
            assert f'href="{root}/static/' in client.get("/form/demo", headers={"Accept": "text/html"}).text
            fields = {"token": widget.token(), "description": "From a team", "submittedByEmail": EMAIL}
            sent = client.post("/form/demo", files={name: (None, value) for name, value in fields.items()}).json()
            assert sent["receipt_url"] == f"{root}/receipt/{sent['receipt']}"
            assert client.get(f"/team{sent['receipt_url'].removeprefix(root)}").status_code == (200 if root else 404)


async def test_a_form_that_is_kept_is_kept_for_its_path_alone(tmp_path: Path) -> None:
    static = StaticFiles(resources.path("static"))
    templates = Templates(resources.path("templates"), tmp_path, slugs=("demo",), static=static.url)
    product = Product(slug="demo", name="Northwind", origins=("https://app.example.com",))
    pages, tokens = Pages(templates), Tokens(["k" * 32], 60)
    forms, token = FormCache(pages, tokens), tokens.form("demo")
    for root in ("", "/feedback"):
        before = addresses.root.set(root)
        assert forms.find("demo", PLAIN) is None
        page = pages.form(product, words.choose("en"), FormState(token))
        assert f'href="{root}/static/' in page
        for _ in range(2):
            await forms.keep(product, words.choose("en"), PLAIN, page, token)
        assert forms.find("demo", PLAIN) is not None
        addresses.root.reset(before)

"""The builder's texts: what they leave out, what they escape, and that they follow the choice."""

from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette

from widget.config import resources
from widget.config.products import Product
from widget.pages.addresses import public
from widget.web import snippets
from widget.web.builder import Builder
from widget.web.mounted import Mounted
from widget.web.snippets import Block, Choice

DEMO = Product.model_validate({"slug": "demo", "name": "Northwind", "origins": ["https://app.example.com"]})
PLAIN = Choice("demo", "https://feedback.example.com")
FULL = replace(PLAIN, mode="dialog", position="top-start", theme="dark", lang="de", launcher=False)
URL = "https://feedback.example.com"
LOADER = resources.content(resources.path("static") / "embed.js")


def blocks(choice: Choice, origin: str = "") -> dict[str, Block]:
    return {block.id: block for block in snippets.blocks(choice, DEMO, b"loader", origin)}


def test_defaults_are_left_out() -> None:
    found = blocks(PLAIN)
    assert found["snippet"].text == f'<script src="{URL}/embed.js" async data-product="demo"></script>'
    assert found["policy"].text == f"Content-Security-Policy: script-src {URL}; frame-src {URL}"
    assert found["origins"].text == 'origins = ["https://app.example.com"]'
    assert 'integrity="sha384-' in found["integrity"].text
    assert set(found) == {"snippet", "policy", "origins", "integrity"}


@pytest.mark.parametrize("stack", snippets.STACKS)
def test_every_stack_says_what_was_chosen(stack: str) -> None:
    found = blocks(replace(FULL, stack=stack))
    wanted = ["demo", URL, "dark", "de", *([] if stack == "iframe" else ["dialog", "top-start", "false"])]
    snippet = found["snippet"].text
    assert all(word in snippet for word in wanted), snippet
    assert ("install" in found) == (stack not in ("html", "iframe"))
    assert ("script-src" in found["policy"].text) == (stack != "iframe")


def test_what_has_no_effect_in_the_page_is_left_out() -> None:
    snippet = blocks(replace(FULL, mode="inline"))["snippet"].text
    assert snippet == (
        f'<script src="{URL}/embed.js" async></script>\n'
        '<insider-feedback product="demo" mode="inline" theme="dark" lang="de"></insider-feedback>'
    )


def test_a_link_of_the_page_opens_the_form_where_it_has_no_button_of_ours() -> None:
    found = blocks(replace(PLAIN, launcher=False))
    assert f'<a href="{URL}/form/demo" class="open-feedback">' in found["snippet"].text
    assert "attach('.open-feedback')" in found["attach"].text


@pytest.mark.parametrize("stack", snippets.STACKS)
def test_whatever_the_stack_it_says_how_a_form_without_our_button_is_opened(stack: str) -> None:
    texts = "".join(block.text for block in blocks(replace(PLAIN, launcher=False, stack=stack)).values())
    assert ("attach('.open-feedback')" in texts) == (stack != "iframe")


def test_a_path_of_the_service_is_in_addresses_and_not_in_policies() -> None:
    found = blocks(
        replace(PLAIN, service="https://www.example.com/feedback", stack="iframe"), "https://shop.example.com"
    )
    assert "https://www.example.com/feedback/form/demo?mode=inline" in found["snippet"].text
    assert found["policy"].text == "Content-Security-Policy: frame-src https://www.example.com"
    assert found["origins"].text == 'origins = ["https://app.example.com", "https://shop.example.com"]'


@pytest.fixture
def builder() -> httpx.AsyncClient:
    """The builder, mounted in a service of its own."""
    build = Builder("/ops/build", lambda _: {"demo": DEMO}, lambda _, name: f"/static/{name}", lambda _: URL)
    transport = httpx.ASGITransport(Starlette(routes=build.routes()))
    return httpx.AsyncClient(transport=transport, base_url="http://widget.test/ops/build")


async def test_an_unknown_product_is_a_page_that_names_those_that_there_are(builder: httpx.AsyncClient) -> None:
    for path in ("/dmeo", "/dmeo/page", "/dmeo/blocks"):
        answer = await builder.get(path)
        assert answer.status_code == 404
        assert "There is no product “dmeo”" in answer.text
        assert '<a href="/ops/build/demo">demo</a>' in answer.text


async def test_it_leads_to_the_first_product_and_has_a_strict_policy(builder: httpx.AsyncClient) -> None:
    assert (await builder.get("http://widget.test/ops/build")).headers["Location"] == "/ops/build/demo"
    answer = await builder.get("/demo")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"origin": "http://app.example.com"}, "needs https"),
        ({"origin": "app.example.com"}, "is not a valid origin"),
        ({"service": "javascript:alert(1)"}, "needs the form https://host"),
        ({"service": 'https://x"onload="y'}, "needs the form https://host"),
        ({"mode": "window", "theme": "<b>", "lang": "xx", "stack": "cobol", "position": "x"}, ""),
    ],
)
async def test_what_cannot_be_is_named_and_the_default_taken(
    builder: httpx.AsyncClient, query: dict[str, str], problem: str
) -> None:
    found = (await builder.get("/demo/blocks", params=query)).json()
    assert problem in found["problem"]
    assert bool(problem) == bool(found["problem"])
    assert [block["text"] for block in found["blocks"]] == [
        block.text for block in snippets.blocks(PLAIN, DEMO, LOADER)
    ]


async def test_below_a_path_its_addresses_have_the_path() -> None:
    build = Builder(
        "/build", lambda _: {"demo": DEMO}, lambda _, name: public(f"/static/{name}"), lambda _: f"{URL}/feedback"
    )
    transport = httpx.ASGITransport(Mounted(Starlette(routes=build.routes()), "/feedback", {"build"}))
    async with httpx.AsyncClient(transport=transport, base_url="http://widget.test/feedback/build") as client:
        page, sample = (await client.get("/demo")).text, (await client.get("/demo/page")).text
    assert 'data-from="/feedback/build/demo/blocks"' in page
    assert 'src="/feedback/build/demo/page?stack=html"' in page
    assert 'href="/feedback/static/builder/builder.css"' in page
    assert f"{URL}/feedback/embed.js" in page
    assert 'src="/feedback/embed.js"' in sample

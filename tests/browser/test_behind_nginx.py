"""The service below a path of another site, behind the real nginx with the files of `deploy/nginx`."""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from bed import EMAIL, TOKEN, Sandbox, Widget, free_port, until_kept
from editor_stage import sheet
from form_stage import payloads
from nginx import Nginx
from playwright.sync_api import Browser, Response, expect
from stage import Server

from widget.config import resources
from widget.web import pinned

MEGABYTE = 1024 * 1024
OPS_TOKEN = "tests-only-operators-token"


@dataclass(frozen=True)
class Site:
    """A service at `url`, the `https` address that browsers use."""

    widget: Widget
    url: str
    client: httpx.Client


@pytest.fixture(scope="module")
def site(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    url = f"https://127.0.0.1:{port}/feedback"
    with (
        Widget(folder, _sandbox.url, PUBLIC_URL=url, TRUSTED_PROXIES="127.0.0.1", OPS_TOKEN=OPS_TOKEN) as widget,
        Nginx(folder, "feedback-path.conf", port, (widget.port, widget.port)) as nginx,
        httpx.Client(base_url=url, verify=nginx.tls, trust_env=False, timeout=30) as client,
    ):
        yield Site(widget, url, client)


def parts(widget: Widget, file: bytes = b"") -> list[tuple[str, tuple[str | None, str | bytes]]]:
    """The fields of a form."""
    fields = {"token": widget.token(), "description": "Under a path", "submittedByEmail": EMAIL}
    files = [("files", ("a.png", file))] if file else []
    return [*((name, (None, value)) for name, value in fields.items()), *files]


def without_token(page: str) -> str:
    """A page as it is sent to a client without a session."""
    return TOKEN.sub("TOKEN", page)


def test_a_person_sends_a_picture_from_a_page_below_the_path(site: Site, browser: Browser, insider: Sandbox) -> None:
    answers: list[Response] = []
    until_kept(f"{site.widget.url}/form/demo?lang=en&theme=auto&mode=popover")
    with Server() as host:
        tag = f'<script src="{site.url}/embed.js" data-product="demo" async></script>'
        body = f'<!doctype html><html lang="en"><title>Orders</title>{tag}'
        host.answers["/"] = (200, "text/html; charset=utf-8", body, {})
        context = browser.new_context(locale="en-GB", ignore_https_errors=True)
        context.on("response", lambda answer: answers.append(answer) if answer.url.startswith("https:") else None)
        page = context.new_page()
        page.goto(host.url)
        page.get_by_role("button", name="Feedback").click()
        form = page.locator("insider-feedback").locator("iframe").content_frame
        form.locator("#description").fill("Under a path")
        form.locator("#submittedByEmail").fill(EMAIL)
        form.locator("#files").set_input_files(payloads([("sheet.png", sheet(), "image/png")]))
        form.locator(".feedback-edit").click()
        expect(form.locator("dialog.editor svg").first).to_be_visible()
        page.keyboard.press("Escape")
        form.locator("#feedback-send").click()
        expect(form.locator(".feedback-thanks")).to_be_visible()
        with context.expect_page() as opened:
            form.get_by_role("link", name="receipt").click()
        expect(opened.value.get_by_role("heading").first).to_be_visible()
        assert opened.value.url.startswith(f"{site.url}/receipt/")
        context.close()
    assert [feedback["body"]["description"] for feedback in insider.feedbacks()] == ["Under a path"]
    asked = {answer.url.removeprefix(site.url).partition("?")[0] for answer in answers}
    assert {"/embed.js", "/form/demo", "/form/demo/words.json"} <= asked
    assert any(path.endswith("/editor/editor.js") for path in asked)
    assert [(answer.url, answer.status) for answer in answers if not answer.url.startswith(f"{site.url}/")] == []
    assert [(answer.url, answer.status) for answer in answers if answer.status >= 400] == []


def test_without_script_the_receipt_and_the_styles_lie_below_the_path_too(site: Site, insider: Sandbox) -> None:
    page = site.client.post("/form/demo", files=parts(site.widget), headers={"Accept": "text/html"})
    assert page.status_code == 201
    assert 'href="/feedback/receipt/' in page.text
    assert 'href="/feedback/static/' in page.text
    missing = site.client.get("/receipt/forged")
    assert missing.status_code == 404
    assert 'href="/feedback/static/' in missing.text


def test_every_answer_names_addresses_below_the_path(site: Site, insider: Sandbox) -> None:
    fields = parts(site.widget)
    taken = site.client.post("/form/demo", files=fields, headers={"Accept": "application/json"}).json()
    again = [*fields[:1], ("description", (None, "Other words")), *fields[2:]]
    repeated = site.client.post("/form/demo", files=again, headers={"Accept": "application/json"})
    assert repeated.status_code == 409
    for answer in (taken, repeated.json()):
        assert answer["receipt_url"] == f"/feedback/receipt/{answer['receipt']}"
    assert taken["receipt"] == repeated.json()["receipt"]


@pytest.mark.parametrize("megabytes", [5, 25, 80])
def test_a_picture_that_is_too_large_is_refused_in_the_words_of_the_form(site: Site, megabytes: int) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(megabytes * MEGABYTE)
    headers = {"Accept": "application/json", "Accept-Language": "de"}
    answer, direct = (
        client.post("/form/demo", files=parts(site.widget, picture), headers=headers)
        for client in (site.client, site.widget.client)
    )
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert answer.json() == direct.json()
    assert answer.json()["errors"][0]["code"] in ("file_too_large", "request_too_large")


def test_the_tag_that_check_prints_brings_this_very_loader(site: Site) -> None:
    written = pinned.tag(resources.content(resources.path("static") / "embed.js"), site.url)
    tag = re.match(rf'<script src="{site.url}(/embed/\w+/embed.js)" integrity="sha384-([^"]+)" crossorigin', written)
    assert tag
    loader = site.client.get(tag[1])
    assert (loader.status_code, "immutable" in loader.headers["cache-control"]) == (200, True)
    assert base64.b64encode(hashlib.sha384(loader.content).digest()).decode() == tag[2]


def test_only_a_form_of_the_public_origin_may_send(site: Site, insider: Sandbox) -> None:
    origin = site.url.removesuffix("/feedback")
    for given, status in ((origin, 201), (site.url, 403), ("https://127.0.0.1", 403)):
        headers = {"Accept": "application/json", "Origin": given}
        answer = site.client.post("/form/demo", files=parts(site.widget), headers=headers)
        assert answer.status_code == status, given


def test_the_proxy_may_remove_the_path_from_requests(site: Site, insider: Sandbox, tmp_path: Path) -> None:
    removed = {"proxy_pass http://feedback;": "proxy_pass http://feedback/;"}
    ports = site.widget.port, site.widget.port
    with (
        Nginx(tmp_path, "feedback-path.conf", free_port(), ports, **removed) as nginx,
        httpx.Client(base_url=f"{nginx.origin}/feedback", verify=nginx.tls, trust_env=False) as there,
    ):
        for path in ("/form/demo?lang=de", "/form/demo/theme.css", "/embed.js", "/receipt/forged", "/healthz"):
            answers = [client.get(path) for client in (site.client, there)]
            assert answers[0].status_code == answers[1].status_code, path
            assert without_token(answers[0].text) == without_token(answers[1].text), path
        taken = there.post("/form/demo", files=parts(site.widget), headers={"Accept": "application/json"})
        assert taken.json()["receipt_url"].startswith("/feedback/receipt/")


def test_a_header_of_the_client_s_own_moves_nothing(site: Site) -> None:
    as_it_is = site.client.get("/receipt/forged")
    moved = site.client.get("/receipt/forged", headers={"X-Forwarded-Prefix": "/evil", "Forwarded": "host=evil"})
    assert moved.text == as_it_is.text


def test_the_operator_s_pages_and_their_cookie_stay_below_the_path(site: Site) -> None:
    asked = site.client.get("/ops")
    assert (asked.status_code, 'action="/feedback/ops/sign-in"' in asked.text) == (401, True)
    signed = site.client.post("/ops/sign-in", data={"token": OPS_TOKEN})
    assert (signed.status_code, signed.headers["location"]) == (303, "/feedback/ops")
    cookie = signed.headers["set-cookie"]
    assert re.match(r"__Secure-widget-ops=\S+; ", cookie)
    assert {"Path=/feedback/ops", "Secure", "HttpOnly"} <= set(cookie.split("; "))
    for path in ("/ops", "/ops/submissions"):
        page = site.client.get(path)
        assert page.status_code == 200
        targets = re.findall(r'(?:href|src|action|data-live)="([^"#?][^"]*)"', page.text)
        assert len(targets) > 5
        assert [target for target in targets if not target.startswith(("/feedback/", "data:"))] == []

"""`widget doctor` says why the form would not work in a host page."""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import children
import pytest
from bed import COMMAND, plain_environ
from web_server import Answer, Request, WebServer

from widget.config.products import Product
from widget.tools import doctor
from widget.tools.annotations import FORMATS, as_json
from widget.tools.doctor import csp
from widget.tools.doctor.csp import FRAME, SCRIPT
from widget.tools.doctor.embeds import find
from widget.tools.doctor.visits import Visit
from widget.tools.findings import Finding, Report
from widget.tools.markup import parse
from widget.web.headers import HEADERS, of_form

SERVICE = "https://feedback.example.com"
FORM = f"{SERVICE}/form/demo"
LOADER = f"{SERVICE}/embed.js"
PAGE = "https://app.example.org/orders"
PRODUCT = Product(slug="demo", name="Northwind", origins=("http://127.0.0.1:*",))


# --- policies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "url", "page", "expected"),
    [
        ("*", FORM, PAGE, True),
        ("*", "data:text/html,x", PAGE, False),
        ("https:", FORM, PAGE, True),
        ("http:", FORM, PAGE, True),  # the secure scheme matches, too
        ("https:", "http://feedback.example.com/form/demo", PAGE, False),
        ("'none'", FORM, PAGE, False),
        ("'self'", FORM, PAGE, False),
        ("'self'", FORM, f"{SERVICE}/page", True),
        ("'SELF'", FORM, f"{SERVICE}/page", True),
        ("'self'", FORM, "http://feedback.example.com/page", True),
        ("'self'", "http://feedback.example.com/x", f"{SERVICE}/page", False),
        ("'self'", "https://feedback.example.com:8443/x", f"{SERVICE}/page", False),
        ("'nonce-abc'", FORM, PAGE, False),
        ("'unsafe-inline'", FORM, PAGE, False),
        (SERVICE, FORM, PAGE, True),
        ("feedback.example.com", FORM, PAGE, True),
        ("FEEDBACK.example.COM", FORM, PAGE, True),
        ("feedback.example.com", "http://feedback.example.com/x", PAGE, False),
        ("feedback.example.com", "http://feedback.example.com/x", "http://app.example.org/", True),
        ("http://feedback.example.com", FORM, PAGE, True),
        ("https://feedback.example.com", "http://feedback.example.com/x", PAGE, False),
        ("*.example.com", FORM, PAGE, True),
        ("https://*.example.com", FORM, PAGE, True),
        ("*.example.com", "https://example.com/x", PAGE, False),
        ("*.example.com", "https://evilexample.com/x", PAGE, False),
        ("example.com", FORM, PAGE, False),
        ("https://feedback.example.com:443", FORM, PAGE, True),
        ("https://feedback.example.com:8443", FORM, PAGE, False),
        ("https://feedback.example.com:*", "https://feedback.example.com:8443/x", PAGE, True),
        ("feedback.example.com:80", FORM, PAGE, True),  # section 6.7.2.11: port 80 stands for 443, too
        ("https://feedback.example.com/form/", FORM, PAGE, True),
        ("https://feedback.example.com/form", FORM, PAGE, False),
        ("https://feedback.example.com/form/demo", FORM, PAGE, True),
        ("https://feedback.example.com/", FORM, PAGE, True),
        ("https://feedback.example.com/fo%72m/", FORM, PAGE, True),
        ("https://feedback.example.com/static/", LOADER, PAGE, False),
        ("http://localhost:*", "http://localhost:8000/x", PAGE, True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/x", PAGE, True),
        ("https:/feedback.example.com", FORM, PAGE, False),
        ("", FORM, PAGE, False),
    ],
)
def test_a_source_allows_what_browsers_let_it_allow(source: str, url: str, page: str, expected: bool) -> None:
    assert csp.matches(source, url, page) is expected


@pytest.mark.parametrize(
    ("policy", "names", "nonce", "expected"),
    [
        ("", FRAME, "", True),
        ("script-src 'self'", FRAME, "", True),
        ("default-src 'self'", FRAME, "", False),
        (f"default-src 'self'; frame-src {SERVICE}", FRAME, "", True),
        (f"default-src {SERVICE}; frame-src 'self'", FRAME, "", False),
        (f"child-src {SERVICE}; default-src 'none'", FRAME, "", True),
        (f"frame-src 'none'; child-src {SERVICE}", FRAME, "", False),
        (f"frame-src 'self'; frame-src {SERVICE}", FRAME, "", False),
        (f"FRAME-SRC {SERVICE}", FRAME, "", True),
        (f"script-src {SERVICE}; script-src-elem 'self'", SCRIPT, "", False),
        ("script-src 'nonce-abc'", SCRIPT, "abc", True),
        ("script-src 'nonce-abc'", SCRIPT, "ABC", False),
        ("script-src 'nonce-abc'", SCRIPT, "", False),
        (f"script-src 'strict-dynamic' 'nonce-abc' {SERVICE}", SCRIPT, "", False),
        (f"script-src 'strict-dynamic' 'nonce-abc' {SERVICE}", SCRIPT, "abc", True),
        ("frame-src", FRAME, "", False),
        (f";; frame-src   {SERVICE} ;", FRAME, "", True),
    ],
)
def test_a_policy_asks_the_directive_that_rules(
    policy: str, names: tuple[str, ...], nonce: str, expected: bool
) -> None:
    url = LOADER if names is SCRIPT else FORM
    assert all(each.allows(names, url, PAGE, nonce) for each in csp.parse(policy)) is expected


def test_several_policies_in_a_header_all_count() -> None:
    strict, lax = csp.parse(f"frame-src 'none', frame-src {SERVICE}")
    assert not strict.allows(FRAME, FORM, PAGE)
    assert lax.allows(FRAME, FORM, PAGE)


def test_what_is_framed_compares_origins_alone() -> None:
    assert csp.origin_matches(["'self'"], f"{SERVICE}/any", FORM)
    assert csp.origin_matches(["https://*.example.org"], PAGE, FORM)
    assert csp.origin_matches(["http://localhost:*"], "http://localhost:5173/x", FORM)
    assert not csp.origin_matches(["https://example.org"], PAGE, FORM)
    assert not csp.origin_matches([], PAGE, FORM)


# --- what stands in a page ---------------------------------------------------------------------------------------


def visit(body: str, **headers: str) -> Visit:
    return Visit(PAGE, 200, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_embeddings_are_found_however_their_addresses_are_written() -> None:
    found = find(
        visit(
            f"""<base href="{SERVICE}/help/"><script src="/embed.js?v=2" data-product=demo></script>
            <script src="other.js"></script><iframe src="../form/other?lang=de"></iframe>
            <insider-feedback product="third"></insider-feedback>"""
        )
    )
    assert [(embed.kind, embed.base, embed.product) for embed in found] == [
        ("script", SERVICE, "demo"),
        ("script", SERVICE, "third"),
        ("frame", SERVICE, "other"),
    ]


def test_a_meta_tags_policy_counts_but_not_its_frame_ancestors() -> None:
    page = visit("<meta http-equiv=content-security-policy content=\"frame-src 'none'; frame-ancestors 'none'\">")
    (policy,) = page.policies
    assert dict(policy.directives) == {"frame-src": ("'none'",)}


# --- whole pages -------------------------------------------------------------------------------------------------

Served = tuple[int, Mapping[str, str], str]


def server(served: Mapping[str, Served]) -> WebServer:
    def answer(request: Request) -> Answer:
        missing: Served = (404, {}, "")
        status, headers, body = served.get(request.path.partition("?")[0], missing)
        return Answer(status, {"Content-Type": "text/html; charset=utf-8", **headers}, body.encode())

    return WebServer(answer)


SCRIPT_TYPE = {"Content-Type": "text/javascript"}
OURS: dict[str, Served] = {
    "/form/demo": (200, of_form(PRODUCT.origins), "<form>"),
    "/embed.js": (200, {**HEADERS["loader"], **SCRIPT_TYPE}, ""),
    "/static/embed-panel.js": (200, {**HEADERS["static"], **SCRIPT_TYPE, "Cache-Control": "no-cache"}, ""),
}
TAG = '<script src="{service}/embed.js" data-product="demo" async></script>'


def changed(path: str, status: int = 200, **headers: str | None) -> dict[str, Served]:
    """Our answers, with one header changed or removed."""
    _, kept, body = OURS[path]
    names = {name.lower(): name for name in kept}
    result = dict(kept)
    for name, value in headers.items():
        key = names.get(name.replace("_", "-").lower(), name.replace("_", "-"))
        result.pop(key, None)
        if value is not None:
            result[key] = value
    return {**OURS, path: (status, result, body)}


def examine(
    body: str = TAG,
    *,
    ours: Mapping[str, Served] | None = None,
    product: Product | None = PRODUCT,
    more: Mapping[str, str] | None = None,
    public_url: str | None = None,
    **headers: str,
) -> Report:
    """The findings for a host page. `more`: other pages beside it."""
    with ExitStack() as stack:
        service = stack.enter_context(server(OURS if ours is None else ours)).url
        pages = {"/": (200, {name.replace("_", "-"): value for name, value in headers.items()}, body), **_pages(more)}
        filled = {
            path: (status, {k: v.replace("{service}", service) for k, v in h.items()}, b.replace("{service}", service))
            for path, (status, h, b) in pages.items()
        }
        host = stack.enter_context(server(filled)).url
        public = public_url and public_url.replace("{service}", service)
        return asyncio.run(doctor.run(f"{host}/", {} if product is None else {product.slug: product}, public))


def _pages(more: Mapping[str, str] | None) -> dict[str, Served]:
    return {path: (200, {}, body) for path, body in (more or {}).items()}


def codes(report: Report, level: str = "wrong") -> list[str]:
    return [finding.code for finding in report.findings if finding.level == level]


def said(report: Report, code: str) -> Finding:
    return next(finding for finding in report.findings if finding.code == code)


def test_a_page_where_it_works_has_nothing_to_fix() -> None:
    for body in (TAG, '<script src="{service}/embed.js"></script><insider-feedback product="demo"></insider-feedback>'):
        report = examine(body)
        assert report.findings == (), "\n".join(report.lines())
    strict = "default-src 'none'; script-src {service}; frame-src {service}; connect-src {service}"
    report = examine(content_security_policy=strict, cross_origin_embedder_policy="require-corp")
    assert report.findings == (), "\n".join(report.lines())
    assert examine('<iframe src="{service}/form/demo" title="x"></iframe>').passed


@pytest.mark.parametrize(
    ("policy", "code", "part"),
    [
        ("script-src 'self'", "policy.script", "the script is blocked"),
        ("script-src 'self' https://a.example", "policy.script", ": script-src 'self' https://a.example {origin}."),
        ("default-src 'self'", "policy.script", "Add {origin}: script-src 'self' {origin}."),
        ("default-src 'self'; script-src {service}/", "policy.frame", "Add {origin}: frame-src 'self' {origin}."),
        ("default-src 'none'; script-src {service}/", "policy.frame", "Add {origin}: frame-src {origin}."),
        ("script-src {service}/embed.js", "policy.script", "the form never opens"),
        ("default-src 'self' {service}/embed.js {service}/static/", "policy.frame", "cannot be shown"),
        ("frame-src https://other.example", "policy.frame", "frame-src (https://other.example)"),
        ("child-src 'none'", "policy.frame", "child-src"),
        ("script-src 'strict-dynamic' 'nonce-x'", "policy.script", "nonce"),
        ("sandbox allow-scripts allow-forms allow-popups", "sandbox", "allow-same-origin"),
    ],
)
def test_a_pages_policy_that_blocks_us_is_named_with_the_line_to_add(policy: str, code: str, part: str) -> None:
    report = examine(content_security_policy=policy)
    assert code in codes(report)
    finding = said(report, code)
    origin = re.search(r"http://127\.0\.0\.1:[0-9]+", finding.fix)
    assert (part.replace("{origin}", origin[0]) if origin else part) in f"{finding.message} {finding.fix}"
    assert "Add" in finding.fix or "nonce" in finding.fix


def test_a_policy_that_only_reports_is_a_notice_and_one_in_a_meta_tag_counts() -> None:
    report = examine(content_security_policy_report_only="frame-src 'none'")
    assert codes(report) == []
    assert "policy.frame" in codes(report, "notice")
    assert "policy.frame" in codes(
        examine(f"<meta http-equiv='Content-Security-Policy' content=\"frame-src 'none'\">{TAG}")
    )


@pytest.mark.parametrize(
    ("styles", "line"),
    [
        ("style-src 'self'", "Add http"),
        ("style-src 'self'", ": style-src 'self' http"),
        ("style-src *; style-src-elem 'none'", ": style-src-elem http"),
        ("default-src 'self'; script-src *; frame-src *; connect-src *", ": style-src 'self' http"),
    ],
)
def test_a_theme_that_the_page_links_needs_style_src(styles: str, line: str) -> None:
    linked = f'<link rel=stylesheet href="{{service}}/form/demo/theme.css?v=1">{TAG}'
    report = examine(linked, content_security_policy=styles)
    assert line in said(report, "policy.style").fix
    assert "policy.style" not in codes(examine(TAG, content_security_policy=styles))
    assert "policy.style" not in codes(examine(linked, content_security_policy="style-src *"))


def test_a_policy_that_keeps_the_reason_from_us_is_a_notice() -> None:
    report = examine(content_security_policy="connect-src 'self'")
    assert codes(report) == []
    assert codes(report, "notice") == ["policy.connect"]


def test_a_page_without_a_tag_gets_the_tag_to_add() -> None:
    assert codes(examine("<p>Hello</p>")) == ["tag.absent"]
    assert codes(examine("<insider-feedback product=demo></insider-feedback>")) == ["tag.absent"]
    report = examine("<script>load('https://x.example/embed.js')</script>")
    assert codes(report) == []
    assert "data-debug" in said(report, "tag.dynamic").fix


@pytest.mark.parametrize(
    "body",
    [
        '<script src="/cache/embed.js" data-product="demo" async></script>',
        '<script src="/cache/0a1b.js" data-product="demo" async></script>',
        '<script data-product="demo">(() => {})()</script>',
    ],
)
def test_a_copy_of_the_script_is_named_and_not_what_is_missing_beside_it(body: str) -> None:
    report = examine(body, more={"/cache/embed.js": ""})
    assert codes(report) == ["tag.copied"]
    assert "exclude it" in said(report, "tag.copied").fix


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('<script src="{service}/embed.js" data-product="demo" data-mode="modal"></script>', "tag.option"),
        ('<script src="{service}/embed.js" data-product="demo" integrity="sha256-x"></script>', "tag.integrity"),
        ('<script src="{service}/embed.js" data-product="demo" data-theme="night"></script>', "tag.option"),
        ('<script src="{service}/embed.js" data-product="demo" data-thme="dark"></script>', "tag.option"),
        ('<script src="{service}/embed.js"></script><insider-feedback product=demo launcher=no>', "tag.option"),
        ('<script src="{service}/embed.js"></script><insider-feedback product=demo mode=modal>', "tag.option"),
        ('<script src="{service}/embed.js"></script><insider-feedback mode=inline>', "tag.product"),
        ('<script src="{service}/embed.js"></script><insider-feedback product=demo /><p>The rest</p>', "tag.closed"),
        ('<iframe src="{service}/form/demo/"></iframe>', "tag.slash"),
        ('<iframe src="{service}/form/demo?theme=night"></iframe>', "tag.option"),
        ('<script src="{service}/embed.js" data-product="nobody"></script>', "service.product"),
        ('<iframe src="{service}/form/demo" sandbox="allow-scripts allow-forms"></iframe>', "sandbox"),
    ],
)
def test_a_tag_that_cannot_work_is_named(body: str, code: str) -> None:
    assert code in codes(examine(body))


@pytest.mark.parametrize(
    ("public_url", "noticed"),
    [
        ("{service}", []),
        (" {service}/", []),
        ("{service}/feedback", ["tag.address"]),
        ("https://feedback.example.com", ["tag.address"]),
        ("nonsense", ["tag.address"]),
    ],
)
def test_a_tag_of_another_service_than_ours_is_noticed(public_url: str, noticed: list[str]) -> None:
    assert codes(examine(public_url=public_url), "notice") == noticed


def test_a_page_whose_feedback_is_a_test_is_noticed() -> None:
    report = examine('<script src="{service}/embed.js" data-product="demo" data-test></script>')
    assert "never delivered" in said(report, "tag.test").message
    assert codes(examine('<script src="{service}/embed.js" data-product="demo" data-test="false"></script>')) == []


def test_a_hash_is_right_where_the_address_names_a_version() -> None:
    tag = '<script src="{service}/embed/0123456789ab/embed.js" data-product="demo" integrity="sha384-x"></script>'
    assert codes(examine(tag)) == []


def test_an_origin_that_is_not_the_products_is_named_with_the_line_for_widget_toml() -> None:
    other = PRODUCT.model_copy(update={"origins": ("https://app.example.com",)})
    report = examine(product=other, ours={**OURS, "/form/demo": (200, of_form(other.origins), "")})
    finding = said(report, "origins")
    assert 'origins = ["https://app.example.com", "http://127.0.0.1:' in finding.fix
    unknown = examine(product=None, ours={**OURS, "/form/demo": (200, of_form(other.origins), "")})
    assert "frame-ancestors of the form ('self' https://app.example.com)" in said(unknown, "origins").message


@pytest.mark.parametrize(
    ("ours", "code"),
    [
        (changed("/form/demo", content_security_policy=None), "service.header_lost"),
        (changed("/form/demo", content_security_policy="default-src 'self'"), "service.policy_changed"),
        (changed("/form/demo", cross_origin_embedder_policy=None), "service.header_lost"),
        (changed("/form/demo", cross_origin_resource_policy="same-site"), "service.header_changed"),
        (changed("/form/demo", x_frame_options="SAMEORIGIN"), "service.x_frame_options"),
        (changed("/form/demo", 502), "service.status"),
        (changed("/embed.js", content_type="text/html"), "service.type"),
        (changed("/embed.js", 404), "service.status"),
        (changed("/embed.js", cross_origin_resource_policy=None), "service.header_lost"),
        (changed("/static/embed-panel.js", access_control_allow_origin=None), "service.header_lost"),
    ],
)
def test_a_proxy_that_changes_our_answers_is_caught(ours: Mapping[str, Served], code: str) -> None:
    assert code in codes(examine(ours=ours))


def test_a_second_policy_that_a_proxy_adds_is_caught() -> None:
    policy = OURS["/form/demo"][1]["Content-Security-Policy"]
    report = examine(ours=changed("/form/demo", content_security_policy=f"{policy}, frame-ancestors 'self'"))
    assert {"service.policy_added", "origins"} <= set(codes(report))


def test_an_isolated_page_needs_both_headers() -> None:
    isolated = partial(examine, cross_origin_embedder_policy="require-corp")
    assert "isolation.frame" in codes(isolated(ours=changed("/form/demo", cross_origin_embedder_policy=None)))
    lost = changed("/embed.js", cross_origin_resource_policy=None)
    assert "isolation.script" in codes(isolated(ours=lost))


def test_a_permissions_policy_that_forbids_copying_is_a_notice() -> None:
    report = examine(permissions_policy="camera=(), clipboard-write=(self)")
    assert codes(report) == []
    assert codes(report, "notice") == ["permissions.clipboard"]
    assert examine(permissions_policy='clipboard-write=(self "{service}")').findings == ()


def test_a_frame_around_the_page_that_embeds_the_form_is_looked_at_too() -> None:
    report = examine('<iframe src="/inner" sandbox="allow-scripts"></iframe>', more={"/inner": TAG})
    assert "sandbox" in codes(report)
    assert said(report, "sandbox").message.startswith("The frame around the page")


def test_a_page_under_https_with_a_tag_under_http_is_mixed_content() -> None:
    page = Visit("https://app.example.org/", 200, {}, TAG.replace("{service}", "http://feedback.example.com"))
    (embed,) = find(page)
    assert [finding.code for finding in doctor.host.check_tag(embed, page)] == ["tag.mixed"]


def test_nothing_of_a_page_drives_the_terminal_on_which_the_report_is_read() -> None:
    escape = "\x1b]0;title\x07\x9b31m"
    report = examine(TAG.replace("demo", f"demo{escape}\u202e"), content_security_policy=f"script-src 'none' {escape}")
    assert {"policy.script"} < set(codes(report))
    for write in FORMATS.values():
        assert [line for line in write(report).split("\n") if not line.isprintable()] == []
    assert json.loads(as_json(report))["findings"]


@pytest.mark.parametrize("start", ["<!--", "<!", "<![", "<?", "<a ", "<a b='", "</", "</a "])
def test_what_never_ends_takes_the_rest_of_a_page_and_little_time(start: str) -> None:
    began = time.thread_time()
    root = parse("<p>Seen</p>" + start * 20_000)
    assert time.thread_time() - began < 1  # before, up to minutes
    assert root.text == "Seen"


def test_whatever_does_not_answer_is_said_to_be_away() -> None:
    assert (
        codes(examine('<script src="http://127.0.0.1:1/embed.js" data-product="demo"></script>')).count("service.away")
        == 3
    )
    report = asyncio.run(doctor.run("http://127.0.0.1:1/", {}))
    assert codes(report) == ["page.away"]


def test_the_command_reports_for_people_and_for_programs(tmp_path: Path) -> None:
    with server({"/": (200, {}, "<p>Hello</p>")}) as host:
        people, programs = (
            children.run([*COMMAND, "doctor", f"{host.url}/", *options], tmp_path, plain_environ())
            for options in ((), ("--json",))
        )
    assert people.returncode == programs.returncode == 1
    assert "✗ page" in people.stdout
    assert "→ Add <script src=" in people.stdout
    report = json.loads(programs.stdout)
    assert report["sections"][0]["checks"][0]["findings"][0]["code"] == "tag.absent"

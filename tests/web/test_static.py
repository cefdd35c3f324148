"""Scripts, styles and pictures: compressed in advance, in the encoding that a client accepts, revalidated cheaply."""

import gzip
from collections.abc import Callable
from pathlib import Path

import brotli
import httpx
import pytest
from bed import ROOT, Widget
from samples import png

from widget.config import resources
from widget.web import pinned
from widget.web.assets import PRODUCT_FILES, StaticFiles
from widget.web.compression import choose

FORM_CSS = resources.content(ROOT / "static" / "form.css")
UNPACK: dict[str, Callable[[bytes], bytes]] = {"br": brotli.decompress, "gzip": gzip.decompress}


def raw(widget: Widget, path: str, **headers: str) -> tuple[dict[str, str], bytes]:
    """An answer's headers, and its body as it came over the wire."""
    asked = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.stream("GET", widget.url + path, trust_env=False, headers={"Accept-Encoding": "", **asked}) as answer:
        assert answer.status_code == 200
        return dict(answer.headers), b"".join(answer.iter_raw())


@pytest.mark.parametrize("coding", UNPACK)
def test_text_is_sent_compressed_to_clients_that_accept_it(widget: Widget, coding: str) -> None:
    headers, body = raw(widget, "/static/form.css", Accept_Encoding=coding)
    assert headers["content-encoding"] == coding
    assert headers["content-type"] == "text/css; charset=utf-8"
    assert headers["vary"] == "Accept-Encoding"
    assert int(headers["content-length"]) == len(body) < len(FORM_CSS) / 3
    assert UNPACK[coding](body) == FORM_CSS


def test_every_file_that_a_product_may_add_has_its_media_type_on_any_machine(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    for ending in PRODUCT_FILES:
        (tmp_path / "demo" / f"logo{ending.upper()}").write_bytes(b"")
        (tmp_path / "demo" / f"small{ending}").write_bytes(b"")
    files = StaticFiles(tmp_path / "ours", tmp_path)
    assert files.left_out == {}
    assert sorted(asset.media_type for asset in files.assets) == sorted(
        2 * ["font/woff2", *(f"image/{kind}" for kind in ("avif", "gif", "jpeg", "jpeg", "png", "svg+xml", "webp"))]
        + 2 * ["text/css; charset=utf-8"]
        + ["text/javascript; charset=utf-8"]
    )


def test_whoever_takes_nothing_packed_gets_the_file_as_it_is(widget: Widget) -> None:
    headers, body = raw(widget, "/static/form.css")
    assert "content-encoding" not in headers
    assert headers["vary"] == "Accept-Encoding"
    assert body == FORM_CSS


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("GZIP", "gzip"),
        ("br;q=0.1, gzip; q=0.9", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("*", "br"),
        ("*, br;q=0", "gzip"),
        ("identity, gzip;q=0.5", "identity"),
        ("deflate", "identity"),
        ("", "identity"),
        ("br;q=0, gzip;q=0", "identity"),
        ("identity;q=0", "identity"),  # an error would help nobody
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("*;q=0", "identity"),
        ("br;q=much, ;;, =", "identity"),
    ],
)
def test_a_client_is_sent_what_it_likes_best(accept: str, coding: str) -> None:
    assert choose(accept, ["br", "gzip"]) == coding


def test_what_is_not_there_in_packed_form_is_sent_as_it_is() -> None:
    assert choose("br, gzip", []) == "identity"
    assert choose("br, gzip", ["gzip"]) == "gzip"


def test_each_form_of_a_file_has_a_tag_of_its_own_and_is_not_sent_twice(widget: Widget) -> None:
    tags = {coding: raw(widget, "/embed.js", Accept_Encoding=coding)[0]["etag"] for coding in ("br", "gzip", "")}
    assert len(set(tags.values())) == 3
    for coding, tag in tags.items():
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            asked = {"Accept-Encoding": coding, "If-None-Match": known}
            again = widget.client.get("/embed.js", headers=asked)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert again.headers["vary"] == "Accept-Encoding"
            assert again.headers["cache-control"].startswith("public, max-age=300")
    for known in (tags["gzip"], tags["br"].strip('"'), '"other"'):
        asked = {"Accept-Encoding": "br", "If-None-Match": known}
        assert widget.client.get("/embed.js", headers=asked).status_code == 200


def test_the_loader_is_kept_for_five_minutes_and_under_its_version_for_a_year(widget: Widget) -> None:
    loader = widget.client.get("/embed.js")
    assert loader.headers["cache-control"] == "public, max-age=300"
    copy = pinned.copy(loader.content)
    kept = widget.client.get(pinned.path(copy))
    assert (kept.status_code, kept.content) == (200, copy)
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["access-control-allow-origin"] == "*"
    other = widget.client.get("/embed/0123456789ab/embed.js")
    assert (other.content, other.headers["cache-control"]) == (copy, "no-cache")


def test_head_tells_what_get_would_bring(widget: Widget) -> None:
    for coding in ("br", ""):
        head = widget.client.head("/static/form.css", headers={"Accept-Encoding": coding})
        brought, body = raw(widget, "/static/form.css", Accept_Encoding=coding)
        assert head.content == b""
        assert int(head.headers["content-length"]) == len(body)
        assert {**head.headers, "date": ""} == {**brought, "date": ""}


def test_who_asks_for_a_part_gets_the_whole(widget: Widget) -> None:
    _, body = raw(widget, "/static/form.css", Range="bytes=0-9")
    assert body == FORM_CSS


def test_a_product_s_text_is_packed_and_its_pictures_are_not(
    start_widget: Callable[..., Widget], tmp_path: Path
) -> None:
    folder = tmp_path / "static" / "products" / "demo"
    folder.mkdir(parents=True)
    rules = ".feedback-send { border-radius: 3px }\n" * 40
    (folder / "product.css").write_text(rules)
    (folder / "logo.png").write_bytes(png())
    config = """\
[products.demo]
name = "Northwind"
origins = ["https://app.example.com"]
[products.demo.theme]
accent = "#ffd400"
surface = "#102030"
"""
    widget = start_widget(config=config)
    headers, body = raw(widget, "/static/products/demo/product.css", Accept_Encoding="br")
    assert (headers["content-encoding"], brotli.decompress(body).decode()) == ("br", rules)
    headers, body = raw(widget, "/form/demo/theme.css", Accept_Encoding="gzip")
    assert headers["content-encoding"] == "gzip"
    assert b"--feedback-accent" in gzip.decompress(body)
    headers, body = raw(widget, "/static/products/demo/logo.png", Accept_Encoding="br, gzip")
    assert "content-encoding" not in headers
    assert "vary" not in headers
    assert body == png()

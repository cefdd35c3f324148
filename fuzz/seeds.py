"""Writes the seed corpus: `python -m fuzz.seeds`. The repository keeps it, together with the findings."""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "files")]

import samples  # noqa: E402
import test_pdfs  # noqa: E402
import test_strange_pictures  # noqa: E402

from fuzz.targets import KEY  # noqa: E402
from widget.submissions.tokens import Tokens  # noqa: E402

CORPUS = Path(__file__).resolve().parent / "corpus"


def part(name: str, content: bytes, filename: str | None = None, media_type: str | None = None) -> bytes:
    """One part of a form."""
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"'
    head += "" if filename is None else f'; filename="{filename}"'
    head += "" if media_type is None else f"\r\nContent-Type: {media_type}"
    return head.encode() + b"\r\n\r\n" + content + b"\r\n"


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """Target, name and content of every seed."""
    fields = (
        part("token", b"t") + part("description", "Grüße\r\n😀".encode()) + part("submittedByEmail", b"a@example.com")
    )
    file = part("files", samples.png(), "a.png", "image/png")
    yield "body", "fields", b"\xff" + fields + b"--b--\r\n"
    yield "body", "file", b"\x07" + fields + file + b"--b--\r\n"
    yield "body", "empty-input", b"\x40" + fields + part("files", b"", "", "application/octet-stream") + b"--b--"
    yield "body", "six-files", b"\xff" + file * 6 + b"--b--\r\n"
    yield "body", "unfinished", b"\x01" + fields
    yield "body", "rating", b"\x10" + part("sentimentRating", b"true") + part("contactConsent", b"true") + b"--b--\r\n"
    yield "name", "plain", b"photo.jpeg\n\nimage/jpeg"
    yield "name", "hostile", "../../a\u202egpj.exe\0.png\n\ntext/html; x".encode()
    yield "name", "device", b"CON.png\n\n"
    yield "picture", "photo.jpg", samples.photo(16, 16, orientation=6)
    yield "picture", "progressive.jpg", samples.photo(16, 16, progressive=True)
    yield "picture", "small.jpg", samples.jpeg(8, 8)
    yield "picture", "screenshot.png", samples.screenshot()
    yield "picture", "small.png", samples.png()
    strange = test_strange_pictures.STRANGE_JPEGS | test_strange_pictures.STRANGE_PNGS
    for name, content in strange.items():
        extension = "png" if content.startswith(b"\x89PNG") else "jpg"
        yield "picture", f"{name.replace('_', '-')}.{extension}", content
    for name, content in (test_pdfs.ACTIVE | test_pdfs.HARMLESS | test_pdfs.ENCRYPTED | test_pdfs.BROKEN).items():
        if len(content) < 4000:
            yield "pdf", name.replace("_", "-") + ".pdf", content
    tokens = Tokens([KEY + "-another"], 3600)
    yield "token", "form", tokens.form("demo").encode()
    yield "token", "receipt", tokens.receipt("a" * 32, "demo").encode()
    yield "setting", "product", b'PORT=80\n\n[products.demo]\nname = "A"\norigins = ["https://*.example.com"]\n'
    yield (
        "setting",
        "all",
        (
            b"DATABASE_URL=postgres://a:b@c/d\nTRUSTED_PROXIES=10.0.0.0/8\nRATE_LIMIT=1/second\nCLAMD=tcp://a:1\n"
            b'PUBLIC_URL=https://a\nUNKNOWN_POLICY=park\n\n[products.a-b]\nname = ""\norigins = []\nmore = 1\n'
        ),
    )


def main() -> None:
    """Write them all."""
    for target, name, content in seeds():
        path = CORPUS / target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()

"""Small files that are what they claim to be. `size` pads them to exactly that many bytes where the format allows
it."""

import functools
import io
import random
import struct
import zlib
from typing import Any

from PIL import Image, PngImagePlugin

from widget.files.examine import examine
from widget.files.protocol import Rules

MAX_FILE_SIZE = 4 * 1024 * 1024


@functools.cache
def png(width: int = 8, height: int = 8, *, size: int | None = None) -> bytes:
    """A PNG of one colour; with `size`, of noise that does not compress, with exactly that many bytes."""
    if size is not None:
        return _noise(size)
    return png_of(
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(b"\0" + b"\x2f\x4e\x86" * width for _ in range(height)))),
        (b"IEND", b""),
    )


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks, each with its checksum."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _noise(size: int) -> bytes:
    """Grey noise, stored uncompressed. A row has 1024 bytes; the rest goes into empty blocks (5 bytes) and chunks
    (12)."""
    noise = random.Random(size)
    rows = size // 1024
    while True:
        grey = noise.randbytes(1023 * rows)
        raw = b"".join(b"\0" + grey[at : at + 1023] for at in range(0, len(grey), 1023))
        left = size - len(_stored_png(raw, 0, 0))
        for chunks in range(5):
            if left >= 12 * chunks and (left - 12 * chunks) % 5 == 0:
                return _stored_png(raw, (left - 12 * chunks) // 5, chunks)
        rows -= 1


def _stored_png(raw: bytes, blocks: int, chunks: int) -> bytes:
    stored = [raw[at : at + 65_535] for at in range(0, len(raw), 65_535)] + [b""] * blocks
    data = b"\x78\x01" + b"".join(
        struct.pack("<BHH", at == len(stored) - 1, len(block), 0xFFFF - len(block)) + block
        for at, block in enumerate(stored)
    )
    data += struct.pack(">I", zlib.adler32(raw))
    header = struct.pack(">IIBBBBB", 1023, max(1, len(raw) // 1024), 8, 0, 0, 0, 0)
    return png_of((b"IHDR", header), *[(b"IDAT", b"")] * chunks, (b"IDAT", data), (b"IEND", b""))


@functools.cache
def jpeg(width: int = 8, height: int = 8, *, size: int | None = None, exif: bytes | None = None) -> bytes:
    """A JPEG of one colour, padded by comments."""
    target = io.BytesIO()
    Image.new("RGB", (width, height), (47, 78, 134)).save(target, "JPEG", **({"exif": exif} if exif else {}))
    image = target.getvalue()
    while size is not None and (room := size - len(image)):
        length = room if room <= 65_000 else min(65_000, room - 100)
        comment = b"\xff\xfe" + struct.pack(">H", length - 2) + b"x" * (length - 4)
        image = image[:2] + comment + image[2:]
    return image


def photo(width: int = 48, height: int = 32, *, orientation: int = 1, gps: bool = True, **more: Any) -> bytes:
    """A JPEG as phones write them, red at the top left: EXIF with names and a place, XMP, a second picture after it."""
    image = Image.new("RGB", (width, height), (20, 40, 200))
    image.paste((220, 20, 20), (0, 0, width // 2, height // 2))
    target = io.BytesIO()
    exif = place() if gps else Image.Exif()
    exif[0x010F], exif[0x0112] = "Ada's Phone", orientation
    image.save(target, "JPEG", exif=exif, quality=95, comment=b"taken by Ada", **more)
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + (b"exif:GPSLatitude" if gps else b"Ada") + b"</x:xmpmeta>"
    return _with_segments(target.getvalue(), (0xE1, xmp), (0xED, b"Photoshop 3.0\0Ada")) + jpeg() + b"Ada was here"


def place() -> Image.Exif:
    """EXIF with a place and the name of the photographer."""
    exif = Image.Exif()
    exif[0x013B] = "Ada"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return exif


def _with_segments(data: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG with more segments at its start."""
    added = b"".join(struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content for marker, content in segments)
    return data[:2] + added + data[2:]


def screenshot(**more: Any) -> bytes:
    """A PNG with names and a place in every type of chunk that can hold some, and something after its end."""
    image = Image.new("RGBA", (48, 32), (20, 40, 200, 128))
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Ada")
    texts.add_text("Comment", "Ada", zip=True)
    texts.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>Ada exif:GPSLatitude</x:xmpmeta>", zip=True)
    texts.add(b"prVt", b"Ada")
    target = io.BytesIO()
    image.save(target, "PNG", pnginfo=texts, exif=place(), dpi=(144, 144), **more)
    return target.getvalue() + b"Ada was here"


@functools.cache
def pdf(*, size: int | None = None) -> bytes:
    """A PDF of one empty page, padded by a stream that no page uses."""
    document = _pdf(0)
    if size is None:
        return document
    padding = size - len(document)
    for _ in range(3):
        padding += size - len(_pdf(padding))
    document = _pdf(padding)
    assert len(document) == size
    return document


def _pdf(padding: int) -> bytes:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (padding, b"x" * padding),
    ]
    document, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(document))
    return document + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def forwarded(content: bytes, media_type: str) -> bytes:
    """The checked copy of a file that goes to Insider Connect."""
    examined = examine(content, media_type, Rules(max_pixels=64_000_000))
    assert examined.data is not None, examined.verdict
    return examined.data

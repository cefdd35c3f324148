"""Small files that are what they claim to be; with `size`, padded to exactly so many bytes where the format allows."""

import io
import random
import struct
import zlib

from PIL import Image

MAX_FILE_SIZE = 4 * 1024 * 1024


def png(width: int = 8, height: int = 8, *, size: int | None = None) -> bytes:
    """A PNG of one colour, padded by a private chunk."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + b"\x2f\x4e\x86" * width for _ in range(height))))
    start, end = b"\x89PNG\r\n\x1a\n" + header + pixels, _chunk(b"IEND", b"")
    if size is None:
        return start + end
    room = size - len(start) - len(end) - len(_chunk(b"paDd", b""))
    return start + _chunk(b"paDd", random.Random(size).randbytes(room)) + end


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

"""Encrypts what people said at rest: AES-256-GCM with a key for each row, derived (HKDF, RFC 5869) from `DATA_KEY`.

A sealed text contains the name of its key and is bound to its row and field, so it cannot be moved elsewhere. A sealed
file is a sequence of frames. Each is bound to its place and the last is marked, so that no frame can be exchanged, left
out or cut off unnoticed (the STREAM construction). Without a key nothing is sealed, and rows from that time are read as
they are; in a row that has a key, anything unsealed is damaged. Without the key, the disk, a dump or a backup reveals
only ids, times, states and sizes; the key or the process's memory reveals everything.
"""

import base64
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, overload

from sqlalchemy import Connection, and_, func, select

from widget.errors import AttachmentMissing, ConfigurationError, Problem, RowUnreadable
from widget.outbox.tables import submission

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FRAME = 255 * 1024
"""Bytes of a file in one frame, which fits into 256 KiB once it is sealed."""
TAG = 16
"""Bytes by which a frame grows."""
_MARK = "\x01"
"""The first character of a sealed text. No other text begins with a control character: they are removed, or we wrote
it."""
_MAGIC = b"\x01widget1"
"""The first bytes of a sealed file. No accepted type of file begins like this."""
HEADER = len(_MAGIC) + 8
"""Bytes before the first frame: the mark and the name of the key."""
_NONCE = 12
_SALT = b"insider-feedback-widget at rest"


class Keyring:
    """The keys of `DATA_KEY`, newest first: the newest seals, all of them open."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys: Mapping[str, bytes] = {_derived(key.encode(), b"name", 8).hex(): key.encode() for key in keys}
        self.names = tuple(self._keys)

    @property
    def newest(self) -> str | None:
        """The name of the key that seals new rows; None if they are stored plain."""
        return self.names[0] if self.names else None

    def seal(self, key: str | None, row: str, field: str, text: str | None) -> str | None:
        """`text` as it is stored in a row with this `key`; unchanged if either is None."""
        if key is None or text is None:
            return text
        if (cipher := self._cipher(key, f"row {row}")) is None:
            raise RowUnreadable("encrypted with a key that DATA_KEY does not list")
        nonce = os.urandom(_NONCE)
        sealed = cipher.encrypt(nonce, text.encode("utf-8", "surrogatepass"), field.encode())
        return f"{_MARK}{key}{base64.b64encode(nonce + sealed).decode()}"

    @overload
    def open(self, key: str | None, row: str, field: str, text: str) -> str: ...
    @overload
    def open(self, key: str | None, row: str, field: str, text: str | None) -> str | None: ...
    def open(self, key: str | None, row: str, field: str, text: str | None) -> str | None:
        """The text that was stored in a row with this `key`; plain if that is None. Raises RowUnreadable."""
        if text is None or key is None:
            return text
        cipher = self._cipher(text[1:17], f"row {row}") if text.startswith(_MARK) else None
        sealed = _decoded(text[17:])
        opened = _opened(cipher, sealed[:_NONCE], sealed[_NONCE:], field.encode()) if cipher else None
        if opened is None:
            raise RowUnreadable(f"damaged in storage: {field} cannot be decrypted")
        return opened.decode("utf-8", "surrogatepass")

    def opened_or(self, instead: str, key: str | None, row: str, field: str, text: str | None) -> str | None:
        """As `open`, for what is only shown: `instead` replaces what cannot be decrypted."""
        try:
            return self.open(key, row, field, text)
        except RowUnreadable:
            return instead

    def seal_file(self, blob: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The frames of a file whose `chunks`, except for the last, have `FRAME` bytes. The first has the header."""
        cipher = self.newest and self._cipher(self.newest, f"file {blob}")
        if not (self.newest and cipher):
            yield from chunks
            return
        head = _MAGIC + bytes.fromhex(self.newest)
        for number, (chunk, is_last) in enumerate(_with_last(chunks)):
            yield head + cipher.encrypt(_place(number, is_last), chunk, None)
            head = b""

    async def open_file(self, blob: str, frames: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """The file in sealed frames. Raises OutboxUnavailable, AttachmentMissing."""
        cipher: AESGCM | None = None
        held = b""
        number = 0
        async for frame in frames:
            if cipher is None:
                name = frame[len(_MAGIC) : HEADER].hex() if frame.startswith(_MAGIC) else ""
                if (cipher := self._cipher(name, f"file {blob}")) is None:
                    raise _altered()
                frame = frame[HEADER:]
            else:
                yield _read(cipher, number - 1, held, is_last=False)
            held = frame
            number += 1
        if cipher is not None:
            yield _read(cipher, number - 1, held, is_last=True)

    def _cipher(self, key: str, purpose: str) -> "AESGCM | None":
        """None when the key is not listed."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # as in `_derived`

        return AESGCM(_derived(self._keys[key], purpose.encode(), 32)) if key in self._keys else None


def frames(content: bytes, size: int = FRAME) -> Iterator[bytes]:
    """A file in chunks of `size` bytes: of `FRAME`, which `seal_file` takes, unless it is stored plain."""
    return (content[start : start + size] for start in range(0, len(content), size))


def stored_frames(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """A stored file, cut into its frames: sealed ones can only be decrypted one by one. `read` returns the requested
    number of bytes, and fewer only at the end."""
    frame = read(HEADER + FRAME + TAG)
    size = FRAME + TAG if frame.startswith(_MAGIC) else HEADER + FRAME + TAG
    while frame:
        yield frame
        frame = read(size)


def is_sealed(text: str | None) -> bool:
    """Whether a text was sealed. Our own messages about a row are not."""
    return text is not None and text.startswith(_MARK)


PLAIN = Keyring()
"""Seals nothing."""


def check(connection: Connection, keyring: Keyring) -> None:
    """Raises ConfigurationError if some rows cannot be decrypted with any listed key."""
    if rows := unreadable(connection, keyring):
        one = rows == 1
        words = (
            f"{rows} submission{' is' if one else 's are'} encrypted with a key that is not listed: list it again, "
            "behind the newest, with a comma between; if it is lost for good, so is what they say: "
            "`widget outbox erase --unreadable` gives them up"
        )
        raise ConfigurationError([Problem("DATA_KEY", words)])


def unreadable(connection: Connection, keyring: Keyring) -> int:
    """How many rows cannot be decrypted with any listed key."""
    s = submission.c
    count = select(func.count()).where(and_(s.data_key.is_not(None), s.data_key.not_in(keyring.names)))
    return connection.scalar(count) or 0


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    # Loaded only if there is a key: it takes 9 MB and a tenth of a second.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, salt=_SALT, info=purpose).derive(key)


def _decoded(text: str) -> bytes:
    """Decode canonical base64. Anything else gives no bytes, which no key can open."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        return b""
    return decoded if base64.b64encode(decoded).decode() == text else b""


def _place(number: int, is_last: bool) -> bytes:
    """A frame's nonce. Each file has its own key, so a counter is enough."""
    return number.to_bytes(_NONCE - 1, "big") + bytes([is_last])


def _read(cipher: "AESGCM", number: int, frame: bytes, *, is_last: bool) -> bytes:
    opened = _opened(cipher, _place(number, is_last), frame, None)
    if opened is None:
        raise _altered()
    return opened


def _altered() -> AttachmentMissing:
    return AttachmentMissing("The file is not what was stored.")


def _opened(cipher: "AESGCM", nonce: bytes, sealed: bytes, bound_to: bytes | None) -> bytes | None:
    from cryptography.exceptions import InvalidTag  # as above

    try:
        return cipher.decrypt(nonce, sealed, bound_to)
    except (InvalidTag, ValueError):
        return None


def _with_last(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each chunk, and whether it is the last."""
    each = iter(chunks)
    held = next(each, b"")
    for chunk in each:
        yield held, False
        held = chunk
    yield held, True

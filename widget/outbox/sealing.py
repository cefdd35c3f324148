"""What people said, encrypted at rest: AES-256-GCM with a key derived for each row (HKDF, RFC 5869) from `DATA_KEY`.

A sealed text carries the name of its key and is bound to its row and its field, so none can be read in another's
place. A sealed file is a row of frames; each is bound to its place and the last says that it is, so that none can be
exchanged, left out or cut off unnoticed (the STREAM construction). A row that was stored before there was a key is read
as it is; in a row that has a key, whatever is not sealed is damaged. Without keys nothing is sealed. Nobody who has the
disk, a dump or a backup learns more than ids, times, states and sizes; who has the key, or the process's memory, learns
everything.
"""

import base64
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, overload

from sqlalchemy import Connection, and_, func, select

from widget.errors import AttachmentMissing, ConfigurationError, Problem, RowUnreadable
from widget.outbox.tables import submission

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FRAME = 255 * 1024
"""Bytes of a file that are sealed as one, so that a frame with what sealing adds fits into 256 KiB."""
TAG = 16
"""Bytes by which a frame grows."""
_MARK = "\x01"
"""Begins a sealed text. No other text in a row begins with a control character: they are all removed, or our words."""
_MAGIC = b"\x01widget1"
"""Begins a sealed file; no file of a kind that is taken begins so."""
HEADER = len(_MAGIC) + 8
"""Bytes before the first frame: that, and the name of the key."""
_NONCE = 12
_SALT = b"insider-feedback-widget at rest"


class Keyring:
    """The keys of `DATA_KEY`, newest first: the newest seals, all of them open."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys: Mapping[str, bytes] = {_derived(key.encode(), b"name", 8).hex(): key.encode() for key in keys}
        self.names = tuple(self._keys)

    @property
    def newest(self) -> str | None:
        """The name of the key that seals new rows; None when they are stored plain."""
        return self.names[0] if self.names else None

    def seal(self, key: str | None, row: str, field: str, text: str | None) -> str | None:
        """`text` as it may be stored in a row whose key is named; None, and a row without a key, stay as they are."""
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
        """What was sealed for a row whose key is named, or stored plain where none is. Raises RowUnreadable."""
        if text is None or key is None:
            return text
        cipher = self._cipher(text[1:17], f"row {row}") if text.startswith(_MARK) else None
        sealed = _decoded(text[17:])
        opened = _opened(cipher, sealed[:_NONCE], sealed[_NONCE:], field.encode()) if cipher else None
        if opened is None:
            raise RowUnreadable(f"damaged in storage: {field} cannot be decrypted")
        return opened.decode("utf-8", "surrogatepass")

    def opened_or(self, instead: str, key: str | None, row: str, field: str, text: str | None) -> str | None:
        """The same for what is only shown: `instead` stands for what cannot be read."""
        try:
            return self.open(key, row, field, text)
        except RowUnreadable:
            return instead

    def seal_file(self, blob: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The frames of a file, of which each chunk but the last has `FRAME` bytes; the first has the header too."""
        cipher = self.newest and self._cipher(self.newest, f"file {blob}")
        if not (self.newest and cipher):
            yield from chunks
            return
        head = _MAGIC + bytes.fromhex(self.newest)
        for number, (chunk, is_last) in enumerate(_with_last(chunks)):
            yield head + cipher.encrypt(_place(number, is_last), chunk, None)
            head = b""

    async def open_file(self, blob: str, frames: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """The file in those frames, which were sealed. Raises OutboxUnavailable, AttachmentMissing."""
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


def frames(content: bytes) -> Iterator[bytes]:
    """A file in the pieces that `seal_file` takes."""
    return (content[start : start + FRAME] for start in range(0, len(content), FRAME))


def is_sealed(text: str | None) -> bool:
    """Whether a text was sealed; our own words about a row are not."""
    return text is not None and text.startswith(_MARK)


PLAIN = Keyring()
"""Seals nothing."""


def check(connection: Connection, keyring: Keyring) -> None:
    """Raises ConfigurationError when there are rows that no listed key can read, before anything else is done."""
    if rows := unreadable(connection, keyring):
        one = rows == 1
        words = (
            f"{rows} submission{' is' if one else 's are'} encrypted with a key that is not listed: list it again, "
            "behind the newest, with a comma between; if it is lost for good, so is what they say: "
            "`widget outbox erase --unreadable` gives them up"
        )
        raise ConfigurationError([Problem("DATA_KEY", words)])


def unreadable(connection: Connection, keyring: Keyring) -> int:
    """How many rows no listed key can read."""
    s = submission.c
    count = select(func.count()).where(and_(s.data_key.is_not(None), s.data_key.not_in(keyring.names)))
    return connection.scalar(count) or 0


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    # Loaded where there is a key: it takes 9 MB and a tenth of a second.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, salt=_SALT, info=purpose).derive(key)


def _decoded(text: str) -> bytes:
    """Base64 as we write it; nothing, which no key opens, where it is not."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        return b""
    return decoded if base64.b64encode(decoded).decode() == text else b""


def _place(number: int, is_last: bool) -> bytes:
    """A frame's nonce. A file has a key of its own, so counting is enough."""
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

"""An uploaded file on disk, from its first byte until the outbox has stored it.

A sealed file is encrypted with a key that only this object holds (AES-256 in counter mode). So no readable byte is ever
on the disk, and nobody can read what a killed process leaves behind, not even the next process.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
    from cryptography.hazmat.primitives.ciphers.modes import CTR

MODE = 0o600
"""Only the user of this process may read it."""


class SpooledFile:
    """The file at `path`, which is created by the first `append`."""

    def __init__(self, path: Path, *, sealed: bool = False) -> None:
        self.path = path
        self._cipher = _new_cipher() if sealed else None
        self._writing = self._begin()

    def append(self, data: bytes | bytearray) -> None:
        """Append bytes. Raises OSError."""
        # Opened for each write, so that a slow client does not keep a descriptor open.
        with open(self.path, "ab", opener=_open_private) as file:
            file.write(self._writing.update(data) if self._writing else data)

    def read_bytes(self) -> bytes:
        """The whole content. Raises OSError."""
        data = self.path.read_bytes()
        return self._cipher.decryptor().update(data) if self._cipher else data

    def write_bytes(self, data: bytes) -> None:
        """Replace the content. Raises OSError."""
        if self._cipher:
            self._cipher = _new_cipher()  # two texts encrypted with one key stream would reveal each other
            self._writing = self._begin()
        self.path.unlink(missing_ok=True)
        self.append(data)

    def _begin(self) -> "CipherContext | None":
        return self._cipher.encryptor() if self._cipher else None


def _new_cipher() -> "Cipher[CTR]":
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # 9 MB, needed only with DATA_KEY

    return Cipher(algorithms.AES(os.urandom(32)), modes.CTR(os.urandom(16)))


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, MODE)

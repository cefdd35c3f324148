"""An uploaded file on disk, from its first byte until the outbox has taken it.

A sealed one is encrypted with a key that only this object has (AES-256 in counter mode): the disk never holds a
readable byte of it, and what a killed process leaves behind nobody can read, the next process included.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
    from cryptography.hazmat.primitives.ciphers.modes import CTR

MODE = 0o600
"""Nobody but the user of this process may read it."""


class SpooledFile:
    """The file at `path`, which is created by the first `append`."""

    def __init__(self, path: Path, *, sealed: bool = False) -> None:
        self.path = path
        self._cipher = _new_cipher() if sealed else None
        self._writing = self._begin()

    def append(self, data: bytes | bytearray) -> None:
        """Add bytes at the end. Raises OSError."""
        # Opened for each write: no descriptor is held while a slow client makes up its mind.
        with open(self.path, "ab", opener=_open_private) as file:
            file.write(self._writing.update(data) if self._writing else data)

    def read_bytes(self) -> bytes:
        """The whole content. Raises OSError."""
        data = self.path.read_bytes()
        return self._cipher.decryptor().update(data) if self._cipher else data

    def write_bytes(self, data: bytes) -> None:
        """Replace the content. Raises OSError."""
        if self._cipher:
            self._cipher = _new_cipher()  # two texts under one key stream would give each other away
            self._writing = self._begin()
        self.path.unlink(missing_ok=True)
        self.append(data)

    def _begin(self) -> "CipherContext | None":
        return self._cipher.encryptor() if self._cipher else None


def _new_cipher() -> "Cipher[CTR]":
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # 9 MB, needed with DATA_KEY alone

    return Cipher(algorithms.AES(os.urandom(32)), modes.CTR(os.urandom(16)))


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, MODE)

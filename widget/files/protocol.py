"""The messages between the service and its helpers. Imports no decoder."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from widget.submissions.limits import MAX_FILE_SIZE

T = TypeVar("T")

Verdict = Literal["good", "unreadable", "damaged", "pixels", "encrypted", "active", "embedding", "grown"]
"""`damaged`: a PDF that can be read in part; `pixels`: a picture with too many; `encrypted`, `active` and `embedding`:
a PDF that is encrypted, is active or holds other files, if that is refused; `grown`: a file whose copy is too large."""
Note = Literal["location_removed", "scripts_removed", "attachments_removed", "signature_removed", "animation_removed"]
"""What was removed from a file, as far as the person may want to know."""
Barrier = Literal["landlock", "seccomp"]
"""The barriers around a helper that not every system has."""
Policy = Literal["remove", "refuse", "pass"]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
NOTES: tuple[Note, ...] = get_args(Note)
BARRIERS: tuple[Barrier, ...] = get_args(Barrier)
POLICIES: tuple[Policy, ...] = get_args(Policy)

READY = struct.Struct(">B")
"""Sent once, when a helper is ready: the barriers that are not available, in the format of `to_bits`."""
REQUEST = struct.Struct(">BI")
"""The file's type, as an index of `MEDIA_TYPES`, and its size. Its bytes follow."""
ANSWER = struct.Struct(">BBI")
"""The verdict, as an index of `VERDICTS`, the notes in the format of `to_bits`, and the size of the result. Its bytes
follow, unless they are those that were sent."""
SAME = 0xFFFFFFFF
"""Instead of a size: nothing had to be removed."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is accepted. `max_pixels` is width times height; `max_size` is the size in bytes of a rewritten file."""

    max_pixels: int
    encrypted_pdf: bool = False
    active: Policy = "remove"
    embedded: Policy = "remove"
    max_size: int = MAX_FILE_SIZE

    def words(self) -> list[str]:
        """As arguments of a command."""
        policies = [POLICIES.index(self.active), POLICIES.index(self.embedded)]
        return [str(number) for number in (self.max_pixels, int(self.encrypted_pdf), *policies, self.max_size)]

    @classmethod
    def of_words(cls, words: Iterable[str]) -> "Rules":
        """The rules that `words` wrote."""
        pixels, encrypted, active, embedded, size = (int(word) for word in words)
        return cls(pixels, bool(encrypted), POLICIES[active], POLICIES[embedded], size)


def to_bits(words: Iterable[T], all_words: Sequence[T]) -> int:
    """A subset of a list of words as a number."""
    return sum(1 << all_words.index(word) for word in set(words))


def of_bits(bits: int, all_words: Sequence[T]) -> tuple[T, ...]:
    """The words of a number, in the list's order. Unknown bits are ignored."""
    return tuple(word for place, word in enumerate(all_words) if bits & 1 << place)

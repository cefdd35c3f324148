"""How the service and its helpers talk about files, and what they can say. Imports no decoder."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from widget.submissions.limits import MAX_FILE_SIZE

T = TypeVar("T")

Verdict = Literal["good", "unreadable", "damaged", "pixels", "encrypted", "active", "embedding", "grown"]
"""`damaged`: a PDF that can be read in part; `pixels`: a picture of more than may be; `encrypted`, `active` and
`embedding`: a PDF that is so, or holds other files, where that is refused; `grown`: one whose copy is too large."""
Note = Literal["location_removed", "scripts_removed", "attachments_removed", "signature_removed", "animation_removed"]
"""What was taken out of a file that somebody would want to know."""
Barrier = Literal["landlock", "seccomp"]
"""What not every system has, of all that a helper is confined by."""
Policy = Literal["remove", "refuse", "pass"]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
NOTES: tuple[Note, ...] = get_args(Note)
BARRIERS: tuple[Barrier, ...] = get_args(Barrier)
POLICIES: tuple[Policy, ...] = get_args(Policy)

READY = struct.Struct(">B")
"""Said once, when a helper can begin: the barriers that could not be put up, as `to_bits` has them."""
REQUEST = struct.Struct(">BI")
"""The file's type, as an index of `MEDIA_TYPES`, and its size; its bytes follow."""
ANSWER = struct.Struct(">BBI")
"""The verdict, as an index of `VERDICTS`, the notes as `to_bits` has them, and the size of what is kept; its bytes
follow unless it is what was sent."""
SAME = 0xFFFFFFFF
"""In place of a size: nothing had to be removed."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is let pass. `max_pixels` is width times height, `max_size` bytes of a file that was rewritten."""

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
        """What `words` wrote."""
        pixels, encrypted, active, embedded, size = (int(word) for word in words)
        return cls(pixels, bool(encrypted), POLICIES[active], POLICIES[embedded], size)


def to_bits(words: Iterable[T], all_words: Sequence[T]) -> int:
    """Some of a list of words as a number."""
    return sum(1 << all_words.index(word) for word in set(words))


def of_bits(bits: int, all_words: Sequence[T]) -> tuple[T, ...]:
    """Words of a number, in the list's order; bits without a meaning are none."""
    return tuple(word for place, word in enumerate(all_words) if bits & 1 << place)

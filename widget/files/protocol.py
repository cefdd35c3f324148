"""How the service and its helpers talk about files, and what they can say. Imports no decoder."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Verdict = Literal["good", "unreadable", "damaged", "pixels", "encrypted", "active", "embedding", "grown"]
"""`damaged`: a PDF that can be read in part; `pixels`: a picture of more than may be; `encrypted`, `active` and
`embedding`: a PDF that is so, or holds other files, where that is refused; `grown`: one whose copy is too large."""
Note = Literal["location_removed", "scripts_removed", "attachments_removed", "signature_removed"]
"""What was taken out of a file that somebody would want to know."""
Policy = Literal["remove", "refuse", "pass"]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
NOTES: tuple[Note, ...] = get_args(Note)
POLICIES: tuple[Policy, ...] = get_args(Policy)
TYPES = ("image/jpeg", "image/png", "application/pdf")

READY = b"R"
"""Said once, when a helper can begin."""
REQUEST = struct.Struct(">BI")
"""The file's type, as an index of `TYPES`, and its size; its bytes follow."""
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
    max_size: int = 4 * 1024 * 1024

    def words(self) -> list[str]:
        """As arguments of a command."""
        policies = [POLICIES.index(self.active), POLICIES.index(self.embedded)]
        return [str(number) for number in (self.max_pixels, int(self.encrypted_pdf), *policies, self.max_size)]

    @classmethod
    def of_words(cls, words: Iterable[str]) -> "Rules":
        """What `words` wrote."""
        pixels, encrypted, active, embedded, size = (int(word) for word in words)
        return cls(pixels, bool(encrypted), POLICIES[active], POLICIES[embedded], size)


def to_bits(notes: Iterable[Note]) -> int:
    """Notes as a number."""
    return sum(1 << NOTES.index(note) for note in set(notes))


def of_bits(bits: int) -> tuple[Note, ...]:
    """Notes of a number, in one order always; bits without a meaning are none."""
    return tuple(note for place, note in enumerate(NOTES) if bits & 1 << place)

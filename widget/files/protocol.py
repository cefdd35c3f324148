"""How the service and its helpers talk about files, and what they can say. Imports no decoder."""

import struct
from dataclasses import dataclass
from typing import Literal, get_args

Verdict = Literal["good", "unreadable", "pixels", "encrypted", "active"]
"""`pixels`: a picture of more than may be; `encrypted` and `active`: a PDF that is so, where that is refused."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
TYPES = ("image/jpeg", "image/png", "application/pdf")

READY = b"R"
"""Said once, when a helper can begin."""
REQUEST = struct.Struct(">BI")
"""The file's type, as an index of `TYPES`, and its size; its bytes follow."""
ANSWER = struct.Struct(">BBI")
"""The verdict, as an index of `VERDICTS`, whether a place was removed, and the size of what is kept; its bytes follow
unless it is what was sent."""
SAME = 0xFFFFFFFF
"""In place of a size: nothing had to be removed."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is let pass. `max_pixels` is width times height."""

    max_pixels: int
    encrypted_pdf: bool
    active_pdf: bool

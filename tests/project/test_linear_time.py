"""Whatever a stranger sends is read in a time that grows with its length, never with the square of it.

A quadratic pattern takes seconds for the 64 KB of one field, and the event loop serves nobody meanwhile.
"""

import importlib
import itertools
import json
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from python_multipart.multipart import parse_options_header

import widget
from widget import files
from widget.i18n import messages
from widget.submissions import addresses, context, model
from widget.web import compression

LENGTH = 4096
MOST = 0.005
"""Seconds of this thread. Linear patterns take less than one millisecond, quadratic ones 15 and more."""
FROM_THE_START = ("widget.files._GENERIC", "widget.files.pdf.policy._SCHEME", "widget.submissions.context._HOST")
"""Patterns that are never searched for, so that only one place of a text is tried."""
OPERATORS = ("cli", "config", "sandbox", "theming", "tools", "__main__")
"""Packages that read what the operator and the product teams write."""


def seconds(work: Callable[[], object]) -> float:
    """The processor time that the work takes, at best of three: the first time, a processor may be cold."""
    best = MOST + 1
    for _ in range(3):
        started = time.thread_time()
        work()
        best = min(best, time.thread_time() - started)
        if best < MOST:
            break
    return best


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Each pattern that a module of the service has."""
    for module in pkgutil.walk_packages(widget.__path__, "widget."):
        if module.name.split(".")[1] not in OPERATORS:
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern):
                    yield f"{module.name}.{name}", value


def literals(parsed: Any) -> Iterator[str]:
    """Texts that parts of a pattern match: its words, and one character of each of its classes."""
    word = ""
    for kind, value in [*parsed, (None, None)]:
        if kind is _parser.LITERAL:
            word += chr(value)
            continue
        if word:
            yield word
        word = ""
        if kind is _parser.IN:
            yield from itertools.islice(classes(value), 3)
        elif kind is not None:
            for part in value if isinstance(value, tuple | list) else ():
                for each in part if isinstance(part, list) else [part]:
                    if isinstance(each, _parser.SubPattern):
                        yield from literals(each)


def classes(members: Any) -> Iterator[str]:
    for kind, value in members:
        if kind is _parser.LITERAL:
            yield chr(value)
        elif kind is _parser.RANGE:
            yield chr(value[0])
        elif kind is _parser.CATEGORY:
            yield {"space": " ", "digit": "1", "word": "a"}.get(str(value).rpartition("_")[2].lower(), "-")


def hostile(pattern: re.Pattern[Any]) -> Iterator[str | bytes]:
    """Long texts that repeat what the pattern looks for, and neither begin nor end as it wants."""
    found = dict.fromkeys(literals(_parser.parse(pattern.pattern, pattern.flags)))
    pieces = list(found)[:12]
    for piece in [*pieces, *map("".join, itertools.permutations(pieces, 2))]:
        for before in ("", "!\0"):
            text = before + (piece * LENGTH)[:LENGTH] + "\0!"
            yield text if isinstance(pattern.pattern, str) else text.encode("latin-1", "ignore")


def is_slow(pattern: re.Pattern[Any], name: str = "") -> bool:
    empty = pattern.pattern[:0]
    find = pattern.fullmatch if name in FROM_THE_START else partial(pattern.sub, empty)
    return any(seconds(partial(find, text)) > MOST for text in hostile(pattern))


def test_no_pattern_of_the_service_takes_more_than_linear_time() -> None:
    slow = [name for name, pattern in patterns() if is_slow(pattern, name)]
    assert slow == []


def test_this_finds_a_pattern_that_is_quadratic() -> None:
    pattern = re.compile(r"[\w.-]*(token|sid)[\w.-]*=")
    assert is_slow(pattern)


READERS: dict[str, Callable[[str], object]] = {
    "the context": lambda text: context.read(json.dumps({"said": text})),
    "a name in the context": lambda text: context.read(json.dumps({text: "x"})),
    "a text": model.clean_text,
    "chips": lambda text: model.chosen_chips({"chips": text}),
    "an address": addresses.key,
    "a file name": lambda text: files.safe_name(text, "image/png", 0),
    "a declared media type": lambda text: files.contradicts("image/png", "a", text),
    "languages": lambda text: messages.choose(text, text),
    "codings": compression.choose,
    "a header with options": lambda text: parse_options_header(f"form-data; {text}".encode("latin-1", "ignore")),
    "a file's first bytes": lambda text: files.identify(text.encode("latin-1", "replace")[: files.HEAD_SIZE]),
}
SINGLE = ["a", "1", ".", "=", "&", "%25", "/", "@", ":", ";", ",", '"', "?", "\t", "\0", "\u0301", "\u200c", "\ufdfa",
          "token", "token=", "sid", "//", "/a@", "a.", "&a=b", "%3", "bearer ", "eyJa.", "a=&", ";a", "x:@",
          ";q="]  # fmt: skip
PAIRED = [" ", "a", "-", "=", "/", "@", "auth", "\r\n"]


@pytest.mark.parametrize("reader", READERS)
def test_what_strangers_send_is_read_in_linear_time(reader: str) -> None:
    read, length = READERS[reader], 4 * LENGTH
    pairs = map("".join, itertools.permutations(PAIRED, 2))
    slow = (piece for piece in [*SINGLE, *pairs] if seconds(partial(read, (piece * length)[:length])) > 0.1)
    assert next(slow, None) is None

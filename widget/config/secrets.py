"""Reads secrets from files as well as from the environment, and rejects keys that are easy to guess.

A secret `NAME` may be in a file that `NAME_FILE` names, as Docker's and Kubernetes' secrets do, or in one called
`NAME` among systemd's credentials (`$CREDENTIALS_DIRECTORY`). A secret that is given twice stops the start,
because nobody should have to find out which one counted.
"""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from itertools import pairwise
from pathlib import Path

from widget.errors import Problem

SECRETS = (
    "INSIDER_CLIENT_SECRET",
    "SECRET_KEY",
    "DATA_KEY",
    "OPS_TOKEN",
    "DATABASE_URL",
    "DATABASE_DIRECT_URL",
    "RATE_LIMIT_STORAGE",
    "ALERT_WEBHOOK",
    "SMTP_URL",
)
"""The settings that are secrets, or may contain a password."""
OF_PRODUCTS = ("INSIDER_CLIENT_SECRET__", "IDENTITY_KEY__", "EVENTS_SECRET__")
"""The prefixes of products' secrets; the product's slug follows."""
_OF_ONE_LINE = ("OPS_TOKEN", "INSIDER_CLIENT_ID", "INSIDER_CLIENT_SECRET")
"""What the names begin with of settings that are no lists. Addresses are checked on their own."""
MIN_LENGTH = 32
"""Characters of a key that signs or encrypts."""
MIN_TOKEN = 16
"""Characters of a token that gives access."""
WEBHOOK_PREFIX = "whsec_"
"""What a secret begins with that signs events (standardwebhooks.com)."""
_MAX_FILE = 64 * 1024
_MIN_VARIETY = 8
"""Different characters of a key; 32 random hexadecimal digits have fewer in one case of 28 million."""
_MIN_VARIETY_OF_TOKEN = 5
"""The same of a token, which may have 16: random hexadecimal digits have fewer in one case of three million."""
_PLACEHOLDER = re.compile(
    r"change(me|this|it)|replace(me|this|it)|placeholder|your(own)?(secret|key|token)|(do)?notasecret|insecure|password"
)
_KEYBOARD = (
    "1234567890 qwertyuiop asdfghjkl zxcvbnm qwertzuiop yxcvbnm azertyuiop qsdfghjklm wxcvbn "
    "1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm 8ik 9ol 0123456789 abcdefghijklmnopqrstuvwxyz"
)
"""Lines of keys that a finger may go along, and what comes in an order of its own."""
_NEIGHBOURS = frozenset([*pairwise(_KEYBOARD), *pairwise(reversed(_KEYBOARD)), *zip(_KEYBOARD, _KEYBOARD, strict=True)])


def suffix(slug: str) -> str:
    """A product's slug as it appears at the end of an environment variable's name."""
    return slug.upper().replace("-", "_")


def names(slugs: Collection[str]) -> tuple[str, ...]:
    """All the secrets of a service with these products."""
    return (*SECRETS, *(prefix + suffix(slug) for prefix in OF_PRODUCTS for slug in slugs))


def with_files(environ: Mapping[str, str], wanted: Collection[str], problems: list[Problem]) -> dict[str, str]:
    """`environ` with the secrets in `wanted` that files hold, in place of what names the files. Blanks and line breaks
    around a value are not part of it.

    What is wrong is added to `problems`, never a secret.
    """
    environ = {name: text.strip() for name, text in environ.items()}
    found = dict(environ)
    for name in wanted:
        sources = sources_of(environ, name, wanted)
        if len(sources) + bool(environ.get(name)) > 1:
            given = [name] * bool(environ.get(name)) + list(sources)
            problems.append(Problem(name, f"is given more than once, by {' and '.join(given)}; keep one of them"))
            continue
        for source, path in sources.items():
            found.pop(source, None)
            try:
                found[name] = _read(path)
            except ValueError as error:
                problems.append(Problem(source, str(error)))
    return found


def sources_of(environ: Mapping[str, str], name: str, wanted: Collection[str]) -> dict[str, Path]:
    """The files that give a secret, each by what names it. `INSIDER_CLIENT_SECRET__X_FILE` is no file of the product
    `x` where it is `wanted` itself, as the secret of a product `x-file`."""
    _, by_variable, by_systemd = spellings(name)
    sources = {}
    path = environ.get(by_variable)
    if path and by_variable not in wanted:
        sources[by_variable] = Path(path)
    if folder := environ.get("CREDENTIALS_DIRECTORY"):
        credential = Path(folder) / name
        if credential.is_file():
            sources[by_systemd] = credential
    return sources


def credentials(environ: Mapping[str, str]) -> list[str]:
    """The names of systemd's credentials."""
    folder = Path(environ.get("CREDENTIALS_DIRECTORY") or "/nowhere")
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def spellings(name: str) -> tuple[str, str, str]:
    """The names of a secret in messages: of the variable, the file, or the credential that gives it."""
    return name, f"{name}_FILE", f"{name} in CREDENTIALS_DIRECTORY"


def bare(environ: Mapping[str, str], names: Collection[str], problems: list[Problem]) -> dict[str, str]:
    """`environ` without what does not belong to the values of `names`, and which is a problem of each.

    A shell and systemd remove quotes, but `docker --env-file` does not: two machines would read different values.
    Nobody could sign in with a token of several lines.
    """
    found = dict(environ)
    for name in names:
        text = found.get(name, "")
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            problems.append(Problem(name, "stands in quotes, which would be a part of it; leave them out"))
            found[name] = text[1:-1].strip()
        elif name.startswith(_OF_ONE_LINE) and len(text.splitlines()) > 1:
            problems.append(Problem(name, "has several lines; give it alone"))
    return found


def _read(path: Path) -> str:
    """The content of the file, without the blanks, line breaks and the byte order mark that editors add."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE + 1).decode("utf-8-sig").strip()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    if "\0" in text:  # every second byte of UTF-16
        raise ValueError(f"{path} is not UTF-8 text")
    if not text or len(text) > _MAX_FILE:
        raise ValueError(f"{path} is empty" if not text else f"{path} is too long to be a secret")
    return text


def keys(value: str) -> tuple[str, ...]:
    """Keys that sign or encrypt, newest first. Raises ValueError when one is short or easy to guess, or is several."""
    found = tuple(key.strip() for key in value.split(","))
    parts = [re.split(r"[\s;]+", key) for key in found]
    if any(len(each) > 1 and min(map(len, each)) >= MIN_LENGTH for each in parts):
        raise ValueError("has several keys with no comma between them")  # as one, it would do the work of neither
    faults = [_fault(key, place if len(found) > 1 else 0) for place, key in enumerate(found, 1)]
    if wrong := [fault for fault in faults if fault]:
        raise ValueError(f"{'; '.join(wrong)}; `widget secret` makes one")
    return found


def _fault(key: str, place: int) -> str:
    """What is wrong with a key, by its place in a list where there are several; empty if nothing is."""
    which = f"key {place} " if place else ""
    if len(key) < MIN_LENGTH:
        return f"{which}needs at least {MIN_LENGTH} characters"
    return f"{which}is easy to guess" if is_guessable(key) else ""


def signing_secrets(value: str) -> tuple[str, ...]:
    """Secrets that sign events as Standard Webhooks has them, newest first. Raises ValueError."""
    found = tuple(each.strip() for each in value.split(","))
    for each in found:
        try:
            key = base64.b64decode(each.removeprefix(WEBHOOK_PREFIX), validate=True)
        except binascii.Error:
            key = b""
        if not each.startswith(WEBHOOK_PREFIX) or not 24 <= len(key) <= 64:
            raise ValueError(
                "is not whsec_ followed by the base64 of 24 to 64 random bytes; `widget secret --events` makes one"
            )
        if len(set(key)) < _MIN_VARIETY:
            raise ValueError("is easy to guess; `widget secret --events` makes one")
    return found


def token(value: str | None) -> str | None:
    """A token that gives access. Raises ValueError when it is easy to guess."""
    if value and len(value) >= MIN_TOKEN and is_guessable(value, _MIN_VARIETY_OF_TOKEN):
        raise ValueError("is easy to guess; `widget secret` makes one")
    return value


def is_guessable(key: str, variety: int = _MIN_VARIETY) -> bool:
    """Whether a key is a placeholder, has few different characters, consists mostly of one, repeats a part, or
    goes along a keyboard, the alphabet or the digits, each character once or several times."""
    is_mostly_one = max(map(key.count, set(key)), default=0) > len(key) / 2
    is_repeated = any(key.startswith(key[part:]) for part in range(1, len(key) // 2 + 1))
    is_typed = sum(pair in _NEIGHBOURS for pair in pairwise(key.lower())) > 2 / 3 * len(key)
    return _is_placeholder(key) or len(set(key)) < variety or is_mostly_one or is_repeated or is_typed


def _is_placeholder(key: str) -> bool:
    return bool(_PLACEHOLDER.search(re.sub(r"[^a-z]", "", key.lower())))

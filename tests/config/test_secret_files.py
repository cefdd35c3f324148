"""Secrets can come from files, and those that anybody could guess are refused."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from bed import CLIENT_SECRET, SECRET_KEY, Sandbox, Widget, until

from widget.config import loading
from widget.config.secrets import SECRETS
from widget.config.settings import Settings
from widget.errors import ConfigurationError

PRODUCT = '[products.{0}]\nname = "{0}"\norigins = ["https://{0}.example.com"]\n'
IDENTITY = "[products.x.identity]\n"
EVENTS = '[products.x.events]\nurl = "https://x.example.com/hook"\n'
EVENTS_SECRET, OLDER = (f"whsec_{base64.b64encode(bytes(range(n, n + 32))).decode()}" for n in (0, 100))
GIVEN = {
    "INSIDER_URL": "https://insider.example.com",
    "INSIDER_CLIENT_ID": "client",
    "INSIDER_CLIENT_SECRET": "from the environment",
    "SECRET_KEY": SECRET_KEY,
}
VALUES = {
    "INSIDER_CLIENT_SECRET": "from a file",
    "SECRET_KEY": f"{SECRET_KEY[::-1]},{SECRET_KEY}",
    "DATA_KEY": SECRET_KEY,
    "OPS_TOKEN": "tests-only-operators-token",
    "DATABASE_URL": "postgresql://me:word@db.example.com/widget",
    "DATABASE_DIRECT_URL": "postgresql://me:word@db.example.com/direct",
    "RATE_LIMIT_STORAGE": "redis://:word@redis.example.com",
    "ALERT_WEBHOOK": "https://hooks.example.com/secret",
    "SMTP_URL": "smtp://me:word@mail.example.com:587",
    "INSIDER_CLIENT_SECRET__X": "of a product, from a file",
    "IDENTITY_KEY__X": SECRET_KEY,
    "EVENTS_SECRET__X": f"{EVENTS_SECRET},{OLDER}",
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "widget.toml"
    path.write_text(PRODUCT.format("x") + IDENTITY + EVENTS)
    return path


def load(config: Path, **changes: str) -> Settings:
    own = {"IDENTITY_KEY__X": SECRET_KEY, "EVENTS_SECRET__X": EVENTS_SECRET}
    environ = {**GIVEN, **own, "INSIDER_CLIENT_ID__X": "x", "INSIDER_CLIENT_SECRET__X": "x"}
    for name in changes:
        environ.pop(name.removesuffix("_FILE"), None)
    return loading.load({**environ, "WIDGET_CONFIG": str(config), **changes})


def problems(config: Path, **changes: str) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        load(config, **changes)
    return {problem.name: problem.message for problem in caught.value.problems}


def seen(loaded: Settings, name: str) -> str:
    """A secret as the service uses it."""
    if name == "INSIDER_CLIENT_SECRET__X":
        return loaded.accounts["x"].client_secret.get_secret_value()
    own = {"IDENTITY_KEY__X": loaded.identity_keys["x"], "EVENTS_SECRET__X": loaded.event_secrets["x"]}
    value = own[name] if name in own else getattr(loaded, name.lower())
    parts = value if isinstance(value, tuple) else (value,)
    return ",".join(part if isinstance(part, str) else part.get_secret_value() for part in parts)


def test_every_secret_is_tried_here() -> None:
    assert set(SECRETS) < set(VALUES)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize(("mark", "end"), [("", ""), ("", "\n"), ("\ufeff", "\r\n")])
def test_a_secret_is_read_from_the_file_that_is_named(
    config: Path, tmp_path: Path, name: str, mark: str, end: str
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(f"{mark}{VALUES[name]}{end}".encode())
    assert seen(load(config, **{f"{name}_FILE": str(path)}), name) == VALUES[name]


@pytest.mark.parametrize("name", VALUES)
def test_a_secret_is_read_from_systemd_s_credentials(config: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / name).write_text(VALUES[name])
    assert seen(load(config, **{name: "", "CREDENTIALS_DIRECTORY": str(folder)}), name) == VALUES[name]


@pytest.mark.parametrize(
    "name", ["INSIDER_CLIENT_SECRET__XX", "IDENTITY_KEY__Y", "SECRETKEY", "INSIDER_URL", "INSIDER_CLIENT_ID__X"]
)
def test_a_credential_that_nothing_reads_stops_the_start(config: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / name).write_text("k" * 40)
    (folder / "tls.pem").write_text("somebody else's")
    assert list(problems(config, CREDENTIALS_DIRECTORY=str(folder))) == [name]


def test_a_secret_that_is_given_twice_stops_the_start(config: Path, tmp_path: Path) -> None:
    (tmp_path / "SECRET_KEY").write_text(VALUES["SECRET_KEY"])
    named = {"SECRET_KEY_FILE": str(tmp_path / "SECRET_KEY"), "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert "SECRET_KEY_FILE and SECRET_KEY in CREDENTIALS_DIRECTORY" in problems(config, **named)["SECRET_KEY"]
    for name in named:
        said = problems(config, **{"SECRET_KEY": SECRET_KEY, name: named[name]})
        assert list(said) == ["SECRET_KEY"]
        assert SECRET_KEY not in str(said)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "UTF-8"),
        ("secret".encode("utf-16-le"), "UTF-8"),
        (b"x" * 70_000, "too long"),
    ],
)
def test_a_file_that_gives_no_secret_is_named(config: Path, tmp_path: Path, content: bytes | None, error: str) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    said = problems(config, SECRET_KEY_FILE=str(path))
    assert list(said) == ["SECRET_KEY_FILE"]
    assert error in said["SECRET_KEY_FILE"]


def test_a_product_called_file_keeps_its_own_secret(config: Path) -> None:
    """`INSIDER_CLIENT_SECRET__X_FILE` is a secret of `x-file`, not a file with one of `x`."""
    config.write_text(PRODUCT.format("x") + IDENTITY + PRODUCT.format("x-file"))
    own = {"INSIDER_CLIENT_ID__X_FILE": "theirs", "INSIDER_CLIENT_SECRET__X_FILE": "no path"}
    loaded = loading.load({**GIVEN, "IDENTITY_KEY__X": SECRET_KEY, "WIDGET_CONFIG": str(config), **own})
    assert loaded.accounts["x-file"].client_secret.get_secret_value() == "no path"


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATA_KEY", "IDENTITY_KEY__X"])
@pytest.mark.parametrize(
    "key",
    ["k" * 32, "ab" * 20, "abcdefgh" * 4, "0123456789" * 4, "1234567" * 6, "12345678901234567890123456789012",
     "0123456789abcdef" * 2, "correct-horse-battery" * 2, "x" * 30 + "0123456789",
     "changeme-" + "0123456789abcdefghijklmnop", "CHANGE_ME_0123456789abcdefghijklmnop",
     "please change this 0123456789 key", "my-Password-is-0123456789-and-more",
     "qwertyuiopasdfghjklzxcvbnm123456", "1qaz2WSX3edc4RFV5tgb6YHN7ujm8IK,",
     "abcdefghijklmnopqrstuvwxyz0123456789", "zyxwvutsrqponmlkjihgfedcba987654", "AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH",
     "112233445566778899aabbccddeeff00"],
)  # fmt: skip
def test_a_key_that_anybody_could_guess_is_refused(config: Path, name: str, key: str) -> None:
    said = problems(config, **{name: f"{SECRET_KEY},{key}"})
    assert list(said) == [name]
    assert "`widget secret` makes one" in said[name]
    assert key not in said[name]


@pytest.mark.parametrize("token", ["a" * 20, "qwertyuiopasdfgh", "abcdef-1" * 2, "my-password-4711"])
def test_an_operator_s_token_that_anybody_could_guess_is_refused(config: Path, token: str) -> None:
    said = problems(config, OPS_TOKEN=token)
    assert list(said) == ["OPS_TOKEN"]
    assert "`widget secret` makes one" in said["OPS_TOKEN"]
    assert token not in said["OPS_TOKEN"]


def test_random_keys_are_taken(config: Path) -> None:
    for make in (secrets.token_hex, secrets.token_urlsafe):
        for _ in range(200):
            assert load(config, SECRET_KEY=make(32), OPS_TOKEN=make(12))
    assert load(config, SECRET_KEY=secrets.token_hex(16), OPS_TOKEN=secrets.token_hex(8))


def test_a_service_whose_secrets_lie_in_files_delivers(
    start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "client").write_text(f"{CLIENT_SECRET}\n")
    (tmp_path / "key").write_text(f"{SECRET_KEY}\n")
    for path in ("client", "key"):
        os.chmod(tmp_path / path, 0o400)
    files = {"INSIDER_CLIENT_SECRET_FILE": str(tmp_path / "client"), "SECRET_KEY_FILE": str(tmp_path / "key")}
    widget = start_widget(INSIDER_CLIENT_SECRET="", SECRET_KEY="", **files)
    widget.submit("by files")
    until(lambda: insider.descriptions() == ["by files"])

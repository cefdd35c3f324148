"""`widget check --strict` names every setting that leaves a defence open, and nothing else."""

import json
import subprocess
from pathlib import Path
from typing import Any

import children
import pytest
from bed import IN_ENGLISH, plain_environ

from widget.config.loading import load
from widget.tools.check import service, strict

KEY = "7f3a91bc04d85e62af17c93be05d846f21ba7c5e90d3486f1eab25c7d09f364e"
PRODUCT = '[products.demo]\nname = "Northwind"\norigins = ["https://app.example.com"]\n'


@pytest.fixture
def closed(tmp_path: Path) -> dict[str, str]:
    """The environment of a service without findings."""
    (tmp_path / "widget.toml").write_text(PRODUCT)
    (tmp_path / "data").mkdir()
    return {
        "INSIDER_URL": "https://insider.example.com",
        "INSIDER_CLIENT_ID": "client",
        "INSIDER_CLIENT_SECRET": "client-secret-of-nobody",
        "SECRET_KEY": KEY,
        "DATA_KEY": KEY[::-1],
        "DATABASE_URL": f"sqlite:///{tmp_path / 'data' / 'widget.db'}",
        "PUBLIC_URL": "https://feedback.example.com",
        "CLAMD": "unix:///run/clamav/clamd.ctl",
        "OPS_TOKEN": KEY[10:50],
        "TRUSTED_PROXIES": "10.0.0.0/8",
    }


def run(folder: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return children.run([*IN_ENGLISH, "check", "--offline", *arguments], folder, plain_environ(**environ))


def looked_at(folder: Path, environ: dict[str, str], level: str = "wrong") -> list[tuple[str, str]]:
    """The code and the place of each finding about the settings, without the products' pages."""
    given = {**environ, "WIDGET_CONFIG": str(folder / "widget.toml")}
    settings = load(given)
    checks = (service.check_origins(settings, strict=True), strict.check(settings, given))
    return [(finding.code, finding.at) for check in checks for finding in check.findings if finding.level == level]


def findings_of(folder: Path, environ: dict[str, str], level: str = "wrong") -> list[tuple[str, str]]:
    """The same for all findings about the service, as the command reports them."""
    done = run(folder, "--strict", "--json", **environ)
    section: dict[str, Any] = json.loads(done.stdout)["sections"][0]
    found = [finding for check in section["checks"] for finding in check["findings"] if finding["level"] == level]
    assert done.returncode == (1 if found and level == "wrong" else 0), done.stdout
    assert KEY not in done.stdout
    return [(finding["code"], finding["at"]) for finding in found]


def test_of_a_closed_service_there_is_nothing_to_say(tmp_path: Path, closed: dict[str, str]) -> None:
    assert looked_at(tmp_path, closed) == findings_of(tmp_path, closed) == []


@pytest.mark.parametrize(
    ("changes", "code", "at"),
    [
        ({"SECRET_KEY": "tests-only-tests-only-tests-only-0"}, "strict.key", "SECRET_KEY"),
        ({"SECRET_KEY": f"{KEY},short-of-forty-characters-0123456789abc"}, "strict.key", "SECRET_KEY"),
        ({"DATA_KEY": "tests-only-tests-only-tests-only-0"}, "strict.key", "DATA_KEY"),
        ({"OPS_TOKEN": "short-but-taken-1"}, "strict.key", "OPS_TOKEN"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "settings.weak", "TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": "::/0"}, "settings.weak", "TRUSTED_PROXIES"),
        ({"PUBLIC_URL": ""}, "strict.tls", "PUBLIC_URL"),
        ({"INSIDER_URL": "http://localhost:8001"}, "strict.tls", "INSIDER_URL"),
        ({"HSTS": "0"}, "strict.tls", "HSTS"),
        ({"RATE_LIMIT_STORAGE": "redis://redis.example.com"}, "strict.tls", "RATE_LIMIT_STORAGE"),
        ({"DATABASE_URL": "postgresql://localhost,db/x"}, "strict.tls", "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql:///x?host=/run,db"}, "strict.tls", "DATABASE_URL"),
        ({"CLAMD": ""}, "strict.scanner", "CLAMD"),
    ],
)
def test_what_is_open_is_named_by_its_setting(
    tmp_path: Path, closed: dict[str, str], changes: dict[str, str], code: str, at: str
) -> None:
    assert looked_at(tmp_path, closed | changes) == [(code, at)]


def test_the_command_tells_all_that_is_open_and_fails(tmp_path: Path, closed: dict[str, str]) -> None:
    (tmp_path / "widget.toml").write_text(PRODUCT.replace('"]', '", "https://*.example.com"]'))
    given = closed | {"CLAMD": "", "HSTS": "0", "TRUSTED_PROXIES": "::/0", "OPS_TOKEN": "short-but-taken-1"}
    found = findings_of(tmp_path, given)
    assert [code for code, _ in found] == [code for code, _ in looked_at(tmp_path, given)]
    assert {code for code, _ in found} == {
        "settings.weak",
        "strict.key",
        "strict.origin",
        "strict.scanner",
        "strict.tls",
    }


@pytest.mark.parametrize("origin", ["https://*.example.com", "https://app.example.com:*", "http://localhost:*"])
def test_a_wide_origin_is_named(tmp_path: Path, closed: dict[str, str], origin: str) -> None:
    (tmp_path / "widget.toml").write_text(PRODUCT.replace('"]', f'", "{origin}"]'))
    assert [code for code, _ in looked_at(tmp_path, closed)] == ["strict.origin"]


def test_a_file_that_others_may_read_is_named_before_it_is_corrected(tmp_path: Path, closed: dict[str, str]) -> None:
    data = tmp_path / "data"
    (data / "widget.db-files").mkdir(parents=True, mode=0o700)
    (data / "widget.db-files").chmod(0o750)
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "key").chmod(0o644)
    given = closed | {"SECRET_KEY": "", "SECRET_KEY_FILE": str(tmp_path / "key")}
    assert findings_of(tmp_path, given) == [("strict.mode", "DATABASE_URL"), ("strict.mode", "SECRET_KEY_FILE")]
    (data / "widget.db-files").chmod(0o700)
    (tmp_path / "key").chmod(0o600)
    assert looked_at(tmp_path, given) == []


def test_words_that_are_stored_plain_are_a_notice(tmp_path: Path, closed: dict[str, str]) -> None:
    assert looked_at(tmp_path, closed | {"DATA_KEY": ""}, "notice") == [("strict.encryption", "DATA_KEY")]


def test_without_strict_none_of_it_is_wrong(tmp_path: Path, closed: dict[str, str]) -> None:
    done = run(tmp_path, **closed | {"CLAMD": "", "TRUSTED_PROXIES": "0.0.0.0/0"})
    assert done.returncode == 0, done.stdout
    assert "! TRUSTED_PROXIES: 0.0.0.0/0 is trusted" in done.stdout

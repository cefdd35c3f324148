"""The built wheel is whole: it runs where there is no checkout."""

import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bed import ROOT, Sandbox, Widget


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as it would be for a release, but without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture
def installed(wheel: Path, insider: Sandbox, tmp_path: Path) -> Iterator[Widget]:
    """The widget, running from the wheel in an environment of its own, which borrows only the dependencies."""
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", str(environment))
    python = environment / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel))
    (packages,) = environment.glob("lib/python*/site-packages")
    # Paths in a .pth file come after the wheel's own, and the .pth files in them (an editable install's) are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    command = [str(environment / "bin" / "widget")]
    with Widget(tmp_path, insider.url, command=command, PYTHONPATH="") as widget:
        yield widget


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_carries_whatever_is_served(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("static", "templates"):
        files = [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert {f"widget/_data/{path.as_posix()}" for path in files} <= names
    locales = [path.relative_to(ROOT).as_posix() for path in (ROOT / "widget").rglob("*.po")]
    assert locales
    assert {*locales, "widget/py.typed"} <= names
    assert not [name for name in names if "test" in name or name.startswith(("docs", "demo"))]


def test_the_installed_wheel_serves_a_form_and_delivers(installed: Widget, insider: Sandbox) -> None:
    form = installed.client.get("/form/demo")
    assert form.status_code == 200
    assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', form.text)
    assert assets
    assert {asset: installed.client.get(asset).status_code for asset in assets} == dict.fromkeys(assets, 200)
    assert installed.client.get("/embed.js").status_code == 200
    installed.until_delivered(installed.submit(description="from the wheel"))
    assert insider.descriptions() == ["from the wheel"]

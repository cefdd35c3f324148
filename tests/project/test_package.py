"""The built wheel is complete: it runs without a checkout."""

import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import readme_renderer.markdown
from bed import ROOT, Sandbox, Widget

from widget import __version__

EPOCH = {"SOURCE_DATE_EPOCH": "1767225600"}


def build(source: Path, target: Path, umask: int = -1, **environ: str) -> Path:
    """Build sdist and wheel as for a release, but without network. Returns their folder."""
    given = {**os.environ, **EPOCH, **environ}
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, env=given, umask=umask)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both."""
    return build(ROOT, tmp_path_factory.mktemp("dist"), PROJECT_URL="")


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    """The wheel."""
    (built,) = dist.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel, and borrows only the dependencies."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", str(environment))
    programs = environment / "bin"
    into = ("--python", str(programs / "python"), "install")
    run(sys.executable, "-m", "pip", *into, "-q", "--no-deps", "--no-index", str(wheel))
    (packages,) = environment.glob("lib/python*/site-packages")
    # Paths in a .pth file come after the wheel's own, and the .pth files in them (an editable install's) are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    return programs


@pytest.fixture
def installed(environment: Path, insider: Sandbox, tmp_path: Path) -> Iterator[Widget]:
    """The widget, running from the wheel."""
    with Widget(tmp_path, insider.url, command=[str(environment / "widget")], PYTHONPATH="") as widget:
        yield widget


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_carries_whatever_is_served(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "widget/tools/starts/full/templates/form.html" in names
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
    python = str(Path(installed.command[0]).with_name("python"))
    for command in (installed.command, (python, "-m", "widget")):
        result = subprocess.run([*command, "--version"], capture_output=True, text=True, cwd=installed.folder)
        assert result.stdout == f"widget, version {__version__}\n"


def test_no_start_from_a_wheel_compresses_a_static_file_of_ours(environment: Path, tmp_path: Path) -> None:
    """All but the loader's copy under its version, which is made at the start."""
    count = (
        "from widget.config import resources\n"
        "from widget.web.assets import StaticFiles\n"
        "files = StaticFiles(resources.path('static')).assets\n"
        "texts = [file for file in files if file.media_type.startswith('text/')]\n"
        "print(len(texts), sum(file.packed['br'] == resources.compressed(file.content) for file in texts))"
    )
    python = [str(environment / "python"), "-c", count]
    said = subprocess.run(python, capture_output=True, text=True, cwd=tmp_path, check=True)
    texts, ready = map(int, said.stdout.split())
    assert texts > 60
    assert ready == texts - 1


def test_what_is_built_of_the_same_source_is_the_same_to_the_byte(dist: Path, tmp_path: Path) -> None:
    """Built again from the sdist, with other times and modes of files, another umask, locale, time zone and hash
    seed."""
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        for member in archive:
            member.mode &= 0o700
            member.mtime += 86_400
        archive.extraction_filter = lambda member, _: member  # it is ours; as an argument not before Python 3.11.4
        archive.extractall(tmp_path)  # noqa: S202
    (source,) = tmp_path.iterdir()
    again = build(source, tmp_path / "dist", 0o077, TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7", PROJECT_URL="")
    assert hashes(again) == hashes(dist)
    assert len(hashes(dist)) == 2


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_package_index_can_show_the_project_with_its_picture(tmp_path: Path) -> None:
    home = "https://code.example.com/feedback"
    built = build(ROOT, tmp_path, PROJECT_URL=home)
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *built.iterdir()], capture_output=True
    )
    assert checked.returncode == 0, checked.stdout
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(name).decode()
    assert f"Project-URL: Repository, {home}\n" in metadata
    shown = readme_renderer.markdown.render(metadata.partition("\n\n")[2]) or ""
    assert re.search(rf'<img[^>]* src="{home}/raw/v{__version__}/docs/pictures/embed-modes.png"', shown)
    targets = re.findall(r'(?:href|src)="([^"]+)"', shown)
    assert [target for target in targets if not target.startswith((f"{home}/", "#"))] == []
    for path in (target.partition(f"/v{__version__}/")[2] for target in targets if target.startswith(home)):
        assert (ROOT / path).is_file(), path

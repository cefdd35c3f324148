"""The service's dependencies are pinned, hashed and listed."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from bed import ROOT


def packages(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements" / lock).read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("lock", ["runtime.txt", "dev.txt", "audit.txt", "build.txt"])
def test_every_package_is_locked_with_its_hashes(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text("utf-8")
    blocks = re.split(r"\n(?=[a-z0-9._-]+==)", text)
    assert len(blocks) >= len(packages(lock)) > 4
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block[:60]
    assert "://" not in text


def test_every_npm_package_is_locked_with_its_hash_and_no_address() -> None:
    text = (ROOT / "package-lock.json").read_text("utf-8")
    locked = {name: entry for name, entry in json.loads(text)["packages"].items() if name}
    assert locked
    assert [name for name, entry in locked.items() if not entry["integrity"].startswith("sha512-")] == []
    assert "://" not in text


def test_every_dependency_of_the_project_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    for_teams = extras.pop("browser")  # the service needs no browser
    asked = [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    for lock, wanted in {"runtime.txt": asked, "dev.txt": [*asked, *for_teams]}.items():
        locked = packages(lock)
        for one in wanted:
            assert re.split(r"[^a-z0-9._-]", one.lower(), maxsplit=1)[0] in locked, one


def test_the_bill_of_materials_lists_every_package_of_the_lock(tmp_path: Path) -> None:
    target = tmp_path / "sbom.json"
    subprocess.run([sys.executable, ROOT / "scripts" / "sbom", target], check=True, capture_output=True)
    bill = json.loads(target.read_text("utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    assert {one["name"]: one["version"] for one in bill["components"]} == packages("runtime.txt")
    refs = {one["bom-ref"] for one in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert len(refs) == len(bill["components"]) + 1
    for one in bill["components"]:
        assert one["hashes"], one["name"]
        assert one["purl"].startswith("pkg:pypi/")
    for dependency in bill["dependencies"]:
        assert {dependency["ref"], *dependency["dependsOn"]} <= refs
    (first, *_) = bill["dependencies"]
    assert len(first["dependsOn"]) > 10


def test_the_threat_model_names_tests_that_there_are() -> None:
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 20
    for path, test in named:
        assert (ROOT / path).is_file(), path
        assert not test or f"def {test}(" in (ROOT / path).read_text("utf-8"), f"{path}::{test}"

"""The files of `deploy/` that belong to no proxy match the service as it is."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from bed import ROOT

from widget.config.loading import load
from widget.config.secrets import SECRETS
from widget.config.settings import VARIABLES, Settings
from widget.files import helper

DEPLOY, BIN = ROOT / "deploy", Path(sys.executable).parent
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("[!k]*.yaml"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SETTINGS = {*map(str.upper, VARIABLES), *(f"{name}_FILE" for name in SECRETS)}
MIB = 1024 * 1024
REST = 64 * MIB
"""More than a file checker at rest has, and half of what a web process has while it receives many files."""
SECRET_VALUES = {
    "SECRET_KEY": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "INSIDER_CLIENT_SECRET": "client-secret",
    "DATABASE_URL": "postgresql://widget:sesame@postgres/widget",
}


def documents(path: Path) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(path.read_text("utf-8")) if found]


def of_kind(kind: str) -> Iterator[dict[str, Any]]:
    return (each for path in MANIFESTS for each in documents(path) if each["kind"] == kind)


def assigned(text: str) -> dict[str, str]:
    """The lines `NAME=value` of a settings file, including those that are commented out."""
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("Deployment", "Job"):
        yield from ((each["metadata"]["name"], each["spec"]["template"]["spec"]) for each in of_kind(kind))


def started(environ: Mapping[str, str], folder: Path, products: str) -> Settings:
    """The settings that a process would start with. Files of secrets are taken from `folder`."""
    for name, value in SECRET_VALUES.items():
        (folder / name).write_text(value)
        (folder / name.lower()).write_text(value)
    (folder / "widget.toml").write_text(products)
    files = {name: str(folder / Path(value).name) for name, value in environ.items() if name.endswith("_FILE")}
    return load({**environ, **files, "WIDGET_CONFIG": str(folder / "widget.toml")})


# The image.


def test_the_image_is_built_as_a_linter_wants_it() -> None:
    command = [str(BIN / "hadolint"), "--failure-threshold", "info", str(DEPLOY / "Dockerfile")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_the_image_is_given_all_that_is_copied_and_takes_packages_by_their_hashes_alone() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    let_in = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = {name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in line.split()}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)
    installs = re.findall(r"pip install (.*?)(?:\\|&&|$)", text, re.MULTILINE)
    assert len(installs) == 3
    assert all("--require-hashes" in options or "--no-index" in options for options in installs)
    users = re.findall(r"^USER (\d+)", text, re.MULTILINE)
    assert users == ["10001"]


def test_the_image_sets_nothing_but_settings() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    (_, given) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    names = {name for name, _ in re.findall(r"(\w+)=(\S+)", given)}
    assert names - {"PATH", "PYTHONDONTWRITEBYTECODE"} == {"HOST", "PORT", "WIDGET_CONFIG"} <= SETTINGS


# Compose.


def interpolated(value: str, environ: Mapping[str, str]) -> str:
    """A value as Compose reads it: `${NAME}` and `${NAME:-default}`."""
    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda found: environ.get(found[1]) or found[2] or "", value)


def test_compose_starts_with_the_example_of_its_settings(tmp_path: Path) -> None:
    (compose,) = documents(DEPLOY / "compose.yaml")
    example = (DEPLOY / "example.env").read_text("utf-8")
    named = assigned(example)
    assert set(named) - {"POSTGRES_PASSWORD"} <= SETTINGS
    in_force = dict(re.findall(r"^([A-Z_]+)=(.*)$", example, re.MULTILINE))
    assert {secret["environment"] for secret in compose["secrets"].values()} <= set(in_force)
    volumes = re.findall(r"^VOLUME (\S+)$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    services = compose["services"]
    assert set(services) == {"postgres", "migrate", "web", "worker", "sandbox"}
    for name in ("migrate", "web", "worker", "sandbox"):
        environ = {key: interpolated(str(value), in_force) for key, value in services[name]["environment"].items()}
        assert set(environ) <= SETTINGS
        settings = started(environ, tmp_path, (ROOT / "widget.toml").read_text("utf-8"))
        assert settings.insider_url == "http://sandbox:8001"
        assert settings.database_url.endswith("@postgres/widget")
        assert {Path(value).name for key, value in environ.items() if key.endswith("_FILE")} <= set(compose["secrets"])
        assert (services[name]["read_only"], services[name]["cap_drop"]) == (True, ["ALL"])
        assert str(settings.spool) in volumes, "uploads fill no memory"
        grace = int(services[name]["stop_grace_period"].rstrip("s"))
        assert grace > settings.shutdown_delay + settings.shutdown_grace + 3


# Kubernetes.


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_every_manifest_is_what_kubernetes_takes(path: Path) -> None:
    for each in documents(path):
        kubernetes_validate.validate(each, "1.32", strict=True)


def test_the_manifests_are_all_listed_and_name_what_is_there() -> None:
    (listed,) = documents(DEPLOY / "kubernetes" / "kustomization.yaml")
    assert sorted(listed["resources"]) == [path.name for path in MANIFESTS]
    maps = {each["metadata"]["name"] for each in of_kind("ConfigMap")}
    for name, pod in pods():
        (container,) = pod["containers"]
        assert {source["configMapRef"]["name"] for source in container["envFrom"]} <= maps, name
        assert {volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume} <= maps, name
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
        assert container["securityContext"]["readOnlyRootFilesystem"], name
        assert pod["securityContext"]["runAsNonRoot"], name
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in of_kind("Deployment")]
    for each in (*of_kind("PodDisruptionBudget"), *of_kind("NetworkPolicy"), *of_kind("Service")):
        spec = each["spec"]
        chosen = spec.get("podSelector", spec.get("selector"))
        wanted = chosen.get("matchLabels", chosen)
        assert any(wanted.items() <= label.items() for label in labels), each["metadata"]["name"]


def test_a_pod_starts_with_the_settings_that_it_is_given(tmp_path: Path) -> None:
    settings_map, products = of_kind("ConfigMap")
    environ = settings_map["data"]
    assert set(environ) <= SETTINGS
    settings = started(environ, tmp_path, products["data"]["widget.toml"])
    assert (settings.sqlite_path, list(settings.products)) == (None, ["demo"])
    for name, pod in pods():
        (container,) = pod["containers"]
        own = {each["name"]: each["value"] for each in container.get("env", ())}
        assert set(own) <= SETTINGS, name
        mine = started({**environ, **own}, tmp_path, products["data"]["widget.toml"])
        if "restartPolicy" not in pod:  # a job ends by itself
            listens = {"web": mine.port, "worker": mine.worker_port}[container["name"]]
            ports = {each["name"]: each["containerPort"] for each in container["ports"]}
            probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
            assert {ports[probe["port"]] for probe in probes} == {listens}, name
            assert [probe["path"] for probe in probes] == ["/healthz", "/readyz", "/healthz"], name
        if "terminationGracePeriodSeconds" in pod:
            assert pod["terminationGracePeriodSeconds"] > settings.shutdown_delay + settings.shutdown_grace + 3, name


def test_a_web_pod_may_take_the_memory_of_all_its_file_checkers(tmp_path: Path) -> None:
    settings_map, products = of_kind("ConfigMap")
    settings = started(settings_map["data"], tmp_path, products["data"]["widget.toml"])
    (container,) = dict(pods())["feedback-web"]["containers"]
    limit = container["resources"]["limits"]["memory"]
    each = helper._ROOM + helper._PIXEL * settings.max_pixels + REST
    assert int(limit.removesuffix("Mi")) * MIB >= 2 * REST + settings.file_checkers * each


# systemd.


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_takes_every_unit_and_finds_it_closed(unit: Path, tmp_path: Path) -> None:
    for path in (DEPLOY / "systemd").iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/widget/bin", str(BIN)))
    result = subprocess.run(["systemd-analyze", "verify", str(tmp_path / unit.name)], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    command = [
        "systemd-analyze",
        "security",
        "--offline=true",
        "--threshold=20",
        "--json=short",
        str(tmp_path / unit.name),
    ]
    rated = subprocess.run(command, capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout


def test_the_operators_commands_have_what_the_web_process_has(tmp_path: Path) -> None:
    for name, does in (("systemctl", f"cat {DEPLOY}/systemd/$2"), ("systemd-run", 'printf "%s\\n" "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SUDO_USER": "ada"}
    command = [str(DEPLOY / "systemd" / "feedback"), "outbox", "erase", "--email", "a b*"]
    given = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.splitlines()
    assert given[-5:] == ["/opt/widget/bin/widget", *command[1:]]
    assert "--setenv=LOGNAME=ada" in given
    service = (DEPLOY / "systemd" / "feedback-web.service").read_text()
    for wanted in ("User=", "WorkingDirectory=", "Environment=", "EnvironmentFile=", "LoadCredential="):
        lines = [line for line in service.splitlines() if line.startswith(wanted)]
        assert lines
        assert {f"--property={line}" for line in lines} <= set(given)


def test_the_units_give_the_service_settings_and_credentials_that_it_knows() -> None:
    example = assigned((DEPLOY / "systemd" / "settings.env").read_text())
    assert set(example) <= SETTINGS
    for unit in UNITS:
        text = unit.read_text()
        assert set(re.findall(r"^Environment=(\w+)=", text, re.MULTILINE)) <= SETTINGS
        credentials = re.findall(r"^LoadCredential=(\w+):/etc/feedback/secrets/(\w+)$", text, re.MULTILINE)
        assert {name for name, _ in credentials} <= set(SECRETS)
        assert all(name == file for name, file in credentials)
        if stop := re.search(r"^TimeoutStopSec=(\d+)", text, re.MULTILINE):
            assert int(stop[1]) > Settings.model_fields["shutdown_grace"].default + 3
            assert "\nKillMode=mixed\n" in text, "systemd would also end the processes that are checking files"

"""The manifests as those read them that carry them out: each check passes, and finds what is wrong with a bad one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.manifests import CHOSEN, DEPLOY, ROOT

TOOLS = Path(os.environ.get("INTERLOCUTOR_DEPLOY_TOOLS", ""))
PROFILES = {
    "cpu": {"proxy", "server", "turn"},
    "gpu": {"proxy", "server-gpu", "turn"},
    "cpu,postgres": {"proxy", "server", "turn", "database"},
}


def told(*words: object, environ: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a program; return its status and what it says."""
    done = subprocess.run(
        [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(environ or {})},
    )
    return done.returncode, done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of deploy/ that a test may spoil."""
    return Path(shutil.copytree(DEPLOY, tmp_path / "deploy"))


def spoil(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


# ------------------------------------------------------------------ Dockerfile


def test_hadolint_has_nothing_to_say(tmp_path: Path) -> None:
    assert told(TOOLS / "hadolint", ROOT / "Dockerfile") == (0, "")
    worse = tmp_path / "Dockerfile"
    worse.write_text((ROOT / "Dockerfile").read_text().replace("ENTRYPOINT [", "RUN cd /tmp && sudo ls\nENTRYPOINT ["))
    status, said = told(TOOLS / "hadolint", worse)
    assert status != 0
    assert "DL3004" in said


# ------------------------------------------------------------------ compose


@pytest.mark.parametrize("profiles", PROFILES)
def test_compose_takes_the_file_in_each_profile(profiles: str) -> None:
    environ = {**CHOSEN, "COMPOSE_PROFILES": profiles}
    status, said = told(
        TOOLS / "docker-compose", "-f", DEPLOY / "compose.yaml", "config", "--services", environ=environ
    )
    assert (status, set(said.split())) == (0, PROFILES[profiles])


def test_compose_takes_the_example_of_its_choices(copy: Path) -> None:
    (copy / "example.env").rename(copy / ".env")
    _, said = told(TOOLS / "docker-compose", "-f", copy / "compose.yaml", "config", "--services")
    assert set(said.split()) == PROFILES["cpu"]


@pytest.mark.parametrize("name", ["HOST_NAME", "PUBLIC_ADDRESS"])
def test_compose_says_what_is_not_chosen(name: str) -> None:
    environ = {other: value for other, value in CHOSEN.items() if other != name}
    # The package around compose keeps its status to itself.
    _, said = told(TOOLS / "docker-compose", "-f", DEPLOY / "compose.yaml", "config", environ=environ)
    assert f"{name} is missing a value: is not set; copy example.env to .env" in said


def test_the_schema_of_compose_fits_and_finds_a_wrong_word(copy: Path) -> None:
    check = (TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    assert told(*check, DEPLOY / "compose.yaml")[0] == 0
    spoil(copy / "compose.yaml", "stop_grace_period: 400s", "stop_grace: 400s")
    status, said = told(*check, copy / "compose.yaml")
    assert status != 0
    assert "stop_grace" in said


# ------------------------------------------------------------------ Kubernetes


def built(folder: Path, to: Path) -> Path:
    """Return the file of what kustomize makes of a folder."""
    status, said = told(TOOLS / "kubectl", "kustomize", folder)
    assert status == 0, said
    to.write_text(said)
    return to


@pytest.mark.parametrize(("folder", "objects"), [("k8s", 8), ("k8s/models", 5), ("k8s-several", 10)])
def test_kubernetes_takes_what_kustomize_makes(folder: str, objects: int, tmp_path: Path) -> None:
    status, said = told(TOOLS / "kubernetes-validate", "--strict", built(DEPLOY / folder, tmp_path / "all.yaml"))
    assert (status, said.count(" passed for resource ")) == (0, objects), said


def test_a_changed_setting_starts_the_server_anew(copy: Path, tmp_path: Path) -> None:
    before = built(copy / "k8s", tmp_path / "before.yaml").read_text()
    spoil(copy / "k8s" / "settings.env", "RTC__ENABLED=false", "RTC__ENABLED=true")
    after = built(copy / "k8s", tmp_path / "after.yaml").read_text()
    names = [set(re.findall(r"name: (settings-\w+)", text)) for text in (before, after)]
    assert [len(each) for each in names] == [1, 1], "the server has the settings that were made"
    assert names[0] != names[1]
    assert "image: interlocutor:cpu" in before


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [("replicas: 1", "replicas: one", "replicas"), ("readinessProbe:", "readynessProbe:", "readynessProbe")],
)
def test_a_wrong_manifest_is_found(before: str, after: str, reason: str, copy: Path, tmp_path: Path) -> None:
    spoil(copy / "k8s" / "deployment.yaml", before, after)
    status, said = told(TOOLS / "kubernetes-validate", "--strict", built(copy / "k8s", tmp_path / "all.yaml"))
    assert status != 0
    assert reason in said


# ------------------------------------------------------------------ systemd


def test_systemd_takes_the_unit_and_finds_it_well_kept(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd" / "interlocutor.service").read_text()
    program = "/opt/interlocutor/.venv/bin/interlocutor"
    assert program in text
    here = tmp_path / "interlocutor.service"
    here.write_text(text.replace(program, "/bin/true"))  # it is not installed here
    assert told("systemd-analyze", "verify", here) == (0, "")
    # `verify` says what it does not know, and goes on.
    here.write_text(text.replace(program, "/bin/true").replace("ProtectClock=", "ProtectClocks="))
    assert "Unknown key 'ProtectClocks'" in told("systemd-analyze", "verify", here)[1]
    status, said = told(
        "systemd-analyze", "security", "--offline=true", "--threshold=16", DEPLOY / "systemd" / "interlocutor.service"
    )
    assert status == 0, said
    assert "Overall exposure level for interlocutor.service: 1.5 OK" in said

"""Reads what deploy/ holds as those do who carry it out: compose, Kubernetes, systemd, nginx, coturn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from server.settings.tree import LoadedSettings, load_with_origins
from server.vault.key_text import new_key_word

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
Manifest = dict[str, Any]
# What an image of ours sets by itself (Dockerfile).
OF_THE_IMAGE = {
    "APP_ENV": "production",
    "DATA_PATH": "/data",
    "MODEL_PATH": "/models",
    "INTERLOCUTOR__SERVER__HOST": "0.0.0.0",
    "INTERLOCUTOR__SERVER__PORT": "8000",
}
CHOSEN = {"HOST_NAME": "oet.example.org", "PUBLIC_ADDRESS": "203.0.113.10"}


def compose(chosen: Mapping[str, str] | None = None) -> Manifest:
    """Return deploy/compose.yaml with what its `.env` chooses; raises LookupError as compose fails without it."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    read: Manifest = _interpolated(yaml.safe_load(text), CHOSEN if chosen is None else chosen)
    return read


def _interpolated(value: Any, chosen: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _interpolated(inner, chosen) for name, inner in value.items()}
    if isinstance(value, list):
        return [_interpolated(inner, chosen) for inner in value]
    if not isinstance(value, str):
        return value

    def put(found: re.Match[str]) -> str:
        name, way, rest = found["name"], found["way"], found["rest"]
        if found[0] == "$$":
            return "$"
        if way == ":?" and not chosen.get(name):
            raise LookupError(f"{name} {rest}")
        return chosen.get(name) or (rest if way == ":-" else "")

    return re.sub(r"\$\$|\$\{(?P<name>\w+)(?:(?P<way>:[-?])(?P<rest>[^}]*))?\}", put, value)


def kubernetes() -> dict[tuple[str, str], Manifest]:
    """Return every object in deploy/k8s, by kind and name."""
    found = {}
    for path in sorted((DEPLOY / "k8s").rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            for one in yaml.safe_load_all(path.read_text(encoding="utf-8")):
                found[one["kind"], one["metadata"]["name"] + ("" if path.parent.name != "models" else " of models")] = (
                    one
                )
    return found


def lines(path: Path) -> list[str]:
    """Return the lines of a file of settings, without comments, each cut of its space."""
    kept = (line.partition(" #")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in kept if line and not line.startswith("#")]


def pairs(path: Path) -> dict[str, str]:
    """Return names and values of a file like `.env`."""
    return dict(line.split("=", 1) for line in lines(path))


def unit() -> list[tuple[str, str]]:
    """Return the settings of the systemd unit in order; some names come more than once."""
    found = [line.partition("=")[::2] for line in lines(DEPLOY / "systemd" / "interlocutor.service") if "=" in line]
    return [(name, value) for name, value in found]


def settings_of(environ: Mapping[str, str], secrets: Path) -> LoadedSettings:
    """Return the settings that a deployment's variables make; its secrets are looked for in a folder of the test's."""
    moved = {
        name: str(secrets / Path(value).name) if name.endswith("_FILE") and value.startswith("/run/") else value
        for name, value in {**OF_THE_IMAGE, **environ}.items()
    }
    return load_with_origins(environ=moved)


def make_secrets(folder: Path) -> Path:
    """Make secrets by the names that all deployments use."""
    folder.mkdir()
    for name in ("secret_key", "vault_key", "turn_secret", "secret", "vault-key"):
        (folder / name).write_text(new_key_word())
        (folder / name).chmod(0o400)
    return folder

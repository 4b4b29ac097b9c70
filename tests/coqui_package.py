"""A package of our own in the place of coqui-tts, for the processes that a test starts."""

from __future__ import annotations

from pathlib import Path

import pytest


def put_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **utils: str) -> Path:
    """Have processes import `TTS.utils.NAME` for each text of a NAME; return the folder in which packages lie."""
    packages = tmp_path / "packages"
    folder = packages / "TTS" / "utils"
    folder.mkdir(parents=True)
    for each in (folder.parent, folder):
        (each / "__init__.py").write_text("")
    for name, text in utils.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(packages))
    return packages

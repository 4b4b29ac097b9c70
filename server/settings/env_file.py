"""The file of environment variables that many deployments have: `.env` in the folder that a command is started in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from starlette.config import Config, Environ

from common.errors import SettingsError

NAME = "INTERLOCUTOR_ENV_FILE"
"""A variable that names another file; empty: none is read."""


def with_env_file(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment with what the file says besides: a variable that is set wins. Raises SettingsError."""
    named = environ.get(NAME)
    path = Path(".env" if named is None else named)
    if named == "" or (named is None and not path.is_file()):
        return environ
    if not path.is_file():
        raise SettingsError(f"{NAME}: there is no file {path}; name one, or leave it empty")
    try:
        return Config(path, environ=Environ({})).file_values | dict(environ)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: can't be read as environment variables ({type(error).__name__})") from None


def environment() -> Mapping[str, str]:
    """Return this process's environment with its file."""
    return with_env_file(os.environ)

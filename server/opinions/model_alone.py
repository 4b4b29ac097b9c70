"""A model that one process at a time asks: two would overdraw its budget together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from common.errors import EngineError, StorageError
from server.opinions.opinion_models import ModelFailed, ModelWanted, OpinionModel, wanted_model
from server.records.locking import locked_folder
from server.settings.tree import Settings


@contextlib.contextmanager
def model_alone(settings: Settings, wanted: ModelWanted, *, folder: Path, command: str) -> Iterator[OpinionModel | str]:
    """Have the model that the settings name, or why there is none, while nobody else runs `command` in `folder`.

    Raises SettingsError, EngineError, StorageError.
    """
    with _alone(folder, command):
        model = wanted_model(settings, wanted)
        if isinstance(model, str):
            yield model
            return
        try:
            yield model
        finally:
            model.close()


def unanswered(failure: ModelFailed, what: str = "second opinion") -> EngineError:
    """Return the error of a model that gives no answers."""
    return EngineError(f"the model gives no {what}: {failure} ({failure.code})", code="engine.unavailable")


@contextlib.contextmanager
def _alone(folder: Path, command: str) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked_folder(folder))
        except StorageError as error:
            if error.code != "storage.in_use":
                raise
            raise StorageError(
                f"another `interlocutor {command}` is running here; wait for it", code="storage.in_use"
            ) from None
        yield

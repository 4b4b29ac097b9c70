"""Opens and runs ONNX files for this server: few threads, none of which spins while it waits."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import EngineError
from pipelines.stopping import Stopped, stoppable


def open_session(model: bytes | Path, *, threads: int, name: str) -> Any:
    """Return an onnxruntime session on the processor; raises EngineError (`model.format`) for what can't be run.

    Args:
        model: The file, or what one would hold.
        threads: How many threads of the processor work on a call at once.
        name: What to call it in an error.
    """
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A thread that spins while it waits takes the processor from the recogniser.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, sess_options=options, providers=["CPUExecutionProvider"])
    # onnxruntime's errors have no class in common.
    except Exception as error:
        raise EngineError(f"{name} can't be run ({error})", code="model.format") from error


def run_session(session: Any, outputs: Sequence[str] | None, given: Mapping[str, Any], *, name: str) -> list[Any]:
    """Return these outputs (None: all) of a session; raises EngineError (`model.format`) where it can't be run.

    `name` is what to call it in an error. Raises Stopped when the worker's call is cancelled: onnxruntime looks at its
    flag between two operators.
    """
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.RunOptions()

    def end() -> None:
        options.terminate = True

    try:
        with stoppable(end):
            found: list[Any] = session.run(outputs, dict(given), options)
    except Stopped:
        raise
    # onnxruntime's errors have no class in common.
    except Exception as error:
        raise EngineError(f"{name} can't be run ({error})", code="model.format") from error
    return found

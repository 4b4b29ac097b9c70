"""Opens and runs ONNX files for this server: few threads, none of which spins while it waits; voices on a card."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from common.errors import EngineError
from pipelines.stopping import Stopped, stoppable

logger = structlog.get_logger("pipelines.onnx_session")

_PROCESSOR, _CARD = "CPUExecutionProvider", "CUDAExecutionProvider"
# Shapes differ with every clause: a search for the best algorithm of each would take longer than it saves. With TF32 a
# voice in windows would differ from the whole.
_CARD_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}


def open_session(model: bytes | Path, *, threads: int, name: str, on_card: bool = False) -> Any:
    """Return an onnxruntime session; raises EngineError (`model.format`) for what can't be run.

    Args:
        model: The file, or what one would hold.
        threads: How many threads of the processor work on a call at once.
        name: What to call it in an error.
        on_card: Compute on a graphics card where onnxruntime-gpu is installed and can use one, else on the processor.
    """
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A thread that spins while it waits takes the processor from the recogniser.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = model if isinstance(model, bytes) else str(model)
    card = on_card and _CARD in onnxruntime.get_available_providers()
    if card:
        # The libraries of CUDA lie in packages of their own.
        onnxruntime.preload_dlls()
    try:
        session = onnxruntime.InferenceSession(
            source, sess_options=options, providers=[*([(_CARD, _CARD_OPTIONS)] if card else []), _PROCESSOR]
        )
    # onnxruntime's errors have no class in common.
    except Exception as error:
        raise EngineError(f"{name} can't be run ({error})", code="model.format") from error
    if card:
        computes = "on the card" if _CARD in session.get_providers() else "on the processor: no card can be used"
        logger.info("onnx_device", model=name, computes=computes)
    return session


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

"""Where ONNX files are computed: voices on a graphics card that can be used, all else on the processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from common.errors import EngineError
from pipelines import onnx_session
from pipelines.onnx_session import open_session

CARD, PROCESSOR = "CUDAExecutionProvider", "CPUExecutionProvider"


class Session:
    """Takes what a session is made with; computes on the card unless that `fails`."""

    fails = False
    asked: list[str]

    def __init__(self, _model: object, *, sess_options: Any, providers: list[Any]) -> None:
        Session.asked = [one if isinstance(one, str) else one[0] for one in providers]

    def get_providers(self) -> list[str]:
        return [PROCESSOR] if self.fails else Session.asked


@pytest.mark.parametrize(
    ("on_card", "installed", "fails", "asked", "computes"),
    [
        (True, [CARD, PROCESSOR], False, [CARD, PROCESSOR], "on the card"),
        (True, [CARD, PROCESSOR], True, [CARD, PROCESSOR], "on the processor: no card can be used"),
        (True, [PROCESSOR], False, [PROCESSOR], ""),
        (False, [CARD, PROCESSOR], False, [PROCESSOR], ""),
    ],
)
def test_a_voice_computes_on_a_card_if_it_can_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, on_card: bool, installed: list[str], fails: bool, asked: list[str], computes: str
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Session, "fails", fails)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: installed)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(onnx_session.logger, "info", lambda _event, **said: told.append(said["computes"]))
    open_session(b"", threads=1, name="joe", on_card=on_card)
    assert Session.asked == asked
    assert told == ([computes] if computes else [])


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="joe can't be run") as caught:
        open_session(b"no model", threads=1, name="joe", on_card=True)
    assert caught.value.code == "model.format"

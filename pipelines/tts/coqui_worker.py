"""Speaks with a model of the package coqui-tts: `python coqui_worker.py MODEL`, run in an environment that has it.

It imports nothing of ours, as nothing of ours is there. MODEL is a folder with `config.json` and the model's file (and
`vocoder_config.json` and `vocoder_model_file.pth`, where it has a vocoder). On standard input comes one JSON object a
line: `{"id": 1, "text": ..., "speaker": ...}`, and `{"stop": 1}` when nobody waits for that text any more. On standard
output goes `{"rate_hz": ..., "streams": ...}` once it is loaded; then for each text its pieces as they are made, each
`{"id": 1, "samples": N}` and N float32 little-endian, and `{"id": 1, "end": true}` or `{"id": 1, "error": ...}`. Only
XTTS makes more than one piece. What the package prints goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import sys
import threading
import types
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, BinaryIO

CHECKPOINTS = ("model_file.pth", "model_file.pth.tar", "model.pth", "checkpoint.pth")
"""What the package calls a model's file."""

# The package asks for these when it is imported, to read recordings: voices that are cloned from one need them.
_FOR_RECORDINGS = ("torchaudio", "torchcodec")
# A name such as tts_models/en/ljspeech/tacotron2-DDC.
_PARTS = 4
_VOCODER = ("vocoder_model_file.pth", "vocoder_config.json")
_LANGUAGE = "en"
# How the package itself has XTTS speak: by the values of the model's description.
_SETTINGS = ("temperature", "length_penalty", "repetition_penalty", "top_k", "top_p")
_NAMED_SPEAKERS = 5


class UnknownSpeaker(Exception):
    """The model has several speakers, and none of the name that was asked for."""


def main(folder: Path) -> None:
    """Load the model and speak what comes, until standard input ends."""
    # What the package prints must not come between our lines.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        voice = _loaded(folder)
    # It raises whatever its libraries raise.
    except Exception as error:
        _answer(answers, {"error": f"{type(error).__name__}: {error}"})
        return
    _answer(answers, {"rate_hz": voice.rate_hz, "streams": voice.streams})
    asked = TextsToSpeak(sys.stdin.buffer)
    for number, text, speaker in asked:
        try:
            with closing(voice.speak(text, speaker)) as pieces:
                while not asked.stopped(number) and (samples := next(pieces, None)) is not None:
                    _answer(answers, {"id": number, "samples": len(samples)}, samples.tobytes())
        except UnknownSpeaker as error:
            _answer(answers, {"id": number, "error": str(error), "code": "model.speaker"})
        except Exception as error:
            _answer(answers, {"id": number, "error": f"{type(error).__name__}: {error}"})
        else:
            _answer(answers, {"id": number, "end": True})


class TextsToSpeak:
    """The texts that come on a pipe, read by a thread of its own so that a stop is known while a text is spoken."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._waiting: queue.SimpleQueue[tuple[int, str, str] | None] = queue.SimpleQueue()
        # Texts are numbered upwards.
        self._stopped = 0
        threading.Thread(target=self._read, daemon=True).start()

    def __iter__(self) -> Iterator[tuple[int, str, str]]:
        """Yield number, text and speaker until the pipe ends."""
        return iter(self._waiting.get, None)

    def stopped(self, number: int) -> bool:
        """Whether nobody waits for this text any more."""
        return number <= self._stopped

    def _read(self) -> None:
        for line in self._pipe:
            said = json.loads(line)
            if "stop" in said:
                self._stopped = max(self._stopped, int(said["stop"]))
            else:
                self._waiting.put((int(said["id"]), str(said["text"]), str(said.get("speaker") or "")))
        self._waiting.put(None)


class LoadedVoice:
    """A model of the package, which speaks by whole texts; XTTS by pieces."""

    def __init__(self, synthesiser: Any) -> None:
        self._synthesiser = synthesiser
        self._model: Any = synthesiser.tts_model
        self.rate_hz = int(synthesiser.output_sample_rate)
        self.streams = hasattr(self._model, "inference_stream")
        # It is many times too slow for most processors.
        if self.streams and importlib.import_module("torch").cuda.is_available():
            self._model.cuda()

    def speak(self, text: str, speaker: str) -> Generator[Any, None, None]:
        """Yield a text's pieces as float32 little-endian (n,); raises UnknownSpeaker and what the package raises."""
        names = self._names()
        if (speaker or len(names) > 1) and names and speaker not in names:
            some = ", ".join(names[:_NAMED_SPEAKERS])
            said = f"it has no speaker '{speaker}'" if speaker else "it has several speakers"
            raise UnknownSpeaker(f"{said}; set engines.coqui_speaker to one of {some} and so on")
        numpy: Any = importlib.import_module("numpy")
        for wave in self._in_pieces(text, speaker or names[0]) if self.streams else self._whole(text, speaker):
            yield numpy.asarray(wave, dtype="<f4").reshape(-1)

    def _names(self) -> Sequence[str]:
        manager = getattr(self._model, "speaker_manager", None)
        names = list(getattr(manager, "name_to_id", None) or ())
        if self.streams and not names:
            raise UnknownSpeaker("it has no speakers: speakers_xtts.pth is not beside it")
        return names

    def _whole(self, text: str, speaker: str) -> Iterator[Any]:
        yield self._synthesiser.tts(text, speaker_name=speaker or None, split_sentences=False)

    def _in_pieces(self, text: str, speaker: str) -> Iterator[Any]:
        # What the studio's speakers sound like is kept with the model: no recording is needed.
        sounds_like = self._model.speaker_manager.name_to_id[speaker].values()
        settings = {name: self._model.config[name] for name in _SETTINGS}
        with closing(self._model.inference_stream(text, _LANGUAGE, *sounds_like, **settings)) as pieces:
            for wave in pieces:
                yield wave.cpu().numpy()


def stand_in_for_recordings() -> None:
    """Let the package be imported, and XTTS be made, where what it reads recordings with is not there."""
    for name in _FOR_RECORDINGS:
        try:
            importlib.import_module(name)
        except ImportError:
            stand_in: Any = types.ModuleType(name)
            stand_in.__spec__ = ModuleSpec(name, None)
            stand_in.transforms = types.SimpleNamespace(MelSpectrogram=_spectrogram_of_no_recording)
            sys.modules[name] = stand_in


def _spectrogram_of_no_recording(*, n_fft: int, win_length: int, n_mels: int, **_told: object) -> Any:
    """Return what keeps the numbers that an XTTS has for torchaudio's spectrogram; it can't be run."""
    torch: Any = importlib.import_module("torch")
    made = torch.nn.Module()
    made.spectrogram, made.mel_scale = torch.nn.Module(), torch.nn.Module()
    made.spectrogram.register_buffer("window", torch.zeros(win_length))
    made.mel_scale.register_buffer("fb", torch.zeros(n_fft // 2 + 1, n_mels))
    return made


def checkpoint_of(folder: Path) -> Path | None:
    """Return a model's file, None where there is none."""
    return next((folder / name for name in CHECKPOINTS if (folder / name).is_file()), None)


def _loaded(folder: Path) -> LoadedVoice:
    stand_in_for_recordings()
    importlib.import_module("torch").manual_seed(0)
    files = _vocoder(folder)
    found = [str(file) if all(one.is_file() for one in files) else None for file in files]
    return LoadedVoice(
        importlib.import_module("TTS.utils.synthesizer").Synthesizer(
            tts_checkpoint=str(checkpoint_of(folder) or folder / CHECKPOINTS[0]),
            tts_config_path=str(folder / "config.json"),
            vocoder_checkpoint=found[0],
            vocoder_config=found[1],
            use_cuda=False,
        )
    )


def _vocoder(folder: Path) -> list[Path]:
    """Return where a model's vocoder would lie: with the model, or where the package keeps the one that fits it."""
    own = [folder / name for name in _VOCODER]
    parts = folder.name.split("--")
    if own[0].is_file() or len(parts) != _PARTS:
        return own
    package = Path(str(importlib.import_module("TTS").__file__)).parent
    known: Any = json.loads((package / ".models.json").read_bytes())
    for part in parts:
        known = known.get(part, {})
    name = str(known.get("default_vocoder") or "").replace("/", "--")
    return [folder.parent / name / "model_file.pth", folder.parent / name / "config.json"] if name else own


def _answer(to: BinaryIO, said: dict[str, object], content: bytes = b"") -> None:
    to.write(json.dumps(said).encode("utf-8") + b"\n" + content)
    to.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

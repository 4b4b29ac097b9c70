"""What a VITS voice says of itself: Piper's `*.onnx.json`, or Coqui's `config.json` beside `symbols.json`.

Both turn phonemes into numbers, but not in the same way: Piper marks begin and end, and puts a pad after each; Coqui
puts a blank around each, and marks begin and end, outside the blanks, only where the voice was trained so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import EngineError

_ESPEAK_VOICES = {"en": "en-us", "en-gb": "en", "en-uk": "en"}
_RATES_HZ = range(8_000, 48_001)
# Piper trains at these rates and no others.
_RATES_OF_QUALITY = {"x_low": 16_000, "low": 16_000, "medium": 22_050, "high": 22_050}
# What Coqui calls its marks where a description names no others.
_MARKS = {"blank": "<BLNK>", "bos": "<BOS>", "eos": "<EOS>"}


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """How to speak with a voice.

    `ids` has the numbers of each phoneme's letter; `begin`, `between` and `end` are put before, after each letter, and
    at the end. `scales` are the voice's own noise, length and noise of length.
    """

    model: Path
    rate_hz: int
    espeak_voice: str
    ids: Mapping[str, tuple[int, ...]]
    begin: tuple[int, ...]
    between: tuple[int, ...]
    end: tuple[int, ...]
    scales: tuple[float, float, float]
    speakers: Mapping[str, int]

    def speaker(self, name: str) -> int | None:
        """Return the number of a speaker, None for a voice of one; raises EngineError (`model.speaker`)."""
        if not self.speakers:
            return None
        if name in self.speakers:
            return self.speakers[name]
        some = ", ".join(list(self.speakers)[:5])
        raise EngineError(f"{self.model} has no speaker '{name}'; it has {some} and so on", code="model.speaker")


def read_voice(folder: Path) -> VoiceFile:
    """Return the voice in `folder`, or in this `.onnx` file with Piper's description beside it.

    Raises EngineError (`model.format`) for none or a contradictory one.
    """
    alone = folder.suffix == ".onnx" and folder.is_file()
    models = [folder] if alone else sorted(folder.rglob("*.onnx"))
    if not models:
        raise EngineError(f"{folder} holds no voice: there is no .onnx file", code="model.format")
    model = models[0]
    beside = model.with_name(model.name + ".json")
    try:
        if alone or beside.is_file():
            return _piper(model, _object(beside))
        return _coqui(
            model, _object(folder / "config.json"), json.loads((folder / "symbols.json").read_bytes()), folder
        )
    except OSError as error:
        raise EngineError(f"{error.filename} can't be read ({error.strerror})", code="model.format") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise EngineError(f"the description of the voice {model} is not right: {said}", code="model.format") from error


def _object(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_bytes())
    if not isinstance(found, dict):
        raise ValueError(f"{file.name} is no object")
    return found


def _piper(model: Path, said: Mapping[str, Any]) -> VoiceFile:
    if said.get("phoneme_type", "espeak") != "espeak":
        raise ValueError(f"it reads {said['phoneme_type']}, not the phonemes of espeak-ng; choose another voice")
    ids = {str(letter): _numbers(numbers) for letter, numbers in said["phoneme_id_map"].items()}
    inference = said.get("inference", {})
    count = int(said.get("num_speakers", 1))
    speakers = {str(name): int(number) for name, number in (said.get("speaker_id_map") or {}).items()}
    if count > 1 and not speakers:
        speakers = {str(number): number for number in range(count)}
    if any(not 0 <= number < count for number in speakers.values()) and count > 1:
        raise ValueError(f"it names speakers beyond the {count} that it says it has")
    rate_hz, quality = _rate(said["audio"]["sample_rate"]), str(said["audio"].get("quality", ""))
    if rate_hz != _RATES_OF_QUALITY.get(quality, rate_hz):
        raise ValueError(
            f"quality '{quality}' means {_RATES_OF_QUALITY[quality]} Hz, and sample_rate says {rate_hz}; correct the "
            "one that is wrong"
        )
    return VoiceFile(
        model,
        rate_hz,
        str(said["espeak"]["voice"]),
        ids,
        begin=(*ids["^"], *ids["_"]),
        between=ids["_"],
        end=ids["$"],
        scales=(
            float(inference.get("noise_scale", 0.667)),
            float(inference.get("length_scale", 1.0)),
            float(inference.get("noise_w", 0.8)),
        ),
        speakers=speakers if count > 1 else {},
    )


def _coqui(model: Path, said: Mapping[str, Any], symbols: object, folder: Path) -> VoiceFile:
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise ValueError("symbols.json is no list of characters")
    if not said.get("use_phonemes", True):
        raise ValueError("it reads letters, not the phonemes of espeak-ng; choose another voice")
    arguments = said.get("model_args", {})
    ids = {symbol: (number,) for number, symbol in enumerate(symbols)}
    named = said.get("characters") or {}
    marks = {mark: str(named.get(mark) or usual) for mark, usual in _MARKS.items()}
    blank = ids.get(marks["blank"], (0,)) if said.get("add_blank", True) else ()
    ends = bool(said.get("enable_eos_bos_chars", False))
    names = folder / "speaker_ids.json"
    return VoiceFile(
        model,
        _rate(said["audio"]["sample_rate"]),
        _ESPEAK_VOICES.get(str(said.get("phoneme_language") or "en-us"), str(said.get("phoneme_language") or "en-us")),
        {letter: numbers for letter, numbers in ids.items() if len(letter) == 1},
        begin=(*(ids[marks["bos"]] if ends else ()), *blank),
        between=blank,
        end=ids[marks["eos"]] if ends else (),
        scales=(
            float(arguments.get("inference_noise_scale", 0.667)),
            float(arguments.get("length_scale", 1.0)),
            float(arguments.get("inference_noise_scale_dp", 1.0)),
        ),
        speakers={str(name): int(number) for name, number in _object(names).items()} if names.is_file() else {},
    )


def _numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ValueError("a phoneme has no number")
    return tuple(int(number) for number in value)


def _rate(value: object) -> int:
    if not isinstance(value, int) or value not in _RATES_HZ:
        raise ValueError(f"a sample rate of {value} Hz is none")
    return value

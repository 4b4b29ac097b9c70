"""Finds the voices that are to be measured, and the Whisper that reads them back."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import EngineError
from pipelines.engines import SegmentDecoder, Synthesiser
from pipelines.models.model_folders import locate
from pipelines.models.settings import ModelSettings
from pipelines.stt.whisper import make_decoder
from pipelines.tts.casting import PLAIN, neural_synthesiser, plain_synthesiser
from pipelines.tts.voices import Sex, installed_voices
from server.settings.tree import Settings


@dataclass(frozen=True, slots=True)
class MeasuredVoice:
    """A voice, the same made as a whole where it is made in windows, and the same on one core.

    `sex` is None for one of both; a plain voice has no other way.
    """

    name: str
    synthesiser: Synthesiser
    whole: Synthesiser | None = None
    one_core: Synthesiser | None = None
    sex: Sex | None = None


def all_voices(settings: ModelSettings) -> list[str]:
    """Return the names of the neural voices that are here; raises EngineError when there are none."""
    names = [voice.name for voice in installed_voices(settings)]
    if not names:
        raise EngineError(f"no neural voice is in {settings.path}; run `interlocutor models pull joe`")
    return names


def named_voice(name: str, settings: ModelSettings) -> MeasuredVoice:
    """Return the voice of this name; raises EngineError for one that is not here."""
    if name in PLAIN:
        return MeasuredVoice(name, plain_synthesiser(name))
    for voice in installed_voices(settings):
        if voice.name == name:
            whole = None if voice.engine == "kokoro" else neural_synthesiser(voice, streamed=False)
            one_core = neural_synthesiser(voice, threads=1)
            return MeasuredVoice(name, neural_synthesiser(voice), whole, one_core, voice.sex)
    raise EngineError(
        f"no voice called '{name}' is in {settings.path}; choose one of {', '.join(all_voices(settings))}"
    )


def decoder_of(name: str, settings: Settings) -> SegmentDecoder:
    """Return the Whisper that reads voices back; raises EngineError for one that is not here."""
    place = locate(name, settings.models, "recogniser")
    place.require()
    decoder = make_decoder(folder=place.folder, settings=settings.engines.whisper, models=settings.models)
    decoder.warm()
    return decoder

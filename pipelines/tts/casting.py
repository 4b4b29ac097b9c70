"""Gives each patient a voice: a neural one of the same sex where there is one, else a plain one.

A voice that fails before it has made a sound is replaced by the next for that clause, so that a session lives on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import structlog

from common.errors import EngineError
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk, Synthesiser, Voice
from pipelines.tts import flite
from pipelines.tts.voices import SEXES, NeuralVoice, Sex, voices_for

# Somebody waits for the first sound, so a clause may take what is free.
_THREADS = 2
PLAIN = ("flite", "espeak")
"""The plain voices, the better one first."""

logger = structlog.get_logger("pipelines.casting")


class CastSynthesiser:
    """Speaks for every patient; a lane may run several in threads, which share the models."""

    def __init__(self, voices: Sequence[NeuralVoice]) -> None:
        self._voices = tuple(voices)
        self._engines: dict[str, Synthesiser] = {}
        self._lock = threading.Lock()
        self.info = EngineInfo(
            "synthesiser",
            name_of(voices),
            demonstration=bool(missing_sexes(voices)),
            isolation="thread",
        )

    def warm(self) -> None:
        """Load the voice that speaks for a woman and the one that speaks for a man.

        Raises EngineError where none of a sex's neural voices can be loaded, or no plain one.
        """
        for sex in SEXES:
            self._warm(sex)

    def _warm(self, sex: Sex) -> None:
        failed: EngineError | None = None
        neural = any(voice.sex == sex for voice in self._voices)
        for name, engine in self._candidates(Voice(sex=sex)):
            if neural and name in PLAIN:
                break
            try:
                engine.warm()
            except EngineError as error:
                failed = failed or error
                logger.warning("voice_left_out", voice=name, reason=error.message)
            else:
                return
        raise failed or EngineError("there is no voice to speak with")

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        """Yield the clause at 24 kHz; raises EngineError when no voice could speak it."""
        failed: EngineError | None = None
        for name, engine in self._candidates(request.voice):
            made = False
            try:
                for chunk in engine.speak(request):
                    made = made or len(chunk.samples) > 0
                    yield chunk
                return
            except EngineError as error:
                if made:
                    raise
                failed = error
                logger.warning("voice_failed", voice=name, request=request.id, reason=error.message)
        raise failed or EngineError("there is no voice to speak with")

    def _candidates(self, voice: Voice) -> Iterator[tuple[str, Synthesiser]]:
        for one in voices_for(voice, self._voices):
            yield one.name, self._engine(one)
        plain = "flite" if flite.available() else "espeak"
        with self._lock:
            engine = self._engines.get(plain) or plain_synthesiser(plain)
            self._engines[plain] = engine
        yield plain, engine

    def _engine(self, voice: NeuralVoice) -> Synthesiser:
        with self._lock:
            if voice.name not in self._engines:
                self._engines[voice.name] = neural_synthesiser(voice)
            return self._engines[voice.name]


def name_of(voices: Sequence[NeuralVoice]) -> str:
    """Return the models that speak, for people: `joe and kokoro`."""
    return " and ".join(dict.fromkeys(voice.place.id for voice in voices))


def missing_sexes(voices: Sequence[NeuralVoice]) -> list[Sex]:
    """Return the sexes for which only a plain voice is here."""
    return [sex for sex in SEXES if not any(voice.sex == sex for voice in voices)]


def neural_synthesiser(voice: NeuralVoice, *, streamed: bool = True, threads: int = _THREADS) -> Synthesiser:
    """Return the engine of a neural voice; it is loaded when it is warmed or first speaks.

    Not `streamed` a VITS voice makes whole clauses.
    """
    if voice.engine == "kokoro":
        from pipelines.tts.neural.kokoro import KokoroSynthesiser

        return KokoroSynthesiser(voice.place.folder, speaker=voice.speaker, threads=threads)
    if voice.engine == "coqui":
        from pipelines.tts.coqui import CoquiSynthesiser

        return CoquiSynthesiser(voice.place.folder, python=voice.python, speaker=voice.speaker)
    from pipelines.tts.neural.vits import VitsSynthesiser

    return VitsSynthesiser(voice.place.folder, speaker=voice.speaker, threads=threads, streamed=streamed)


def plain_synthesiser(name: str) -> Synthesiser:
    """Return flite or espeak."""
    if name == "flite":
        return flite.FliteSynthesiser()
    from pipelines.tts.espeak import EspeakSynthesiser

    return EspeakSynthesiser()

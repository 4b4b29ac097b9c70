"""Which embedded synthesiser to use, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.engines import Synthesiser
from pipelines.tts import flite
from pipelines.tts.espeak import EspeakSynthesiser

SynthesiserName = Literal["auto", "espeak", "flite"]


@dataclass(frozen=True, slots=True)
class SynthesiserChoice:
    """An engine (not yet warm) and the reason, in words for the log and the page."""

    engine: Synthesiser
    reason: str


def choose_synthesiser(name: SynthesiserName) -> SynthesiserChoice:
    """Return the synthesiser of that name, for `auto` the best installed.

    A name asked for is never replaced by another: flite missing shows as an EngineError when it is warmed.
    """
    if name == "espeak":
        return SynthesiserChoice(EspeakSynthesiser(), "espeak-ng, as configured")
    if name == "flite":
        return SynthesiserChoice(flite.FliteSynthesiser(), "flite, as configured")
    if flite.available():
        return SynthesiserChoice(flite.FliteSynthesiser(), "flite is installed and easier to understand than espeak-ng")
    return SynthesiserChoice(EspeakSynthesiser(), "espeak-ng, because no flite executable was found")

"""Which voice speaks for patients, and why: neural ones for those whom they fit, a plain one for the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import EngineError
from pipelines.choice import Choice, Lazy, scripted_choice
from pipelines.engines import Voice
from pipelines.models.devices import usable_cores
from pipelines.models.model_folders import ModelPlace
from pipelines.models.settings import ModelSettings
from pipelines.patient.card import Card
from pipelines.tts.casting import missing_sexes, name_of
from pipelines.tts.coqui import coqui_fault, coqui_folder
from pipelines.tts.manner import voice_of
from pipelines.tts.piper_folder import PiperFolder
from pipelines.tts.voices import SEXES, NeuralVoice, Sex, installed_voices, piper_folder, quick_enough, voices_for

PULL_VOICE: dict[Sex, str] = {"female": "`interlocutor models pull kokoro`", "male": "`interlocutor models pull joe`"}
"""The command that brings a voice for the patients of a sex."""
PULL_VOICES = f"{PULL_VOICE['male']} and {PULL_VOICE['female']}"
PEOPLE: dict[Sex, str] = {"female": "women", "male": "men"}
"""What patients of a sex are called."""

# Of an operator's voices that are left out, so many are told of with their reasons; `models list` has them all.
_TOLD = 3


def choose_synthesiser(name: str, backend: str, models: ModelSettings, *, coqui: NeuralVoice | None = None) -> Choice:
    """Return what speaks: the voice of this name, or the best of a backend.

    A `coqui` voice that was named speaks for all patients of its sex. Raises EngineError for one that is not there.
    """
    by_name = "asked for by name"
    if name == "scripted" or (name == "auto" and backend == "mock"):
        return scripted_choice("synthesiser", by_name if name == "scripted" else "engines.backend is 'mock'")
    why = f"engines.backend is '{backend}'"
    if name == "neural" or (name == "auto" and backend in ("auto", "local")):
        own = piper_folder(models)
        here, left_out = installed_voices(models, own), _left_out(models, own)
        if coqui is not None and (fault := coqui_fault(coqui.python, coqui.place.folder)):
            left_out += f"; without the Coqui voice {coqui.name} ({fault})"
        elif coqui is not None:
            here = [coqui, *(voice for voice in here if voice.sex != coqui.sex)]
        voices = here if name == "neural" else quick_enough(here, usable_cores())
        if voices:
            slow = sorted({voice.place.id for voice in here} - {voice.place.id for voice in voices})
            why = f"auto, without {', '.join(slow)}, which would be slow here ('neural' takes it)" if slow else "auto"
            return _cast(voices, (by_name if name == "neural" else why) + left_out)
        if name == "neural":
            raise EngineError(
                f"no neural voice is here{left_out}; run {PULL_VOICES} and start again", code="model.not_installed"
            )
        why = f"auto: no neural voice is here ({PULL_VOICES} bring them){left_out}"
    from pipelines.tts import flite

    if name == "flite" and not flite.available():
        raise EngineError(
            "flite is not installed; run 'apt-get install flite' or set engines.synthesiser to 'espeak'",
            code="engine.unavailable",
        )
    if name == "flite" or (name == "auto" and flite.available()):
        reason = by_name if name == "flite" else f"{why}; flite is installed and sounds better than espeak"
        return Choice("flite", Lazy("pipelines.tts.flite", "FliteSynthesiser"), "thread", reason, plain_for=SEXES)
    reason = by_name if name == "espeak" else f"{why}; flite is not installed; espeak comes with the package"
    return Choice("espeak", Lazy("pipelines.tts.espeak", "EspeakSynthesiser"), "process", reason, plain_for=SEXES)


def coqui_voice(model: str, sex: Sex, speaker: str, python: Path) -> NeuralVoice | None:
    """Return the voice of a model of coqui-tts, here or not; None for an empty name."""
    if not model:
        return None
    place = ModelPlace(coqui_folder(model), "synthesiser", "")
    return NeuralVoice(place, "coqui", speaker, sex, "en-us", 40, python)


def _left_out(models: ModelSettings, folder: PiperFolder) -> str:
    """Return what of the operator's own voices speaks for nobody, and why; empty if nothing is left out."""
    if models.piper_voices is not None and not (folder.voices or folder.left_out):
        return f"; no Piper voice is in {models.piper_voices}"
    told = [f"{one.name} ({one.reason})" for one in folder.left_out if not one.foreign]
    more = [f"{len(told) - _TOLD} more"] if len(told) > _TOLD else []
    return f"; left out: {', '.join([*told[:_TOLD], *more])}" if told else ""


def _cast(voices: Sequence[NeuralVoice], why: str) -> Choice:
    """Return what gives each patient a voice that fits."""
    lacking = missing_sexes(voices)
    fits = {sex: voices_for(Voice(sex=sex), voices)[0].name for sex in SEXES if sex not in lacking}
    told = [f"{name} speaks for {PEOPLE[sex]}" for sex, name in fits.items()]
    told += [f"{PEOPLE[sex]} speak with a plain voice" for sex in lacking]
    make = Lazy("pipelines.tts.casting", "CastSynthesiser", {"voices": tuple(voices)})
    # onnxruntime lets go of the interpreter while it computes.
    return Choice(
        name_of(voices),
        make,
        "thread",
        f"{why}; {', '.join(told)}",
        demonstration=bool(lacking),
        plain_for=tuple(lacking),
        voices=tuple(voices),
    )


def plainly_voiced(cards: Iterable[Card], choice: Choice) -> list[Card]:
    """Return the cards whose patients this choice gives a plain voice, or a scripted one."""
    return [card for card in cards if not voices_for(voice_of(card), choice.voices)]


@dataclass(frozen=True, slots=True)
class Speaks:
    """A voice that patients are given: one of them for whom it speaks, and the share of all (0..1)."""

    patient: Voice
    share: float


def speaking_for(patients: Sequence[Voice], choice: Choice) -> list[Speaks]:
    """Return the voices that these patients are given, the most used first; one of nobody in particular for none."""
    given: dict[str, list[Voice]] = {}
    for patient in patients or (Voice(),):
        # A plain voice has a man and a woman, who cost the same.
        name = next((one.name for one in voices_for(patient, choice.voices)), "")
        given.setdefault(name, []).append(patient)
    groups = sorted(given.values(), key=len, reverse=True)
    return [Speaks(group[0], len(group) / sum(map(len, groups))) for group in groups]

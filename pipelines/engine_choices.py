"""Which engines there are, which one a name or `auto` stands for and why, and the lanes they run on.

Nothing falls back silently: every choice carries its reason, which is logged, shown on the page and kept in the log.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from audio.clock import Clock
from common.errors import EngineError
from pipelines.choice import Choice, Lazy, scripted_choice
from pipelines.lanes.decodes import DecodeLane, RecogniserLane
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.streams import StreamLane
from pipelines.lanes.worker_loop import Engine
from pipelines.models.devices import DEVICE_PATTERN, choose_device, choose_threads
from pipelines.models.model_folders import ModelPlace, installed_recognisers, installed_turn_detectors, locate
from pipelines.models.settings import ModelSettings
from pipelines.responders.language_model.settings import LanguageModelSettings
from pipelines.responders.remote.plan import RemotePlan, plan_remote
from pipelines.responders.remote.settings import RemoteSettings
from pipelines.session.driver import Engines
from pipelines.stt.model_choice import AUTO, FIRST, choose_model
from pipelines.stt.whisper_settings import WhisperSettings
from pipelines.voice_choice import choose_synthesiser, coqui_voice

if TYPE_CHECKING:
    from pipelines.responders.remote.mind import RemoteMind

SMART_TURN = "smart-turn"
"""The id of the turn detector that the catalogue brings."""

REMOTE_WORKERS = 16
"""So many replies of a remote mind are waited for at once."""

Backend = Literal["mock", "embedded", "local", "cloud", "auto"]


class EngineSettings(BaseModel):
    """Which engines to use, and how many workers each has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: Literal["embedded", "small-cpu", "hybrid", "gpu"] = Field(
        default="embedded", description="Named set of defaults for a kind of machine; see the table of profiles."
    )
    backend: Backend = Field(
        default="auto",
        description="Set of engines: mock (scripted, tests only), embedded, local, cloud, or auto (best installed).",
    )
    recogniser: Literal["auto", "whisper", "pocketsphinx", "scripted"] = Field(
        default="auto", description="Recogniser by name; auto follows the backend."
    )
    interpreter: Literal["auto", "encoder", "word-index", "scripted"] = Field(
        default="auto",
        description="What understands the candidate's questions: encoder (by meaning), word-index (by words). auto: "
        "the encoder if it is installed and Whisper listens.",
    )
    interpreter_model: str = Field(
        default="all-minilm-l6-v2", description="Text encoder to understand with: an id of the catalogue, or a folder."
    )
    interpreter_device: str = Field(
        default="cpu",
        pattern=DEVICE_PATTERN,
        description="Where the text encoder computes: cpu, cuda, cuda:1, or auto. A sentence takes 2 ms of one core.",
    )
    interpreter_top_k: int = Field(
        default=3, ge=1, le=20, description="How many cues and facts, the likeliest first, are looked up for a turn."
    )
    responder: Literal["auto", "scripted-patient", "language-model", "remote", "scripted"] = Field(
        default="auto",
        description="What words the patient's replies, by name; scripted-patient: the card's words; language-model: "
        "that of engines.language_model; remote: the one of engines.remote. auto follows the backend: local takes a "
        "language model that is installed, cloud and the profile hybrid a remote one, all others the card's words.",
    )
    language_model: LanguageModelSettings = Field(default_factory=LanguageModelSettings)
    guard_rules: Path | None = Field(
        default=None,
        description="File of the rules by which the guard reads what a language model says as the patient, read again "
        "when it changes; empty: configs/guard.yaml.",
    )
    synthesiser: Literal["auto", "neural", "espeak", "flite", "scripted"] = Field(
        default="auto",
        description="Voices: neural (those that were pulled), flite, espeak. auto: neural ones that are quick enough "
        "on this machine for the patients that they fit, and for the others flite where it is installed.",
    )
    coqui_model: str = Field(
        default="",
        description="Model of the package coqui-tts that speaks for patients of one sex: a name such as "
        "`tts_models/en/ljspeech/tacotron2-DDC`, or a folder. It needs `./scripts/setup-coqui`. Empty: none.",
    )
    coqui_sex: Literal["female", "male"] = Field(default="female", description="Whose voice the Coqui model has.")
    coqui_speaker: str = Field(default="", description="Speaker of a Coqui model of several; empty: its only one.")
    coqui_python: Path = Field(
        default=Path(".coqui-env/bin/python"), description="Python of the environment that has coqui-tts."
    )
    turn_detector: Literal["auto", "smart-turn", "off", "scripted"] = Field(
        default="auto",
        description="What hears whether a turn sounds finished; auto: Smart Turn if it is installed. off: text alone.",
    )
    recogniser_workers: int = Field(
        default=0, ge=0, le=64, description="PocketSphinx processes; 0: one per core, at most 4."
    )
    interpreter_workers: int = Field(default=1, ge=1, le=64, description="Threads of the interpreter.")
    responder_workers: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Threads of the responder, for a remote one at least 16; 0: one, for a language model two.",
    )
    synthesiser_workers: int = Field(
        default=0, ge=0, le=64, description="Threads or processes of the voice; 0: one, for neural voices two."
    )
    turn_detector_workers: int = Field(default=1, ge=1, le=64, description="Threads of the turn detector.")
    whisper: WhisperSettings = Field(default_factory=WhisperSettings)
    remote: RemoteSettings = Field(default_factory=RemoteSettings)


@dataclass(frozen=True, slots=True)
class Choices:
    """The engines of a server, and the backend that they make up.

    Without a turn detector pauses are judged by their text alone; `no_turn_detector` says why there is none.
    """

    backend: Backend
    recogniser: Choice
    interpreter: Choice
    responder: Choice
    synthesiser: Choice
    turn_detector: Choice | None = None
    no_turn_detector: str = ""
    # Whom the responder asks; None: nothing that is said leaves this machine.
    mind: RemoteMind | None = None

    @property
    def remote(self) -> RemotePlan | None:
        """The provider that words the replies, if one does."""
        return self.mind.plan if self.mind is not None else None

    @property
    def names(self) -> dict[str, str]:
        """What hears, understands, answers, speaks and, if anything does, tells the end of turns by their sound."""
        names = {
            "recogniser": self.recogniser.name,
            "interpreter": self.interpreter.name,
            "responder": self.responder.name,
            "synthesiser": self.synthesiser.name,
        }
        return names | ({"turn_detector": self.turn_detector.name} if self.turn_detector is not None else {})

    @property
    def demonstrations(self) -> tuple[str, ...]:
        """The names of those that are for demonstration only."""
        return tuple(
            choice.name
            for choice in (self.recogniser, self.interpreter, self.responder, self.synthesiser)
            if choice.demonstration
        )


@dataclass(frozen=True, slots=True)
class _OfModel:
    """A factory of an engine that needs a model: raises EngineError with what to do when it is missing or broken."""

    place: ModelPlace
    make: Lazy

    def __call__(self) -> Engine:
        self.place.require()
        return self.make()


def choose_engines(
    settings: EngineSettings, models: ModelSettings | None = None, *, spending_file: Path | None = None
) -> Choices:
    """Return the engines that the settings stand for; raises EngineError for those that are not there.

    A model that is asked for and not installed is no error here: loading it is, and says what to do. `spending_file`
    keeps what a remote mind has cost today.
    """
    models = models or ModelSettings()
    backend = settings.backend
    mind = _remote_mind(settings, spending_file)
    if backend == "cloud":
        # The ears and the voice are this machine's: the best that is installed.
        settings = settings.model_copy(update={"backend": "auto"})
    scripted = backend == "mock"
    why = "auto: the best installed" if settings.backend == "auto" else f"engines.backend is '{backend}'"
    recogniser = _recogniser(settings, models, why)
    if backend == "auto":
        backend = "local" if recogniser.name == "whisper" else "embedded"
    turn_detector, no_turn_detector = _turn_detector(settings, models, recogniser)
    return Choices(
        backend,
        recogniser,
        _interpreter(settings, models, recogniser, why),
        _responder(settings, models, scripted=scripted, why=why)
        if mind is None
        else _guarded_remote(mind, settings, models),
        choose_voice(settings, models),
        turn_detector,
        no_turn_detector,
        mind,
    )


def _remote_mind(settings: EngineSettings, spending_file: Path | None) -> RemoteMind | None:
    """Return the remote mind that the settings ask for, if they do; a key or a host alone asks for nothing."""
    by_set = settings.backend == "cloud" or (settings.profile == "hybrid" and settings.backend in ("auto", "local"))
    if settings.responder != "remote" and not (settings.responder == "auto" and by_set):
        return None
    from pipelines.responders.remote.mind import RemoteMind  # late: an HTTP client is for those who ask one

    return RemoteMind(plan_remote(settings.remote), spending_file=spending_file)


def _guarded_remote(mind: RemoteMind, settings: EngineSettings, models: ModelSettings) -> Choice:
    # It has its own limits and its own card's words; the guard waits a little longer than it does.
    return guarded(_asks_remote(mind, settings), settings, models, patience_s=settings.remote.waits.whole_s + 1.0)


def _asks_remote(mind: RemoteMind, settings: EngineSettings) -> Choice:
    asked = "asked for by name" if settings.responder == "remote" else "auto: a remote language model is to answer"
    factory = Lazy("pipelines.responders.remote.responder", "RemoteResponder", {"mind": mind})
    # Each thread waits for a provider, and computes next to nothing.
    return Choice(
        "remote", factory, "thread", f"{asked}; {mind.plan.shown}", demonstration=False, workers=REMOTE_WORKERS
    )


def choose_voice(settings: EngineSettings, models: ModelSettings) -> Choice:
    """Return the voices that the settings stand for; raises EngineError for one that is not there."""
    coqui = coqui_voice(settings.coqui_model, settings.coqui_sex, settings.coqui_speaker, settings.coqui_python)
    return choose_synthesiser(settings.synthesiser, settings.backend, models, coqui=coqui)


def _recogniser(settings: EngineSettings, models: ModelSettings, why: str) -> Choice:
    name, backend = settings.recogniser, settings.backend
    by_name = name != "auto"
    if name == "scripted" or (not by_name and backend == "mock"):
        return scripted_choice("recogniser", why)
    if name == "whisper" or (not by_name and backend in ("auto", "local")):
        required = name == "whisper" or backend == "local"
        place, reason = _whisper_model(settings, models, required=required)
        if place is not None:
            return _whisper(settings, models, place, f"{'asked for by name' if by_name else why}; {reason}")
        why = f"auto: {reason}"
    factory = Lazy("pipelines.stt.pocketsphinx", "PocketSphinxRecogniser")
    return Choice("pocketsphinx", factory, "process", "asked for by name" if by_name else why)


def _whisper(settings: EngineSettings, models: ModelSettings, place: ModelPlace, reason: str) -> Choice:
    make = Lazy(
        "pipelines.stt.whisper",
        "make_decoder",
        {"folder": place.folder, "settings": settings.whisper, "models": models},
    )
    return Choice(
        "whisper",
        _OfModel(place, make),
        # CTranslate2 lets go of the interpreter while it computes.
        "thread",
        reason,
        demonstration=False,
        batch_size=models.batch_size,
        readers=choose_threads(models.cpu_threads),
        place=place,
    )


def _whisper_model(settings: EngineSettings, models: ModelSettings, *, required: bool) -> tuple[ModelPlace | None, str]:
    """Return the model that Whisper would read with, and why; without one, why PocketSphinx stands in.

    One that the settings name is taken whether it is here or not: loading it says what to do.
    """
    name, why = settings.whisper.model, f"the model that engines.whisper.model names, {settings.whisper.model}"
    if name == AUTO:
        here = installed_recognisers(models.path)
        chosen = choose_model(models, settings.whisper, among=here)
        if chosen is not None:
            name, why = chosen.candidate.id, f"Whisper {chosen.candidate.id} is {chosen.reason}"
        elif here:
            # Loading it says what is wrong with it, or that it is too large.
            name, why = here[0], f"Whisper {here[0]} is the only one here"
        elif required:
            name, why = FIRST, "no Whisper is here"
        else:
            return None, f"no Whisper is here; run `interlocutor models pull {FIRST}` and start again"
    try:
        return locate(name, models, "recogniser"), why
    except EngineError as error:
        raise EngineError(f"engines.whisper.model: {error.message}", code=error.code) from error


def _interpreter(settings: EngineSettings, models: ModelSettings, recogniser: Choice, why: str) -> Choice:
    name = settings.interpreter
    if name == "scripted" or (name == "auto" and settings.backend == "mock"):
        return scripted_choice("interpreter", why)
    by_name = "asked for by name"
    if name == "auto" and recogniser.name != "whisper":
        why = f"auto: what {recogniser.name} hears is better compared word by word"
    elif name in ("auto", "encoder"):
        try:
            place = locate(settings.interpreter_model, models, "encoder")
            if name == "auto":
                place.require()
        except EngineError as error:
            if name != "auto":
                raise EngineError(f"engines.interpreter_model: {error.message}", code=error.code) from error
            why = f"auto: {error.message}"
        else:
            options = {
                "folder": place.folder,
                "device": settings.interpreter_device,
                "most": settings.interpreter_top_k,
            }
            make = Lazy("pipelines.intent.learned", "LearnedInterpreter", options)
            reason = "auto: it is installed" if name == "auto" else by_name
            # CTranslate2 lets go of the interpreter while it computes.
            return Choice("encoder", _OfModel(place, make), "thread", reason, demonstration=False, place=place)
    factory = Lazy("pipelines.intent.word_index", "WordIndex")
    return Choice("word-index", factory, "thread", why if name == "auto" else by_name)


def _responder(settings: EngineSettings, models: ModelSettings, *, scripted: bool, why: str) -> Choice:
    name = settings.responder
    if name == "scripted" or (name == "auto" and scripted):
        return scripted_choice("responder", why)
    by_name = "asked for by name"
    if name == "language-model" or (name == "auto" and settings.backend == "local"):
        try:
            place = locate(settings.language_model.model, models, "responder")
            if name == "auto":
                place.require()
        except EngineError as error:
            if name != "auto":
                raise EngineError(f"engines.language_model.model: {error.message}", code=error.code) from error
            why = f"{why}; {error.message}"
        else:
            return _language_model(settings, models, place, why if name == "auto" else by_name)
    elif name == "auto":
        why = f"{why}; the card's words are measured to do better than the smallest language model"
    factory = Lazy("pipelines.responders.card_words", "CardWords")
    return Choice("scripted-patient", factory, "thread", why if name == "auto" else by_name)


def _language_model(settings: EngineSettings, models: ModelSettings, place: ModelPlace, why: str) -> Choice:
    options = {
        "folder": place.folder,
        "settings": settings.language_model,
        "models": models,
        "parallel": _minds(settings),
    }
    make = Lazy("pipelines.responders.language_model.responder", "make_responder", options)
    # CTranslate2 lets go of the interpreter while it computes.
    choice = Choice("language-model", _OfModel(place, make), "thread", why, demonstration=False, place=place)
    return guarded(replace(choice, workers=_minds(settings)), settings, models)


def _minds(settings: EngineSettings) -> int:
    """Return how many replies a language model writes at once."""
    return settings.responder_workers or min(2, choose_threads(0))


def guard_encoder(settings: EngineSettings, models: ModelSettings) -> tuple[Path | None, str]:
    """Return the folder of the text encoder that the guard reads with, and how it reads; without one, why."""
    try:
        place = locate(settings.interpreter_model, models, "encoder")
        place.require()
    except EngineError as error:
        return None, f"by words alone: {error.message}"
    return place.folder, f"by words and by meaning ({place.id})"


def guarded(choice: Choice, settings: EngineSettings, models: ModelSettings, *, patience_s: float = 0.0) -> Choice:
    """Return a responder that generates text, with the guard before it; it says why where no encoder is here.

    `patience_s` is for one that tries again by itself: it has that long at least for each clause.
    """
    encoder, how = guard_encoder(settings, models)
    arguments = {
        "inner": choice.factory,
        "rules": settings.guard_rules,
        "encoder": encoder,
        "patience_s": patience_s,
    }
    factory = Lazy("pipelines.responders.guarded", "make_guarded", arguments)
    return replace(choice, factory=factory, reason=f"{choice.reason}; its guard reads {how}")


def _turn_detector(settings: EngineSettings, models: ModelSettings, recogniser: Choice) -> tuple[Choice | None, str]:
    """Return what hears the end of turns, or why nothing does."""
    name = settings.turn_detector
    if name == "off":
        return None, "engines.turn_detector is 'off'"
    if name == "scripted":
        return scripted_choice("turn_detector", "asked for by name"), ""
    if name == "auto" and recogniser.name != "whisper":
        return None, f"auto: what is heard is weighed beside Whisper's text, and {recogniser.name} listens"
    here = installed_turn_detectors(models.path)
    try:
        # Any other ONNX file may be a voice.
        place = locate(here[0] if here and SMART_TURN not in here else SMART_TURN, models, "turn_detector")
        if name == "auto":
            place.require()
    except EngineError as error:
        if name != "auto":
            raise EngineError(f"engines.turn_detector: {error.message}", code=error.code) from error
        return None, f"auto: {error.message}"
    make = Lazy("pipelines.endpointing.smart_turn", "SmartTurn", {"folder": place.folder})
    reason = "auto: it is installed" if name == "auto" else "asked for by name"
    # onnxruntime lets go of the interpreter while it computes.
    return Choice("smart-turn", _OfModel(place, make), "thread", reason, demonstration=False, place=place), ""


def build_lanes(choices: Choices, settings: EngineSettings, clock: Clock) -> Engines:
    """Make the lanes for the chosen engines; they are not started yet."""
    return Engines(
        _recogniser_lane(choices.recogniser, settings, clock),
        _job_lane("interpreter", choices.interpreter, settings.interpreter_workers, clock),
        _job_lane(
            "responder",
            choices.responder,
            max(settings.responder_workers or 1, choices.responder.workers),
            clock,
        ),
        synthesiser_lane(choices.synthesiser, settings, clock),
        _job_lane("turn_detector", choices.turn_detector, settings.turn_detector_workers, clock)
        if choices.turn_detector is not None
        else None,
    )


def synthesiser_lane(choice: Choice, settings: EngineSettings, clock: Clock) -> JobLane:
    """Make the lane of a voice; it is not started yet."""
    return _job_lane("synthesiser", choice, _voice_workers(settings, choice), clock)


def _voice_workers(settings: EngineSettings, choice: Choice) -> int:
    """Return how many clauses are made at once: neural voices share their models, so that a second one costs little."""
    return settings.synthesiser_workers or (1 if choice.demonstration else min(2, choose_threads(0)))


def _job_lane(name: str, choice: Choice, workers: int, clock: Clock) -> JobLane:
    return JobLane(choice.factory, isolation=choice.isolation, workers=workers, clock=clock, name=name)


def _recogniser_lane(choice: Choice, settings: EngineSettings, clock: Clock) -> RecogniserLane:
    if choice.batch_size:
        # One model reads for all sessions.
        return DecodeLane(
            choice.factory,
            isolation=choice.isolation,
            workers=_readers(settings, choice),
            clock=clock,
            name="recogniser",
            batch_size=choice.batch_size,
            caption_every_ms=settings.whisper.partial_every_ms,
            growth=settings.whisper.growth,
        )
    workers = settings.recogniser_workers or min(os.cpu_count() or 1, 4)
    return StreamLane(choice.factory, isolation=choice.isolation, workers=workers, clock=clock, name="recogniser")


def _readers(settings: EngineSettings, choice: Choice) -> int:
    """Return how many clips a model reads at once: a graphics card reads one batch, the processor one on each core."""
    try:
        device = choose_device(settings.whisper.device, settings.whisper.compute)
    except EngineError:  # loading the model says what is wrong
        return 1
    return choice.readers if device.name == "cpu" else 1


async def start_lanes(engines: Engines) -> None:
    """Load and warm all engines side by side; raises EngineError with the reason when one can't be."""
    await asyncio.gather(*(lane.start() for lane in engines.lanes))


async def stop_lanes(engines: Engines) -> None:
    """End all workers."""
    await asyncio.gather(*(lane.stop() for lane in engines.lanes))

"""Which engines there are, which one a name or `auto` stands for, and why.

Nothing falls back silently: every choice carries its reason, which is logged, shown on the page and kept in the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import EngineError
from pipelines.choice import Choice, Lazy, OfModel, scripted_choice
from pipelines.engine_settings import Backend, EngineSettings
from pipelines.models.devices import choose_threads
from pipelines.models.model_folders import ModelPlace, installed_recognisers, installed_turn_detectors, locate
from pipelines.models.settings import ModelSettings
from pipelines.responder_choice import choose_responder, remote_mind
from pipelines.responders.remote.remote_plan import RemotePlan
from pipelines.stt.model_choice import AUTO, FIRST, choose_model
from pipelines.voice_choice import choose_synthesiser, coqui_voice

if TYPE_CHECKING:
    from pipelines.responders.remote.mind import RemoteMind

READ_WELL = ("whisper", "served")
"""Recognisers whose text is good enough to be understood by its meaning."""
SMART_TURN = "smart-turn"
"""The id of the turn detector that the catalogue brings."""


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
    def places(self) -> dict[str, ModelPlace]:
        """The models that they need, by their ids: those of all voices too."""
        kinds = (self.recogniser, self.interpreter, self.responder, self.synthesiser, self.turn_detector)
        chosen = [choice for choice in kinds if choice is not None]
        places = [choice.place for choice in chosen if choice.place is not None]
        places += [voice.place for choice in chosen for voice in choice.voices]
        return {place.id: place for place in places}


def choose_engines(
    settings: EngineSettings, models: ModelSettings | None = None, *, spending_file: Path | None = None
) -> Choices:
    """Return the engines that the settings stand for; raises EngineError for those that are not there.

    A model that is asked for and not installed is no error here: loading it is, and says what to do. `spending_file`
    keeps what a remote mind has cost today.
    """
    models = models or ModelSettings()
    backend = settings.backend
    mind = remote_mind(settings, spending_file)
    if backend == "cloud":
        # The ears and the voice are this machine's: the best that is installed.
        settings = settings.model_copy(update={"backend": "auto"})
    scripted = backend == "mock"
    why = "auto: the best installed" if settings.backend == "auto" else f"engines.backend is '{backend}'"
    recogniser = _recogniser(settings, models, why)
    if backend == "auto":
        backend = "local" if recogniser.name in READ_WELL else "embedded"
    turn_detector, no_turn_detector = _turn_detector(settings, models, recogniser)
    return Choices(
        backend,
        recogniser,
        _interpreter(settings, models, recogniser, why),
        choose_responder(settings, models, mind, scripted=scripted, why=why),
        choose_voice(settings, models),
        turn_detector,
        no_turn_detector,
        mind,
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
    if name == "served":
        return _served(settings, models)
    factory = Lazy("pipelines.stt.pocketsphinx", "PocketSphinxRecogniser")
    return Choice("pocketsphinx", factory, "process", "asked for by name" if by_name else why)


def _served(settings: EngineSettings, models: ModelSettings) -> Choice:
    """Return a recogniser on another machine; raises EngineError where its address is none."""
    from pipelines.stt.served_decoder import check_address

    address = check_address(settings.recogniser_address)
    options = {"address": address, "timeout_s": settings.recogniser_within_s}
    return Choice(
        "served",
        Lazy("pipelines.stt.served_decoder", "ServedDecoder", options),
        "thread",
        f"asked for by name; it reads at {address}",
        demonstration=False,
        batch_size=models.batch_size,
        readers=settings.recogniser_at_once,
    )


def _whisper(settings: EngineSettings, models: ModelSettings, place: ModelPlace, reason: str) -> Choice:
    make = Lazy(
        "pipelines.stt.whisper",
        "make_decoder",
        {"folder": place.folder, "settings": settings.whisper, "models": models},
    )
    return Choice(
        "whisper",
        OfModel(place, make),
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
    if name == "auto" and recogniser.name not in READ_WELL:
        why = f"auto: what {recogniser.name} hears is better compared by its spelling"
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
            options = {"device": settings.interpreter_device, "most": settings.interpreter_top_k}
            make = Lazy("pipelines.intent.learned", "LearnedInterpreter", {"folder": place.folder, **options})
            reason = "auto: it is installed" if name == "auto" else by_name
            # CTranslate2 lets go of the interpreter while it computes.
            return Choice("encoder", OfModel(place, make), "thread", reason, demonstration=False, place=place)
    options = {"folder": None, "most": settings.interpreter_top_k}
    factory = Lazy("pipelines.intent.learned", "LearnedInterpreter", options)
    return Choice("spelling", factory, "thread", why if name == "auto" else by_name)


def _turn_detector(settings: EngineSettings, models: ModelSettings, recogniser: Choice) -> tuple[Choice | None, str]:
    """Return what hears the end of turns, or why nothing does."""
    name = settings.turn_detector
    if name == "off":
        return None, "engines.turn_detector is 'off'"
    if name == "scripted":
        return scripted_choice("turn_detector", "asked for by name"), ""
    if name == "auto" and recogniser.name not in READ_WELL:
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
    return Choice("smart-turn", OfModel(place, make), "thread", reason, demonstration=False, place=place), ""

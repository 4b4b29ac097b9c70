"""Who gives a second opinion: a remote mind, or a language model on this machine; or nobody, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol

from common.errors import EngineError
from pipelines.models.devices import choose_device
from pipelines.models.model_folders import ModelPlace, locate
from pipelines.responders.language_model.chat_template import TemplateFailed, read_template
from pipelines.responders.language_model.model import GeneratedAnswer, LanguageModel
from pipelines.responders.language_model.prompt import Prompt
from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.forms import ChatMessage
from pipelines.responders.remote.mind import RemoteMind
from pipelines.responders.remote.providers import OWN_NETWORK
from pipelines.responders.remote.remote_plan import configured, plan_remote
from pipelines.responders.remote.settings import RemoteBudget, RemoteSettings
from pipelines.responders.remote.whole_answer import PATIENT_WAITS, ask_whole
from server.settings.tree import Settings

# In the data folder: what second opinions have cost today. One process writes it at a time.
SPENDING_FILE = "opinions/spending.json"


class AskedModelSettings(Protocol):
    """The part of a section of the settings that says which model is asked."""

    @property
    def by(self) -> Literal["auto", "remote", "language-model", "off"]:
        """Who is asked."""

    @property
    def model(self) -> str:
        """Name of the remote model; empty: the one that speaks."""

    @property
    def max_tokens(self) -> int:
        """Most tokens of one answer."""

    @property
    def budget(self) -> RemoteBudget:
        """What may be spent."""


@dataclass(frozen=True, slots=True)
class ModelWanted:
    """Which model a section of the settings asks for, and the file in the data folder with what it has cost today."""

    section: str
    asked: AskedModelSettings
    spending_file: str


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model answered, and what it took."""

    text: str
    host: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False
    cost: float = 0.0


class ModelFailed(Exception):
    """A model gave no answer; `final`: it will give none to the next question either."""

    def __init__(self, code: str, detail: str, *, final: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.final = final


class OpinionModel(Protocol):
    """Something that answers prompts, always with the likeliest words (temperature 0).

    `name` and `where` say which model it is, `digest` is the sha256 of its weights where they are here, else empty;
    `stays_here` says whether what is said stays in the operator's own network, else `provider` and `country` are what a
    consent has to name.
    """

    name: str
    where: str
    digest: str
    stays_here: bool
    provider: str
    country: str

    def ask(self, session: str, messages: Sequence[ChatMessage]) -> ModelAnswer:
        """Return the answer; raises ModelFailed."""

    def close(self) -> None:
        """Let go of connections and memory."""


class RemoteOpinions:
    """A remote mind that marks, behind the same gate as the one that speaks for patients, with a budget of its own."""

    digest = ""

    def __init__(self, settings: RemoteSettings, *, spending_file: Path | None, budget_setting: str) -> None:
        """Raises EngineError that names the setting that is missing or wrong."""
        plan = plan_remote(settings)
        self.name, self.where = plan.model, plan.shown
        self.provider, self.country = plan.label, plan.country
        self.stays_here = plan.country == OWN_NETWORK
        self._mind = RemoteMind(plan, spending_file=spending_file, budget_setting=budget_setting)
        self._most_s = settings.waits.whole_s * settings.waits.tries + 60.0

    def ask(self, session: str, messages: Sequence[ChatMessage]) -> ModelAnswer:
        """Return the answer; raises ModelFailed."""
        try:
            text, took = self._mind.network.run(
                lambda: ask_whole(self._mind, session, messages), timeout_s=self._most_s
            )
        except RemoteFailure as failure:
            # A refused key or model and a spent budget won't change within a run.
            final = failure.final or failure.code in ("remote.key", "remote.refused")
            raise ModelFailed(failure.code, failure.detail, final=final) from None
        except TimeoutError:
            raise ModelFailed("remote.timeout", "took longer than all tries may") from None
        return ModelAnswer(text, took.host, took.tokens_in, took.tokens_out, took.estimated, took.cost)

    def close(self) -> None:
        """Close the connections."""
        self._mind.close()


class LocalOpinions:
    """A language model in CTranslate2 on this machine."""

    provider = country = ""
    stays_here = True

    def __init__(self, folder: Path, settings: Settings, *, max_tokens: int) -> None:
        """Load the model; raises EngineError."""
        chosen = settings.engines.language_model
        self._template = read_template(folder)
        self._model = LanguageModel(folder, device=choose_device(chosen.device, chosen.compute), cached_cards=0)
        self._max_tokens = max_tokens
        self._context = min(chosen.context_tokens, self._model.context_tokens)
        self.digest = self._model.digest
        self.name = f"{folder.name} ({self.digest[:12]})"
        self.where = f"{folder.name} on this machine"

    def ask(self, session: str, messages: Sequence[ChatMessage]) -> ModelAnswer:
        """Return the answer; raises ModelFailed."""
        try:
            text = self._template.render([asdict(message) for message in messages], answer=True)
        except TemplateFailed as error:
            raise ModelFailed("model.template", str(error), final=True) from None
        if (tokens := self._model.count(text)) + self._max_tokens > self._context:
            raise ModelFailed("model.context", f"the prompt has {tokens} tokens, and the model takes {self._context}")
        answer = GeneratedAnswer()
        try:
            for _ in self._model.write(Prompt("", text), answer, most_tokens=self._max_tokens):
                pass
        except EngineError as error:
            raise ModelFailed("model.failed", error.message) from None
        return ModelAnswer(answer.text.strip(), "", answer.tokens_in, answer.tokens_out)

    def close(self) -> None:
        """Let go of the weights."""
        self._model.unload_model()


def second_opinion(settings: Settings) -> ModelWanted:
    """Return which model gives second opinions."""
    return ModelWanted("second_opinion", settings.second_opinion, SPENDING_FILE)


def opinion_model(settings: Settings) -> OpinionModel | str:
    """Return who gives a second opinion, or why nobody does; raises EngineError where somebody is to and can't."""
    return wanted_model(settings, second_opinion(settings))


def wanted_model(settings: Settings, wanted: ModelWanted) -> OpinionModel | str:
    """Return the model that is to be asked, or why none is; raises EngineError where one is to be and can't."""
    asked = _who(settings, wanted)
    if isinstance(asked, ModelPlace):
        asked.require()
        return LocalOpinions(asked.folder, settings, max_tokens=wanted.asked.max_tokens)
    if isinstance(asked, RemoteSettings):
        spending_file = settings.data_path / wanted.spending_file
        return RemoteOpinions(asked, spending_file=spending_file, budget_setting=f"{wanted.section}.budget")
    return asked


def why_off(settings: Settings) -> str:
    """Return why nobody gives a second opinion, without loading or asking anybody; empty if somebody does."""
    try:
        asked = _who(settings, second_opinion(settings))
        if isinstance(asked, ModelPlace):
            asked.require()
        elif isinstance(asked, RemoteSettings):
            plan_remote(asked)
    except EngineError as error:
        return error.message
    return asked if isinstance(asked, str) else ""


def _who(settings: Settings, wanted: ModelWanted) -> ModelPlace | RemoteSettings | str:
    """Return which model on this machine, or how a remote one is asked, or why nobody is."""
    asked, remote = wanted.asked, settings.engines.remote
    named = asked.model or remote.model
    if asked.by == "off":
        return f"it is off: {wanted.section}.by is off"
    if asked.by == "language-model":
        return locate(settings.engines.language_model.model, settings.models, "responder")
    if asked.by == "auto" and not (named and configured(remote)):
        lacking = "no host or key of a remote one is set" if named else "no model is named (MASTER_MODEL_NAME)"
        return f"it is off: {lacking}"
    return remote.model_copy(
        update={
            "model": named,
            "temperature": 0.0,
            "max_tokens": asked.max_tokens,
            "waits": PATIENT_WAITS.model_copy(update={"open_s": remote.waits.open_s}),
            "budget": asked.budget,
        }
    )

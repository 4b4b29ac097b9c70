"""The responder whose replies a language model on this machine words, where the card has no words of its own for them.

It is given who the patient is, what was said and heard, and what may be told. Whatever goes wrong, the turn ends with
the card's words, and `ModelUse` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import structlog

from common.errors import EngineError
from pipelines.engines import (
    Clause,
    EngineInfo,
    ModelUse,
    PrepareRequest,
    ReplyEnd,
    ReplyPart,
    RespondKind,
    RespondRequest,
)
from pipelines.intent.acts import Act
from pipelines.models.cache import Lease, shared_cache
from pipelines.models.devices import choose_device
from pipelines.models.model_memory import files_bytes
from pipelines.models.settings import ModelSettings
from pipelines.responders.card_words import clauses_of
from pipelines.responders.language_model.briefing import TooLong, brief
from pipelines.responders.language_model.chat_template import TemplateFailed
from pipelines.responders.language_model.clause_stream import ClauseStream
from pipelines.responders.language_model.model import GeneratedAnswer, LanguageModel
from pipelines.responders.language_model.prompt import Prompt
from pipelines.responders.language_model.reply_manner import manner_of
from pipelines.responders.language_model.settings import LanguageModelSettings
from pipelines.tts.clauses import split_clauses

logger = structlog.get_logger("pipelines.language_model")

_MOST_CANCELLED = 256


class LanguageModelResponder:
    """A Responder; `load` gives it a lease of the model, which other threads share.

    With `acts` the model words replies to turns of these acts alone.
    """

    def __init__(
        self,
        load: Callable[[], Lease[LanguageModel]],
        settings: LanguageModelSettings,
        name: str,
        *,
        acts: frozenset[Act] | None = None,
    ) -> None:
        self._load = load
        self._acts = acts
        self._settings = settings
        self._lease: Lease[LanguageModel] | None = None
        # Requests that nobody wants an answer to any more, the oldest first.
        self._cancelled: dict[str, None] = {}
        self.info = EngineInfo(
            kind="responder",
            name="language-model",
            demonstration=False,
            isolation="thread",
            detail=f"{name} words {_what(settings, acts)}",
        )

    @property
    def model(self) -> LanguageModel:
        """The model; loads it if need be."""
        if self._lease is None:
            self._lease = self._load()
        return self._lease.model

    def warm(self) -> None:
        """Load the model and write a word."""
        for _ in self.model.write(Prompt("", "Hello"), GeneratedAnswer(), most_tokens=2):
            pass

    def prepare(self, request: PrepareRequest) -> None:
        """Compute the beginning of this patient's prompts, if there is room to keep it."""
        try:
            self.model.keep(self.model.prompts.fixed(request.persona))
        except TemplateFailed as error:
            # Each turn says so as well, in its event.
            logger.warning("language_model_failed", reason="template", detail=str(error))

    def cancel(self, request_id: str) -> None:
        """Stop writing that reply at its next token."""
        self._cancelled[request_id] = None
        while len(self._cancelled) > _MOST_CANCELLED:
            self._cancelled.pop(next(iter(self._cancelled)), None)

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart | ModelUse]:
        """Yield clauses as they end, then how the model did if it was asked, then a ReplyEnd."""
        if not self._is_for_model(request):
            yield from _card_words(request)
            yield ReplyEnd()
            return
        model, answer, whole = self.model, GeneratedAnswer(), ""
        stream = ClauseStream(most_sentences=0)
        reason = ""
        try:
            manner = manner_of(
                request.persona, most_tokens=self._settings.max_new_tokens, temperature=self._settings.temperature
            )
            before = [
                text for item in request.history if item.role == "patient" for text, _ in split_clauses(item.text)
            ]
            stream = ClauseStream(most_sentences=manner.sentences, said=before)
            prompt = brief(model, request, self._settings, reply_tokens=manner.tokens)
            whole = prompt.fixed + prompt.rest
            cue = request.release.cue
            pieces = model.write(
                prompt,
                answer,
                most_tokens=manner.tokens,
                temperature=manner.temperature,
                # It knows nothing of the model: CTranslate2 lets go of it in a thread of the model's own, which can't
                # wait for itself if that frees the model.
                stop=partial(self._cancelled.__contains__, request.id),
            )
            try:
                for piece in pieces:
                    for text, pause_ms in stream.feed(piece):
                        yield Clause(text, cue=cue, pause_after_ms=pause_ms)
                    if stream.stopped:
                        break
            finally:
                pieces.close()  # type: ignore[attr-defined]
            for text, pause_ms in stream.end(finished=answer.ended):
                yield Clause(text, cue=cue, pause_after_ms=pause_ms)
            reason = _why(answer, stream, cancelled=request.id in self._cancelled)
        except TemplateFailed as error:
            reason = "template"
            logger.warning("language_model_failed", reason=reason, detail=str(error))
        except TooLong:
            reason = "context"
        except EngineError as error:
            reason = "failed"
            logger.warning("language_model_failed", reason=reason, detail=error.message)
        finally:
            self._cancelled.pop(request.id, None)
        if not stream.spoken:
            reason = reason or "empty"
            yield from _card_words(request)
        outcome = "model" if stream.spoken and not reason else ("finished" if stream.spoken else "card")
        use = ModelUse(
            model=model.id,
            digest=model.digest,
            outcome=outcome,  # type: ignore[arg-type]
            reason=reason,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            cached_tokens=answer.cached_tokens,
            first_token_ms=answer.first_token_ms,
            took_ms=round(answer.took_ms, 1),
            prompt=whole,
            completion=answer.text,
        )
        _log(request, use)
        yield use
        yield ReplyEnd()

    # ------------------------------------------------------------------ what it is told

    def _is_for_model(self, request: RespondRequest) -> bool:
        release = request.release
        if request.persona.instructions:
            return release.free
        if request.kind is not RespondKind.REPLY or not release.text.strip() or not request.text.strip():
            return False
        if self._acts is not None:
            return release.free and release.act in self._acts
        told = release.cue is not None or release.fact is not None
        return release.free or (told and self._settings.speaks_for == "everything")


def _what(settings: LanguageModelSettings, acts: frozenset[Act] | None) -> str:
    if acts is not None:
        return f"what is off the card, at {', '.join(sorted(acts))}"
    return "everything" if settings.speaks_for == "everything" else "what is off the card"


def _card_words(request: RespondRequest) -> Iterator[Clause]:
    return clauses_of(request.release.text, cue=request.release.cue, split=split_clauses)


def _why(answer: GeneratedAnswer, stream: ClauseStream, *, cancelled: bool) -> str:
    """Return the code of what kept the model from ending by itself, or nothing."""
    if cancelled:
        return "cancelled"
    if stream.stopped == "repeats":
        return "repeats"
    if stream.stopped or answer.ended:
        return "" if stream.spoken else "empty"
    return "length"


def _log(request: RespondRequest, use: ModelUse) -> None:
    """Say in the server's log what it took: never what was said."""
    logger.info(
        "language_model_asked",
        request=request.id,
        model=use.model,
        digest=use.digest[:12],
        outcome=use.outcome,
        reason=use.reason,
        tokens_in=use.tokens_in,
        tokens_out=use.tokens_out,
        cached_tokens=use.cached_tokens,
        first_token_ms=round(use.first_token_ms, 1) if use.first_token_ms is not None else None,
        took_ms=use.took_ms,
    )


def make_responder(
    folder: Path,
    settings: LanguageModelSettings,
    models: ModelSettings,
    parallel: int,
    acts: frozenset[Act] | None = None,
) -> LanguageModelResponder:
    """Return the responder of a model's folder; replies beyond `parallel` at once wait for each other.

    With `acts` the model words replies to turns of these acts alone.
    """

    def load() -> Lease[LanguageModel]:
        device = choose_device(settings.device, settings.compute)
        key = f"{folder.name} on {device.label} ({device.compute_type})"
        return shared_cache(models).lease(
            key,
            lambda: LanguageModel(folder, device=device, parallel=parallel, cached_cards=settings.cached_cards),
            estimate_bytes=files_bytes(folder),
            device=device.label,
        )

    return LanguageModelResponder(load, settings, folder.name, acts=acts)

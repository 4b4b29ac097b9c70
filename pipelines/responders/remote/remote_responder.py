"""The responder that has a remote mind word the patient's replies, with the card's words where it can't or may not."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field

import structlog

from pipelines.conversation.heard import content_words
from pipelines.engines import Clause, EngineInfo, PrepareRequest, RemoteUse, ReplyEnd, ReplyPart, RespondRequest
from pipelines.responders.card_words import clauses_of
from pipelines.responders.remote.chat_messages import chat_messages
from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.forms import ChatMessage
from pipelines.responders.remote.mind import RemoteMind
from pipelines.responders.remote.network import Stream
from pipelines.responders.remote.reply import RemoteReply
from pipelines.responders.remote.reply_account import Account
from pipelines.responders.remote.scrub import Scrubber, words_to_keep
from pipelines.tts.clauses import split_clauses

logger = structlog.get_logger("pipelines.remote")

# Beyond the time for a whole reply: the network's loop itself hangs.
_GRACE_S = 5.0
# A clause carries what it tells if it has a share of the released content words; less is small talk.
_SAID_SHARE = 0.3


@dataclass(slots=True)
class _Asked:
    """What one request came to, filled on the network's loop and read when it is over."""

    scrubber: Scrubber = field(default_factory=Scrubber)
    reply: RemoteReply | None = None
    said: list[str] = field(default_factory=list)

    @property
    def account(self) -> Account:
        return self.reply.account if self.reply is not None else Account()


class RemoteResponder:
    """A Responder; one of them serves all threads of a lane.

    Every reply has a RemoteUse before its end. A candidate who did not agree, a failure and a spent budget are no
    errors: the card's words are said.
    """

    def __init__(self, mind: RemoteMind) -> None:
        plan = mind.plan
        self.info = EngineInfo(
            kind="responder", name="remote", demonstration=False, isolation="thread", detail=plan.shown
        )
        self.mind = mind
        self._lock = threading.Lock()
        self._streams: dict[str, Stream[str]] = {}
        # A cancellation may come before its request has begun.
        self._cancelled: deque[str] = deque(maxlen=256)

    def warm(self) -> None:
        """Load what is needed; nothing is sent before somebody agreed."""
        self.mind.network.run(self.mind.open, timeout_s=30.0)
        split_clauses("Ready.")

    def prepare(self, request: PrepareRequest) -> None:
        """Nothing depends on the patient."""

    def cancel(self, request_id: str) -> None:
        """Close the stream of a request at once; called from another thread."""
        with self._lock:
            self._cancelled.append(request_id)
            stream = self._streams.get(request_id)
        if stream is not None:
            stream.cancel()

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart | RemoteUse]:
        """Yield the reply's clauses as they come, then what it took, then one ReplyEnd."""
        began_s = time.monotonic()
        if not request.release.text.strip():
            yield ReplyEnd()  # nothing is to be said
            return
        asked = _Asked()
        failure: RemoteFailure | None = None
        try:
            for sentence in self._sentences(request, asked):
                asked.said.append(sentence)
                yield from clauses_of(sentence, cue=request.release.cue, split=split_clauses)
        except RemoteFailure as raised:
            failure = raised
        except TimeoutError:
            failure = RemoteFailure("remote.timeout", "the network's own thread does not answer")
        except Exception as error:
            # Whatever is wrong with us, the patient answers; what was said may be in the error's words.
            logger.error("remote_mind_failed", error=type(error).__name__)
            failure = RemoteFailure("remote.broken", "failed in a way that nobody thought of")
        by_card = _left_of_the_card(request, asked.said, failed=failure is not None)
        for text, pause_after_ms in by_card:
            yield Clause(text, request.release.cue, pause_after_ms)
        use = self._use(asked, failure, by_card=bool(by_card), took_ms=1000.0 * (time.monotonic() - began_s))
        _log(request, use)
        yield use
        yield ReplyEnd()

    def _sentences(self, request: RespondRequest, asked: _Asked) -> Iterator[str]:
        if not request.may_leave:
            raise RemoteFailure("remote.consent", "the candidate did not agree to it", final=True)
        stream = self.mind.network.stream(lambda: self._ask(request, asked))
        with self._lock:
            cancelled = request.id in self._cancelled
            self._streams[request.id] = stream
        try:
            if not cancelled:
                yield from stream.read(timeout_s=self.mind.plan.settings.waits.whole_s + _GRACE_S)
        finally:
            stream.cancel()
            with self._lock:
                self._streams.pop(request.id, None)

    async def _ask(self, request: RespondRequest, asked: _Asked) -> AsyncIterator[str]:
        def prompt(said: Sequence[str]) -> list[ChatMessage]:
            asked.scrubber = Scrubber(kept)
            return chat_messages(request, scrub=asked.scrubber, said=said)

        kept = _kept(request)
        asked.reply = await self.mind.ask(request.session, prompt)
        try:
            async with aclosing(asked.reply.sentences()) as sentences:
                async for sentence in sentences:
                    yield sentence
        finally:
            self.mind.watch_health()

    def _use(self, asked: _Asked, failure: RemoteFailure | None, *, by_card: bool, took_ms: float) -> RemoteUse:
        account, plan = asked.account, self.mind.plan
        session_share = self.mind.spending.used(asked.reply.session if asked.reply is not None else "")
        return RemoteUse(
            provider=plan.name,
            model=plan.model,
            host=account.host,
            outcome="remote" if not by_card else ("finished" if asked.said else "card"),
            reason=failure.code if failure is not None else ("remote.incomplete" if by_card else ""),
            failures=tuple(account.failures),
            tokens_in=account.tokens_in,
            tokens_out=account.tokens_out,
            estimated=account.estimated,
            cost=round(account.cost, 6),
            first_token_ms=account.first_token_ms and round(account.first_token_ms, 1),
            took_ms=round(took_ms, 1),
            scrubbed=asked.scrubber.found,
            budget_used=round(session_share, 4),
            prompt=account.prompt,
            completion=account.completion,
        )


def _log(request: RespondRequest, use: RemoteUse) -> None:
    """Say in the server's log what it took: never what was said."""
    told = {name: value for name, value in asdict(use).items() if name not in ("prompt", "completion")}
    logger.info("remote_mind_asked", request=request.id, **told)


def _kept(request: RespondRequest) -> frozenset[str]:
    """Return the words of the card that are known here: its names are nobody's personal data."""
    patient = [item.text for item in request.history if item.role == "patient"]
    persona = request.persona
    return words_to_keep([persona.name, persona.setting, persona.instructions, request.release.text, *patient])


def _left_of_the_card(request: RespondRequest, said: list[str], *, failed: bool) -> list[tuple[str, int]]:
    """Return the card's own clauses that are still to be said.

    All of them where nothing was said. After a failure those that the sentences before it had not told; after a whole
    reply too, but only if it was to tell a cue or a fact and told next to nothing of it.
    """
    release = request.release
    clauses = split_clauses(release.text)
    if not said:
        return clauses
    if request.persona.instructions:
        # Without a card there is nothing that must be told: what was said stands.
        return []
    told = set(content_words(" ".join(said)))
    if not failed:
        wanted = set(content_words(release.text))
        must_tell = release.cue is not None or release.fact is not None
        if not must_tell or not wanted or len(wanted & told) >= _SAID_SHARE * len(wanted):
            return []
        return clauses
    return [clause for clause in clauses if not _is_told(clause[0], told)]


def _is_told(clause: str, told: set[str]) -> bool:
    words = set(content_words(clause))
    return len(words & told) >= 0.6 * len(words)

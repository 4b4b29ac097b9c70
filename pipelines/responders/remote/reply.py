"""One reply of a remote mind: asked of one host after another until it is whole, and cut into sentences.

When a host fails in the middle, its unfinished sentence is dropped, and the next one is told what was said and asked to
go on. What it says again all the same is not passed on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import httpx2

from pipelines.responders.remote.attempt import stream_answer
from pipelines.responders.remote.chat_messages import DONE
from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.forms import Asking, ChatMessage, ProviderForm, as_json
from pipelines.responders.remote.remote_host import Hosts, RemoteHost
from pipelines.responders.remote.remote_plan import RemotePlan
from pipelines.responders.remote.reply_account import Account, TokenUsage
from pipelines.responders.remote.reply_sentences import SentenceCutter, is_said, without_said
from pipelines.responders.remote.spending import Spending

# A patient says no more at once; a model that never stops is stopped there.
MOST_SENTENCES = 5
# Beyond what it says again after another was cut off, a model that repeats itself has nothing more to say.
MOST_REPEATS = 2
# A host that wants to be asked again later than this is not waited for.
MOST_PATIENCE_S = 1.5

Prompt = Callable[[Sequence[str]], list[ChatMessage]]
"""Makes the prompt, given the sentences that were said already."""


class RemoteReply:
    """The asking of one reply; runs on the network's loop."""

    def __init__(
        self,
        plan: RemotePlan,
        *,
        session: str,
        prompt: Prompt,
        client: httpx2.AsyncClient,
        form: ProviderForm,
        hosts: Hosts,
        spending: Spending,
    ) -> None:
        self.account = Account()
        self.said: list[str] = []
        self._began_s = 0.0
        self._repeats = 0
        self._plan = plan
        self.session = session
        self._prompt = prompt
        self._client = client
        self._form = form
        self._hosts = hosts
        self._spending = spending

    async def sentences(self) -> AsyncGenerator[str, None]:
        """Yield the reply's sentences; raises RemoteFailure when no host can finish it."""
        waits = self._plan.settings.waits
        loop = asyncio.get_running_loop()
        self._began_s = loop.time()
        due_s = self._began_s + waits.whole_s
        failed: list[RemoteHost] = []
        # If none may be asked just now, it is for what they failed of before.
        told = [host.last_failure for host in self._hosts.all if host.last_failure is not None]
        last = told[0] if told else RemoteFailure("remote.unreachable", "no host may be asked just now")
        for attempt in range(waits.tries):
            host = await self._next_host(failed)
            if host is None:
                raise last
            if host in failed:
                await asyncio.sleep(self._backoff_s(attempt))
            # Before the first words somebody waits in silence.
            until_s = due_s if self.said else min(due_s, self._began_s + 2 * waits.first_token_s)
            if loop.time() >= until_s:
                raise last
            self.account.host = str(host)
            try:
                async with aclosing(self._ask(host, due_s, until_s)) as sentences:
                    async for sentence in sentences:
                        yield sentence
            except RemoteFailure as failure:
                last = failure
                self.account.note_failure(host, failure)
                if failure.final:
                    raise
                host.failed(failure)
                failed.append(host)
            else:
                host.succeeded()
                return
        raise last

    async def _ask(self, host: RemoteHost, due_s: float, first_due_s: float) -> AsyncGenerator[str, None]:
        """Yield what one host adds to what was said; raises RemoteFailure.

        It is waited for until `due_s` of the loop's time, for its first words until `first_due_s`.
        """
        settings = self._plan.settings
        messages = self._prompt(self.said)
        usage = TokenUsage.of(messages)
        self.account.prompt = as_json(messages)
        held = self._spending.reserve(self.session, tokens_in=usage.likely_in, tokens_out=settings.max_tokens)
        asking = Asking(
            self._plan.model, messages, settings.max_tokens, settings.temperature, self._plan.provider.limit_field
        )
        went_on = bool(self.said)
        cutter = SentenceCutter(eager=not went_on)
        loop = asyncio.get_running_loop()
        billed = began = False
        try:
            with host.request():
                # Whoever stops waiting for an answer that had not begun is likely to pay for the question.
                billed = True
                stream = stream_answer(
                    self._client,
                    host,
                    self._form,
                    asking,
                    waits=settings.waits,
                    until_s=due_s,
                    first_until_s=first_due_s,
                )
                async with aclosing(stream) as deltas:
                    async for delta in deltas:
                        began = True
                        usage.take(delta)
                        self.account.completion += delta.text
                        if delta.text and self.account.first_token_ms is None:
                            self.account.first_token_ms = 1000.0 * (loop.time() - self._began_s)
                        found = cutter.feed(delta.text)
                        if delta.finished or delta.last:
                            found += cutter.flush()
                        for sentence in found:
                            if new := self._new(sentence, went_on):
                                yield new
                        if len(self.said) >= MOST_SENTENCES or self._repeats > len(self.said) + MOST_REPEATS:
                            return
                        if loop.time() > due_s:
                            raise RemoteFailure("remote.timeout", "took too long for the whole reply")
            for sentence in cutter.flush():
                if new := self._new(sentence, went_on):
                    yield new
            if not self.said:
                raise RemoteFailure("remote.empty", "answered without a word")
        except RemoteFailure as failure:
            billed = began or failure.code == "remote.timeout"
            raise
        finally:
            self.account.settle(self._spending, held, usage, billed=billed)

    async def _next_host(self, failed: Sequence[RemoteHost]) -> RemoteHost | None:
        """Return whom to ask now; waits a little for a host that asked for it."""
        host = self._hosts.choose(avoid=failed)
        if host is None and self._hosts.free_in_s() <= MOST_PATIENCE_S:
            await asyncio.sleep(self._hosts.free_in_s())
            host = self._hosts.choose(avoid=failed)
        return host

    def _new(self, sentence: str, went_on: bool) -> str:
        """Note a sentence and return what of it is to be said; nothing of one that was said before."""
        if went_on:
            sentence = without_said(sentence, self.said)
        if is_said(sentence, self.said, nearly=went_on) or (went_on and sentence.strip(" .!").lower() == DONE):
            self._repeats += 1
            return ""
        self.said.append(sentence)
        return sentence

    def _backoff_s(self, attempt: int) -> float:
        waits = self._plan.settings.waits
        # Spread, so that sessions that failed together don't come back together.
        return waits.backoff_ms / 1000.0 * 2.0 ** (attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311

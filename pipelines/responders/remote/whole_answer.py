"""A whole answer of a remote mind, for which nobody waits in silence: asked of one host after another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from pipelines.responders.remote.attempt import stream_answer
from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.forms import FORMS, Asking, ChatMessage, Delta
from pipelines.responders.remote.mind import RemoteMind
from pipelines.responders.remote.remote_host import RemoteHost
from pipelines.responders.remote.reply_account import Account, TokenUsage
from pipelines.responders.remote.settings import RemoteWaits

# A model that is loaded for this request answers late, and a long prompt takes a machine without a card a while.
PATIENT_WAITS = RemoteWaits(connect_s=5.0, first_token_s=60.0, idle_s=30.0, whole_s=100.0, tries=3, backoff_ms=500)
# A host that is busy, or left alone since it failed, is waited for so long and no longer.
_MOST_PATIENCE_S = 30.0


async def ask_whole(mind: RemoteMind, session: str, messages: Sequence[ChatMessage]) -> tuple[str, Account]:
    """Return what the mind answers to a prompt, and what it took; on the network's loop.

    Length and temperature are those of the mind's settings, and the budget counts it as `session`'s. Raises
    RemoteFailure when no host gives a whole answer: it ended by its own will, within the length.
    """
    account = Account()
    waits = mind.plan.settings.waits
    failed: list[RemoteHost] = []
    last = RemoteFailure("remote.unreachable", "no host may be asked just now")
    for attempt in range(waits.tries):
        host = mind.hosts.choose(avoid=failed)
        if host is None and (wait_s := mind.hosts.left_alone_for_s()) <= _MOST_PATIENCE_S:
            await asyncio.sleep(wait_s)
            host = mind.hosts.choose(avoid=failed)
        if host is None:
            break
        if host in failed:
            await asyncio.sleep(waits.backoff_ms / 1000.0 * 2.0 ** (attempt - 1))
        account.host = str(host)
        try:
            text = await _ask(mind, host, session, messages, account)
        except RemoteFailure as failure:
            last = failure
            account.note_failure(host, failure)
            if failure.final:
                raise
            host.failed(failure)
            failed.append(host)
        else:
            host.succeeded()
            return text, account
    raise last


async def _ask(
    mind: RemoteMind, host: RemoteHost, session: str, messages: Sequence[ChatMessage], account: Account
) -> str:
    plan, settings = mind.plan, mind.plan.settings
    usage = TokenUsage.of(messages)
    held = mind.spending.reserve(session, tokens_in=usage.likely_in, tokens_out=settings.max_tokens)
    asking = Asking(plan.model, list(messages), settings.max_tokens, settings.temperature, plan.provider.limit_field)
    until_s = asyncio.get_running_loop().time() + settings.waits.whole_s
    pieces: list[str] = []
    billed = False
    try:
        with host.request():
            billed = True
            stream = stream_answer(
                await mind.open(),
                host,
                FORMS[plan.provider.form],
                asking,
                waits=settings.waits,
                until_s=until_s,
                first_until_s=until_s,
            )
            async with aclosing(stream) as deltas:
                async for delta in deltas:
                    usage.take(delta)
                    pieces.append(delta.text)
                    _check_length(pieces, delta, settings.max_tokens)
        if not (text := "".join(pieces).strip()):
            raise RemoteFailure("remote.empty", "answered without a word")
        return text
    except RemoteFailure as failure:
        billed = bool(pieces) or failure.code == "remote.timeout"
        raise
    finally:
        account.settle(mind.spending, held, usage, billed=billed)


def _check_length(pieces: list[str], delta: Delta, max_tokens: int) -> None:
    # A host that does not keep to the length is not listened to for ever: no token has so many characters.
    if delta.text and sum(map(len, pieces)) > 20 * max_tokens:
        raise RemoteFailure("remote.broken", "writes more than it was asked for", final=True)

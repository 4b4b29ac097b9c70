"""Remote minds and requests to them, as tests need them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from pipelines.engines import (
    Clause,
    HistoryItem,
    Persona,
    Release,
    RemoteUse,
    ReplyEnd,
    RespondKind,
    RespondRequest,
)
from pipelines.intent.acts import Act
from pipelines.responders.remote.mind import RemoteMind
from pipelines.responders.remote.remote_plan import plan_remote
from pipelines.responders.remote.remote_responder import RemoteResponder
from pipelines.responders.remote.settings import RemoteKeys, RemoteSettings
from tests.fakes.provider import KEY, Provider

PERSONA = Persona("Margaret Hollis", 67, "female", "anxious", "A medical ward, in the afternoon.")
CARD_WORDS = "It's my chest, it started three days ago. And it hurts when I breathe in."
HISTORY = (
    HistoryItem("candidate", "Good morning, my name is Sarah Jones, I'm the nurse."),
    HistoryItem("patient", "Hello. I'm Margaret Hollis."),
)


def remote_settings(*providers: Provider, key: str = KEY, **more: Any) -> RemoteSettings:
    """Return settings with these providers as hosts, and short waits."""
    waits = {"connect_s": 1.0, "first_token_s": 0.6, "idle_s": 0.4, "whole_s": 5.0, "backoff_ms": 5, "open_s": 0.5}
    return RemoteSettings.model_validate(
        {
            "provider": "compatible",
            "model": "test-model",
            "hosts": tuple(provider.url for provider in providers),
            "keys": RemoteKeys(other=SecretStr(key)),
            **more,
            "waits": waits | more.get("waits", {}),
        }
    )


@contextmanager
def remote_responder(settings: RemoteSettings, spending_file: Path | None = None) -> Iterator[RemoteResponder]:
    """Return a responder whose connections are closed at the end."""
    mind = RemoteMind(plan_remote(settings), spending_file=spending_file)
    responder = RemoteResponder(mind)
    responder.warm()
    try:
        yield responder
    finally:
        mind.close()


def request(
    text: str = "What brought you in?",
    *,
    reply: int = 1,
    session: str = "one",
    may_leave: bool = True,
    release: str = CARD_WORDS,
    history: Sequence[HistoryItem] = HISTORY,
) -> RespondRequest:
    """Return a request for a reply to a candidate who agreed."""
    return RespondRequest(
        id=f"{session}/{reply}",
        turn=reply,
        revision=0,
        kind=RespondKind.REPLY,
        persona=PERSONA,
        release=Release(Act.OPEN, release, cue="pain"),
        text=text,
        history=tuple(history),
        may_leave=may_leave,
    )


class Reply:
    """What a responder said, and what it took."""

    def __init__(self, parts: Sequence[object]) -> None:
        assert isinstance(parts[-1], ReplyEnd)
        self.clauses = [part for part in parts if isinstance(part, Clause)]
        (self.use,) = [part for part in parts if isinstance(part, RemoteUse)]
        assert sum(isinstance(part, ReplyEnd) for part in parts) == 1
        self.text = " ".join(clause.text for clause in self.clauses)


def reply_of(responder: RemoteResponder, asked: RespondRequest | None = None) -> Reply:
    """Have a request answered."""
    return Reply(list(responder.respond(asked or request())))

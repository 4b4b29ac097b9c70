"""Whole sessions with a language model of our own: what it took is in the log, and what it does wrong stops nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from audio.speech import SpeechSettings
from bench.replay.local import LocalLink
from pipelines.conversation.settings import ConversationSettings
from pipelines.engines import ModelUse, ReplyPart, RespondRequest
from pipelines.events import Audience, EngineIncident, LanguageModelAsked, ReplyFinished, ReplyProposed
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import JsonlStore, read_jsonl
from pipelines.patient.card_library import CardLibrary
from pipelines.responders.language_model.model_responder import LanguageModelResponder
from pipelines.scripted.scripted_responder import ScriptedResponder
from pipelines.virtual_time import run_virtual, virtual_clock
from tests.component.conftest import ROOT, Replay
from tests.component.engines import engines_on_lanes
from tests.tiny_llama import TEMPLATE, tiny_responder

NAME = "consultation.flac"


def test_what_the_model_was_asked_and_wrote_is_in_the_log_for_developers(replay: Replay) -> None:
    replayed = replay(NAME, responder=tiny_responder, turns=3)
    asked = replayed.events(LanguageModelAsked)
    heard = {event.reply for event in replayed.events(ReplyFinished) if event.heard}
    # Drafts that were thrown away are among those that were asked for.
    assert len(heard & {event.reply for event in asked}) >= 2
    assert LanguageModelAsked.audience is Audience.DEVELOPER
    for event in asked:
        assert event.model == "tiny"
        assert len(event.digest) == 64
        assert event.tokens_in > event.cached_tokens > 0
        assert event.tokens_out > 0
        assert event.prompt.endswith("<|im_start|>assistant\n")
        assert event.completion
    assert replayed.events(EngineIncident) == []


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ raise_exception('no') }}", "template"),
        ("{{ messages.__class__.__base__.__subclasses__() }}", "template"),
        ("{% for i in range(9000) %}{% for j in range(9000) %}{% endfor %}{% endfor %}", "template"),
        (TEMPLATE + "{{ '%9000d' | format(1) }}", "context"),
    ],
)
def test_a_template_that_fails_ends_the_turn_with_the_cards_words(replay: Replay, template: str, reason: str) -> None:
    def broken() -> LanguageModelResponder:
        return tiny_responder(**{"tokenizer.chat_template": template})

    replayed = replay(NAME, responder=broken, turns=3)
    asked = replayed.events(LanguageModelAsked)
    assert asked
    assert {(event.outcome, event.reason, event.tokens_out) for event in asked} == {("card", reason, 0)}
    heard = {event.reply for event in replayed.events(ReplyFinished) if event.heard}
    assert len(heard & {event.reply for event in asked}) >= 2
    assert len(replayed.events(ReplyProposed)) >= 3
    assert replayed.events(EngineIncident) == []


class Accounting(ScriptedResponder):
    """Says of each reply, its opening too, what it took."""

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
        yield ModelUse("tiny", "", "model")  # type: ignore[misc]  # an account is no part of the scripted ones
        yield from super().respond(request)


def test_a_reply_under_way_when_the_server_leaves_adds_nothing_to_the_log(tmp_path: Path) -> None:
    async def main() -> tuple[int, int]:
        async with engines_on_lanes(responder=Accounting) as engines:
            link = LocalLink(
                card=CardLibrary.load(ROOT / "configs" / "exam")["warm-up"],
                engines=engines,
                conversation=ConversationSettings(),
                speech=SpeechSettings(),
                vad="silero",
                clock=virtual_clock(),
                session_s=300,
                store=JsonlStore(tmp_path, disk, failed=lambda error: pytest.fail(error.message)),
            )
            link.start()
            assert link.driver.core.reply_number is not None
            link.driver.leave()
            link.driver.log.close()
            left = link.driver.log.next_seq
            await asyncio.sleep(10)
            return left, link.driver.log.next_seq

    disk = DiskThread()
    left, later = run_virtual(main())
    disk.close()
    assert later == left == len(list(read_jsonl(tmp_path)))

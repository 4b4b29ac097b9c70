"""Races in the conversation's core, found by `test_conversation_machine.py`, each named after what went wrong."""

from __future__ import annotations

from pipelines.conversation import commands as c
from pipelines.conversation import signals as s
from pipelines.conversation.settings import ConversationSettings
from pipelines.conversation.states import State
from pipelines.engines import Clause, RespondKind, Word
from tests.unit.conversation_world import World


class Talk(World):
    """A world that also keeps the replies that were asked for."""

    def __init__(self, *, patient_opens: bool = False) -> None:
        self.asked: list[c.Respond] = []
        super().__init__(ConversationSettings(), patient_opens=patient_opens)

    def tell(self, signal: s.Signal) -> None:
        """Give the core a signal; the interpreter answers at once."""
        super().tell(signal)
        while self.meanings:
            self.interpret()

    def wait(self, ms: float) -> None:
        """Let time pass."""
        for _ in range(round(ms / 20)):
            self.tick()

    def say(self, text: str) -> None:
        """Speak a turn, up to the moment at which its reply is asked for."""
        self.voice_starts()
        self.wait(800)
        self.voice_pauses()
        self.wait(200)
        (segment,) = (number for number, state in self.segments.items() if state in ("open", "asked"))
        if self.segments[segment] == "open":
            self.understood(segment, text, final=False, interim=next(n for seg, n in self.interims if seg == segment))
            self.wait(100)
        self.understood(segment, text, final=True)
        self.wait(400)

    def _respond(self, command: c.Respond) -> None:
        self.asked.append(command)
        super()._respond(command)


def test_a_turn_typed_during_the_opening_line_is_forgotten_race() -> None:
    talk = Talk(patient_opens=True)
    talk.tell(s.Typed("do you smoke"))
    talk.rest()
    talk.tell(s.ReplyAsked())
    assert (talk.asked[-1].kind, talk.asked[-1].text) == (RespondKind.REPLY, "do you smoke")


def test_a_turn_typed_while_the_patient_answers_another_is_forgotten_race() -> None:
    talk = Talk()
    talk.say("does it hurt")
    talk.answer_all()
    assert talk.core.state is State.SPEAKING
    talk.tell(s.Typed("do you smoke"))
    talk.rest()
    talk.tell(s.ReplyAsked())
    assert (talk.asked[-1].kind, talk.asked[-1].text) == (RespondKind.REPLY, "do you smoke")


def test_a_typed_turn_is_answered_by_a_silence_prompt_race() -> None:
    talk = Talk()
    talk.tell(s.Typed("do you smoke"))
    talk.wait(20_000)
    talk.rest()
    talk.tell(s.ReplyAsked())
    assert "do you smoke" in [command.text for command in talk.asked]


def test_a_reply_names_a_turn_that_was_ignored_race() -> None:
    talk = Talk()
    talk.tell(s.Typed("do you smoke"))
    talk.voice_starts()
    talk.tell(s.ClearAsked())
    talk.tell(s.ReplyAsked())
    assert talk.ignored == [2]
    assert talk.asked[-1].turn == 1


def test_a_draft_answers_less_than_was_said_race() -> None:
    """Typed words join the question while a draft answers the spoken ones alone: the draft is not the reply."""
    talk = Talk()
    talk.voice_starts()
    talk.wait(800)
    talk.voice_pauses()
    talk.wait(60)
    talk.understood(1, "does it hurt", final=False, interim=talk.interims[0][1])
    talk.wait(60)
    talk.understood(1, "does it hurt", final=True)
    assert [command.draft for command in talk.asked] == [True]
    talk.tell(s.Typed("do you smoke"))
    talk.wait(1_000)
    (first, second) = talk.asked
    assert first.text == "does it hurt"
    assert set(second.text.split()) == {*first.text.split(), "do", "you", "smoke"}
    assert talk.replies[first.reply].over


def test_words_of_a_clause_that_is_still_being_made_count_as_heard_race() -> None:
    """A voice tells the times of a clause's words as it makes them: what it has not made yet was not heard."""
    talk = Talk()
    talk.say("what worries you")
    (reply,) = talk.replies
    talk.propose(reply, Clause("My father lost his leg.", "father"))
    talk.tell(s.WordsTimed(reply, 0, (Word("My", 0, 200), Word("father", 200, 400))))
    talk.replies[reply].prepared = True
    talk.replies[reply].words = [Word("My", 0, 200), Word("father", 200, 400)]
    talk.tell(s.Prepared(reply))
    talk.wait(400)
    talk.tell(s.CancelAsked(400.0))
    assert talk.patient_said == ["My father"]
    assert talk.core.memory.told == []

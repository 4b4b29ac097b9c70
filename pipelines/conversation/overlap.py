"""The candidate makes a sound over the patient: what is known of it while it is being judged."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from pipelines.conversation.candidate_turn import Turn
from pipelines.conversation.echo_judge import EchoJudge
from pipelines.conversation.floor import Claim, FloorEvidence, judge
from pipelines.conversation.heard import Reply, SpokenQuestion
from pipelines.conversation.overlap_labels import NOTHING_KNOWN, Asked, Context
from pipelines.conversation.settings import ConversationSettings
from pipelines.engines import Word

# A patient without echo cancellation at the other end hears itself from its first sound; so long it is on its guard.
GUARD_MS = 3_000.0
# People who answer before a question is over begin so long before its last word at the earliest.
ANSWER_EARLY_MS = 600.0
# And who is slow answers so long after it, though the patient has gone on.
ANSWER_LATE_MS = 900.0
_LEAVE = re.compile(r"^(?:so |but |and |well,? |doctor,? |nurse,? )?(?:can|may|could|shall) i (?:be|ask|say|tell)\b")
# A question without any of these is a fragment ("The blue one?"), said to be sure of what one goes on about.
_ASKING = re.compile(
    r"\b(?:am|is|are|was|were|do|does|did|have|has|had|can|could|will|would|shall|should|may|might|must|what|when|where|"
    r"why|which|who|how|isn't|aren't|won't|can't|couldn't|don't|doesn't|didn't|wouldn't|shouldn't|haven't|right|okay)\b"
)


@dataclass(frozen=True, slots=True)
class Onset:
    """A sound over the patient's; times in media milliseconds."""

    at_ms: float
    held: bool  # the patient's audio was paused for it
    # The reply's audio would have begun at this media time if it had gone on without a hold.
    played_from_ms: float
    context: Context
    gone_on: bool = False  # the patient did, after a pause


@dataclass(slots=True)
class Overlap:
    """One sound at a time, and whether sounds are to be taken for the patient's own echo."""

    settings: ConversationSettings
    onset: Onset | None = None
    echo_cancelled: bool = True
    echo: EchoJudge = field(default_factory=EchoJudge)

    @property
    def on_hold(self) -> bool:
        """Whether the patient's audio is paused."""
        return self.onset is not None and self.onset.held

    @property
    def gone_on(self) -> bool:
        """Whether the patient went on before it was known what the sound was."""
        return self.onset is not None and self.onset.gone_on

    def guarded(self, patient_ms: float) -> bool:
        """Return whether a sound may be the patient's own, of whom so much was heard: only clear words count then."""
        early = not self.echo_cancelled and patient_ms < GUARD_MS
        return early or (self.echo.expected and self.echo.echo is not False)

    def cancel_echo(self, on: bool) -> None:
        """Take the client's word on whether its device removes the patient's voice."""
        self.echo_cancelled = on

    def begin(self, onset_ms: float, *, held: bool, played_from_ms: float, context: Context) -> None:
        """A sound begins over the patient's."""
        self.onset = Onset(onset_ms, held, played_from_ms, context)

    def hold(self) -> bool:
        """Pause the patient's audio now; return whether it was not paused."""
        onset = self.onset
        if onset is None or onset.held:
            return False
        self.onset = replace(onset, held=True)
        return True

    def let_go(self) -> bool:
        """Let the patient's audio go on while the sound is still judged; return whether it was paused."""
        onset = self.onset
        if onset is None or not onset.held:
            return False
        self.onset = replace(onset, held=False, gone_on=True)
        return True

    def excuse(self, missing_ms: float) -> None:
        """So much of the sound may still come, late."""
        if self.onset is not None:
            self.onset = replace(self.onset, at_ms=self.onset.at_ms + missing_ms)

    def context(self, reply: Reply, *, guarded: bool) -> Context:
        """Return what the patient was doing when the sound began."""
        onset = self.onset
        if onset is None:
            return NOTHING_KNOWN
        asked = _asked(reply.questions(), onset.at_ms - onset.played_from_ms)
        if asked is not None and guarded:
            # What may be an echo answers nothing with words that are like no answer.
            asked = replace(asked, last=False)
        return replace(onset.context, asked=asked)

    def claim(
        self, turn: Turn | None, reply: Reply | None, now_ms: float, *, guarded: bool, interruptible: bool
    ) -> Claim:
        """Return what the sound is, as far as it can be told."""
        onset = self.onset
        if onset is None or turn is None or reply is None:
            return Claim.UNDECIDED
        end_ms = turn.end_ms(now_ms)
        shifted = (_shifted(word, onset.played_from_ms) for words in reply.words.values() for word in words)
        evidence = FloorEvidence(
            voiced_ms=end_ms - onset.at_ms,
            silent_ms=now_ms - end_ms,
            text=turn.text(),
            words=turn.words(),
            stable=turn.pause is not None and turn.pause.stable,
            playing=tuple(shifted),
            echo=self.echo.echo,
            guarded=guarded,
            echoes=self.echo.known,
            context=self.context(reply, guarded=guarded),
        )
        claim = judge(evidence, self.settings.floor)
        return Claim.UNDECIDED if claim is Claim.YIELD and not interruptible else claim

    def learn(self, claim: Claim, *, going_on: bool) -> None:
        """Learn from what a sound turned out to be, of which more may come."""
        if claim is Claim.ECHO:
            self.echo.found(going_on=going_on)
        elif self.echo.echo is False or claim is Claim.YIELD:
            self.echo.denied()

    def end(self) -> bool:
        """The sound is judged, or there is no patient to be heard under it; return whether the patient was paused."""
        held, self.onset = self.on_hold, None
        return held


def _shifted(word: Word, by_ms: float) -> Word:
    return replace(word, start_ms=round(word.start_ms + by_ms), end_ms=round(word.end_ms + by_ms))


def _asked(questions: list[SpokenQuestion], at_ms: float) -> Asked | None:
    """Return what the patient had just asked at that time of the reply's audio."""
    for question in reversed(questions):
        early = at_ms < question.last_word_ms - ANSWER_EARLY_MS
        if not early and (question.last or at_ms <= question.end_ms + ANSWER_LATE_MS):
            plain = question.text.lower()
            leave = not question.last and (_LEAVE.search(plain) is not None or _ASKING.search(plain) is None)
            return Asked(question.last, leave)
    return None

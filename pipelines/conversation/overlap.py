"""The candidate makes a sound over the patient: what is known of it while it is being judged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipelines.conversation.candidate_turn import Turn
from pipelines.conversation.echo_judge import EchoJudge
from pipelines.conversation.floor import Claim, FloorEvidence, judge
from pipelines.conversation.heard import Reply
from pipelines.conversation.settings import ConversationSettings
from pipelines.engines import Word

# A patient without echo cancellation at the other end hears itself from its first sound; so long it is on its guard.
GUARD_MS = 3_000.0


@dataclass(frozen=True, slots=True)
class Onset:
    """A sound over the patient's; times in media milliseconds."""

    at_ms: float
    held: bool  # the patient's audio was paused for it
    # The reply's audio would have begun at this media time if it had gone on without a hold.
    played_from_ms: float


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

    def guarded(self, patient_ms: float) -> bool:
        """Return whether a sound may be the patient's own, of whom so much was heard: only clear words count then."""
        early = not self.echo_cancelled and patient_ms < GUARD_MS
        return early or (self.echo.expected and self.echo.echo is not False)

    def cancel_echo(self, on: bool) -> None:
        """Take the client's word on whether its device removes the patient's voice."""
        self.echo_cancelled = on

    def begin(self, onset_ms: float, *, held: bool, played_from_ms: float) -> None:
        """A sound begins over the patient's."""
        self.onset = Onset(onset_ms, held, played_from_ms)

    def hold(self) -> bool:
        """Pause the patient's audio now; return whether it was not paused."""
        onset = self.onset
        if onset is None or onset.held:
            return False
        self.onset = replace(onset, held=True)
        return True

    def excuse(self, missing_ms: float) -> None:
        """So much of the sound may still come, late."""
        if self.onset is not None:
            self.onset = replace(self.onset, at_ms=self.onset.at_ms + missing_ms)

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

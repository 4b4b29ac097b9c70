"""What the live path knows of each pause in recordings, and what an evidence table makes of it.

Recordings are spoken to the live path under virtual time by an endpointing that cuts nobody off, so that every pause is
seen to its end. From what was seen a table is fitted, and its waits are worked out for any price of patience without
speaking the recordings again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from bench.pauses import HeardUtterance, run_pauses
from bench.pauses_plan import PausesPlan, Span
from bench.sound_fit import HeardPause, fit_sound
from pipelines.conversation.endpointing import ANSWER_WITHIN_MS
from pipelines.endpointing.completeness import going_on, shipped_model
from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.evidence_table import EvidenceRow, EvidenceTable
from pipelines.endpointing.habits import UNFINISHED_ENDS, UNFINISHED_PAUSES
from pipelines.endpointing.policy import EndpointPolicy, WaitJudgement
from pipelines.endpointing.settings import EndpointSettings
from pipelines.events import PauseJudged
from pipelines.patient.card_library import CardLibrary
from server.settings.tree import Settings

# So long nobody is answered: longer than nearly all pauses that are to be seen.
PATIENT_MS = 3_500.0
# The share of a hold's odds that is a hidden pause between words. Sentences that were read have no holds in them, so it
# can't be learned from them (the likelihood draws it to 1); shares of 0.2 to 0.9 give the same curve.
HIDDEN = 0.6


@dataclass(frozen=True, slots=True)
class SeenPause:
    """A pause, and what was known of it after how much silence.

    `length_ms` is None for the one that ends the turn. `joined`: it was made, by joining two sentences.
    """

    source: str
    utterance: int
    joined: bool
    length_ms: float | None
    seen: tuple[PauseJudged, ...]

    @property
    def is_end(self) -> bool:
        """Whether the turn was over."""
        return self.length_ms is None

    @property
    def finished(self) -> float | None:
        """How surely the turn sounded finished when that was heard first, None if it never was."""
        sound = next((judged.evidence["sound"] for judged in self.seen if "sound" in judged.evidence), None)
        return None if sound is None else 1.0 / (1.0 + math.exp(-sound))


class _Patient(EndpointPolicy):
    """An endpointing that judges as any other, and then waits for everybody."""

    def judge(self, evidence: PauseEvidence) -> WaitJudgement:
        return replace(super().judge(evidence), wait_ms=PATIENT_MS)


def observe(
    plans: Sequence[PausesPlan],
    *,
    settings: Settings,
    cards: CardLibrary,
    card: str | None = None,
    progress: Callable[[int], None] = lambda _count: None,
) -> list[SeenPause]:
    """Speak all utterances to the live path, and return their pauses with what was known of each."""
    heard = run_pauses(
        plans,
        settings=settings,
        conversation=settings.conversation,
        cards=cards,
        card=card,
        policy_of=lambda _plan: _Patient(settings.conversation.endpointing),
        progress=progress,
    )
    return [pause for each in heard for pause in _pauses_of(each)]


def _pauses_of(heard: HeardUtterance) -> Iterable[SeenPause]:
    utterance = heard.utterance
    spans: list[tuple[Span, float | None]] = [((start, stop), stop - start) for start, stop in utterance.pauses]
    spans.append(((heard.end_ms, math.inf), None))
    for span, length_ms in spans:
        seen = tuple(judged for at_ms, judged in heard.why if span[0] < at_ms <= span[1])
        joined = any(start == span[0] for start, _ in utterance.joined)
        yield SeenPause(utterance.planned.source, utterance.number, joined, length_ms, seen)


def longer(silent_ms: float, settings: EndpointSettings) -> float:
    """Return the share of the pauses inside turns that are longer, as the policy takes them."""
    model = shipped_model()
    return going_on(silent_ms / 1000.0, model.pause_s, model.pause_spread, settings.short_share)


def train(pauses: Iterable[SeenPause], settings: EndpointSettings, source: dict[str, object]) -> EvidenceTable:
    """Fit the weight of the sound to pauses that nobody made; the text's own odds count as they are.

    Each time the turn detector was heard is an example of the pauses that last so long at least.
    """
    heard = []
    for pause in pauses:
        for judged in _newly_heard(pause.seen) if not pause.joined else ():
            if pause.length_ms is None or judged.silent_ms < pause.length_ms:
                hold, inner = (longer(judged.silent_ms, settings) * odds for odds in _parts(judged))
                heard.append(HeardPause(hold, inner, judged.evidence["sound"], not pause.is_end))
    weight = fit_sound(heard, HIDDEN)
    most = math.log(UNFINISHED_PAUSES / UNFINISHED_ENDS)
    return EvidenceTable(source, {"sound": EvidenceRow(weight, 0.0, round(most, 2))}, HIDDEN)


def _parts(judged: PauseJudged) -> tuple[float, float]:
    """Return the text's odds of a hold and of a pause between words."""
    odds, between = math.exp(judged.worth["text"]), judged.evidence["between"]
    return odds * (1.0 - between), odds * between


def _newly_heard(seen: Sequence[PauseJudged]) -> list[PauseJudged]:
    """Return what was known each time the turn detector was heard anew."""
    heard, last = [], None
    for judged in seen:
        sound = judged.evidence.get("sound")
        if sound is not None and sound != last:
            heard.append(judged)
            last = sound
    return heard


def wait_ms(pause: SeenPause, table: EvidenceTable | None, policy: EndpointPolicy, trust: float = 1.0) -> float | None:
    """Return the wait that a pause would have been given with this table (None: by text alone), None if unseen.

    What comes later than the wait so far comes too late. `trust` is `EndSounds.trust`.
    """
    found: float | None = None
    for judged in pause.seen:
        if found is not None and judged.silent_ms > max(found, ANSWER_WITHIN_MS):
            break
        worth = sum(table.worth(judged.evidence, trust).values()) if table is not None else 0.0
        hold, inner = _parts(judged)
        odds = table.odds(hold, inner, worth) if table is not None else hold + inner
        found = max(1000.0 * policy.cheapest_s(odds, 1.0, shipped_model()), judged.silent_ms)
    return found

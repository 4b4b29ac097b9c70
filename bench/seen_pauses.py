"""What the live path knows of each pause in recordings, and what an evidence table makes of it.

Recordings are spoken to the live path under virtual time by an endpointing that cuts nobody off, so that every pause is
seen to its end. From what was seen a table is fitted, and its waits are worked out for any price of patience without
speaking the recordings again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from bench.logistic import Example, fit
from bench.pauses import HeardUtterance, run_pauses
from bench.pauses_plan import PausesPlan, Span
from pipelines.conversation.endpointing import ANSWER_WITHIN_MS
from pipelines.endpointing.completeness import going_on, shipped_model
from pipelines.endpointing.evidence import Evidence
from pipelines.endpointing.evidence_table import EvidenceRow, EvidenceTable
from pipelines.endpointing.policy import EndpointPolicy, WaitJudgement
from pipelines.endpointing.settings import EndpointSettings
from pipelines.events import PauseJudged
from pipelines.patient.card_library import CardLibrary
from server.settings.tree import Settings

# So long nobody is answered: longer than nearly all pauses that are to be seen.
PATIENT_MS = 3_500.0
# A weight is drawn to 0 as half its square counts against so much of the examples' log loss.
STRENGTH = 0.25
# A turn that sounds unfinished is waited for longer, but not for ever: synthetic and flat voices never sound finished.
MOST = 0.5


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


class _Patient(EndpointPolicy):
    """An endpointing that judges as any other, and then waits for everybody."""

    def judge(self, evidence: Evidence) -> WaitJudgement:
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

    Each time the turn detector was heard is an example of the pauses that last so long at least. What is the same for
    all pauses is fitted too, and left out: it is the price of patience, which the operator sets.
    """
    told = [
        (judged, not pause.is_end)
        for pause in pauses
        if not pause.joined
        for judged in _newly_heard(pause.seen)
        if pause.length_ms is None or judged.silent_ms < pause.length_ms
    ]
    found = fit(
        [
            Example(
                {"sound": judged.evidence["sound"]},
                positive=goes_on,
                offset=judged.worth["text"] + math.log(longer(judged.silent_ms, settings)),
            )
            for judged, goes_on in told
        ],
        strength=STRENGTH,
        seen=1,
    )
    return EvidenceTable(source, {"sound": EvidenceRow(found.weights.get("sound", 0.0), 0.0, MOST)})


def _newly_heard(seen: Sequence[PauseJudged]) -> list[PauseJudged]:
    """Return what was known each time the turn detector was heard anew."""
    heard, last = [], None
    for judged in seen:
        sound = judged.evidence.get("sound")
        if sound is not None and sound != last:
            heard.append(judged)
            last = sound
    return heard


def wait_ms(pause: SeenPause, table: EvidenceTable | None, policy: EndpointPolicy) -> float | None:
    """Return the wait that a pause would have been given with this table (None: by text alone), None if unseen.

    What comes later than the wait so far comes too late.
    """
    found: float | None = None
    for judged in pause.seen:
        if found is not None and judged.silent_ms > max(found, ANSWER_WITHIN_MS):
            break
        worth = table.worth(judged.evidence) if table is not None else {}
        odds = math.exp(judged.worth["text"] + sum(worth.values()))
        found = max(1000.0 * policy.cheapest_s(odds, 1.0, shipped_model()), judged.silent_ms)
    return found

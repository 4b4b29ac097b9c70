"""How often the encoder's word on what is on topic is that of two people, who judged replies off the cues."""

from __future__ import annotations

from collections.abc import Sequence

from bench.minds.mind_reply import MindReply
from bench.minds.on_topic import TopicJudge
from bench.patient_replies import Replied
from bench.report_figures import Figure


def judged_replies(replied: Sequence[Replied]) -> list[tuple[MindReply, bool]]:
    """Return the replies on which the judges agree, and whether they found them fit."""
    return [(_as_reply(each), each.fit[0]) for each in replied if each.fit and len(set(each.fit)) == 1]


def agreement(judged: Sequence[tuple[MindReply, bool]], topics: TopicJudge) -> Figure:
    """Return the share on which the encoder and both judges agree; the note says how they differ."""
    called = topics.judge([reply for reply, _ in judged])
    told = [(on_topic, fit) for on_topic, (_, fit) in zip(called, judged, strict=True)]
    count = len(told)
    note = (
        f"of {sum(fit for _, fit in told)} fit ones it called {sum(on and fit for on, fit in told)} on topic, "
        f"of {sum(not fit for _, fit in told)} unfit ones {sum(on and not fit for on, fit in told)}"
    )
    same = sum(on == fit for on, fit in told)
    return Figure("patient_on_topic_as_judged", same / count if count else None, "share", n=count, note=note)


def _as_reply(each: Replied) -> MindReply:
    release = each.release
    return MindReply(
        mind="judged",
        card=each.row.card,
        kind=each.row.kind,
        question=each.row.text,
        expect="",
        act=release.act.value,
        free=release.free,
        release=release.text,
        cue=release.cue,
        fact=release.fact,
        told=each.row.told,
        history=(),
        reply=each.reply,
        worded="",
        fell_back="",
        blocked=(),
        first_ms=0.0,
    )

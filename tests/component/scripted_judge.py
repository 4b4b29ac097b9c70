"""Judges what came of a script: its own expectations, and what must hold in every conversation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from pipelines.engines import RespondKind
from pipelines.events import (
    EVENT_TYPES,
    ReplyFinished,
    ReplyStarted,
    SessionEnded,
    TurnCommitted,
    TurnIgnored,
    TurnLatency,
    TurnTimeline,
)
from tests.component.scripted import Expect, ScriptError, milliseconds
from tests.component.scripted_client import Placed
from tests.component.scripted_ledger import Span
from tests.component.scripted_run import Outcome, event_matches

EXACT_MS = 0.5  # "after 480 ms" is meant to the millisecond
STEP_MS = 20.0  # media time moves in frames of this length
WORD_MS = 250.0  # of the scripted voice
SILENCE_OF_WORD_MS = 30.0
# What history may be wrong by, in words; of a client that claims more than it played, the claim is all there is.
_SLACK_WORDS = {"exactly": 1, "backwards": 2, "too fast": 1_000, "never": 2, "stock": 2}
_BY_HAND = ("commit", "ask", "clear", "type")  # the client says itself whose turn it is
# A reply may begin over this much of the candidate's speech, because no detector is faster.
TALK_OVER_MS = 250.0


def judge_script(outcome: Outcome) -> list[str]:
    """Return what is wrong, each with file and line; nothing when all is well."""
    wrong = []
    for expect in outcome.script.expects:
        try:
            found = _CHECKS[expect.what](outcome, expect)
        except ScriptError as error:
            raise ScriptError(f"{outcome.script.path.name}:{expect.line}: {error}") from None
        if found is not None:
            wrong.append(f"{outcome.script.path.name}:{expect.line}: {expect.statement}: {found}")
    return wrong + [f"{outcome.script.path.name}: {found}" for found in always(outcome)]


# ------------------------------------------------------------------ what must hold in every conversation


def always(outcome: Outcome) -> list[str]:
    """Return which of the invariants of every conversation do not hold."""
    wrong = [f"error: {error}" for error in outcome.errors]
    wrong += [f"trouble: {trouble}" for trouble in outcome.troubles]
    wrong += [f"playback: {fault}" for fault in outcome.ledger.faults]
    wrong += _answered_once(outcome)
    wrong += _history_is_what_was_played(outcome)
    wrong += _silent_after_clear(outcome)
    wrong += _latency_is_what_was_heard(outcome)
    wrong += _patient_waits(outcome)
    return wrong


def _answered_once(outcome: Outcome) -> list[str]:
    committed = Counter(event.turn for _, event in outcome.events(TurnCommitted))
    replies = Counter(
        event.turn for _, event in outcome.events(ReplyStarted) if outcome.kinds.get(event.reply) is RespondKind.REPLY
    )
    finished = Counter(event.reply for _, event in outcome.events(ReplyFinished))
    return (
        [f"turn {turn} was committed {n} times" for turn, n in committed.items() if n > 1]
        + [f"turn {turn} was answered {n} times" for turn, n in replies.items() if n > 1]
        + [f"reply {reply} was finished {n} times" for reply, n in finished.items() if n > 1]
    )


def _history_is_what_was_played(outcome: Outcome) -> list[str]:
    if any(act.what == "truncate" for act in outcome.script.acts):
        # The client says itself how much it played; the script expects the words.
        return []
    wrong = []
    slack = _SLACK_WORDS[outcome.script.acknowledges]
    for _, event in outcome.events(ReplyFinished):
        heard_ms = outcome.ledger.heard_ms(event.reply)
        played = int((heard_ms + WORD_MS / 2) / WORD_MS + 1e-6)
        if event.status != "failed" and abs(len(event.heard.split()) - played) > slack:
            wrong.append(f"history keeps {event.heard!r} of reply {event.reply}, played were {played} words")
    return wrong


def _silent_after_clear(outcome: Outcome) -> list[str]:
    wrong = []
    for moment in outcome.ledger.moments:
        if moment.what == "clear":
            wrong += [
                f"reply {span.reply} was heard at {span.to_ms:.0f} ms, cleared at {moment.at_ms:.0f} ms"
                for span in outcome.ledger.spans
                if span.reply == moment.reply and span.to_ms > moment.at_ms + EXACT_MS
            ]
    return wrong


def _latency_is_what_was_heard(outcome: Outcome) -> list[str]:
    """Every answer that was heard has its latency, whose parts add up to what the candidate waited."""
    told = {e.reply: e for _, e in outcome.events(TurnLatency)}
    timelines = {e.reply: e for _, e in outcome.events(TurnTimeline)}
    wrong = []
    for span in outcome.ledger.replies():
        if outcome.kinds.get(span.reply) is not RespondKind.REPLY:
            continue
        e, timeline = told.get(span.reply), timelines.get(span.reply)
        if e is None or timeline is None:
            wrong.append(f"reply {span.reply} was heard, but its latency is not told")
            continue
        whole_ms = e.endpoint_ms + e.recognise_ms + e.respond_ms + e.speak_ms + e.deliver_ms
        if abs(whole_ms - e.voice_to_voice_ms) > 0.01:
            wrong.append(f"reply {span.reply}: the parts add up to {whole_ms} ms, not {e.voice_to_voice_ms} ms")
        if outcome.script.stretches or any(act.what in _BY_HAND for act in outcome.script.acts):
            # The server can't know the candidate's sounds meanwhile, or the client ended the turn itself.
            continue
        before_ms = max((p.to_ms for p in outcome.placed if p.to_ms <= span.from_ms), default=0.0)
        waited_ms = span.from_ms - before_ms
        if abs(waited_ms - e.voice_to_voice_ms) > STEP_MS or abs(waited_ms - timeline.audible_ms) > STEP_MS:
            wrong.append(
                f"reply {span.reply} was waited for {waited_ms:.0f} ms; told were {e.voice_to_voice_ms:.0f} ms, "
                f"and {timeline.audible_ms:.0f} ms in the timeline"
            )
    return wrong


def _patient_waits(outcome: Outcome) -> list[str]:
    """No reply begins over words that have been going on for long enough to be noticed."""
    if any(act.what in _BY_HAND for act in outcome.script.acts):
        return []  # the client said itself when to speak
    heard = [placed for placed in outcome.placed if placed.sound.heard]
    blind = [(x.from_ms, x.to_ms) for x in outcome.script.stretches]  # nobody hears the candidate there
    return [
        f"reply {span.reply} began at {span.from_ms:.0f} ms over {placed.sound.text!r}"
        for span in outcome.ledger.replies()
        for placed in heard
        if placed.from_ms + TALK_OVER_MS < span.from_ms < placed.to_ms
        and not any(from_ms <= span.from_ms <= to_ms + TALK_OVER_MS for from_ms, to_ms in blind)
    ]


# ------------------------------------------------------------------ expectations

_Check = Callable[[Outcome, Expect], str | None]


def _before(outcome: Outcome, expect: Expect) -> Placed:
    if not 0 <= expect.sound < len(outcome.placed):
        raise ScriptError("is about the sound before it, and none was made")
    return outcome.placed[expect.sound]


def _reply(outcome: Outcome, expect: Expect) -> Span | None:
    """Return the first sound of the first reply that began after the sound before."""
    after_ms = _before(outcome, expect).to_ms
    return next((span for span in outcome.ledger.replies() if span.from_ms >= after_ms), None)


def _reply_latency(outcome: Outcome, expect: Expect) -> float | None:
    span = _reply(outcome, expect)
    return None if span is None else span.from_ms - _before(outcome, expect).to_ms


def _reply_after(outcome: Outcome, expect: Expect) -> str | None:
    latency_ms = _reply_latency(outcome, expect)
    if latency_ms is None:
        return "there was no reply"
    right = abs(latency_ms - milliseconds(expect.values[0])) <= EXACT_MS
    return None if right else f"it came after {latency_ms:.1f} ms"


def _reply_within(outcome: Outcome, expect: Expect) -> str | None:
    latency_ms = _reply_latency(outcome, expect)
    if latency_ms is None:
        return "there was no reply"
    return None if latency_ms <= milliseconds(expect.values[0]) else f"it came after {latency_ms:.1f} ms"


def _reply_between(outcome: Outcome, expect: Expect) -> str | None:
    latency_ms = _reply_latency(outcome, expect)
    if latency_ms is None:
        return "there was no reply"
    low, high = map(milliseconds, expect.values)
    return None if low <= latency_ms <= high else f"it came after {latency_ms:.1f} ms"


def _no_reply(outcome: Outcome, expect: Expect) -> str | None:
    begun_ms = _before(outcome, expect).from_ms
    spans = [span for span in outcome.ledger.replies() if span.from_ms > begun_ms]
    return f"reply {spans[0].reply} began at {spans[0].from_ms:.0f} ms" if spans else None


def _none_before(outcome: Outcome, expect: Expect) -> str | None:
    begun_ms = _before(outcome, expect).from_ms
    spans = [s for s in outcome.ledger.replies() if begun_ms < s.from_ms < milliseconds(expect.values[0]) - EXACT_MS]
    return f"reply {spans[0].reply} began at {spans[0].from_ms:.0f} ms" if spans else None


def _replies(outcome: Outcome, expect: Expect) -> str | None:
    found = len(outcome.ledger.replies())
    return None if found == int(expect.values[0]) else f"{found} were heard"


def _turns(outcome: Outcome, expect: Expect) -> str | None:
    texts = [event.text for _, event in outcome.events(TurnCommitted)]
    return None if len(texts) == int(expect.values[0]) else f"there were {len(texts)}: {texts}"


def _turn(outcome: Outcome, expect: Expect) -> str | None:
    texts = [event.text for _, event in outcome.events(TurnCommitted)]
    return None if any(_same(text, expect.values[0]) for text in texts) else f"there were {texts}"


def _moment(outcome: Outcome, expect: Expect, what: str) -> float | None:
    begun_ms = _before(outcome, expect).from_ms
    return next((m.at_ms for m in outcome.ledger.moments if m.what == what and m.at_ms >= begun_ms), None)


def _hold_within(outcome: Outcome, expect: Expect) -> str | None:
    return _within(_moment(outcome, expect, "hold"), _before(outcome, expect).from_ms, expect, "hold")


def _resume_within(outcome: Outcome, expect: Expect) -> str | None:
    return _within(_moment(outcome, expect, "resume"), _before(outcome, expect).to_ms, expect, "resume")


def _yield_within(outcome: Outcome, expect: Expect) -> str | None:
    return _within(_moment(outcome, expect, "clear"), _before(outcome, expect).from_ms, expect, "yield")


def _within(at_ms: float | None, since_ms: float, expect: Expect, what: str) -> str | None:
    if at_ms is None:
        return f"there was no {what}"
    return None if at_ms - since_ms <= milliseconds(expect.values[0]) else f"it came after {at_ms - since_ms:.0f} ms"


def _no_hold(outcome: Outcome, expect: Expect) -> str | None:
    at_ms = _moment(outcome, expect, "hold")
    return None if at_ms is None else f"there was one at {at_ms:.0f} ms"


def _no_yield(outcome: Outcome, expect: Expect) -> str | None:
    at_ms = _moment(outcome, expect, "clear")
    return None if at_ms is None else f"there was one at {at_ms:.0f} ms"


def _ignored(outcome: Outcome, expect: Expect) -> str | None:
    begun_ms = _before(outcome, expect).from_ms
    reasons = [event.reason for at_ms, event in outcome.events(TurnIgnored) if at_ms >= begun_ms]
    return None if expect.values[0] in reasons else f"ignored were {reasons}"


def _nothing_ignored(outcome: Outcome, expect: Expect) -> str | None:
    reasons = [event.reason for _, event in outcome.events(TurnIgnored)]
    return f"ignored were {reasons}" if reasons else None


def _history(outcome: Outcome, expect: Expect) -> str | None:
    """Expectations of the history are met in the order in which they stand in the script."""
    wanted = [e for e in outcome.script.expects if e.what == "history"]
    items = iter(outcome.history)
    for each in wanted:
        role, text = each.values
        found = any(item.role == role and _same(item.text, text) for item in items)
        if each is expect:
            return None if found else f"the history is {[(item.role, item.text) for item in outcome.history]}"
    return "it is not in the script"


def _same(text: str, wanted: str) -> bool:
    if wanted.endswith("..."):
        return text.startswith(wanted[:-3].rstrip())
    return text == wanted


def _told(outcome: Outcome, expect: Expect) -> str | None:
    return None if expect.values[0] in outcome.told else f"told were {outcome.told}"


def _not_told(outcome: Outcome, expect: Expect) -> str | None:
    return "it counts as told" if expect.values[0] in outcome.told else None


def _silence(outcome: Outcome, expect: Expect) -> str | None:
    from_ms, to_ms = map(milliseconds, expect.values)
    heard = [
        span for span in outcome.ledger.spans if span.from_ms < to_ms - EXACT_MS and span.to_ms > from_ms + EXACT_MS
    ]
    return f"reply {heard[0].reply} was heard from {heard[0].from_ms:.0f} ms on" if heard else None


def _end(outcome: Outcome, expect: Expect) -> str | None:
    ends = [(at_ms, event.reason) for at_ms, event in outcome.events(SessionEnded)]
    reason, *at = expect.values
    if not any(r == reason for _, r in ends):
        return f"it ended {ends}"
    if at and not any(abs(at_ms - milliseconds(at[0])) <= EXACT_MS for at_ms, _ in ends):
        return f"it ended {ends}"
    return None


def _matching(outcome: Outcome, expect: Expect) -> int:
    name, pairs, *_ = expect.values
    if name not in EVENT_TYPES:
        raise ScriptError(f"there is no event {name!r}; there are {', '.join(sorted(EVENT_TYPES))}")
    wanted = dict(pair.split("=", 1) for pair in pairs.split())
    return sum(event_matches(event, wanted) for _, event in outcome.events(EVENT_TYPES[name]))


def _event(outcome: Outcome, expect: Expect) -> str | None:
    found = _matching(outcome, expect)
    times = int(expect.values[2]) if len(expect.values) > 2 else None
    if times is None:
        return None if found else "there was none"
    return None if found == times else f"there were {found}"


def _no_event(outcome: Outcome, expect: Expect) -> str | None:
    found = _matching(outcome, expect)
    return f"there were {found}" if found else None


_CHECKS: dict[str, _Check] = {
    "reply_after": _reply_after,
    "reply_within": _reply_within,
    "reply_between": _reply_between,
    "no_reply": _no_reply,
    "none_before": _none_before,
    "replies": _replies,
    "turns": _turns,
    "turn": _turn,
    "hold_within": _hold_within,
    "no_hold": _no_hold,
    "resume_within": _resume_within,
    "yield_within": _yield_within,
    "no_yield": _no_yield,
    "ignored": _ignored,
    "nothing_ignored": _nothing_ignored,
    "history": _history,
    "told": _told,
    "not_told": _not_told,
    "silence": _silence,
    "end": _end,
    "event": _event,
    "no_event": _no_event,
}

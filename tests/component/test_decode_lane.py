"""The lane for segment decoders: what goes first, what shares a batch, what is told of whom, and trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audio.clock import LoopClock
from audio.frames import ANALYSIS_HZ, samples_for
from common.errors import EngineError
from pipelines.engines import DecodedBatch, Hypothesis, StreamSpec
from pipelines.lanes.decodes import DecodeLane
from pipelines.stt.growing import Growth
from pipelines.virtual_time import run_virtual, virtual_clock
from tests.component.decode_stage import Session, feed, quiet, staged
from tests.fakes.decoder import LexiconDecoder, Phrases

pytestmark = pytest.mark.virtual

# ------------------------------------------------------------------ captions


async def test_captions_grow_while_somebody_speaks_and_the_final_text_is_all_of_it() -> None:
    async with staged() as stage:
        anna = stage.session("anna")
        text = await anna.talk(20)
        anna.finish()
        assert await anna.final() == text
        assert len(anna.captions) == 9, "one in 400 ms, the tenth is the final text"
        published: list[str] = []
        for caption in anna.captions:
            assert text.startswith(caption.text)
            words = caption.text.split()
            assert words[: len(published)] == published
            published = words[: caption.stable_words]
        assert len(published) >= 14


@pytest.mark.parametrize("end", ["finish", "reset"])
async def test_a_caption_of_the_segment_before_leaves_the_next_one_its_own(end: str) -> None:
    """A long segment ends while its caption is being read: the short one that follows is captioned as any other."""

    async with staged(call_ms=100.0) as stage:
        anna = stage.session("anna")
        anna.say(30)
        await asyncio.sleep(0.05)
        assert stage.decoder.calls[-1].purposes == ("caption",)
        if end == "finish":
            anna.finish()
        else:
            anna.handle.reset()
        await anna.talk(10)
        assert len(anna.captions) >= 2


async def test_nothing_is_read_while_nobody_speaks() -> None:
    async with staged() as stage:
        anna = stage.session("anna")
        await anna.talk(3)
        await feed(anna.handle, quiet(5_000))
        assert len(stage.decoder.calls) == 2
        await anna.talk(3)
        assert len(stage.decoder.calls) > 2


async def test_captions_read_what_is_there_when_it_is_their_turn() -> None:
    """While others are being read, audio gathers: what was due meanwhile is read once, as far as it goes by then."""

    async with staged(call_ms=3_000.0, each_ms=0.0) as stage:
        anna, ben = stage.session("anna"), stage.session("ben")
        ben.say(2)
        ben.finish()
        text = await anna.talk(20)
        await anna.talk(1)
        ben_call, *captions = stage.decoder.calls
        assert ben_call.purposes == ("final",)
        assert [call.texts[0] for call in captions[:1]] == [text.rsplit(" ", 5)[0]], "3 s of its 4"
        anna.handle.reset()


async def test_captions_come_more_seldom_under_load_and_leave_most_of_the_time() -> None:
    async with staged(call_ms=0.0, each_ms=100.0) as stage:
        sessions = [stage.session(name) for name in "abcdefghij"]
        assert stage.lane.interval_ms == 0.0
        await asyncio.gather(*(session.talk(120) for session in sessions))
        assert stage.lane.caption_ms == pytest.approx(100.0)
        assert stage.lane.interval_ms == pytest.approx(10 * 100.0 / 0.25)
        busy_ms = sum(100.0 * len(call.texts) for call in stage.calls("caption", "interim"))
        assert 0.08 < busy_ms / stage.now_ms < 0.17, "half of a quarter, since nobody is silent for a moment"
        counts = [len(session.captions) for session in sessions]
        assert max(counts) - min(counts) <= 1, "they take turns"
        assert min(counts) >= 2


async def test_who_opened_last_is_captioned_as_often_as_the_others_when_there_is_too_little_time() -> None:
    async with staged(call_ms=0.0, each_ms=300.0) as stage:
        busy = stage.session("busy")
        sessions = [stage.session(name) for name in "abcde"]
        talking = asyncio.gather(*(session.talk(200) for session in sessions))
        while not talking.done():
            for _ in range(4):
                busy.say(1)
                busy.finish()
                await busy.final()
            await asyncio.sleep(0.02)  # in which one caption begins
        await talking
        counts = [len(session.captions) for session in sessions]
        assert sum(counts) < 80, "each would have had a hundred"
        assert max(counts) - min(counts) <= 1


async def test_captions_share_a_batch_no_longer_than_somebody_may_have_to_wait() -> None:
    async with staged(call_ms=0.0, each_ms=30.0) as stage:
        sessions = [stage.session(name) for name in "abcdefghijkl"]
        await asyncio.gather(*(session.talk(40) for session in sessions))
        sizes = [len(call.texts) for call in stage.calls("caption")]
        assert sizes[0] == 1, "nothing is known of their cost yet"
        assert max(sizes) == 5
        assert max(sizes) * 30.0 <= 150.0


# ------------------------------------------------------------------ what is waited for


async def test_final_texts_go_before_captions() -> None:
    async with staged(call_ms=0.0, each_ms=100.0) as stage:
        others = [stage.session(name) for name in "abcdef"]
        talking = [asyncio.create_task(other.talk(60)) for other in others]
        anna = stage.session("anna")
        for _ in range(5):
            text = await anna.talk(6)
            seen, asked_ms = len(stage.decoder.calls), stage.now_ms
            anna.finish()
            assert await anna.final() == text
            waited_ms = stage.now_ms - asked_ms
            assert waited_ms <= 100.0 + 100.0 + 1.0, "what is under way, and its own"
            assert all("final" in call.purposes for call in stage.decoder.calls[seen : seen + 1])
        await asyncio.gather(*talking)
        assert len(stage.calls("caption")) > 10


async def test_final_texts_go_before_readings_of_pauses() -> None:
    async with staged(lane={"batch_size": 1}) as stage:
        blocker, anna, ben = (stage.session(name) for name in ("blocker", "anna", "ben"))
        blocker.say()
        blocker.finish()
        await asyncio.sleep(0.01)
        anna.say()
        anna.handle.interim(1)
        ben.say()
        ben.finish()
        await ben.final()
        await asyncio.sleep(1)
        assert [call.purposes for call in stage.decoder.calls] == [("final",), ("final",), ("interim",)]
        assert anna.interims == [(1, "anna0 anna1")]


async def test_batches_are_bounded() -> None:
    async with staged() as stage:
        sessions = [stage.session(f"s{number}x") for number in range(20)]
        texts = [session.say() for session in sessions]
        for session in sessions:
            session.finish()
        assert [await session.final() for session in sessions] == texts
        assert [len(call.texts) for call in stage.decoder.calls] == [8, 8, 4]


async def test_nobody_is_kept_waiting_by_those_who_come_again_and_again() -> None:
    async with staged(call_ms=100.0, each_ms=0.0, lane={"batch_size": 1}) as stage:
        eager = [stage.session(name) for name in "ab"]
        patient = stage.session("c")

        async def hurry(session: Session) -> None:
            for _ in range(20):
                session.say(1)
                session.finish()
                session.say(1)
                session.finish()
                await session.final()

        hurried = [asyncio.create_task(hurry(session)) for session in eager]
        await asyncio.sleep(0.25)
        patient.say()
        asked = len(stage.decoder.calls)
        patient.finish()
        await patient.final()
        assert len(stage.decoder.calls) - asked <= 5, "only those who asked before"
        await asyncio.gather(*hurried)


async def test_two_finals_of_a_stream_come_in_order_however_many_workers_there_are() -> None:
    async with staged(workers=3) as stage:
        anna = stage.session("anna")
        texts = []
        for words in (30, 1, 5):
            texts.append(anna.say(words))
            anna.finish()
        await anna.final()
        assert anna.finals == texts


async def test_a_long_segment_is_read_in_pieces_with_others_in_between() -> None:
    async with staged(lane={"growth": Growth(trim_s=3.0, most_s=5.0)}) as stage:
        anna = stage.session("anna")
        text = anna.say(100)
        anna.finish()
        assert await anna.final() == text
        assert len(stage.decoder.calls) >= 5
        assert max(call.samples[0] for call in stage.decoder.calls) == samples_for(5_000, ANALYSIS_HZ)


async def test_a_long_talk_is_captioned_and_told_in_full() -> None:
    async with staged(lane={"growth": Growth(trim_s=4.0, most_s=8.0)}) as stage:
        anna = stage.session("anna")
        text = await anna.talk(200)
        anna.handle.interim(1)
        await asyncio.sleep(0.1)
        anna.finish()
        assert await anna.final() == text
        assert anna.interims == [(1, text)]
        assert max(max(call.samples) for call in stage.decoder.calls) <= samples_for(8_000, ANALYSIS_HZ)


# ------------------------------------------------------------------ pauses


async def test_a_reading_of_a_pause_is_the_final_text_when_nothing_follows() -> None:
    async with staged() as stage:
        anna = stage.session("anna")
        text = anna.say(1)
        await feed(anna.handle, quiet(100))
        anna.handle.interim(7)
        await feed(anna.handle, quiet(400))
        assert anna.interims == [(7, text)]
        asked_ms = stage.now_ms
        anna.finish()
        assert await anna.final() == text
        assert stage.now_ms == asked_ms
        assert [call.purposes for call in stage.decoder.calls] == [("interim",)]


async def test_a_lull_that_turns_out_to_be_a_pause_has_been_read_when_it_is_asked_for() -> None:
    async with staged() as stage:
        anna = stage.session("anna")
        text = await anna.talk(1)
        await feed(anna.handle, quiet(120))
        assert [call.purposes for call in stage.decoder.calls] == [("interim",)]
        assert [caption.text for caption in anna.captions] == [text]
        asked_ms = stage.now_ms
        anna.handle.interim(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert anna.interims == [(1, text)]
        anna.finish()
        assert await anna.final() == text
        assert stage.now_ms == asked_ms
        assert len(stage.decoder.calls) == 1


async def test_a_pause_is_answered_by_the_lull_that_is_being_read() -> None:
    """Who is told of the pause ends the segment at once, as sessions do: its text is known, and not read again."""

    async with staged(call_ms=200.0) as stage:
        anna = stage.session("anna")
        anna.when_peeked = anna.finish
        text = await anna.talk(1)
        await feed(anna.handle, quiet(120))
        anna.handle.interim(1)
        await asyncio.sleep(0.5)
        assert (anna.interims, anna.finals) == ([(1, text)], [text])
        assert len(stage.decoder.calls) == 1


@pytest.mark.parametrize(("workers", "waited_ms"), [(1, 330.0), (2, 200.0)])
async def test_a_pause_does_not_wait_for_a_caption_in_the_midst_of_speech(workers: int, waited_ms: float) -> None:
    async with staged(workers=workers, call_ms=200.0, each_ms=0.0) as stage:
        anna = stage.session("anna")
        text = await anna.talk(2)  # at the end of which a caption is due
        more = anna.say(1)
        await asyncio.sleep(0.05)
        assert [call.purposes for call in stage.decoder.calls] == [("caption",)]
        asked_ms = stage.now_ms
        anna.handle.interim(1)
        await asyncio.sleep(1)
        assert anna.interims == [(1, f"{text} {more}")]
        assert anna.told_at_ms[-1] - asked_ms == pytest.approx(waited_ms, abs=2.0)


async def test_where_few_speak_every_lull_is_read_and_where_many_do_they_take_turns() -> None:
    async with staged(call_ms=0.0, each_ms=100.0) as stage:

        async def talk(session: Session) -> None:
            for _ in range(20):
                await session.talk(2)
                await feed(session.handle, quiet(60))

        anna = stage.session("anna")
        await talk(anna)
        alone = len(anna.captions)
        assert alone >= 19
        anna.handle.reset()
        sessions = [stage.session(name) for name in "bcdefghi"]
        began_ms = stage.now_ms
        await asyncio.gather(*(talk(session) for session in sessions))
        counts = [len(session.captions) for session in sessions]
        assert max(counts) <= alone / 3
        assert max(counts) - min(counts) <= 1
        lulls = [call for call in stage.calls("interim") if len(call.texts) >= 1]
        busy_ms = sum(100.0 * len(call.texts) for call in lulls) - 100.0 * alone
        assert busy_ms / (stage.now_ms - began_ms) < 0.3


async def test_a_second_look_at_the_same_pause_costs_nothing() -> None:
    async with staged() as stage:
        anna = stage.session("anna")
        text = anna.say(1)
        anna.handle.interim(1)
        await feed(anna.handle, quiet(200))
        anna.handle.interim(2)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert anna.interims == [(1, text), (2, text)]
        assert len(stage.calls("interim")) == 1


async def test_a_reading_of_a_pause_is_read_again_when_speech_goes_on() -> None:
    async with staged() as stage:
        anna = stage.session("anna")
        before = anna.say(1)
        anna.handle.interim(1)
        await feed(anna.handle, quiet(200))
        after = anna.say(1)
        anna.finish()
        assert await anna.final() == f"{before} {after}"
        assert [call.purposes for call in stage.decoder.calls] == [("interim",), ("final",)]


async def test_a_reading_under_way_when_the_segment_ends_is_its_final_text_and_no_answer_to_the_pause() -> None:
    async with staged(call_ms=200.0) as stage:
        anna = stage.session("anna")
        text = anna.say(1)
        anna.handle.interim(1)
        await asyncio.sleep(0.05)
        anna.handle.feed(quiet(50))
        anna.finish()
        assert await anna.final() == text
        assert anna.interims == []
        assert [call.purposes for call in stage.decoder.calls] == [("interim",)]


async def test_a_reading_under_way_when_the_segment_is_abandoned_is_never_told() -> None:
    async with staged(call_ms=500.0) as stage:
        anna = stage.session("anna")
        for purpose in ("interim", "caption"):
            anna.say(3)
            if purpose == "interim":
                anna.handle.interim(1)
            await asyncio.sleep(0.3)
            assert stage.decoder.calls[-1].purposes == (purpose,)
            anna.handle.reset()
        await asyncio.sleep(2)
        assert anna.told == []
        text = anna.say(1)
        anna.finish()
        assert await anna.final() == text
        assert len(anna.told) == 1


async def test_a_pause_that_is_over_when_it_has_been_read_is_not_answered_under_the_next_ones_number() -> None:
    async with staged(call_ms=200.0) as stage:
        anna = stage.session("anna")
        first = anna.say(1)
        anna.handle.interim(1)
        await asyncio.sleep(0.05)
        second = anna.say(1)
        anna.handle.interim(2)
        await asyncio.sleep(1)
        assert anna.interims == [(2, f"{first} {second}")]


async def test_a_pause_before_anything_was_said_is_answered() -> None:
    async with staged() as stage:
        anna = stage.session("anna")
        anna.handle.interim(1)
        await asyncio.sleep(1)
        assert anna.interims == [(1, "")]
        anna.finish()
        assert await anna.final() == ""


# ------------------------------------------------------------------ trouble


async def test_a_batch_that_fails_is_read_one_by_one_and_only_the_bad_one_is_given_up() -> None:
    async with staged(fail_on="bad1") as stage:
        anna, bad, ben = (stage.session(name) for name in ("anna", "bad", "ben"))
        texts = [session.say() for session in (anna, bad, ben)]
        for session in (anna, bad, ben):
            session.finish()
        finals = [await session.final() for session in (anna, bad, ben)]
        assert finals == [texts[0], "", texts[2]]
        assert [len(call.texts) for call in stage.decoder.calls] == [3, 1, 1, 1]
        assert stage.incidents == ["failed", "failed"]
        good = bad.text(1)
        bad.handle.feed(stage.session("other")._phrases.say(good))
        bad.finish()
        assert await bad.final() == good, "the stream lives on"


async def test_captions_of_others_go_on_beside_one_that_fails() -> None:
    async with staged(fail_on="bad3", call_ms=2.0, each_ms=2.0) as stage:
        sessions = [stage.session(name) for name in ("anna", "bad", "ben")]
        texts = await asyncio.gather(*(session.talk(40) for session in sessions))
        for session in sessions:
            session.finish()
        assert [await session.final() for session in sessions] == [texts[0], "", texts[2]]
        anna, bad, ben = (len(session.captions) for session in sessions)
        assert bad <= 2
        assert min(anna, ben) >= 15


async def test_a_pause_whose_reading_fails_is_not_read_for_ever() -> None:
    async with staged(fail_on="bad1") as stage:
        bad = stage.session("bad")
        bad.say()
        bad.handle.interim(1)
        await asyncio.sleep(5)
        assert len(stage.calls("interim")) == 1
        assert bad.interims == []
        bad.finish()
        assert await bad.final() == ""


class _Forgetful(LexiconDecoder):
    """Loses the last request of a batch."""

    def decode(self, requests: Any) -> DecodedBatch:
        batch = super().decode(requests)
        return DecodedBatch(batch.results[: max(1, len(requests) - 1)], batch.cost_ms)


async def test_an_engine_that_answers_too_little_is_asked_for_each_alone() -> None:
    async with staged(make=_Forgetful) as stage:
        sessions = [stage.session(name) for name in ("anna", "ben")]
        texts = [session.say() for session in sessions]
        for session in sessions:
            session.finish()
        assert [await session.final() for session in sessions] == texts
        assert stage.incidents == ["failed"]


async def test_a_stream_that_is_closed_still_gets_what_was_finished_and_is_forgotten() -> None:
    async with staged(call_ms=100.0) as stage:
        blocker, anna = stage.session("blocker"), stage.session("anna")
        blocker.say()
        blocker.finish()
        await asyncio.sleep(0.01)
        texts = []
        for _ in range(2):
            texts.append(anna.say())
            anna.finish()
        anna.say(5)
        anna.handle.interim(1)
        anna.handle.close()
        await anna.final()
        await asyncio.sleep(1)
        assert anna.finals == texts
        assert len(anna.told) == 2
        calls = len(stage.decoder.calls)
        anna.say(5)
        await asyncio.sleep(5)
        assert len(stage.decoder.calls) == calls
        assert stage.lane.interval_ms == 0.0


async def test_a_listener_that_breaks_takes_nobody_with_it() -> None:
    async with staged() as stage:
        told: list[Exception | None] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context.get("exception")))

        def breaks(_hypothesis: Hypothesis) -> None:
            raise ValueError("a listener")

        phrases = stage.session("x")._phrases
        broken, anna = stage.lane.open(StreamSpec("broken"), breaks), stage.session("anna")
        broken.feed(phrases.say("one two"))
        broken.interim(1)
        text = anna.say()
        await asyncio.sleep(1)
        broken.finish()
        anna.finish()
        assert await anna.final() == text
        assert [str(error) for error in told] == ["a listener"] * 2


@asynccontextmanager
async def on_a_process(phrases: Phrases, **options: Any) -> AsyncIterator[DecodeLane]:
    factory = partial(LexiconDecoder, phrases.lexicon, isolation="process", call_ms=0.0, each_ms=0.0, **options)
    lane = DecodeLane(factory, isolation="process", workers=1, clock=LoopClock(), name="ear")
    await lane.start()
    try:
        yield lane
    finally:
        await lane.stop()


@pytest.mark.asyncio
async def test_a_worker_that_dies_loses_nothing(tmp_path: Path) -> None:
    phrases = Phrases()
    clips = {text: phrases.say(text) for text in ("good morning", "where does it hurt", "CRASH and after")}

    async with on_a_process(phrases, crash_on="CRASH", flag=str(tmp_path / "died")) as lane:
        incidents: list[str] = []
        lane.on_incident.append(lambda what, _detail: incidents.append(what))
        finals: asyncio.Queue[str] = asyncio.Queue()
        handles = [
            lane.open(StreamSpec(text), lambda h: finals.put_nowait(h.text) if h.final else None) for text in clips
        ]
        for handle, audio in zip(handles, clips.values(), strict=True):
            handle.feed(audio)
            handle.finish()
        assert {await finals.get() for _ in handles} == set(clips)
        assert incidents == ["failed", "died", "restarted"]
        assert finals.empty()


@pytest.mark.asyncio
async def test_sound_that_kills_every_worker_gives_an_empty_final_text_and_the_others_theirs() -> None:
    phrases = Phrases()
    clips = {text: phrases.say(text) for text in ("good morning", "CRASH and after")}
    after = phrases.say("thank you")

    async with on_a_process(phrases, crash_on="CRASH") as lane:
        finals: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

        def listen(name: str, hypothesis: Hypothesis) -> None:
            if hypothesis.final:
                finals.put_nowait((name, hypothesis.text))

        handles = {text: lane.open(StreamSpec(text), partial(listen, text)) for text in clips}
        for text, handle in handles.items():
            handle.feed(clips[text])
            handle.finish()
        found = {await finals.get() for _ in handles}
        assert found == {("good morning", "good morning"), ("CRASH and after", "")}
        handles["CRASH and after"].feed(after)
        handles["CRASH and after"].finish()
        assert await finals.get() == ("CRASH and after", "thank you")


async def test_a_decoder_that_cannot_be_loaded_says_why() -> None:
    lane = DecodeLane(_refuse, isolation="thread", workers=1, clock=virtual_clock(), name="ear")
    with pytest.raises(EngineError, match="no model file here"):
        await lane.start()
    await lane.stop()


def _refuse() -> LexiconDecoder:
    raise EngineError("no model file here")


# ------------------------------------------------------------------ any schedule at all

ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 2),  # who
        st.sampled_from(["say", "say", "say", "quiet", "interim", "finish", "finish", "reset"]),
        st.sampled_from([0.0, 0.0, 0.02, 0.3, 1.0]),  # seconds until the next
    ),
    max_size=40,
)


@pytest.mark.parametrize("workers", [1, 2])
@hypothesis_settings(max_examples=150)
@given(actions=ACTIONS, call_ms=st.sampled_from([1.0, 120.0, 700.0]), batch_size=st.sampled_from([1, 8]))
def test_any_schedule_gives_one_final_text_per_segment_in_order_and_nothing_of_what_was_abandoned(
    workers: int, actions: list[tuple[int, str, float]], call_ms: float, batch_size: int
) -> None:
    run_virtual(follow_schedule(workers, actions, call_ms, batch_size))


async def follow_schedule(workers: int, actions: list[tuple[int, str, float]], call_ms: float, batch_size: int) -> None:
    async with staged(workers=workers, call_ms=call_ms, lane={"batch_size": batch_size}) as stage:
        sessions = [stage.session(name) for name in "abc"]
        open_words: list[list[str]] = [[] for _ in sessions]
        expected: list[list[str]] = [[] for _ in sessions]
        abandoned: list[tuple[Session, int, set[str]]] = []
        interims: list[list[int]] = [[] for _ in sessions]
        for number, (who, action, wait_s) in enumerate(actions):
            session = sessions[who]
            match action:
                case "say":
                    open_words[who] += session.say(2).split()
                case "quiet":
                    session.handle.feed(quiet(300))
                case "interim":
                    session.handle.interim(number)
                    interims[who].append(number)
                case "finish":
                    session.finish()
                    expected[who].append(" ".join(open_words[who]))
                    open_words[who] = []
                case "reset":
                    session.handle.reset()
                    abandoned.append((session, len(session.told), set(open_words[who])))
                    open_words[who] = []
            if wait_s:
                await asyncio.sleep(wait_s)
        for session in sessions:
            if session.finished:
                await session.final()
        await asyncio.sleep(30)
        assert [session.finals for session in sessions] == expected
        for session, told, words in abandoned:
            assert not any(words & set(hypothesis.text.split()) for hypothesis in session.told[told:])
        for session, asked in zip(sessions, interims, strict=True):
            answered = [number for number, _ in session.interims]
            assert answered == sorted(set(answered) & set(asked))
            assert_published_words_stay(session)


def assert_published_words_stay(session: Session) -> None:
    published: list[str] = []
    for hypothesis in session.told:
        words = hypothesis.text.split()
        if published and words[:1] != published[:1]:
            # The words before were of a segment that was abandoned: each word is said once.
            published = []
        assert words[: len(published)] == published
        published = [] if hypothesis.final else words[: hypothesis.stable_words]

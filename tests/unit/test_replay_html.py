"""The replay's page: everything in it, nothing from elsewhere, and nobody's words as markup."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio.frames import WIRE_HZ
from bench import cli
from bench.replay.candidate import TurnResult
from bench.replay.compare import ReadReport, compare
from bench.replay.html import replay_page
from bench.replay.html_charts import histogram
from bench.replay.html_turn import in_words, turn_article
from bench.replay.html_views import COLUMNS, TurnView, views_of
from bench.replay.loudspeaker import Heard
from bench.replay.plan import PlannedTurn
from bench.replay.report import as_json
from bench.report_files import write_whole
from pipelines.engines import Word
from pipelines.events import Audience, DraftDiscarded, DraftMade, Event, SegmentHeard, TurnTimeline
from pipelines.log.session_log import Envelope, Record
from pipelines.session.latency import LatencyParts

END_MS = 2_000.0  # of the candidate's voice, in the sound below
TIMELINE = TurnTimeline(
    1, 1, 2_030.0, wait_ms=240.0, pause_ms=120.0, transcript_ms=130.0, draft_ms=140.0, clause_ms=150.0, sound_ms=190.0,
    endpoint_ms=240.0, committed_ms=240.0, released_ms=240.0, audible_ms=250.0, speculated=2, discarded=1,
    discarded_ms=31.7, reused=True,
)  # fmt: skip
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>&\"'"


def result(
    *, heard: str = "where does it hurt", said: str = "In my leg.", answered_ms: float | None = 280.0
) -> TurnResult:
    planned = PlannedTurn(np.zeros(10, dtype=np.int16), 300.0, 1_800.0, "Where does it hurt?", "pain", 0.0, "a.flac")
    turn = TurnResult(planned, heard=[heard], said=[said] if answered_ms is not None else [], cues=["pain"])
    turn.voiced_end_ms = END_MS
    if answered_ms is not None:
        turn.voice_to_voice_ms = answered_ms
        turn.parts = LatencyParts(270.0, 0.0, 0.0, 0.0, answered_ms - 270.0)
        turn.timeline = TIMELINE
    return turn


def stereo() -> np.ndarray[Any, np.dtype[np.int16]]:
    """The candidate from 0.5 to 2.0 s, the patient from 2.28 s on."""
    sound = np.zeros((4 * WIRE_HZ, 2), dtype=np.int16)
    sound[WIRE_HZ // 2 : 2 * WIRE_HZ, 0] = 8_000
    sound[round(2.28 * WIRE_HZ) :, 1] = 16_000
    return sound


def record(event: Event, media_ms: float) -> Record:
    return Record(Envelope(1, 0, media_ms, media_ms, "", event.type_name(), Audience.DEVELOPER, ""), event)


LOG = (
    record(DraftMade(1, 1, 120.0), 900.0),
    record(DraftDiscarded(1, 1, "resumed", 31.7), 1_000.0),
    record(
        SegmentHeard(1, 0, "where does it hurt", (Word("where", 600, 800), Word("hurt", 1_500, 1_990)), 9.0), 2_130.0
    ),
    record(DraftMade(1, 2, 140.0), 2_140.0),
)


def view(turn: TurnResult | None = None) -> TurnView:
    heard = [Heard(2_280.0, 1, 0, np.zeros(WIRE_HZ, dtype=np.int16))]
    words = {1: (Word("In", 0, 150), Word("my", 150, 400), Word("unheard", 5_000, 5_400))}
    (only,) = views_of([turn or result()], stereo=stereo(), log=LOG, heard=heard, reply_words=words)
    return only


def page(turns: Sequence[TurnResult] | None = None, **about: Any) -> str:
    run = list(turns or [result()])
    report = as_json([run], troubles=["audio came late"], about={"recordings": ["a.flac"], "card": "c", **about})
    before = ReadReport.model_validate(as_json([run]))
    comparison = compare(ReadReport.model_validate(report), before, draws=50)
    return replay_page(report, [view(turn) for turn in run], baseline=before, comparison=comparison)


class Reader(html.parser.HTMLParser):
    """Collects elements and text, and checks that what was opened is closed."""

    VOID = frozenset({"meta", "br", "link", "img", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


# ---------------------------------------------------------------- views


def test_words_and_drafts_are_placed_against_the_last_sound() -> None:
    seen = view()
    assert [(w.text, w.from_ms, w.to_ms) for w in seen.words] == [("hurt", -500.0, -10.0)]
    assert [(w.text, w.from_ms) for w in seen.reply_words] == [("In", 280.0), ("my", 430.0)]
    assert [(d.made_ms, d.discarded_ms, d.reason) for d in seen.drafts] == [(-1_100.0, -1_000.0, "resumed")]
    assert seen.shift_ms == 30.0


def test_waveforms_show_each_voice_where_it_was() -> None:
    seen = view()
    step_ms = (seen.to_ms - seen.from_ms) / COLUMNS
    loud = [
        [seen.from_ms + i * step_ms for i in np.flatnonzero(peaks > 0.1)] for peaks in (seen.candidate, seen.patient)
    ]
    assert loud[0][0] == seen.from_ms
    assert loud[0][-1] == pytest.approx(0, abs=2 * step_ms)
    assert loud[1][0] == pytest.approx(280, abs=2 * step_ms)
    assert seen.patient.max() == pytest.approx(16_000 / 32_768)


def test_a_turn_at_the_very_beginning_and_an_unanswered_one_can_be_shown() -> None:
    early = result(answered_ms=None)
    early.voiced_end_ms = 100.0
    (seen,) = views_of([early], stereo=stereo())
    assert len(seen.candidate) == COLUMNS
    assert (seen.words, seen.drafts) == ((), ())
    assert in_words(seen) == "The turn was not answered."


# ---------------------------------------------------------------- page


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = page()
    reader = Reader(text)
    assert {tag for tag, _ in reader.elements} & {"script", "link", "img", "iframe", "object", "form"} == set()
    assert not re.search(r"https?:|//|@import|url\((?!#)", text)
    policy = next(attrs for tag, attrs in reader.elements if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_the_page_tells_the_turn_in_words_and_in_pictures() -> None:
    reader = Reader(page())
    for said in ("where does it hurt", "In my leg.", "280 ms", "hurt", "audio came late", "reply made ahead",
                 "270 ms making sure that the turn was over", "A silence of 240 ms was asked for.",
                 "Pause noticed at 150 ms", "made at -1.1 s (resumed, 32 ms of computation)"):  # fmt: skip
        assert said in reader.text, said
    kinds = [str(attrs.get("class")) for _, attrs in reader.elements]
    for kind in ("endpoint", "recognise", "respond", "speak", "deliver", "ahead", "voice-you", "voice-patient"):
        assert kind in kinds, kind
    pictures = [attrs for tag, attrs in reader.elements if tag == "svg"]
    assert all(
        attrs.get("aria-hidden") or (attrs.get("role") == "img" and attrs.get("aria-label")) for attrs in pictures
    )


def test_the_parts_are_drawn_one_after_the_other() -> None:
    text = page()
    article = text[text.index("<article") :]
    bars = {
        name: (float(left), float(width))
        for name, left, width in re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="1" width="([\d.]+)"', article)
    }
    seen = view()
    scale = (960 - 132 - 12) / (seen.to_ms - seen.from_ms)
    assert bars["endpoint"][1] == pytest.approx(270 * scale, abs=0.2)
    assert bars["deliver"][0] == pytest.approx(sum(bars["endpoint"]), abs=0.2)
    assert bars["discarded"] == pytest.approx((132 + 100 * scale, 100 * scale), abs=0.2)


def test_a_draft_from_before_the_picture_is_counted_and_not_drawn() -> None:
    seen = replace(view(), from_ms=-800.0)
    assert "‹ 1 thrown away" in turn_article(seen)
    assert 'class="discarded"' not in turn_article(seen)
    assert "made at -1.1 s" in in_words(seen)


def test_nobodys_words_become_markup() -> None:
    evil = result(heard=ATTACK, said=ATTACK)
    evil.planned = replace(evil.planned, text=ATTACK)
    quiet = {tag for tag, _ in Reader(page()).elements}
    text = page([evil], card=ATTACK, engines={"recogniser": ATTACK}, recordings=[ATTACK], url=ATTACK)
    reader = Reader(text)
    assert {tag for tag, _ in reader.elements} == quiet
    assert not any(name.startswith("on") for _, attrs in reader.elements for name in attrs)
    assert ATTACK in reader.text


def test_a_recogniser_may_hear_what_no_file_can_hold(tmp_path: Path) -> None:
    write_whole(tmp_path / "page.html", page([result(heard="a lone surrogate \ud800 here")]))
    assert "a lone surrogate \ufffd here" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_turns_without_parts_or_answers_have_their_place() -> None:
    unsplit = result()
    unsplit.parts = unsplit.timeline = None
    text = Reader(page([result(), unsplit, result(answered_ms=None)])).text
    assert "the server did not split the time" in text
    assert "The turn was not answered." in text
    assert "Turn 1: 280 ms" in text
    assert Reader(page([result(answered_ms=None)])).text.count("No turn was answered.") == 1


def test_a_turn_that_was_cut_begins_before_its_end() -> None:
    early = result(answered_ms=-350.0)
    assert "cut in" in Reader(page([early])).text
    assert view(early).from_ms == -1_550.0


def test_a_histogram_counts_every_turn_once() -> None:
    values = [-20.0, 0.0, 49.9, 50.0, 251.0, 259.0, 700.0, 12_000.0]
    drawn = histogram(values, before=[100.0])
    assert sum(int(count) for count in re.findall(r"(\d+) from", drawn)) == len(values)
    assert 'class="before"' in drawn


def test_what_a_server_does_not_tell_is_said_to_be_missing() -> None:
    text = Reader(page(untold=["the times of single words", "<when>"])).text
    assert "Not shown: the times of single words and <when>." in text
    assert "Not shown" not in Reader(page(untold=[])).text
    assert "Not shown" not in Reader(page()).text


def test_runs_are_told_where_there_were_several() -> None:
    runs = [[result(answered_ms=ms)] for ms in (300.0, 250.0, 280.0)]
    text = Reader(replay_page(as_json(runs), [view(runs[-1][0])])).text
    assert "250 to 300 ms in 3 runs" in text
    assert "3 runs of 1 turns" in text
    assert "The last run is shown." in text


# ---------------------------------------------------------------- file


@pytest.mark.parametrize(
    ("options", "said", "status"),
    [
        (("--html", "{folder}/missing/page.html"), "there is no folder", 1),
        (("--json", "{folder}"), "is a folder", 1),
        (("--baseline", "{folder}/none.json"), "can't be read", 2),
    ],
)
def test_a_replay_is_not_begun_that_could_not_be_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, str], said: str, status: int
) -> None:
    given = [option.format(folder=tmp_path) for option in options]
    with pytest.raises(SystemExit) as stopped:
        cli.main(["replay", str(tmp_path / "speech.wav"), *given])
    assert stopped.value.code == status
    assert said in " ".join(capsys.readouterr().err.split())

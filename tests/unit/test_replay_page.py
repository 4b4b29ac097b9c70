"""The replay's page as it is written: everything in it, nothing from elsewhere, and nobody's words as markup.

What it shows in a browser: tests/browser/test_replay_page.py and tests/js/lab_report.test.js.
"""

from __future__ import annotations

import base64
import html.parser
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio.frames import WIRE_HZ
from bench import cli
from bench.replay.both_voices import as_opus, voices_of
from bench.replay.loudspeaker import HeardStretch
from bench.replay.page import as_shown, replay_page
from bench.replay.plan import PlannedTurn
from bench.replay.report import as_json
from bench.replay.simulated_candidate import TurnResult
from bench.replay.views import COLUMNS, TurnView, views_of
from bench.report_files import write_whole
from pipelines.engines import Word
from pipelines.events import Audience, DraftDiscarded, DraftMade, Event, SegmentHeard, TurnCommitted, TurnTimeline
from pipelines.log.session_log import Envelope, LogEntry
from pipelines.session.latency import LatencyParts
from server.reports.comparison import compare
from server.reports.drafts import drafts_of
from server.reports.report_turns import ReadReport

END_MS = 2_000.0  # of the candidate's voice, in the audio below
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
    audio = np.zeros((4 * WIRE_HZ, 2), dtype=np.int16)
    audio[WIRE_HZ // 2 : 2 * WIRE_HZ, 0] = 8_000
    audio[round(2.28 * WIRE_HZ) :, 1] = 16_000
    return audio


def record(event: Event, media_ms: float) -> LogEntry:
    return LogEntry(Envelope(1, 0, media_ms, media_ms, "", event.type_name(), Audience.DEVELOPER, ""), event)


LOG = (
    record(DraftMade(1, 1, 120.0), 900.0),
    record(DraftDiscarded(1, 1, "resumed", 31.7), 1_000.0),
    record(
        SegmentHeard(1, 0, "where does it hurt", (Word("where", 600, 800), Word("hurt", 1_500, 1_990)), 9.0), 2_130.0
    ),
    record(DraftMade(1, 2, 140.0), 2_140.0),
)


def view(turn: TurnResult | None = None) -> TurnView:
    heard = [HeardStretch(2_280.0, 1, 0, np.zeros(WIRE_HZ, dtype=np.int16))]
    words = {1: (Word("In", 0, 150), Word("my", 150, 400), Word("unheard", 5_000, 5_400))}
    (only,) = views_of([turn or result()], stereo=stereo(), log=LOG, heard=heard, reply_words=words)
    return only


def page(turns: Sequence[TurnResult] | None = None, **about: Any) -> str:
    run = list(turns or [result()])
    report = as_json([run], troubles=["audio came late"], about={"recordings": ["a.flac"], "card": "c", **about})
    before = ReadReport.model_validate(as_json([run]))
    report["comparison"] = compare(ReadReport.model_validate(report), before, draws=50).as_json()
    return replay_page(report, [view(turn) for turn in run], baseline=before)


class Reader(html.parser.HTMLParser):
    """Collects elements and the texts of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self._within = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self._within = dict(attrs).get("type") or "classic"

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within:
            self.scripts[self._within] = data


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


def test_a_turn_that_was_cut_begins_before_its_end() -> None:
    assert view(result(answered_ms=-350.0)).from_ms == -1_550.0


def test_a_view_can_be_written_down() -> None:
    plain = json.loads(json.dumps(view().as_json()))
    assert (plain["from_ms"], plain["to_ms"], plain["shift_ms"]) == (-1_200.0, 1_180.0, 30.0)
    assert (len(plain["candidate"]), max(plain["patient"])) == (COLUMNS, 0.4883)
    assert plain["words"] == [{"text": "hurt", "from_ms": -500.0, "to_ms": -10.0}]
    assert plain["drafts"] == [{"made_ms": -1_100.0, "discarded_ms": -1_000.0, "reason": "resumed", "cost_ms": 31.7}]


# ---------------------------------------------------------------- both voices


def test_both_voices_are_told_by_the_log() -> None:
    log = (*LOG[:3], record(TurnCommitted(1, "where does it hurt", 500.0, 2_000.0), 2_240.0))
    voices = voices_of([result()], stereo=stereo(), log=log)
    (turn,) = voices["turns"]
    assert (turn["role"], turn["text"], turn["from_ms"], turn["to_ms"]) == (
        "candidate", "where does it hurt", 500, 2_000,
    )  # fmt: skip
    assert turn["words"][0][:3] == ["where", 600, 800]
    assert voices["drafts"] == [{"made_ms": 900.0, "done_ms": 1_000.0, "reason": "resumed", "cost_ms": 31.7}]
    assert voices["length_ms"] == 4_000


def test_a_draft_that_was_not_thrown_away_became_the_reply() -> None:
    log = (*LOG, record(TurnCommitted(1, "where does it hurt", 500.0, 2_000.0), 2_240.0))
    assert [(draft.made_ms, draft.done_ms, draft.kept) for draft in drafts_of(log)] == [
        (900.0, 1_000.0, False),
        (2_140.0, 2_240.0, True),
    ]


def test_without_a_log_both_voices_are_where_they_were_heard() -> None:
    heard = [HeardStretch(2_280.0 + part, 1, 0, np.zeros(WIRE_HZ // 2, dtype=np.int16)) for part in (0.0, 500.0)]
    voices = voices_of([result()], stereo=stereo(), heard=heard)
    assert [(turn["role"], turn["text"], turn["from_ms"], turn["to_ms"]) for turn in voices["turns"]] == [
        ("candidate", "where does it hurt", 500, 2_000),
        ("patient", "In my leg.", 2_280, 3_280),
    ]
    assert voices["drafts"] == []


def test_the_sound_in_the_page_is_that_of_the_replay() -> None:
    sound, rate_hz = soundfile.read(io.BytesIO(as_opus(stereo())), dtype="float32")
    assert (sound.shape[1], rate_hz) == (2, WIRE_HZ)
    loud = np.abs(sound) > 0.05
    assert len(sound) == pytest.approx(4 * WIRE_HZ, abs=WIRE_HZ // 50)
    assert np.flatnonzero(loud[:, 1])[0] == pytest.approx(2.28 * WIRE_HZ, abs=WIRE_HZ // 50)


# ---------------------------------------------------------------- page


def test_what_is_shown_is_computed_over_all_runs() -> None:
    runs = [[result(answered_ms=ms)] for ms in (300.0, 250.0, None, 280.0)]
    shown = as_shown(as_json(runs), [view(runs[-1][0])], baseline=ReadReport.model_validate(as_json(runs[:1])))
    assert [turn["over_runs_ms"] for turn in shown["turns"]] == [[300.0, 250.0, 280.0]]
    assert shown["mean_parts_ms"] == {
        "endpoint": 270.0, "recognise": 0.0, "respond": 0.0, "speak": 0.0, "deliver": pytest.approx(20.0 / 3),
    }  # fmt: skip
    assert shown["distribution"] == {
        "times_ms": [250.0, 280.0, 300.0],
        "shares": pytest.approx([100 / 3, 200 / 3, 100]),
    }
    assert shown["baseline_distribution"] == {"times_ms": [300.0], "shares": [100.0]}
    unanswered = as_shown(as_json([[result(answered_ms=None)]]), [view(result(answered_ms=None))])
    assert "mean_parts_ms" not in unanswered
    assert unanswered["distribution"] == {"times_ms": [], "shares": []}
    assert "baseline_distribution" not in unanswered


def test_each_turn_has_why_it_was_waited_for_and_why_the_baseline_did() -> None:
    now, before, old = result(), result(), result()
    now.waits = [{"turn": 1, "silence_ms": 240.0, "words": "Waited 240 ms: now.", "pauses": []}]
    before.waits = [{"turn": 1, "silence_ms": 700.0, "words": "Waited 700 ms: then.", "pauses": []}]
    earlier = ReadReport.model_validate(json.loads(json.dumps(as_json([[before]]))))
    (turn,) = as_shown(as_json([[now]]), [view(now)], baseline=earlier)["turns"]
    assert (turn["waits"], turn["waited_before"]) == (now.waits, ["Waited 700 ms: then."])
    # A report of a time when nobody asked, as this replay or as its baseline.
    without = as_json([[old]])
    del without["turns"][0]["waits"]
    (turn,) = as_shown(without, [view(old)], baseline=ReadReport.model_validate(without))["turns"]
    assert ("waits" in turn, turn["waited_before"]) == (False, [])


def test_the_page_needs_nothing_from_elsewhere() -> None:
    reader = Reader(page())
    assert {tag for tag, _ in reader.elements} & {"link", "img", "iframe", "object", "form"} == set()
    assert [attrs for _, attrs in reader.elements if "src" in attrs or "href" in attrs] == []
    policy = next(attrs for tag, attrs in reader.elements if attrs.get("http-equiv") == "Content-Security-Policy")
    assert (
        policy["content"]
        == "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' data:; media-src blob:"
    )


def test_every_module_that_is_imported_is_in_the_page() -> None:
    scripts = Reader(page()).scripts
    modules = json.loads(scripts["importmap"])["imports"]
    assert scripts["module"] == 'import "lab/report_page.js";'
    for name, address in modules.items():
        source = base64.b64decode(address.removeprefix("data:text/javascript;base64,")).decode()
        imported = re.findall(r'^(?:import|\}).*"(.+)";$', source, re.MULTILINE)
        assert set(imported) <= set(modules), name
    assert {"strings.js", "ui/dom.js", "lab/turn_table.js", "lab/turn_picture.js"} <= set(modules)


def test_nobodys_words_become_markup() -> None:
    evil = result(heard=ATTACK, said=ATTACK)
    evil.planned = replace(evil.planned, text=ATTACK)
    quiet = [tag for tag, _ in Reader(page()).elements]
    reader = Reader(page([evil], card=ATTACK, engines={"recogniser": ATTACK}, recordings=[ATTACK], url=ATTACK))
    assert [tag for tag, _ in reader.elements] == quiet
    report = json.loads(reader.scripts["application/json"])
    assert (report["turns"][0]["heard"], report["about"]["card"]) == (ATTACK, ATTACK)


def test_a_recogniser_may_hear_what_no_file_can_hold(tmp_path: Path) -> None:
    write_whole(tmp_path / "page.html", page([result(heard="a lone surrogate \ud800 here")]))
    assert "a lone surrogate \ufffd here" in (tmp_path / "page.html").read_text(encoding="utf-8")


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

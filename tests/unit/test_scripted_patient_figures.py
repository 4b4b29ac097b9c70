"""The figures of understanding keep their floors, and are counted rightly."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from audio.frames import ANALYSIS_HZ
from bench import cli
from bench.cue_cases import MatchingCase, MatchingReport
from bench.cues import (
    CueResult,
    SpokenTurn,
    consultation_turns,
    load_sentences,
    measure,
    recognised,
    segment_sounds,
    spoken_sentences,
)
from bench.stt import ClipSet, fixture_clips, real_clips, run_bench
from common.errors import AudioError
from pipelines.engines import Voice
from pipelines.patient.card_library import CardLibrary
from pipelines.scripted.recogniser import ScriptedRecogniser
from pipelines.scripted.synthesiser import ToneSynthesiser
from pipelines.truth import TruthSegment, TruthTurn
from tests.by_spelling import by_spelling

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
CARD = "nursing-leg-wound"


@cache
def library() -> CardLibrary:
    return CardLibrary.load(ROOT / "configs" / "cards")


def _told(result: CueResult) -> list[str]:
    return [f"{r.case.expected}: got {r.cue or r.intent}" for r in result.report.failures]


def test_turns_of_the_consultations_are_understood() -> None:
    cases = [turn.case for turn in consultation_turns(DATA, library())]
    assert len(cases) >= 34
    result = measure(by_spelling(), "true_text", "consultations", cases, library())
    assert result.report.rate >= 0.94, _told(result)


@pytest.mark.parametrize(
    ("name", "floor", "wrong"),
    [
        ("sentences", 0.93, 0.02),
        ("sentences_more", 0.94, 0.02),
        ("sentences_heldout", 0.87, 0.06),
        ("sentences_fresh", 0.93, 0.04),
        ("sentences_final", 0.87, 0.04),
        ("sentences_strangers", 0.91, 0.04),
        ("sentences_unseen_cards", 0.84, 0.04),
    ],
)
def test_sentences_are_understood(name: str, floor: float, wrong: float) -> None:
    result = measure(by_spelling(), "true_text", name, load_sentences(DATA / f"{name}.yaml", library()), library())
    assert result.report.rate >= floor
    assert result.figures[1].value is not None
    assert result.figures[1].value <= wrong


def test_figures_name_kind_and_set() -> None:
    cases = [MatchingCase(CARD, "do you smoke", "smoking"), MatchingCase(CARD, "do you smoke", "pain")]
    right, wrong = measure(by_spelling(), "spoken", "some", cases, library()).figures
    assert (right.name, right.value, right.n) == ("cue_matching_spoken/some", 0.5, 2)
    assert (wrong.name, wrong.value) == ("cue_told_wrongly_spoken/some", 0.5)
    assert measure(by_spelling(), "spoken", "none", [], library()).figures[0].value is None


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("- {card: nobody, expect: pain, text: Hm}", "there is no card 'nobody'"),
        ("- {card: nursing-leg-wound, expect: pain}", "text: Field required"),
        ("- {card: nursing-leg-wound, expect: pain, text: Hm, after: [nothing]}", "'nothing' is no cue of the card"),
        ("5", "is no list of rows"),
        ("{", "is no list of rows"),
    ],
)
def test_broken_sentences_are_told_with_their_place(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(AudioError, match=rf"some\.yaml: .*{fault}"):
        load_sentences(path, library())


def test_segments_keep_clear_of_their_neighbours() -> None:
    turn = TruthTurn(
        from_ms=100,
        to_ms=2000,
        text="one two",
        segments=(TruthSegment(from_ms=100, to_ms=900, text="one"), TruthSegment(from_ms=1000, to_ms=2000, text="two")),
    )
    first, second = segment_sounds(turn, np.zeros(5 * ANALYSIS_HZ, dtype=np.int16))
    assert (len(first), len(second)) == (1000 * 16, (2150 - 900) * 16)


def test_what_was_recognised_takes_the_place_of_the_text() -> None:
    sound = np.full(ANALYSIS_HZ, 3000, dtype=np.int16)
    turn = SpokenTurn(MatchingCase(CARD, "Do you smoke?", "smoking"), (sound, sound), "anyone")
    done: list[int] = []
    heard = recognised([turn], library(), ScriptedRecogniser(["do you", "smoke"]), lambda: done.append(1))
    assert [case.text for case in heard] == ["do you smoke"]
    assert [word.text for word in heard[0].words] == ["do", "you", "smoke"]
    assert done == [1]
    assert measure(by_spelling(), "spoken", "some", heard, library()).report.rate == 1.0


def test_sentences_are_spoken_with_silence_around() -> None:
    case = MatchingCase(CARD, "Do you smoke?", "smoking")
    (turn,) = spoken_sentences([case], ("some", Voice()), ToneSynthesiser())
    (sound,) = turn.segments
    edge = 140 * ANALYSIS_HZ // 1000
    assert not sound[:edge].any()
    assert not sound[-edge:].any()
    assert np.abs(sound).max() > 100
    assert turn.speaker == f"some/{CARD}"


def test_recogniser_bench_adds_up_by_group_and_compares_with_stock() -> None:
    sound = np.full(ANALYSIS_HZ, 3000, dtype=np.int16)
    clip = (sound, "one two")
    sets = [ClipSet("rms", (clip, clip)), ClipSet("slt", (clip,))]  # the script begins anew with each stream
    ours = run_bench(ScriptedRecogniser(["one two", "one too"]), sets, lambda: None)
    stock = run_bench(ScriptedRecogniser(["one", "one too"]), sets, lambda: None)
    assert list(ours) == ["rms", "slt"]
    figures = {figure.name: figure for figure in ours["rms"].figures("rms", stock["rms"])}
    assert figures["stt_wer/rms"].value == pytest.approx(0.25)
    assert figures["stt_wer/rms"].baseline == pytest.approx(0.5)
    assert figures["stt_wer/rms"].n == 4
    assert figures["stt_final_p95/rms"].n == 2
    assert ours["rms"].audio_s == pytest.approx(2.0)


def test_fixture_clips_are_the_segments_of_every_voice() -> None:
    sets = fixture_clips(DATA, library(), vocabulary=True)
    assert {clip_set.group for clip_set in sets} == {"rms", "slt", "awb"}
    assert all(clip_set.vocabulary for clip_set in sets)
    assert all(len(sound) > ANALYSIS_HZ // 4 and text for clip_set in sets for sound, text in clip_set.clips)


def test_real_speech_needs_its_text(tmp_path: Path) -> None:
    (tmp_path / "one.flac").write_bytes((DATA / "cough.flac").read_bytes())
    with pytest.raises(AudioError, match="holds no recording with its text"):
        real_clips(tmp_path)
    (tmp_path / "one.txt").write_text("hm", encoding="utf-8")
    assert [clip_set.clips[0][1] for clip_set in real_clips(tmp_path)] == ["hm"]


def test_rows_of_held_out_files_are_never_printed(tmp_path: Path) -> None:
    path = tmp_path / "sentences_final.yaml"
    path.write_text("- {card: nursing-leg-wound, expect: pain, text: do you smoke}", encoding="utf-8")
    result = CliRunner().invoke(cli.app, ["eval", "cues", str(path), "--failures"])
    assert result.exit_code == 0, result.output
    assert "true_text/sentences_final: 1 rows failed; held out, so none is shown" in result.output
    assert "do you smoke" not in result.output
    assert CueResult("spoken", "sentences_final/rms", MatchingReport(())).held_out
    assert not CueResult("spoken", "sentences_more/rms", MatchingReport(())).held_out


def test_command_prints_figures_and_failures(tmp_path: Path) -> None:
    path, out = tmp_path / "few.yaml", tmp_path / "figures.json"
    path.write_text("- {card: nursing-leg-wound, expect: pain, text: do you smoke}", encoding="utf-8")
    result = CliRunner().invoke(cli.app, ["eval", "cues", str(path), "--failures", "--json", str(out)])
    assert result.exit_code == 0, result.output
    assert "cue_matching_true_text/few" in result.output
    assert "expected pain, got smoking" in result.output
    assert '"cue_told_wrongly_true_text/few"' in out.read_text(encoding="utf-8")

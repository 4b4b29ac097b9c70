"""`eval turns`: the definitions of shift and hold, honest figures, broken files; on consultations made here."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from bench.consultations import EndKind, load_consultations, read_utterances
from bench.logistic import Example, fit
from bench.train_turns import misheard, train, vocabulary_of
from bench.turns import Judged, delay_at, measure, score
from bench.turns_picture import draw
from common.errors import AudioError

SPANS = list[tuple[float, float, str]]


def textgrid(spans: SPANS, encoding: str = "utf-8") -> bytes:
    intervals = "".join(
        f"        intervals [{number}]:\n            xmin = {start} \n            xmax = {end} \n"
        f'            text = "{text}" \n'
        for number, (start, end, text) in enumerate(spans, start=1)
    )
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0 \nxmax = 99 \ntiers? <exists> \nsize = 1 \n'
    return (head + intervals).encode(encoding)


def write(folder: Path, name: str, doctor: SPANS, patient: SPANS, encoding: str = "utf-8") -> None:
    (folder / f"{name}_doctor.TextGrid").write_bytes(textgrid(doctor, encoding))
    (folder / f"{name}_patient.TextGrid").write_bytes(textgrid(patient, encoding))


DOCTOR: SPANS = [
    (0.0, 1.0, "Good morning."),
    (1.05, 2.0, "How are you?"),  # merged with the one before: 0.05 s apart
    (4.0, 4.5, "OK."),  # hold: goes on after 1 s
    (5.5, 7.0, "Do you smoke?"),  # shift
    (9.0, 10.0, "I see"),  # offered: goes on after 3 s
    (13.0, 14.0, "Any other pain?"),  # overlapped
]
PATIENT: SPANS = [(2.4, 3.8, "Not well."), (7.5, 8.5, "<UNSURE>Yes</UNSURE>"), (13.5, 15.0, "My leg.")]


def test_ends_are_what_the_definitions_say(tmp_path: Path) -> None:
    write(tmp_path, "one", DOCTOR, PATIENT)
    (talk,) = load_consultations(tmp_path)
    found = [(end.kind, round(end.gap_s, 2), end.evidence.text) for end in talk.doctor]
    assert found == [
        (EndKind.SHIFT, 0.4, "Good morning. How are you?"),
        (EndKind.HOLD, 1.0, "OK."),
        (EndKind.SHIFT, 0.5, "OK. Do you smoke?"),
        (EndKind.OFFERED, 3.0, "I see"),
        (EndKind.OVERLAPPED, 0.0, "I see Any other pain?"),
    ]
    hold = talk.doctor[1].evidence
    assert (hold.after, hold.pieces) == ("Not well.", 1)
    assert hold.after_gap_ms == pytest.approx(200.0)
    asked = talk.doctor[2].evidence
    assert asked.pieces == 2
    assert asked.speech_ms == pytest.approx(3000.0)
    assert asked.last_piece_ms == pytest.approx(1500.0)


def test_the_reference_counts_are_met() -> None:
    folder = Path(os.environ.get("INTERLOCUTOR_FIXTURES", "")) / "data" / "primock57"
    if not folder.is_dir():
        pytest.skip("the consultations are not part of the repository; INTERLOCUTOR_FIXTURES names their place")
    ends = [end for talk in load_consultations(folder) for end in talk.doctor]
    counts = [
        sum(end.kind is kind for end in ends)
        for kind in (EndKind.SHIFT, EndKind.HOLD, EndKind.OFFERED, EndKind.OVERLAPPED)
    ]
    assert counts == [1105, 136, 12, 462]
    fixed = score([Judged(end, 1.0) for end in ends])
    assert fixed.cut_in_per_hold == pytest.approx(0.463, abs=0.001)


def test_utf_16_and_doubled_quotes_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.TextGrid").write_bytes(textgrid([(0.0, 1.0, 'He said ""stop"" twice')], "utf-16"))
    assert read_utterances(tmp_path / "x.TextGrid")[0].text == 'He said "stop" twice'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a_doctor.TextGrid", b"", "a_doctor.TextGrid is no Praat TextGrid"),
        ("a_doctor.TextGrid", b"\x80\x81\x82 TextGrid", "neither UTF-8 nor UTF-16"),
        ("a_doctor.TextGrid", textgrid(DOCTOR), "a_patient.TextGrid is missing"),
        ("readme.txt", b"hello", "no files named like"),
    ],
)
def test_broken_folders_are_refused_by_name(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AudioError, match=message):
        load_consultations(tmp_path)
    with pytest.raises(AudioError, match="is no folder"):
        load_consultations(tmp_path / "nowhere")


def talks_of(folder: Path, count: int) -> None:
    """Consultations in which "OK." holds for about a second and questions are answered."""
    rng = random.Random(7)
    for number in range(count):
        doctor: SPANS = []
        patient: SPANS = []
        at = 0.0
        for turn in range(12):
            if turn % 3 == 0:
                doctor.append((at, at + 0.4, rng.choice(["OK.", "Right.", "OK, um."])))
                at += 0.4 + rng.uniform(0.6, 1.4)
            asked = rng.choice(
                ["Do you smoke?", "Any other pain?", "How long have you had this?", "Is it worse at night?"]
            )
            doctor.append((at, at + 1.5, asked))
            at += 2.0
            patient.append((at, at + 1.0, rng.choice(["No, not really.", "Since Monday.", "Yes."])))
            at += 1.4
        write(folder, f"c{number}", doctor, patient)


def test_a_model_trained_here_beats_fixed_silence_on_consultations_it_has_not_seen(tmp_path: Path) -> None:
    talks_of(tmp_path, 8)
    talks = load_consultations(tmp_path)
    report = measure(talks, folds=4, assignments=1)
    figures = {figure.name: figure for figure in report.figures()}
    for condition in ("punctuated", "asr25", "stretch1.6"):
        best = figures[f"mean_delay_s@cut_in_per_hold=0.1/{condition}"]
        assert best.value is not None
        assert best.baseline is not None
        assert best.value < 0.7 * best.baseline
        for name in ("cut_in_per_hold", "cut_in_per_end", "delay_p50_s", "delay_p95_s", "delay_mean_s"):
            assert figures[f"{name}/{condition}"].value is not None
    assert report.seen == 0
    assert figures["hold"].value == 8 * 4
    picture = draw(report)
    assert picture.count("<polyline") == 6
    assert "shipped setting" in picture


def test_training_twice_gives_the_same(tmp_path: Path) -> None:
    talks_of(tmp_path, 5)
    talks = load_consultations(tmp_path)
    assert train(talks) == train(talks)


def test_words_are_misheard_at_the_rate_asked_for(tmp_path: Path) -> None:
    talks_of(tmp_path, 2)
    vocabulary = vocabulary_of(load_consultations(tmp_path))
    said = " ".join(["Zebra,"] * 4000)
    heard = misheard(said, random.Random(1), 0.25, vocabulary).split()
    kept = heard.count("zebra")
    assert pytest.approx(kept, rel=0.05) == 0.75 * 4000 or kept == pytest.approx(4000 * 0.775, rel=0.03)
    assert len(heard) == pytest.approx(4000 * (1 - 0.1 + 0.025), rel=0.03)


def test_between_points_of_a_curve_the_delay_is_interpolated_and_never_rises() -> None:
    curve = ((0.0, 2.0), (0.2, 1.0), (0.4, 1.2), (1.0, 0.2))
    assert delay_at(curve, 0.1) == pytest.approx(1.5)
    assert delay_at(curve, 0.4) == pytest.approx(1.0)


def test_logistic_regression_finds_what_is_there() -> None:
    rng = random.Random(3)
    examples = []
    for _ in range(2000):
        value = rng.uniform(-1, 1)
        positive = rng.random() < 1 / (1 + 2.718281828 ** -(2.0 * value - 0.5))
        examples.append(Example({"value": value, "noise": rng.uniform(-1, 1)}, positive))
    found = fit(examples, strength=10.0, seen=1)
    assert found.weights["value"] == pytest.approx(2.0, abs=0.3)
    assert abs(found.weights.get("noise", 0.0)) < 0.3
    assert found.bias == pytest.approx(-0.5, abs=0.2)

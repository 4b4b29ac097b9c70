"""What the instrument hears of a line: each fault is found, and a sound line has none."""

from __future__ import annotations

import numpy as np
import pytest

from audio.frames import WIRE_HZ, Pcm, silence
from bench.listen import figures_of, page_of
from bench.voice.line_hearing import HeardLine, hear
from bench.voice.lines import Line, SpokenClause, joined
from pipelines.engines import Voice, Word


def voiced(seconds: float, *, amplitude: float = 4_000.0) -> Pcm:
    """Return noise like a voice's, faded at both ends."""
    noise = np.random.default_rng(7).standard_normal(round(seconds * WIRE_HZ))
    fade = np.minimum(1.0, np.minimum(np.arange(len(noise)), np.arange(len(noise))[::-1]) / 480)
    made: Pcm = np.rint(np.clip(amplitude * noise * fade, -32_768, 32_767)).astype(np.int16)
    return made


def heard(*samples: Pcm, text: str = "It hurts.", level_db: float = 0.0, words: tuple[Word, ...] = ()) -> HeardLine:
    clauses = [SpokenClause(one, words, 300) for one in samples]
    line = Line("card", text, Voice(level_db=level_db), {})
    return hear(joined(line, clauses), clauses)


SOUND = voiced(2.0, amplitude=2_700.0)


def test_a_line_as_it_should_be_has_no_fault() -> None:
    found = heard(SOUND, SOUND)
    assert found.faults == (), found
    assert found.seconds == pytest.approx(4.6)


@pytest.mark.parametrize(
    ("samples", "fault"),
    [
        (voiced(2.0, amplitude=300.0), "LU from its loudness"),
        (voiced(2.0, amplitude=9_000.0), "peak"),
        (voiced(2.0, amplitude=30_000.0), "samples clipped"),
        (np.concatenate([silence(200, WIRE_HZ), SOUND]), "200 ms of silence before a clause"),
        (np.concatenate([SOUND, silence(400, WIRE_HZ)]), "400 ms of silence behind a clause"),
        (np.concatenate([SOUND, silence(900, WIRE_HZ), SOUND]), "a hole of 9"),
        (SOUND[WIRE_HZ // 2 :], "a step of"),
        (silence(0, WIRE_HZ), "no sound"),
    ],
)
def test_every_fault_is_found(samples: Pcm, fault: str) -> None:
    assert any(fault in one for one in heard(samples).faults), heard(samples).faults


def test_a_patient_who_is_in_a_quiet_mood_is_measured_against_that() -> None:
    assert any("LU" in fault for fault in heard(SOUND, level_db=-2.0).faults)
    quiet = heard(voiced(2.0, amplitude=2_700.0 * 10 ** (-2 / 20)), level_db=-2.0)
    assert quiet.faults == ()


def test_words_out_of_order_and_a_pace_that_nobody_has_are_faults() -> None:
    assert "its words are out of order" in heard(SOUND, words=(Word("a", 500, 600), Word("b", 0, 90))).faults
    assert any("words a minute" in fault for fault in heard(SOUND, text="one two three " * 6).faults)


def test_the_report_has_the_faults_and_their_sound() -> None:
    bad = np.concatenate([SOUND, silence(900, WIRE_HZ), SOUND])
    clauses = [SpokenClause(bad, (Word("It", 0, 200), Word("hurts.", 200, 900)), 300)]
    spoken = joined(Line("knee", "It <hurts>.", Voice(), {}), clauses)
    one = hear(spoken, clauses)
    page = page_of([("joe", one, spoken)])
    assert "joe: It &lt;hurts&gt;." in page
    assert "a hole of" in page
    assert "<svg" in page
    assert "data:audio/wav;base64," in page
    figures = {figure.name: figure.value for figure in figures_of("joe", [one, heard(SOUND)], levelled=True)}
    assert figures["lines_faulty/joe"] == 1
    assert "None." in page_of([])

"""The recorder: sample-exact timeline, cuts, segments that survive a kill, and the joined file."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import recorder
from audio.frames import Pcm
from audio.recorder import Joined, SegmentWriter, join, read_segments
from audio.timeline_mixer import Stereo, TimelineMixer, falling
from common.errors import AudioError, StorageError
from common.seal import Seal
from common.sealed_files import is_sealed, read_file

RATE = 24_000
FRAME = 480


def ramp(start: int, count: int) -> Pcm:
    return ((np.arange(start, start + count) % 30_000) + 1).astype(np.int16)


def stereo(start: int, count: int) -> Stereo:
    return np.stack([ramp(start, count), -ramp(start, count)], axis=1)


# ---------------------------------------------------------------- mixer


def test_patient_sound_lands_at_its_exact_sample() -> None:
    mixer = TimelineMixer()
    mixer.candidate(ramp(0, 100 * FRAME))
    mixer.patient(1000.0, ramp(0, 500))
    out = mixer.take_stereo(2000.0)
    assert out.shape == (48_000, 2)
    assert np.array_equal(out[:, 0], ramp(0, 48_000))
    assert not out[:24_000, 1].any()
    assert np.array_equal(out[24_000:24_500, 1], ramp(0, 500))
    assert not out[24_500:, 1].any()


def test_sound_placed_ahead_is_there_when_its_time_comes() -> None:
    mixer = TimelineMixer()
    mixer.patient(5000.0, ramp(0, 1000))
    tracks = []
    for i in range(300):
        mixer.candidate(ramp(i * FRAME, FRAME))
        tracks.append(mixer.take_stereo(mixer.now_ms))
    patient = np.concatenate(tracks)[:, 1]
    assert np.flatnonzero(patient)[[0, -1]].tolist() == [120_000, 120_999]
    assert np.array_equal(patient[120_000:121_000], ramp(0, 1000))


def test_take_never_goes_beyond_the_candidate_nor_repeats() -> None:
    mixer = TimelineMixer()
    mixer.candidate(ramp(0, FRAME))
    assert len(mixer.take_stereo(10_000.0)) == FRAME
    assert len(mixer.take_stereo(10_000.0)) == 0
    assert len(mixer.take_stereo(5.0)) == 0


def test_a_cut_silences_what_comes_after_and_new_sound_can_follow() -> None:
    mixer = TimelineMixer()
    mixer.patient(0.0, ramp(0, 48_000))
    mixer.candidate(ramp(0, 12_000))
    mixer.patient_cut(700.0)
    mixer.patient(1500.0, ramp(7, 100))
    mixer.candidate(ramp(12_000, 60_000))
    patient = mixer.take_stereo(3000.0)[:, 1]
    assert np.array_equal(patient[:16_800], ramp(0, 16_800))
    fading = patient[16_800:17_040]
    assert np.array_equal(fading, (ramp(16_800, 240) * falling(240)).astype(np.int16))
    assert fading[-1] == 0
    assert not patient[17_040:36_000].any()
    assert np.array_equal(patient[36_000:36_100], ramp(7, 100))
    assert not patient[36_100:].any()


def test_a_cut_in_the_past_takes_effect_from_what_is_still_here() -> None:
    mixer = TimelineMixer()
    mixer.patient(0.0, ramp(0, 2400))
    mixer.candidate(ramp(0, 1200))
    assert mixer.take_stereo(50.0)[:, 1].all()
    mixer.patient_cut(0.0)
    mixer.candidate(ramp(1200, 1200))
    patient = mixer.take_stereo(100.0)[:, 1]
    assert abs(int(patient[0])) > abs(int(patient[200]))
    assert not patient[240:].any()


def test_patient_sound_for_the_past_is_left_out_up_to_now() -> None:
    mixer = TimelineMixer()
    mixer.candidate(ramp(0, 1200))
    mixer.take_stereo(50.0)
    mixer.patient(0.0, ramp(0, 1500))
    mixer.candidate(ramp(1200, 1200))
    patient = mixer.take_stereo(100.0)[:, 1]
    assert np.array_equal(patient[:300], ramp(1200, 300))
    assert not patient[300:].any()


def test_too_far_ahead_is_refused() -> None:
    mixer = TimelineMixer(ahead_ms=1000)
    mixer.patient(500.0, ramp(0, 12_000))
    with pytest.raises(AudioError, match="too far ahead"):
        mixer.patient(500.0, ramp(0, 12_001))


def test_when_nobody_takes_memory_stays_and_the_timeline_too() -> None:
    mixer = TimelineMixer(ahead_ms=100, unread_ms=1000)
    mixer.patient(0.0, ramp(0, 2400))
    for i in range(150):
        mixer.candidate(ramp(i * FRAME, FRAME))
    mixer.patient(2950.0, ramp(0, 100))
    assert mixer.lost_ms == 2000
    out = mixer.take_stereo(3000.0)
    assert len(out) == 72_000
    assert not out[:48_000].any()
    assert np.array_equal(out[48_000:, 0], ramp(48_000, 24_000))
    assert np.flatnonzero(out[:, 1]).tolist() == list(range(70_800, 70_900))


def test_ten_minutes_of_frames_do_not_drift() -> None:
    mixer = TimelineMixer()
    taken = 0
    for i in range(30_000):
        mixer.candidate(np.full(FRAME, i % 1000 + 1, dtype=np.int16))
        mixer.patient(20.0 * i, np.full(FRAME, -(i % 1000) - 1, dtype=np.int16))
        if i % 50 == 49:
            out = mixer.take_stereo(mixer.now_ms)
            assert np.array_equal(out[:, 0], -out[:, 1])
            assert out[0, 0] == (i - 49) % 1000 + 1
            taken += len(out)
    assert taken == 600 * RATE
    assert mixer.now_ms == 600_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("candidate"), st.integers(0, 90), st.just(0)),
            st.tuples(st.just("patient"), st.integers(0, 300), st.integers(0, 40)),
            st.tuples(st.just("cut"), st.integers(0, 300), st.just(0)),
            st.tuples(st.just("take"), st.integers(0, 300), st.just(0)),
        ),
        max_size=40,
    )
)
def test_the_mixer_does_what_an_endless_tape_would(steps: list[tuple[str, int, int]]) -> None:
    mixer = TimelineMixer(ahead_ms=400, unread_ms=100, rate_hz=1000)
    tape = np.zeros((10_000, 2), dtype=np.int16)
    now = taken = kept = 0
    for number, (step, at, length) in enumerate(steps, start=1):
        audio = np.full(at if step == "candidate" else length, number, dtype=np.int16)
        if step == "candidate":
            mixer.candidate(audio)
            tape[now : now + at, 0] = number
            now += at
            if now - 100 > kept:
                tape[kept : now - 100] = 0
                kept = now - 100
        elif step == "patient" and at + length <= now + 400:
            mixer.patient(at, audio)
            tape[max(at, kept) : max(at + length, kept), 1] = number
        elif step == "cut":
            mixer.patient_cut(at)
            start = max(at, kept)
            fading = (tape[start : start + 10, 1] * falling(10)).astype(np.int16)
            tape[start:, 1] = 0
            tape[start : start + 10, 1] = fading
        elif step == "take":
            end = min(max(at, taken), now)
            assert np.array_equal(mixer.take_stereo(at), tape[taken:end])
            taken, kept = end, max(kept, end)
    assert np.array_equal(mixer.take_stereo(10_000), tape[taken:now])


# ---------------------------------------------------------------- segments


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def audio_of(folder: Path) -> Stereo:
    return np.concatenate([segment.samples for segment in read_segments(folder)])


def test_segments_are_numbered_and_together_are_what_was_written(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "session", segment_ms=100, refresh_ms=50)
    audio = stereo(0, 6000)
    for at in range(0, 6000, 700):
        writer.write(audio[at : at + 700])
    writer.close()
    writer.close()
    assert names(tmp_path / "session") == [f"segment-{i:06d}.flac" for i in range(3)]
    assert np.array_equal(audio_of(tmp_path / "session"), audio)


def test_a_segment_under_way_is_on_disk_after_each_refresh(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, segment_ms=1000, refresh_ms=100)
    writer.write(stereo(0, 2399))
    assert names(tmp_path) == []
    writer.write(stereo(2399, 1))
    assert np.array_equal(audio_of(tmp_path), stereo(0, 2400))
    writer.write(stereo(2400, 2000))
    assert len(audio_of(tmp_path)) == 2400


def test_a_second_writer_continues_after_what_is_there(tmp_path: Path) -> None:
    for start in (0, 1000):
        writer = SegmentWriter(tmp_path, segment_ms=100)
        writer.write(stereo(start, 1000))
        writer.close()
    assert names(tmp_path) == ["segment-000000.flac", "segment-000001.flac"]
    assert np.array_equal(audio_of(tmp_path), stereo(0, 2000))


def test_sealed_segments_and_their_recording_are_the_same_sound_for_their_seal_alone(tmp_path: Path) -> None:
    seal, expected = Seal.new(), stereo(0, 90_000)
    writer = SegmentWriter(tmp_path, segment_ms=1000, refresh_ms=500, seal=seal)
    for start in range(0, 90_000, 700):
        writer.write(expected[start : start + 700])
    # Late audio is put into a segment that is sealed already.
    writer.write_late(10_000, ramp(7, 2_000))
    expected[10_000:12_000, 0] = ramp(7, 2_000)
    writer.close()
    assert all(is_sealed(path) for path in tmp_path.iterdir())
    assert np.array_equal(np.concatenate([found.samples for found in read_segments(tmp_path, seal)]), expected)
    assert all(found.problem for found in read_segments(tmp_path))
    with pytest.raises(AudioError, match="no segment of this recording can be read"):
        join(tmp_path)
    assert len(names(tmp_path)) == 4
    first, second = tmp_path / "segment-000000.flac", tmp_path / "segment-000001.flac"
    assert join(tmp_path, seal=seal) == Joined(tmp_path / recorder.RECORDING_NAME, 3_750.0)
    path = tmp_path / recorder.RECORDING_NAME
    assert (names(tmp_path), is_sealed(path), recorder.recording_info(path, seal)) == (
        [path.name],
        True,
        (90_000, RATE),
    )
    decoded, _ = soundfile.read(io.BytesIO(read_file(path, seal)), dtype="int16")
    assert np.array_equal(decoded, expected)
    assert join(tmp_path, seal=seal).duration_ms == 3_750.0
    assert not first.exists()
    assert not second.exists()


def test_sealed_segments_that_changed_places_are_no_sound(tmp_path: Path) -> None:
    seal = Seal.new()
    writer = SegmentWriter(tmp_path, segment_ms=100, seal=seal)
    writer.write(stereo(0, 7_200))
    writer.close()
    first, second = tmp_path / "segment-000000.flac", tmp_path / "segment-000001.flac"
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])
    assert [found.problem for found in read_segments(tmp_path, seal)] == [
        "segment-000000.flac can't be decoded",
        "segment-000001.flac can't be decoded",
        None,
    ]


KILLED = """
import sys
from pathlib import Path
import numpy as np
from audio.recorder import SegmentWriter
writer = SegmentWriter(Path(sys.argv[1]), segment_ms=200, refresh_ms=100)
frame = np.zeros((480, 2), dtype=np.int16)
for i in range(100_000):
    frame[:] = i % 30_000 + 1
    writer.write(frame)
    print(i, flush=True)
"""


def test_a_killed_server_loses_no_more_than_a_refresh(tmp_path: Path) -> None:
    folder = tmp_path / "session"
    root = Path(recorder.__file__).parents[1]
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], cwd=root, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        for _ in range(87):
            # We kill it in the middle of a segment, while it goes on.
            process.stdout.readline()
        process.kill()
        printed = [line for line in process.stdout.read().splitlines() if line.isdigit()]
    written = int(printed[-1]) + 1 if printed else 87
    segments = list(read_segments(folder))
    assert all(segment.problem is None for segment in segments)
    values = np.concatenate([segment.samples for segment in segments])[::FRAME, 0]
    assert np.array_equal(values, np.arange(1, len(values) + 1))
    assert len(values) >= written - 5  # 100 ms
    assert join(folder).duration_ms == 20 * len(values)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "session").write_bytes(b"a file is in the way")
    with pytest.raises(StorageError, match="'session' can't be written"):
        SegmentWriter(tmp_path / "session")


def test_a_disk_that_is_full_for_a_while_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SegmentWriter(tmp_path, segment_ms=100, refresh_ms=50)
    writer.write(stereo(0, 1300))
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full_disk)
        writer.write(stereo(1300, 1000))
        for start in range(2300, 12_000, 100):
            with pytest.raises(StorageError, match="free space"):
                writer.write(stereo(start, 100))
        with pytest.raises(StorageError):
            writer.close()
    writer.write(stereo(12_000, 100))
    writer.close()
    assert np.array_equal(audio_of(tmp_path), stereo(0, 12_100))


def test_a_disk_that_is_full_for_long_costs_sound_but_not_the_timeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "BACKLOG_MS", 200)
    writer = SegmentWriter(tmp_path, segment_ms=100, refresh_ms=100)
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full_disk)
        for start in range(0, 24_000, 400):
            try:
                writer.write(stereo(start, 400))
            except StorageError:
                assert start >= 2000
    writer.write(stereo(24_000, 400))  # still owed: silence comes first
    writer.write(stereo(24_400, 2400))
    writer.close()
    out = audio_of(tmp_path)
    assert len(out) == 26_800
    kept = int(np.argmin(out[:, 0]))
    assert kept >= 4800
    assert np.array_equal(out[:kept], stereo(0, kept))
    assert not out[kept:24_400].any()
    assert np.array_equal(out[24_400:], stereo(24_400, 2400))


def full_disk(*paths: object) -> None:
    raise OSError(28, "no space left")


def test_late_sound_is_put_where_it_belongs_whether_written_or_not(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, segment_ms=100, refresh_ms=50)
    for start in range(0, 6000, 500):
        writer.write(stereo(start, 500))
    late = np.full(5000, 7, dtype=np.int16)
    writer.write_late(700, late)
    writer.write(stereo(6000, 300))
    writer.write_late(6200, late)  # to its end; beyond is nothing yet
    writer.close()
    expected = stereo(0, 6300)
    expected[700:5700, 0] = 7
    expected[6200:, 0] = 7
    assert np.array_equal(audio_of(tmp_path), expected)


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 900)), max_size=8), st.integers(0, 2**16))
@settings(max_examples=20)
def test_late_sound_in_any_order_is_what_a_tape_would_have(late: list[tuple[int, int]], seed: int) -> None:
    chance = np.random.default_rng(seed)
    expected = stereo(0, 0)
    with tempfile.TemporaryDirectory() as folder:
        writer = SegmentWriter(Path(folder), segment_ms=20, refresh_ms=10)
        for at, count in late:
            more = stereo(len(expected), int(chance.integers(0, 700)))
            writer.write(more.copy())
            expected = np.concatenate([expected, more])
            samples = chance.integers(-9, 9, count).astype(np.int16)
            writer.write_late(at, samples)
            fits = samples[: max(0, len(expected) - at)]
            expected[at : at + len(fits), 0] = fits
        writer.close()
        assert np.array_equal(audio_of(Path(folder)) if len(expected) else stereo(0, 0), expected)


def test_late_sound_is_kept_while_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SegmentWriter(tmp_path, segment_ms=100, refresh_ms=50)
    writer.write(stereo(0, 6000))
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full_disk)
        with pytest.raises(StorageError, match="free space"):
            writer.write_late(1000, ramp(50, 3000))
    writer.close()
    expected = stereo(0, 6000)
    expected[1000:4000, 0] = ramp(50, 3000)
    assert np.array_equal(audio_of(tmp_path), expected)


def test_late_sound_for_a_segment_that_cannot_be_read_leaves_it_alone(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, segment_ms=100)
    writer.write(stereo(0, 7200))
    (tmp_path / "segment-000001.flac").write_bytes(b"not sound")
    writer.write_late(0, ramp(50, 7200))
    assert (tmp_path / "segment-000001.flac").read_bytes() == b"not sound"
    assert np.array_equal(soundfile.read(tmp_path / "segment-000002.flac", dtype="int16")[0][:, 0], ramp(4850, 2400))


KILLED_LATE = """
import sys
from pathlib import Path
import numpy as np
from audio.recorder import SegmentWriter
writer = SegmentWriter(Path(sys.argv[1]), segment_ms=200, refresh_ms=100)
writer.write(np.zeros((48_000, 2), dtype=np.int16))
for value in range(1, 30_000):
    writer.write_late(0, np.full(48_000, value, dtype=np.int16))
    print(value, flush=True)
"""


def test_a_server_that_is_killed_while_it_writes_late_sound_leaves_whole_segments(tmp_path: Path) -> None:
    folder = tmp_path / "session"
    root = Path(recorder.__file__).parents[1]
    command = [sys.executable, "-c", KILLED_LATE, str(folder)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        printed = [line for line in process.stdout.read().splitlines() if line.isdigit()]
    done = int(printed[-1]) if printed else 1
    segments = list(read_segments(folder))
    assert [segment.problem for segment in segments] == [None] * 10
    values = [np.unique(segment.samples[:, 0]).tolist() for segment in segments]
    assert all(value in ([done], [done + 1]) for value in values)
    assert join(folder).duration_ms == 2_000


def test_the_mixer_returns_of_late_sound_what_was_taken_and_places_the_rest() -> None:
    mixer = TimelineMixer()
    mixer.candidate(np.zeros(1000, dtype=np.int16))
    first = mixer.take_stereo(1000.0 * 400 / RATE)
    taken = mixer.late(300, ramp(0, 2000))
    assert np.array_equal(taken, ramp(0, 100))
    out = mixer.take_stereo(10_000)[:, 0]
    assert len(first) + len(out) == 1000
    assert np.array_equal(out, ramp(100, 600))
    mixer.candidate(ramp(9, 100))
    assert np.array_equal(mixer.take_stereo(10_000)[:, 0], ramp(9, 100))


# ---------------------------------------------------------------- join


def recorded(folder: Path, segments: int = 4) -> Stereo:
    audio = stereo(0, segments * 2400 - 1000)
    writer = SegmentWriter(folder, segment_ms=100)
    writer.write(audio)
    writer.close()
    return audio


def joined_audio(joined: Joined) -> Stereo:
    samples, rate_hz = soundfile.read(joined.path, dtype="int16")
    assert rate_hz == RATE
    assert joined.duration_ms == pytest.approx(1000 * len(samples) / RATE)
    return np.asarray(samples, dtype=np.int16)


def test_joined_segments_are_one_recording_and_the_segments_are_gone(tmp_path: Path) -> None:
    audio = recorded(tmp_path)
    joined = join(tmp_path)
    assert joined.problems == ()
    assert np.array_equal(joined_audio(joined), audio)
    assert names(tmp_path) == ["recording.flac"]
    assert join(tmp_path) == joined


def test_a_join_that_was_interrupted_while_removing_can_be_repeated(tmp_path: Path) -> None:
    audio = recorded(tmp_path)
    leftover = (tmp_path / "segment-000002.flac").read_bytes()
    join(tmp_path)
    (tmp_path / "segment-000002.flac").write_bytes(leftover)
    assert np.array_equal(joined_audio(join(tmp_path)), audio)
    assert names(tmp_path) == ["recording.flac"]


def test_nothing_is_recorded_over_a_joined_recording(tmp_path: Path) -> None:
    recorded(tmp_path)
    join(tmp_path)
    with pytest.raises(StorageError, match="already joined"):
        SegmentWriter(tmp_path)


def test_a_broken_last_segment_is_left_out_and_told(tmp_path: Path) -> None:
    audio = recorded(tmp_path)
    last = tmp_path / "segment-000003.flac"
    last.write_bytes(last.read_bytes()[:100])
    joined = join(tmp_path, segment_ms=100)
    assert joined.problems == ("segment-000003.flac can't be decoded",)
    assert np.array_equal(joined_audio(joined), audio[:7200])
    assert names(tmp_path) == ["recording.flac", "segment-000003.flac.broken"]


@pytest.mark.parametrize("fault", ["missing", "text", "mono"])
def test_a_fault_in_the_middle_becomes_silence_of_its_length(tmp_path: Path, fault: str) -> None:
    audio = recorded(tmp_path)
    bad = tmp_path / "segment-000001.flac"
    if fault == "missing":
        bad.unlink()
    elif fault == "text":
        bad.write_text("not sound")
    else:
        soundfile.write(bad, ramp(0, 100), RATE, format="FLAC")
    joined = join(tmp_path, segment_ms=100)
    assert len(joined.problems) == 1
    assert "segment-000001.flac" in joined.problems[0]
    expected = audio.copy()
    expected[2400:4800] = 0
    assert np.array_equal(joined_audio(joined), expected)


def test_a_folder_without_a_readable_segment_has_no_recording(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="nothing was recorded"):
        join(tmp_path)
    (tmp_path / "segment-000000.flac").write_bytes(b"not sound")
    with pytest.raises(AudioError, match="no segment of this recording can be read"):
        join(tmp_path)
    assert names(tmp_path) == ["segment-000000.flac"]


def test_a_disk_that_fills_while_joining_keeps_the_segments(tmp_path: Path) -> None:
    audio = recorded(tmp_path)
    (tmp_path / ".recording.flac.part").symlink_to("/dev/full")
    with pytest.raises(StorageError, match="disk is full") as caught:
        join(tmp_path)
    assert caught.value.code == "storage.full"
    assert len(names(tmp_path)) == 4
    assert np.array_equal(joined_audio(join(tmp_path)), audio)

"""The session's recorder: the patient's audio while the candidate's stands still."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from audio.files import read_recording
from audio.frames import WIRE_HZ, Frame, FrameKind
from audio.recorder import RECORDING_NAME
from pipelines.log.disk import DiskThread
from pipelines.session.recording import MOST_WAITING_MS, SessionRecorder

SECOND = np.full(WIRE_HZ, 1_000, dtype=np.int16)
SILENCE = np.zeros(WIRE_HZ, dtype=np.int16)


def recorded(folder: Path, patient: Callable[[SessionRecorder], None]) -> np.ndarray:
    """Return the patient's track of eleven seconds in which the candidate's audio comes only when all was said."""
    disk, chores = DiskThread("disk"), DiskThread("chores")
    failures: list[Exception] = []
    recorder = SessionRecorder(folder, disk, chores=chores, rate_hz=WIRE_HZ, failed=failures.append)
    patient(recorder)
    for _ in range(11):
        recorder.candidate(Frame(SILENCE, WIRE_HZ, FrameKind.LIVE))
    recorder.close()
    disk.close()
    chores.close()
    assert failures == []
    return read_recording(folder / RECORDING_NAME).samples[:, 1]


def test_what_is_said_while_the_candidates_audio_stands_still_is_recorded_in_its_place(tmp_path: Path) -> None:
    def talk(recorder: SessionRecorder) -> None:
        for second in range(10):
            recorder.patient(1000.0 * second, SECOND)

    patient = recorded(tmp_path, talk)
    assert np.abs(patient[: 10 * WIRE_HZ]).min() > 900
    assert np.abs(patient[10 * WIRE_HZ :]).max() < 100


def test_what_was_cut_before_its_place_came_is_not_recorded(tmp_path: Path) -> None:
    def talk(recorder: SessionRecorder) -> None:
        for second in range(10):
            recorder.patient(1000.0 * second, SECOND)
        recorder.patient_cut(7_500.0)

    patient = recorded(tmp_path, talk)
    assert np.abs(patient[: 7 * WIRE_HZ]).min() > 900
    assert np.abs(patient[int(7.5 * WIRE_HZ) :]).max() < 100


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    disk = DiskThread()
    recorder = SessionRecorder(tmp_path, disk, chores=disk, rate_hz=WIRE_HZ, failed=lambda error: None)
    for second in range(int(MOST_WAITING_MS / 1000) + 50):
        recorder.patient(1000.0 * second, SECOND)
    assert len(recorder._waiting) <= MOST_WAITING_MS / 1000
    disk.close()


def test_what_ends_before_its_first_audio_is_no_disk_trouble(tmp_path: Path) -> None:
    disk, chores = DiskThread("disk"), DiskThread("chores")
    failures: list[Exception] = []
    SessionRecorder(tmp_path, disk, chores=chores, rate_hz=WIRE_HZ, failed=failures.append).close()
    disk.close()
    chores.close()
    assert failures == []
    assert not (tmp_path / RECORDING_NAME).exists()

"""Which Whisper `auto` stands for: by size, language, memory, and how long a sentence takes it on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.models.model_folders import installed_recognisers
from pipelines.models.settings import ModelSettings
from pipelines.stt import model_choice
from pipelines.stt.model_choice import Chosen, choose_model
from pipelines.stt.qualification import Qualification, WayFigures, write_qualification
from pipelines.stt.whisper_settings import WhisperSettings
from pipelines.stt.window import WindowRule
from tests.random_whisper import make_random_whisper

SENTENCES = 40


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSettings:
    """A folder of models without graphics card; their sizes are those that `put` gives them."""
    monkeypatch.setattr(model_choice, "_on_a_card", lambda whisper: False)
    return ModelSettings(path=tmp_path, max_memory="1GB")


def put(place: ModelSettings, monkeypatch: pytest.MonkeyPatch, **sizes_mb: float) -> None:
    for name in sizes_mb:
        make_random_whisper(place.path / name)
        (place.path / name).rename(place.path / name.replace("_", "."))
    sizes = {name.replace("_", "."): round(size * 1e6) for name, size in sizes_mb.items()}
    monkeypatch.setattr(model_choice, "files_bytes", lambda folder: sizes[folder.name])
    monkeypatch.setattr(model_choice, "verify_folder", lambda folder, kind: [])


def measure(
    place: ModelSettings, name: str, *, own_ms: float, padded_ms: float, rule: WindowRule | None = None
) -> None:
    ways = (WayFigures(0.05, 0, padded_ms * SENTENCES / 1000.0), WayFigures(0.05, 0, own_ms * SENTENCES / 1000.0))
    found = Qualification(*ways, SENTENCES - 4, 4, "espeak", rule or WhisperSettings().rule)
    write_qualification(place.path / name, found)


def choose(place: ModelSettings, whisper: WhisperSettings) -> Chosen | None:
    return choose_model(place, whisper, among=installed_recognisers(place.path))


def test_nothing_here_is_nothing_chosen(place: ModelSettings) -> None:
    assert choose(place, WhisperSettings()) is None


def test_the_largest_that_reads_in_time_is_taken(place: ModelSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    put(place, monkeypatch, tiny_en=76, base_en=145, small=484)
    measure(place, "tiny.en", own_ms=60, padded_ms=300)
    measure(place, "base.en", own_ms=150, padded_ms=600)
    measure(place, "small", own_ms=900, padded_ms=4_000)
    chosen = choose(place, WhisperSettings())
    assert chosen is not None
    assert chosen.candidate.id == "base.en"
    assert chosen.reason == (
        "the best here that this machine serves in time (150 ms a sentence, measured); small takes 900 ms a sentence, "
        "measured"
    )


def test_what_was_measured_padded_counts_where_sound_is_padded(
    place: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, monkeypatch, tiny_en=76, base_en=145)
    measure(place, "tiny.en", own_ms=60, padded_ms=300)
    measure(place, "base.en", own_ms=150, padded_ms=600)
    chosen = choose(place, WhisperSettings(true_length="never"))
    assert chosen is not None
    assert chosen.candidate.id == "tiny.en"


def test_the_quickest_is_taken_where_none_is_in_time(place: ModelSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    put(place, monkeypatch, small=484, base_en=145)
    measure(place, "base.en", own_ms=700, padded_ms=900)
    measure(place, "small", own_ms=900, padded_ms=4_000)
    chosen = choose(place, WhisperSettings())
    assert chosen is not None
    assert chosen.candidate.id == "base.en"
    assert "400 ms would be in time" in chosen.reason


def test_a_model_for_english_alone_goes_first_and_hears_nothing_else(
    place: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, monkeypatch, base_en=145, base=146)
    for name in ("base.en", "base"):
        measure(place, name, own_ms=150, padded_ms=600)
    english, german = choose(place, WhisperSettings()), choose(place, WhisperSettings(language="de"))
    assert english is not None
    assert german is not None
    assert (english.candidate.id, german.candidate.id) == ("base.en", "base")


def test_a_model_that_does_not_fit_the_memory_is_left_out(
    place: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, monkeypatch, tiny_en=76, small=484)
    measure(place, "small", own_ms=100, padded_ms=100)
    chosen = choose(place.model_copy(update={"max_memory": "200MiB"}), WhisperSettings())
    assert chosen is not None
    assert chosen.candidate.id == "tiny.en"


def test_what_was_not_measured_is_estimated_by_size_and_cores(
    place: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, monkeypatch, tiny_en=75, small=480)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})
    chosen = choose(place, WhisperSettings())
    assert chosen is not None
    assert (chosen.candidate.id, chosen.candidate.read_ms, chosen.candidate.measured) == ("tiny.en", 300.0, False)
    measure(place, "small", own_ms=10, padded_ms=20, rule=WindowRule(0.0, 2.5))
    again = choose(place, WhisperSettings())
    assert again == chosen, "other windows were measured"

"""What can be known of flite without running it; the contract suite runs it where it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from common.errors import EngineError
from pipelines.engines import SpeakRequest, Voice
from pipelines.tts import flite
from pipelines.tts.flite import FliteSynthesiser, Phone, align, stretch_for
from pipelines.tts.word_times import tokens

FAKE = """#!/bin/sh
printf '%s\\n' "$@" > "{folder}/arguments"
while [ $# -gt 0 ]; do
  case "$1" in -o) cp "{folder}/tone.wav" "$2"; shift;; -f) cp "$2" "{folder}/text"; shift;; esac
  shift
done
echo "pau:0.2 hh:0.3 ax:0.35 l:0.4 ow:0.6 dh:0.7 eh:0.8 r:0.9 pau:1.0"
exit {code}
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, *, code: int = 0) -> None:
    """Put an executable called flite on PATH that notes how it was called and makes a tone."""
    tone = 8000 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
    tone[:3200] = tone[14_400:] = 0
    soundfile.write(folder / "tone.wav", tone.astype(np.int16), 16_000, subtype="PCM_16")
    script = folder / "flite"
    script.write_text(FAKE.format(folder=folder, code=code))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_text_is_never_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)
    list(FliteSynthesiser().speak(SpeakRequest(id="c", text="-help “there”; $(ls)…é\n", voice=Voice(sex="male"))))
    assert (tmp_path / "text").read_text() == "help there; dollars L S... e\n"
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert arguments[:5] == ["-voice", "rms", "--setf", "duration_stretch=1.346", "-psdur"]
    assert not any("there" in argument for argument in arguments)


def test_silence_is_trimmed_and_words_keep_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)
    chunks = list(FliteSynthesiser().speak(SpeakRequest(id="c", text="Hello there.", voice=Voice())))
    assert sum(len(chunk.samples) for chunk in chunks) / 24 == pytest.approx(720, abs=25)
    hello, there = [word for chunk in chunks for word in chunk.words]
    assert (hello.text, there.text) == ("Hello", "there.")
    assert hello.start_ms == pytest.approx(10, abs=15)
    assert there.start_ms == pytest.approx(410, abs=15)


def test_a_failure_of_the_program_is_an_engine_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, code=3)
    with pytest.raises(EngineError, match="flite failed"):
        FliteSynthesiser().warm()


def test_without_the_executable_warming_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="not installed"):
        FliteSynthesiser().warm()


def test_words_are_found_among_phones_that_differ() -> None:
    names = ["pau", "hh", "ax", "l", "ow", "pau", "ax", "b", "ae", "k", "pau"]
    phones = tuple(Phone(name, index / 10) for index, name in enumerate(names))
    assert align(tokens("Hello a back"), phones) == pytest.approx([0.1, 0.6, 0.7])


def test_words_without_phones_are_left_open() -> None:
    assert align(tokens("hello there"), ()) == [None, None]
    assert flite.available() in (True, False)


def test_stretch_follows_the_rate() -> None:
    assert stretch_for(Voice(sex="male", rate_wpm=175)) == 1.0
    assert stretch_for(Voice(sex="female", rate_wpm=100)) > 1.5

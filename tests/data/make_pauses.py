"""Makes the speech with pauses inside, with truth files, from `pauses.yaml`: `python -m tests.data.make_pauses`.

A pause is joined from two pieces, or inserted into a sentence that was synthesised whole: then pitch and pace before it
are those of somebody who goes on, as where people hesitate. Samples are kept to 11 bits, which halves the files: the
noise of that lies 40 dB below the speech.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audio.frames import ANALYSIS_HZ, Pcm
from common.errors import AudioError
from pipelines.tts.flite import Phone, align
from pipelines.tts.word_times import tokens
from tests.data.make_fixtures import FixturePlan, Speak, TurnPlan, flite, make, read_plans
from tests.data.making import Made, run_flite, truth_bytes, write_all
from tests.data.sound import Sound

PLAN = Path(__file__).with_name("pauses.yaml")
HERE = Path(__file__).parent / "pauses"
# A fade at a cut inside a sentence avoids a click and loses no part of a phone.
FADE_MS = 8
# The script cuts at the quietest place within this distance of the word's start.
SEARCH_MS = 30
# The samples of 16 bits are rounded to this step: 11 bits are left, and noise as in a quiet room.
STEP = 32


def make_pauses(plan: FixturePlan, speak: Speak = flite) -> tuple[Pcm, bytes]:
    """Return the audio of `plan`, int16 (n,) at 16 kHz, and its truth file."""
    cut: dict[tuple[str, str, float], Sound] = {}
    for turn in plan.turns:
        if turn.pause == "inserted":
            cut |= {
                (text, turn.voice, turn.stretch): sound
                for text, sound in zip(turn.pieces, _cut_whole(turn), strict=True)
            }
    samples, truth = make(plan, lambda *asked: cut[asked] if asked in cut else speak(*asked))
    coarse: Pcm = (np.rint(samples / STEP) * STEP).astype(np.int16)
    return coarse, truth_bytes(truth, "make_pauses.py")


def _cut_whole(turn: TurnPlan) -> list[Sound]:
    """Return the pieces of a sentence that was spoken in one go, cut where its words begin."""
    sound, phones = _with_phones(" ".join(turn.pieces), turn.voice, turn.stretch)
    starts = align(tokens(" ".join(turn.pieces)), phones)
    pieces: list[Sound] = []
    begin = word = 0
    for text in turn.pieces[:-1]:
        word += len(tokens(text))
        start_s = starts[word]
        if start_s is None:
            raise AudioError(f"flite's phones don't tell where '{turn.pieces[-1]}' begins; use another sentence")
        end = _quietest(sound, round(start_s * ANALYSIS_HZ))
        pieces.append(_faded(sound[begin:end], out=True, into=begin > 0))
        begin = end
    pieces.append(_faded(sound[begin:], out=False, into=True))
    return pieces


def _quietest(sound: Sound, at: int) -> int:
    reach, window = SEARCH_MS * ANALYSIS_HZ // 1000, FADE_MS * ANALYSIS_HZ // 1000
    places = range(max(window, at - reach), min(len(sound) - window, at + reach), 8)
    return min(places, key=lambda place: float(np.sum(sound[place - window : place + window] ** 2)))


def _faded(sound: Sound, *, into: bool, out: bool) -> Sound:
    length = FADE_MS * ANALYSIS_HZ // 1000
    ramp = np.linspace(0.0, 1.0, length)
    faded = sound.copy()
    if into:
        faded[:length] *= ramp
    if out:
        faded[-length:] *= ramp[::-1]
    return faded


def _with_phones(text: str, voice: str, stretch: float) -> tuple[Sound, tuple[Phone, ...]]:
    """Return one sentence at 16 kHz with its phones' starts."""
    sound, printed = run_flite("-psdur", "-t", text, voice=voice, stretch=stretch)
    phones, start_s = [], 0.0
    for entry in printed.split():
        name, _, end = entry.rpartition(":")
        phones.append(Phone(name, start_s))
        start_s = float(end)
    return sound, tuple(phones)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make all files; return the exit status."""
    parser = argparse.ArgumentParser(description="Make the speech with pauses inside.")
    parser.add_argument(
        "--out", type=Path, default=HERE, help="folder to write to (default: pauses, beside this script)"
    )
    parser.add_argument(
        "--plan", type=Path, default=PLAN, help="what to say (default: pauses.yaml, beside this script)"
    )
    chosen = parser.parse_args(arguments)
    return write_all((_made(plan) for plan in read_plans(chosen.plan)), chosen.out)


def _made(plan: FixturePlan) -> Made:
    samples, truth = make_pauses(plan)
    return Made(plan.name, samples, truth=truth)


if __name__ == "__main__":
    sys.exit(main())

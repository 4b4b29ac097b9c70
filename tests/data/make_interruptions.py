"""Makes the sounds that candidates make over a patient's speech: `python -m tests.data.make_interruptions`.

Twenty backchannels and twenty turns of their own by flite's voices, twenty noises by numpy with fixed seeds, ten each
of answers to a question, corrections and requests to wait. The file's name says what it is: `backchannel-`, `noise-`,
`floor-`, `answer-`, `correction-` or `hold-`. Nothing was tuned on the second half of the last three kinds, which has a
voice of its own, nor on what `--fresh` makes: as many of each kind in other words, by that voice or by espeak-ng's.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from audio.frames import ANALYSIS_HZ, WIRE_HZ, to_float, to_pcm
from pipelines.engines import SpeakRequest, Voice
from pipelines.tts.espeak import EspeakSynthesiser
from tests.data.making import Made, resample, run_flite, write_all
from tests.data.sound import Sound, cough, gain, voiced_level

HERE = Path(__file__).parent / "interruptions"
SPEECH_DB = -28.0  # of the voiced parts, as in the other fixtures
SOFT_DB = -31.0  # backchannels are said more softly than turns
EDGE_MS = 20  # of silence around each sound
VOICES = ("rms", "slt", "awb", "kal16")

BACKCHANNELS: dict[str, str] = {
    # flite spells "mhm" out, so it is given phones
    "mhm": "phones: pau m hh m m pau",
    "okay": "okay",
    "right": "right",
    "i-see": "I see",
    "yes": "yes",
}
FLOOR = (
    "Sorry, can I stop you there?",
    "Where exactly is the pain?",
    "How long has that been going on?",
    "Could you say that again, please?",
    "What medicines are you taking at the moment?",
    "I would like to ask you about your sleep.",
    "Have you told your family about this?",
    "Let me explain what we are going to do today.",
    "Does it get worse when you walk?",
    "Did the doctor give you anything for it?",
    "That is not what I meant.",
    "Are you allergic to anything?",
    "Before we go on, I need to check your temperature.",
    "When did you first notice it?",
    "Is there anything that makes it better?",
    "I understand that you are worried, but we can help.",
    "How are you managing at home?",
    "Please tell me what you are afraid of.",
    "We should talk about the treatment first.",
    "Do you smoke or drink alcohol?",
)

# The first five of each were tuned on, and the others not.
ANSWERS = (
    "Yes.", "No, not really.", "Okay.", "Sure.", "I think so.",
    "No.", "Yeah, of course.", "Maybe a little.", "Not yet.", "All right.",
)  # fmt: skip
CORRECTIONS = (
    "No.", "No, that's wrong.", "Not yet.", "No no, the left one.", "That's not right.",
    "No, no.", "No, five.", "I meant the other leg.", "That is not correct.", "Wait, no.",
)  # fmt: skip
HOLDS = (
    "Hold on.", "Just a moment, please.", "One second.", "Sorry, hold on a second.", "Bear with me.",
    "Hang on.", "Wait a minute.", "Give me a moment, please.", "One moment.", "Just a second, let me write that down.",
)  # fmt: skip
TUNED = 5
# The other two are the patients', and whoever speaks with a patient's voice may be taken for its echo.
TUNED_VOICE, HELD_OUT_VOICE = "kal16", "awb"

FRESH: dict[str, tuple[str, ...]] = {
    "backchannel": ("Yeah.", "Sure.", "Of course.", "Oh no.", "That's right.", "Okay, okay.", "Oh dear.", "Good.",
                    "No, of course not.", "Go on."),
    "floor": (
        "Listen.", "Mister Foster?", "Come again?", "I can't hear you.", "Hello?", "Sorry?", "Stop.", "Why is that?",
        "You're breaking up.", "Excuse me, can I ask something?", "Which tablets do you mean?",
        "How many did you take yesterday?", "Could you speak a bit slower?", "Did you tell your doctor about it?",
        "Can you show me where it is?", "Let me have a look at it first.", "Has anybody else been ill?",
        "I need to know when you last ate.", "What colour was it?", "Are you sure about that?",
    ),
    "answer": ("Yes, I do.", "No, not at all.", "Right.", "Of course.", "Not really.", "Yeah.", "Probably.", "Fine.",
               "I don't think so.", "No."),
    "correction": ("No.", "No no no.", "That's wrong.", "No, not two.", "I mean the right arm.", "It's not that one.",
                   "Not now.", "Actually, it's once a day.", "No, wait.", "That isn't true."),
    "hold": ("Hold on, please.", "A moment, please.", "Just a second.", "Wait.", "Hang on a minute.",
             "Can you wait a moment?", "Give me a second.", "Please bear with me.", "One moment, please.",
             "Hold on, I need to find your chart."),
}  # fmt: skip
FRESH_VOICES = (
    Voice(sex="female", accent="en-gb"), Voice(sex="male", accent="en-us"), Voice(sex="male", accent="en-gb-x-rp"),
)  # fmt: skip
FRESH_WPM = (150, 130, 170)


def speak(text: str, voice: str, stretch: float) -> Sound:
    """Return `text` (or `phones: ...`) spoken by flite at 16 kHz; raises AudioError when flite is missing or fails."""
    phones = text.removeprefix("phones: ")
    sound, _ = run_flite(*(("-p", phones) if phones != text else ("-t", text)), voice=voice, stretch=stretch)
    return sound


def speak_fresh(text: str, index: int) -> Sound:
    """Return `text` spoken by one of espeak-ng's voices at 16 kHz; raises EngineError."""
    voice = replace(FRESH_VOICES[index % len(FRESH_VOICES)], rate_wpm=FRESH_WPM[index % len(FRESH_WPM)])
    chunks = EspeakSynthesiser().speak(SpeakRequest("fresh", text, voice))
    samples = np.concatenate([chunk.samples for chunk in chunks])
    return resample(to_float(samples).astype(np.float64), WIRE_HZ, ANALYSIS_HZ)


def keyboard(rng: np.random.Generator) -> Sound:
    """Return 1.2 s of typing: each key a click of 4 ms and the softer one of its return."""
    sound = np.zeros(round(1.2 * ANALYSIS_HZ))
    at_s = 0.02
    while at_s < 1.1:
        for after_s, level_db in ((0.0, rng.uniform(-22, -16)), (rng.uniform(0.06, 0.09), rng.uniform(-32, -26))):
            _mix(
                sound, _burst(rng, duration_s=0.012, decay_s=0.003, low_hz=1500, high_hz=6500), at_s + after_s, level_db
            )
        at_s += rng.uniform(0.09, 0.21)
    return sound


def door(rng: np.random.Generator) -> Sound:
    """Return a door falling shut: a dull thud with a rattle after it."""
    sound = np.zeros(round(0.7 * ANALYSIS_HZ))
    _mix(sound, _burst(rng, duration_s=0.35, decay_s=0.07, low_hz=40, high_hz=rng.uniform(250, 400)), 0.02, -8.0)
    for at_s in (0.09, 0.14, 0.22):
        _mix(sound, _burst(rng, duration_s=0.05, decay_s=0.012, low_hz=800, high_hz=3000), at_s, rng.uniform(-30, -24))
    return sound


def chair(rng: np.random.Generator) -> Sound:
    """Return a chair being moved: half a second of scraping that comes in jerks."""
    length_s = rng.uniform(0.45, 0.7)
    sound = _band(rng.standard_normal(round(length_s * ANALYSIS_HZ)), 150, rng.uniform(1200, 2200))
    time_s = np.arange(len(sound)) / ANALYSIS_HZ
    jerks = 0.35 + 0.65 * np.abs(np.sin(np.pi * rng.uniform(7, 13) * time_s)) ** 3
    sound = sound * jerks * np.minimum(1.0, np.minimum(time_s, length_s - time_s) / 0.05)
    return np.asarray(sound * gain(-20.0) / np.max(np.abs(sound)), dtype=np.float64)


def breath(rng: np.random.Generator) -> Sound:
    """Return a breath blown at the microphone: noise that swells and dies away."""
    length_s = rng.uniform(0.5, 0.9)
    sound = _band(rng.standard_normal(round(length_s * ANALYSIS_HZ)), 80, rng.uniform(1500, 3000))
    shape = np.hanning(len(sound)) ** 0.7
    return np.asarray(sound * shape * gain(-18.0) / np.max(np.abs(sound * shape)), dtype=np.float64)


def coughing(rng: np.random.Generator) -> Sound:
    """Return a cough, or two."""
    sound = cough(ANALYSIS_HZ, duration_ms=int(rng.integers(200, 320)), level_db=-8.0, rng=rng)
    if rng.random() < 0.5:
        second = cough(ANALYSIS_HZ, duration_ms=220, level_db=-11.0, rng=rng)
        sound = np.concatenate((sound, np.zeros(round(0.15 * ANALYSIS_HZ)), second))
    return sound


NOISES: dict[str, Callable[[np.random.Generator], Sound]] = {
    "cough": coughing, "keyboard": keyboard, "door": door, "chair": chair, "breath": breath,
}  # fmt: skip


def sounds() -> Iterator[tuple[str, Sound]]:
    """Yield every sound with its file's stem, at 16 kHz."""
    for name, said in BACKCHANNELS.items():
        for index, voice in enumerate(VOICES):
            spoken = speak(said, voice, 1.0 + 0.1 * (index - 1))
            yield f"backchannel-{name}-{voice}", spoken * gain(SOFT_DB - voiced_level(spoken, ANALYSIS_HZ))
    for name, make in NOISES.items():
        for index in range(4):
            stem = f"noise-{name}-{index + 1}"
            yield stem, make(np.random.default_rng(zlib.crc32(stem.encode())))
    for index, text in enumerate(FLOOR):
        spoken = speak(text, VOICES[index % 3], (1.0, 1.1, 0.95, 1.2)[index % 4])
        yield f"floor-{index + 1:02d}", spoken * gain(SPEECH_DB - voiced_level(spoken, ANALYSIS_HZ))
    for kind, texts in (("answer", ANSWERS), ("correction", CORRECTIONS), ("hold", HOLDS)):
        for index, text in enumerate(texts):
            spoken = speak(text, TUNED_VOICE if index < TUNED else HELD_OUT_VOICE, (1.0, 1.1, 0.95)[index % 3])
            yield f"{kind}-{index + 1:02d}", spoken * gain(SPEECH_DB - voiced_level(spoken, ANALYSIS_HZ))


def fresh_sounds(voice: str) -> Iterator[tuple[str, Sound]]:
    """Yield as many sounds of each kind that nothing was tuned on, at 16 kHz: by flite's `voice`, or espeak-ng's."""
    for kind, texts in FRESH.items():
        for index in range(20 if kind == "backchannel" else len(texts)):
            # The second time round, it is said by another voice or at another pace.
            text, turn = texts[index % len(texts)], index + index // len(texts)
            spoken = speak_fresh(text, turn) if voice == "espeak" else speak(text, voice, (1.0, 1.1, 0.95)[turn % 3])
            level_db = SOFT_DB if kind == "backchannel" else SPEECH_DB
            yield f"{kind}-fresh-{index + 1:02d}", spoken * gain(level_db - voiced_level(spoken, ANALYSIS_HZ))
    for name, make in NOISES.items():
        for index in range(4):
            stem = f"noise-fresh-{name}-{index + 1}"
            yield stem, make(np.random.default_rng(zlib.crc32(stem.encode())))


def main(arguments: Sequence[str] | None = None) -> int:
    """Make all sounds; return the exit status."""
    parser = argparse.ArgumentParser(description="Make the sounds that candidates make over a patient's speech.")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: beside this script)")
    parser.add_argument("--fresh", choices=("espeak", HELD_OUT_VOICE), help="make sounds that nothing was tuned on")
    options = parser.parse_args(arguments)
    if options.fresh and options.out == HERE:
        parser.error("--fresh needs --out: these sounds are not kept")
    made_of = partial(fresh_sounds, options.fresh) if options.fresh else sounds
    edge = np.zeros(EDGE_MS * ANALYSIS_HZ // 1000)
    made = (Made(f"{stem}.flac", to_pcm(np.concatenate((edge, sound, edge)))) for stem, sound in made_of())
    return write_all(made, options.out)


def _burst(rng: np.random.Generator, *, duration_s: float, decay_s: float, low_hz: float, high_hz: float) -> Sound:
    """Return a noise that begins at once and dies away, at a peak of 1."""
    time_s = np.arange(round(duration_s * ANALYSIS_HZ)) / ANALYSIS_HZ
    shape = (1.0 - np.exp(-time_s / 0.0005)) * np.exp(-time_s / decay_s)
    sound = _band(rng.standard_normal(len(time_s)), low_hz, high_hz) * shape
    return np.asarray(sound / np.max(np.abs(sound)), dtype=np.float64)


def _band(sound: Sound, low_hz: float, high_hz: float) -> Sound:
    """Return the audio between two frequencies, with slopes of second order."""
    spectrum = np.fft.rfft(sound)
    hz = np.maximum(np.fft.rfftfreq(len(sound), 1.0 / ANALYSIS_HZ), 1.0)
    return np.asarray(
        np.fft.irfft(spectrum / (1.0 + (low_hz / hz) ** 4) / (1.0 + (hz / high_hz) ** 4), n=len(sound)),
        dtype=np.float64,
    )


def _mix(sound: Sound, part: Sound, at_s: float, level_db: float) -> None:
    """Add a part with its peak at a level; what would come after the end is left out."""
    start = round(at_s * ANALYSIS_HZ)
    part = part[: max(0, len(sound) - start)]
    sound[start : start + len(part)] += part * gain(level_db)


if __name__ == "__main__":
    sys.exit(main())

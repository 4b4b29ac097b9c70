"""What a page hears in its microphone: turns of a recorded consultation.

Chromium's fake microphone plays a file by the clock, with pauses that leave room for answers. A microphone that speaks
when it is told needs no clock: the next turn can wait for the answer to the one before, however long that takes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audio.files import mono_at, read_recording, write_wav
from audio.frames import Pcm, samples_for, silence
from pipelines.truth import TruthSpan, load_truth

CONSULTATION = Path(__file__).parents[1] / "data" / "consultation.flac"
MICROPHONE_HZ = 48_000
# So much is left around a turn, so that its first and last sounds are whole.
MARGIN_MS = 50


def spoken(words: str) -> TruthSpan:
    """Return where in the consultation these words (a whole turn or segment) are said."""
    truth = load_truth(CONSULTATION)
    assert truth is not None
    turns: dict[str, TruthSpan] = {turn.text: turn for turn in truth.turns}
    segments: dict[str, TruthSpan] = {segment.text: segment for turn in truth.turns for segment in turn.segments}
    return (segments | turns)[words]


def _sound_of(words: str, consultation: Pcm) -> Pcm:
    """Return how these words sound, at the rate of the microphone."""
    span = spoken(words)
    start = samples_for(span.from_ms - MARGIN_MS, MICROPHONE_HZ)
    return consultation[start : samples_for(span.to_ms + MARGIN_MS, MICROPHONE_HZ)]


# The device is opened, so that the browser asks for it and names it; what the page hears is what `say` was told. It is
# played by the audio's own clock: a page that is late speaks late, and leaves no hole in a word. Without any source the
# browser would send nothing over a call, and not silence.
_WHEN_TOLD = """
const bytes = (sound) => Uint8Array.from(atob(sound), (byte) => byte.charCodeAt(0));
globalThis.turns = SOUNDS.map((sound) => new Int16Array(bytes(sound).buffer));
const openDevice = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const device = (await openDevice(wanted)).getAudioTracks()[0];
  const context = new AudioContext();
  const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  const silence = new ConstantSourceNode(context, { offset: 0 });
  silence.connect(out);
  silence.start();
  globalThis.say = (number) => {
    const buffer = new AudioBuffer({ length: turns[number].length, sampleRate: RATE_HZ });
    buffer.copyToChannel(Float32Array.from(turns[number], (sample) => sample / 32768), 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(out);
    source.start();
  };
  const [track] = out.stream.getAudioTracks();
  track.getSettings = () => device.getSettings();
  const stop = track.stop.bind(track);
  track.stop = () => { stop(); device.stop(); context.close(); };
  await context.resume();
  return out.stream;
};
"""


def speaking_when_told(turns: Sequence[str] = ()) -> str:
    """Return a page's script: its microphone is silent, and `say(number)` has it speak one of these turns."""
    audio = mono_at(read_recording(CONSULTATION), MICROPHONE_HZ)
    sounds = [base64.b64encode(_sound_of(turn, audio).astype("<i2").tobytes()).decode() for turn in turns]
    return _WHEN_TOLD.replace("SOUNDS", json.dumps(sounds)).replace("RATE_HZ", str(MICROPHONE_HZ))


def write_microphone(path: Path, plan: Sequence[str | int]) -> Path:
    """Write a WAV that plays `plan` in order: words of the consultation, and pauses in milliseconds; return `path`."""
    audio = mono_at(read_recording(CONSULTATION), MICROPHONE_HZ)
    parts = []
    for step in plan:
        if isinstance(step, int):
            parts.append(silence(step, MICROPHONE_HZ))
            continue
        parts.append(_sound_of(step, audio))
    write_wav(path, np.concatenate(parts), MICROPHONE_HZ)
    return path

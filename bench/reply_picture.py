"""Draws one reply of a patient: its waveform, its spectrogram, and where its words begin and end.

    python -m bench.reply_picture docs/images/a-reply.svg --voice joe --card CARD

The picture is an SVG with the spectrogram as a PNG inside. What it shows is computed anew from the voice each time.
"""

from __future__ import annotations

import argparse
import base64
import struct
import zlib
from collections.abc import Iterable, Iterator
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.frames import WIRE_HZ, Pcm, samples_for
from bench.report_files import write_whole
from bench.voice.lines import SpokenLine, lines_of, speak
from bench.voice.places import named_voice
from pipelines.engines import Word
from pipelines.patient.card_library import CardLibrary
from server.settings.tree import load_settings

WIDTH, LEFT, RIGHT = 960, 60, 16
WAVE_TOP, WAVE_HEIGHT = 40, 130
SOUND_TOP, SOUND_HEIGHT = 190, 220
WORDS_TOP, WORD_ROW = 430, 16
HEIGHT = 500
# Of the spectrogram: columns and rows of pixels, the highest frequency, and what is still seen below the loudest.
COLUMNS, ROWS, MOST_HZ, RANGE_DB = 700, 128, 8_000.0, 65.0
WINDOW_MS = 23.0
_SHADES = ((0, 0, 4), (60, 15, 110), (150, 45, 100), (235, 105, 40), (252, 200, 60), (252, 255, 200))


def draw(spoken: SpokenLine, voice: str) -> str:
    """Return the picture of a reply as SVG text, with a title and a description for those who don't see it."""
    seconds = len(spoken.samples) / WIRE_HZ
    first, last = spoken.words[0].start_ms / 1000, spoken.words[-1].end_ms / 1000
    title = f"A reply by the voice {voice}: “{spoken.line.text}”"
    described = (
        "Above the waveform, in the middle the spectrogram up to 8 kHz, below each word from its beginning to its end. "
        f"The reply lasts {seconds:.1f} s; its {len(spoken.words)} words lie between {first:.2f} and {last:.2f} s. "
        "A line through all three stands where the voice says that a word begins."
    )
    parts = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(described)}</desc>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="14">{escape(title)}</text>',
        *_wave(spoken.samples),
        *_spectrogram(spoken.samples),
        *_marks(spoken.words, seconds),
        *_seconds(seconds),
        "</svg>",
    )
    return "\n".join(parts) + "\n"


def spectrum(samples: Pcm) -> NDArray[np.uint8]:
    """Return levels of int16 (n,) at 24 kHz, 0 (faint) to 255, as (ROWS, COLUMNS), high frequencies above."""
    size = samples_for(WINDOW_MS, WIRE_HZ)
    padded = np.pad(samples.astype(np.float64), size // 2)
    middles = np.linspace(0, max(0, len(samples) - 1), COLUMNS).astype(int)
    frames = np.stack([padded[at : at + size] for at in middles]) * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, 4 * size)) ** 2
    edges = np.linspace(0, MOST_HZ / (WIRE_HZ / 2) * (power.shape[1] - 1), ROWS + 1).astype(int)
    bands = np.stack([power[:, low : max(low + 1, high)].max(axis=1) for low, high in pairwise(edges)])
    db = 10 * np.log10(bands + 1.0)
    shown = np.clip((db - db.max() + RANGE_DB) / RANGE_DB, 0.0, 1.0)
    levels: NDArray[np.uint8] = np.rint(255 * shown[::-1]).astype(np.uint8)
    return levels


def png(levels: NDArray[np.uint8]) -> bytes:
    """Return (rows, columns) of levels as a PNG whose colours go from dark to light."""
    rows, columns = levels.shape
    steps = np.linspace(0, len(_SHADES) - 1, 256)
    shades = np.array(_SHADES, dtype=float)
    palette = np.stack([np.interp(steps, range(len(_SHADES)), shades[:, tint]) for tint in range(3)], axis=1)
    lines = b"".join(b"\x00" + row.tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    colours = np.rint(palette).astype(np.uint8).tobytes()
    chunks = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _wave(samples: Pcm) -> Iterator[str]:
    middle, half = WAVE_TOP + WAVE_HEIGHT / 2, WAVE_HEIGHT / 2
    pieces = np.array_split(samples.astype(float) / 32768.0, WIDTH - LEFT - RIGHT)
    points = [f"{LEFT + at},{middle - half * float(piece.max(initial=0.0)):.1f}" for at, piece in enumerate(pieces)]
    points += [
        f"{LEFT + at},{middle - half * float(piece.min(initial=0.0)):.1f}"
        for at, piece in reversed([*enumerate(pieces)])
    ]
    yield f'<polygon points="{" ".join(points)}" fill="#0b6e4f"/>'
    yield f'<text x="{LEFT - 8}" y="{middle + 4:.0f}" text-anchor="end">wave</text>'


def _spectrogram(samples: Pcm) -> Iterator[str]:
    image = base64.b64encode(png(spectrum(samples))).decode("ascii")
    yield (
        f'<image x="{LEFT}" y="{SOUND_TOP}" width="{WIDTH - LEFT - RIGHT}" height="{SOUND_HEIGHT}" '
        f'preserveAspectRatio="none" href="data:image/png;base64,{image}"/>'
    )
    for khz in (0, 2, 4, 6, 8):
        y = SOUND_TOP + SOUND_HEIGHT * (1 - 1000 * khz / MOST_HZ)
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{khz} kHz</text>'


def _marks(words: Iterable[Word], seconds: float) -> Iterator[str]:
    for index, word in enumerate(words):
        begin, end = _x(word.start_ms / 1000, seconds), _x(word.end_ms / 1000, seconds)
        y = WORDS_TOP + WORD_ROW * (index % 2)
        yield (
            f'<line x1="{begin:.1f}" y1="{WAVE_TOP}" x2="{begin:.1f}" y2="{y}" stroke="#b3541e" stroke-width="1" '
            'opacity="0.6"/>'
        )
        yield f'<line x1="{begin:.1f}" y1="{y}" x2="{end:.1f}" y2="{y}" stroke="#b3541e" stroke-width="2"/>'
        yield f'<text x="{begin:.1f}" y="{y + 12}" font-size="11">{escape(word.text)}</text>'


def _seconds(seconds: float) -> Iterator[str]:
    y = HEIGHT - 18
    for half in range(int(2 * seconds) + 1):
        x = _x(half / 2, seconds)
        yield f'<line x1="{x:.1f}" y1="{y - 16}" x2="{x:.1f}" y2="{y - 11}" stroke="#333333"/>'
        yield f'<text x="{x:.1f}" y="{y + 2}" text-anchor="middle">{half / 2:.1f} s</text>'


def _x(at_s: float, seconds: float) -> float:
    return LEFT + at_s / seconds * (WIDTH - LEFT - RIGHT)


def main() -> None:
    """Draw a card's line of this many words or more, the first there is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--voice", default="joe", help="as `interlocutor bench tts` names it")
    parser.add_argument("--card", help="by default the first card whose patient has this voice's sex")
    parser.add_argument("--words", type=int, default=14, help="the fewest words of the line")
    told = parser.parse_args()
    settings = load_settings()
    voice = named_voice(told.voice, settings.models)
    lines = [
        line
        for line in lines_of(CardLibrary.load(settings.cards_folder).values())
        if line.card == (told.card or line.card)
        and voice.sex in (None, line.voice.sex)
        and told.words <= len(line.text.split()) <= told.words + 8
    ]
    if not lines:
        raise SystemExit("no card has such a line; choose another --card, or fewer --words")
    write_whole(told.file, draw(speak(voice.synthesiser, lines[0]), voice.name))


if __name__ == "__main__":
    main()

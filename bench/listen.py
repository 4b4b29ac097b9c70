"""Listens to every line of every card in every voice once, and writes a report with pictures of what sounds wrong.

    python -m bench.listen DIR --voice joe --voice kokoro/jf_gongitsune

A voice says the lines of the patients of its sex, as in a session; with `--all-lines` those of all patients. DIR gets
`VOICE.json` with what was measured of each line, and `index.html` with all faults, each with the line's waveform and
spectrogram and its sound.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

import soundfile

from audio.frames import WIRE_HZ
from bench.reply_picture import draw
from bench.report_figures import Figure, print_figures, write_figures
from bench.report_files import write_whole
from bench.voice.line_hearing import HIGHEST_DBTP, LONGEST_LEAD_MS, NEAR_LU, HeardLine, hear
from bench.voice.lines import Line, SpokenLine, joined, lines_of, speak_clauses, spread
from bench.voice.places import MeasuredVoice, all_voices, named_voice
from pipelines.patient.card_library import CardLibrary
from pipelines.tts.casting import PLAIN
from server.settings.tree import load_settings

# A page with more sounds and pictures in it is slow to open.
MOST_SHOWN = 40
EVERY = 50


def listen(voice: MeasuredVoice, lines: Sequence[Line]) -> tuple[list[HeardLine], list[tuple[HeardLine, SpokenLine]]]:
    """Return what each line sounds like, and those with faults as they were spoken; raises EngineError."""
    heard: list[HeardLine] = []
    faulty: list[tuple[HeardLine, SpokenLine]] = []
    for line in lines:
        clauses = list(speak_clauses(voice.synthesiser, line))
        spoken = joined(line, clauses)
        one = hear(spoken, clauses, levelled=voice.sex is not None)
        heard.append(one)
        if one.faults:
            faulty.append((one, spoken))
        if len(heard) % EVERY == 0:
            sys.stdout.write(f"{voice.name}: {len(heard)} of {len(lines)} lines, {len(faulty)} with faults\n")
            sys.stdout.flush()
    return heard, faulty


def figures_of(name: str, heard: Sequence[HeardLine], *, levelled: bool) -> list[Figure]:
    """Return the figures of a voice."""
    count = len(heard)
    near = sum(abs(one.off_lu) <= NEAR_LU for one in heard) / count
    figures = [
        Figure(f"lines_lead_ms/{name}", max(one.lead_ms for one in heard), "ms", n=count, note=f"{LONGEST_LEAD_MS:g}"),
        Figure(f"lines_clipped/{name}", sum(one.clipped > 1 for one in heard), "lines", n=count),
        Figure(f"lines_faulty/{name}", sum(bool(one.faults) for one in heard), "lines", n=count),
        Figure(f"lines_minutes/{name}", sum(one.seconds for one in heard) / 60, "min", n=count),
    ]
    if not levelled:
        return figures
    return [
        Figure(f"lines_loudness_near/{name}", near, "share", n=count, note=f"within {NEAR_LU:g} LU"),
        Figure(f"lines_furthest_lu/{name}", max(abs(one.off_lu) for one in heard), "LU", n=count),
        Figure(
            f"lines_true_peak_dbtp/{name}",
            max(one.peak_dbtp for one in heard),
            "dB",
            n=count,
            note=f"at most {HIGHEST_DBTP:g}",
        ),
        *figures,
    ]


def page_of(faulty: Iterable[tuple[str, HeardLine, SpokenLine]]) -> str:
    """Return the page of what sounds wrong: each line with its faults, its picture and its sound."""
    rows = [
        f"<h2>{escape(name)}: {escape(one.text)}</h2><p>{escape(one.card)}: {escape('; '.join(one.faults))}</p>"
        f"{draw(spoken, name) if spoken.words else ''}"
        f'<p><audio controls src="data:audio/wav;base64,{_wav(spoken)}"></audio></p>'
        for name, one, spoken in faulty
    ]
    style = "<style>body{font:16px system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}svg{width:100%}</style>"
    title = "Lines that sound wrong"
    found = "".join(rows) or "<p>None.</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{style}</head>'
        f"<body><h1>{title}</h1>{found}</body></html>\n"
    )


def _wav(spoken: SpokenLine) -> str:
    file = io.BytesIO()
    soundfile.write(file, spoken.samples, WIRE_HZ, format="WAV")
    return base64.b64encode(file.getvalue()).decode("ascii")


def main() -> None:
    """Listen to the voices and write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--voice", action="append", help="as `interlocutor bench tts` names it; by default all here")
    parser.add_argument("--all-lines", action="store_true", help="those of patients of the other sex too")
    parser.add_argument("--lines", type=int, help="so many of them, spread over all cards; by default every one")
    parser.add_argument("--json", type=Path, help="write the figures there")
    told = parser.parse_args()
    settings = load_settings()
    told.folder.mkdir(parents=True, exist_ok=True)
    lines = lines_of(CardLibrary.load(settings.cards_folder).values())
    figures: list[Figure] = []
    shown: list[tuple[str, HeardLine, SpokenLine]] = []
    for name in told.voice or [*all_voices(settings.models), *PLAIN]:
        voice = named_voice(name, settings.models)
        own = [line for line in lines if told.all_lines or voice.sex in (None, line.voice.sex)]
        heard, faulty = listen(voice, spread(own, told.lines or len(own)))
        figures += figures_of(name, heard, levelled=voice.sex is not None)
        rows = json.dumps([asdict(one) for one in heard], indent=1, ensure_ascii=False)
        write_whole(told.folder / f"{name.replace('/', '-')}.json", rows + "\n")
        shown += [(name, one, spoken) for one, spoken in faulty[:MOST_SHOWN]]
        for one, _ in faulty:
            sys.stdout.write(f"{name}: {one.card}: '{one.text}': {'; '.join(one.faults)}\n")
    write_whole(told.folder / "index.html", page_of(shown))
    print_figures("lines", figures)
    if told.json is not None:
        write_figures(told.json, figures)


if __name__ == "__main__":
    main()

"""`interlocutor eval measures`: whether the measures of speech are true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from server.cli.options import ConfigFolder, Overrides

# Scripted engines hear at once and say little: the subject is when somebody spoke. A thinking pause ends no turn.
TIMED_WITH = ("engines.backend=mock", "conversation.fixed_wait_ms=1200")
FIXTURES = (
    "consultation.flac", "consultation-medicine.flac", "consultation-pharmacy.flac", "consultation-veterinary.flac",
    "explanation-40s.flac", "thinking-pause.flac", "pauses/thinking-rms.flac", "pauses/thinking-slt.flac",
    "pauses/thinking-awb.flac", "pauses/read.flac", "rate-8k.wav", "rate-44k.wav", "rate-48k-stereo.flac",
    "clipped.flac",
)  # fmt: skip
"""All recordings with a truth file in which somebody speaks: a cough, noise and silence have nothing to measure."""
MOST_FILLERS = 40


def measures(
    readers: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Sentences that people read: NAME.flac with NAME.txt.")
    ] = None,
    textgrids: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Consultations: NAME_doctor.TextGrid, fillers written.")
    ] = None,
    others: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Rates that another script found: {set: {name: words per minute}}."),
    ] = None,
    heard_by: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="How many fillers of the consultations this Whisper writes, once spoken."),
    ] = None,
    voice: Annotated[str, typer.Option(metavar="NAME", help="Who speaks them.")] = "joe",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write machine and figures to this file.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """How true the measures of speech are: times of the fixtures, rates on real speech, fillers that are written."""
    from bench.measured_speech import (
        fillers_heard,
        rate_figures,
        rates_of_doctors,
        rates_of_readers,
        times_of,
        utterances_with_fillers,
    )
    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from pipelines.patient.card_library import CardLibrary
    from server.paths import ROOT
    from server.settings.tree import load_settings

    if json_file is not None:
        check_target(json_file)
    settings = load_settings(config_folder=config, overrides=(*TIMED_WITH, *(overrides or ())))
    cards = CardLibrary.load(settings.cards_folder)
    data = ROOT / "tests" / "data"
    other = json.loads(others.read_text(encoding="utf-8")) if others is not None else {}
    figures = [*times_of([data / name for name in FIXTURES], settings, cards).figures("times")]
    if readers is not None:
        figures += rate_figures("readers", rates_of_readers(readers), other.get("readers", {}))
    if textgrids is not None:
        figures += rate_figures("doctors", rates_of_doctors(textgrids), other.get("doctors", {}))
    if textgrids is not None and heard_by is not None:
        from rich.progress import track

        from bench.voice.places import decoder_of, named_voice

        said = utterances_with_fillers(textgrids, MOST_FILLERS)
        speaker, decoder = named_voice(voice, settings.models).synthesiser, decoder_of(heard_by, settings)
        texts = track([each.text for each in said], description="hearing", transient=True)
        figures += fillers_heard(texts, speaker, decoder, lambda: None).figures(f"fillers/{voice}")
    print_figures("measures of speech", figures)
    if json_file is not None:
        write_figures(json_file, figures)

"""What the verdicts come to: how many of a model's latest replies break each rule; kept for the server's metrics."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from audio.files import replace_file
from server.judging.judge_log import JudgeLine
from server.judging.judge_rules import JUDGE_RULES

FOLDER = "judge"
"""In the data folder: the log of verdicts, the checks of judges, the scores, and what judges have cost today."""
SCORES = "scores.json"
CARD_WORDS = "the card's words"
"""Who worded a reply that no model did."""
RECENT = 500
"""So many replies of a model are its latest, which its scores are of."""


@dataclass(frozen=True, slots=True)
class SpeakerScores:
    """How a model plays patients: of its latest replies that were judged, how many break each rule.

    `judge` and `judge_digest` name the last judge, `made` (ISO) is when it judged.
    """

    speaker: str
    speaker_digest: str
    replies: int
    broken: dict[str, int]
    judge: str
    judge_digest: str
    made: str


def scores_of(lines: Iterable[JudgeLine]) -> list[SpeakerScores]:
    """Return the scores of each model; a reply that was judged again counts by its last verdict."""
    latest: dict[tuple[str, str], dict[tuple[str, int], JudgeLine]] = {}
    for line in lines:
        if line.session and line.state == "made":
            of_speaker = latest.setdefault((line.speaker, line.speaker_digest), {})
            # Out and in again, so that what was judged last stands last.
            of_speaker.pop((line.session, line.reply), None)
            of_speaker[line.session, line.reply] = line
    return [_scores(list(each.values())[-RECENT:]) for each in latest.values()]


def _scores(lines: list[JudgeLine]) -> SpeakerScores:
    last = lines[-1]
    broken = {name: sum(name in line.broken for line in lines) for name in JUDGE_RULES}
    return SpeakerScores(last.speaker, last.speaker_digest, len(lines), broken, last.judge, last.judge_digest, last.at)


def write_scores(folder: Path, scores: Iterable[SpeakerScores]) -> None:
    """Keep the scores where the server looks for them; raises StorageError."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / SCORES, json.dumps([asdict(each) for each in scores], indent=1).encode())


def read_scores(folder: Path) -> list[SpeakerScores]:
    """Return the scores that are kept; none where nobody judged, or the file can't be read."""
    try:
        plain = json.loads((folder / SCORES).read_text(encoding="utf-8"))
        found = [SpeakerScores(**each) for each in plain]
    except (OSError, ValueError, TypeError):
        return []
    return [each for each in found if set(each.broken) == set(JUDGE_RULES)]

"""What was found of a model on this machine: whether it may encode audio at its own length."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.models.model_store import QUALIFIED
from pipelines.stt.window import WindowRule


@dataclass(frozen=True, slots=True)
class WayFigures:
    """How a model did one way: word errors as a share, texts invented where nobody spoke, seconds for it all.

    `repeats` are texts that went round in circles and had to be cut.
    """

    word_error_rate: float
    invented: int
    seconds: float
    repeats: int = 0


# A share of words wrong that is larger than padded by so much is noise: espeak's audio is never quite the same.
WORSE_SHARE = 0.03
# So many more of 31 clips than padded may repeat themselves: in windows that are too short it is every third.
MORE_REPEATS = 2


@dataclass(frozen=True, slots=True)
class Qualification:
    """Both ways of one model, and whether true length costs nothing with it, by the window rule that it is for."""

    padded: WayFigures
    true_length: WayFigures
    sentences: int
    silences: int
    voice: str
    rule: WindowRule

    @property
    def passed(self) -> bool:
        """Whether true length is as good: hardly more word errors, no more invented text, no more time."""
        return (
            self.true_length.word_error_rate <= self.padded.word_error_rate + WORSE_SHARE
            and self.true_length.repeats <= self.padded.repeats + MORE_REPEATS
            and self.true_length.invented <= self.padded.invented
            and self.true_length.seconds <= self.padded.seconds
        )

    @property
    def summary(self) -> str:
        """One line for people."""
        padded, true = self.padded, self.true_length
        found = (
            f"word errors {100 * true.word_error_rate:.1f} % (padded {100 * padded.word_error_rate:.1f} %), "
            f"repeated {true.repeats} of {self.sentences} (padded {padded.repeats}), "
            f"invented {true.invented} of {self.silences} (padded {padded.invented}), "
            f"{true.seconds:.1f} s (padded {padded.seconds:.1f} s)"
        )
        verdict = f"sound is encoded at its own length, {self.rule}" if self.passed else "sound stays padded to 30 s"
        return f"{found}: {verdict}"


def read_qualification(folder: Path) -> Qualification | None:
    """Return what was found of the model in this folder, or None: not tried yet, for another `model.bin`, of old."""
    try:
        content = json.loads((folder / QUALIFIED).read_text(encoding="utf-8"))
        if content.pop("model_bytes") != (folder / "model.bin").stat().st_size:
            return None
        padded, true_length = WayFigures(**content.pop("padded")), WayFigures(**content.pop("true_length"))
        rule = WindowRule(**content.pop("rule"))
        return Qualification(padded=padded, true_length=true_length, rule=rule, **content)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_qualification(folder: Path, found: Qualification) -> None:
    """Keep what was found beside the model; raises OSError."""
    content = asdict(found) | {"model_bytes": (folder / "model.bin").stat().st_size}
    temporary = folder / (QUALIFIED + ".part")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(folder / QUALIFIED)


def is_qualified(folder: Path, rule: WindowRule) -> bool:
    """Return whether the model in this folder may encode audio at its own length on this machine, by this rule."""
    found = read_qualification(folder)
    return found is not None and found.rule == rule and found.passed

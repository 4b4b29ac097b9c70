"""Makes stored role-plays to be replayed: `python -m tests.bench.stored_sessions FOLDER AUDIO... [--set A.B=VALUE]`.

Each recording is played as the candidate to the engines of the settings, in virtual time; FOLDER gets a folder for each
with its log and its recording, as a server would have left them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import soundfile

from audio.frames import WIRE_HZ
from audio.recorder import RECORDING_NAME
from bench.replay.plan import plan_replay
from bench.replay.run import replay_here
from pipelines.events import SessionSetup
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import JsonlStore
from pipelines.log.session_log import SessionLog
from pipelines.patient.card_library import CardLibrary
from server.settings.tree import Settings, load_settings


def store_session(folder: Path, audio: Path, settings: Settings, cards: CardLibrary, *, seed: int) -> None:
    """Play a recording as the candidate, and leave the folder of a role-play that is over."""
    plan = plan_replay([audio])
    card = plan.cards[0] if plan.cards else next(iter(cards))
    outcome = replay_here(plan, card, settings=settings, cards=cards, pace="fast", seed=seed)
    folder.mkdir(parents=True)
    disk = DiskThread()
    at_ms = [0.0]
    store = JsonlStore(folder, disk, failed=_raise, seal=None)
    log = SessionLog(now_ms=lambda: at_ms[0], media_ms=lambda: at_ms[0], salt=lambda: "", store=store)
    log.append(
        SessionSetup(
            card_id=card,
            card_version=cards[card].version,
            card_digest=cards.digest(card),
            engines=outcome.engines,
            settings_digest=settings.digest(),
            seed=seed,
            settings=settings.shaping(),
        )
    )
    for entry in outcome.logs[-1]:
        at_ms[0] = entry.envelope.media_ms
        log.append(entry.event)
    log.sync()
    log.close()
    disk.close()
    assert outcome.stereo is not None
    soundfile.write(folder / RECORDING_NAME, outcome.stereo, WIRE_HZ, format="FLAC")


def _raise(error: Exception) -> None:
    raise error


def main() -> None:
    """Make one stored role-play for each recording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("audio", type=Path, nargs="+")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    asked = parser.parse_args()
    settings = load_settings(overrides=asked.overrides)
    cards = CardLibrary.load(settings.cards_folder)
    for number, audio in enumerate(asked.audio, start=1):
        store_session(asked.folder / f"{number:02}-{audio.stem}", audio, settings, cards, seed=number)


if __name__ == "__main__":
    main()

"""Everything about one person as one zip: a page to read and hear, and the same as data, as its person may see it."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from common.errors import StorageError, storage_error
from pipelines.events import Audience, ConsentGiven
from pipelines.log.recorded_turns import recorded_turns
from pipelines.log.stored_events import StoredLog
from pipelines.patient.card import Card
from server.records.folder import RecordFolder
from server.records.person_facts import PersonFacts
from server.records.person_page import ShownSession, page
from server.records.records import Records
from server.store.sessions import IndexedSession
from server.store.tokens import now_ms

PAGE, DATA = "index.html", "data.json"


def write_person(facts: PersonFacts, path: Path, records: Records, cards: Mapping[str, Card]) -> None:
    """Write all of it to `path`, which must not be there yet; raises StorageError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            write_to(facts, file, records, cards)
    except OSError as error:
        raise storage_error(path, error) from error


def write_to(facts: PersonFacts, file: IO[bytes], records: Records, cards: Mapping[str, Card]) -> None:
    """Write all of it to an open file; raises OSError or StorageError.

    What their exams hide from them stays hidden here too.
    """
    with zipfile.ZipFile(file, "w") as archive:
        _Export(facts, archive, records, cards).write()


class _Export:
    def __init__(
        self, facts: PersonFacts, archive: zipfile.ZipFile, records: Records, cards: Mapping[str, Card]
    ) -> None:
        self._facts = facts
        self._archive = archive
        self._root = records.root
        self._vault = records.vault
        self._recordings = records.recordings
        self._cards = cards

    def write(self) -> None:
        facts, at_ms = self._facts, now_ms()
        person = facts.person.as_json() | {"made_ms": facts.person.made_ms}
        told, shown = [], []
        for one in facts.sessions:
            data, on_page = self._session(one)
            told.append(data)
            shown.append(on_page)
        whole = {
            "made_ms": at_ms,
            "person": person,
            "logged_in": facts.logins,
            "accounts_elsewhere": facts.identities,
            "sessions": told,
            "notes_written": facts.notes_written,
            "exams": facts.exams,
            "notes_about": facts.notes_about,
            "marks": facts.marks,
            "audit": facts.lines,
        }
        self._text(DATA, json.dumps(whole, indent=1, ensure_ascii=False))
        self._text(PAGE, page(person, at_ms, shown, facts.lines))

    def _session(self, one: IndexedSession) -> tuple[dict[str, Any], ShownSession]:
        data = one.as_shown() | {
            "consent": self._facts.consents.get(one.id),
            "turns": [],
            "recording": None,
            "log": None,
        }
        record = RecordFolder(self._root / one.id)
        title = one.card_title if not one.erased else "A role-play that was deleted"
        if one.erased or record.erased or not record.has_log:
            gone = one.erased or record.erased
            return data, ShownSession(title, one.mode, one.began_ms, gone, None, None, [], None)
        if one.state == "running":
            # An exam must not be read in words while it is sat.
            return data, ShownSession(title, one.mode, one.began_ms, False, None, None, [], None, under_way=True)
        try:
            turns, consent = self._said(one, record.folder)
            data |= {"turns": turns, "log": self._log(one, record.folder)}
            data |= {"recording": self._recording(one, record.folder), "consent_text": consent}
        except StorageError as error:
            # One record that does not open must not keep somebody from the others.
            data["fault"] = error.message
        shown = ShownSession(
            title,
            one.mode,
            one.began_ms,
            False,
            data["recording"],
            data["log"],
            data["turns"],
            data.get("consent_text"),
        )
        return data, shown

    def _said(self, one: IndexedSession, folder: Path) -> tuple[list[dict[str, Any]], str | None]:
        records = list(StoredLog(folder, self._vault.open_session(folder)).records(Audience.DEVELOPER))
        card = self._cards.get(one.card_id)
        show_cues = one.mode == "practice" and card is not None
        topics = {cue.id: cue.topic for cue in card.cues} if show_cues and card is not None else {}
        agreed = next((record.event.text for record in records if isinstance(record.event, ConsentGiven)), None)
        return [turn.as_json(topics) for turn in recorded_turns(records)], agreed

    def _log(self, one: IndexedSession, folder: Path) -> str:
        name = f"logs/{one.id}.jsonl"
        entries = StoredLog(folder, self._vault.open_session(folder)).entries(Audience.CANDIDATE)
        lines = (
            json.dumps(asdict(envelope) | {"audience": envelope.audience.name.lower(), "payload": payload}) + "\n"
            for envelope, payload in entries
        )
        self._text(name, "".join(lines))
        return name

    def _recording(self, one: IndexedSession, folder: Path) -> str | None:
        name = f"recordings/{one.id}.flac"
        try:
            sound = self._recordings.open(folder, self._vault.open_session(folder))
        except FileNotFoundError:
            return None
        with sound, self._archive.open(name, "w", force_zip64=True) as out:
            shutil.copyfileobj(sound, out)
        return name

    def _text(self, name: str, text: str) -> None:
        self._archive.writestr(name, text, zipfile.ZIP_DEFLATED)

"""Logs of small role-plays for tests of what is read from them: two words a second, at known places."""

from __future__ import annotations

from collections.abc import Mapping, Set

from pipelines import events as e
from pipelines.engines import Word
from pipelines.log.session_log import LogEntry, LogStore, SessionLog

WORD_MS = 500.0


class SpokenLog:
    """Writes what both sides say, one after the other, as a session would log it."""

    def __init__(self, store: LogStore | None = None) -> None:
        self.at_ms = 1000.0
        self._log = SessionLog(
            now_ms=lambda: self.at_ms, media_ms=lambda: self.at_ms, salt=lambda: "", store=store, wall=lambda: 0.0
        )
        self._turn = 0

    @property
    def entries(self) -> list[LogEntry]:
        """All that was logged."""
        return list(self._log.read_from(0, e.Audience.DEVELOPER))

    def note(self, event: e.Event) -> None:
        """Log an event that nobody says."""
        self._log.append(event)

    def close(self) -> None:
        """Have all of it stored."""
        self._log.append(e.SessionEnded("ended"))
        self._log.sync()
        self._log.close()

    def candidate(
        self,
        text: str,
        act: str = "statement",
        *,
        pauses: Mapping[int, float] | None = None,
        sure: float | None = 0.9,
        unclear: Set[int] = frozenset(),
    ) -> None:
        """Say a turn; `pauses` has milliseconds of silence by the number of words before them.

        The words at the places of `unclear` were heard without confidence.
        """
        self._turn += 1
        from_ms, words = self.at_ms, []
        for place, word in enumerate(text.split()):
            if place in (pauses or {}):
                silent_ms = (pauses or {})[place]
                self._log.append(e.SpeechResumed(self._turn, self.at_ms, silent_ms))
                self.at_ms += silent_ms
            words.append(Word(word, round(self.at_ms), round(self.at_ms + WORD_MS), 0.1 if place in unclear else sure))
            self.at_ms += WORD_MS
        self._log.append(e.SegmentHeard(self._turn, 0, text, tuple(words), 100.0))
        self._log.append(e.UtteranceInterpreted(self._turn, act, 0.9, {}, 0.5, ""))
        known = () if sure is None else tuple(word.confidence for word in words)
        self._log.append(e.TurnCommitted(self._turn, text, from_ms, self.at_ms, confidences=known))

    def patient(self, text: str, *, tells: str | None = None, heard: str | None = None) -> None:
        """Answer; with `heard` the candidate cut in after these words, and what it `tells` was not heard."""
        reply = self._turn
        self._log.append(e.ReplyProposed(reply, reply, "", (tells,) if tells else (), "", 1.0))
        self._log.append(e.ReplyStarted(reply, reply))
        self._log.append(e.ClauseSpoken(reply, text, 0.0))
        said = text if heard is None else heard
        played_ms = WORD_MS * len(said.split())
        self.at_ms += played_ms
        status = "completed" if heard is None else "interrupted"
        self._log.append(e.ReplyFinished(reply, self._turn, status, said, played_ms, False))
        if tells and heard is None:
            self._log.append(e.CueHeard(tells, reply, self._turn))

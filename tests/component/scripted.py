"""Conversations written down as data: who says what when, and what is expected of the patient.

A script is a text file with one statement per line; `#` begins a comment, and the first comment is the script's title.
README.md beside the scripts lists the statements. Errors name file and line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml


class ScriptError(ValueError):
    """A script that can't be read; the message begins with file and line."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """When something happens: `ms` after the session's beginning, the sound before, a reply's first or last sound, the
    first sound of the answer to the sound before, or the moment from which on nobody spoke.
    """

    # It is one of session, sound, reply, reply_end, last_reply and rest.
    kind: str
    ms: float
    reply: int = 0  # the how-manieth reply that was heard, from 1


@dataclass(frozen=True, slots=True)
class Sound:
    """What the candidate's microphone brings: words, or a noise that is taken for a voice and has none."""

    line: int
    anchor: Anchor
    for_ms: float
    text: str
    heard: str  # as the recogniser understands it
    gap_ms: float = 0.0  # of silence at the end of each word
    sure: bool = True  # whether the recogniser trusts its words


@dataclass(frozen=True, slots=True)
class Act:
    """What the client asks for: commit | clear | cancel | ask | end | type | truncate | echo_cancelled."""

    line: int
    what: str
    anchor: Anchor
    text: str = ""
    ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Session time in which the microphone is muted, or its frames come late (at the end), or never."""

    what: str  # mute | late | lost
    from_ms: float
    to_ms: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the patient says to a question ("" for any), or of its own accord: clauses with their cues."""

    kind: str  # reply | opening | silence | closing
    question: str
    clauses: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Expect:
    """Something that must be true; `sound` is the index of the candidate's sound before it."""

    line: int
    statement: str
    what: str
    values: tuple[str, ...]
    sound: int


@dataclass(slots=True)
class Script:
    """A conversation: times in milliseconds."""

    path: Path
    title: str = ""
    sounds: list[Sound] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    settings: dict[str, object] = field(default_factory=dict)
    acknowledges: str = "exactly"  # exactly | backwards | too fast | never | stock
    expects: list[Expect] = field(default_factory=list)
    until_ms: float | None = None
    pause_ms: float = 0.0  # since the sound before, for the next one


def read_script(path: Path) -> Script:
    """Read a script; raises ScriptError naming file and line."""
    script = Script(path)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        statement = _without_comment(line)
        if not statement:
            if line.strip().startswith("#") and not script.title:
                script.title = line.strip("# \t")
            continue
        try:
            _read(script, number, statement)
        except ScriptError as error:
            raise ScriptError(f"{path.name}:{number}: {error}") from None
    if not script.expects:
        raise ScriptError(f"{path.name}: expects nothing; end it with what must come of it")
    return script


# ------------------------------------------------------------------ statements

_Q = r'"([^"]*)"'
_T = r"(\d+(?:\.\d+)? ?(?:ms|s|min))"
_WHEN = rf"(?: (?:at {_T}|{_T} into (?:reply (\d+)|the reply)|{_T} after (?:reply (\d+)|a rest)))?"  # five groups
_Reader = Callable[[Script, int, "re.Match[str]"], None]
_READERS: list[tuple[re.Pattern[str], _Reader]] = []


def _statement(pattern: str) -> Callable[[_Reader], _Reader]:
    def register(reader: _Reader) -> _Reader:
        _READERS.append((re.compile(pattern), reader))
        return reader

    return register


def _read(script: Script, line: int, statement: str) -> None:
    for pattern, reader in _READERS:
        if (match := pattern.fullmatch(statement)) is not None:
            reader(script, line, match)
            return
    for form, what in EXPECTATIONS:
        if (match := re.fullmatch(form, statement)) is not None:
            groups = tuple(group for group in match.groups() if group is not None)
            script.expects.append(Expect(line, statement, what, groups, len(script.sounds) - 1))
            return
    raise ScriptError(f"can't read {statement!r}; tests/component/scripts/README.md lists the statements")


@_statement(rf"(say|cough|noise|echo)(?: {_Q})?(?: heard as {_Q}( unsure)?)?{_WHEN}(?: for {_T})?")
def _sound(script: Script, line: int, match: re.Match[str]) -> None:
    what, text, heard, unsure, *when, length = match.groups()
    if what in ("say", "echo") and not (text and text.strip()):
        raise ScriptError(f'{what} what? write {what} "some words"')
    said = (text or "").split()
    if what == "echo":  # in the rhythm of the scripted patient's voice
        for_ms, gap_ms = 250.0 * len(said), 30.0
    else:
        for_ms, gap_ms = (_ms(length) if length else 300.0 * max(1, len(said))), 0.0
    if for_ms < 20.0 * max(1, len(said)):
        raise ScriptError(f"{for_ms:.0f} ms are too short for {len(said)} words")
    hears = heard if heard is not None else (text or "" if what in ("say", "echo") else "")
    anchor = _anchor(script, when)
    script.sounds.append(Sound(line, anchor, for_ms, text or what, hears, gap_ms, sure=unsure is None))
    script.pause_ms = 0.0


@_statement(rf"say (\d+) words{_WHEN} for {_T}")
def _many_words(script: Script, line: int, match: re.Match[str]) -> None:
    count, *when, length = match.groups()
    text = " ".join(f"word{number + 1}" for number in range(int(count)))
    script.sounds.append(Sound(line, _anchor(script, when), _ms(length), text, text))
    script.pause_ms = 0.0


@_statement(rf"pause {_T}")
def _pause(script: Script, _line: int, match: re.Match[str]) -> None:
    script.pause_ms += _ms(match[1])


@_statement(rf"(mute|late|lost) {_T} to {_T}")
def _stretch(script: Script, _line: int, match: re.Match[str]) -> None:
    from_ms, to_ms = _ms(match[2]), _ms(match[3])
    if to_ms <= from_ms:
        raise ScriptError("ends before it begins")
    script.stretches.append(Stretch(match[1], from_ms, to_ms))


@_statement(rf"(commit|clear|cancel|ask|end|type|truncate|echo_cancelled)(?: to {_T}| (on|off)| {_Q})?{_WHEN}")
def _act(script: Script, line: int, match: re.Match[str]) -> None:
    what, to, switch, text, *when = match.groups()
    if (to is not None) != (what == "truncate") or (text is not None) != (what == "type"):
        raise ScriptError('write `truncate to 700 ms ...`, `type "words" ...`, and nothing of the kind elsewhere')
    if (switch is not None) != (what == "echo_cancelled"):
        raise ScriptError("write `echo_cancelled on` or `off`")
    anchor = _anchor(script, when)
    script.acts.append(Act(line, what, anchor, text or switch or "", _ms(to) if to else 0.0))


@_statement(r"acknowledge (exactly|backwards|too fast|never)|client (stock)")
def _acknowledge(script: Script, _line: int, match: re.Match[str]) -> None:
    script.acknowledges = match[1] or match[2]


@_statement(rf'(?:answer(?: {_Q})? with|(opens|prompts|closes) with) (".*)')
def _answer(script: Script, _line: int, match: re.Match[str]) -> None:
    clause = rf"{_Q}(?: telling ([a-z0-9-]+))?"
    if re.fullmatch(rf"{clause}(?:, {clause})*", match[3]) is None:
        raise ScriptError('write clauses as "text" telling cue-id, "text", ...')
    clauses = tuple((found[1], found[2]) for found in re.finditer(clause, match[3]))
    kind = {None: "reply", "opens": "opening", "prompts": "silence", "closes": "closing"}[match[2]]
    script.answers.append(Answer(kind, match[1] or "", clauses))


@_statement(r"set ((?:conversation|recogniser|responder|synthesiser|session|speech)(?:\.[a-z_]+)+) (.+)")
def _set(script: Script, _line: int, match: re.Match[str]) -> None:
    script.settings[match[1]] = yaml.safe_load(match[2])


@_statement(rf"wait always {_T}")
def _wait_always(script: Script, _line: int, match: re.Match[str]) -> None:
    script.settings["conversation.fixed_wait_ms"] = _ms(match[1])


@_statement(rf"until {_T}")
def _until(script: Script, _line: int, match: re.Match[str]) -> None:
    script.until_ms = _ms(match[1])


EXPECTATIONS: list[tuple[str, str]] = [
    (rf"expect reply after {_T}", "reply_after"),
    (rf"expect reply within {_T}", "reply_within"),
    (rf"expect reply between {_T} and {_T}", "reply_between"),
    (r"expect no reply", "no_reply"),
    (rf"expect none before {_T}", "none_before"),
    (r"expect (\d+) repl(?:y|ies)", "replies"),
    (r"expect (\d+) turns?", "turns"),
    (rf"expect turn {_Q}", "turn"),
    (rf"expect hold within {_T}", "hold_within"),
    (r"expect no hold", "no_hold"),
    (rf"expect resume within {_T}", "resume_within"),
    (rf"expect yield within {_T}", "yield_within"),
    (r"expect no yield", "no_yield"),
    (r"expect ignored ([a-z]+)", "ignored"),
    (r"expect nothing ignored", "nothing_ignored"),
    (rf"expect history (candidate|patient) {_Q}", "history"),
    (r"expect told ([a-z0-9-]+)", "told"),
    (r"expect not told ([a-z0-9-]+)", "not_told"),
    (rf"expect silence {_T} to {_T}", "silence"),
    (rf"expect end ([a-z_]+)(?: at {_T})?", "end"),
    (r"expect event ([a-z_]+)((?: [a-z_]+=\S+)*)(?: (\d+) times)?", "event"),
    (r"expect no event ([a-z_]+)((?: [a-z_]+=\S+)*)", "no_event"),
]


# ------------------------------------------------------------------ small helpers


def milliseconds(text: str) -> float:
    """Return the milliseconds of "300 ms", "1.5 s" or "2 min"."""
    return _ms(text)


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+) ?(ms|s|min)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"ms": 1.0, "s": 1_000.0, "min": 60_000.0}[unit]


def _anchor(script: Script, when: list[str | None]) -> Anchor:
    at, into, into_reply, after, after_reply = when
    if at is not None:
        return Anchor("session", _ms(at))
    if into is not None:
        return Anchor("reply", _ms(into), int(into_reply)) if into_reply else Anchor("last_reply", _ms(into))
    if after is not None:
        return Anchor("reply_end", _ms(after), int(after_reply)) if after_reply else Anchor("rest", _ms(after))
    return Anchor("sound", script.pause_ms)


def _without_comment(line: str) -> str:
    return re.sub(r'#(?=(?:[^"]*"[^"]*")*[^"]*$).*', "", line).strip()

"""The page of what is kept about one person: plain words, every role-play to read and to hear, no other file needed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

STYLE = """
body { font: 17px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
h1, h2 { line-height: 1.2 } section { border-top: 1px solid #c8ccd1; margin-top: 2rem }
audio { width: 100% } .who { font-weight: 600 } .hint { color: #57606a } td { padding: 0 1rem 0 0; vertical-align: top }
"""


@dataclass(frozen=True, slots=True)
class ShownSession:
    """A role-play on the page; `recording` is its file's path in the zip, None where there is no sound (any more)."""

    title: str
    mode: str
    began_ms: int
    erased: bool
    recording: str | None
    log: str | None
    turns: list[dict[str, Any]]
    consent: str | None
    under_way: bool = False


def page(person: dict[str, Any], made_ms: int, shown: Iterable[ShownSession], lines: Iterable[dict[str, Any]]) -> str:
    """Return the page as HTML."""
    return "\n".join(_parts(person, made_ms, list(shown), list(lines)))


def _parts(
    person: dict[str, Any], made_ms: int, shown: list[ShownSession], lines: list[dict[str, Any]]
) -> Iterator[str]:
    yield "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
    yield "<meta name='viewport' content='width=device-width'><title>What is kept about you</title>"
    yield f"<style>{STYLE}</style></head><body><main>"
    yield f"<h1>What is kept about {escape(person['name'])}</h1>"
    yield f"<p>This is everything that the server kept about you on {_at(made_ms)}. Your log-in name is "
    yield f"<b>{escape(person['login'])}</b>, and your role is {escape(person['role'])}. Your password is not here, "
    yield "since the server itself does not know it.</p>"
    yield "<p>The same is in <a href='data.json'>data.json</a>, for programs.</p>"
    yield f"<h2>Your role-plays</h2><p>There are {len(shown)}. The newest comes first.</p>"
    for one in shown:
        yield from _session(one)
    yield "<section><h2>Who did what</h2>"
    yield "<p>The server writes down who used your account, and who read, heard or deleted your role-plays.</p><table>"
    for line in lines:
        yield f"<tr><td>{_at(line['at_ms'])}</td><td>{escape(str(line['action']))}</td>"
        yield f"<td>{escape(str(line.get('by', '')))}</td></tr>"
    yield "</table></section></main></body></html>"


def _session(one: ShownSession) -> Iterator[str]:
    yield f"<section><h2>{escape(one.title)}</h2><p class='hint'>{escape(one.mode)}, {_at(one.began_ms)}</p>"
    if one.erased:
        yield "<p>What was said was deleted.</p></section>"
        return
    if one.under_way:
        yield "<p>This role-play is not over yet. Download everything again when it is over.</p></section>"
        return
    if one.recording is not None:
        yield f"<audio controls preload='none' src='{escape(one.recording, quote=True)}'></audio>"
    else:
        yield "<p class='hint'>There is no recording.</p>"
    for turn in one.turns:
        who = "You" if turn["role"] == "candidate" else "Patient"
        yield f"<p><span class='who'>{who}:</span> {escape(turn['text'])}</p>"
    if one.consent is not None:
        agreed = escape(one.consent).replace("\n", "<br>")
        yield f"<details><summary>What you agreed to</summary><p>{agreed}</p></details>"
    if one.log is not None:
        link = escape(one.log, quote=True)
        yield f"<p class='hint'><a href='{link}'>Everything the server noted, step by step</a></p>"
    yield "</section>"


def _at(at_ms: int) -> str:
    at = time.gmtime(at_ms / 1000)
    return f"{at.tm_mday} {time.strftime('%B %Y, %H:%M', at)} UTC"

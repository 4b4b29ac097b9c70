"""The HTTP API as an OpenAPI document, made from the table of routes, so that a new route is asked too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from server.http.history_routes import FILTERS
from server.http.routes import ROUTES

Json = dict[str, Any]
TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer"}
TEXTS: Json = {"type": "array", "items": TEXT}

# What a body has that means something; anything else is sent too, since schemathesis sends what is wrong as well.
BODIES: dict[str, Json] = {
    "POST /api/login": {"login": TEXT, "password": TEXT},
    "POST /api/logout": {},
    "POST /api/password": {"old": TEXT, "new": TEXT},
    "POST /api/invitation": {"token": TEXT},
    "POST /api/invitation/accept": {"token": TEXT, "password": TEXT},
    "POST /api/people": {"login": TEXT, "name": TEXT, "role": TEXT},
    "PATCH /api/people/{person_id}": {"role": TEXT, "enabled": {"type": "boolean"}},
    "POST /api/sessions": {
        "card": TEXT,
        "mode": {"enum": ["practice", "exam", "duel"]},
        "consent": {"type": "object", "properties": {"version": TEXT, "text": TEXT}},
    },
    "POST /api/sessions/{session_id}/problems": {"kind": TEXT, "text": TEXT},
    "POST /api/sessions/{session_id}/notes": {
        "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "kind": {"enum": ["note", "bookmark", "incident", "withdrawn"]},
        "at_ms": WHOLE,
        "text": TEXT,
        "withdraws": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "POST /api/sessions/{session_id}/place": {"state": {"enum": ["here", "away", "left", "lost"]}},
    "POST /api/sessions/{session_id}/marks": {
        "after": WHOLE,
        "state": {"enum": ["draft", "signed"]},
        "sheet": {"type": "object", "properties": {"marks": {"type": "object"}, "comment": TEXT}},
    },
    "POST /api/exams": {
        "candidates": TEXTS,
        "examiners": TEXTS,
        "cards": TEXTS,
        "opens_ms": WHOLE,
        "closes_ms": WHOLE,
        "title": TEXT,
    },
    "PUT /api/exams/{exam_id}/examiners": {"examiners": TEXTS},
    "POST /api/exams/{exam_id}/void": {"reason": TEXT, "session": TEXT},
    "POST /api/exams/{exam_id}/incidents": {"what": TEXT, "reason": TEXT},
    "POST /api/exams/{exam_id}/session": {"consent": {"type": "object"}},
    "POST /v1/realtime/client_secrets": {
        "session": {
            "type": "object",
            "properties": {"model": {"enum": ["card:pharmacy-new-inhaler", "card:free", "card:", ""]}},
        },
        "origin": TEXT,
    },
    "POST /api/lab/sessions": {"card": TEXT},
    "POST /api/lab/summary": {"turns": {"type": "array", "items": {"type": "object"}}},
    "POST /api/lab/comparison": {"now": {"type": "object"}, "before": {"type": "object"}},
}
NAMES: Json = {
    "card": "pharmacy-new-inhaler",
    "login": "anna@example.org",
    "role": "examiner",
    "kind": "sound",
    "candidates": ["candidate@example.org"],
    "examiners": ["examiner@example.org"],
    "cards": ["pharmacy-new-inhaler", "nursing-leg-wound"],
    "opens_ms": 1_900_000_000_000,
    "closes_ms": 1_900_003_600_000,
    "after": 0,
    "state": "draft",
    "sheet": {"marks": {"fluency": {"mark": 4, "note": "", "indicators": [], "evidence": []}}, "comment": ""},
}


def document(**known: Sequence[str]) -> Json:
    """Return the document; `known` has ids that are there, by the names that paths have for them."""
    paths: dict[str, Json] = {}
    for route in ROUTES:
        path = plain(route.path)
        for method in route.methods:
            paths.setdefault(path, {})[method.lower()] = _operation(method, path, known)
    return {"openapi": "3.1.0", "info": {"title": "Interlocutor", "version": "0"}, "paths": paths}


def plain(path: str) -> str:
    """Return a path without what our router says of its parameters' kinds."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


def _operation(method: str, path: str, known: dict[str, Sequence[str]]) -> Json:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _one_of(known.get(name, ()))}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    if (method, path) == ("GET", "/api/sessions"):
        parameters += [{"name": name, "in": "query", "schema": TEXT} for name in FILTERS]
    operation: Json = {"parameters": parameters, "responses": {"default": {"description": "anything but a fault"}}}
    if (body := _body(method, path)) is not None:
        operation["requestBody"] = {"content": body}
    return operation


def _one_of(ids: Sequence[str]) -> Json:
    return {"anyOf": [{"enum": list(ids)}, TEXT]} if ids else TEXT


def _body(method: str, path: str) -> Json | None:
    if method not in ("POST", "PATCH", "PUT"):
        return None
    if path.startswith("/v1/realtime/calls"):
        return {"application/sdp": {"schema": TEXT}, "application/json": {"schema": {"type": "object"}}}
    if path == "/api/lab/truth":
        return {"text/plain": {"schema": TEXT}}
    fields = BODIES.get(f"{method} {path}", {})
    schema: Json = {"type": "object", "properties": fields}
    example = {name: value for name, value in NAMES.items() if name in fields}
    return {"application/json": {"schema": schema} | ({"example": example} if example else {})}

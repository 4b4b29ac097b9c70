"""The routes of the page and of what anybody may know of this server: its state, metrics, engines and cards."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from pipelines.choice import Choice
from pipelines.patient.card import public_view
from pipelines.tts.voices import SEXES
from pipelines.voice_choice import plainly_voiced
from server.http.requests import server_of
from server.paths import STATIC
from server.rights import OPENING, listeners

# Whoever asks whether we live waits for some seconds at most.
DATABASE_WITHIN_S = 2.0


async def page(_request: Request) -> Response:
    """Serve the candidate's page."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def health(request: Request) -> Response:
    """Say that the process answers, which models are loaded, and how cards, database and the keeping of records are."""
    server = server_of(request)
    try:
        async with asyncio.timeout(DATABASE_WITHIN_S):
            fault = await server.store.healthy()
    except TimeoutError:
        fault = "the database does not answer"
    models = [
        {"model": model.key, "device": model.device, "state": model.state, "memory_bytes": model.memory_bytes}
        for model in server.models.status()
    ]
    return JSONResponse(
        {
            "status": "ok" if fault is None and not server.keeping.faults else "degraded",
            "env": server.settings.environment,
            "version": server.version,
            "models": models,
            # What every program on the machine takes of each graphics card; empty without one.
            "gpus": [
                {"gpu_id": gpu_id, "total_bytes": memory.total_bytes, "used_bytes": memory.used_bytes}
                for gpu_id, memory in server.gpu.read_memory().items()
            ],
            "database": {"status": fault or "ok", "waiting": len(server.store.ledger)},
            "keeping": server.keeping.as_json(),
        }
    )


async def ready(request: Request) -> Response:
    """Say whether sessions can be taken; 503 with the reason while not."""
    server = server_of(request)
    reason = server.standing_still or server.not_ready or server.disk_watch.reason or server.trials.reason
    if server.admission.draining:
        reason = "draining"
    if reason is not None:
        return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)
    return JSONResponse({"status": "ready"})


async def metrics(request: Request) -> Response:
    """Serve the metrics in Prometheus' text format."""
    server = server_of(request)
    if not server.settings.server.metrics_enabled:
        return Response(status_code=404)
    body, content_type = server.metrics.render()
    return Response(body, headers={"Content-Type": content_type})


async def info(request: Request) -> Response:
    """Say what this server runs on; the page shows that engines are demonstrations when they are."""
    server = server_of(request)
    plan = server.choices.remote

    def engine(choice: Choice) -> dict[str, Any]:
        chosen = {"name": choice.name, "demonstration": choice.demonstration, "reason": choice.reason}
        return chosen | ({"model": choice.model} if choice.model else {})

    def voices(choice: Choice) -> dict[str, Any]:
        """Of the voices it counts which patients there are: nobody else is heard."""
        plain = {card.patient.sex for card in plainly_voiced(server.cards.values(), choice)}
        told = {"demonstration_for": [sex for sex in SEXES if sex in plain]} if plain and choice.plain_for else {}
        return engine(choice) | {"demonstration": bool(plain)} | told

    return JSONResponse(
        {
            "version": server.version,
            "env": server.settings.environment,
            "engines": {
                "recogniser": engine(server.choices.recogniser),
                "interpreter": engine(server.choices.interpreter),
                "responder": engine(server.choices.responder),
                "synthesiser": voices(server.choices.synthesiser),
                "turn_detector": engine(detector)
                if (detector := server.choices.turn_detector) is not None
                else {"name": None, "reason": server.choices.no_turn_detector},
            },
            # What a consent must name before anything that is said goes there; null: nothing leaves this server.
            "remote_mind": None if plan is None else {"provider": plan.label, "country": plan.country},
            # How many days recordings and logs are kept: the page tells it before anybody agrees to it.
            "kept": {
                "practice_days": server.settings.retention.practice_days,
                "exam_days": server.settings.retention.exam_days,
                # For so long what was deleted is still in backups; null where others make them.
                "backup_days": server.settings.backup_days,
                "exams_of_erased": server.settings.retention.exams_of_erased,
            },
            # Who may listen to a role-play of each mode, besides whoever holds it.
            "listeners": {mode: listeners(mode) for mode in OPENING},
            "limits": {
                "prepare_s": server.settings.session.prepare_s,
                "session_s": server.settings.session.session_s,
            },
        }
    )


async def list_cards(request: Request) -> Response:
    """List the candidate's side of every card that can be chosen."""
    cards = server_of(request).practice_cards
    return JSONResponse({"cards": [public_view(card).model_dump(mode="json") for card in cards.values()]})

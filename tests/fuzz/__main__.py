"""`python -m tests.fuzz SCHEMATHESIS [WORDS ...]`: a server is asked by schemathesis, as everybody who may come."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2

from server.accounts.login_limits import LoginLimits
from server.host import Server
from server.http.who import CSRF_HEADER
from server.settings.store import AuthSettings
from server.store.tokens import now_ms
from tests.app.accounts import PASSWORD
from tests.app.inside import KEY, serving
from tests.app.wire import CARD
from tests.fuzz.schema import document

# A first request with it ends the log-in that all others come with.
BY_COOKIE = ("/api/logout",)
ROLES = ("candidate", "examiner", "developer", "admin")


async def as_everybody(address: str, server: Server) -> dict[str, list[str]]:
    """Return the headers that each comes with: strangers, people of each role, a session's token, and a key."""
    found: dict[str, list[str]] = {"stranger": []}
    for role in ROLES:
        token = (await server.accounts.invite("a test", login=f"{role}@example.org", name=role, role=role))[1]
        async with httpx2.AsyncClient(base_url=f"http://{address}") as client:
            body = {"token": token, "password": PASSWORD}
            answer = await client.post("/api/invitation/accept", json=body)
            cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
            found[role] = [f"Cookie: {cookie}", f"{CSRF_HEADER}: {answer.json()['csrf']}"]
    found["session"] = [f"Authorization: Bearer {server.registry.reserve(CARD, 'practice')[1]}"]
    found["key"] = [f"Authorization: Bearer {KEY}"]
    return found


async def ask(program: str, schema: Path, address: str, headers: Sequence[str], words: Sequence[str]) -> int:
    """Have schemathesis ask all of it; return how it ended."""
    given = [word for header in headers for word in ("--header", header)]
    if any(header.startswith("Cookie") for header in headers):
        given += [word for path in BY_COOKIE for word in ("--exclude-path", path)]
    process = await asyncio.create_subprocess_exec(
        program,
        "run",
        str(schema),
        f"--url=http://{address}",
        "--checks=not_a_server_error",
        "--continue-on-failure",
        "--suppress-health-check=all",
        "--warnings=off",
        "--no-color",
        "--request-timeout=30",
        *given,
        *words,
        # It leaves what it has learned where it runs.
        cwd=schema.parent,
    )
    return await process.wait()


async def main(program: str, words: Sequence[str]) -> int:
    """Ask as everybody; return 0 if no answer was a fault."""
    with tempfile.TemporaryDirectory() as place:
        session = {"join_within_s": 86_400}
        async with serving(Path(place), auth="accounts", session=session, max_sessions=10_000) as (address, server):
            # What slows down whoever guesses would have most of it refused at the door.
            unlimited = AuthSettings(failures=1_000, attempts_per_minute=10_000)
            server.accounts.limits = LoginLimits(unlimited, now_s=time.monotonic)
            everybody = await as_everybody(address, server)
            spare = (await server.accounts.invite("a test", login="spare", name="Spare", role="candidate"))[0]
            sessions = [server.registry.reserve(CARD, mode)[0] for mode in ("practice", "exam", "practice")]
            server.registry.join(sessions[0])
            server.registry.finish(sessions[0])
            (exam,) = await server.schedule.create(
                "a test",
                candidates=["candidate@example.org"],
                examiners=["examiner@example.org"],
                cards=[CARD, "nursing-leg-wound"],
                opens_ms=now_ms(),
                closes_ms=now_ms() + 3_600_000,
                title="An exam",
            )
            schema = Path(place) / "openapi.json"
            ids = [session.id for session in sessions]
            schema.write_text(
                json.dumps(document(session_id=ids, person_id=[spare.id], exam_id=[exam.id], call_id=["rtc_none"]))
            )
            failed = []
            for who, headers in everybody.items():
                print(f"--- as {who}", flush=True)  # noqa: T201 - for the person
                if await ask(program, schema, address, headers, words):
                    failed.append(who)
            print(f"faults were found as {', '.join(failed)}" if failed else "no answer was a fault")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(str(Path(sys.argv[1]).resolve()), sys.argv[2:])))

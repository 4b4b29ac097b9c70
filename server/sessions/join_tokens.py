"""Join tokens: each opens one connection to one session, and is minted just before it.

A signed token (JWT) of an algorithm that is ours to choose and never the token's, with an audience, a role, a session
and an end, and the origin of the only page that may use it where one was named. It is good once: what was minted here
and has not been used is remembered here, as its session is.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import jwt

from common.errors import AccessError
from server.principal import Principal, Role
from server.rights import MESSAGES

# OpenAI's browser clients take no other prefix for a short-lived key.
PREFIX = "ek_"
ALGORITHM = "HS256"
AUDIENCE = "interlocutor-conversation"
# A phone on a slow network connects within seconds; a minute leaves room for a page that asks and then waits.
LIFE_S = 60
# A page tries a call, then the WebSocket; whoever asks for more at once loses the oldest.
MOST_OPEN = 4
KEY_BYTES = 32
HOW = "ask for one just before you connect: POST /api/sessions/ID/join"


class JoinTokens:
    """Mints join tokens and takes each once; `now_s` is a monotonic clock, `wall_s` the time of day.

    The key lives as long as the process: no token outlives it, nor does a session that nobody has joined.
    """

    def __init__(self, *, now_s: Callable[[], float], wall_s: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(KEY_BYTES)
        self._now_s = now_s
        self._wall_s = wall_s
        # By session: the ids of tokens that were not used, and until when they are good.
        self._open: dict[str, dict[str, float]] = {}

    def mint(self, session_id: str, role: Role, *, origin: str | None = None, life_s: int | None = None) -> str:
        """Return a token whose bearer may connect once to this session, with this role; from this origin, if given.

        It is good for `life_s` seconds, or for a minute.
        """
        life_s = LIFE_S if life_s is None else life_s
        self._sweep()
        mine = self._open.setdefault(session_id, {})
        while len(mine) >= MOST_OPEN:
            del mine[next(iter(mine))]
        token_id = secrets.token_urlsafe(12)
        mine[token_id] = self._now_s() + life_s
        issued_s = int(self._wall_s())
        claims = {"aud": AUDIENCE, "sub": session_id, "role": role, "jti": token_id}
        if origin is not None:
            claims["origin"] = origin
        return PREFIX + jwt.encode(claims | {"iat": issued_s, "exp": issued_s + life_s}, self._key, algorithm=ALGORITHM)

    def redeem(self, token: str, *, origin: str | None = None) -> Principal:
        """Return who may connect to what, this once, from a page of this origin or from none.

        Raises AccessError: it is too old, was used, is not ours, or belongs to a page of another origin.
        """
        try:
            claims = jwt.decode(
                token.removeprefix(PREFIX),
                self._key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                # The time is ours to say (`wall_s`), below.
                options={"require": ["aud", "exp", "iat", "jti", "sub"], "verify_exp": False, "verify_iat": False},
            )
            session_id, role, ends_s = claims["sub"], claims.get("role"), float(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError):
            raise AccessError(f"this is no join token of this server; {HOW}", code="join.refused") from None
        if role not in MESSAGES:
            raise AccessError(f"this is no join token of this server; {HOW}", code="join.refused")
        if claims.get("origin", origin) != origin:
            # Its own page may still use it: what another sends is no reason to lock that one out.
            raise AccessError(
                "this token belongs to a page of another origin; name your page's when you ask for one",
                code="join.origin",
                http_status=403,
                close_code=4403,
            )
        # It is used up even when it comes too late.
        good_until_s = self._open.get(session_id, {}).pop(claims["jti"], None)
        if ends_s <= self._wall_s() or (good_until_s is not None and good_until_s <= self._now_s()):
            raise AccessError(f"this join token has expired; {HOW}", code="join.expired")
        if good_until_s is None:
            raise AccessError(f"this join token was used already, each opens one connection; {HOW}", code="join.used")
        return Principal(role, session_id)

    def _sweep(self) -> None:
        now_s = self._now_s()
        for session_id, tokens in list(self._open.items()):
            for token_id in [each for each, until_s in tokens.items() if until_s <= now_s]:
                del tokens[token_id]
            if not tokens:
                del self._open[session_id]

"""Join tokens: good once, for a minute, for one session; what is anything else is refused and says why."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import AccessError
from server.principal import Principal
from server.sessions.join_tokens import AUDIENCE, LIFE_S, MOST_OPEN, PREFIX, JoinTokens

WALL_S = 1_700_000_000.0


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def made() -> tuple[JoinTokens, Clock, Clock]:
    now, wall = Clock(50.0), Clock(WALL_S)
    return JoinTokens(now_s=now, wall_s=wall), now, wall


def refusal(tokens: JoinTokens, token: str) -> str:
    with pytest.raises(AccessError) as refused:
        tokens.redeem(token)
    assert refused.value.http_status == 401
    return refused.value.code


def claims_of(token: str) -> dict[str, Any]:
    part = token.removeprefix(PREFIX).split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_a_token_opens_one_connection() -> None:
    tokens, _, _ = made()
    token = tokens.mint("sess_1", "candidate")
    claims = claims_of(token)
    assert claims["exp"] - claims["iat"] == LIFE_S <= 120
    assert (claims["aud"], claims["sub"], claims["role"]) == (AUDIENCE, "sess_1", "candidate")
    assert tokens.redeem(token) == Principal("candidate", "sess_1")
    assert refusal(tokens, token) == "join.used"
    assert tokens.redeem(tokens.mint("sess_1", "developer")) == Principal("developer", "sess_1")


def test_a_token_of_a_page_opens_nothing_for_another_and_stays_good_for_its_own() -> None:
    tokens, _, _ = made()
    token = tokens.mint("sess_1", "candidate", origin="https://page.example")
    for other in (None, "https://evil.example", "http://page.example"):
        with pytest.raises(AccessError) as refused:
            tokens.redeem(token, origin=other)
        assert (refused.value.code, refused.value.http_status) == ("join.origin", 403)
    assert tokens.redeem(token, origin="https://page.example") == Principal("candidate", "sess_1")
    anywhere = tokens.mint("sess_1", "candidate")
    assert tokens.redeem(anywhere, origin="https://page.example") == Principal("candidate", "sess_1")


@pytest.mark.parametrize("which", ["now", "wall"])
def test_a_token_ends_by_either_clock(which: str) -> None:
    tokens, now, wall = made()
    token = tokens.mint("sess_1", "candidate")
    (now if which == "now" else wall).now_s += LIFE_S
    assert refusal(tokens, token) == "join.expired"


def test_a_clock_that_is_set_back_makes_no_token_last_longer() -> None:
    tokens, now, wall = made()
    token = tokens.mint("sess_1", "candidate")
    wall.now_s -= 3_600.0
    now.now_s += LIFE_S
    assert refusal(tokens, token) == "join.expired"


def test_whoever_asks_for_many_at_once_loses_the_oldest_and_nothing_is_left() -> None:
    tokens, now, _ = made()
    asked = [tokens.mint("sess_1", "candidate") for _ in range(MOST_OPEN + 1)]
    other = tokens.mint("sess_2", "candidate")
    assert refusal(tokens, asked[0]) == "join.used"
    assert tokens.redeem(asked[1]).session_id == "sess_1"
    assert tokens.redeem(other).session_id == "sess_2"
    now.now_s += LIFE_S
    tokens.mint("sess_3", "candidate")
    assert set(tokens._open) == {"sess_3"}


def forged(changes: dict[str, Any], *, algorithm: str = "HS256", key: Any = None, header: Any = None) -> str:
    """Return a token as the server would have made it, but for what is changed; by default with its own key."""
    tokens, _, _ = made()
    claims = claims_of(tokens.mint("sess_1", "candidate")) | changes
    plain = {name: value for name, value in claims.items() if value is not None}
    return PREFIX + jwt.encode(plain, key, algorithm=algorithm, headers=header)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_what_is_not_ours_is_refused() -> None:
    tokens, _, _ = made()
    good = tokens.mint("sess_1", "candidate")
    head, body, signature = good.removeprefix(PREFIX).split(".")
    empty = base64.urlsafe_b64encode(b'{"alg": "none", "typ": "JWT"}').rstrip(b"=").decode()
    ours = tokens._key
    bad = {
        "alg none": forged({}, algorithm="none"),
        "alg none with our signature": f"{PREFIX}{empty}.{body}.{signature}",
        "alg none without": f"{PREFIX}{empty}.{body}.",
        "another key": forged({}, key=b"x" * 32),
        "another algorithm": forged({}, key=ours, algorithm="HS512"),
        "another audience": forged({"aud": "somebody-else"}, key=ours),
        "no audience": forged({"aud": None}, key=ours),
        "no end": forged({"exp": None}, key=ours),
        "an end that is none": forged({"exp": "never"}, key=ours),
        "no id": forged({"jti": None}, key=ours),
        "no session": forged({"sub": None}, key=ours),
        "a role that joins nothing": forged({"role": "admin"}, key=ours),
        "another body": f"{PREFIX}{head}.{body[:-2]}xx.{signature}",
        "no prefix and no token": "",
    }
    for name, token in bad.items():
        assert refusal(tokens, token) == "join.refused", name
    # Signed by us, and never minted: as good as used.
    assert refusal(tokens, forged({"jti": "made up"}, key=ours)) == "join.used"
    assert tokens.redeem(good).session_id == "sess_1"


@given(st.text(max_size=200))
def test_any_text_is_refused_and_never_a_fault(text: str) -> None:
    tokens, _, _ = made()
    assert refusal(tokens, PREFIX + text) == "join.refused"

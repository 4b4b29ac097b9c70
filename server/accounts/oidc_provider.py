"""What an issuer of accounts is asked (OpenID Connect Core 1.0, authorization code with PKCE), and what is believed.

Its discovery document and keys are kept for an hour; a token that is signed with a key that is not known has them
fetched anew, once a minute at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx2
import jwt
import structlog

from common.errors import AccessError, AppError
from server.settings.oidc import OidcSettings, is_safe

logger = structlog.get_logger("server.accounts.oidc_provider")

# Signatures that only the issuer can make. With a shared secret (HS256) we could sign ourselves.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_S = 10.0
KEPT_S = 3_600.0
AGAIN_S = 60.0
# Clocks of two machines differ by so much.
LEEWAY_S = 60
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the issuer is asked what."""

    authorize: str
    token: str
    keys: str
    userinfo: str | None


class OidcProvider:
    """One issuer; `now_s` is a monotonic clock. Raises AccessError (`oidc.failed`) where it answers nothing usable."""

    def __init__(self, settings: OidcSettings, *, now_s: Callable[[], float]) -> None:
        assert settings.issuer is not None  # noqa: S101 - made only where single sign-on is enabled
        assert settings.client_id is not None  # noqa: S101
        self._issuer = settings.issuer
        self._client_id = settings.client_id
        self._secret = settings.client_secret
        self._scopes = settings.scopes
        self._now_s = now_s
        self._endpoints: Endpoints | None = None
        self._endpoints_s = 0.0
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._keys_s = float("-inf")

    @property
    def issuer(self) -> str:
        """The issuer, as its tokens name it."""
        return self._issuer

    async def address(self, *, state: str, nonce: str, challenge: str, redirect_uri: str) -> str:
        """Return where a browser is sent to log in."""
        authorize = (await self._discovered()).authorize
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self._scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{authorize}{'&' if urlsplit(authorize).query else '?'}{urlencode(query)}"

    async def claims(self, code: str, *, verifier: str, nonce: str, redirect_uri: str) -> Mapping[str, Any]:
        """Return what the issuer says of whoever it gave this code to; `sub` is their name there."""
        endpoints = await self._discovered()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        form |= {"code_verifier": verifier, "client_id": self._client_id}
        authorization = None
        if self._secret is not None:
            # As RFC 6749 wants it in 2.3.1: encoded as in a form, before the basic scheme encodes it again.
            words = (quote(self._client_id, safe=""), quote(self._secret.get_secret_value(), safe=""))
            authorization = httpx2.BasicAuth(*words)
        answer = await self._ask("POST", endpoints.token, data=form, auth=authorization)
        told = await self._verified(_text(answer, "id_token"), nonce=nonce)
        if endpoints.userinfo is None or not isinstance(answer.get("access_token"), str):
            return told
        bearer = {"Authorization": f"Bearer {answer['access_token']}"}
        more = await self._ask("GET", endpoints.userinfo, headers=bearer)
        if more.get("sub") != told["sub"]:
            raise _failed("its userinfo is about somebody else")
        return {**more, **told}

    async def _verified(self, token: str, *, nonce: str) -> dict[str, Any]:
        try:
            key = await self._key(jwt.get_unverified_header(token).get("kid"))
            told: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._client_id,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
            )
        except jwt.PyJWTError as error:
            raise _failed(f"its ID token is not good: {type(error).__name__}") from None
        if told["nonce"] != nonce:
            raise _failed("its ID token is for another log-in")
        if isinstance(told["aud"], list) and len(told["aud"]) > 1 and told.get("azp") != self._client_id:
            raise _failed("its ID token is for another client too")
        if not isinstance(told["sub"], str) or not 1 <= len(told["sub"]) <= 255:
            raise _failed("its ID token names nobody")
        return told

    async def _key(self, kid: str | None) -> jwt.PyJWK:
        age_s = self._now_s() - self._keys_s
        if age_s > KEPT_S or (kid not in self._keys and age_s > AGAIN_S):
            told = await self._ask("GET", (await self._discovered()).keys)
            try:
                found = jwt.PyJWKSet.from_dict(told).keys
            except jwt.PyJWTError:
                raise _failed("its keys can't be read") from None
            self._keys = {key.key_id: key for key in found if key.public_key_use in (None, "sig")}
            self._keys_s = self._now_s()
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        if kid not in self._keys:
            raise _failed("its ID token is signed with a key that it does not list")
        return self._keys[kid]

    async def _discovered(self) -> Endpoints:
        if self._endpoints is None or self._now_s() - self._endpoints_s > KEPT_S:
            told = await self._ask("GET", self._issuer.rstrip("/") + DISCOVERY)
            if told.get("issuer") != self._issuer:
                raise _failed(f"its discovery document is of '{str(told.get('issuer'))[:200]}'; set that as the issuer")
            userinfo = told.get("userinfo_endpoint")
            self._endpoints = Endpoints(
                _address(told, "authorization_endpoint"),
                _address(told, "token_endpoint"),
                _address(told, "jwks_uri"),
                None if userinfo is None else _address(told, "userinfo_endpoint"),
            )
            self._endpoints_s = self._now_s()
        return self._endpoints

    async def _ask(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
                answer = await client.request(method, url, **more)
            told = answer.json() if answer.status_code == 200 and len(answer.content) <= MAX_BYTES else None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise _failed(f"{urlsplit(url).path} can't be asked: {type(error).__name__}") from None
        if not isinstance(told, dict):
            raise _failed(f"{urlsplit(url).path} answered {answer.status_code}")
        return told


def _address(told: dict[str, Any], name: str) -> str:
    address = _text(told, name)
    if not is_safe(address):
        raise _failed(f"its {name} is not https")
    return address


def _text(told: dict[str, Any], name: str) -> str:
    found = told.get(name)
    if not isinstance(found, str):
        raise _failed(f"it told no {name}")
    return found


def _failed(why: str) -> AppError:
    # What the issuer did wrong is the operator's to mend; whoever logs in can only try again.
    logger.warning("oidc_failed", reason=why)
    return AccessError("logging in with your organisation did not work; try again, or ask an admin", code="oidc.failed")

"""Logging in with an account elsewhere, against a real provider; and whoever tries to use that to get in otherwise."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from sqlalchemy import select

from common.errors import AppError
from server.accounts.oidc_provider import OidcProvider
from server.records.person_erasing import erase_person
from server.settings.oidc import CALLBACK, OidcSettings
from server.store.tables import identities
from tests.app.accounts import URL, World, world
from tests.app.test_accounts import NASTY, told
from tests.app.test_history import command
from tests.oidc import CLIENT, SECRET, lacking, log_in_there, providing

pytestmark = pytest.mark.asyncio

REDIRECT = URL + CALLBACK
PEOPLE: dict[str, dict[str, Any]] = {
    "anna": {"email": "Anna@Example.org", "name": NASTY, "groups": ["staff", "oet-examiners"]},
    "bert": {"email": "bert@example.org", "name": "Bert", "groups": ["students"]},
    "eve": {"email": "anna@example.org", "name": "Eve", "groups": ["oet-examiners"]},
}
ROLES: dict[str, Any] = {
    "role_claim": "groups",
    "roles": ("oet-examiners=examiner", "students=candidate"),
    "scopes": ("openid", "profile", "email", "groups"),
}


@asynccontextmanager
async def sign_on(folder: Path, *, public: bool = False, **settings: Any) -> AsyncIterator[World]:
    """Run a server whose people have accounts at a real provider."""
    if why := lacking():
        pytest.skip(why)
    with providing(PEOPLE, redirect_uri=REDIRECT, public=public) as issuer:
        secret = None if public else SecretStr(SECRET)
        oidc = OidcSettings(issuer=issuer, client_id=CLIENT, client_secret=secret, label="OET School", **settings)
        async with world(folder, oidc=oidc, public_url=URL) as one:
            yield one


async def gone_there(one: World, login: str, then: str = "/") -> tuple[httpx2.AsyncClient, str]:
    """Begin a log-in and do it at the provider; return the browser and the address that it is sent back to."""
    client = one.client()
    sent = await client.get("/login/oidc", params={"next": then})
    assert sent.status_code == 303, sent.text
    query = parse_qs(urlsplit(sent.headers["location"]).query)
    assert (query["code_challenge_method"], query["redirect_uri"]) == (["S256"], [REDIRECT])
    return client, (await log_in_there(sent.headers["location"], login, until=URL)).removeprefix(URL)


async def logged_in(one: World, login: str, then: str = "/") -> tuple[httpx2.AsyncClient, httpx2.Response]:
    client, back = await gone_there(one, login, then)
    return client, await client.get(back)


def problem(answer: httpx2.Response) -> str:
    assert answer.status_code == 303
    assert not any("=il_" in cookie for cookie in answer.headers.get_list("set-cookie"))
    found: str = answer.headers["location"].removeprefix("/login?problem=")
    return found


@pytest.mark.parametrize("public", [False, True])
async def test_somebody_comes_from_elsewhere_and_is_the_same_the_next_time(tmp_path: Path, public: bool) -> None:
    async with sign_on(tmp_path, public=public, **ROLES) as one:
        assert (await one.client().get("/api/me")).json()["sign_on"] == "OET School"
        client, answer = await logged_in(one, "anna", then="/lab")
        assert answer.status_code == 200
        assert 'content="0;url=/lab"' in answer.text
        cookies = answer.headers.get_list("set-cookie")
        assert any("=il_" in one and "SameSite=strict" in one and "HttpOnly" in one for one in cookies)
        me = (await client.get("/api/me")).json()
        assert (me["person"]["login"], me["person"]["name"], me["person"]["role"]) == (
            "anna@example.org", NASTY, "examiner",
        )  # fmt: skip
        again, _ = await logged_in(one, "anna")
        assert (await again.get("/api/me")).json()["person"]["id"] == me["person"]["id"]
        assert [action for action, _ in await told(one)] == ["person.came", "login.succeeded", "login.succeeded"]
        async with one.server.store.database.reading() as connection:
            (row,) = (await connection.execute(select(identities.c.subject, identities.c.person_id))).all()
        assert row.person_id == me["person"]["id"]
        assert len(row.subject) == 64
        assert "anna" not in row.subject
        # There is no password: nobody gets in by one.
        guess = await one.client().post("/api/login", json={"login": "anna@example.org", "password": ""})
        assert guess.status_code == 401


async def test_what_the_claim_says_and_what_admins_say_holds_at_the_next_log_in(tmp_path: Path) -> None:
    async with sign_on(tmp_path, **ROLES | {"default_role": None}) as one:
        bert, _ = await logged_in(one, "bert")
        me = (await bert.get("/api/me")).json()["person"]
        assert me["role"] == "candidate"
        await one.server.accounts.change("a test", me["id"], role="examiner")
        bert, _ = await logged_in(one, "bert")
        assert (await bert.get("/api/me")).json()["person"]["role"] == "candidate"
        await one.server.accounts.change("a test", me["id"], enabled=False)
        assert problem((await logged_in(one, "bert"))[1]) == "oidc.disabled"
        assert (await bert.get("/api/me")).json()["person"] is None
        await one.server.accounts.change("a test", me["id"], enabled=True)
        assert (await logged_in(one, "bert"))[1].status_code == 200
        assert problem((await logged_in(one, "carl"))[1]) == "oidc.no_role"
        await erase_person(one.server.store, tmp_path / "sessions", me["id"], exams="erase", by="a test")
        assert (await logged_in(one, "bert"))[1].status_code == 200
        newcomer = (await one.server.accounts.find("bert@example.org")).id
        assert newcomer != me["id"]
        failures = [content["why"] for action, content in await told(one) if action == "login.failed"]
        assert failures == ["oidc.disabled", "oidc.no_role"]


async def test_an_address_opens_nobodys_account(tmp_path: Path) -> None:
    async with sign_on(tmp_path, **ROLES) as one:
        anna = await one.person("anna@example.org")
        # Both say that they have this address; neither is linked to the person who has it here.
        for login in ("anna", "eve"):
            assert problem((await logged_in(one, login))[1]) == "account.taken"
        assert (await anna.get("/api/me")).json()["person"]["role"] == "candidate"


async def test_a_log_in_is_one_browsers_and_good_once(tmp_path: Path) -> None:
    async with sign_on(tmp_path) as one:
        client, back = await gone_there(one, "anna")
        # Whoever is lured to the end of another's log-in is not logged in as them.
        assert problem(await one.client().get(back)) == "oidc.state"
        # And by that it is used up.
        assert problem(await client.get(back)) == "oidc.state"
        client, back = await gone_there(one, "anna")
        other, elsewhere = await gone_there(one, "bert")
        state = parse_qs(urlsplit(elsewhere).query)["state"][0]
        code = parse_qs(urlsplit(back).query)["code"][0]
        # A code that was given for another log-in: its verifier does not fit.
        assert problem(await other.get(f"{CALLBACK}?state={state}&code={code}")) == "oidc.failed"
        assert problem(await client.get(f"{CALLBACK}?error=access_denied")) == "oidc.state"
        assert problem(await client.get(f"{back}&iss=https://evil.example")) == "oidc.state"
        for then in ("//evil.example", "https://evil.example", "/\\evil.example", '/"><script>'):
            _, answer = await logged_in(one, "anna", then=then)
            assert 'content="0;url=/"' in answer.text
            assert "evil" not in answer.text
        refused = await one.client(url="http://oet.example").get("/login/oidc")
        assert problem(refused) == "access.insecure"


async def test_a_server_without_it_and_one_whose_provider_is_away_say_so(tmp_path: Path) -> None:
    async with world(tmp_path / "a") as one:
        assert (await one.client().get("/api/me")).json()["sign_on"] is None
        for path in ("/login/oidc", f"{CALLBACK}?code=x&state=y"):
            assert problem(await one.client().get(path)) == "oidc.off"
        # Nobody tried to log in: the audit gets no line.
        assert await told(one) == []
    away = OidcSettings(issuer="http://127.0.0.1:9/", client_id="x")
    async with world(tmp_path / "b", oidc=away, public_url=URL) as one:
        assert problem(await one.client().get("/login/oidc")) == "oidc.failed"


async def test_whoever_must_wait_writes_nothing_into_the_audit(tmp_path: Path) -> None:
    away = OidcSettings(issuer="http://127.0.0.1:9/", client_id="x")
    async with world(tmp_path, oidc=away, public_url=URL, attempts_per_minute=1) as one:
        found = [problem(await one.client().get(f"{CALLBACK}?code=x&state=y")) for _ in range(6)]
        tries = found.count("oidc.state")
        assert 0 < tries < 6
        assert found[tries:] == ["account.too_many"] * (6 - tries)
        assert [content["why"] for _, content in await told(one)] == ["oidc.state"] * tries


async def test_the_check_of_settings_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("config", "check", "--set", f"data_path={tmp_path}", "--set", "engines.backend=mock")
    half = (*words, "--set", "auth.oidc.client_id=x", "--set", "auth.oidc.roles=a=examiner")
    assert await asyncio.to_thread(command, *half) == 2
    told = capsys.readouterr().err
    assert "error: auth.oidc.issuer: is missing" in told
    assert "error: auth.oidc.role_claim: is missing" in told
    whole = (*half, "--set", "auth.oidc.issuer=https://login.example", "--set", "auth.oidc.role_claim=groups")
    assert await asyncio.to_thread(command, *whole) == 0
    assert f"register http://HOST:PORT{CALLBACK}" in capsys.readouterr().err


# ------------------------------------------------------------------ an issuer that is not what it should be

ISSUER = "https://login.example"
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
OTHER = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def issuer(answers: dict[str, Any]) -> Callable[[httpx2.Request], httpx2.Response]:
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "k1", "use": "sig"}
    usual: dict[str, Any] = {
        "/.well-known/openid-configuration": {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/auth",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "userinfo_endpoint": f"{ISSUER}/me",
        },
        "/keys": {"keys": [jwk]},
        "/me": {"sub": "anna"},
    }

    def answer(request: httpx2.Request) -> httpx2.Response:
        told = (usual | answers)[request.url.path]
        return told if isinstance(told, httpx2.Response) else httpx2.Response(200, json=told)

    return answer


def id_token(key: Any = KEY, *, algorithm: str = "RS256", kid: str | None = "k1", **changes: Any) -> dict[str, str]:
    claims = {"iss": ISSUER, "sub": "anna", "aud": "us", "nonce": "n", "iat": 1_700_000_000, "exp": 4_000_000_000}
    plain = {name: value for name, value in (claims | changes).items() if value is not None}
    headers = {"kid": kid} if kid is not None else {}
    return {"access_token": "a", "id_token": jwt.encode(plain, key, algorithm=algorithm, headers=headers)}


def none() -> dict[str, str]:
    return id_token(None, algorithm="none")


BAD: dict[str, Callable[[], dict[str, Any]]] = {
    "another issuer's discovery": lambda: {"/.well-known/openid-configuration": {"issuer": "https://evil.example"}},
    "no discovery": lambda: {"/.well-known/openid-configuration": httpx2.Response(500)},
    "a discovery that is no object": lambda: {"/.well-known/openid-configuration": ["x"]},
    "a refused code": lambda: {"/token": httpx2.Response(400, json={"error": "invalid_grant"})},
    "no token": lambda: {"/token": {"access_token": "a"}},
    "a redirect": lambda: {"/token": httpx2.Response(302, headers={"location": "https://evil.example"})},
    "alg none": lambda: {"/token": none()},
    "signed with the public key as a secret": lambda: {
        "/token": id_token("x" * 64, algorithm="HS256"),
    },
    "another key": lambda: {"/token": id_token(OTHER)},
    "an unknown key": lambda: {"/token": id_token(kid="k2")},
    "another audience": lambda: {"/token": id_token(aud="them")},
    "several audiences": lambda: {"/token": id_token(aud=["us", "them"])},
    "another issuer": lambda: {"/token": id_token(iss="https://evil.example")},
    "another log-in": lambda: {"/token": id_token(nonce="m")},
    "no nonce": lambda: {"/token": id_token(nonce=None)},
    "too old": lambda: {"/token": id_token(exp=1_700_000_100)},
    "nobody": lambda: {"/token": id_token(sub="")},
    "somebody else's userinfo": lambda: {"/token": id_token(), "/me": {"sub": "bert"}},
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], OidcProvider]:
    """Make a provider whose issuer answers as it usually does, but for what is given."""
    really = httpx2.AsyncClient

    def make(answers: dict[str, Any]) -> OidcProvider:
        transport = httpx2.MockTransport(issuer(answers))
        monkeypatch.setattr(httpx2, "AsyncClient", lambda **more: really(transport=transport, **more))
        return OidcProvider(OidcSettings(issuer=ISSUER, client_id="us"), now_s=lambda: 1_000.0)

    return make


async def test_what_a_good_issuer_says_is_believed(asked: Callable[[dict[str, Any]], OidcProvider]) -> None:
    for audience in ("us", ["us"]):
        provider = asked({"/token": id_token(aud=audience), "/me": {"sub": "anna", "email": "a@b", "aud": "x"}})
        claims = await provider.claims("code", verifier="v", nonce="n", redirect_uri=REDIRECT)
        assert (claims["sub"], claims["email"], claims["aud"]) == ("anna", "a@b", audience)


@pytest.mark.parametrize("how", BAD)
async def test_what_an_issuer_may_not_say_is_not_believed(
    how: str, asked: Callable[[dict[str, Any]], OidcProvider]
) -> None:
    with pytest.raises(AppError) as refused:
        await asked(BAD[how]()).claims("code", verifier="v", nonce="n", redirect_uri=REDIRECT)
    assert refused.value.code == "oidc.failed"

"""What all APIs share: credentials, addresses, room tokens, health."""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest

from greenroom.api.auth import Authenticator, SessionTokens, bearer_token, handshake_token
from greenroom.api.health import Health
from greenroom.api.http import HttpRequest, network_of
from greenroom.errors import ProviderFailed, Unauthorized

SECRET = "a secret of the tests that is long enough"


class Keys:
    async def verify(self, key: str) -> str | None:
        return "stored" if key == "gr_key" else None


def request(query: str = "", **headers: str) -> HttpRequest:
    scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/",
        "query_string": query.encode("latin-1"),
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers.items()],
    }
    return HttpRequest(scope, None)  # type: ignore[arg-type]


# -- credentials -----------------------------------------------------------------------------------


def test_a_session_token_speaks_for_its_session_until_it_expires() -> None:
    now = [1_000.0]
    tokens = SessionTokens(SECRET, 60, now=lambda: now[0])
    token, expires = tokens.sign("s1", "tenant")
    assert expires.timestamp() == 1_060
    principal = tokens.verify(token)
    assert (principal.session_id, principal.tenant) == ("s1", "tenant")
    now[0] = 1_060
    with pytest.raises(Unauthorized, match="expired"):
        tokens.verify(token)


def test_a_session_token_is_a_jwt_like_any_other() -> None:
    token, _ = SessionTokens(SECRET, 60).sign("s1 é", "tenant")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="greenroom-session")
    assert (claims["sub"], claims["tenant"], claims["exp"] - claims["iat"]) == (
        "s1 é",
        "tenant",
        60,
    )
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


def test_a_token_that_another_secret_signed_is_not_valid() -> None:
    token, _ = SessionTokens("another secret that is long enough", 60).sign("s1", "t")
    with pytest.raises(Unauthorized, match="not valid"):
        SessionTokens(SECRET, 60).verify(token)


async def test_given_stored_and_session_credentials_are_told_apart() -> None:
    tokens = SessionTokens(SECRET, 60)
    authenticator = Authenticator(["one", "two"], Keys(), tokens)
    assert (await authenticator.authenticate("two")).tenant == "default"
    assert (await authenticator.authenticate("gr_key")).tenant == "stored"
    assert (await authenticator.authenticate(tokens.sign("s", "t")[0])).session_id == "s"
    identities = {(await authenticator.authenticate(k)).identity for k in ("one", "two", "gr_key")}
    assert len(identities) == 3
    assert not any("one" in each or "two" in each for each in identities)
    with pytest.raises(Unauthorized):
        await authenticator.authenticate("three")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("abc", None),
    ],
)
def test_the_bearer_scheme_is_read_as_the_rfc_says(header: str, token: str | None) -> None:
    assert bearer_token(request(authorization=header)) == token


def test_the_header_counts_before_the_query() -> None:
    assert handshake_token(request("token=q&x=1")) == "q"
    assert handshake_token(request("token=q", authorization="Bearer h")) == "h"
    assert handshake_token(request("")) is None


def test_a_query_of_countless_fields_is_no_token() -> None:
    assert handshake_token(request("&".join("a=1" for _ in range(1_000)) + "&token=q")) is None


# -- addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not:an:address", "not:an:address"),
    ],
)
def test_an_ipv6_customer_is_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


# -- health ----------------------------------------------------------------------------------------


async def test_a_check_that_hangs_or_fails_is_unhealthy_and_the_others_are_not() -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    async def fails() -> None:
        raise ProviderFailed("x", "no")

    async def answers() -> None:
        return None

    checks = {"a": hangs, "b": fails, "c": answers}
    answer = await Health(checks, time_limit=0.05).answer()
    assert answer["status"] == "degraded"
    assert answer["checks"] == {"a": "unhealthy", "b": "unhealthy", "c": "healthy"}


async def test_asking_at_once_asks_the_parts_once() -> None:
    asked = []

    async def check() -> None:
        asked.append(1)
        await asyncio.sleep(0)

    health = Health({"a": check})
    answers = await asyncio.gather(*(health.answer() for _ in range(10)))
    assert len(asked) == 1
    assert all(answer["status"] == "healthy" for answer in answers)

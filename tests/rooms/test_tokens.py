"""Room tokens: what is signed, and what is let in."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from dataclasses import replace
from typing import Any

import jwt
import pytest
from livekit.api import AccessToken, VideoGrants
from livekit.api import TokenVerifier as LiveKitVerifier

from greenroom.errors import Unauthorized
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.errors import RoomsFailed
from greenroom.rooms.tokens import LEEWAY, LiveKitTokens, TokenVerifier, room_name

LONG = "a livekit secret that is as long as it should be"
SHORT = "secret"


def tokens(secret: str = LONG, *, ttl: float = 60, now: float = 1_000.0) -> LiveKitTokens:
    return LiveKitTokens("key", secret, ttl, now=lambda: now)


def verifier(secret: str = LONG, *, now: float = 1_000.0) -> TokenVerifier:
    return TokenVerifier({"other": "else", "key": secret}, now=lambda: now)


def signed(claims: dict[str, Any], secret: str = LONG, **options: Any) -> str:
    payload = json.dumps({"iss": "key", "exp": 2_000} | claims).encode()
    return jwt.PyJWS().encode(payload, secret, **options)


@pytest.mark.parametrize("secret", [SHORT, LONG])
def test_livekits_own_verifier_reads_a_signed_token(secret: str) -> None:
    token = LiveKitTokens("key", secret, 60).sign(
        room_name("s1"), "u1", name="Una", kind="agent", metadata="m", attributes={"a": "b"}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        claims = LiveKitVerifier("key", secret).verify(token)
    assert (claims.identity, claims.name, claims.kind) == ("u1", "Una", "agent")
    assert (claims.metadata, claims.attributes) == ("m", {"a": "b"})
    assert claims.video is not None
    assert claims.video.room_join
    assert claims.video.room == "session_s1"
    assert claims.video.can_update_own_metadata
    assert not claims.video.hidden


def test_a_token_of_livekits_own_signer_is_read_in_full() -> None:
    video = VideoGrants(
        room="r",
        room_join=True,
        room_create=True,
        room_list=True,
        room_admin=True,
        room_record=True,
        can_publish=False,
        can_subscribe=False,
        can_publish_data=False,
        can_publish_sources=["microphone", "camera", "unheard of"],
        can_update_own_metadata=True,
        can_subscribe_metrics=True,
        hidden=True,
        recorder=True,
        agent=True,
    )
    token = AccessToken("key", LONG).with_identity("i").with_name("n").with_kind("sip")
    token = token.with_metadata("m").with_attributes({"a": "b"}).with_grants(video)
    grants = TokenVerifier({"key": LONG}).verify(token.to_jwt())
    expires = grants.expires
    assert expires is not None
    assert grants == Grants(
        identity="i",
        name="n",
        kind="sip",
        metadata="m",
        attributes={"a": "b"},
        room="r",
        room_join=True,
        room_create=True,
        room_list=True,
        room_admin=True,
        room_record=True,
        can_publish=False,
        can_subscribe=False,
        can_publish_data=False,
        can_publish_sources=frozenset({"microphone", "camera"}),
        can_update_own_metadata=True,
        can_subscribe_metrics=True,
        hidden=True,
        recorder=True,
        agent=True,
        expires=expires,
    )
    until = dt.datetime.fromtimestamp(expires, dt.UTC)
    assert until > dt.datetime.now(dt.UTC)


def test_who_is_granted_little_may_publish_and_hear_but_change_nothing() -> None:
    grants = verifier().verify(signed({"sub": "i", "kind": "unheard of", "video": {"room": "r"}}))
    assert grants == Grants(identity="i", room="r", expires=2_000)
    assert not grants.room_join


def test_a_hidden_one_is_signed_as_such() -> None:
    assert verifier().verify(tokens().sign("r", "i", hidden=True)).hidden


@pytest.mark.parametrize(
    "grants",
    [
        Grants(identity="i", room="r", room_join=True),
        Grants(identity="i", can_publish=False, can_subscribe=False, can_publish_data=False),
        Grants(
            identity="i",
            name="n",
            kind="agent",
            metadata="m",
            attributes={"a": "b"},
            room="r",
            room_join=True,
            room_admin=True,
            can_publish_sources=frozenset({"camera"}),
            can_update_own_metadata=True,
            hidden=True,
            agent=True,
        ),
    ],
)
def test_grants_are_read_as_they_were_signed(grants: Grants) -> None:
    assert replace(verifier().verify(tokens().sign_grants(grants)), expires=None) == grants


def test_who_may_publish_from_no_source_may_not_publish() -> None:
    none = Grants(identity="i", can_publish_sources=frozenset())
    assert not verifier().verify(tokens().sign_grants(none)).can_publish


def test_using_a_short_secret_warns_of_nothing() -> None:
    token = tokens(SHORT).sign("r", "i")
    assert verifier(SHORT).verify(token).identity == "i"


def test_a_token_is_good_until_its_end_and_as_much_longer_as_clocks_differ() -> None:
    token = tokens(ttl=60, now=1_000.9).sign("r", "i")
    assert verifier(now=1_059 + LEEWAY).verify(token).expires == 1_060
    assert verifier(now=1_000 - LEEWAY).verify(token)
    with pytest.raises(Unauthorized, match="expired"):
        verifier(now=1_060 + LEEWAY).verify(token)
    with pytest.raises(Unauthorized, match="not valid yet"):
        verifier(now=999 - LEEWAY).verify(token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "a.b.c",
        "x" * 20_000,
        signed({}, "another secret of the same length as the right one"),
        signed({"iss": "nobody"}),
        signed({"iss": None}),
        signed({"iss": 5}),
        signed({"exp": None}),
        signed({"exp": "soon"}),
        signed({"nbf": float("inf")}),
        signed({"video": "all"}),
        signed({"video": {"room": 1}}),
        signed({"video": {"canPublishSources": [1]}}),
        signed({"sub": 1}),
        signed({"attributes": ["a"]}),
        signed({"attributes": {"a": 1}}),
        signed({"kind": ["agent"]}),
        signed({}, LONG * 2, algorithm="HS512"),
        signed({}, "", algorithm=None),
        jwt.PyJWS().encode(b"[1]", LONG),
    ],
)
def test_what_is_no_valid_token_lets_nobody_in(token: str) -> None:
    with pytest.raises(Unauthorized):
        verifier().verify(token)


def test_a_key_without_a_secret_signs_nothing_valid() -> None:
    forged = jwt.PyJWS().encode(b'{"iss": "key", "exp": 2000}', "", algorithm=None)
    with pytest.raises(Unauthorized, match="API key"):
        TokenVerifier({"key": ""}, now=lambda: 1_000.0).verify(forged)


@pytest.mark.parametrize(
    ("pair", "room", "identity"),
    [
        (("", ""), "r", "i"),
        (("key", ""), "r", "i"),
        (("key", "s"), "", "i"),
        (("key", "s"), "r", ""),
    ],
)
def test_a_token_needs_a_key_pair_a_room_and_an_identity(
    pair: tuple[str, str], room: str, identity: str
) -> None:
    with pytest.raises(RoomsFailed):
        LiveKitTokens(*pair, 60).sign(room, identity)


def test_claims_that_are_no_json_are_not_signed() -> None:
    with pytest.raises(RoomsFailed):
        tokens().sign_claims({"video": object()})

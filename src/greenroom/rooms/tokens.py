"""Names of LiveKit rooms, and the access tokens that open them: signed and checked here.

A token is a JWT (RFC 7519), signed with HS256 by the secret of the API key that `iss` names. What
it allows stands in `video`, in camel case.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, cast, get_args

import jwt
import orjson
from jwt.algorithms import HMACAlgorithm

from greenroom.errors import Unauthorized
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.errors import RoomsFailed
from greenroom.rooms.ports import ParticipantKind, TrackOrigin

LEEWAY = 60.0
"""Seconds by which clocks may differ, as LiveKit allows."""

MAX_TOKEN = 16_384
"""Characters of a token; metadata and attributes travel in it."""

_ALGORITHM = "HS256"
_KINDS = frozenset(get_args(ParticipantKind))
_ORIGINS = frozenset(get_args(TrackOrigin))

_FLAGS = {
    "roomJoin": "room_join",
    "roomCreate": "room_create",
    "roomList": "room_list",
    "roomAdmin": "room_admin",
    "roomRecord": "room_record",
    "canUpdateOwnMetadata": "can_update_own_metadata",
    "canSubscribeMetrics": "can_subscribe_metrics",
    "hidden": "hidden",
    "recorder": "recorder",
    "agent": "agent",
}
"""What a token has to say to allow it: the claim, and the name of it in Grants."""

_ALLOWED = {
    "canPublish": "can_publish",
    "canSubscribe": "can_subscribe",
    "canPublishData": "can_publish_data",
}
"""What a token has to say to refuse it."""


def room_name(session_id: str) -> str:
    """The room of a session."""
    return f"session_{session_id}"


class LiveKitTokens:
    """Access tokens for rooms, signed with the configured key pair. `ttl` is in seconds."""

    def __init__(
        self, key: str, secret: str, ttl: float, *, now: Callable[[], float] = time.time
    ) -> None:
        self._key = key
        self._secret = secret
        self._ttl = int(ttl)
        self._now = now

    def sign(
        self,
        room: str,
        identity: str,
        *,
        name: str = "",
        kind: ParticipantKind = "standard",
        metadata: str = "",
        attributes: Mapping[str, str] | None = None,
        hidden: bool = False,
    ) -> str:
        """A token with which `identity` may join `room`. Raises RoomsFailed."""
        if not room or not identity:
            raise RoomsFailed("a token needs a room and an identity", retryable=False)
        agent = kind == "agent"
        return self.sign_grants(
            Grants(
                identity=identity,
                name=name,
                kind=kind,
                metadata=metadata,
                attributes=attributes or {},
                room=room,
                room_join=True,
                hidden=hidden,
                agent=agent,
                # An agent tells its state by its attributes.
                can_update_own_metadata=agent,
            )
        )

    def sign_grants(self, grants: Grants) -> str:
        """A token that allows just this, from now until its time is over. Raises RoomsFailed."""
        video: dict[str, Any] = {
            claim: True for claim, name in _FLAGS.items() if getattr(grants, name)
        }
        # What is not refused is allowed here, so both are said.
        video |= {claim: getattr(grants, name) for claim, name in _ALLOWED.items()}
        if grants.room:
            video["room"] = grants.room
        if grants.can_publish_sources is not None:
            video["canPublishSources"] = sorted(grants.can_publish_sources)
            video["canPublish"] = grants.can_publish and bool(grants.can_publish_sources)
        claims: dict[str, Any] = {"sub": grants.identity, "name": grants.name, "video": video}
        if grants.kind != "standard":
            claims["kind"] = grants.kind
        if grants.metadata:
            claims["metadata"] = grants.metadata
        if grants.attributes:
            claims["attributes"] = dict(grants.attributes)
        return self.sign_claims(claims)

    def sign_claims(self, claims: Mapping[str, Any]) -> str:
        """A token that says just `claims`, and until when. Raises RoomsFailed."""
        if not self._key or not self._secret:
            raise RoomsFailed("api_key and api_secret must be set")
        issued = int(self._now())
        times = {"iss": self._key, "nbf": issued, "exp": issued + self._ttl}
        try:
            return _JWS.encode(orjson.dumps({**claims, **times}), self._secret, _ALGORITHM)
        except (TypeError, ValueError, jwt.PyJWTError) as error:
            raise RoomsFailed(str(error)) from error


class TokenVerifier:
    """Checks tokens against the key pairs that count: `pairs` gives each API key's secret."""

    def __init__(self, pairs: Mapping[str, str], *, now: Callable[[], float] = time.time) -> None:
        self._pairs = {key: secret for key, secret in pairs.items() if key and secret}
        self._now = now

    def verify(self, token: str) -> Grants:
        """What a token lets its bearer do. Raises Unauthorized, as `claims`."""
        try:
            return _grants(self.claims(token))
        except (AttributeError, TypeError):
            raise Unauthorized("invalid token: its claims can't be read") from None

    def claims(self, token: str) -> dict[str, Any]:
        """What a token says. Raises Unauthorized, with words that may be shown to who sent it."""
        if len(token) > MAX_TOKEN:
            raise Unauthorized("invalid token: it is too long")
        secret = self._pairs.get(_issuer(token))
        if secret is None:
            raise Unauthorized("invalid API key")
        try:
            claims = orjson.loads(_JWS.decode(token, secret, [_ALGORITHM]))
        except (ValueError, jwt.PyJWTError):
            raise Unauthorized("invalid token") from None
        self._check_times(claims)
        found: dict[str, Any] = claims
        return found

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._now()
        expires, begins = _seconds(claims.get("exp")), _seconds(claims.get("nbf", 0))
        if expires <= now - LEEWAY:
            raise Unauthorized("invalid token: token is expired")
        if begins > now + LEEWAY:
            raise Unauthorized("invalid token: token is not valid yet")


def _issuer(token: str) -> str:
    """The API key that a token names, unverified; only good for finding the secret."""
    try:
        claims = orjson.loads(_JWS.decode(token, options={"verify_signature": False}))
    except (ValueError, jwt.PyJWTError):
        raise Unauthorized("invalid token") from None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    if not isinstance(issuer, str):
        raise Unauthorized("invalid token: it names no API key")
    return issuer


def _seconds(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise Unauthorized("invalid token: it has no time of validity")
    return value


def _grants(claims: Mapping[str, Any]) -> Grants:
    """Raises AttributeError or TypeError for claims that are not of their type."""
    video = claims.get("video") or {}
    sources = video.get("canPublishSources") or None
    kind = claims.get("kind") or "standard"
    attributes = claims.get("attributes") or {}

    return Grants(
        identity=_text(claims.get("sub")),
        name=_text(claims.get("name")),
        kind=cast("ParticipantKind", kind) if kind in _KINDS else "standard",
        metadata=_text(claims.get("metadata")),
        attributes={_text(name): _text(value) for name, value in attributes.items()},
        room=_text(video.get("room")),
        can_publish_sources=None
        if sources is None
        else cast("frozenset[TrackOrigin]", frozenset(map(_text, sources)) & _ORIGINS),
        expires=claims["exp"],
        **{name: video.get(claim) is True for claim, name in _FLAGS.items()},
        **{name: video.get(claim) in {None, True} for claim, name in _ALLOWED.items()},
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError
    return value


class _AnyLength(HMACAlgorithm):
    """Without a warning at each use of a short secret: LiveKit's own is refused beyond loopback."""

    def check_key_length(self, key: bytes) -> str | None:  # noqa: ARG002 - PyJWT's signature
        return None


def _jws() -> jwt.PyJWS:
    jws = jwt.PyJWS(algorithms=[_ALGORITHM])
    jws.unregister_algorithm(_ALGORITHM)
    jws.register_algorithm(_ALGORITHM, _AnyLength(HMACAlgorithm.SHA256))
    return jws


_JWS = _jws()

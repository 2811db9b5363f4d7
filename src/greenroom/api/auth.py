"""Who asks: API keys that speak for a tenant, and session tokens that speak for one session."""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import jwt
import orjson

from greenroom.api.http import HttpRequest
from greenroom.errors import Forbidden, Unauthorized

DEFAULT_TENANT = "default"
"""Whom the keys of the settings speak for."""

_ISSUER = "greenroom"
_AUDIENCE = "greenroom-session"
_ALGORITHM = "HS256"
_MAX_TOKEN = 4_096


class KeyStore(Protocol):
    """Keys that are kept in the database."""

    async def verify(self, key: str) -> str | None:
        """The tenant that `key` speaks for; None if it is not valid."""
        ...


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `identity` names them in rate limits and holds no secret."""

    tenant: str
    identity: str
    session_id: str | None = None
    """Set for a session token, which speaks for this session only."""

    def require_session(self, session_id: str) -> None:
        """Raise Forbidden for a session token of another session."""
        if self.session_id is not None and self.session_id != session_id:
            raise Forbidden("the token belongs to another session")

    def require_api_key(self) -> None:
        """Raise Forbidden for a session token."""
        if self.session_id is not None:
            raise Forbidden("a session token is for its own session; use an API key")


class SessionTokens:
    """Signs and checks session tokens: JWTs that name a session and its tenant.

    `ttl` is in seconds; `now` gives seconds since 1970. Tokens of one `audience` are no good where
    another is asked for.
    """

    def __init__(
        self,
        secret: str,
        ttl: float,
        *,
        audience: str = _AUDIENCE,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._secret = secret
        self._key = secret.encode()
        self._ttl = ttl
        self._audience = audience
        self._now = now

    def sign(self, session_id: str, tenant: str) -> tuple[str, datetime]:
        """A token, and when it expires (aware UTC, whole seconds)."""
        issued = int(self._now())
        expires = issued + int(self._ttl)
        claims = {
            "sub": session_id,
            "tenant": tenant,
            "iss": _ISSUER,
            "aud": self._audience,
            "iat": issued,
            "exp": expires,
        }
        # As `jwt.encode` writes it, without its examination of the key for each token: that takes
        # longer than the signing.
        signed = _HEADER + b"." + _base64url(orjson.dumps(claims))
        signature = hmac.digest(self._key, signed, "sha256")
        token = (signed + b"." + _base64url(signature)).decode()
        return token, datetime.fromtimestamp(expires, UTC)

    def verify(self, token: str) -> Principal:
        """Whom a token speaks for. Raises Unauthorized."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=_ISSUER,
                # The time is checked here, by this object's own clock.
                options={"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False},
            )
            session_id, tenant = str(claims["sub"]), str(claims["tenant"])
            expires = int(claims["exp"])
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            raise Unauthorized("the token is not valid") from None
        if expires <= self._now():
            raise Unauthorized("the token has expired")
        return Principal(tenant, f"session:{session_id}", session_id)


class Authenticator:
    """Tells who asks from the token they show. `api_keys` are those that settings give."""

    def __init__(self, api_keys: Sequence[str], keys: KeyStore, tokens: SessionTokens) -> None:
        self.tokens = tokens
        self._keys = keys
        self._given = [
            (key.encode(), Principal(DEFAULT_TENANT, f"key:{_fingerprint(key)}"))
            for key in api_keys
        ]

    async def authenticate(self, token: str | None) -> Principal:
        """Raises Unauthorized for a token that is missing or not valid."""
        if not token:
            raise Unauthorized("send `Authorization: Bearer <token>`")
        if len(token) > _MAX_TOKEN:
            raise Unauthorized("the token is not valid")
        shown = token.encode(errors="surrogateescape")
        found = None
        for key, principal in self._given:
            if hmac.compare_digest(key, shown):
                found = principal
        if found is not None:
            return found
        if token.count(".") == 2:
            return self.tokens.verify(token)
        tenant = await self._keys.verify(token)
        if tenant is None:
            raise Unauthorized("the token is not valid")
        return Principal(tenant, f"key:{_fingerprint(token)}")


def bearer_token(request: HttpRequest) -> str | None:
    """The token of the Authorization header; None where there is none, or of another scheme."""
    value = request.header(b"authorization")
    if value is None:
        return None
    scheme, _, token = value.strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def api_key_or_token(request: HttpRequest) -> str | None:
    """The token of the Authorization header, else what `x-api-key` holds."""
    return bearer_token(request) or request.header(b"x-api-key") or None


def handshake_token(request: HttpRequest) -> str | None:
    """The token of a WebSocket's handshake: the header's, else `token` in the query."""
    return bearer_token(request) or request.query("token")


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


_HEADER = _base64url(orjson.dumps({"alg": _ALGORITHM, "typ": "JWT"}))


def _fingerprint(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:16]

"""Who has sent a webhook, and all of it: two signatures, either of which is enough.

LiveKit sends `Authorization: <JWT>`, a token of the API key whose `sha256` claim is the base64 of
the body's SHA-256 (so does `greenroom.rooms.webhooks`). The contract's `X-LiveKit-Signature` is the
hex of the body's HMAC-SHA256 by the API secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

from greenroom.api.http import HttpRequest
from greenroom.api.orchestrator.errors import InvalidSignature
from greenroom.errors import Unauthorized
from greenroom.rooms.tokens import TokenVerifier

_PREFIX = "sha256="
"""That many senders put before the hex digits."""


class WebhookSignatures:
    """Checks webhooks against the key pairs that count: `pairs` gives each API key's secret."""

    def __init__(self, pairs: Mapping[str, str], *, now: Callable[[], float] = time.time) -> None:
        self._tokens = TokenVerifier(pairs, now=now)
        # A key without a secret would let anybody sign.
        self._secrets = [secret.encode() for key, secret in pairs.items() if key and secret]

    def check(self, request: HttpRequest, body: bytes) -> None:
        """Raise InvalidSignature unless `body` is signed, by a token that has not expired."""
        token, code = request.header(b"authorization"), request.header(b"x-livekit-signature")
        if token is not None and self._is_of_token(token, body):
            return
        if code is not None and self._is_of_secret(code, body):
            return
        raise InvalidSignature

    def _is_of_token(self, shown: str, body: bytes) -> bool:
        scheme, _, rest = shown.strip().partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" else scheme
        try:
            claimed = self._tokens.claims(token).get("sha256")
        except Unauthorized:
            return False
        digest = base64.b64encode(hashlib.sha256(body).digest())
        return isinstance(claimed, str) and hmac.compare_digest(claimed.encode(), digest)

    def _is_of_secret(self, shown: str, body: bytes) -> bool:
        code = shown.strip().lower().removeprefix(_PREFIX).encode()
        matches = [
            hmac.compare_digest(code, hmac.digest(secret, body, "sha256").hex().encode())
            for secret in self._secrets
        ]
        return any(matches)

"""Names of LiveKit rooms and the tokens that open them."""

from __future__ import annotations

import asyncio
import importlib
import warnings
from datetime import timedelta
from typing import Any

import jwt

from greenroom.errors import ProviderFailed

_SHORT_SECRET = 32


class LiveKitFailed(ProviderFailed):
    """LiveKit, or the making of a token for it, failed."""

    def __init__(self, why: str) -> None:
        super().__init__("livekit", why)


def room_name(session_id: str) -> str:
    """The room of a session."""
    return f"session_{session_id}"


class LiveKitTokens:
    """Access tokens for rooms, signed with the configured key pair. `ttl` is in seconds."""

    def __init__(self, key: str, secret: str, ttl: float) -> None:
        self._key = key
        self._secret = secret
        self._ttl = timedelta(seconds=int(ttl))
        self._api: Any = None

    async def sign(self, room: str, identity: str) -> str:
        """A token with which `identity` may join `room`. Raises LiveKitFailed."""
        # The package takes some 200 ms to import: not at start, and not on the event loop.
        api = self._api
        if api is None:
            api = self._api = await asyncio.to_thread(importlib.import_module, "livekit.api")
        try:
            token = (
                api.AccessToken(self._key, self._secret)
                .with_identity(identity)
                .with_ttl(self._ttl)
                .with_grants(api.VideoGrants(room_join=True, room=room))
            )
            return self._encode(token)
        except (ValueError, jwt.PyJWTError) as error:
            raise LiveKitFailed(str(error)) from error

    def _encode(self, token: Any) -> str:
        encoded: str
        if len(self._secret) >= _SHORT_SECRET:
            encoded = token.to_jwt()
            return encoded
        with warnings.catch_warnings():
            # LiveKit's own development secret is short; it is refused beyond loopback.
            warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
            encoded = token.to_jwt()
        return encoded

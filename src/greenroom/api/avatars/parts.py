"""What the avatar APIs are made of; the composition root fills it in."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.sessions.service import SessionService
from greenroom.settings import AvatarSettings, Settings
from greenroom.stage.ports import AvatarSessions

ONE_STEP = "agora_avatar"
TWO_STEP = "anam"
"""The names by which sessions of the two APIs are known."""

_AUDIENCE = "greenroom-avatar"
"""Tokens of other APIs' sessions say nothing here, nor these there."""

TOKEN_SLACK = 3_600.0
"""Seconds for which a token is good beyond the longest life of its session."""


@dataclass(frozen=True, slots=True)
class AvatarParts:
    """Everything that these APIs stand on. They close none of it.

    `authenticator` knows API keys; `tokens` signs what speaks for one session. `public_url` is
    what WebSocket clients are told to connect to, without a path: `wss://avatars.example.com`.
    """

    settings: Settings
    sessions: SessionService
    avatars: AvatarSessions
    authenticator: Authenticator
    tokens: SessionTokens
    public_url: str


def avatar_tokens(secret: str, settings: AvatarSettings) -> SessionTokens:
    """Tokens that outlive their sessions: whether the session lives is what decides."""
    ttl = settings.init_timeout + settings.max_duration + TOKEN_SLACK
    return SessionTokens(secret, ttl, audience=_AUDIENCE)

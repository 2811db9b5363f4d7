"""What the voice commerce API is made of; the composition root fills it in."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.api.auth import Authenticator
from greenroom.api.limits import RateLimits
from greenroom.commerce.ports import Catalogue
from greenroom.commerce.toolbox import Toolbox
from greenroom.conversation.ports import Conversations
from greenroom.rooms.ports import Rooms
from greenroom.rooms.tokens import LiveKitTokens
from greenroom.sessions.service import SessionService
from greenroom.settings import Settings

API = "commerce"
"""The name by which sessions of this API are known."""


@dataclass(frozen=True, slots=True)
class CommerceParts:
    """Everything that this API stands on. The API closes none of it."""

    settings: Settings
    sessions: SessionService
    catalogue: Catalogue
    toolbox: Toolbox
    conversations: Conversations
    authenticator: Authenticator
    limits: RateLimits
    livekit: LiveKitTokens
    rooms: Rooms | None = None
    """Where a session's client may talk by WebRTC; None: nowhere."""

"""What the voice commerce API is made of; the composition root fills it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from greenroom.api.auth import Authenticator
from greenroom.api.limits import RateLimits
from greenroom.audio.pcm import Pcm
from greenroom.commerce.ports import Catalogue
from greenroom.commerce.toolbox import Toolbox
from greenroom.conversation.ports import AudioOutput, Listener
from greenroom.rooms.ports import Rooms
from greenroom.rooms.tokens import LiveKitTokens
from greenroom.sessions.model import Record, Session
from greenroom.sessions.service import SessionService
from greenroom.settings import Settings

API = "commerce"
"""The name by which sessions of this API are known."""


class Conversation(Protocol):
    """The part of a conversation that a socket drives."""

    async def start(self) -> None:
        """Greet, where that is wanted."""
        ...

    def hear(self, pcm: Pcm) -> None:
        """Take the next samples of the user's microphone, 16 kHz."""
        ...

    def heard(self) -> str:
        """The words of the current reply that the user has heard by now."""
        ...

    def interrupt(self) -> None:
        """Cut the reply that is spoken."""
        ...

    async def close(self) -> None:
        """End; what was being said is recorded. Harmless twice."""
        ...


class Conversations(Protocol):
    """Opens conversations."""

    @property
    def voice_rate(self) -> int:
        """Hz of the agents' voice."""
        ...

    def open(
        self,
        session: Session,
        *,
        output: AudioOutput,
        listener: Listener,
        records: Sequence[Record],
    ) -> Conversation:
        """A conversation for `session`, taken up where `records` left it. Close it when done."""
        ...


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

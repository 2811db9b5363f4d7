"""A client's signalling connection as the room server hands it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livekit.protocol import rtc

if TYPE_CHECKING:
    from greenroom.rooms.embedded.client import ClientParticipant


class Session:
    """A client's signalling connection as it sees the room; dead once another took its place."""

    def __init__(self, client: ClientParticipant | None) -> None:
        self._client = client
        self._sid = client.sid if client is not None else ""

    @property
    def participant_sid(self) -> str:
        """See SignalSession."""
        return self._sid

    def receive(self, request: rtc.SignalRequest) -> None:
        """See SignalSession."""
        if self._client is not None:
            self._client.requests.receive(request)

    def lost(self) -> None:
        """See SignalSession."""
        client, self._client = self._client, None
        if client is not None:
            client.signal_lost()

    def end(self) -> None:
        """Nothing that comes from now on counts."""
        self._client = None

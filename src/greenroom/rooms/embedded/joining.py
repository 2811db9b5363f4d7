"""How a client's signalling connection and the room server meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from livekit.protocol import models, rtc


@dataclass(frozen=True, slots=True)
class JoinParameters:
    """What a client asks for when it connects: `JoinRequest` on `/rtc/v1`, the query on `/rtc`.

    `single_pc`: one peer connection for both directions, all offers by the client (`/rtc/v1`).
    `publisher_offer` and `add_tracks` come with the join where the client sends them. `attributes`
    and `metadata` count only where the token lets the bearer change its own. `reconnect` asks for
    the place of `participant_sid` (`sid` in the query) in the state in which it was left.
    """

    single_pc: bool = True
    auto_subscribe: bool = True
    adaptive_stream: bool = False
    protocol: int = 0
    client_info: models.ClientInfo = field(default_factory=models.ClientInfo)
    publisher_offer: rtc.SessionDescription | None = None
    add_tracks: Sequence[rtc.AddTrackRequest] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    metadata: str = ""
    reconnect: bool = False
    participant_sid: str = ""
    sync_state: rtc.SyncState | None = None


class SignalChannel(Protocol):
    """The way to a client: a WebSocket. Both calls are plain and quick and must not raise."""

    def send(self, message: rtc.SignalResponse) -> None:
        """Send in order; the message is read (serialised) before this returns, and bounded.

        A client that does not read is the channel's to close; then it reports `lost`.
        """
        ...

    def close(self, reason: str) -> None:
        """Send what is queued, then close. Nothing is sent afterwards. Harmless twice."""
        ...


class SignalSession(Protocol):
    """A client's end of the room server, as its signalling connection sees it."""

    @property
    def participant_sid(self) -> str:
        """`PA_...`; empty where the join was refused by a message on the channel."""
        ...

    def receive(self, request: rtc.SignalRequest) -> None:
        """Take the client's next message. Never raises because of what is in it."""
        ...

    def lost(self) -> None:
        """The connection is gone without a goodbye: the place is kept for `reconnect_timeout`.

        Harmless twice, and when the session has ended.
        """
        ...

"""How much of this API there may be at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class McpLimits:
    """Bounds of one process. Times are in seconds."""

    clients: int = 500
    """Sessions of the protocol's handshake versions; its later versions keep none."""
    idle: float = 1_800.0
    """Such a session ends when nothing was asked, and nothing listened to, for so long."""
    waits: int = 200
    """Calls of `wait_for_session`."""
    subscriptions: int = 1_000
    """Transcripts that are watched, of all clients together."""
    look_interval: float = 0.25
    """Between two looks at a transcript that grows: words come faster than agents read."""
    stream_grace: float = 60.0
    """A client with no stream open for so long is told nothing more of what it subscribed to."""

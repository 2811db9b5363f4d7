"""Webhook events, as a LiveKit server sends them."""

from __future__ import annotations

from livekit.protocol import models
from livekit.protocol.webhook import WebhookEvent

from greenroom.rooms.embedded import wire_info


def event(
    name: str,
    now: float,
    room: models.Room,
    *,
    participant: models.ParticipantInfo | None = None,
    track: models.TrackInfo | None = None,
    room_end_reason: models.RoomEndReason = models.RoomEndReason.ROOM_END_UNKNOWN,
) -> WebhookEvent:
    """An event such as `room_started`; `now` is the wall clock in seconds."""
    return WebhookEvent(
        event=name,
        id=wire_info.new_id("EV_"),
        created_at=int(now),
        room=room,
        participant=participant,
        track=track,
        room_end_reason=room_end_reason,
    )

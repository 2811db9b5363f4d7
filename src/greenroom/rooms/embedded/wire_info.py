"""What the room server says about itself and others, in LiveKit's messages."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable, Mapping

from livekit.protocol import models, rtc

from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.ports import ParticipantKind, TrackOrigin
from greenroom.rooms.rtc.ice_servers import IceServer
from greenroom.rooms.rtc.media import Codec

PING_INTERVAL = 5
"""Seconds between a client's pings; 0 stops the native clients."""

PING_TIMEOUT = 15
"""Seconds without an answer after which a client reconnects."""

_ALPHABET = string.ascii_letters + string.digits

SERVER_INFO = models.ServerInfo(
    edition=models.ServerInfo.Edition.Standard,
    version="1.9.12",
    protocol=16,
    node_id="ND_greenroom",
)
"""A release of LiveKit that knows the single peer connection, and its protocol."""

_KINDS: Mapping[ParticipantKind, models.ParticipantInfo.Kind] = {
    "standard": models.ParticipantInfo.Kind.STANDARD,
    "agent": models.ParticipantInfo.Kind.AGENT,
    "ingress": models.ParticipantInfo.Kind.INGRESS,
    "egress": models.ParticipantInfo.Kind.EGRESS,
    "sip": models.ParticipantInfo.Kind.SIP,
}

_ORIGINS: Mapping[models.TrackSource, TrackOrigin] = {
    models.TrackSource.UNKNOWN: "unknown",
    models.TrackSource.CAMERA: "camera",
    models.TrackSource.MICROPHONE: "microphone",
    models.TrackSource.SCREEN_SHARE: "screen_share",
    models.TrackSource.SCREEN_SHARE_AUDIO: "screen_share_audio",
}
_SOURCES = {name: number for number, name in _ORIGINS.items()}

_MIME_TYPES = {
    "opus": "audio/opus",
    "vp8": "video/VP8",
    "vp9": "video/VP9",
    "h264": "video/H264",
    "av1": "video/AV1",
}


def new_id(prefix: str) -> str:
    """An id such as `PA_` and twelve random letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(12))


def codecs() -> list[models.Codec]:
    """What clients may publish."""
    return [models.Codec(mime=mime) for mime in (*_MIME_TYPES.values(), "audio/red")]


def mime_type(codec: Codec) -> str:
    """Such as `audio/opus` or `video/VP8`."""
    return _MIME_TYPES.get(codec.name, f"{codec.kind}/{codec.name}")


def kind(value: ParticipantKind) -> models.ParticipantInfo.Kind:
    """As LiveKit numbers it."""
    return _KINDS[value]


def origin(source: models.TrackSource) -> TrackOrigin:
    """Of LiveKit's number; what is not known is `unknown`."""
    return _ORIGINS.get(source, "unknown")


def permission(grants: Grants) -> models.ParticipantPermission:
    """What a participant may do, as clients are told."""
    sources = grants.can_publish_sources
    return models.ParticipantPermission(
        can_subscribe=grants.can_subscribe,
        can_publish=grants.can_publish,
        can_publish_data=grants.can_publish_data,
        can_publish_sources=[_SOURCES[name] for name in sorted(sources or ())],
        can_update_metadata=grants.can_update_own_metadata,
        can_subscribe_metrics=grants.can_subscribe_metrics,
        hidden=grants.hidden,
        recorder=grants.recorder,
        agent=grants.is_agent,
    )


def ice_servers(servers: Iterable[IceServer]) -> list[rtc.ICEServer]:
    """As a JoinResponse lists them."""
    return [
        rtc.ICEServer(urls=server.urls, username=server.username, credential=server.credential)
        for server in servers
    ]


def leave(
    reason: models.DisconnectReason,
    action: rtc.LeaveRequest.Action = rtc.LeaveRequest.Action.DISCONNECT,
) -> rtc.SignalResponse:
    """Send a client away. RECONNECT lets it come back by itself, with a new place."""
    return rtc.SignalResponse(
        leave=rtc.LeaveRequest(
            reason=reason,
            action=action,
            can_reconnect=action != rtc.LeaveRequest.Action.DISCONNECT,
        )
    )


def reason_name(reason: models.DisconnectReason) -> str:
    """In lower case: `room_deleted`."""
    return models.DisconnectReason.Name(reason).lower()

"""LiveKit's messages about people and tracks, as an agent is told of them."""

from __future__ import annotations

from collections.abc import Mapping

from livekit.protocol import models

from greenroom.rooms.embedded.wire_info import origin
from greenroom.rooms.ports import (
    Participant,
    ParticipantKind,
    Segment,
    TrackKind,
    TrackOrigin,
    TrackStarted,
)

_KINDS: Mapping[int, ParticipantKind] = {
    models.ParticipantInfo.Kind.INGRESS: "ingress",
    models.ParticipantInfo.Kind.EGRESS: "egress",
    models.ParticipantInfo.Kind.SIP: "sip",
    models.ParticipantInfo.Kind.AGENT: "agent",
}
SOURCES: Mapping[TrackOrigin, models.TrackSource] = {
    "unknown": models.TrackSource.UNKNOWN,
    "camera": models.TrackSource.CAMERA,
    "microphone": models.TrackSource.MICROPHONE,
    "screen_share": models.TrackSource.SCREEN_SHARE,
    "screen_share_audio": models.TrackSource.SCREEN_SHARE_AUDIO,
}


def participant_of(info: models.ParticipantInfo) -> Participant:
    """Who it is. Kinds that are none of LiveKit's rooms (a connector's) are people."""
    return Participant(
        identity=info.identity,
        sid=info.sid,
        name=info.name,
        kind=_KINDS.get(info.kind, "standard"),
        metadata=info.metadata,
        attributes=dict(info.attributes),
        hidden=info.permission.hidden,
    )


def track_kind(track: models.TrackInfo) -> TrackKind | None:
    """Sound or picture; None: neither."""
    if track.type == models.TrackType.AUDIO:
        return "audio"
    return "video" if track.type == models.TrackType.VIDEO else None


def started(info: models.ParticipantInfo, track: models.TrackInfo) -> TrackStarted | None:
    """The event of its start; None where it is neither sound nor picture."""
    kind = track_kind(track)
    if kind is None:
        return None
    person = participant_of(info)
    return TrackStarted(person, track.sid, kind, origin(track.source), track.muted)


def is_microphone(track: models.TrackInfo) -> bool:
    """Whether it is somebody's voice, rather than the sound of a shared screen."""
    return track_kind(track) == "audio" and origin(track.source) in {"microphone", "unknown"}


def segment_message(segment: Segment) -> models.TranscriptionSegment:
    """A piece of a transcript, as packets have it."""
    return models.TranscriptionSegment(
        id=segment.id, text=segment.text, final=segment.final, language=segment.language
    )

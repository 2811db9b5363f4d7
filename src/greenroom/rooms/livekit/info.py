"""The SDK's people and tracks, as an agent is told of them."""

from __future__ import annotations

from collections.abc import Mapping

from livekit import rtc
from livekit.rtc import DisconnectReason, ParticipantKind

from greenroom.rooms import ports
from greenroom.rooms.ports import TrackKind, TrackOrigin, TrackStarted

_KINDS: Mapping[int, ports.ParticipantKind] = {
    ParticipantKind.PARTICIPANT_KIND_INGRESS: "ingress",
    ParticipantKind.PARTICIPANT_KIND_EGRESS: "egress",
    ParticipantKind.PARTICIPANT_KIND_SIP: "sip",
    ParticipantKind.PARTICIPANT_KIND_AGENT: "agent",
}
_ORIGINS: Mapping[int, TrackOrigin] = {
    rtc.TrackSource.SOURCE_CAMERA: "camera",
    rtc.TrackSource.SOURCE_MICROPHONE: "microphone",
    rtc.TrackSource.SOURCE_SCREENSHARE: "screen_share",
    rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO: "screen_share_audio",
}
SOURCES: Mapping[TrackOrigin, rtc.TrackSource.ValueType] = {
    "unknown": rtc.TrackSource.SOURCE_UNKNOWN,
    "camera": rtc.TrackSource.SOURCE_CAMERA,
    "microphone": rtc.TrackSource.SOURCE_MICROPHONE,
    "screen_share": rtc.TrackSource.SOURCE_SCREENSHARE,
    "screen_share_audio": rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO,
}


def participant_of(participant: rtc.Participant) -> ports.Participant:
    """Who it is. Kinds that are none of LiveKit's rooms (a connector's) are people."""
    return ports.Participant(
        identity=participant.identity,
        sid=participant.sid,
        name=participant.name,
        kind=_KINDS.get(participant.kind, "standard"),
        metadata=participant.metadata,
        attributes=dict(participant.attributes),
        hidden=participant.permissions.hidden,
    )


def started(participant: rtc.Participant, publication: rtc.TrackPublication) -> TrackStarted:
    """The event of a track's start."""
    kind: TrackKind = "audio" if publication.kind == rtc.TrackKind.KIND_AUDIO else "video"
    origin = _ORIGINS.get(publication.source, "unknown")
    person = participant_of(participant)
    return TrackStarted(person, publication.sid, kind, origin, publication.muted)


def is_voice_or_picture(track: TrackStarted) -> bool:
    """Whether it is to be heard or seen, rather than the sound of a shared screen."""
    return track.kind == "video" or track.origin in {"microphone", "unknown"}


def reason_name(reason: DisconnectReason.ValueType | None) -> str:
    """In lower case: `room_deleted`."""
    return DisconnectReason.Name(reason or DisconnectReason.UNKNOWN_REASON).lower()

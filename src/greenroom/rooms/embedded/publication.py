"""A track that somebody publishes, and who gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livekit.protocol import models, rtc

from greenroom.rooms.embedded import wire_info
from greenroom.rooms.embedded.limits import MAX_LAYERS
from greenroom.rooms.rtc.media import MediaSource

if TYPE_CHECKING:
    from greenroom.rooms.embedded.participant import Participant


class Publication:
    """A track in the room. `held`: an administrator muted it, so nothing is forwarded.

    `info` is what clients are told; it is changed in place and copied into every message. Of the
    `subscribers` the `receivers` are those whom it reaches: it was negotiated with them, and they
    are connected. `was_received`: a publisher that is told of its first receiver only was told.
    """

    __slots__ = (
        "held",
        "info",
        "publisher",
        "receivers",
        "source",
        "subscribers",
        "was_received",
    )

    def __init__(self, publisher: Participant, info: models.TrackInfo, source: MediaSource) -> None:
        self.publisher = publisher
        self.info = info
        self.source = source
        self.held = False
        self.subscribers: set[Participant] = set()
        self.receivers: set[Participant] = set()
        self.was_received = False

    @property
    def sid(self) -> str:
        """`TR_...`."""
        return self.info.sid

    @property
    def is_video(self) -> bool:
        """Whether it is a picture."""
        return self.info.type == models.TrackType.VIDEO

    @property
    def stream_id(self) -> str:
        """The media stream that receivers put it into: `PA_...|TR_...`, a stream of its own.

        An agent's tracks that name the same `stream` share one, so that receivers play them in
        step; with clients' tracks LiveKit does so only where a room is made for it, since sound
        then waits for pictures.
        """
        name = self.info.stream if self.publisher.plays_in_step else ""
        return f"{self.publisher.sid}|{name or self.sid}"

    def snapshot(self) -> models.TrackInfo:
        """What clients are told, as it is now."""
        copy = models.TrackInfo()
        copy.CopyFrom(self.info)
        return copy


class SubscriptionPermissions:
    """Whom a publisher lets subscribe to its tracks; all of them until it says otherwise."""

    __slots__ = ("_all", "_grants")

    def __init__(self) -> None:
        self._all = True
        self._grants: dict[str, frozenset[str] | None] = {}

    def set(self, request: rtc.SubscriptionPermission) -> None:
        """Replace what was said before. Who is named twice has what was said last."""
        self._all = request.all_participants
        self._grants = {}
        for permission in request.track_permissions:
            tracks = None if permission.all_tracks else frozenset(permission.track_sids)
            for name in (permission.participant_identity, permission.participant_sid):
                if name:
                    self._grants[name] = tracks

    def allow(self, subscriber: Participant, sid: str) -> bool:
        """Whether a participant may have a track."""
        if self._all:
            return True
        for name in (subscriber.identity, subscriber.sid):
            if name in self._grants:
                tracks = self._grants[name]
                return tracks is None or sid in tracks
        return False


def requested_track(request: rtc.AddTrackRequest) -> models.TrackInfo:
    """The track that a client announces, under an id of ours; what is too long is cut."""
    video = request.type == models.TrackType.VIDEO
    info = models.TrackInfo(
        sid=wire_info.new_id("TR_"),
        type=request.type,
        name=request.name[:256],
        muted=request.muted,
        width=request.width,
        height=request.height,
        disable_dtx=request.disable_dtx,
        source=request.source,
        layers=request.layers[:MAX_LAYERS],
        stereo=request.stereo,
        disable_red=request.disable_red,
        encryption=request.encryption,
        stream=request.stream[:256],
        audio_features=request.audio_features[:16],
        backup_codec_policy=request.backup_codec_policy,
    )
    info.simulcast = video and len(info.layers) > 1
    if video:
        for codec in request.simulcast_codecs[:1]:
            # one codec is forwarded; a client that offers a second as a fallback keeps the first
            name = codec.codec.lower()[:32].removeprefix("video/")
            info.mime_type = f"video/{name.upper() if name else 'VP8'}"
            info.codecs.add(
                mime_type=info.mime_type,
                cid=codec.cid[:256],
                layers=(codec.layers or request.layers)[:MAX_LAYERS],
            )
    return info

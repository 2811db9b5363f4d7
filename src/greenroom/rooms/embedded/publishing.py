"""From a client's announcement of a track (AddTrack) to the track itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from livekit.protocol import models, rtc

from greenroom.rooms.embedded import wire_info
from greenroom.rooms.embedded.publication import requested_track
from greenroom.rooms.rtc.ports import Receiver


@dataclass(slots=True)
class Announced:
    """A track that the client will send: its ids in the client's description, and what it is."""

    cids: frozenset[str]
    cid: str
    info: models.TrackInfo

    @property
    def kind(self) -> str:
        """As a receiver names it."""
        return "video" if self.info.type == models.TrackType.VIDEO else "audio"


class Announcements:
    """Matches what a client announces with what its descriptions contain.

    A track is known by its id in the description (`cid`). A client that rewrites ids is matched by
    the kind of track, in order, once its description is answered.
    """

    def __init__(self, publish: Callable[[models.TrackInfo, Receiver], None]) -> None:
        self._publish = publish
        self._announced: list[Announced] = []
        self._receivers: list[Receiver] = []

    def __len__(self) -> int:
        return len(self._announced)

    @property
    def waiting(self) -> list[Announced]:
        """What was announced and has not come, in order."""
        return self._announced

    def announce(self, request: rtc.AddTrackRequest) -> Announced:
        """Remember a track; `match` publishes it if it is there. Twice the same is once."""
        for announced in self._announced:
            if announced.cid == request.cid:
                return announced
        cids = {request.cid, *(codec.cid for codec in request.simulcast_codecs[:4])}
        announced = Announced(frozenset(cids - {""}), request.cid, requested_track(request))
        self._announced.append(announced)
        return announced

    def find(self, sid: str) -> Announced | None:
        """What was announced under this id."""
        return next((item for item in self._announced if item.info.sid == sid), None)

    def forget(self, announced: Announced) -> None:
        """It will not come."""
        self._announced.remove(announced)

    def add(self, receiver: Receiver) -> None:
        """The description has a track."""
        self._receivers.append(receiver)

    def remove(self, receiver: Receiver) -> None:
        """The description has it no more."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)

    def match(self, *, described: bool = False) -> None:
        """Publish what was announced and is there.

        `described`: a description was just taken, so that tracks of other ids may be meant. Else
        a track that was never announced could pass for one whose description is still to come.
        """
        for announced in list(self._announced):
            for receiver in self._receivers:
                if receiver.track_id in announced.cids and receiver.kind == announced.kind:
                    self._found(announced, receiver)
                    break
        for announced in list(self._announced) if described else ():
            for receiver in self._receivers:
                if receiver.kind == announced.kind:
                    self._found(announced, receiver)
                    break

    def _found(self, announced: Announced, receiver: Receiver) -> None:
        self._announced.remove(announced)
        self._receivers.remove(receiver)
        info = announced.info
        info.mid = receiver.mid
        info.mime_type = wire_info.mime_type(receiver.codec)
        for codec in info.codecs:
            codec.mid, codec.mime_type = info.mid, info.mime_type
        self._publish(info, receiver)

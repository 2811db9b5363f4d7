"""An agent's place in a room of the embedded server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from livekit.protocol import models

from greenroom.errors import GreenroomError, InvalidInput
from greenroom.providers.clock import Clock
from greenroom.rooms.embedded.agent_events import AgentEvents
from greenroom.rooms.embedded.agent_info import SOURCES, segment_message
from greenroom.rooms.embedded.agent_tracks import EmbeddedAudioTrack, EmbeddedVideoTrack
from greenroom.rooms.embedded.local import LocalListener, LocalParticipant
from greenroom.rooms.embedded.text_writer import EmbeddedTextWriter
from greenroom.rooms.errors import RoomIsClosed
from greenroom.rooms.ports import (
    MAX_DATA_BYTES,
    STREAM,
    Participant,
    PictureListener,
    RoomListener,
    RpcHandler,
    Segment,
    SoundListener,
    TrackOrigin,
)
from greenroom.rooms.rtc.agent_media.picture_source import PictureSource
from greenroom.rooms.rtc.media import Codec

_log = logging.getLogger(__name__)

Enter = Callable[[LocalListener], LocalParticipant]
"""Takes a place in a room, as `RoomServer.add_local` does."""


class EmbeddedRoom:
    """A `rooms.ports.Room`. `now` is the wall clock, in seconds since the epoch.

    Raises what `enter` raises. `listen` tells of people who are there and then of their tracks.
    """

    def __init__(self, enter: Enter, clock: Clock, now: Callable[[], float] = time.time) -> None:
        self._clock, self._now = clock, now
        self._tracks: dict[str, EmbeddedAudioTrack | EmbeddedVideoTrack] = {}
        self._over = ""
        self._events = AgentEvents(
            clock,
            self._post,
            on_received=self._on_received,
            on_own_mute=self._on_own_mute,
            on_closed=self._finish,
        )
        self._me = enter(self._events)

    @property
    def name(self) -> str:
        """As the port says."""
        return self._me.room_name

    @property
    def identity(self) -> str:
        """As the port says."""
        return self._me.identity

    def participants(self) -> Sequence[Participant]:
        """As the port says."""
        return self._events.participants()

    def listen(self, listener: RoomListener) -> None:
        """As the port says."""
        self._events.listen(listener)

    def hear(self, listener: SoundListener, *, rate: int) -> None:
        """As the port says."""
        self._events.senses.hear(listener, rate)

    def watch(self, listener: PictureListener) -> None:
        """As the port says."""
        self._events.senses.watch(listener)

    async def publish_audio(
        self, rate: int, *, name: str = "voice", origin: TrackOrigin = "microphone"
    ) -> EmbeddedAudioTrack:
        """As the port says. Raises RoomIsClosed, CapacityExceeded."""
        self._check()
        track = EmbeddedAudioTrack(
            rate,
            self._clock,
            room=self.name,
            round_trip=self._me.round_trip,
            fraction_lost=self._me.fraction_lost,
            is_received=self._me.is_received,
            on_muted=self._me.set_muted,
        )
        info = models.TrackInfo(
            type=models.TrackType.AUDIO, source=SOURCES[origin], name=name, stream=STREAM
        )
        self._publish(track, info)
        return track

    async def publish_video(
        self, codec: Codec, width: int, height: int, *, name: str = "video"
    ) -> EmbeddedVideoTrack:
        """As the port says. Raises RoomIsClosed, CapacityExceeded."""
        self._check()
        track = EmbeddedVideoTrack(PictureSource(codec, self._clock))
        info = models.TrackInfo(
            type=models.TrackType.VIDEO,
            source=SOURCES["camera"],
            name=name,
            width=width,
            height=height,
            stream=STREAM,
        )
        self._publish(track, info)
        return track

    async def unpublish(self, sid: str) -> None:
        """As the port says; harmless where it is gone."""
        track = self._tracks.pop(sid, None)
        if track is not None:
            self._me.unpublish(sid)
            track.end()

    async def send_data(
        self, payload: bytes, *, topic: str = "", reliable: bool = True, to: Sequence[str] = ()
    ) -> None:
        """As the port says."""
        self._check()
        if len(payload) > MAX_DATA_BYTES:
            raise InvalidInput("payload", "is too large", f"at most {MAX_DATA_BYTES} bytes")
        packet = models.DataPacket(
            destination_identities=to, user=models.UserPacket(payload=payload, topic=topic)
        )
        self._me.send(packet, reliable=reliable)

    async def send_text(
        self,
        text: str,
        *,
        topic: str,
        attributes: Mapping[str, str] | None = None,
        to: Sequence[str] = (),
        sender: str = "",
    ) -> None:
        """As the port says."""
        total = len(text.encode("utf-8", "replace"))
        writer = self._writer(topic, attributes, to, sender, total)
        await writer.write(text)
        await writer.close()

    async def open_text(
        self,
        *,
        topic: str,
        attributes: Mapping[str, str] | None = None,
        to: Sequence[str] = (),
        sender: str = "",
    ) -> EmbeddedTextWriter:
        """As the port says."""
        return self._writer(topic, attributes, to, sender)

    async def send_transcription(
        self, identity: str, track_sid: str, segments: Sequence[Segment]
    ) -> None:
        """As the port says."""
        self._check()
        transcription = models.Transcription(
            transcribed_participant_identity=identity,
            track_id=track_sid,
            segments=[segment_message(segment) for segment in segments],
        )
        self._me.send(models.DataPacket(transcription=transcription), reliable=True)

    async def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """As the port says. Raises InvalidInput where they are too large."""
        self._check()
        self._me.update(attributes=attributes)

    async def set_metadata(self, metadata: str) -> None:
        """As the port says. Raises InvalidInput where it is too large."""
        self._check()
        self._me.update(metadata=metadata)

    def handle_rpc(self, method: str, handler: RpcHandler) -> None:
        """As the port says; the last handler of a method counts."""
        self._events.rpc.handle(method, handler)

    async def call_rpc(
        self, identity: str, method: str, payload: str, *, timeout: float = 10.0
    ) -> str:
        """As the port says."""
        self._check()
        return await self._events.rpc.call(identity, method, payload, timeout)

    async def close(self) -> None:
        """As the port says; no RoomClosed follows."""
        self._events.close()
        self._finish("closed")
        self._me.close()
        await self._events.rpc.close()

    def _publish(
        self, track: EmbeddedAudioTrack | EmbeddedVideoTrack, info: models.TrackInfo
    ) -> None:
        try:
            sid = self._me.publish(track.source, info).sid
        except GreenroomError:
            track.end()
            raise
        track.begin(sid)
        self._tracks[sid] = track

    def _writer(
        self,
        topic: str,
        attributes: Mapping[str, str] | None,
        to: Sequence[str],
        sender: str,
        total: int | None = None,
    ) -> EmbeddedTextWriter:
        self._check()
        return EmbeddedTextWriter(
            self._send,
            topic=topic,
            timestamp=round(self._now() * 1000),
            attributes=attributes or {},
            to=to,
            sender=sender,
            total=total,
        )

    def _send(self, packet: models.DataPacket) -> None:
        self._check()
        self._me.send(packet, reliable=True)

    def _post(self, packet: models.DataPacket) -> None:
        # An answer to a call, or a call: there is nobody to tell that it could not be sent.
        try:
            self._me.send(packet, reliable=True)
        except GreenroomError as error:
            _log.info("room %s: a remote call's packet is lost: %s", self.name, error)

    def _on_received(self, sid: str) -> None:
        track = self._tracks.get(sid)
        if isinstance(track, EmbeddedAudioTrack):
            track.tell_received()

    def _on_own_mute(self, sid: str, muted: bool) -> None:
        track = self._tracks.get(sid)
        if track is not None:
            track.silence(muted)

    def _finish(self, reason: str) -> None:
        if self._over:
            return
        self._over = reason
        tracks, self._tracks = self._tracks, {}
        for track in tracks.values():
            track.end()

    def _check(self) -> None:
        if self._over:
            raise RoomIsClosed(self.name, self._over)

"""An agent's place in a room of a LiveKit server, by LiveKit's own SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from livekit import rtc
from livekit.rtc.participant import (
    PublishDataError,
    PublishTrackError,
    PublishTranscriptionError,
    UnpublishTrackError,
)

from greenroom.errors import InvalidInput
from greenroom.providers.clock import Clock
from greenroom.rooms.errors import RoomIsClosed, RoomsFailed, RpcFailed
from greenroom.rooms.livekit.audio_track import LiveKitAudioTrack
from greenroom.rooms.livekit.events import RoomEvents
from greenroom.rooms.livekit.info import SOURCES
from greenroom.rooms.livekit.text import LiveKitTextWriter, answering
from greenroom.rooms.livekit.video_track import LiveKitVideoTrack
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
from greenroom.rooms.rtc.media import Codec

MAX_PAYLOAD_BYTES = 15 * 1024
"""Of a remote call."""
CONNECT_TIMEOUT = 10.0
"""Seconds for one attempt to reach the server."""


class LiveKitRoom:
    """A `rooms.ports.Room`. Make it with `join`; lost connections are the SDK's to mend.

    Text streams are received on the topics that `join` was given: the SDK offers no way to take
    all.
    """

    def __init__(self, clock: Clock, topics: Sequence[str]) -> None:
        self._clock = clock
        self._room = rtc.Room()
        self._events = RoomEvents(self._room, topics, self._on_closed)
        self._tracks: list[LiveKitAudioTrack | LiveKitVideoTrack] = []
        self._calls: set[str] = set()
        self._name = self._over = ""

    @classmethod
    async def join(
        cls, url: str, token: str, clock: Clock, *, name: str, topics: Sequence[str]
    ) -> LiveKitRoom:
        """Join `name`, which `token` opens. Raises RoomsFailed."""
        room = cls(clock, topics)
        room._name = name
        options = rtc.RoomOptions(auto_subscribe=True, connect_timeout=CONNECT_TIMEOUT)
        try:
            await room._room.connect(url, token, options)
        except rtc.ConnectError as error:
            await room._events.close()
            raise RoomsFailed(f"no connection to the room: {error.message}") from error
        room._events.connected()
        return room

    @property
    def name(self) -> str:
        """As the port says."""
        return self._name

    @property
    def identity(self) -> str:
        """As the port says."""
        return self._room.local_participant.identity

    @property
    def left(self) -> bool:
        """Whether the agent is in the room no more."""
        return bool(self._over)

    def participants(self) -> Sequence[Participant]:
        """As the port says."""
        return self._events.participants()

    def listen(self, listener: RoomListener) -> None:
        """As the port says; after each person their tracks."""
        self._events.listen(listener)

    def hear(self, listener: SoundListener, *, rate: int) -> None:
        """As the port says."""
        self._events.senses.hear(listener, rate)

    def watch(self, listener: PictureListener) -> None:
        """As the port says."""
        self._events.senses.watch(listener)

    async def publish_audio(
        self, rate: int, *, name: str = "voice", origin: TrackOrigin = "microphone"
    ) -> LiveKitAudioTrack:
        """As the port says. Raises RoomIsClosed, RoomsFailed."""
        self._check()
        track = LiveKitAudioTrack(rate, self._clock, name=name, room=self._name)
        # Discontinuous transmission would cut the ends of quiet words.
        options = rtc.TrackPublishOptions(source=SOURCES[origin], dtx=False, stream=STREAM)
        await self._publish(track, options)
        return track

    async def publish_video(
        self, codec: Codec, width: int, height: int, *, name: str = "video"
    ) -> LiveKitVideoTrack:
        """As the port says. Raises RoomIsClosed, RoomsFailed, InvalidInput."""
        self._check()
        track = LiveKitVideoTrack(codec, width, height, name=name)
        await self._publish(track, track.options)
        return track

    async def unpublish(self, sid: str) -> None:
        """As the port says; harmless where it is gone."""
        track = next((one for one in self._tracks if one.sid == sid), None)
        if track is None:
            return
        self._tracks.remove(track)
        try:
            if not self._over:
                await self._room.local_participant.unpublish_track(sid)
        except UnpublishTrackError as error:
            raise self._failed(error.message) from error
        finally:
            await track.close()

    async def send_data(
        self, payload: bytes, *, topic: str = "", reliable: bool = True, to: Sequence[str] = ()
    ) -> None:
        """As the port says."""
        self._check()
        if len(payload) > MAX_DATA_BYTES:
            raise InvalidInput("payload", "is too large", f"at most {MAX_DATA_BYTES} bytes")
        try:
            await self._room.local_participant.publish_data(
                payload, reliable=reliable, destination_identities=list(to), topic=topic
            )
        except PublishDataError as error:
            raise self._failed(error.message) from error

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
        writer = await self.open_text(topic=topic, attributes=attributes, to=to, sender=sender)
        await writer.write(text)
        await writer.close()

    async def open_text(
        self,
        *,
        topic: str,
        attributes: Mapping[str, str] | None = None,
        to: Sequence[str] = (),
        sender: str = "",
    ) -> LiveKitTextWriter:
        """As the port says."""
        self._check()
        try:
            writer = await self._room.local_participant.stream_text(
                topic=topic,
                attributes=dict(attributes or {}),
                destination_identities=list(to),
                sender_identity=sender or None,
            )
        except rtc.StreamError as error:
            raise self._failed(error.description) from error
        return LiveKitTextWriter(writer, self._name)

    async def send_transcription(
        self, identity: str, track_sid: str, segments: Sequence[Segment]
    ) -> None:
        """As the port says."""
        self._check()
        pieces = [
            rtc.TranscriptionSegment(
                id=segment.id,
                text=segment.text,
                start_time=0,
                end_time=0,
                final=segment.final,
                language=segment.language,
            )
            for segment in segments
        ]
        transcription = rtc.Transcription(
            participant_identity=identity, track_sid=track_sid, segments=pieces
        )
        try:
            await self._room.local_participant.publish_transcription(transcription)
        except PublishTranscriptionError as error:
            raise self._failed(error.message) from error

    async def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """As the port says."""
        self._check()
        await self._room.local_participant.set_attributes(dict(attributes))

    async def set_metadata(self, metadata: str) -> None:
        """As the port says."""
        self._check()
        await self._room.local_participant.set_metadata(metadata)

    def handle_rpc(self, method: str, handler: RpcHandler) -> None:
        """As the port says; the last handler of a method counts."""
        self._room.local_participant.register_rpc_method(method, answering(handler, self._calls))

    async def call_rpc(
        self, identity: str, method: str, payload: str, *, timeout: float = 10.0
    ) -> str:
        """As the port says."""
        self._check()
        if len(payload.encode()) > MAX_PAYLOAD_BYTES:
            # Some clients take more; the port promises this to all.
            raise RpcFailed(1402, "Request payload too large")
        if not self._events.is_present(identity):
            # The SDK would wait in vain.
            raise RpcFailed(1401, "Recipient not found")
        try:
            return await self._room.local_participant.perform_rpc(
                destination_identity=identity,
                method=method,
                payload=payload,
                response_timeout=timeout,
            )
        except rtc.RpcError as error:
            raise RpcFailed(int(error.code), error.message, error.data or "") from error

    async def close(self) -> None:
        """As the port says; no RoomClosed follows."""
        self._over = self._over or "closed"
        self._events.stop()
        tracks, self._tracks = self._tracks, []
        for track in tracks:
            await track.close()
        await self._events.close()
        await self._room.disconnect()

    async def _publish(
        self, track: LiveKitAudioTrack | LiveKitVideoTrack, options: rtc.TrackPublishOptions
    ) -> None:
        try:
            publication = await self._room.local_participant.publish_track(track.track, options)
        except PublishTrackError as error:
            await track.close()
            raise self._failed(error.message) from error
        track.begin(publication)
        self._tracks.append(track)

    def _on_closed(self, reason: str) -> None:
        self._over = self._over or reason
        for track in self._tracks:
            track.end()

    def _failed(self, why: str) -> RoomIsClosed | RoomsFailed:
        return RoomIsClosed(self._name, self._over) if self._over else RoomsFailed(why)

    def _check(self) -> None:
        if self._over:
            raise RoomIsClosed(self._name, self._over)

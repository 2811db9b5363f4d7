"""A room without a network: a test plays the people in it, and looks at what the agent did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from greenroom.errors import InvalidInput
from greenroom.providers.clock import Clock
from greenroom.rooms.errors import RoomIsClosed, RpcFailed
from greenroom.rooms.ports import (
    MAX_DATA_BYTES,
    Joining,
    RoomClosed,
    RpcHandler,
    Segment,
    TrackOrigin,
)
from greenroom.rooms.rtc.media import Codec
from greenroom.testing.people import ScriptedPeople
from greenroom.testing.tracks import ScriptedAudioTrack, ScriptedVideoTrack

RpcAnswer = str | RpcFailed | Callable[[str], Awaitable[str]]
"""What a participant answers: a payload, an error, or what a function makes of the payload."""


@dataclass(frozen=True, slots=True)
class SentData:
    """A data packet of the agent's."""

    payload: bytes
    topic: str
    reliable: bool
    to: tuple[str, ...]


@dataclass(slots=True)
class SentText:
    """A text stream of the agent's: `rooms.ports.TextWriter`, and what was written."""

    topic: str
    to: tuple[str, ...]
    sender: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)
    complete: bool = False

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self.pieces)

    async def write(self, text: str) -> None:
        """More of it."""
        self.pieces.append(text)

    async def close(self, attributes: Mapping[str, str] | None = None) -> None:
        """It is complete."""
        self.attributes.update(attributes or {})
        self.complete = True


class ScriptedRoom(ScriptedPeople):
    """A `rooms.ports.Room`. The port's methods are the agent's; the rest is for the test.

    People: `enter`, `leave`, `change`, `start_track`, `end_track`, `mute_track`, `speak`, `show`,
    `send_data_from`, `send_text_from`, `call_from`, `rpc_answers`, `voices_are_received` (of tracks
    from now on), `end`. What the agent did:
    `audio_tracks`, `video_tracks`, `sent_data`, `sent_texts`, `transcriptions`, `attributes`,
    `metadata`, `closed`.
    """

    def __init__(
        self,
        name: str = "room",
        identity: str = "agent",
        clock: Clock | None = None,
        *,
        delay_ms: float = 0.0,
    ) -> None:
        super().__init__()
        self._name, self._identity = name, identity
        self._clock, self._delay_ms = clock, delay_ms
        self._handlers: dict[str, RpcHandler] = {}
        self.closed = False
        self.attributes: dict[str, str] = {}
        self.metadata = ""
        self.audio_tracks: list[ScriptedAudioTrack] = []
        self.video_tracks: list[ScriptedVideoTrack] = []
        self.sent_data: list[SentData] = []
        self.sent_texts: list[SentText] = []
        self.transcriptions: list[tuple[str, str, tuple[Segment, ...]]] = []
        self.rpc_calls: list[tuple[str, str, str]] = []
        self.rpc_answers: dict[tuple[str, str], RpcAnswer] = {}
        self.voices_are_received = True

    # What the port says.

    @property
    def name(self) -> str:
        """The room's name."""
        return self._name

    @property
    def identity(self) -> str:
        """The agent's own."""
        return self._identity

    async def publish_audio(
        self, rate: int, *, name: str = "voice", origin: TrackOrigin = "microphone"
    ) -> ScriptedAudioTrack:
        """A track that plays in the clock's time."""
        self._check()
        track = ScriptedAudioTrack(
            self._sid(),
            rate,
            self._clock,
            delay_ms=self._delay_ms,
            name=name,
            origin=origin,
            room=self._name,
            received=self.voices_are_received,
        )
        self.audio_tracks.append(track)
        return track

    async def publish_video(
        self, codec: Codec, width: int, height: int, *, name: str = "video"
    ) -> ScriptedVideoTrack:
        """A track that keeps its frames."""
        self._check()
        track = ScriptedVideoTrack(self._sid(), name=name)
        self.video_tracks.append(track)
        return track

    async def unpublish(self, sid: str) -> None:
        """End that track; harmless if there is none."""
        for track in self._published():
            if track.sid == sid:
                track.end()

    async def send_data(
        self, payload: bytes, *, topic: str = "", reliable: bool = True, to: Sequence[str] = ()
    ) -> None:
        """Keep it in `sent_data`."""
        self._check()
        if len(payload) > MAX_DATA_BYTES:
            raise InvalidInput("payload", "too large", f"at most {MAX_DATA_BYTES} bytes")
        self.sent_data.append(SentData(payload, topic, reliable, tuple(to)))

    async def send_text(
        self,
        text: str,
        *,
        topic: str,
        attributes: Mapping[str, str] | None = None,
        to: Sequence[str] = (),
        sender: str = "",
    ) -> None:
        """Keep it in `sent_texts`."""
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
    ) -> SentText:
        """Keep it in `sent_texts`, from now on."""
        self._check()
        sent = SentText(topic, tuple(to), sender, dict(attributes or {}))
        self.sent_texts.append(sent)
        return sent

    async def send_transcription(
        self, identity: str, track_sid: str, segments: Sequence[Segment]
    ) -> None:
        """Keep it in `transcriptions`."""
        self._check()
        self.transcriptions.append((identity, track_sid, tuple(segments)))

    async def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Into `attributes`, without the empty ones."""
        self._check()
        self.attributes.update(attributes)
        self.attributes = {key: value for key, value in self.attributes.items() if value}

    async def set_metadata(self, metadata: str) -> None:
        """Into `metadata`."""
        self._check()
        self.metadata = metadata

    def handle_rpc(self, method: str, handler: RpcHandler) -> None:
        """For `call_from`."""
        self._handlers[method] = handler

    async def call_rpc(
        self, identity: str, method: str, payload: str, *, timeout: float = 10.0
    ) -> str:
        """What `rpc_answers` has for `(identity, method)`, or LiveKit's error."""
        self._check()
        self.rpc_calls.append((identity, method, payload))
        if identity not in self._people:
            raise RpcFailed(1401, "Recipient not found")
        answer = self.rpc_answers.get((identity, method))
        if answer is None:
            raise RpcFailed(1400, "Method not supported at destination")
        if isinstance(answer, RpcFailed):
            raise answer
        return answer if isinstance(answer, str) else await answer(payload)

    async def close(self) -> None:
        """The agent has left; nobody is told anything more."""
        self.closed = True
        self._finish("closed")

    # What the test does.

    def join_as(self, agent: Joining) -> None:
        """Who the agent is, from now on; `ScriptedRooms` calls it."""
        self._identity = agent.identity
        self.attributes = dict(agent.attributes)
        self.metadata = agent.metadata

    async def call_from(self, identity: str, method: str, payload: str = "") -> str:
        """Somebody calls a method of the agent's. Raises RpcFailed as their client would."""
        handler = self._handlers.get(method)
        if handler is None:
            raise RpcFailed(1400, "Method not supported at destination")
        try:
            return await handler(identity, payload)
        except RpcFailed:
            raise
        except Exception as error:
            raise RpcFailed(1500, "Application error in method handler") from error

    def end(self, reason: str = "room_deleted") -> None:
        """The room is gone, or the agent was removed from it."""
        self._tell(RoomClosed(reason))
        self._finish(reason)

    def _finish(self, reason: str) -> None:
        self._over = self._over or reason
        for track in self._published():
            track.end()

    def _check(self) -> None:
        if self._over:
            raise RoomIsClosed(self._name, self._over)

    def _published(self) -> list[ScriptedAudioTrack | ScriptedVideoTrack]:
        return [*self.audio_tracks, *self.video_tracks]

"""A room as an agent sees it, whatever serves it: the embedded server or a real LiveKit.

All calls that are not `async` are plain, quick and for the event loop. Sound is mono int16. A room
has one owner, who closes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from greenroom.audio.pcm import Pcm
from greenroom.rooms.rtc.media import Codec

MAX_DATA_BYTES = 15 * 1024
"""Largest payload of a data packet: what LiveKit documents for its clients."""
STREAM = "agent"
"""The media stream of an agent's tracks: receivers play tracks of one stream in step."""

ParticipantKind = Literal["standard", "agent", "ingress", "egress", "sip"]
TrackKind = Literal["audio", "video"]
TrackOrigin = Literal["unknown", "microphone", "camera", "screen_share", "screen_share_audio"]


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in the room. `is_human`: of kind `standard`, `sip` or `ingress`, and not hidden."""

    identity: str
    sid: str
    name: str = ""
    kind: ParticipantKind = "standard"
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    hidden: bool = False

    @property
    def is_human(self) -> bool:
        """Whether this is somebody to talk to."""
        return self.kind in {"standard", "sip", "ingress"} and not self.hidden


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A picture: planar YUV 4:2:0, full planes `y` (height, width), `u` and `v` (half of each).

    `time` is the media time in seconds.
    """

    y: npt.NDArray[np.uint8]
    u: npt.NDArray[np.uint8]
    v: npt.NDArray[np.uint8]
    time: float


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A whole encoded picture: VP8 frame, H264 access unit in Annex B, AV1 temporal unit.

    `time` is the media time in seconds.
    """

    data: bytes
    time: float
    keyframe: bool


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """Somebody came in, or was there when the room was joined."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class ParticipantChanged:
    """Name, metadata or attributes are other than before."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """Somebody has gone; `reason` is LiveKit's DisconnectReason name in lower case."""

    participant: Participant
    reason: str


@dataclass(frozen=True, slots=True)
class TrackStarted:
    """A participant publishes a track, and this agent has subscribed to it."""

    participant: Participant
    sid: str
    kind: TrackKind
    origin: TrackOrigin
    muted: bool = False


@dataclass(frozen=True, slots=True)
class TrackEnded:
    """A track is gone."""

    participant: Participant
    sid: str


@dataclass(frozen=True, slots=True)
class TrackMuted:
    """A track was muted or unmuted."""

    participant: Participant
    sid: str
    muted: bool


@dataclass(frozen=True, slots=True)
class DataReceived:
    """A data packet. `identity` is empty where the room's server sent it."""

    identity: str
    payload: bytes
    topic: str
    reliable: bool


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A complete text stream, such as a chat message on topic `lk.chat`."""

    identity: str
    text: str
    topic: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """The room is gone, or this agent was removed; nothing follows."""

    reason: str


RoomEvent: TypeAlias = (
    ParticipantJoined
    | ParticipantChanged
    | ParticipantLeft
    | TrackStarted
    | TrackEnded
    | TrackMuted
    | DataReceived
    | TextReceived
    | RoomClosed
)

RoomListener = Callable[[RoomEvent], None]
"""Called on the event loop, in order; must be quick and must not raise."""

SoundListener = Callable[[str, Pcm], None]
"""`(identity, samples)`: the next samples of a participant's microphone, at the rate asked for."""

PictureListener = Callable[[str, VideoFrame], None]
"""`(identity, frame)`: the next decoded picture of a participant."""

RpcHandler = Callable[[str, str], Awaitable[str]]
"""`(caller's identity, payload)` to the answer; raises RpcFailed to answer with an error."""


class AudioTrack(Protocol):
    """The agent's voice in a room, at `rate` Hz. Runs on the media clock; silence when empty."""

    @property
    def sid(self) -> str:
        """LiveKit's track id, `TR_...`."""
        ...

    @property
    def rate(self) -> int:
        """Hz of what `write` takes."""
        ...

    def write(self, pcm: Pcm) -> None:
        """Queue samples; they may run far ahead of real time."""
        ...

    def flush(self) -> None:
        """Drop all that is queued: the next packet that leaves is silence."""
        ...

    def pause(self) -> None:
        """Send silence and keep what is queued, until `resume` or `flush`."""
        ...

    def resume(self) -> None:
        """Go on where `pause` held."""
        ...

    @property
    def queued_ms(self) -> float:
        """What was written and has not left."""
        ...

    @property
    def sent_ms(self) -> float:
        """What has left, of all that was written and not flushed, since the track began."""
        ...

    @property
    def heard_ms(self) -> float:
        """What listeners have heard of it: `sent_ms` less the way to them and their buffer."""
        ...

    async def wait_until_queued(self, ms: float) -> None:
        """Return when at most `ms` are queued. Raises RoomIsClosed when the track ends."""
        ...

    async def wait_until_received(self) -> None:
        """Return when somebody gets what is written from now on. Raises RoomIsClosed.

        It may take for ever: nobody has to subscribe.
        """
        ...

    def set_muted(self, muted: bool) -> None:
        """Tell the room that the voice is off; what is written while muted plays as silence."""
        ...


class VideoTrack(Protocol):
    """The agent's picture in a room."""

    @property
    def sid(self) -> str:
        """LiveKit's track id."""
        ...

    def write(self, frame: EncodedFrame) -> None:
        """Send an encoded picture now; a slow viewer never holds it up."""
        ...

    @property
    def keyframe_wanted(self) -> bool:
        """Whether a viewer can't decode until a keyframe comes; cleared when one is written."""
        ...


class TextWriter(Protocol):
    """A text stream that is being written."""

    async def write(self, text: str) -> None:
        """Send more of the text."""
        ...

    async def close(self, attributes: Mapping[str, str] | None = None) -> None:
        """The text is complete."""
        ...


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a transcript, replaced by later ones of its id until it is final."""

    id: str
    text: str
    final: bool
    language: str = "en"


class Room(Protocol):
    """A room that an agent has joined."""

    @property
    def name(self) -> str:
        """The room's name."""
        ...

    @property
    def identity(self) -> str:
        """The agent's own."""
        ...

    def participants(self) -> Sequence[Participant]:
        """Who is there, without the agent itself."""
        ...

    def listen(self, listener: RoomListener) -> None:
        """Tell of everything from now on; those who are there first, as ParticipantJoined."""
        ...

    def hear(self, listener: SoundListener, *, rate: int) -> None:
        """Hand over each human's microphone at `rate` Hz: in order, gaps concealed or silent.

        Sound that stops (mute, silence suppression) is simply not handed over.
        """
        ...

    def watch(self, listener: PictureListener) -> None:
        """Hand over each human's decoded pictures."""
        ...

    async def publish_audio(
        self, rate: int, *, name: str = "voice", origin: TrackOrigin = "microphone"
    ) -> AudioTrack:
        """A voice at `rate` Hz; heard by who is there and who comes."""
        ...

    async def publish_video(
        self, codec: Codec, width: int, height: int, *, name: str = "video"
    ) -> VideoTrack:
        """A picture of `width` by `height`; seen by who is there and who comes."""
        ...

    async def unpublish(self, sid: str) -> None:
        """End a track of the agent's."""
        ...

    async def send_data(
        self, payload: bytes, *, topic: str = "", reliable: bool = True, to: Sequence[str] = ()
    ) -> None:
        """Send to the identities in `to`, or to all. Raises InvalidInput where it is too large."""
        ...

    async def send_text(
        self,
        text: str,
        *,
        topic: str,
        attributes: Mapping[str, str] | None = None,
        to: Sequence[str] = (),
        sender: str = "",
    ) -> None:
        """Send a complete text stream, said to come from `sender` (empty: from the agent)."""
        ...

    async def open_text(
        self,
        *,
        topic: str,
        attributes: Mapping[str, str] | None = None,
        to: Sequence[str] = (),
        sender: str = "",
    ) -> TextWriter:
        """Begin a text stream that is written piece by piece; `sender` as in `send_text`."""
        ...

    async def send_transcription(
        self, identity: str, track_sid: str, segments: Sequence[Segment]
    ) -> None:
        """A transcription packet about `identity`'s speech (the packet, not a text stream)."""
        ...

    async def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Change the agent's attributes; an empty value removes one."""
        ...

    async def set_metadata(self, metadata: str) -> None:
        """Change the agent's metadata."""
        ...

    def handle_rpc(self, method: str, handler: RpcHandler) -> None:
        """Answer calls of `method`."""
        ...

    async def call_rpc(
        self, identity: str, method: str, payload: str, *, timeout: float = 10.0
    ) -> str:
        """Call a participant's method. Raises RpcFailed."""
        ...

    async def close(self) -> None:
        """Leave; what is queued is dropped. Harmless twice."""
        ...


@dataclass(frozen=True, slots=True)
class Joining:
    """How a room lets an agent in: `room` is made where it isn't there."""

    room: str
    identity: str
    name: str = ""
    kind: ParticipantKind = "agent"
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    hidden: bool = False


class Rooms(Protocol):
    """Where rooms are: joined by agents, opened to clients by tokens."""

    @property
    def url(self) -> str:
        """What a client connects to, such as `ws://127.0.0.1:7880`."""
        ...

    async def join(self, agent: Joining) -> Room:
        """Join as an agent. Raises CapacityExceeded, RoomsFailed."""
        ...

    async def close_room(self, name: str) -> None:
        """Everybody is sent away and the room is gone; harmless where there is none."""
        ...

    async def check(self) -> None:
        """Raises RoomsFailed where no room can be joined now."""
        ...

    async def close(self) -> None:
        """End every room that this process holds."""
        ...

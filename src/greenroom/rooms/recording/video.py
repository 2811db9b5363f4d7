"""The picture on a recording: it is muxed as it comes, never decoded."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.media import Codec

MOST_BYTES = 8_000_000
"""Of pictures that wait for the disk."""
DRIFT = 0.1
"""Seconds by which a picture's own time may differ from the moment at which it came."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a recording's picture is: vp8, vp9, av1 or h264, `width` by `height` pixels."""

    codec: Codec
    width: int
    height: int

    @property
    def parameters_in_header(self) -> bool:
        """Whether the file's header repeats what a keyframe says of the stream."""
        return self.codec.name in {"h264", "av1"}

    @property
    def needs_matroska(self) -> bool:
        """Whether WebM does not know the codec."""
        return self.codec.name == "h264"


class PictureTimes:
    """Puts pictures on the recording's clock. Used on the event loop.

    The first comes when it comes, the others in the time that they say lies between them, as long
    as that is near to when they come.
    """

    __slots__ = ("_last", "_offset")

    def __init__(self) -> None:
        self._offset: float | None = None
        self._last = -1.0

    def place(self, time: float, now: float) -> float | None:
        """The position, in seconds, of a picture of media time `time`; None: it is out of order."""
        if self._offset is None or abs(time + self._offset - now) > DRIFT:
            self._offset = now - time
        position = max(0.0, time + self._offset)
        if position < self._last + 0.001:  # a Matroska file counts ms
            return None
        self._last = position
        return position


class PictureQueue:
    """Pictures on their way to the disk; after a loss, none until the next keyframe."""

    __slots__ = ("_bytes", "_frames", "_intact", "dropped")

    def __init__(self) -> None:
        self._frames: deque[tuple[float, EncodedFrame]] = deque()
        self._bytes = 0
        self._intact = False
        self.dropped = 0
        """Pictures that are not on the record, for want of a keyframe or of room."""

    def put(self, position: float, frame: EncodedFrame) -> None:
        """The next picture; it is dropped where too much is waiting."""
        if frame.keyframe:
            self._intact = True
        if self._bytes + len(frame.data) > MOST_BYTES:
            self._intact = False
        if not self._intact:
            self.dropped += 1
            return
        self._bytes += len(frame.data)
        self._frames.append((position, frame))

    @property
    def wants_keyframe(self) -> bool:
        """Whether pictures are dropped until a keyframe comes."""
        return not self._intact

    def take(self, until: float) -> list[tuple[float, EncodedFrame]]:
        """Those before position `until`, in seconds."""
        taken = []
        while self._frames and self._frames[0][0] < until:
            position, frame = self._frames.popleft()
            self._bytes -= len(frame.data)
            taken.append((position, frame))
        return taken

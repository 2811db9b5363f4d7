"""An agent's picture in a LiveKit room: encoded pictures through the SDK, as they are."""

from __future__ import annotations

from collections.abc import Mapping

from livekit import rtc
from livekit.rtc import EncodedFrameType, VideoCodec, VideoEncoderBackend

from greenroom.errors import InvalidInput
from greenroom.rooms.ports import STREAM, EncodedFrame
from greenroom.rooms.rtc.media import Codec

CODECS: Mapping[str, VideoCodec.ValueType] = {
    "vp8": VideoCodec.VP8,
    "h264": VideoCodec.H264,
    "vp9": VideoCodec.VP9,
    "av1": VideoCodec.AV1,
}


class LiveKitVideoTrack:
    """A `rooms.ports.VideoTrack`. Raises InvalidInput for a codec that the SDK doesn't know."""

    def __init__(self, codec: Codec, width: int, height: int, *, name: str) -> None:
        if codec.name not in CODECS:
            raise InvalidInput("codec", f"{codec.name} is not known", ", ".join(CODECS))
        self._codec = CODECS[codec.name]
        self._width, self._height = width, height
        self._source = rtc.EncodedVideoSource(width, height)
        self.track = rtc.LocalVideoTrack.create_video_track(name, self._source)
        self._publication: rtc.LocalTrackPublication | None = None
        self._keyframe_wanted = True
        self._closed = False

    @property
    def options(self) -> rtc.TrackPublishOptions:
        """How it is to be published."""
        return rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA,
            video_codec=self._codec,
            video_encoder=VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED,
            simulcast=False,
            stream=STREAM,
        )

    def begin(self, publication: rtc.LocalTrackPublication) -> None:
        """The room has taken the track."""
        self._publication = publication

    @property
    def sid(self) -> str:
        """As the port says; another one when the SDK had to connect anew."""
        return self._publication.sid if self._publication else ""

    def write(self, frame: EncodedFrame) -> None:
        """As the port says."""
        if self._closed or not frame.data:
            return
        self._look()
        taken = self._source.capture_frame(
            rtc.EncodedVideoFrame(
                data=frame.data,
                width=self._width,
                height=self._height,
                codec=self._codec,
                frame_type=EncodedFrameType.ENCODED_FRAME_KEY
                if frame.keyframe
                else EncodedFrameType.ENCODED_FRAME_DELTA,
                timestamp_us=round(frame.time * 1_000_000),
            )
        )
        if frame.keyframe and taken:
            self._keyframe_wanted = False

    @property
    def keyframe_wanted(self) -> bool:
        """As the port says."""
        self._look()
        return self._keyframe_wanted

    def set_muted(self, muted: bool) -> None:
        """Tell the room that the picture is off."""
        if muted:
            self.track.mute()
        else:
            self.track.unmute()

    def end(self) -> None:
        """It is in no room any more; `close` follows."""
        self._closed = True

    async def close(self) -> None:
        """End it. Harmless twice."""
        self.end()
        await self._source.aclose()

    def _look(self) -> None:
        if not self._closed and self._source.take_feedback().keyframe_requested:
            self._keyframe_wanted = True

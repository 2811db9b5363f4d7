"""The SDK's service in a helper process, and the connections that are made with it.

One process can have one service, initialised once; its app id and whether uids are strings belong
to the service. So there is one helper process for each pair of them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenroom.rooms.agora import reasons
from greenroom.rooms.agora.sdk import OK, Connection, Sdk, Service


class AgoraFailed(Exception):
    """The SDK refuses; the message says why, in words for a client."""


@dataclass(frozen=True, slots=True)
class Joining:
    """Who joins which channel, and the picture that is published there.

    `uid` is a decimal number unless `string_uid`. `codec`: h264, vp8 or av1; `rate` in Hz.
    """

    app_id: str
    string_uid: bool
    token: str
    channel: str
    uid: str
    codec: str
    width: int
    height: int
    rate: int


class AgoraService:
    """Made once, initialised by the first who joins. Any thread may use it."""

    def __init__(self, sdk: Sdk, directory: Path) -> None:
        """`directory`: where the SDK may write its logs and caches."""
        self.sdk = sdk
        self._directory = directory
        self._lock = threading.Lock()
        self._service: Service | None = None
        self._kind = ("", False)

    def codec(self, name: str) -> Any:
        """The SDK's name of a codec."""
        types = self.sdk.base.VideoCodecType
        return {
            "h264": types.VIDEO_CODEC_H264,
            "vp8": types.VIDEO_CODEC_VP8,
            "av1": types.VIDEO_CODEC_AV1,
        }[name]

    def connection(self, joining: Joining) -> Connection:
        """A connection that publishes sound and an encoded picture. Raises AgoraFailed."""
        base = self.sdk.base
        # CHORUS is the low-delay scenario that any client understands; AI_SERVER, the default,
        # needs clients that were set up for it, and would publish anew for every interruption.
        publish = base.RtcConnectionPublishConfig(
            audio_scenario=base.AudioScenarioType.AUDIO_SCENARIO_CHORUS,
            is_publish_audio=True,
            is_publish_video=True,
            audio_publish_type=base.AudioPublishType.AUDIO_PUBLISH_TYPE_PCM,
            video_publish_type=base.VideoPublishType.VIDEO_PUBLISH_TYPE_ENCODED_IMAGE,
            video_encoded_image_sender_options=base.SenderOptions(
                codec_type=self.codec(joining.codec)
            ),
        )
        config = base.RTCConnConfig(
            auto_subscribe_audio=0,
            auto_subscribe_video=0,
            client_role_type=base.ClientRoleType.CLIENT_ROLE_BROADCASTER,
            channel_profile=base.ChannelProfileType.CHANNEL_PROFILE_LIVE_BROADCASTING,
        )
        with self._lock:
            connection = self._initialised(joining).create_rtc_connection(config, publish)
        if connection is None or connection.conn_handle is None:
            raise AgoraFailed("Agora's SDK made no connection")
        return connection

    def release(self) -> None:
        """End the service. Connections must have been released."""
        with self._lock:
            if self._service is not None:
                self._service.release()
                self._service = None

    def _initialised(self, joining: Joining) -> Service:
        kind = (joining.app_id, joining.string_uid)
        if self._service is not None:
            if kind != self._kind:
                raise AgoraFailed("this process serves another app id, or another kind of uid")
            return self._service
        base = self.sdk.base
        service = self.sdk.service()
        result = service.initialize(
            base.AgoraServiceConfig(
                appid=joining.app_id,
                use_string_uid=int(joining.string_uid),
                enable_video=1,
                enable_audio_processor=1,
                enable_audio_device=0,
                audio_scenario=base.AudioScenarioType.AUDIO_SCENARIO_CHORUS,
                log_path=str(self._directory / "agora.log"),
                data_dir=str(self._directory),
                config_dir=str(self._directory),
            )
        )
        if result != OK:
            raise AgoraFailed(reasons.of_error(result))
        self._service, self._kind = service, kind
        return service

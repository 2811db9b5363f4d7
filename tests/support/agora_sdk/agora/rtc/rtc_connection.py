from __future__ import annotations

import os
import threading

from .agora_base import (
    AudioScenarioType,
    EncodedVideoFrameInfo,
    RTCConnConfig,
    RtcConnectionPublishConfig,
    RTCConnInfo,
)
from .rtc_connection_observer import IRTCConnectionObserver
from .script import CALLBACKS, GATE, WAITING, parse, record


class RTCConnection:
    def __init__(
        self, service, conn_config: RTCConnConfig, publish_config: RtcConnectionPublishConfig
    ) -> None:
        record(
            "create",
            codec=publish_config.video_encoded_image_sender_options.codec_type.name,
            video=publish_config.video_publish_type.name,
            scenario=publish_config.audio_scenario.name,
        )
        self.conn_handle: object = object() if "no-handle" not in service.config.appid else None
        self.publish_config = publish_config
        self._observer: IRTCConnectionObserver | None = None
        self._local_observer = None
        self._script: dict[str, float] = {}
        self._info: RTCConnInfo | None = None
        self._pictures = 0
        self._released = threading.Event()

    def connect(self, token: str, chan_id: str, user_id: str) -> int:
        record("connect", token=token, channel=chan_id, uid=user_id)
        self._script = script = parse(token)
        self._info = RTCConnInfo(
            id=1, channel_id=chan_id, state=3, local_user_id=user_id, internal_uid=7
        )
        if "returns" in script:
            return int(script["returns"])
        if "raises" in script:
            raise TypeError("a defect of the SDK")
        if "crash-at-once" in script:
            os._exit(8)
        if "hang" in script:
            self._released.wait()
        if "refused" in script:
            self._tell("on_connection_failure", self._info, int(script["refused"]))
        elif "error" in script:
            self._tell("on_error", int(script["error"]), "")
        elif "unlicensed" in script:
            self._tell("on_connection_license_validation_failure", 1)
        elif "silent" not in script:
            self._tell("on_connecting", self._info, 0)
            self._tell("on_connected", self._info, 1)
        return 0

    def disconnect(self) -> int:
        record("disconnect", channel=self._info.channel_id if self._info else "")
        if "stays" in self._script:
            self._released.wait()
        if "fails-to-leave" in self._script:
            raise OSError("a defect of the SDK")
        self._tell("on_disconnected", self._info, 5)
        return 0

    def renew_token(self, token) -> int:
        record("renew_token", token=token)
        return -2 if "renewal-refused" in self._script else 0

    def register_observer(self, conn_observer: IRTCConnectionObserver) -> int:
        record("register_observer")
        self._observer = conn_observer
        return 0

    def register_local_user_observer(self, observer) -> int:
        record("register_local_user_observer")
        self._local_observer = observer
        return 0

    def publish_audio(self) -> int:
        record("publish_audio")
        return 0

    def unpublish_audio(self) -> int:
        record("unpublish_audio")
        return 0

    def publish_video(self) -> int:
        record("publish_video")
        if "unpublished" in self._script:
            self._tell_local(
                "on_video_track_publication_failure", object(), int(self._script["unpublished"])
            )
        if "mute" in self._script:
            self._tell_local("on_audio_track_publication_failure", object(), 2)
        return 0

    def interrupt_audio(self) -> int:
        if self.publish_config.audio_scenario == AudioScenarioType.AUDIO_SCENARIO_AI_SERVER:
            self.unpublish_audio()
            self.publish_audio()
        record("interrupt_audio")
        return 0

    def push_audio_pcm_data(self, data, sample_rate, channels, start_pts: int = 0) -> int:
        # As the SDK does: it needs memory that can be written to, and whole milliseconds.
        memoryview(data)[0] = data[0]
        if len(data) % (sample_rate // 1000 * 2 * channels):
            return -1002
        if "gate" in self._script:
            WAITING.set()
            GATE.wait(10)
        record("push_audio", length=len(data), rate=sample_rate, channels=channels, pts=start_pts)
        return 0

    def push_video_encoded_data(self, data, info: EncodedVideoFrameInfo) -> int:
        assert isinstance(data, bytes)
        if "gate" in self._script:
            WAITING.set()
            GATE.wait(10)
        record("push_video", length=len(data), **vars(info))
        self._pictures += 1
        script, first, second = self._script, self._pictures == 1, self._pictures == 2
        if "crash" in script:
            os._exit(9)
        if "pushes" in script and second:
            return int(script["pushes"])
        if "intra" in script and second:
            self._tell_local("on_intra_request_received")
        if "reconnects" in script and second:
            self._tell("on_connection_lost", self._info)
            self._tell("on_reconnecting", self._info, 2)
            self._tell("on_reconnected", self._info, 15)
        if "expires" in script and first:
            self._tell("on_token_privilege_will_expire", "the old token")
        if "expired" in script and second:
            self._tell("on_token_privilege_did_expire")
        if "lost" in script and second:
            self._tell("on_disconnected", self._info, int(script["lost"]))
        return 1

    def release(self):
        record("release")
        self._released.set()
        self.conn_handle = None

    def _tell(self, event: str, *arguments: object) -> None:
        if self._observer is not None:
            CALLBACKS.post(getattr(self._observer, event), self, *arguments)

    def _tell_local(self, event: str, *arguments: object) -> None:
        if self._local_observer is not None:
            CALLBACKS.post(getattr(self._local_observer, event), object(), *arguments)

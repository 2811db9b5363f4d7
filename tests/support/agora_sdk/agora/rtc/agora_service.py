from __future__ import annotations

from .agora_base import AgoraServiceConfig, RTCConnConfig, RtcConnectionPublishConfig
from .rtc_connection import RTCConnection
from .script import INITIALIZE_RETURNS, VIOLATIONS, record


class AgoraService:
    made = 0

    def __init__(self) -> None:
        self.inited = False
        self.config: AgoraServiceConfig | None = None

    def initialize(self, config: AgoraServiceConfig):
        record("initialize", appid=config.appid, use_string_uid=config.use_string_uid)
        result = INITIALIZE_RETURNS[0]
        if result == 0:
            AgoraService.made += 1
            if AgoraService.made > 1:
                VIOLATIONS.append("a second service in one process")
            self.inited, self.config = True, config
        return result

    def create_rtc_connection(
        self, con_config: RTCConnConfig, publish_config: RtcConnectionPublishConfig
    ):
        if not self.inited:
            return None
        return RTCConnection(self, con_config, publish_config)

    def release(self):
        record("service.release")
        AgoraService.made -= self.inited
        self.inited = False

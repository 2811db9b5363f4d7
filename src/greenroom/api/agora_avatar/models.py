"""What clients of contract 000 send, by the wire's own names."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo, field_validator

from greenroom.api.avatars.bodies import (
    DEFAULT_IDLE_TIMEOUT,
    IdleTimeout,
    Name,
    Token,
    check_uid,
)
from greenroom.api.bodies import Body
from greenroom.avatar.formats import Quality, VideoCodec
from greenroom.stage.ports import AgoraChannel, AvatarOrder


class AgoraSettings(Body):
    """`agora_settings`."""

    app_id: Name
    token: Token
    channel: Name
    enable_string_uid: bool
    uid: Name

    @field_validator("uid")
    @classmethod
    def _fits_its_kind(cls, uid: str, info: ValidationInfo) -> str:
        return check_uid(uid, is_string=info.data.get("enable_string_uid", True))


class StartSession(Body):
    """`POST /session/start`."""

    avatar_id: Name
    quality: Quality
    version: Literal["v1"]
    video_encoding: VideoCodec
    activity_idle_timeout: IdleTimeout = DEFAULT_IDLE_TIMEOUT
    agora_settings: AgoraSettings

    def order(self) -> AvatarOrder:
        """What is asked for."""
        agora = self.agora_settings
        return AvatarOrder(
            avatar_id=self.avatar_id,
            quality=self.quality,
            codec=self.video_encoding,
            idle_timeout=self.activity_idle_timeout,
            channel=AgoraChannel(
                app_id=agora.app_id,
                token=agora.token,
                channel=agora.channel,
                uid=agora.uid,
                string_uid=agora.enable_string_uid,
            ),
        )


class StopSession(Body):
    """`DELETE /session/stop`. Both are required, but the token may be in a header instead."""

    session_id: Name | None = None
    session_token: Token | None = None

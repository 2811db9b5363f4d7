"""What clients of contract 002 send: the wire's names are those of the fields in camelCase."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

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

Label = Annotated[str, Field(max_length=256)]
"""What a node goes by; empty: any."""


class _Camel(Body):
    model_config = ConfigDict(alias_generator=to_camel)


class PersonaConfig(_Camel):
    """`personaConfig`."""

    avatar_id: Name


class AgoraSettings(_Camel):
    """`environment.agoraSettings`: all but the timeout are required, as the contract notes."""

    app_id: Name
    token: Token
    channel: Name
    enable_string_uids: bool
    uid: Name
    quality: Quality
    video_encoding: VideoCodec
    activity_idle_timeout: IdleTimeout = DEFAULT_IDLE_TIMEOUT

    @field_validator("uid")
    @classmethod
    def _fits_its_kind(cls, uid: str, info: ValidationInfo) -> str:
        return check_uid(uid, is_string=info.data.get("enable_string_uids", True))


class Environment(_Camel):
    """`environment`."""

    parts: ClassVar[tuple[str, ...]] = ("agoraSettings",)

    agora_settings: AgoraSettings
    cluster: Label = ""
    pod_name: Label = ""


class SessionTokenRequest(_Camel):
    """`POST /auth/session-token`."""

    parts: ClassVar[tuple[str, ...]] = ("personaConfig", "environment")

    persona_config: PersonaConfig
    environment: Environment

    def order(self) -> AvatarOrder:
        """What is asked for; the labels of the node are kept beside it."""
        agora = self.environment.agora_settings
        return AvatarOrder(
            avatar_id=self.persona_config.avatar_id,
            quality=agora.quality,
            codec=agora.video_encoding,
            idle_timeout=agora.activity_idle_timeout,
            channel=AgoraChannel(
                app_id=agora.app_id,
                token=agora.token,
                channel=agora.channel,
                uid=agora.uid,
                string_uid=agora.enable_string_uids,
            ),
            extra={"cluster": self.environment.cluster, "pod": self.environment.pod_name},
        )


class StartSession(_Camel):
    """`POST /engine/session`: an object, and nothing of it is looked at."""


class KillSession(_Camel):
    """`POST /engine/session/{id}/kill`: repeats the id of the path, or is left out."""

    session_id: Name | None = None

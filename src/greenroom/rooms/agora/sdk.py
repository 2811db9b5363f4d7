"""What is used of Agora's server SDK (agora-python-server-sdk 2.4), and its import.

The SDK has no type hints that a checker could use, so its shapes are written down here;
`tests/rooms/agora/test_agora_sdk_signatures.py` holds them against the SDK's source. Imported by
the helper process only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

# VIDEO_FRAME_TYPE of AgoraBase.h, which the SDK's Python has no name for.
KEYFRAME, DELTA_FRAME = 3, 4

OK = 0
"""What calls return that succeed; below it is an error. Senders may return 1 for success."""


class Connection(Protocol):
    """`agora.rtc.rtc_connection.RTCConnection`."""

    conn_handle: object

    def connect(self, token: str, chan_id: str, user_id: str) -> int:
        """Begin to join; the observer is told how it went."""
        ...

    def disconnect(self) -> int:
        """Leave. May block."""
        ...

    def release(self) -> None:
        """Free it. Nothing of it can be used afterwards."""
        ...

    def renew_token(self, token: str) -> int:
        """Go on with a new token."""
        ...

    def register_observer(self, conn_observer: object) -> int:
        """Tell `conn_observer` of the connection (IRTCConnectionObserver)."""
        ...

    def register_local_user_observer(self, observer: object) -> int:
        """Tell `observer` of what is published (IRTCLocalUserObserver)."""
        ...

    def publish_audio(self) -> int:
        """Offer the sound to the channel."""
        ...

    def publish_video(self) -> int:
        """Offer the picture to the channel."""
        ...

    def push_audio_pcm_data(
        self, data: bytearray, sample_rate: int, channels: int, start_pts: int = 0
    ) -> int:
        """Sound, whole milliseconds of it; `start_pts` in ms. `data` must be writable memory."""
        ...

    def push_video_encoded_data(self, data: bytes, info: object) -> int:
        """An encoded picture (EncodedVideoFrameInfo)."""
        ...

    def interrupt_audio(self) -> int:
        """Drop the sound that has not left."""
        ...


class Service(Protocol):
    """`agora.rtc.agora_service.AgoraService`: one per process, for the process's life."""

    def initialize(self, config: object) -> int:
        """Begin (AgoraServiceConfig)."""
        ...

    def create_rtc_connection(
        self, con_config: object, publish_config: object
    ) -> Connection | None:
        """A connection (RTCConnConfig, RtcConnectionPublishConfig), None where it failed."""
        ...

    def release(self) -> None:
        """End."""
        ...


@dataclass(frozen=True, slots=True)
class Sdk:
    """The SDK, imported. `base` is `agora.rtc.agora_base`: its constants and configurations."""

    service: Callable[[], Service]
    base: Any


def load() -> Sdk:
    """Import it, with its native library. Raises ImportError; the SDK may raise SystemExit."""
    module = importlib.import_module("agora.rtc.agora_service")
    return Sdk(module.AgoraService, importlib.import_module("agora.rtc.agora_base"))

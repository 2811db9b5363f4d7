"""What the SDK calls back, on threads of its own.

The SDK calls every method of `IRTCConnectionObserver` and `IRTCLocalUserObserver`; those that don't
matter here do nothing. None may call the SDK, nor take long (its README).
"""
# ruff: noqa: ARG002 - the signatures are the SDK's

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from greenroom.rooms.agora import reasons


class Listener(Protocol):
    """What hears of it, in any thread. Must be quick."""

    def connected(self) -> None:
        """The channel was joined."""
        ...

    def happened(self, event: str) -> None:
        """Something that the server is to know of."""
        ...

    def failed(self, why: str) -> None:
        """The channel is lost."""
        ...


def _nothing(*_: object) -> None:
    """What happens at events that don't matter here."""


class ConnectionEvents:
    """An `IRTCConnectionObserver`."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return _nothing

    def on_connected(self, agora_rtc_conn: object, conn_info: object, reason: int) -> None:
        """The channel was joined."""
        self._listener.connected()

    def on_disconnected(self, agora_rtc_conn: object, conn_info: object, reason: int) -> None:
        """The channel was left: by us, or because we were thrown out."""
        self._listener.failed(reasons.of_connection(reason))

    def on_connection_failure(self, agora_rtc_conn: object, info: object, reason: int) -> None:
        """The SDK has given up joining, or rejoining."""
        self._listener.failed(reasons.of_connection(reason))

    def on_reconnecting(self, agora_rtc_conn: object, conn_info: object, reason: int) -> None:
        """The network is lost; the SDK tries to come back by itself."""
        self._listener.happened("reconnecting")

    def on_reconnected(self, agora_rtc_conn: object, conn_info: object, reason: int) -> None:
        """It has come back."""
        self._listener.happened("reconnected")

    def on_token_privilege_will_expire(self, agora_rtc_conn: object, token: str) -> None:
        """In half a minute, Agora's documentation says."""
        self._listener.happened("token_expiring")

    def on_token_privilege_did_expire(self, agora_rtc_conn: object) -> None:
        """No new token has come in time."""
        self._listener.failed(reasons.of_connection(9))

    def on_connection_license_validation_failure(self, agora_rtc_conn: object, reason: int) -> None:
        """The app may not use the SDK."""
        self._listener.failed(reasons.of_connection(21))

    def on_error(self, agora_rtc_conn: object, error_code: int, error_msg: str) -> None:
        """Something went wrong, which may matter or not."""
        if reasons.is_fatal(error_code):
            self._listener.failed(reasons.of_error(error_code))

    def on_aiqos_capability_missing(
        self, agora_rtc_conn: object, recommend_audio_scenario: object
    ) -> int:
        """Only in the scenario AI_SERVER. -1: leave the scenario alone; None would be an error."""
        return -1


class PublishingEvents:
    """An `IRTCLocalUserObserver`."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return _nothing

    def on_intra_request_received(self, agora_local_user: object) -> None:
        """Somebody can't see without a keyframe."""
        self._listener.happened("keyframe")

    def on_audio_track_publication_failure(
        self, agora_local_user: object, agora_local_audio_track: object, error: int
    ) -> None:
        """The sound can't be published."""
        self._listener.failed(f"the sound can't be published: {reasons.of_error(error)}")

    def on_video_track_publication_failure(
        self, agora_local_user: object, agora_local_video_track: object, error: int
    ) -> None:
        """The picture can't be published."""
        self._listener.failed(f"the picture can't be published: {reasons.of_error(error)}")

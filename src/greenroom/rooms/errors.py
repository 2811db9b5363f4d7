"""What can go wrong with a room."""

from __future__ import annotations

from greenroom.errors import ClientError, ProviderFailed, ServerError


class RoomsFailed(ProviderFailed):
    """The rooms' server can't be reached or refuses; `why` is safe to show."""

    def __init__(self, why: str, *, retryable: bool = True) -> None:
        super().__init__("livekit", why, retryable=retryable)


class RoomIsClosed(ServerError):
    """The room, or this agent's place in it, is gone."""

    def __init__(self, room: str, reason: str) -> None:
        self.room, self.reason = room, reason
        super().__init__(f"room {room} is closed ({reason})")


class RpcFailed(ServerError):
    """A remote call got an error, or no answer. `code` is LiveKit's (1400 to 1503)."""

    def __init__(self, code: int, message: str, data: str = "") -> None:
        self.code, self.message, self.data = code, message, data
        super().__init__(f"{code}: {message}")


class InvalidDescription(ClientError):
    """A session description that can't be read, or that doesn't fit the state of the connection."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)

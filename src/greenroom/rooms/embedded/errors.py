"""What can go wrong with the embedded room server."""

from __future__ import annotations

from greenroom.errors import ClientError


class NotInRoom(ClientError):
    """No such room, participant or track. `what` is one of these words, `name` what was asked."""

    def __init__(self, what: str, name: str) -> None:
        self.what, self.name = what, name
        super().__init__(f"no {what} {name}")

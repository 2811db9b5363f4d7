"""What can fail in keeping sessions."""

from __future__ import annotations

from greenroom.errors import ServerError


class StorageUnavailable(ServerError):
    """The database does not answer, or is so far behind that nothing more is taken.

    `why` is for logs: it may name hosts and files.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"storage unavailable: {why}")

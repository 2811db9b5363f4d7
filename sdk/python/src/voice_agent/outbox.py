"""Sound that waits while the connection is away."""

from __future__ import annotations

from collections import deque

from voice_agent.sound import Outgoing

MAX_MS = 20_000.0
"""Of sound that is kept. Sent at once it is well within what the server lets run ahead."""

MAX_CHARACTERS = 8_000_000


class Outbox:
    """Messages in order, bounded."""

    def __init__(self) -> None:
        self._messages: deque[Outgoing] = deque()
        self._characters = 0
        self.ms = 0.0

    def fits(self, message: Outgoing) -> bool:
        """Whether there is room for it."""
        if self.ms + message.ms > MAX_MS:
            return False
        return self._characters + len(message.text) <= MAX_CHARACTERS

    def put(self, message: Outgoing) -> None:
        """Keep one."""
        self._messages.append(message)
        self._characters += len(message.text)
        self.ms += message.ms

    def first(self) -> Outgoing | None:
        """The oldest, which stays here until it is dropped."""
        return self._messages[0] if self._messages else None

    def drop_first(self) -> None:
        """The oldest has been sent."""
        message = self._messages.popleft()
        self._characters -= len(message.text)
        self.ms -= message.ms

"""A session as one connection has it in hand."""

from __future__ import annotations

from typing import Protocol

from greenroom.audio.pcm import Pcm
from greenroom.duplex.ports import ChatClient


class Talk(Protocol):
    """What a connection does with the session that it speaks in."""

    def hear(self, pcm: Pcm) -> None:
        """See LiveSession."""
        ...

    def type(self, text: str) -> None:
        """See LiveSession."""
        ...

    def end_turn(self) -> None:
        """See LiveSession."""
        ...

    def set_paused(self, paused: bool) -> None:
        """See LiveSession."""
        ...

    def restart(self) -> None:
        """See LiveSession."""
        ...

    def lose(self, *, finished: bool) -> None:
        """Its connection is gone."""
        ...

    def is_connected(self, connection: Connection) -> bool:
        """Whether the session has this connection, and has not ended."""
        ...


class Connection:
    """See `ports.LiveSession`. Once another has its place it does nothing any more."""

    def __init__(self, client: ChatClient, talk: Talk) -> None:
        self.client = client
        self._talk = talk

    def hear(self, pcm: Pcm) -> None:
        """See LiveSession."""
        if self._talk.is_connected(self):
            self._talk.hear(pcm)

    def type(self, text: str) -> None:
        """See LiveSession."""
        if self._talk.is_connected(self):
            self._talk.type(text)

    def end_turn(self) -> None:
        """See LiveSession."""
        if self._talk.is_connected(self):
            self._talk.end_turn()

    def set_paused(self, paused: bool) -> None:
        """See LiveSession."""
        if self._talk.is_connected(self):
            self._talk.set_paused(paused)

    def restart(self) -> None:
        """See LiveSession."""
        if self._talk.is_connected(self):
            self._talk.restart()

    def leave(self, *, finished: bool) -> None:
        """See LiveSession."""
        if self._talk.is_connected(self):
            self._talk.lose(finished=finished)

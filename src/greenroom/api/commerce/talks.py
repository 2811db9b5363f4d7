"""The talks of this process: who holds which session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from greenroom.api.live_sockets import GONE_TIMEOUT, wait_at_most
from greenroom.sessions.model import EndReason

if TYPE_CHECKING:
    from greenroom.api.commerce.talk import Talk


class Talks:
    """Every talk, by its session; the latest holds it."""

    def __init__(self) -> None:
        self._talks: set[Talk] = set()
        self._holders: dict[str, Talk] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._talks)

    def get(self, session_id: str) -> Talk | None:
        """Who holds a session here."""
        return self._holders.get(session_id)

    def add(self, talk: Talk) -> None:
        """A talk holds its session from now on."""
        self._talks.add(talk)
        self._holders[talk.session_id] = talk
        self._empty.clear()

    def remove(self, talk: Talk) -> None:
        """A talk is done."""
        self._talks.discard(talk)
        if self._holders.get(talk.session_id) is talk:
            del self._holders[talk.session_id]
        if not self._talks:
            self._empty.set()

    async def wait_gone(self, session_id: str) -> None:
        """Return when nobody here holds the session any more, or after GONE_TIMEOUT."""
        talk = self._holders.get(session_id)
        if talk is not None:
            await wait_at_most(talk.gone, GONE_TIMEOUT)

    async def drain(self, seconds: float) -> None:
        """Give the talks `seconds` to end by themselves, then end them."""
        await wait_at_most(self._empty, seconds)
        for talk in tuple(self._talks):
            talk.stop(EndReason.DRAINED)
        await wait_at_most(self._empty, GONE_TIMEOUT)

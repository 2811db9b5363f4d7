"""Which live sessions this process runs, and which of its active ones nobody runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from greenroom.sessions.clock import Clock
from greenroom.sessions.model import EndReason

Stop = Callable[[EndReason], None]
"""Ends a live session from outside; a plain call that must be quick."""

_log = logging.getLogger(__name__)


class Holders:
    """The holders of this process, by session id, and the sessions that are active on this node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._holds: dict[str, Stop] = {}
        # Active sessions of this node, and since when nobody holds them (None: somebody does).
        self._active: dict[str, float | None] = {}
        # Those that another node is to take up, and since when.
        self._given_away: dict[str, float] = {}
        self._free = asyncio.Event()
        self._free.set()

    def hold(self, session_id: str, stop: Stop) -> Callable[[], None]:
        """Make `stop` the way to stop a session; return what undoes that.

        Whoever held the session before is stopped with REPLACED.
        """
        before = self._holds.get(session_id)
        # An object of this hold's own, since a release must not undo another's hold.
        mine = partial(stop)
        self._holds[session_id] = mine
        self._free.clear()
        if session_id in self._active:
            self._active[session_id] = None
        if before is not None:
            _tell(before, EndReason.REPLACED)

        def release() -> None:
            if self._holds.get(session_id) is mine:
                del self._holds[session_id]
                if not self._holds:
                    self._free.set()
                if session_id in self._active:
                    self._active[session_id] = self._clock.time()

        return release

    def stop(self, session_id: str, reason: EndReason) -> bool:
        """Stop a session that is held here; False for one that isn't."""
        hold = self._holds.get(session_id)
        if hold is None:
            return False
        _tell(hold, reason)
        return True

    def activated(self, session_id: str) -> None:
        """Take note that a session is active on this node."""
        self._active[session_id] = None if session_id in self._holds else self._clock.time()
        self._given_away.pop(session_id, None)

    def give_away(self, session_id: str) -> None:
        """Take note that another node is to take a session up."""
        self._active.pop(session_id, None)
        self._given_away[session_id] = self._clock.time()

    def ended(self, session_id: str) -> None:
        """Take note that a session has ended, or is another node's."""
        self._active.pop(session_id, None)
        self._given_away.pop(session_id, None)

    def held(self) -> list[str]:
        """Return the ids of the sessions that are held here."""
        return list(self._holds)

    def active(self) -> list[str]:
        """Return the ids of the sessions that are active on this node, held or not."""
        return list(self._active)

    async def wait_free(self, seconds: float) -> bool:
        """Wait until nothing is held here; False if something still is after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._free.wait()
        except TimeoutError:
            return False
        return True

    def is_known(self, session_id: str) -> bool:
        """Whether this boot has started the session or holds it."""
        return session_id in self._active or session_id in self._holds

    def left_before(self, time: float) -> list[str]:
        """Return the ids of active sessions that nobody has held since before a monotonic time."""
        return [id_ for id_, since in self._active.items() if since is not None and since < time]

    def given_away_before(self, time: float) -> list[str]:
        """Return the ids of sessions that were given away before then and not taken, as far as is
        known here."""
        return [id_ for id_, since in self._given_away.items() if since < time]


def _tell(stop: Stop, reason: EndReason) -> None:
    try:
        stop(reason)
    except Exception:  # noqa: BLE001 - its fault must not harm who asks: the bus, or upkeep
        _log.exception("the holder of a session failed to stop it")

"""What a command does of upkeep: beside the servers, or where none of them runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from greenroom.sessions import overdue
from greenroom.sessions.clock import Clock
from greenroom.sessions.model import Session
from greenroom.sessions.operations import write_batch
from greenroom.sessions.overdue import Overdue, Waits
from greenroom.sessions.store import Store
from greenroom.sessions.upkeep import INTERVAL, NODE_LOST_AFTER

LOOK_AGAIN_AFTER = INTERVAL + 1.0
"""Seconds in which every node that is alive gives a sign of life."""

_AT_ONCE = 100


async def find_overdue(store: Store, waits: Waits, clock: Clock) -> list[Overdue]:
    """Return the sessions that have never started in time, and those whose node is lost.

    What a running server finds in its own memory is not among them: sessions that nobody holds any
    more. Takes six seconds where a node seems to be lost, or raises StorageUnavailable.
    """
    found = await store.read(partial(overdue.never_started, now=clock.now(), waits=waits))
    lost = await _on_lost_nodes(store, clock)
    if lost:
        # While the database was away no node could give a sign of life; now each had the time.
        await clock.sleep(LOOK_AGAIN_AFTER)
        before = {one.session_id for one in lost}
        found += [one for one in await _on_lost_nodes(store, clock) if one.session_id in before]
    return found


async def end_overdue(store: Store, found: Sequence[Overdue], clock: Clock) -> list[Session]:
    """End those that still are what they were found to be; return all that have ended by then.

    Whoever holds one after all is told by his own upkeep. Raises StorageUnavailable.
    """
    ended: list[Session] = []
    for first in range(0, len(found), _AT_ONCE):
        endings = [one.ending(clock.now()) for one in found[first : first + _AT_ONCE]]
        # Without a mark: an end that was written is not written again.
        write = partial(write_batch, batch=endings, mark=None, again=False)
        ended += [
            outcome.session
            for outcome in await store.write(write)
            if outcome is not None and outcome.session is not None and outcome.session.ended
        ]
    return ended


async def _on_lost_nodes(store: Store, clock: Clock) -> list[Overdue]:
    silent_since = clock.now() - timedelta(seconds=NODE_LOST_AFTER)
    return await store.read(partial(overdue.on_lost_nodes, silent_since=silent_since))

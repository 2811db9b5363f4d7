"""The cyclic garbage collector, set so that it never makes a frame of sound late."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 10_000
"""New objects before the youngest are looked at: a pass of about half a millisecond."""
YOUNG_PASSES = 20
MIDDLE_PASSES = 20


def tune_garbage_collector() -> None:
    """Take what is alive now out of every later collection, and make those rarer.

    Call it once, when start-up is over. The interpreter's default (700 new objects, 10, 10) walks
    everything that was imported, several hundred thousand objects, in each full collection: a pause
    of 100 ms or more, in which every session is late at once. Frozen, those objects are not walked
    again. What a talk leaves in cycles is still found, by passes over what is new.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_PASSES, MIDDLE_PASSES)

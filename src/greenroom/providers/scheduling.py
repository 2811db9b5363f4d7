"""What some libraries do to the threads that call them, undone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextmanager
def kept_scheduling() -> Iterator[None]:
    """Keep the calling thread's scheduling policy, and give it to threads that begin meanwhile.

    SVT-AV1, where it may (as root), makes the thread that opens an encoder and the encoder's own
    threads real-time ones of the highest priority, for good: they, and every process that they
    start, would keep all other threads from the CPU. Where there is no such thing as a policy
    nothing is done.
    """
    if not hasattr(os, "sched_setscheduler") or not _THREADS.exists():
        yield
        return
    policy, parameter, before = os.sched_getscheduler(0), os.sched_getparam(0), _threads()
    try:
        yield
    finally:
        for thread in {0} | _threads() - before:
            with suppress(OSError):  # it has ended already
                if os.sched_getscheduler(thread) != policy:
                    os.sched_setscheduler(thread, policy, parameter)


def _threads() -> set[int]:
    return {int(task.name) for task in _THREADS.iterdir()}

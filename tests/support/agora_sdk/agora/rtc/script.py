"""Not part of the SDK: what the stand-in does, and what was done to it."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS: list[tuple[str, dict[str, Any]]] = []
"""Every call, oldest first, of all connections of this process."""
VIOLATIONS: list[str] = []
"""Calls that the SDK's rules forbid."""
INITIALIZE_RETURNS = [0]
GATE = threading.Event()
"""Pushes of a channel with `gate` wait for it: a slow SDK."""
WAITING = threading.Event()
"""A push waits for the gate."""

_lock = threading.Lock()
_file = os.environ.get("AGORA_STAND_IN_RECORD")


def record(call: str, **arguments: Any) -> None:
    if threading.current_thread() is CALLBACKS.thread:
        VIOLATIONS.append(f"{call} was called within a callback")
        call = "violation"
    with _lock:
        CALLS.append((call, arguments))
        if _file:
            with Path(_file).open("a") as file:
                file.write(json.dumps([call, arguments], default=repr) + "\n")


def parse(token: str) -> dict[str, float]:
    """What a token asks for; a word without a number is 1, and words that it doesn't know: 1."""
    words = (word.partition("=") for word in token.split(","))
    return {name: float(value or 1) for name, _, value in words}


class _Callbacks:
    """The thread on which observers are called, one after the other."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run, name="sdk callbacks", daemon=True)
        self.thread.start()

    def post(self, call: Callable[..., object], *arguments: object) -> None:
        self._queue.put(lambda: call(*arguments))

    def _run(self) -> None:
        while True:
            self._queue.get()()


CALLBACKS = _Callbacks()

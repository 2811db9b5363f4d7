"""What a venue is handed in one turn of the event loop, taken together: it plays at one time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.rooms.ports import EncodedFrame

Deliver: TypeAlias = Callable[[Pcm, Sequence[EncodedFrame]], None]
"""Takes a turn's sound (may be empty) and its pictures. Called on the event loop."""


class Turns:
    """Collects sound and pictures, and delivers them when the turn is over. Its owner closes it."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._sound: list[Pcm] = []
        self._pictures: list[EncodedFrame] = []
        self._end: asyncio.Handle | None = None
        self._closed = False

    def play(self, pcm: Pcm) -> None:
        """Sound of this turn."""
        if len(pcm) and not self._closed:
            # A copy: whoever hands the samples over may use their place again.
            self._sound.append(pcm.copy())
            self._end_later()

    def show(self, frame: EncodedFrame) -> None:
        """A picture of this turn."""
        if not self._closed:
            self._pictures.append(frame)
            self._end_later()

    def flush(self) -> None:
        """This turn's sound is not heard after all."""
        self._sound.clear()

    def finish(self) -> None:
        """The turn is over now; nothing is taken any more. Harmless twice."""
        self._closed = True
        if self._end is not None:
            self._end.cancel()
            self._end_now()

    def close(self) -> None:
        """Deliver nothing any more. Harmless twice."""
        self._closed = True
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _end_later(self) -> None:
        if self._end is None:
            self._end = self._loop.call_soon(self._end_now)

    def _end_now(self) -> None:
        self._end = None
        sound = np.concatenate(self._sound) if self._sound else EMPTY
        pictures = self._pictures
        self._sound, self._pictures = [], []
        self._deliver(sound, pictures)

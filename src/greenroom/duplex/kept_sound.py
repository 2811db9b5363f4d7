"""What the user has said so far, for the case that another server has to be told it again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from greenroom.audio.pcm import Pcm
from greenroom.duplex.ports import DUPLEX_RATE


class KeptSound:
    """The last `seconds` of a sound. Of too much the oldest is forgotten: there are no holes."""

    def __init__(self, seconds: float) -> None:
        self._limit = seconds * DUPLEX_RATE
        self._pieces: deque[Pcm] = deque()
        self._samples = self._forgotten = 0

    def add(self, pcm: Pcm) -> None:
        """The next samples."""
        self._pieces.append(pcm)
        self._samples += len(pcm)
        while self._samples > self._limit:
            self._drop()

    def clear(self) -> None:
        """Forget everything."""
        while self._pieces:
            self._drop()

    @property
    def began(self) -> float:
        """Where in the whole sound the first piece that is kept begins, in seconds."""
        return self._forgotten / DUPLEX_RATE

    def __iter__(self) -> Iterator[Pcm]:
        return iter(tuple(self._pieces))

    def _drop(self) -> None:
        dropped = len(self._pieces.popleft())
        self._samples -= dropped
        self._forgotten += dropped

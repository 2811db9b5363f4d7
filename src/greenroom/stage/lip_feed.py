"""What lip sync still has to hear, so that each request for a picture brings just what is new."""

from __future__ import annotations

import numpy as np

from greenroom.audio.hearing import join
from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.avatar.formats import LOOK_AHEAD


class LipFeed:
    """Sound in media time, in samples at LIP_SYNC_RATE.

    A lip reader that was asked for a picture has taken what it was not given, up to LOOK_AHEAD
    beyond that picture, for silence for good. So sound that begins after silence is announced by a
    cut, which takes that silence back; and what comes too late otherwise is left out.
    """

    def __init__(self) -> None:
        self._position = 0
        """The number of the sample that the reader takes next."""
        self._pending: list[Pcm] = []
        self._pending_samples = 0

    def cut(self, at: int) -> None:
        """What is to be heard from sample `at` on is not heard after all."""
        pending = join(self._pending)[: max(0, at - self._position)]
        self._pending, self._pending_samples = [pending], len(pending)
        self._position = min(self._position, at)

    def hear(self, at: int, pcm: Pcm) -> None:
        """Sound that is heard from sample `at` on. Before it, where nothing was given: silence."""
        end = self._position + self._pending_samples
        if at > end:
            self._keep(np.zeros(at - end, np.int16))
        self._keep(pcm[max(0, end - at) :])

    def take(self, picture_end: int) -> Pcm:
        """All that was not handed over, for a request for the picture that ends there."""
        pcm = join(self._pending) if self._pending_samples else EMPTY
        self._position = max(self._position + len(pcm), picture_end + LOOK_AHEAD)
        self._pending, self._pending_samples = [], 0
        return pcm

    def _keep(self, pcm: Pcm) -> None:
        if len(pcm):
            self._pending.append(pcm)
            self._pending_samples += len(pcm)

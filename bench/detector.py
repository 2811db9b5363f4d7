"""Voice activity alone: the harness as in `floor.py`, and Greenroom's detector fed by it.

In `bench`:

../.venv/bin/python detector.py load --n 25
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence

import numpy as np

import floor
import harness as h
import measures
from greenroom.app.garbage import tune_garbage_collector
from greenroom.audio.voice_activity import VoiceActivity


class Session(floor.Session):
    """What the floor does, and a microphone of the detector."""

    def __init__(self, detector: VoiceActivity, user: h.User, phase: float, reply_s: float) -> None:
        super().__init__(user, phase, reply_s)
        self.stream = detector.open(_ignore)

    async def deliver(self, i: int, pcm: bytes, due: float) -> None:
        await super().deliver(i, pcm, due)
        self.stream.feed(np.frombuffer(pcm, np.int16))


class Detector:
    """The system under test."""

    name = "detector"
    version = importlib.metadata.version("greenroom")

    def __init__(self) -> None:
        self._detector = VoiceActivity()

    def create(self, user: h.User, *, phase: float, reply_s: float) -> Session:
        return Session(self._detector, user, phase, reply_s)

    async def start(self, _sessions: Sequence[Session]) -> None:
        tune_garbage_collector()

    async def stop(self, sessions: Sequence[Session]) -> None:
        for session in sessions:
            session.stream.close()
        await self._detector.close()


def _ignore(_probability: float, _end: int) -> None:
    pass


if __name__ == "__main__":
    measures.run(measures.arguments(__doc__, ["silero"]).parse_args(), Detector)

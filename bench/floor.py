"""The harness alone: what feeders and paced sinks cost with no framework in between. In `bench`,

../.venv/bin/python floor.py load --n 25
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence

import harness as h
import measures


class Session:
    """Frames go through a queue; the end of an utterance starts the sink."""

    def __init__(self, user: h.User, phase: float, reply_s: float) -> None:
        self.log = h.SessionLog()
        self.feeder = h.Feeder(user, self.deliver, phase)
        self._user, self._reply_s = user, reply_s
        self._sink = h.PacedSink(self.log)
        self._frames: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue()
        self._speaking = False

    async def deliver(self, i: int, pcm: bytes, due: float) -> None:
        self._frames.put_nowait((pcm, due))
        _, due = self._frames.get_nowait()
        self.log.input_late.add(time.monotonic() - due)
        self.log.frames_heard += 1
        speaking = self._user.speaking(i)
        if self._speaking and not speaking:
            self.log.mark("vad_stop")
            self.log.first_audio()
            self._sink.begin()
            self._sink.push(self._reply_s)
        self._speaking = speaking


class Floor:
    """Stands where a framework would."""

    name = "floor"
    version = ""

    def create(self, user: h.User, *, phase: float, reply_s: float) -> Session:
        return Session(user, phase, reply_s)

    async def start(self, sessions: Sequence[Session]) -> None:
        pass

    async def stop(self, sessions: Sequence[Session]) -> None:
        pass


def main(a: argparse.Namespace) -> None:
    measures.run(a, Floor)


if __name__ == "__main__":
    main(measures.arguments(__doc__, ["none"]).parse_args())

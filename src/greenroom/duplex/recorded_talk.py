"""A talk on the record: the person as they are heard, the AI as they hear it."""

from __future__ import annotations

from collections import deque

from greenroom.audio.pcm import Pcm
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.rooms.recording.recording import Recording


class RecordedTalk:
    """Hands a talk's sound to its recording. What the listener was spared is not on the record.

    The AI's voice may come before it is heard: it waits here until then, so that a flush can take
    it back. The owner closes it.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._ahead: deque[tuple[Pcm, float]] = deque()
        self._ends = 0.0
        recording.poll_by(self._look)

    def user(self, pcm: Pcm) -> None:
        """The person's sound that was heard by now."""
        self._recording.user(pcm, DUPLEX_RATE)

    def voice(self, pcm: Pcm) -> None:
        """The AI's sound that is heard from now on, behind what came before."""
        self._ends = max(self._ends, self._recording.position) + len(pcm) / DUPLEX_RATE
        self._ahead.append((pcm, self._ends))

    def flush(self) -> None:
        """What has not been heard by now never will be."""
        self._look()
        if self._ahead:
            now = self._recording.position
            pcm, ends = self._ahead[0]
            heard = len(pcm) - round((ends - now) * DUPLEX_RATE)
            if heard > 0:
                self._recording.agent(pcm[:heard], DUPLEX_RATE)
        self._ahead.clear()
        self._ends = 0.0

    async def close(self) -> None:
        """End the record."""
        self.flush()
        await self._recording.close()

    def _look(self) -> None:
        now = self._recording.position
        while self._ahead and self._ahead[0][1] <= now:
            pcm, ends = self._ahead.popleft()
            self._recording.agent(pcm, DUPLEX_RATE, ended=ends)

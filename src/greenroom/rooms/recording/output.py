"""What an agent says and shows, on the record as it is heard and seen."""

from __future__ import annotations

from collections import deque

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.conversation.ports import AudioOutput
from greenroom.rooms.ports import EncodedFrame, VideoTrack
from greenroom.rooms.recording.recording import Recording

GRAIN = 0.025
"""Seconds by which a listener's position may be late, as it goes on in packets."""


class RecordedOutput:
    """A `conversation.ports.AudioOutput` that passes everything on to another and records it.

    On the record is what the listener has heard, when they heard it: what was cut is not. How far
    the listener is, the other output says; it is asked at every look of the recording, and before
    every call that changes it.
    """

    def __init__(self, output: AudioOutput, recording: Recording) -> None:
        self._output = output
        self._recording = recording
        self._reply = ""
        self._rate = 1
        self._unheard: deque[Pcm] = deque()
        self._written = 0
        self._heard = 0
        self._looked = recording.position
        self._playing = False
        recording.poll_by(self._look)

    def begin(self, reply_id: str, turn_id: str, rate: int) -> None:
        """See the port."""
        self._look()
        self._output.begin(reply_id, turn_id, rate)
        self._reply, self._rate = reply_id, rate
        self._unheard.clear()
        self._written = self._heard = 0
        self._playing = False

    def write(self, reply_id: str, sentence: int, pcm: Pcm, *, last: bool) -> None:
        """See the port."""
        if reply_id == self._reply and len(pcm):
            self._look()
            self._unheard.append(pcm)
            self._written += len(pcm)
        self._output.write(reply_id, sentence, pcm, last=last)

    def end(self, reply_id: str) -> None:
        """See the port."""
        self._output.end(reply_id)

    def pause(self) -> None:
        """See the port."""
        self._look()
        self._output.pause()

    def resume(self) -> None:
        """See the port."""
        self._look()
        self._output.resume()

    def flush(self) -> float:
        """See the port."""
        self._look()
        played = self._output.flush()
        self._record(played)
        self._reply = ""
        self._unheard.clear()
        self._written = self._heard
        return played

    def played_ms(self) -> float:
        """See the port."""
        return self._output.played_ms()

    def first_times(self) -> tuple[float | None, float | None]:
        """See the port."""
        return self._output.first_times()

    async def wait_until_ahead(self, ms: float) -> None:
        """See the port."""
        await self._output.wait_until_ahead(ms)

    def _look(self) -> None:
        self._record(self._output.played_ms())

    def _record(self, played_ms: float) -> None:
        """Put on the record what was heard since the last look."""
        recording, now = self._recording, self._recording.position
        before, self._looked = self._looked, now
        position = min(self._written, round(played_ms * self._rate / 1000))
        heard = position - self._heard
        if heard <= 0:
            self._playing = self._playing and now - before < GRAIN
            return
        length = heard / self._rate
        went_on = length >= now - before - GRAIN
        ended = now
        if not went_on:
            if self._playing:
                ended = before + length  # it played on, and then ran dry
            elif position == self._written:
                # It began since the last look, and ran dry.
                ended = self._began_at(before, now - length) + length
        self._playing = went_on or ended == now
        self._heard = position
        recording.agent(self._take(heard), self._rate, ended=ended)

    def _began_at(self, before: float, latest: float) -> float:
        """The position at which the listener began to hear what is all heard by now."""
        first = self._output.first_times()[1] if not self._heard else None
        if first is None:
            return before
        return min(max(self._recording.position_of(first), before), latest)

    def _take(self, samples: int) -> Pcm:
        taken = []
        while samples > 0:
            pcm = self._unheard.popleft()
            if len(pcm) > samples:
                self._unheard.appendleft(pcm[samples:])
                pcm = pcm[:samples]
            taken.append(pcm)
            samples -= len(pcm)
        return taken[0] if len(taken) == 1 else np.concatenate(taken)


class RecordedVideo:
    """A `rooms.ports.VideoTrack` that passes everything on to another and records it."""

    def __init__(self, track: VideoTrack, recording: Recording) -> None:
        self._track = track
        self._recording = recording

    @property
    def sid(self) -> str:
        """See the port."""
        return self._track.sid

    def write(self, frame: EncodedFrame) -> None:
        """See the port."""
        self._track.write(frame)
        self._recording.video(frame)

    @property
    def keyframe_wanted(self) -> bool:
        """Whether a viewer, or the record, can't go on without one."""
        return self._track.keyframe_wanted or self._recording.keyframe_wanted

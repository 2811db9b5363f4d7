"""A recording as a venue: what an avatar says and shows, in a file; its user's side is silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.providers.clock import Clock
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.recording.placement import RATE
from greenroom.rooms.recording.recording import AGENT_TOLERANCE, Recording
from greenroom.rooms.recording.service import Recordings
from greenroom.rooms.recording.video import PictureTimes, VideoFormat
from greenroom.rooms.turns import Turns
from greenroom.rooms.venue import VENUE_RATE, VenuePicture


class RecordingVenue:
    """A `rooms.venue.Venue`. Its owner closes it, which completes the file.

    A disk that fails or is full ends the record and not the session, so a recording is never
    `gone`.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._turns = Turns(self._deliver)
        self._times = PictureTimes()
        self._heard = 0

    @classmethod
    def begin(
        cls,
        recordings: Recordings,
        session_id: str,
        settings: Mapping[str, Any],
        picture: VenuePicture,
        *,
        clock: Clock,
    ) -> RecordingVenue | None:
        """Record a session from now on. None where recording is off or the session opts out."""
        video = VideoFormat(picture.codec, picture.width, picture.height)
        recording = recordings.begin(session_id, settings, clock=clock, video=video)
        return cls(recording) if recording is not None else None

    @property
    def name(self) -> str:
        """As the port says."""
        return "recording"

    @property
    def keyframe_wanted(self) -> bool:
        """As the port says."""
        return self._recording.keyframe_wanted

    def play(self, pcm: Pcm) -> None:
        """As the port says."""
        self._turns.play(pcm)

    def show(self, frame: EncodedFrame) -> None:
        """As the port says."""
        self._turns.show(frame)

    def flush(self) -> None:
        """As the port says."""
        self._turns.flush()

    async def close(self) -> None:
        """As the port says: complete the file."""
        self._turns.finish()
        await self._recording.close()

    def _deliver(self, sound: Pcm, pictures: Sequence[EncodedFrame]) -> None:
        """Record what is heard and seen at the same time."""
        now = self._recording.position
        places = [self._times.place(frame.time, now) for frame in pictures]
        for frame in pictures:
            self._recording.video(frame)
        if len(sound):
            self._record(sound, next((place for place in places if place is not None), now))

    def _record(self, sound: Pcm, begins: float) -> None:
        # A gap so short would be closed by the recording, which can't know that the pictures go
        # on: the lips would come late from then on.
        start = max(round(begins * RATE), self._heard)
        end = start + len(sound)
        if start - self._heard <= AGENT_TOLERANCE * RATE:
            sound = np.concatenate((np.zeros(start - self._heard, np.int16), sound))
        self._heard = end
        self._recording.agent(sound, VENUE_RATE, ended=end / RATE)

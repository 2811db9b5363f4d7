"""One user's sound as it comes in: kept a while, judged window by window, silence if it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import numpy as np

from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.audio.speech_gate import SpeechGate
from greenroom.conversation.history import SampleHistory
from greenroom.providers.clock import Clock, Timer
from greenroom.settings import TurnSettings

ProbabilityListener = Callable[[float, int], None]
"""`(probability, end_sample)` of a window's being voice."""

WindowListener = Callable[[bool, int, int, int], None]
"""`(speaking, onset, voiced_until, end)`, in samples: the speech gate's verdict on a window."""

LONGEST_PIECE = 1.0
"""Seconds. A client that sends so much at once sends the next piece that much later."""

WINDOW = 512
"""Samples; what the detector judges at once. Less than that stays unjudged."""

MARGIN = 1_024
"""Samples kept beyond what a turn may reach back: two windows of the detector."""


class VoiceActivityStream(Protocol):
    """One microphone's place in the process's voice activity detection."""

    def feed(self, pcm: Pcm) -> None:
        """Take the next 16 kHz samples."""
        ...

    def close(self) -> None:
        """No callback comes after this."""
        ...


class VoiceActivityDetector(Protocol):
    """Tells voice from other sound, for all sessions of the process."""

    def open(self, on_probability: ProbabilityListener, /) -> VoiceActivityStream:
        """`on_probability` is called on the event loop for each window, in order."""
        ...


class Microphone:
    """Counts the samples of a session: they are its clock.

    While it is watched (a turn is open), sound that doesn't come counts as silence: who stops
    sending has stopped talking.
    """

    __slots__ = (
        "_caught_up",
        "_clock",
        "_expected_until",
        "_gate",
        "_heard_at",
        "_judged",
        "_keep",
        "_on_window",
        "_padding",
        "_sound",
        "_starvation",
        "_stream",
        "_timer",
    )

    def __init__(
        self,
        detector: VoiceActivityDetector,
        turns: TurnSettings,
        clock: Clock,
        on_window: WindowListener,
    ) -> None:
        self._clock = clock
        self._on_window = on_window
        self._gate = SpeechGate(turns)
        self._sound = SampleHistory()
        self._keep = samples_of(turns.pre_roll_ms + turns.min_speech_ms) + MARGIN
        self._starvation = turns.starvation_ms / 1000
        self._heard_at = self._expected_until = clock.time()
        self._timer: Timer | None = None
        self._judged = 0
        self._padding = 0
        self._caught_up: asyncio.Event | None = None
        self._stream = detector.open(self._on_probability)

    @property
    def end(self) -> int:
        """The number that the next sample will have."""
        return self._sound.end

    @property
    def padding(self) -> int:
        """The samples so far that were silence put in the place of sound that didn't come."""
        return self._padding

    def hear(self, pcm: Pcm) -> None:
        """Take the next 16 kHz samples."""
        self._heard_at = now = self._clock.time()
        self._expected_until = now + min(len(pcm) / HEARING_RATE, LONGEST_PIECE)
        self._sound.append(pcm)
        self._stream.feed(pcm)

    def read(self, start: int, end: int) -> Pcm:
        """A copy of the samples from `start` to `end`."""
        return self._sound.read(start, end)

    def time_of(self, sample: int) -> float:
        """When a sample came in, by the clock, had all come at the pace of speech."""
        return self._heard_at - (self._sound.end - sample) / HEARING_RATE

    def watch(self) -> None:
        """From now on, put silence where no sound comes."""
        if self._timer is None:
            self._timer = self._clock.call_at(self._expected_until + self._starvation, self._starve)

    def unwatch(self) -> None:
        """Leave it again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def catch_up(self) -> None:
        """Return when all the sound that has come is judged."""
        if self._sound.end - self._judged >= WINDOW:
            self._caught_up = self._caught_up or asyncio.Event()
            await self._caught_up.wait()

    def close(self) -> None:
        """No window is judged any more."""
        self.unwatch()
        self._stream.close()

    def _starve(self) -> None:
        self._timer = None
        now = self._clock.time()
        # Before the silence: the turn that it ends stops the watch.
        due = self._expected_until + self._starvation
        self._timer = self._clock.call_at(
            due if due > now else now + self._starvation, self._starve
        )
        if now >= due:
            missing = round((now - self._heard_at) * HEARING_RATE)
            self._heard_at = self._expected_until = now
            self._padding += missing
            silence = np.zeros(missing, np.int16)
            self._sound.append(silence)
            self._stream.feed(silence)

    def _on_probability(self, probability: float, end: int) -> None:
        gate = self._gate
        speaking = gate.update(probability, end)
        self._on_window(speaking, gate.onset, gate.voiced_until, end)
        self._sound.forget_before(end - self._keep)
        self._judged = end
        if self._caught_up is not None and self._sound.end - end < WINDOW:
            self._caught_up.set()
            self._caught_up = None

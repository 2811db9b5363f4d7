"""The end that all decoders share: any rate and number of channels in, 16 kHz mono out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from greenroom.audio.pcm import EMPTY, HEARING_RATE, Pcm
from greenroom.audio.resample import Resampler
from greenroom.errors import InvalidInput

AUDIO = "data.audio"
"""The wire's name of what decoders decode."""

MAX_SECONDS = 120
"""Sound that one call may give: a small message can hold hours of compressed silence."""


class Hearing:
    """Resamples what a decoder finds, and bounds it."""

    def __init__(self) -> None:
        self._rate = HEARING_RATE
        self._resampler = Resampler(HEARING_RATE, HEARING_RATE)
        self._seconds = 0.0

    def begin_call(self) -> None:
        """A new message: it may hold MAX_SECONDS."""
        self._seconds = 0.0

    def take(self, pcm: Pcm, rate: int) -> Pcm:
        """Samples at `rate` in, what is ready at 16 kHz out. Raises InvalidInput for too much."""
        self._seconds += len(pcm) / rate
        if self._seconds > MAX_SECONDS:
            problem = f"more than {MAX_SECONDS} s of sound in one message"
            raise InvalidInput(AUDIO, problem, "send it in pieces")
        if rate == self._rate:
            return self._resampler.process(pcm)
        rest = self.flush()
        self._rate, self._resampler = rate, Resampler(rate, HEARING_RATE)
        return join([rest, self._resampler.process(pcm)])

    def flush(self) -> Pcm:
        """What the resampler holds."""
        return self._resampler.flush()


def join(parts: list[Pcm]) -> Pcm:
    """All of them, one after another."""
    full = [part for part in parts if len(part)]
    if len(full) == 1:
        return full[0]
    return np.concatenate(full) if full else EMPTY


def mono_of_integers(samples: npt.NDArray[np.int16]) -> Pcm:
    """The mean of the channels of int16 samples, shape (n, channels)."""
    if samples.shape[1] == 1:
        return samples[:, 0].astype(np.int16, copy=False)
    mean: Pcm = (samples.sum(axis=1, dtype=np.int32) // samples.shape[1]).astype(np.int16)
    return mean


def mono_of_floats(samples: npt.NDArray[np.float32]) -> Pcm:
    """The mean of the channels of samples between -1 and 1, shape (n, channels).

    Beyond that they are clipped; what is not a number is silence.
    """
    mean = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    scaled = np.rint(np.nan_to_num(mean, posinf=1.0, neginf=-1.0) * 32_767)
    clipped: Pcm = np.clip(scaled, -32_768, 32_767).astype(np.int16)
    return clipped

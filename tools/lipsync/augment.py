"""What happens to a voice on its way to us: rooms, microphones, lines, noise, and gain."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE

Sound = npt.NDArray[np.float32]
"""Samples at LIP_SYNC_RATE, full scale 1."""
Gains = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""Of each frequency (Hz)."""


def spoil(pcm: Pcm, rng: np.random.Generator) -> Pcm:
    """One way or another, as long as before and at the same time."""
    sound = pcm.astype(np.float32) / 32768
    if rng.random() < 0.35:
        sound = _room(sound, rng)
    sound = _colour(sound, rng)
    if rng.random() < 0.25:
        sound = telephone(sound, rng.uniform(50, 350), rng.uniform(3000, 3900))
    sound /= max(float(np.abs(sound).max()), 1e-6)
    if rng.random() < 0.6:
        sound = sound + noise(len(sound), rng) * 10 ** (-rng.uniform(8, 45) / 20)
    if rng.random() < 0.1:
        sound = _companded(sound)
    return louder(sound, rng)


def louder(sound: Sound, rng: np.random.Generator) -> Pcm:
    """At a gain that somebody may have: most at a usual one, some whisper, some clip."""
    peak_db = rng.choice([rng.uniform(-14, -1), rng.uniform(-50, -14), rng.uniform(-1, 8)],
                         p=[0.6, 0.3, 0.1])  # fmt: skip
    scaled = sound * 10 ** (peak_db / 20) * 32767
    return np.clip(np.round(scaled), -32768, 32767).astype(np.int16)


def noise(samples: int, rng: np.random.Generator) -> Sound:
    """Hiss of some colour, hum, bangs or music, with peaks at about full scale."""
    kind = rng.random()
    if kind < 0.6:
        sound = _shape(rng.standard_normal(samples), rng.uniform(-1.5, 0.3))
    elif kind < 0.7:
        t = np.arange(samples) / LIP_SYNC_RATE
        hum = sum(np.sin(2 * np.pi * 50 * k * t) / k for k in (1, 2, 3, 5, 7))
        sound = hum + 0.1 * rng.standard_normal(samples)
    elif kind < 0.8:
        sound = _bangs(samples, rng)
    else:
        sound = music(samples, rng)
    return (sound / max(float(np.abs(sound).max()), 1e-6)).astype(np.float32)


def music(samples: int, rng: np.random.Generator) -> Sound:
    """Chords of decaying tones, with or without a beat."""
    sound = np.zeros(samples)
    beat = int(rng.uniform(0.2, 0.6) * LIP_SYNC_RATE)
    root = rng.uniform(50, 64)
    for start in range(0, samples, beat):
        t = np.arange(min(2 * beat, samples - start)) / LIP_SYNC_RATE
        for step in rng.choice([0, 3, 4, 5, 7, 9, 12, 16, 19], size=3, replace=False):
            pitch = 440 * 2 ** ((root + step - 69) / 12)
            for harmonic in range(1, 9):
                if harmonic * pitch < 7000:
                    tone = np.sin(2 * np.pi * harmonic * pitch * t + rng.uniform(0, 6))
                    sound[start : start + len(t)] += tone * np.exp(-3 * t) / harmonic
        if rng.random() < 0.5:
            hit = rng.standard_normal(len(t)) * np.exp(-40 * t)
            sound[start : start + len(t)] += 2 * hit
    return sound.astype(np.float32)


def _bangs(samples: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    sound = 0.02 * rng.standard_normal(samples)
    for start in rng.integers(0, samples, size=1 + samples // LIP_SYNC_RATE):
        t = np.arange(min(4000, samples - start)) / LIP_SYNC_RATE
        bang = rng.standard_normal(len(t)) * np.exp(-rng.uniform(15, 120) * t)
        sound[start : start + len(t)] += bang
    return sound


def _filtered(sound: npt.NDArray[np.floating], gains: Gains) -> Sound:
    """Through a filter of linear phase."""
    size = 1 << (len(sound) - 1).bit_length()
    frequencies = np.maximum(np.fft.rfftfreq(size, 1 / LIP_SYNC_RATE), 1)
    filtered = np.fft.irfft(np.fft.rfft(sound, size) * gains(frequencies), size)
    return filtered[: len(sound)].astype(np.float32)


def _shape(sound: npt.NDArray[np.floating], slope: float) -> Sound:
    """Power by frequency: 0 stays white, -1 is pink, -2 brown."""
    return _filtered(sound, lambda frequencies: np.maximum(frequencies, 40.0) ** (slope / 2))


def _colour(sound: Sound, rng: np.random.Generator) -> Sound:
    """A microphone's and a mouth's own: a random smooth equaliser of up to 9 dB."""
    points = np.log(np.geomspace(100, 8000, 7))
    levels = rng.uniform(-9, 9, size=7)
    return _filtered(sound, lambda f: 10 ** (np.interp(np.log(f), points, levels) / 20))


def telephone(sound: Sound, low: float = 300, high: float = 3400) -> Sound:
    """What a telephone line leaves: the band from `low` to `high` Hz."""
    return _filtered(sound, lambda f: 1 / np.sqrt((1 + (low / f) ** 6) * (1 + (f / high) ** 30)))


def _room(sound: Sound, rng: np.random.Generator) -> Sound:
    """Reverberation that decays by 60 dB in 0.1 to 0.6 s, below the direct sound."""
    length = rng.uniform(0.1, 0.6)
    t = np.arange(int(length * LIP_SYNC_RATE)) / LIP_SYNC_RATE
    tail = rng.standard_normal(len(t)) * np.exp(-6.9 * t / length)
    tail *= 10 ** (-rng.uniform(3, 18) / 20) / np.sqrt(np.sum(tail**2))
    tail[0] += 1
    size = 1 << (len(sound) + len(tail)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)
    return wet[: len(sound)].astype(np.float32)


def _companded(sound: Sound) -> Sound:
    """Eight bits by the mu-law, as telephony has them."""
    small = np.sign(sound) * np.log1p(255 * np.minimum(np.abs(sound), 1)) / np.log(256)
    steps = np.round(small * 127) / 127
    return (np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255).astype(np.float32)

"""What mouth belongs to each hop of an utterance: visemes that run into each other.

Each phone pulls at the mouth while it lasts, less and less before and after it, and the shape is
the weighted mean of all pulls: dominance functions, after Cohen and Massaro, "Modeling
coarticulation in synthetic visual speech" (1993). Lips that close pull so hard that nothing else is
seen; rounding begins early and holds through the consonants around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE
from greenroom.avatar.lipsync.spectrum import HOP, Floats
from greenroom.avatar.visemes import VISEMES
from lipsync.phones import (
    SCHWA,
    SHAPELESS,
    UNVOICED_STOPS,
    VOICED_STOPS,
    first_symbol,
    visemes,
)
from lipsync.speak import Utterance

# How hard a viseme pulls, and how far (ms) before and after it: there its pull is 1/e.
_PULLS = {
    "sil": (1.0, 40, 40),
    "PP": (20.0, 18, 12),
    "FF": (8.0, 25, 15),
    "TH": (3.0, 35, 25),
    "DD": (1.6, 35, 30),
    "kk": (0.9, 35, 30),
    "CH": (3.0, 50, 30),
    "SS": (2.5, 35, 30),
    "nn": (1.6, 35, 30),
    "RR": (2.0, 50, 40),
    "aa": (1.6, 60, 60),
    "E": (1.4, 60, 60),
    "ih": (1.4, 60, 60),
    "oh": (2.0, 75, 60),
    "ou": (2.5, 80, 60),
}
_SCHWA_PULL = 0.8
_SIL, _PP = VISEMES.index("sil"), VISEMES.index("PP")
_STEP = 80
"""Samples (5 ms) by which a closure is sought in the sound."""
_LONGEST_CLOSURE = 0.12
_CLOSED_SHARE = 0.75
"""Of a stop that begins with its closure, how much that is."""
_RELEASE = 0.008
"""Seconds from a stop's burst until the mouth is the next sound's."""


@dataclass(slots=True)
class Segment:
    """A viseme from `start` to `end`, in seconds."""

    start: float
    end: float
    viseme: int
    pull: float


def segments(utterance: Utterance) -> list[Segment]:
    """The visemes of an utterance in order; after a burst there is none for a moment.

    Where an unvoiced stop is told of when it bursts, its closure is the silence before, which the
    sound shows.
    """
    ends = [start for start, _ in utterance.phones[1:]]
    ends.append(len(utterance.pcm) / LIP_SYNC_RATE)
    found: list[Segment] = []
    for (start, phone), end in zip(utterance.phones, ends, strict=True):
        symbol = first_symbol(phone)
        if symbol in SHAPELESS:
            if found:
                found[-1].end = end
            continue
        closed, burst = start, end
        if symbol in UNVOICED_STOPS and not utterance.stops_begin_closed:
            closed, burst = start - _silence_before(utterance.pcm, start), start
            while len(found) > 1 and found[-1].start >= closed:
                found.pop()
            found[-1].end = closed
        elif symbol in UNVOICED_STOPS | VOICED_STOPS:
            burst = start + _CLOSED_SHARE * (end - start)
        seen = visemes(phone) or [_SIL]
        step = (end - closed) / len(seen)
        for i, viseme in enumerate(seen):
            pull = _PULLS[VISEMES[viseme]][0] * (_SCHWA_PULL if symbol in SCHWA else 1.0)
            found.append(Segment(closed + i * step, closed + (i + 1) * step, viseme, pull))
        if burst < end and len(seen) == 1:
            found[-1].end = min(end, burst + _RELEASE)
    return found


def _silence_before(pcm: Pcm, at: float) -> float:
    """Seconds of near silence that end at second `at`."""
    last = round(at * LIP_SYNC_RATE)
    steps = round(_LONGEST_CLOSURE * LIP_SYNC_RATE / _STEP)
    first = max(0, last - steps * _STEP)
    peaks = [
        int(np.abs(pcm[i : i + _STEP].astype(np.int32)).max())
        for i in range(last - _STEP, first - 1, -_STEP)
    ]
    loud = max(np.abs(pcm[first : last + 20 * _STEP].astype(np.int32)).max(), 1)
    # The burst may begin a little before it is told of.
    skipped = 0
    while skipped < 3 and skipped < len(peaks) and peaks[skipped] > 0.04 * loud:
        skipped += 1
    quiet = skipped
    while quiet < len(peaks) and peaks[quiet] <= 0.04 * loud:
        quiet += 1
    return 0.0 if quiet == skipped else quiet * _STEP / LIP_SYNC_RATE


def targets(utterance: Utterance) -> Floats:
    """The weights of each whole hop, shape (n, 15), each row of sum 1."""
    n = len(utterance.pcm) // HOP
    middles = (np.arange(n) + 0.5) * HOP / LIP_SYNC_RATE
    pulls = np.full((n, len(VISEMES)), 1e-6)
    pulls[:, _SIL] += 1e-4
    for segment in segments(utterance):
        _, before, after = _PULLS[VISEMES[segment.viseme]]
        early = np.maximum(segment.start - middles, 0) / (before / 1000)
        late = np.maximum(middles - segment.end, 0) / (after / 1000)
        shape = segment.pull * np.exp(-(early**2) - late**2)
        pulls[:, segment.viseme] = np.maximum(pulls[:, segment.viseme], shape)
    return (pulls / pulls.sum(axis=1, keepdims=True)).astype(np.float32)


def closures(utterance: Utterance) -> list[tuple[float, float]]:
    """When the lips are closed for p, b or m: seconds."""
    return [(s.start, s.end) for s in segments(utterance) if s.viseme == _PP]

"""How well a mouth fits what is said, as a viewer sees it in the pictures of a video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE
from greenroom.avatar.lipsync.reader import LipSync
from greenroom.avatar.lipsync.spectrum import HOP, Floats
from greenroom.avatar.visemes import VISEMES
from lipsync.speak import Utterance
from lipsync.targets import closures, targets

RATE = 25
"""Pictures a second."""
PICTURE = LIP_SYNC_RATE // RATE

# viseme: (what a viewer sees, how open the mouth is, how round the lips are)
_LOOKS = {
    "sil": ("closed", 0.0, 0.0),
    "PP": ("closed", 0.0, 0.0),
    "FF": ("lip and teeth", 0.1, 0.0),
    "TH": ("narrow", 0.25, 0.0),
    "DD": ("narrow", 0.25, 0.0),
    "kk": ("narrow", 0.3, 0.0),
    "CH": ("pursed", 0.25, 0.6),
    "SS": ("narrow", 0.15, 0.0),
    "nn": ("narrow", 0.3, 0.0),
    "RR": ("pursed", 0.3, 0.4),
    "aa": ("open", 1.0, 0.0),
    "E": ("open", 0.65, 0.0),
    "ih": ("narrow", 0.4, 0.0),
    "oh": ("round", 0.7, 0.8),
    "ou": ("round", 0.35, 1.0),
}
GROUPS = tuple(dict.fromkeys(group for group, _, _ in _LOOKS.values()))
_GROUP = np.array([[_LOOKS[v][0] == g for g in GROUPS] for v in VISEMES], np.float32)
OPENNESS = np.array([_LOOKS[v][1] for v in VISEMES], np.float32)
ROUNDNESS = np.array([_LOOKS[v][2] for v in VISEMES], np.float32)
_CLOSED = _GROUP[:, GROUPS.index("closed")]
_SIL = VISEMES.index("sil")
_SHUT = 0.7
"""From this weight of the closed shapes on, the lips are seen to touch."""

Reader = Callable[[Pcm], Floats]
"""All pictures of a sound: (pictures, 15)."""
Utterances = Sequence[tuple[Utterance, Pcm]]
"""What was said, and the sound in which it is heard."""


def read_lips(pcm: Pcm) -> Floats:
    """By `LipSync`, as a face uses it."""
    lips = LipSync()
    lips.push(pcm)
    return np.array([lips.weights(at, at + PICTURE) for at in _pictures(pcm)])


def energy_only(pcm: Pcm) -> Floats:
    """A mouth that opens as far as it is loud, which is what lip sync must be better than."""
    shown = []
    peak, opening = 1e-3, 0.0
    for at in _pictures(pcm):
        loud = float(np.sqrt(np.mean((pcm[at : at + PICTURE] / 32768.0) ** 2)))
        peak = max(loud, peak * 0.995)
        opening += 0.7 * (np.clip(1 + np.log10(loud / peak + 1e-4) / 1.25, 0, 1) - opening)
        weights = np.zeros(len(VISEMES), np.float32)
        weights[VISEMES.index("aa")], weights[_SIL] = opening, 1 - opening
        shown.append(weights)
    return np.array(shown)


def _pictures(pcm: Pcm) -> range:
    return range(0, len(pcm) - PICTURE + 1, PICTURE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Shares and correlations, 0 to 1. Accuracies are of the pictures in which somebody speaks."""

    visemes: float
    """Pictures whose strongest viseme is the one that belongs there."""
    groups: float
    """The same of what a viewer tells apart: GROUPS."""
    closures: float
    """Closed lips of p, b and m that are seen closed."""
    false_closures: float
    """Pictures with the lips closed that should be open."""
    openness: float
    roundness: float
    """Correlation over all pictures."""
    lead_ms: float
    """How much earlier than the target the mouth opens; negative: later."""
    pictures: int
    lips: int


def judge(reader: Reader, said: Utterances) -> Verdict:
    """Judge a reader by what it makes of the sounds."""
    seen, wanted = [], []
    hit = closed_lips = 0
    for utterance, pcm in said:
        pictures = reader(pcm)
        n = len(pictures)
        mouths = targets(utterance)[: n * PICTURE // HOP]
        seen.append(pictures)
        wanted.append(mouths.reshape(n, PICTURE // HOP, -1).mean(axis=1))
        for start, end in closures(utterance):
            first = int((start * RATE) + 0.25)
            last = max(first, int(end * RATE - 0.25))
            hit += bool((pictures[first : last + 1] @ _CLOSED).max(initial=0) >= _SHUT)
            closed_lips += 1
    a, b = np.concatenate(seen), np.concatenate(wanted)
    speaks = b[:, _SIL] < 0.5
    open_lips = b @ _CLOSED < 0.2
    return Verdict(
        visemes=float(np.mean(a[speaks].argmax(1) == b[speaks].argmax(1))),
        groups=float(np.mean((a @ _GROUP)[speaks].argmax(1) == (b @ _GROUP)[speaks].argmax(1))),
        closures=hit / max(closed_lips, 1),
        false_closures=float(np.mean((a @ _CLOSED)[open_lips] >= _SHUT)),
        openness=_correlation(a @ OPENNESS, b @ OPENNESS),
        roundness=_correlation(a @ ROUNDNESS, b @ ROUNDNESS),
        lead_ms=_lead(a @ OPENNESS, b @ OPENNESS) * 1000 / RATE,
        pictures=len(a),
        lips=closed_lips,
    )


def _correlation(a: Floats, b: Floats) -> float:
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _lead(a: Floats, b: Floats) -> float:
    """By how many pictures `a` is before `b`: the peak of a parabola through three correlations."""
    before, now, after = (
        _correlation(a[1:-1], b[1 + shift : len(b) - 1 + shift]) for shift in (-1, 0, 1)
    )
    bend = before - 2 * now + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0

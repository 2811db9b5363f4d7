"""The mouth shapes that speech is seen in.

The set is the one of fifteen that face-animation systems share (Oculus/Meta lip sync, VRM and
ARKit exporters use these names), so that artwork made for those has its counterpart here.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

VISEMES = (
    "sil",  # closed, at rest
    "PP",  # p, b, m
    "FF",  # f, v
    "TH",  # th
    "DD",  # t, d
    "kk",  # k, g
    "CH",  # ch, j, sh, zh
    "SS",  # s, z
    "nn",  # n, l
    "RR",  # r
    "aa",  # car
    "E",  # bed
    "ih",  # tip
    "oh",  # toe
    "ou",  # book
)

Weights: TypeAlias = npt.NDArray[np.float32]
"""How much of each viseme is seen: shape (15,), in the order of VISEMES, each 0 to 1, sum 1."""


def at_rest() -> Weights:
    """The weights of a mouth that says nothing."""
    weights = np.zeros(len(VISEMES), np.float32)
    weights[0] = 1.0
    return weights

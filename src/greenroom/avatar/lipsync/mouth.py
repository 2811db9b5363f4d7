"""The mouth's inertia: shapes glide, but lips that must close do close."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from greenroom.avatar.visemes import VISEMES, Weights, at_rest

_GLIDE = 0.5
"""Of the way to the next shape, each hop of 10 ms: a time constant of about 15 ms."""
_STRESS = 8.0
"""How much more a hop with closed lips counts in a picture than another."""
_AT_REST = 0.99
"""From this weight of `sil` on a closing mouth is closed: its picture changes no more."""
_SIL, _PP = VISEMES.index("sil"), VISEMES.index("PP")

Shape = Sequence[float]
"""Weights in Python's numbers, which are quicker than arrays for as few as these."""


class Mouth:
    """The shape of one mouth as it moves."""

    def __init__(self) -> None:
        self._shape: Shape = at_rest().tolist()

    def shut(self) -> None:
        """Close at once."""
        self._shape = at_rest().tolist()

    def move(self, targets: Sequence[Shape]) -> Weights:
        """Go towards the shape of each hop, and return how a picture shows them all.

        The picture is the mean of its hops, in which a closure outweighs what is around it: at 25
        pictures a second a `p` that lasts 40 ms falls into the halves of two. Without hops it is
        the shape as it stands.
        """
        shape = self._shape
        picture, whole = [0.0] * len(VISEMES), 0.0
        for target in targets:
            glide = _GLIDE + (1 - _GLIDE) * target[_PP]
            shape = [now + glide * (then - now) for now, then in zip(shape, target, strict=True)]
            share = 1 + _STRESS * shape[_PP]
            picture = [sum_ + share * now for sum_, now in zip(picture, shape, strict=True)]
            whole += share
        if targets and targets[-1][_SIL] == 1.0 and shape[_SIL] > _AT_REST:
            shape = targets[-1]
        self._shape = shape
        return np.array(picture if targets else shape, np.float32) / np.float32(whole or 1.0)

"""The mouth's inertia: shapes glide, but lips that must close do close."""

from __future__ import annotations

import numpy as np

from greenroom.avatar.lipsync.spectrum import Floats
from greenroom.avatar.visemes import VISEMES, Weights, at_rest

_GLIDE = 0.6
"""Of the way to the next shape, each hop of 10 ms: a time constant of about 11 ms."""
_STRESS = 3.0
"""How much more a hop with closed lips counts in a picture than another."""
_AT_REST = 0.99
"""From this weight of `sil` on a closing mouth is closed: its picture changes no more."""
_SIL, _PP = VISEMES.index("sil"), VISEMES.index("PP")
_REST = at_rest()


class Mouth:
    """The shape of one mouth as it moves."""

    def __init__(self) -> None:
        self._shape = _REST

    @property
    def shape(self) -> Weights:
        """As it stands."""
        return self._shape.copy()

    def shut(self) -> None:
        """Close at once."""
        self._shape = _REST

    def move(self, targets: Floats) -> Weights:
        """Go towards the shape of each hop, (n, 15) with n > 0; how a picture shows them all.

        The picture is the mean of its hops, in which a closure outweighs what is around it: at 25
        pictures a second a `p` that lasts 40 ms falls into the halves of two.
        """
        shapes = np.empty_like(targets)
        glides = _GLIDE + (1 - _GLIDE) * targets[:, _PP]
        now = self._shape
        for i, glide in enumerate(glides.tolist()):
            now = now + glide * (targets[i] - now)
            shapes[i] = now
        self._shape = now
        stress = 1 + _STRESS * shapes[:, _PP]
        return np.asarray(stress @ shapes / stress.sum(), np.float32)

    def close(self, hops: int) -> Weights:
        """Come to rest while nothing is heard; the same as `move` to a mouth at rest."""
        if self._shape is _REST:
            return at_rest()
        picture = self.move(np.tile(_REST, (hops, 1)))
        if self._shape[_SIL] > _AT_REST:
            self._shape = _REST
        return picture

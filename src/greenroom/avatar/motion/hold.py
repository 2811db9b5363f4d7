"""Holding still: what moves too little to be seen is not told, and need not be drawn.

A head that sways by a tenth of a pixel a picture would be drawn and encoded 25 times a second for
nothing. So values that are drawn together are told together, once one of them has gone far enough.
"""

from __future__ import annotations

from collections.abc import Sequence


class Hold:
    """Values that are told together; each is always told to within its step."""

    __slots__ = ("_steps", "_told")

    def __init__(self, *steps: float) -> None:
        """`steps`: from which on a change of each value is seen."""
        self._steps = steps
        self._told: Sequence[float] = (float("inf"),) * len(steps)

    def tell(self, *values: float) -> Sequence[float]:
        """The values to be shown now: these, or those that were told before."""
        for value, told, step in zip(values, self._told, self._steps, strict=True):
            if abs(value - told) >= step:
                self._told = values
                break
        return self._told

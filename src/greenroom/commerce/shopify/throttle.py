"""How much may be asked of Shopify, and when.

An app has a bucket of points for each shop, which fills at a steady rate. A query is taken at its
highest possible cost when it comes and given back what it didn't use; each answer says how full the
bucket is. https://shopify.dev/docs/api/usage/limits
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from greenroom.sessions.clock import Clock


@dataclass(frozen=True, slots=True)
class Cost:
    """`extensions.cost` of an answer, in points and points a second."""

    requested: float
    maximum: float
    available: float
    rate: float

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Cost | None:
        """What an answer says; None where it says nothing that can be read."""
        try:
            cost = answer["extensions"]["cost"]
            status = cost["throttleStatus"]
            found = cls(
                float(cost["requestedQueryCost"]),
                float(status["maximumAvailable"]),
                float(status["currentlyAvailable"]),
                float(status["restoreRate"]),
            )
        except (KeyError, TypeError, ValueError):
            return None
        return found if found.maximum > 0 and found.rate > 0 else None


class Throttle:
    """The bucket as far as it is known. Before the first answer nothing is held back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: Cost | None = None
        self._available = 0.0
        self._at = 0.0

    def told(self, cost: Cost) -> None:
        """An answer said how full the bucket is."""
        self._last, self._available, self._at = cost, cost.available, self._clock.time()

    async def take(self, cost: float, spare: float = 0.0) -> None:
        """Wait until a query of this cost fits, and `spare` (0 to 1) of the bucket stays full.

        Both together ask for no more than a full bucket, so that this ends.
        """
        while (wait := self._wait(cost, spare)) > 0:
            await self._clock.sleep(wait)
        self._available = self._now() - cost

    def _wait(self, cost: float, spare: float) -> float:
        if self._last is None:
            return 0.0
        wanted = min(cost + spare * self._last.maximum, self._last.maximum)
        missing = wanted - self._now()
        # A little more: a wait that ends by rounding a moment too soon would be in vain.
        return missing / self._last.rate + 0.01 if missing > 0 else 0.0

    def _now(self) -> float:
        if self._last is None:
            return 0.0
        since = self._clock.time() - self._at
        self._available = min(self._last.maximum, self._available + since * self._last.rate)
        self._at += since
        return self._available

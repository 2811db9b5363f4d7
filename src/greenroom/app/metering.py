"""Writes what a session's providers use, and what that costs, into its journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from greenroom.providers.prices import PriceTable
from greenroom.providers.usage import Usage, UsageListener
from greenroom.sessions.model import Entry, MetricEntry


class Meter:
    """The price table of a server, as listeners for its sessions."""

    def __init__(self, prices: PriceTable, currency: str) -> None:
        self._prices = prices
        self._currency = currency

    def listener(self, append: Callable[[Entry], None]) -> UsageListener:
        """What to tell of a session's usage; `append` writes into its journal."""

        def record(usage: Usage) -> None:
            append(MetricEntry(None, "usage", self.values(usage)))

        return record

    def values(self, usage: Usage) -> dict[str, Any]:
        """What was used, and `cost` in `currency`, priced now; no cost without a price."""
        values = {name: value for name, value in asdict(usage).items() if value}
        cost = self._prices.cost(usage)
        priced = {} if cost is None else {"cost": format(cost, "f")}
        return values | priced | {"currency": self._currency}

"""What the use of providers costs, by the operator's own price table."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from greenroom.providers.usage import Usage
from greenroom.settings import Price

_LOCAL = frozenset({"pocketsphinx", "faster-whisper", "espeak", "piper", "offline", "scripted"})
"""Schemes of providers that run on this machine: nobody charges for them."""

_MILLION = Decimal(1_000_000)


class PriceTable:
    """Prices by provider URI; an entry without `?options` holds for the URI with any of them."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)

    def cost(self, usage: Usage) -> Decimal | None:
        """What `usage` costs, in the table's currency; None where no price is known."""
        price = self._prices.get(usage.provider) or self._prices.get(
            usage.provider.partition("?")[0]
        )
        if price is None:
            return Decimal(0) if usage.provider.partition(":")[0] in _LOCAL else None
        return (
            _exactly(price.audio_minute) * _exactly(usage.audio_seconds) / 60
            + _exactly(price.million_characters) * usage.characters / _MILLION
            + _exactly(price.million_input_tokens) * usage.input_tokens / _MILLION
            + _exactly(price.million_output_tokens) * usage.output_tokens / _MILLION
        )


def _exactly(value: float) -> Decimal:
    """The decimal number that was written, not the binary one nearest to it."""
    return Decimal(str(value))

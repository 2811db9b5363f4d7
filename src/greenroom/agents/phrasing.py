"""Tool results as spoken English: prices, sizes, lists, and agreement with a title."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from greenroom.commerce.numerals import say_number

_MAX_LISTED = 7


# EUR, GBP, JPY and INR are read out by the speech normaliser ("49 euros and 50 cents").
_NAMES = {
    "AUD": "Australian dollars", "BRL": "reais", "CAD": "Canadian dollars", "CHF": "Swiss francs",
    "CNY": "yuan", "CZK": "crowns", "DKK": "Danish kroner", "HUF": "forints", "KRW": "won",
    "MXN": "Mexican pesos", "NOK": "Norwegian kroner", "NZD": "New Zealand dollars",
    "PLN": "zlotys", "SEK": "Swedish kronor", "SGD": "Singapore dollars", "ZAR": "rand",
}  # fmt: skip


def price(money: dict[str, str]) -> str:
    """`$79`, `$79.50`, `79.50 EUR`, `79.50 Swiss francs`."""
    return amount(Decimal(money["amount"]), money["currency"])


def amount(value: Decimal, currency: str = "USD") -> str:
    """An amount without needless cents; a currency of "" is not said."""
    plain = f"{value:.0f}" if value == value.to_integral_value() else f"{value:.2f}"
    if currency == "USD":
        return f"${plain}"
    return f"{plain} {_NAMES.get(currency, currency)}".strip()


def listed(parts: Sequence[str], conjunction: str = "and") -> str:
    """`a`, `a and b`, `a, b, and c`."""
    if len(parts) < 2:
        return "".join(parts)
    if len(parts) == 2:
        return f"{parts[0]} {conjunction} {parts[1]}"
    return f"{', '.join(parts[:-1])}, {conjunction} {parts[-1]}"


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def is_plural(title: str) -> bool:
    """Whether a title is of several things ("Sprint Running Shorts")."""
    last = title.casefold().rpartition(" ")[2]
    return last.endswith("s") and not last.endswith("ss")


def be(title: str) -> str:
    """`is` or `are`."""
    return "are" if is_plural(title) else "is"


def it(title: str) -> str:
    """`it` or `them`."""
    return "them" if is_plural(title) else "it"


def it_is(title: str) -> str:
    """`it is` or `they are`."""
    return "they are" if is_plural(title) else "it is"


def do_not_come(title: str) -> str:
    """`doesn't come` or `don't come`."""
    return "don't come" if is_plural(title) else "doesn't come"


def sizes(values: Sequence[str]) -> str:
    """`sizes 7 to 13`, `size M`, `sizes S, M, and XL`."""
    if len(values) == 1:
        return f"size {size(values[0])}"
    numbers = [int(value) for value in values if value.isdigit()]
    if len(numbers) == len(values) > 2 and _evenly_spaced(numbers):
        return f"sizes {numbers[0]} to {numbers[-1]}"
    return f"sizes {listed([size(value) for value in values[:_MAX_LISTED]])}"


_SPOKEN_SIZES = {
    "XXS": "extra extra small", "XS": "extra small", "S": "small", "M": "medium", "L": "large",
    "XL": "extra large", "XXL": "double extra large",
}  # fmt: skip


def size(value: str) -> str:
    """A size as it is said."""
    return _SPOKEN_SIZES.get(value, value.replace(" lb", " pound"))


def colors(values: Sequence[str]) -> str:
    """`black`, `black and blue`."""
    return listed([value.lower() for value in values[:_MAX_LISTED]])


def form(size_value: str | None, color: str | None) -> str:
    """` in size 10`, ` in black`, ` in size 10 and in black`; empty where neither is known."""
    parts = []
    if size_value:
        parts.append(f" in size {size(size_value)}")
    if color:
        parts.append(f" in {color.lower()}")
    return " and".join(parts)


def count(number: int, noun: str) -> str:
    """`one item`, `2 items`."""
    return f"one {noun}" if number == 1 else f"{number} {plural(noun)}"


def plural(noun: str) -> str:
    """The plural of the last word, which may be one already."""
    if noun.endswith("s") and not noun.endswith("ss"):
        return noun
    if noun.endswith(("ch", "sh", "x", "ss")):
        return noun + "es"
    if noun.endswith("f"):
        return noun[:-1] + "ves"
    return noun + "s"


def named(product: dict[str, Any]) -> str:
    """`the Comet Running Shoe at $89`; without a price where the shop gives none."""
    if product["price"] is None:
        return f"the {product['title']}"
    return f"the {product['title']} at {price(product['price'])}"


def units(number: int) -> str:
    """A count in words where it is small."""
    return say_number(number) if 0 <= number <= 10 else str(number)


def _evenly_spaced(numbers: Sequence[int]) -> bool:
    steps = {after - before for before, after in pairwise(numbers)}
    return len(steps) == 1 and steps <= {1, 2}

"""What the shop's tools have given in one conversation, to hold against it what is said.

Plain data, bounded, part of the snapshot: a conversation that is taken up again still knows which
prices it may name. Amounts are written `89.00 USD`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from greenroom.commerce.ports import Money

MAX_PRODUCTS = 60
"""Products whose facts are kept; the ones told of longest ago go first."""

MAX_AMOUNTS = 120
MAX_TEXTS = 8
MAX_TEXT = 2_000
"""Characters of one text."""

_MAX_OF_PRODUCT = 100


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What was given of one product. `available` is None where no tool has said.

    `stock` is units by form: `10|black`, `10|` in all colours, `|black` in all sizes, `|` in all,
    and `?` in the form that was asked for last.
    """

    prices: tuple[str, ...] = ()
    available: bool | None = None
    stock: dict[str, int] = field(default_factory=dict)

    def joined(self, later: ProductFacts) -> ProductFacts:
        """Both, the later one's availability first."""
        return ProductFacts(
            _newest(self.prices, later.prices),
            self.available if later.available is None else later.available,
            dict([*(self.stock | later.stock).items()][-_MAX_OF_PRODUCT:]),
        )


@dataclass(slots=True)
class Facts:
    """Everything that may be stated.

    `products` are by title. `amounts` are other sums that a tool gave (a cart's total), `said`
    those that the user named. `texts` are the shop's own words, by what they are about (a policy's
    topic and title, a product's title), in the fact checker's spelling; `discounts` the percentages
    that they offer, "" for an offer without one.
    """

    products: dict[str, ProductFacts] = field(default_factory=dict)
    amounts: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    discounts: list[str] = field(default_factory=list)

    def product(self, title: str, facts: ProductFacts) -> None:
        """Note facts of a product beside those that are known."""
        known = self.products.pop(title, ProductFacts())
        self.products[title] = known.joined(facts)
        while len(self.products) > MAX_PRODUCTS:
            del self.products[next(iter(self.products))]

    def amount(self, *amounts: str) -> None:
        """Note sums that a tool gave."""
        _remember(self.amounts, amounts, MAX_AMOUNTS)

    def heard(self, amounts: Iterable[str]) -> None:
        """Note amounts that the user said."""
        _remember(self.said, amounts, MAX_AMOUNTS)

    def text(self, about: str, text: str) -> None:
        """Note what the shop has written."""
        self.texts.pop(about, None)
        self.texts[about] = text[:MAX_TEXT]
        while len(self.texts) > MAX_TEXTS:
            del self.texts[next(iter(self.texts))]

    def offered(self, discounts: Iterable[str]) -> None:
        """Note discounts that the shop has written of."""
        _remember(self.discounts, discounts, MAX_AMOUNTS)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "products": {
                title: {
                    "prices": list(facts.prices),
                    "available": facts.available,
                    "stock": dict(facts.stock),
                }
                for title, facts in self.products.items()
            },
            "amounts": list(self.amounts),
            "said": list(self.said),
            "texts": dict(self.texts),
            "discounts": list(self.discounts),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Facts:
        """What `to_json` gave; missing names are empty. Raises TypeError, AttributeError."""
        return cls(
            products={
                str(title): ProductFacts(
                    tuple(map(str, facts.get("prices", ()))),
                    facts.get("available"),
                    {str(form): int(units) for form, units in facts.get("stock", {}).items()},
                )
                for title, facts in data.get("products", {}).items()
            },
            amounts=[str(each) for each in data.get("amounts", ())],
            said=[str(each) for each in data.get("said", ())],
            texts={str(about): str(text) for about, text in data.get("texts", {}).items()},
            discounts=[str(each) for each in data.get("discounts", ())],
        )


def amount_of(money: Money) -> str:
    """The form in which amounts are kept."""
    return f"{money.amount:.2f} {money.currency}"


def _remember(known: list[str], new: Iterable[str], limit: int) -> None:
    for each in new:
        if each in known:
            known.remove(each)
        known.append(each)
    del known[:-limit]


def _newest(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys((*new, *old)))[:_MAX_OF_PRODUCT]

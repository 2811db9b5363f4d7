"""What the offline model's answers share: the turn, and which product it is about."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from greenroom.agents import phrasing as say
from greenroom.agents.turn import Call, Turn
from greenroom.commerce.context import Pending, ProductRef, ShopContext
from greenroom.commerce.references import CERTAIN, title_score
from greenroom.commerce.slots import Slots

NAMED = 3
"""Products that are named in one answer."""

Lookup: TypeAlias = Generator[Call, dict[str, Any], str | None]


@dataclass(frozen=True, slots=True)
class Talk:
    """One answer in the making.

    `pending` is the question that this turn may be the answer to; `vary` picks among wordings.
    """

    turn: Turn[ShopContext]
    pending: Pending | None
    vary: int

    @property
    def context(self) -> ShopContext:
        """The conversation's memory."""
        return self.turn.context

    def pick(self, *options: str) -> str:
        """One of several wordings."""
        return options[self.vary % len(options)]

    def offer(self, product_id: str, size: str | None = None, color: str | None = None) -> None:
        """Remember that adding this to the cart was offered: "yes" does it."""
        wanted = {"product_id": product_id, "size": size, "color": color}
        self.context.pending = Pending("yes", "add_to_cart", given(wanted))

    def known(self, slots: Slots) -> str | None:
        """The id of a product of this conversation that is meant, if one is."""
        results = self.context.results
        if slots.ordinal is not None:
            place = len(results) if slots.ordinal == -1 else slots.ordinal
            return results[place - 1].id if 0 < place <= len(results) else None
        if slots.product_id is not None:
            return slots.product_id
        if slots.extreme is not None and (priced := priced_refs(results)):
            pick = min if slots.extreme == "cheapest" else max
            return pick(priced, key=lambda pair: pair[0])[1].id
        if slots.query and not slots.pronoun:
            return None
        return self.only_one()

    def only_one(self) -> str | None:
        """The product talked of last, or the only one that was found."""
        if self.context.focus is not None:
            return self.context.focus.id
        return self.context.results[0].id if len(self.context.results) == 1 else None

    def find(self, slots: Slots) -> Lookup:
        """The id that is meant, searched for where it was not talked of; None where unclear."""
        known = self.known(slots)
        if known is not None or not slots.query or slots.ordinal is not None:
            return known
        focus = self.only_one()
        result = yield Call("search_products", {"query": slots.query, "limit": NAMED})
        products = result.get("products", [])
        if not products:
            # Words that name nothing in the shop: the rest of the sentence is about "it".
            return focus
        if len(products) == 1:
            return str(products[0]["id"])
        for product in products:
            if title_score(slots.query, product["title"]) >= CERTAIN:
                return str(product["id"])
        return None

    def which(self, slots: Slots, tool: str, arguments: dict[str, Any]) -> str:
        """Ask which product is meant; the answer completes the call of `tool`."""
        results = self.context.results
        if not results:
            return self.pick(
                "Which product do you mean? Tell me what you're looking for, and I'll find it.",
                "I'm not sure which product that is. What are you looking for?",
            )
        self.context.pending = Pending("which", tool, arguments)
        names = say.listed([f"the {ref.title}" for ref in results[:NAMED]], "or")
        if slots.ordinal is not None:
            named = say.count(min(len(results), NAMED), "product")
            return f"I named {named}: {names}. Which one do you mean?"
        return f"Which one do you mean: {names}?"


def priced_refs(refs: Iterable[ProductRef]) -> list[tuple[Decimal, ProductRef]]:
    """Those that have a price, with it."""
    return [(ref.price.amount, ref) for ref in refs if ref.price is not None]


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is missing or empty."""
    return {name: value for name, value in values.items() if value}


def trouble(result: dict[str, Any]) -> str:
    """A tool failed: what can be said of that."""
    return f"I'm sorry, that didn't work: {result['error']}."

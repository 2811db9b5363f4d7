"""The offline model's searches: what is kept from before, what is let go when nothing is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from greenroom.agents import phrasing as say
from greenroom.agents.offline_talk import NAMED, Talk, priced_refs, trouble
from greenroom.agents.turn import Call, Steps
from greenroom.commerce.context import Pending, ProductRef, ShopContext
from greenroom.commerce.lexicon import category_of
from greenroom.commerce.ports import Money
from greenroom.commerce.slots import Slots

_COMPARED = 20
_MAX_TRIES = 3
_PRICES = frozenset({"min_price", "max_price"})


@dataclass(frozen=True, slots=True)
class Wish:
    """One search. The `carried` names were said in an earlier turn."""

    query: str
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    size: str | None = None
    color: str | None = None
    carried: frozenset[str] = frozenset()
    relative: str | None = None

    def arguments(self, limit: int, offset: int = 0) -> dict[str, Any]:
        """For `search_products`: only what is asked for."""
        wanted: dict[str, Any] = {"query": self.query, "limit": limit}
        if offset:
            wanted["offset"] = offset
        for name in ("min_price", "max_price"):
            if (bound := getattr(self, name)) is not None:
                wanted[name] = float(bound)
        for name in ("size", "color"):
            if (value := getattr(self, name)) is not None:
                wanted[name] = value
        if self.particular:
            wanted["in_stock"] = True
        return wanted

    @property
    def particular(self) -> bool:
        """Whether a size or colour is asked for: who asks for one wants to get it."""
        return self.size is not None or self.color is not None

    def without(self, names: frozenset[str]) -> Wish:
        """The same with some of it let go."""
        return Wish(
            self.query,
            None if "min_price" in names else self.min_price,
            None if "max_price" in names else self.max_price,
            None if "size" in names else self.size,
            None if "color" in names else self.color,
            self.carried - names,
            None if names & _PRICES else self.relative,
        )

    @property
    def noun(self) -> str:
        """What is looked for, in the plural."""
        return say.plural(self.query) if self.query else "products"

    def described(self, currency: str) -> str:
        """`black running shoes under $100 in size 10`, `cheaper jackets`."""
        words = [self.color, self.noun]
        if self.relative is not None:
            words.insert(0, "cheaper" if self.relative == "cheaper" else "more expensive")
        size = f" in size {say.size(self.size)}" if self.size else ""
        return " ".join(word for word in words if word) + self._bounds(currency) + size

    def _bounds(self, currency: str) -> str:
        low, high = self.min_price, self.max_price
        if self.relative is not None or (low is None and high is None):
            return ""
        if low is not None and high is not None:
            return f" between {say.amount(low, currency)} and {say.amount(high, currency)}"
        if high is not None:
            return f" under {say.amount(high, currency)}"
        return f" over {say.amount(low, currency)}" if low is not None else ""


def wish_of(slots: Slots, context: ShopContext) -> Wish:
    """What to search for, from this sentence and from what was said before.

    A new thing keeps the budget, and the size where it is of the same kind; a change to the last
    search ("in red", "cheaper") keeps its words and colour too.
    """
    last = context.last_search if not slots.query else None
    query = slots.query if last is None else last.query
    carried: set[str] = set()
    low, high = slots.min_price, slots.max_price
    if slots.any_price:
        context.budget = context.min_price = None
    elif slots.relative is not None:
        low, high = _relative(slots.relative, context)
    elif low is None and high is None:
        low, high = context.min_price, context.budget
        carried |= _PRICES
    else:
        # The tools remember the bounds that they are given; those of before are over.
        context.budget = context.min_price = None
    size = slots.size
    if size is None:
        size = context.size_in(slots.category or category_of(query.split()))
        carried.add("size")
    color = slots.color or (None if last is None else last.color)
    return Wish(query, low, high, size, color, frozenset(carried), slots.relative)


def _relative(relative: str, context: ShopContext) -> tuple[Decimal | None, Decimal | None]:
    """Bounds below (or above) what was talked of: "it", or all that was named last."""
    talked_of = [context.focus] if context.focus else list(context.results)
    if not talked_of:
        return context.min_price, context.budget
    prices = [price for price, _ in priced_refs(talked_of)]
    if not prices:
        return context.min_price, context.budget
    cent = Decimal("0.01")
    if relative == "cheaper":
        return None, max(min(prices) - cent, Decimal(0))
    return max(prices) + cent, None


def search(talk: Talk, slots: Slots) -> Steps:
    """Search as often as it takes (at most three times), and tell what was found."""
    context = talk.context
    if slots.more:
        return (yield from _more(talk))
    wish = wish_of(slots, context)
    budget = (context.min_price, context.budget)
    limit = _COMPARED if slots.extreme else NAMED
    for tried in _attempts(wish):
        result = yield Call("search_products", tried.arguments(limit))
        if wish.relative is not None:
            # "Cheaper than this" is no budget for what comes after.
            context.min_price, context.budget = budget
        if "error" in result:
            return trouble(result)
        if result["products"]:
            break
    else:
        return _nothing(wish, _currency(context))
    if slots.extreme and any(product["price"] for product in result["products"]):
        return _extreme(slots.extreme, tried, result, context)
    if tried != wish:
        stock = " in stock" if wish.particular else ""
        missed = wish.described(_currency(context))
        return f"I found no {missed}{stock}. {_closest(result, context)}"
    return _found(tried, result, talk)


def _attempts(wish: Wish) -> Iterator[Wish]:
    """The wish, then without what was only carried along, then without what stands in the way."""
    seen: list[Wish] = []
    let_go: frozenset[str] = frozenset()
    for more in (frozenset[str](), wish.carried, _PRICES, frozenset({"size", "color"})):
        let_go |= more
        each = wish.without(let_go)
        # A search with nothing less in it would find nothing again.
        if len(seen) < _MAX_TRIES and all(
            each.arguments(1) != other.arguments(1) for other in seen
        ):
            seen.append(each)
            yield each


def _currency(context: ShopContext) -> str:
    """The currency of what was found last; "" where nothing was."""
    return next((ref.price.currency for ref in context.results if ref.price is not None), "")


def _nothing(wish: Wish, currency: str) -> str:
    if not wish.query:
        missed = wish.described(currency)
        return f"I found no {missed}. Tell me what kind of thing you are looking for."
    return (
        f"I'm sorry, I found no {wish.noun} in the shop, and I looked at every price and size. "
        "Would you like to look for something else?"
    )


def _found(wish: Wish, result: dict[str, Any], talk: Talk) -> str:
    products, total = result["products"], result["total_count"]
    if total == 1:
        _offer_details(talk.context, products[0]["id"])
        only = talk.pick("I found one:", "There is one:")
        return f"{only} {say.named(products[0])}. Shall I tell you more about it?"
    talk.context.pending = Pending("which", "get_product_details", {})
    names = say.listed([say.named(product) for product in products])
    what = wish.described(_currency(talk.context))
    opening = talk.pick(f"I found {total} {what}", f"There are {total} {what}")
    if total > len(products):
        first = f"The first {say.units(len(products))} are {names}."
        return f"{opening}. {first} Would you like to hear more about one of them?"
    return f"{opening}: {names}. Would you like to hear more about one of them?"


def _closest(result: dict[str, Any], context: ShopContext) -> str:
    """What was found after the wish had been loosened."""
    products = result["products"]
    if len(products) == 1:
        _offer_details(context, products[0]["id"])
        return f"The closest is {say.named(products[0])}. Shall I tell you more about it?"
    context.pending = Pending("which", "get_product_details", {})
    names = say.listed([say.named(product) for product in products])
    return f"The closest are {names}. Would you like to hear more about one of them?"


def _offer_details(context: ShopContext, product_id: str) -> None:
    context.pending = Pending("yes", "get_product_details", {"product_id": product_id})


def found_text(query: str, talk: Talk) -> str:
    """What the last search found, for who asked what such things cost."""
    search, refs = talk.context.last_search, talk.context.results
    total = len(refs) if search is None else search.total
    talk.context.pending = Pending("which", "get_product_details", {})
    names = say.listed([say.named(ref.to_json()) for ref in refs])
    return (
        f"I have {total} {say.plural(query)}, for example {names}. Does one of them interest you?"
    )


def _extreme(extreme: str, wish: Wish, result: dict[str, Any], context: ShopContext) -> str:
    """The cheapest or dearest of what was found, which may be more than is ever named."""
    pick = min if extreme == "cheapest" else max
    priced = [product for product in result["products"] if product["price"] is not None]
    best = pick(priced, key=lambda product: Decimal(product["price"]["amount"]))
    cost = Money(Decimal(best["price"]["amount"]), best["price"]["currency"])
    context.focus = ProductRef(best["id"], best["title"], cost)
    context.results = (context.focus,)
    _offer_details(context, best["id"])
    word = "cheapest" if extreme == "cheapest" else "most expensive"
    of = "" if not result["has_more"] else f" of the first {len(result['products'])} that I found"
    return (
        f"The {word} of our {wish.described(cost.currency)}{of} is {say.named(best)}. "
        "Shall I tell you more about it?"
    )


def _more(talk: Talk) -> Steps:
    """The next page of the last search."""
    context = talk.context
    last = context.last_search
    if last is None:
        return "What would you like to see? Shoes, jackets, bags, tents, or something else?"
    context.pending = Pending("which", "get_product_details", {})
    if last.shown >= last.total:
        return "That was all I found. Would you like to hear more about one of them?"
    wish = Wish(last.query, last.min_price, last.max_price, last.size, last.color)
    result = yield Call("search_products", wish.arguments(NAMED, last.shown))
    if "error" in result:
        return trouble(result)
    if not result["products"]:
        return "That was all I found."
    names = say.listed([say.named(product) for product in result["products"]])
    return f"There is also {names}. Does one of them interest you?"

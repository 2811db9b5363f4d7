"""The offline model's answers about one product: details, price, stock."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from greenroom.agents import phrasing as say
from greenroom.agents.offline_cart import instead, put
from greenroom.agents.offline_search import found_text
from greenroom.agents.offline_talk import Talk, given, trouble
from greenroom.agents.turn import Call, Steps
from greenroom.commerce.slots import Slots

_FEW = 3


def details(talk: Talk, slots: Slots) -> Steps:
    """Tell about a product; or, where one had to be chosen for the cart, put it there."""
    product_id = yield from talk.find(slots)
    if product_id is None:
        return talk.which(slots, "get_product_details", {})
    pending = talk.pending
    if pending is not None and pending.asks == "which" and pending.tool == "add_to_cart":
        return (yield from put(talk, pending.arguments | {"product_id": product_id}))
    return (yield from describe(talk, product_id))


def describe(talk: Talk, product_id: str) -> Steps:
    """All about one product, with the offer to add it."""
    product = yield Call("get_product_details", {"product_id": product_id})
    if "error" in product:
        return trouble(product)
    title = product["title"]
    by = f" by {product['brand']}" if product["brand"] else ""
    costs = _cost(product)
    about = f"The {title}{by} {costs}. {product['description']}"
    forms = []
    if product["colors"]:
        forms.append(f"in {say.colors(product['colors'])}")
    if product["sizes"]:
        forms.append(f"in {say.sizes(product['sizes'])}")
    if forms:
        comes = "They come" if say.is_plural(title) else "It comes"
        about += f" {comes} {', '.join(forms)}."
    if not product["for_sale"]:
        return f"{about} You can't buy {say.it(title)} here, I'm afraid."
    if not product["available"]:
        return f"{about} But I'm sorry, {say.it_is(title)} sold out right now."
    talk.offer(product_id)
    return f"{about} Would you like to add {say.it(title)} to your cart?"


def price(talk: Talk, slots: Slots) -> Steps:
    """What a product costs, or several kinds of a thing do."""
    product_id = yield from talk.find(slots)
    if product_id is None:
        if slots.query and talk.context.results:
            return found_text(slots.query, talk)
        return talk.which(slots, "get_product_details", {})
    product = yield Call("get_product_details", {"product_id": product_id})
    if "error" in product:
        return trouble(product)
    title = product["title"]
    costs = f"The {title} {_cost(product)}"
    if not product["for_sale"]:
        return f"{costs}, and you can't buy {say.it(title)} here, I'm afraid."
    if not product["available"]:
        return f"{costs}, but sold out right now."
    talk.offer(product_id)
    return f"{costs}. Would you like to add {say.it(title)} to your cart?"


def stock(talk: Talk, slots: Slots) -> Steps:
    """Whether a product can be had, and in what forms."""
    product_id = yield from talk.find(slots)
    if product_id is None:
        return talk.which(slots, "check_inventory", given(_form_of(slots)))
    result = yield Call("check_inventory", {"product_id": product_id, **given(_form_of(slots))})
    if "error" in result:
        return trouble(result)
    title, form = result["title"], say.form(slots.size, slots.color)
    if not result["for_sale"]:
        return f"I'm sorry, you can't buy the {title} here: the shop only shows {say.it(title)}."
    if not result["available"]:
        opening = f"I'm sorry, the {title} {say.be(title)} sold out{form}."
        if not result["offered"]:
            opening = f"I'm sorry, the {title} {say.do_not_come(title)}{form}."
        return opening + instead(talk, result, {"product_id": product_id})
    talk.offer(product_id, slots.size, slots.color)
    left = result["quantity"]
    few = ""
    if left <= _FEW:
        few = f", but only {say.units(left)} {'is' if left == 1 else 'are'} left"
    also = []
    if not slots.color and result["colors_in_stock"]:
        also.append(f"in {say.colors(result['colors_in_stock'])}")
    if not slots.size and result["sizes_in_stock"]:
        also.append(f"in {say.sizes(result['sizes_in_stock'])}")
    there = f" You can have {say.it(title)} {' and '.join(also)}." if also else ""
    return (
        f"Yes, the {title} {say.be(title)} in stock{form}{few}.{there} "
        f"Shall I add {say.it(title)} to your cart?"
    )


def _form_of(slots: Slots) -> dict[str, Any]:
    return {"size": slots.size, "color": slots.color}


def _cost(product: dict[str, Any]) -> str:
    """One price, the range of those of the variants, or that there is none."""
    be = say.be(product["title"])
    if product["price"] is None:
        return f"{be} without a price in the shop"
    prices = {Decimal(variant["price"]["amount"]) for variant in product["variants"]}
    if len(prices) > 1:
        currency = product["price"]["currency"]
        low, high = say.amount(min(prices), currency), say.amount(max(prices), currency)
        return f"{be} {low} to {high}, depending on the size"
    return f"{be} {say.price(product['price'])}"

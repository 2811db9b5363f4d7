"""The offline model's comparisons."""

from __future__ import annotations

import re
from typing import Any

from greenroom.agents import phrasing as say
from greenroom.agents.offline_talk import NAMED, Talk, trouble
from greenroom.agents.turn import Call, Steps
from greenroom.commerce.comparing import MAX_COMPARED
from greenroom.commerce.context import ProductRef
from greenroom.commerce.references import position
from greenroom.commerce.slots import Slots

_CHEAPER = re.compile(r"\b(?:cheap\w*|(?:less|least) expensive|(?:costs?|is|are) less)\b")
_DEARER = re.compile(r"\b(?:(?:more|most) expensive|pric(?:ier|iest)|costs? more|dear(?:er|est))\b")

_ALL = re.compile(r"\ball\b")


def compare(talk: Talk, slots: Slots) -> Steps:
    """Which is cheaper, or what they have in common and what not."""
    references = list(slots.compared) or _talked_of(talk)
    if unclear := _unclear(talk, references):
        return unclear
    result = yield Call("compare_products", {"product_ids": references})
    if "error" in result:
        return trouble(result)
    if not result["compared"]:
        return f"That is one product, the {result['title']}. What shall I compare it with?"
    text = talk.turn.text.casefold()
    if result["price_difference"] is not None:
        if _CHEAPER.search(text):
            return _by_price(talk, result, "cheapest", ("cheaper", "cheapest", "less"))
        if _DEARER.search(text):
            return _by_price(talk, result, "dearest", ("more expensive", "most expensive", "more"))
    return " ".join(part for part in (_prices(result), _shared(result), _own(result)) if part)


def _unclear(talk: Talk, references: list[str]) -> str:
    """What to ask where it is not known what is meant; else nothing."""
    if len(references) < 2:
        return "Which products shall I compare? Tell me two of them, or search first."
    found = talk.context.results
    if all((place := position(each)) is None or place < len(found) for each in references):
        return ""
    names = say.listed([f"the {ref.title}" for ref in found[:MAX_COMPARED]])
    return f"I only named {names or 'nothing yet'}. Which products shall I compare?"


def _talked_of(talk: Talk) -> list[str]:
    """What was compared before, else what was found last, as much of it as was named."""
    if talk.context.compared and not _ALL.search(talk.turn.text.casefold()):
        return list(talk.context.compared)
    found = len(talk.context.results)
    return [str(place + 1) for place in range(found if found <= MAX_COMPARED else NAMED)]


def _by_price(talk: Talk, result: dict[str, Any], which: str, words: tuple[str, str, str]) -> str:
    """The one that was asked for is "it" from now on."""
    comparative, superlative, direction = words
    wanted, other = result[which], result["dearest" if which == "cheapest" else "cheapest"]
    title, cost = wanted["title"], say.price(wanted["price"])
    difference = say.price(result["price_difference"])
    if len(result["products"]) == 2:
        text = (
            f"The {title} {say.be(title)} {comparative}: {cost}, which is {difference} {direction} "
            f"than {say.named(other)}."
        )
    else:
        text = (
            f"The {superlative} of them {say.be(title)} the {title} at {cost}. That is "
            f"{difference} {direction} than {say.named(other)}."
        )
    talk.context.focus = ProductRef.from_json(wanted)
    product = next(each for each in result["products"] if each["id"] == wanted["product_id"])
    if not product["available"]:
        return f"{text} But {say.it_is(title)} sold out."
    talk.offer(wanted["product_id"])
    return f"{text} Would you like to add {say.it(title)} to your cart?"


def _prices(result: dict[str, Any]) -> str:
    """What each costs, and how far that is apart."""
    products = result["products"]
    costs = [
        f"the {product['title']} {say.be(product['title'])} "
        + (say.price(product["price"]) if product["price"] else "without a price")
        for product in products
    ]
    text = say.sentence(say.listed(costs))
    if len(products) == 2 and (cheapest := result["cheapest"]) is not None:
        difference = say.price(result["price_difference"])
        title = cheapest["title"]
        text += f" So the {title} {say.be(title)} {difference} cheaper."
    return text


def _shared(result: dict[str, Any]) -> str:
    """The sizes and colours that all have."""
    common = result["in_common"]
    parts = []
    if common["sizes_in_stock"]:
        parts.append(f"in {say.sizes(common['sizes_in_stock'])}")
    if common["colors_in_stock"]:
        parts.append(f"in {say.colors(common['colors_in_stock'])}")
    if not parts:
        return ""
    both = "Both come" if len(result["products"]) == 2 else "All of them come"
    return f"{both} {say.listed(parts)}."


def _own(result: dict[str, Any]) -> str:
    """What only one of them has, and what is sold out."""
    parts = []
    for product in result["products"]:
        title, own = product["title"], product["only_here"]
        if product["for_sale"] and not product["available"]:
            parts.append(f"the {title} {say.be(title)} sold out")
        elif own["colors_in_stock"]:
            comes = "come" if say.is_plural(title) else "comes"
            parts.append(f"only the {title} {comes} in {say.colors(own['colors_in_stock'])}")
    if not parts:
        return ""
    return say.sentence(say.listed(parts))

"""The offline model's answers about the cart."""

from __future__ import annotations

from typing import Any

from greenroom.agents import phrasing as say
from greenroom.agents.offline_talk import Talk, given, trouble
from greenroom.agents.turn import Call, Steps
from greenroom.commerce.context import Pending
from greenroom.commerce.lexicon import singular, words_of
from greenroom.commerce.slots import Slots


def add(talk: Talk, slots: Slots) -> Steps:
    """Put what is meant into the cart, with what was said of it before."""
    pending = talk.pending
    asked = given({"quantity": slots.quantity, "size": slots.size, "color": slots.color})
    if (
        pending is not None
        and pending.tool == "add_to_cart"
        and "product_id" in pending.arguments
        and not slots.refers
        and not slots.query
    ):
        return (yield from put(talk, pending.arguments | asked))
    product_id = yield from talk.find(slots)
    if product_id is None:
        return talk.which(slots, "add_to_cart", asked)
    return (yield from put(talk, {"product_id": product_id, **asked}))


def _color_searched(talk: Talk, product_id: str) -> str | None:
    """Who searched for black shoes and takes the first means the black ones."""
    search, results = talk.context.last_search, talk.context.results
    if search is None or all(ref.id != product_id for ref in results):
        return None
    return search.color


def put(talk: Talk, wanted: dict[str, Any]) -> Steps:
    """Call `add_to_cart` and tell what came of it."""
    if "color" not in wanted and (color := _color_searched(talk, wanted["product_id"])):
        wanted = {**wanted, "color": color}
    result = yield Call("add_to_cart", wanted)
    if "error" in result:
        return trouble(result)
    if not result["added"]:
        return _refused(talk, result, wanted)
    line, total = result["line"], say.price(result["cart"]["total"])
    many = result["quantity_added"]
    what = f"{say.units(many)} of the {line['title']}" if many > 1 else f"the {line['title']}"
    form = say.form(line["size"], line["color"])
    return talk.pick(
        f"I've added {what}{form} to your cart. Your total is {total}. Anything else?",
        f"Done, I've put {what}{form} into your cart. The total is {total} now. What else?",
    )


def _refused(talk: Talk, result: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Why something could not be added, and what could be instead."""
    title = result["title"]
    form = say.form(result.get("size"), result.get("color"))
    match result["reason"]:
        case "size_needed":
            talk.context.pending = Pending("size", "add_to_cart", wanted)
            sizes = say.sizes(result["sizes_in_stock"])
            return f"Which size of the {title} would you like? I have {sizes}."
        case "not_enough_stock":
            return _short(talk, result, wanted, form)
        case "not_for_sale":
            return (
                f"I'm sorry, you can't buy the {title} here: the shop only shows {say.it(title)}."
            )
        case "other_currency":
            return (
                f"The {title} {say.be(title)} sold in another currency than what is in your cart. "
                "Please buy them one after the other."
            )
        case "cart_full":
            return "Your cart is full. Please remove something first."
        case "sold_out":
            opening = f"I'm sorry, the {title} {say.be(title)} sold out."
        case "no_such_size" | "no_such_color":
            opening = f"I'm sorry, the {title} {say.do_not_come(title)}{form}."
        case _:
            opening = f"I'm sorry, the {title} {say.be(title)} sold out{form}."
    return opening + instead(talk, result, wanted)


def _short(talk: Talk, result: dict[str, Any], wanted: dict[str, Any], form: str) -> str:
    left = result["quantity_left"]
    if left <= 0:
        return f"All that I have of the {result['title']}{form} is in your cart already."
    talk.context.pending = Pending("yes", "add_to_cart", wanted | {"quantity": left})
    more = " more" if result["quantity_in_cart"] else ""
    them = "it" if left == 1 else "those"
    return (
        f"I only have {say.units(left)}{more} of the {result['title']}{form}. Shall I add {them}?"
    )


def instead(talk: Talk, result: dict[str, Any], wanted: dict[str, Any]) -> str:
    """What else there is of a product, and the question that goes with it."""
    rest = {name: value for name, value in wanted.items() if name not in {"size", "color"}}
    asked_color = result.get("color")
    if result["sizes_in_stock"]:
        kept = rest | ({"color": asked_color} if asked_color else {})
        talk.context.pending = Pending("size", "add_to_cart", kept)
        return f" I have {say.sizes(result['sizes_in_stock'])}. Would one of those do?"
    if result["colors_in_stock"]:
        kept = rest | ({"size": result["size"]} if result.get("size") else {})
        talk.context.pending = Pending("color", "add_to_cart", kept)
        return f" I have {say.colors(result['colors_in_stock'])}. Would one of those do?"
    return " Would you like to see something else?"


def cart(talk: Talk, _slots: Slots) -> Steps:
    """What is in the cart."""
    result = yield Call("view_cart", {})
    if "error" in result:
        return trouble(result)
    items = result["items"]
    if not items:
        return talk.pick(
            "Your cart is empty. What are you looking for?",
            "There is nothing in your cart yet. What would you like?",
        )
    parts = [
        (f"{say.units(item['quantity'])} of the " if item["quantity"] > 1 else "the ")
        + f"{item['title']}{say.form(item['size'], item['color'])}"
        for item in items
    ]
    number = say.count(result["item_count"], "item")
    total = say.price(result["total"])
    return f"You have {number} in your cart: {say.listed(parts)}. The total is {total}."


def checkout(_talk: Talk, _slots: Slots) -> Steps:
    """Put the link on the screen and sum up; paying is not for a voice."""
    result = yield Call("checkout_link", {})
    if "error" in result:
        return trouble(result)
    if not result["ready"]:
        if result["reason"] == "cart_empty":
            return "Your cart is still empty. What would you like to buy?"
        return f"I'm sorry. {_left_out(result['left_out'])} Shall I look for something else?"
    number, total = say.count(result["item_count"], "item"), say.price(result["total"])
    opening = f"Your cart has {number} for {total}."
    if result["left_out"]:
        opening = f"I'm sorry. {_left_out(result['left_out'])} That leaves {number} for {total}."
    return f"{opening} The link to the checkout is on your screen: you can pay there."


def _left_out(lines: list[dict[str, Any]]) -> str:
    """What of the cart can't be had any more."""
    parts = []
    for line in lines:
        what = f"the {line['title']}{say.form(line['size'], line['color'])}"
        if line["quantity_left"]:
            parts.append(f"there {_are(line['quantity_left'])} left of {what}")
        else:
            parts.append(f"{what} {say.be(line['title'])} sold out by now")
    return say.sentence(say.listed(parts))


def _are(number: int) -> str:
    return f"{'is' if number == 1 else 'are'} only {say.units(number)}"


def remove(talk: Talk, slots: Slots) -> Steps:
    """Take a line, some units of it, or everything out of the cart."""
    lines = talk.context.cart
    if not lines:
        return "Your cart is empty already."
    wanted: dict[str, Any] = {}
    if not slots.everything:
        place = _place(talk, slots)
        if place is None:
            titles = say.listed([f"the {line.title}" for line in lines], "or")
            return f"Which one shall I take out: {titles}?"
        wanted = given({"product_id": str(place), "quantity": slots.quantity})
    result = yield Call("remove_from_cart", wanted)
    if "error" in result:
        return trouble(result)
    if slots.everything:
        return "Your cart is empty now. What else are you looking for?"
    left = result["cart"]
    what = f"the {result['title']}"
    if result["quantity_removed"] > 1 or slots.quantity:
        what = f"{say.units(result['quantity_removed'])} of {what}"
    rest = "Your cart is empty now."
    if left["items"]:
        rest = f"Your total is {say.price(left['total'])}."
    return f"I've taken {what} out of your cart. {rest}"


def _place(talk: Talk, slots: Slots) -> int | None:
    """Which line of the cart is meant, counted from 1; None where that is unclear."""
    lines = talk.context.cart
    if slots.ordinal is not None:
        place = len(lines) if slots.ordinal == -1 else slots.ordinal
        return place if place <= len(lines) else None
    wanted = slots.product_id
    if wanted is None and not slots.query and talk.context.focus is not None:
        wanted = talk.context.focus.id
    for place, line in enumerate(lines, start=1):
        if line.product_id == wanted:
            return place
    if slots.query:
        # A word of its title is enough where only one line has it: "the scarf".
        said = {singular(word) for word in slots.query.split()}
        places = [
            place
            for place, line in enumerate(lines, start=1)
            if said & {singular(word) for word in words_of(line.title)}
        ]
        return places[0] if len(places) == 1 else None
    return 1 if len(lines) == 1 else None

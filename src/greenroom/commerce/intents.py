"""What a shopper wants, from one sentence and what went before: rules, no model.

Made for the text of a recogniser: lower case, articles missing, homophones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from greenroom.commerce.context import ProductRef, ShopContext
from greenroom.commerce.hearing import normalise
from greenroom.commerce.intent_patterns import (
    ADD,
    CHECKOUT,
    DETAILS,
    EVERYTHING,
    HAVE_SIZE,
    MORE,
    OPENINGS,
    OUT_OF_DOMAIN,
    POLICY,
    PRICE,
    REMOVE,
    SEARCH,
    SMALL_TALK,
    SMALL_TALK_WORDS,
    STOCK,
    TAKE,
    VIEW_CART,
)
from greenroom.commerce.references import best_match
from greenroom.commerce.slots import SlotReader, Slots

INTENTS = (
    "product_search", "product_details", "price_inquiry", "inventory_check", "add_to_cart",
    "view_cart", "remove_from_cart", "checkout", "greeting", "thanks", "goodbye", "help", "affirm",
    "deny", "repeat", "policy_question", "unknown",
)  # fmt: skip
"""Every name that `recognise` gives."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What is wanted, and in particular."""

    name: str
    slots: Slots = field(default_factory=Slots)


def recognise(sentence: str, context: ShopContext) -> Intent:
    """What `sentence` asks for in this conversation. Takes well under a millisecond."""
    text = normalise(sentence)
    if text.count(" ") < SMALL_TALK_WORDS:
        for name, pattern in SMALL_TALK:
            if pattern.search(text):
                return Intent(name)
    opened = OPENINGS.sub("", text)
    if not opened:
        return Intent("unknown")
    slots = read_slots(opened, context)
    name = _name_of(opened, slots, context)
    if name == "remove_from_cart":
        slots = replace(slots, everything=EVERYTHING.search(opened) is not None)
    elif name == "product_search":
        more = MORE.search(opened) is not None and not slots.category
        slots = replace(slots, more=more, query="" if more else slots.query)
    if name == "unknown":
        name = _by_opening(text)
    return Intent(name, slots)


def _by_opening(text: str) -> str:
    """ "yes ..." and "no ..." with something after it that says nothing."""
    first, _, _ = text.partition(" ")
    if first in {"yes", "yeah", "yep", "sure", "okay", "ok"}:
        return "affirm"
    if first in {"no", "nope", "nah"}:
        return "deny"
    return "unknown"


def read_slots(text: str, context: ShopContext) -> Slots:
    """Every particular of a normalised sentence."""
    reader = SlotReader(text)
    product_id = _named_product(text, context)
    size = reader.named_size()
    any_price, relative, extreme = reader.price_wish()
    lowest, highest = reader.prices()
    quantity = reader.quantity()
    ordinal = reader.ordinal()
    color = reader.color()
    if size is None:
        size = reader.worn_size()
    pronoun = reader.pronoun()
    query = reader.query()
    return Slots(
        query=query,
        category=reader.category(query),
        min_price=lowest,
        max_price=highest,
        any_price=any_price,
        relative=relative,
        extreme=extreme,
        size=size,
        color=color,
        ordinal=ordinal,
        quantity=quantity,
        product_id=product_id,
        pronoun=pronoun,
    )


def _named_product(text: str, context: ShopContext) -> str | None:
    known: dict[str, ProductRef] = {ref.id: ref for ref in context.results}
    if context.focus is not None:
        known.setdefault(context.focus.id, context.focus)
    for line in context.cart:
        known.setdefault(line.product_id, ProductRef(line.product_id, line.title, line.unit_price))
    named = best_match(text, list(known.values()))
    return None if named is None else named.id


def _name_of(text: str, slots: Slots, context: ShopContext) -> str:  # noqa: C901, PLR0911, PLR0912
    # One decision after the other, surest first; splitting it would hide their order.
    said = slots.refers or (slots.pronoun and context.focus is not None)
    about_known = slots.refers or (context.focus is not None and not slots.category)
    asked_size = context.pending is not None and context.pending.asks in {"size", "color"}
    if REMOVE.search(text):
        return "remove_from_cart"
    if CHECKOUT.search(text):
        return "checkout"
    if POLICY.search(text) and not slots.category:
        return "policy_question"
    if ADD.search(text):
        return "add_to_cart"
    if VIEW_CART.search(text):
        return "view_cart"
    if POLICY.search(text):
        return "policy_question"
    if OUT_OF_DOMAIN.search(text) and not slots.category:
        return "unknown"
    if asked_size and (slots.size or slots.color) and not slots.category:
        return "add_to_cart"
    if MORE.search(text) and not slots.category:
        return "product_search"
    if STOCK.search(text) and about_known:
        return "inventory_check"
    if slots.size and said and HAVE_SIZE.search(text) and not slots.category:
        return "inventory_check"
    priced = slots.any_price or slots.max_price is not None or slots.min_price is not None
    if PRICE.search(text) and not priced:
        return "price_inquiry"
    if TAKE.search(text) and said and not (slots.extreme and slots.category):
        return "add_to_cart"
    if slots.extreme and not slots.category and context.results:
        return "product_details"
    if (DETAILS.search(text) or _is_bare_reference(text, slots)) and (
        slots.ordinal is not None or slots.product_id is not None
    ):
        return "product_details"
    if _asks_about_focus(text, slots, context):
        return "product_details"
    narrowed = slots.narrows and (context.last_search is not None or SEARCH.search(text))
    if slots.category or slots.extreme or narrowed:
        return "product_search"
    if slots.query and SEARCH.search(text):
        return "product_search"
    if re.search(r"^tell me about|^describe|^details (?:of|on|about)", text) and slots.query:
        return "product_details"
    if SEARCH.search(text) and re.search(
        r"\b(?:what do you (?:have|sell)|what you have|products|something|anything|browse|shopping|"
        r"recommend|suggest|categories)\b",
        text,
    ):
        return "product_search"
    return "unknown"


def _is_bare_reference(text: str, slots: Slots) -> bool:
    """Only a product is named: "the second one", "comet"."""
    return not slots.query or len(text.split()) <= 4 or slots.product_id is not None


def _asks_about_focus(text: str, slots: Slots, context: ShopContext) -> bool:
    return (
        context.focus is not None
        and not slots.category
        and re.search(
            r"\b(?:tell me (?:more|about (?:it|that|this))|more about (?:it|that|this)|"
            r"more (?:details?|info|information)|details?|describe (?:it|that|this)|"
            r"what (?:is|are) (?:it|that|this|they)\b.*|is it \S+|made (?:of|from))\b",
            text,
        )
        is not None
    )

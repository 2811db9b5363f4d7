"""What a shopper wants, from one sentence and what went before: rules, no model.

Made for the text of a recogniser: lower case, articles missing, homophones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from greenroom.commerce.comparing import compared
from greenroom.commerce.context import ProductRef, ShopContext
from greenroom.commerce.hearing import normalise
from greenroom.commerce.intent_patterns import (
    ABOUT,
    ABOUT_IT,
    ADD,
    CHECKOUT,
    COMPARE,
    DETAILS,
    EVERYTHING,
    HAVE_SIZE,
    IT,
    MORE,
    OPEN_QUESTION,
    OPENINGS,
    OUT_OF_DOMAIN,
    POLICY,
    POLICY_TOPICS,
    PRICE,
    REMOVE,
    SEARCH,
    SMALL_TALK,
    SMALL_TALK_WORDS,
    STOCK,
    TAKE,
    TITLED,
    TWO_THINGS,
    VIEW_CART,
)
from greenroom.commerce.lexicon import STOP_WORDS
from greenroom.commerce.references import best_match
from greenroom.commerce.slots import SlotReader, Slots, has_pronoun

INTENTS = (
    "product_search", "product_details", "product_comparison", "price_inquiry", "inventory_check",
    "add_to_cart", "view_cart", "remove_from_cart", "checkout", "greeting", "thanks", "goodbye",
    "help", "affirm", "deny", "repeat", "policy_question", "unknown",
)  # fmt: skip
"""Every name that `recognise` gives."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What is wanted, and in particular.

    A `product_comparison` has in `slots.compared` what a tool `compare_products(products)` takes;
    where that is empty, the products found last are meant. A `policy_question` has in `slots.topic`
    what it is about (one word, like `Policy.topic`), and its own words in `slots.query`.
    """

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
    name = _name_of(_Heard(opened, slots, context))
    if name == "remove_from_cart":
        slots = replace(slots, everything=EVERYTHING.search(opened) is not None)
    elif name == "product_search":
        more = MORE.search(opened) is not None and not slots.category
        slots = replace(slots, more=more, query="" if more else slots.query)
    elif name == "product_comparison":
        slots = replace(slots, compared=compared(opened, context))
    elif name == "policy_question":
        slots = replace(slots, topic=_topic_of(opened), query=_policy_words(opened))
    if name == "unknown":
        name = _by_opening(text)
    return Intent(name, slots)


def _topic_of(text: str) -> str:
    return next((topic for topic, pattern in POLICY_TOPICS if pattern.search(text)), "")


def _policy_words(text: str) -> str:
    """All words that say something: "return" and "pay" name no product, but they name a policy."""
    return " ".join(word for word in text.split() if word not in STOP_WORDS)


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
        pronoun=has_pronoun(text),
    )


def _named_product(text: str, context: ShopContext) -> str | None:
    known: dict[str, ProductRef] = {ref.id: ref for ref in context.results}
    if context.focus is not None:
        known.setdefault(context.focus.id, context.focus)
    for line in context.cart:
        known.setdefault(line.product_id, ProductRef(line.product_id, line.title, line.unit_price))
    named = best_match(text, list(known.values()))
    return None if named is None else named.id


@dataclass(frozen=True, slots=True)
class _Heard:
    """A sentence with all that the rules look at."""

    text: str
    slots: Slots
    context: ShopContext

    def says(self, pattern: re.Pattern[str]) -> bool:
        return pattern.search(self.text) is not None

    @property
    def points(self) -> bool:
        """A product of the conversation is pointed at."""
        return self.slots.refers or (self.slots.pronoun and self.context.focus is not None)

    @property
    def lost(self) -> bool:
        """Something is called "it", but it is unclear what: the shop should ask.

        "Them" may be all that were named, as in "do you have them in red".
        """
        slots, context = self.slots, self.context
        if not slots.pronoun or slots.category or context.focus:
            return False
        return not context.results or self.says(IT)

    @property
    def of_known(self) -> bool:
        """It can be about a product of the conversation: nothing new is named."""
        return self.slots.refers or (self.context.focus is not None and not self.slots.category)

    @property
    def titled(self) -> bool:
        """A product is named that was not talked of: "the ranger hiking boot"."""
        return (
            not self.points
            and len(self.slots.query.split()) > 1
            and TITLED.search(self.text) is not None
        )

    @property
    def of_a_kind(self) -> bool:
        """A whole shelf is asked about, with nothing at hand: "which tents are better for rain"."""
        return (
            self.slots.category is not None
            and not self.context.results
            and not self.says(TWO_THINGS)
        )

    @property
    def completes(self) -> bool:
        """The size or colour that was asked for, or that an offered product should have."""
        pending, slots = self.context.pending, self.slots
        if pending is None or slots.category or not (slots.size or slots.color):
            return False
        asked = pending.asks in {"size", "color"}
        return asked or (pending.tool == "add_to_cart" and not slots.query and not slots.refers)

    @property
    def names_one(self) -> bool:
        """One of the last results is named, by its place or title."""
        slots = self.slots
        bare = not slots.query or len(self.text.split()) <= 4 or slots.product_id is not None
        return (slots.ordinal is not None or slots.product_id is not None) and (
            bare or self.says(DETAILS)
        )

    @property
    def priced(self) -> bool:
        slots = self.slots
        return slots.any_price or slots.max_price is not None or slots.min_price is not None

    @property
    def narrows(self) -> bool:
        last = self.context.last_search
        return self.slots.narrows and (
            ((last is not None or self.priced) and not self.slots.query) or self.says(SEARCH)
        )


# The first rule that holds decides: surest first.
_RULES: tuple[tuple[str, Callable[[_Heard], bool]], ...] = (
    ("remove_from_cart", lambda heard: heard.says(REMOVE)),
    ("checkout", lambda heard: heard.says(CHECKOUT)),
    ("policy_question", lambda heard: heard.says(POLICY) and not heard.slots.category),
    ("product_comparison", lambda heard: heard.says(COMPARE) and not heard.of_a_kind),
    ("add_to_cart", lambda heard: heard.says(ADD)),
    ("view_cart", lambda heard: heard.says(VIEW_CART)),
    ("policy_question", lambda heard: heard.says(POLICY)),
    ("unknown", lambda heard: heard.says(OUT_OF_DOMAIN) and not heard.slots.category),
    ("product_search", lambda heard: heard.says(MORE) and not heard.slots.category),
    (
        "inventory_check",
        lambda heard: heard.says(STOCK) and (heard.of_known or heard.titled or heard.lost),
    ),
    (
        "inventory_check",
        lambda heard: (
            (heard.slots.size is not None or heard.slots.color is not None)
            and heard.points
            and (not heard.slots.category or heard.slots.product_id is not None)
            and heard.says(HAVE_SIZE)
        ),
    ),
    ("add_to_cart", lambda heard: heard.completes),
    ("price_inquiry", lambda heard: heard.says(PRICE) and not heard.priced),
    (
        "add_to_cart",
        lambda heard: (
            heard.says(TAKE)
            and (heard.points or heard.titled or heard.lost)
            and not (heard.slots.extreme and heard.slots.category)
        ),
    ),
    (
        "product_details",
        lambda heard: bool(
            heard.slots.extreme and not heard.slots.category and heard.context.results
        ),
    ),
    ("product_details", lambda heard: heard.names_one),
    (
        "product_details",
        lambda heard: (
            (heard.context.focus is not None or heard.lost)
            and not heard.slots.category
            and heard.says(ABOUT_IT)
        ),
    ),
    ("product_details", lambda heard: heard.titled and heard.says(ABOUT)),
    (
        "product_search",
        lambda heard: bool(heard.slots.category or heard.slots.extreme or heard.narrows),
    ),
    ("product_search", lambda heard: bool(heard.slots.query) and heard.says(SEARCH)),
    ("product_details", lambda heard: bool(heard.slots.query) and heard.says(ABOUT)),
    ("product_search", lambda heard: heard.says(SEARCH) and heard.says(OPEN_QUESTION)),
)


def _name_of(heard: _Heard) -> str:
    return next((name for name, holds in _RULES if holds(heard)), "unknown")

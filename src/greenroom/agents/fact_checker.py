"""Whether a sentence may be spoken: what it states must have come from the shop's tools.

What the tools gave is kept in `ShopContext.facts`, so it holds over turns and reconnections. A
claim that nothing supports keeps the whole sentence from being said.
"""

from __future__ import annotations

import re

from greenroom.agents.claims import HOT, TOPICS, Claim, Kind, claims
from greenroom.agents.fact_notes import form_key
from greenroom.agents.figures import amounts
from greenroom.agents.price_check import Statement, prices_hold, read
from greenroom.commerce.context import ShopContext
from greenroom.commerce.facts import Facts
from greenroom.commerce.lexicon import COLORS

_FORM = re.compile(rf"\b(?:sizes?|in (?:{'|'.join(sorted(COLORS))})|colou?rs?|that one)\b")
_EVERY_FORM = re.compile(r"\b(?:every|any|all) (?:the )?(?:sizes?|colou?rs?)\b")
_SIZE = re.compile(
    r"\bsize (\w+(?: large| small)?)|\b((?:extra |double extra )?(?:small|large)|medium)\b"
)
_WORD_FOR_WORD = 20
"""Characters of a sentence that is the shop's own where it stands in one of its texts."""

_IN_CART = re.compile(r"\balready\b|\b(?:is|are) (?:now )?in your\b")
_TIME = r"(?:working |business |whole |full |calendar )?(hour|day|week|month|year)s?\b"
_ONE = re.compile(rf"\b(?:one|an?) (?={_TIME})")
_FREE, _FREE_IF = re.compile(r"\bfree\b"), re.compile(r"\bfree (?:for|on|with|over) orders?\b")
_CONDITION = re.compile(r"\b(?:orders?|over|above|spend|or more|return|exchange)\b")
_TO_PLACE = re.compile(
    r"\b(?:ship|ships|deliver|delivers|send|sends)(?: \w+){0,2} to (?:the )?"
    r"(?!you|your|it\b|them|me\b|us\b|home|addresses|doors?\b)(\w+)"
)
_DURATION = re.compile(rf"\b(?:(\d+) (?:to|or|-|and) )?(\d+) {_TIME}")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def refusal(sentence: str, context: ShopContext, done: frozenset[str]) -> Kind | None:
    """The kind of the first claim of `sentence` that nothing supports; None: it may be said.

    `done` are the changes of the cart in this turn: "added", "removed".
    """
    stated = read(sentence, context.facts)
    if len(stated.text) > _WORD_FOR_WORD and any(
        stated.text in text for text in context.facts.texts.values()
    ):
        return None
    if not prices_hold(stated, context):
        return "price"
    for claim in claims(stated.text):
        if not _holds(claim, stated, context, done):
            return claim.kind
    return None


def _holds(claim: Claim, stated: Statement, context: ShopContext, done: frozenset[str]) -> bool:
    match claim.kind:
        case "stock":
            return _stock_holds(claim.value, stated, context)
        case "discount":
            # A discount is one that the shop has written of, with that figure.
            given = context.facts.discounts
            return claim.value in given if claim.value else bool(given)
        case "terms":
            return _terms_hold(stated.text, context.facts)
        case "cart":
            return _cart_holds(claim.value, stated.text, context, done)
        case _:  # no tool places or follows an order
            return False


# -- stock ----------------------------------------------------------------------------------


def _stock_holds(value: str, stated: Statement, context: ShopContext) -> bool:
    """Of the products that are named, else of "it", else of any that was looked up."""
    facts, text = context.facts, stated.text
    titles = stated.titles or (() if context.focus is None else (context.focus.title,))
    about = [facts.products[title] for title in titles if title in facts.products]
    if stated.stranger and not stated.titles:
        return False
    about = about or list(facts.products.values())
    if value.isdigit():
        if re.search(rf"\b{value} TITLE", text) is None and _is_count_of_results(value, context):
            return True
        forms = _forms(text, context.size)
        return any(product.stock.get(form) == int(value) for product in about for form in forms)
    if value == "in":
        return any(product.available for product in about)
    # Sold out as a whole, or, while there is some of it, in the form that is named.
    told = [product for product in about if product.available is not None]
    return any(not product.available for product in told) or bool(
        told and _FORM.search(text) and not _EVERY_FORM.search(text)
    )


def _forms(text: str, size_before: str | None) -> list[str]:
    """The forms that a sentence may speak of, as the facts have them.

    A size that it does not name may be the one that was said before, or what was asked for last.
    """
    found = _SIZE.search(text)
    size = (found[1] or found[2]) if found else None
    colors: list[str | None] = [word for word in text.split() if word in COLORS]
    forms = [form_key(size, color) for color in colors or [None]]
    if size is None:
        forms += [form_key(size_before, color) for color in colors]
    return forms if size and colors else [*forms, "?"]


def _is_count_of_results(value: str, context: ShopContext) -> bool:
    total = None if context.last_search is None else context.last_search.total
    return int(value) == total and int(value) > 1


# -- the shop's own words -------------------------------------------------------------------


def _terms_hold(text: str, facts: Facts) -> bool:
    """Numbers and telling words must be those of the policies on the topics that are spoken of."""
    topics = [topic for topic, (spoken, _) in TOPICS.items() if spoken.search(text)]
    written = " ".join(
        words
        for about, words in facts.texts.items()
        if any(_is_about(topic, about, words) for topic in topics)
    )
    if not written:
        return False
    if _FREE_IF.search(written) and _FREE.search(text) and not _CONDITION.search(text):
        return False
    if any(not re.search(rf"\b{place[1]}\b", written) for place in _TO_PLACE.finditer(text)):
        return False
    text, written = _ONE.sub("1 ", text), _ONE.sub("1 ", written)
    if not _durations(text) <= _durations(written, ends=True):
        return False
    hot = {match[0] for match in HOT.finditer(text)}
    numbers = set(_NUMBER.findall(re.sub(r"TITLE\d+", "", text)))
    # What is spoken of prices was checked as prices.
    for amount in amounts(text):
        numbers -= set(_NUMBER.findall(text[amount.start : amount.end]))
    return all(re.search(rf"\b{re.escape(each)}\b", written) is not None for each in hot | numbers)


def _durations(text: str, *, ends: bool = False) -> set[tuple[str, str]]:
    """Times and their units; with `ends` a range counts as its end too ("up to five days")."""
    found: set[tuple[str, str]] = set()
    for match in _DURATION.finditer(text):
        low, high, unit = match.groups()
        found.add((f"{low} to {high}" if low else high, unit))
        if ends:
            found.add((high, unit))
    return found


def _is_about(topic: str, about: str, words: str) -> bool:
    spoken, heads = TOPICS[topic]
    headed = [name for name, (_, head) in TOPICS.items() if head.search(about)]
    return heads.search(about) is not None or (not headed and spoken.search(words) is not None)


# -- the cart -------------------------------------------------------------------------------


def _cart_holds(value: str, text: str, context: ShopContext, done: frozenset[str]) -> bool:
    if value == "empty":
        return not context.cart
    if value.isdigit():
        units = sum(line.quantity for line in context.cart)
        return int(value) in {units, len(context.cart)}
    if value == "added" and context.cart and _IN_CART.search(text):
        return True
    return value in done

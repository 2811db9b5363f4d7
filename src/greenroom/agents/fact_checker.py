"""Whether a sentence may be spoken: what it states must have come from the shop's tools.

One checker belongs to one conversation. What the tools gave is kept in `ShopContext.facts`, so it
holds over turns and reconnections. A price may also be a sum or a difference of such prices, and a
limit may be one that the user named. A claim that nothing supports keeps the whole sentence from
being said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import combinations

from greenroom.agents.claims import HOT, TOPICS, Claim, Kind, claims
from greenroom.agents.figures import Amount, amounts, plain
from greenroom.commerce.context import ShopContext
from greenroom.commerce.facts import Facts, ProductFacts
from greenroom.commerce.lexicon import COLORS

_LIMIT = re.compile(
    r"\b(?:under|below|up to|at most|less than|more than|over|above|within|around|about|between|"
    r"budget(?: of| is)?|limit(?: of| is)?|max(?:imum)?(?: of)?|roughly|near|exceed\w*|beyond|past|"
    r"than|and|to|your|least)(?: the| your| a| that| \d+(?: dollars| euros)?)* $"
)
_LIMIT_AFTER = re.compile(
    r"^ (?:budget|limit|or (?:less|under|more|below)|and under|range|mark|max)\b"
)
_OWN_PRICE = re.compile(r"\bTITLE(\d+) (?:is|are|at|costs?|:|is priced at|is only|are only) $")
_DIFFERS = re.compile(
    r"\b(?:more|less|cheaper|dearer|pricier|difference|differ|apart|sav(?:e|es|ing)|left|over|under|"
    r"above|below|extra|expensive)\b"
)
_ADDS_UP = re.compile(
    r"\b(?:total|together|both|altogether|sum|all|combined|each|for (?:2|3|4|5|the (?:2|3|pair))|"
    r"2|3|4|5|6|pairs?)\b"
)
_FORM = re.compile(rf"\b(?:sizes?|in (?:{'|'.join(sorted(COLORS))})|colou?rs?|that one)\b")
_IN_CART = re.compile(r"\balready\b|\b(?:is|are) (?:now )?in your\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MOST_OPERANDS = 12


def refusal(sentence: str, context: ShopContext, done: frozenset[str]) -> Kind | None:
    """The kind of the first claim of `sentence` that nothing supports; None: it may be said.

    `done` are the changes of the cart in this turn: "added", "removed".
    """
    marked, titles = _mark(sentence, context.facts)
    text = plain(marked)
    if not _prices_hold(text, titles, context):
        return "price"
    for claim in claims(text):
        if not _holds(claim, text, titles, context, done):
            return claim.kind
    return None


def _holds(
    claim: Claim, text: str, titles: list[str], context: ShopContext, done: frozenset[str]
) -> bool:
    match claim.kind:
        case "stock":
            return _stock_holds(claim.value, text, titles, context)
        case "discount":
            return _discount_holds(claim.value, context.facts)
        case "terms":
            return _terms_hold(text, context.facts)
        case "cart":
            return _cart_holds(claim.value, text, context, done)
        case _:  # no tool places or follows an order
            return False


# -- products -------------------------------------------------------------------------------


def _mark(sentence: str, facts: Facts) -> tuple[str, list[str]]:
    """The sentence with known titles as `TITLE<n>`: their numbers are no claims. And the titles.

    A product's first word stands for it where no other has it: "the Comet".
    """
    titles = list(facts.products)
    firsts = [title.split()[0] for title in titles if title.split()]
    for number in sorted(range(len(titles)), key=lambda each: -len(titles[each])):
        pattern = re.compile(rf"\b{re.escape(titles[number])}(?:e?s)?\b", re.IGNORECASE)
        sentence = pattern.sub(f"TITLE{number}", sentence)
    for number, title in enumerate(titles):
        first = title.split()[0] if title.split() else ""
        if len(first) > 3 and firsts.count(first) == 1:
            sentence = re.sub(rf"\b{re.escape(first)}\b(?! ?TITLE)", f"TITLE{number}", sentence)
    return sentence, titles


def _named(text: str, titles: list[str]) -> list[str]:
    return [titles[int(number)] for number in dict.fromkeys(re.findall(r"TITLE(\d+)", text))]


# -- prices ---------------------------------------------------------------------------------


def _prices_hold(text: str, titles: list[str], context: ShopContext) -> bool:
    facts = context.facts
    known = set(_known(facts))
    pounds = any(currency == "GBP" for _, currency in known)
    found = amounts(text, pounds=pounds)
    return all(_price_holds(amount, text, titles, context, known) for amount in found)


def _price_holds(
    amount: Amount,
    text: str,
    titles: list[str],
    context: ShopContext,
    known: set[tuple[Decimal, str]],
) -> bool:
    before, after = text[: amount.start], text[amount.end :]
    facts = context.facts
    if (own := _OWN_PRICE.search(before)) and not re.match(
        r" (?:more|less|cheaper|dearer)\b", after
    ):
        prices = facts.products[titles[int(own[1])]].prices
        if prices:
            return _is_one_of(amount, _parsed(prices))
    if _is_one_of(amount, known):
        return True
    limit = _LIMIT.search(before) is not None or _LIMIT_AFTER.search(after) is not None
    if limit and any(value in _said(context) for value in amount.values):
        return True
    return _is_derived(amount, text, titles, context)


def _is_one_of(amount: Amount, known: Iterable[tuple[Decimal, str]]) -> bool:
    return any(
        value in amount.values and (not amount.currencies or currency in amount.currencies)
        for value, currency in known
    )


def _is_derived(amount: Amount, text: str, titles: list[str], context: ShopContext) -> bool:
    """Whether it is a difference, a sum or a multiple of what the sentence may be about."""
    of = sorted(set(_operands(text, titles, context)))[:_MOST_OPERANDS]
    reached: set[Decimal] = set()
    if _DIFFERS.search(text):
        reached |= {abs(one - other) for one, other in combinations(of, 2)}
    if _ADDS_UP.search(text):
        reached |= {sum(some, Decimal(0)) for n in (2, 3) for some in combinations(of, n)}
        counts = {int(number) for number in re.findall(r"\b\d{1,2}\b", text)} | {2}
        reached |= {price * count for price in of for count in counts if 1 < count <= 20}
    return any(value in reached for value in amount.values)


def _operands(text: str, titles: list[str], context: ShopContext) -> Iterator[Decimal]:
    facts = context.facts
    named = _named(text, titles)
    if not named:
        talked_of = [ref for ref in context.results if ref.id in context.compared]
        talked_of = talked_of or list(context.results[:3])
        if context.focus is not None:
            talked_of.append(context.focus)
        named = [ref.title for ref in talked_of]
    for title in named:
        yield from (value for value, _ in _parsed(facts.products.get(title, _NONE).prices))
    yield from (line.unit_price.amount for line in context.cart)
    yield from (line.total for line in context.cart)
    if context.cart:
        yield context.cart_total.amount
    if context.budget is not None:
        yield context.budget
    known = {value for value, _ in _known(facts)}
    yield from (value for each in amounts(text) for value in each.values if value in known)


_NONE = ProductFacts()


def _known(facts: Facts) -> Iterator[tuple[Decimal, str]]:
    for product in facts.products.values():
        yield from _parsed(product.prices)
    yield from _parsed(facts.amounts)


def _parsed(kept: Iterable[str]) -> Iterator[tuple[Decimal, str]]:
    for each in kept:
        value, _, currency = each.partition(" ")
        yield Decimal(value), currency


def _said(context: ShopContext) -> set[Decimal]:
    said = {Decimal(each) for each in context.facts.said}
    return said | {limit for limit in (context.budget, context.min_price) if limit is not None}


# -- stock ----------------------------------------------------------------------------------


def _stock_holds(value: str, text: str, titles: list[str], context: ShopContext) -> bool:
    facts = context.facts
    named = _named(text, titles)
    if not named and context.focus is not None:
        named = [context.focus.title]
    about = [facts.products[title] for title in named if title in facts.products]
    about = about or list(facts.products.values())
    if value.isdigit():
        if re.search(rf"\b{value} TITLE", text) is None and _is_count_of_results(value, context):
            return True
        return any(int(value) in product.stock for product in about)
    if value == "in":
        return any(product.available for product in about)
    # Sold out as a whole, or, while there is some of it, in the form that is named.
    told = [product for product in about if product.available is not None]
    return any(not product.available for product in told) or bool(told and _FORM.search(text))


def _is_count_of_results(value: str, context: ShopContext) -> bool:
    total = None if context.last_search is None else context.last_search.total
    return int(value) == total and int(value) > 1


# -- the shop's own words -------------------------------------------------------------------


def _discount_holds(percent: str, facts: Facts) -> bool:
    """A discount is one that the shop has written of, with that figure."""
    for text in facts.texts.values():
        kinds = [claim for claim in claims(text) if claim.kind == "discount"]
        if kinds and (not percent or any(claim.value == percent for claim in kinds)):
            return True
    return False


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
    hot = {match[0] for match in HOT.finditer(text)}
    numbers = set(_NUMBER.findall(re.sub(r"TITLE\d+", "", text)))
    # What is spoken of prices was checked as prices.
    for amount in amounts(text):
        numbers -= set(_NUMBER.findall(text[amount.start : amount.end]))
    return all(re.search(rf"\b{re.escape(each)}\b", written) is not None for each in hot | numbers)


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

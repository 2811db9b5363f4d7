"""Whether the amounts in a sentence are ones that the shop's tools gave, or follow from such.

A price beside a product's title must be that product's. A total must be the cart's. Elsewhere any
known amount will do, a limit that the user named, and, with a word that says so, a difference, a
sum or a multiple of prices that the sentence may be about.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import combinations

from greenroom.agents.figures import Amount, amounts, plain
from greenroom.commerce.context import ShopContext
from greenroom.commerce.facts import Facts, ProductFacts, amount_of

_LIMIT = re.compile(
    r"\b(?:under|below|up to|at most|less than|more than|over|above|within|around|about|between|"
    r"budget(?: of| is)?|limit(?: of| is)?|max(?:imum)?(?: of)?|roughly|near|exceed\w*|beyond|past|"
    r"than|and|to|your|least)(?: the| your| a| that| \d+(?: dollars| euros)?)* $"
)
_LIMIT_AFTER = re.compile(r"^ (?:budget|limit|or (?:less|under|more|below)|and under|range|mark)\b")
# An example of what may be asked, or that there is nothing at such a price.
_NO_PRICE = re.compile(
    r"\b(?:try|for example|such as|you (?:can|could) (?:say|ask)|nothing|none|no)\b"
)
_OWN_PRICE = re.compile(
    r"(\d+ )?(?:of the )?\bTITLE(\d+) (?:is|are|at|costs?|:)(?: only| just| \w+ly)* $"
)
_TOTAL = re.compile(
    r"\b(?:your|cart|the) (?:new )?total (?:now |then )?(?:is|comes to)(?: now| only)? $"
)
_DIFFERENCE = re.compile(r"^ (?:more|less|cheaper|dearer|pricier|extra|off|under|over)\b")
_COMPARED = re.compile(r"^ (?:more|less|cheaper|dearer|pricier)\b")
_OF_CART, _OF_BUDGET = re.compile(r"\b(?:cart|total)\b"), re.compile(r"\b(?:budget|left|spare)\b")
_DIFFERS = re.compile(
    r"\b(?:more|less|cheaper|dearer|pricier|difference|differ|apart|sav(?:e|es|ing)|left|over|under|"
    r"above|below|extra|expensive)\b"
)
_ADDS_UP = re.compile(r"\b(?:total|together|both|altogether|sum|all|combined|each|[2-9]|pairs?)\b")
_NAME = re.compile(r"\b[Tt]he ((?:[A-Z][\w'-]+ ){1,5}[A-Z][\w'-]+)")
_MOST_OPERANDS = 12
_NOTHING = ProductFacts()


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence as it is checked: its plain text, in which `TITLE<n>` is a product of `named`.

    `stranger`: it speaks by name of a product that no tool has given.
    """

    text: str
    named: dict[int, str]
    stranger: bool = False

    @property
    def titles(self) -> tuple[str, ...]:
        """The products that it names."""
        return tuple(self.named.values())


def read(sentence: str, facts: Facts) -> Statement:
    """Known titles count as one word: their numbers are no claims.

    A product's first word stands for it where no other has it: "the Comet".
    """
    named: dict[int, str] = {}
    titles = list(facts.products)
    firsts = [title.partition(" ")[0] for title in titles]
    folded = sentence.casefold()
    near = [number for number, first in enumerate(firsts) if first and first.casefold() in folded]
    for number in sorted(near, key=lambda each: -len(titles[each])):
        full, first = _patterns(titles[number])
        sentence, found = full.subn(f"TITLE{number}", sentence)
        if len(firsts[number]) > 3 and firsts.count(firsts[number]) == 1:
            sentence, more = first.subn(f"TITLE{number}", sentence)
            found += more
        if found:
            named[number] = titles[number]
    names = _NAME.findall(sentence)
    return Statement(plain(sentence), named, any("TITLE" not in name for name in names))


@lru_cache(maxsize=2_000)
def _patterns(title: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    return (
        re.compile(rf"\b{re.escape(title)}(?:e?s)?\b", re.IGNORECASE),
        re.compile(rf"\b{_beginning(title.split())}s?\b"),
    )


def _beginning(words: list[str]) -> str:
    """A pattern for the first word or more of them, as far as they are said."""
    rest = f"(?: {_beginning(words[1:])})?" if len(words) > 1 else ""
    return re.escape(words[0]) + rest


def prices_hold(stated: Statement, context: ShopContext) -> bool:
    """Whether every amount in the sentence is supported."""
    facts = context.facts
    prices = {price for product in facts.products.values() for price in product.prices}
    known = prices.union(facts.amounts)
    pounds = any(each.endswith("GBP") for each in known)
    found = amounts(stated.text, pounds=pounds)
    return all(_holds(amount, stated, context, known) for amount in found)


def _holds(amount: Amount, stated: Statement, context: ShopContext, known: Collection[str]) -> bool:
    before, after = stated.text[: amount.start], stated.text[amount.end :]
    facts = context.facts
    own = _OWN_PRICE.search(before)
    if own is not None and own[1] is None and _DIFFERENCE.search(after) is None:
        prices = facts.products[stated.named[int(own[2])]].prices
        return _is_one_of(amount, prices or known)
    if _TOTAL.search(before) is not None and context.cart:
        # What a cart cost before it was changed is known, and wrong.
        return _is_one_of(amount, [amount_of(context.cart_total), *facts.amounts[-1:]])
    compares = len(stated.named) > 1 and _COMPARED.search(after) is not None
    if compares:  # a figure that is known for something else is no difference of these
        return _is_derived(amount, stated, context, ())
    if _is_one_of(amount, known):
        return True
    if _LIMIT.search(before) is not None or _LIMIT_AFTER.search(after) is not None:
        said = _said(context)
        if any(value in said for value in amount.values) or _NO_PRICE.search(before):
            return True
    return _is_derived(amount, stated, context, known)


def _is_one_of(amount: Amount, known: Collection[str]) -> bool:
    for value in amount.values:
        written = f"{value:.2f} "
        if any(f"{written}{currency}" in known for currency in amount.currencies):
            return True
        if not amount.currencies and any(each.startswith(written) for each in known):
            return True
    return False


def _said(context: ShopContext) -> set[Decimal]:
    said = {Decimal(each) for each in context.facts.said}
    return said | {limit for limit in (context.budget, context.min_price) if limit is not None}


def _is_derived(
    amount: Amount, stated: Statement, context: ShopContext, known: Collection[str]
) -> bool:
    """Whether it is a difference, a sum or a multiple of what the sentence may be about."""
    text = stated.text
    differs, adds_up = _DIFFERS.search(text), _ADDS_UP.search(text)
    if differs is None and adds_up is None:
        return False
    of = sorted(set(_operands(stated, context, known)))[:_MOST_OPERANDS]
    reached: set[Decimal] = set()
    if differs is not None:
        reached |= {abs(one - other) for one, other in combinations(of, 2)}
    if adds_up is not None:
        reached |= {sum(some, Decimal(0)) for n in (2, 3) for some in combinations(of, n)}
        counts = {int(number) for number in re.findall(r"\b\d{1,2}\b", text)} | {2}
        reached |= {price * count for price in of for count in counts if 1 < count <= 20}
    return any(value in reached for value in amount.values)


def _operands(stated: Statement, context: ShopContext, known: Collection[str]) -> Iterator[Decimal]:
    """The prices of what is named, with less than two of what was talked of; the cart; the rest."""
    titles = list(stated.titles)
    if len(titles) < 2:
        talked_of = [ref for ref in context.results if ref.id in context.compared]
        talked_of = talked_of or list(context.results[:3])
        if context.focus is not None:
            talked_of.append(context.focus)
        titles += [ref.title for ref in talked_of]
    for title in titles:
        prices = context.facts.products.get(title, _NOTHING).prices
        yield from (Decimal(price.partition(" ")[0]) for price in prices)
    bare = not stated.named
    if context.cart and (bare or _OF_CART.search(stated.text)):
        for line in context.cart:
            yield from (line.unit_price.amount, line.total)
        yield context.cart_total.amount
    if context.budget is not None and _OF_BUDGET.search(stated.text):
        yield context.budget
    for each in amounts(stated.text):
        if _is_one_of(each, known):
            yield from each.values

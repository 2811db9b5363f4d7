"""What a sentence claims besides prices: stock, discounts, the shop's terms, orders, the cart.

Patterns over the plain text of `figures.plain`, where `TITLE7` stands for a product. Offers,
questions and what is not known claim nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["price", "stock", "discount", "terms", "order", "cart"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim. `value` is a number, or what is claimed of it (`in`, `out`, `added`, a topic)."""

    kind: Kind
    value: str


def _compiled(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(patterns) + r")\b")


# What comes before a claim in its clause and makes it none.
_OPEN = _compiled(
    r"if", r"whether", r"check", r"when", r"once", r"until", r"unless", r"before", r"after",
    r"shall i", r"should i", r"would you", r"do you (?:want|need|mean)", r"want me", r"let me",
    r"can i", r"may i", r"to see", r"to place", r"i'd have to", r"i would have to", r"i can look",
    r"not sure", r"no information", r"nothing about", r"unable to", r"asks? (?:me|about)",
    r"what the shop says",
    r"what the shop says",
    r"(?:i|we) (?:don't|do not|can't|can not|cannot|couldn't|won't) (?:know|see|say|find|tell|"
    r"promise|look|check|confirm|take|process|place|have any information)",
)  # fmt: skip
_QUESTION = re.compile(
    r"^(?:and |so |but |or )?(?:is|are|was|do|does|did|have|can|will|which|what)\b"
)
_CLAUSE = re.compile(r" [,.;:!?] ")

_LEFT = r"(?:left|in stock|remaining|remain|on hand|at hand)"
_UNIT = r"(?:more |pairs? |units? |pieces? |items? |of |the |them |these |those |it |TITLE\d+ )"
_COUNTED = re.compile(
    rf"\b(?<!size )(\d+|one|a single) {_UNIT}{{0,5}}(?:in (?:size )?\w+ (?:and in \w+ )?)?"
    rf"(?:is |are |still |currently )*{_LEFT}\b"
    rf"|\b(?:have|has|are|is|with) (?:only |just |still )*(\d+|one) (?:more |pairs? |units? )*"
    rf"(?:left|of (?:the |it|them|those|these|TITLE))"
)
_LAST_ONE = _compiled(
    r"the (?:very )?last (?:pair|unit|piece)",
    r"our (?:very )?last (?:one|pair|unit|piece|few|couple|\d+)",
    r"almost (?:gone|sold out)",
)
_IN = re.compile(r"(?<!back )\bin stock\b")
_OUT = _compiled(
    r"sold out", r"out of stock", r"back ?order(?:ed)?", r"(?:none|no more|nothing) left"
)
_NOT = re.compile(r"\b(?:not|no longer|isn't|aren't|never|none|nothing)\b[^,.;:!?]*$")

_PERCENT_OFF = re.compile(
    r"\b(\d+(?:\.\d+)?) percent (?:off|discount|less|cheaper|reduction|saving)"
)
_SAVE = re.compile(r"\bsave (?:up to |an extra )?(\d+(?:\.\d+)?) percent")
_DISCOUNT = _compiled(
    r"half (?:the )?price", r"half off", r"on (?:sale|offer)", r"special (?:offer|deal|price)",
    r"sale price", r"discount(?:s|ed)?", r"reduced (?:from|by|to)", r"marked down", r"coupons?",
    r"vouchers?", r"promo(?:tion|tional)?(?: code)?s?", r"clearance", r"(?<!for )sales?",
    r"buy (?:one|2|3) get", r"(?:dollars|euros|percent) (?:off|back)", r"cash ?back",
    r"price match\w*",
)  # fmt: skip
_NO_DISCOUNT = re.compile(r"\b(?:no|not|any|isn't|aren't|without)\b[^,.;:!?]*$")

TOPICS: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "shipping": (
        _compiled(
            r"shipping", r"deliver(?:y|ed|ies|s)?(?! to (?:your )?expect)", r"postage", r"ships?",
            r"shipped", r"arriv(?:e|es|ing|al)", r"courier", r"dispatch\w*",
            r"gets? (?:there|to you)", r"be (?:there|with you) (?:by|on|tomorrow|in|within)",
            r"expect (?:it|them|your (?:shoes|parcel|order|package))",
            r"(?:by|on|before) (?:\w+day|tomorrow|tonight|the weekend|next week|christmas)",
        ),
        _compiled(r"ship\w*", r"deliver\w*"),
    ),
    "returns": (
        _compiled(
            r"refund\w*", r"returns", r"returnable", r"returned",
            r"(?:can|may|to|easy|free|day) return", r"exchange\w*", r"money back",
            r"return (?:it|them|this|that|anything|any|items?|unused|within|label|window|policy|"
            r"TITLE\d+)", r"send (?:it|them) back",
        ),
        _compiled(r"returns?", r"refunds?", r"exchang\w*"),
    ),
    "warranty": (
        _compiled(r"warrant\w+", r"guarantee[sd]?"),
        _compiled(r"warrant\w+", r"guarant\w+"),
    ),
    "payment": (
        _compiled(
            r"paypal", r"klarna", r"(?:apple|google) pay", r"visa", r"mastercard", r"installments?",
            r"pay later", r"credit cards?", r"cash on delivery",
        ),
        _compiled(r"pay\w*"),
    ),
    "gifts": (_compiled(r"gift wrap\w*", r"gift cards?"), _compiled(r"gifts?")),
    "hours": (
        _compiled(r"opening hours", r"open (?:from|until|every|on|24)", r"we close", r"closed on"),
        _compiled(r"hours", r"opening", r"contact", r"stores?"),
    ),
}  # fmt: skip
"""What the shop's terms are about: how a sentence speaks of it, and how a policy is headed."""

HOT = _compiled(
    r"free", r"no (?:extra )?(?:cost|charge|fee)", r"monday", r"tuesday", r"wednesday", r"thursday",
    r"friday", r"saturday", r"sunday", r"tomorrow", r"tonight", r"today", r"overnight",
    r"same day", r"next day", r"next week", r"this week", r"christmas", r"weekend",
    r"lifetime", r"worldwide", r"international\w*", r"unlimited", r"any ?time", r"full refund",
    r"express", r"money back", r"always", r"paypal", r"klarna", r"apple pay", r"google pay",
    r"(?:on|for) (?:everything|all orders|every order|any order)", r"installments?", r"instantly",
    r"visa", r"mastercard", r"immediately",
)  # fmt: skip
"""The words of terms that must be the shop's own."""

_ORDER = _compiled(
    r"(?:your|the) order (?:has been|was|is|has|went) (?:\w+ )?(?:placed|confirmed|shipped|"
    r"cancell?ed|processed|completed?|paid|through|on (?:its|the) way|delivered|dispatched)",
    r"i(?:'ve| have)? (?:\w+ ){0,4}?(?:placed|submitted|cancell?ed|confirmed|processed) "
    r"(?:your|the|an) (?:order|payment|refund)",
    r"(?:your |the )?payment (?:went through|(?:has been|was|is) (?:\w+ )?(?:taken|accepted|"
    r"received|processed|successful))",
    r"(?:your )?(?:order|tracking|confirmation) number (?:is|:)",
    r"your (?:parcel|package|refund) (?:is|was|has|will)",
    r"i(?:'ve| have)? (?:\w+ ){0,2}?(?:booked|arranged|scheduled|refunded)",
    r"i(?:'ve| have)? (?:just )?(?:emailed|texted|mailed|sent) (?:you|it|the|a)",
    r"(?:your|the) card (?:has been|was|is) charged", r"i(?:'ve| have) charged",
)  # fmt: skip
_CART = r"(?:cart|basket|bag)"
_ADDED = re.compile(
    rf"\bi(?:'ve| have)? (?:\w+ ){{0,2}}?(?:added|put|placed|popped)\b.*\b(?:{_CART}|for you)\b"
    rf"|\bi(?:'ve| have) (?:\w+ )?added\b"
    rf"|\b(?:has|have|is|are) (?:\w+ )?(?:been )?added to your {_CART}"
    rf"|\b(?:is|are) (?:now )?in your {_CART}\b"
)
_REMOVED = re.compile(
    rf"\bi(?:'ve| have)? (?:\w+ )?(?:removed|deleted|emptied|cleared)\b"
    rf"|\bi(?:'ve| have)? (?:\w+ )?(?:taken|took)\b.*\bout of your {_CART}"
    rf"|\b(?:has|have) been removed from your {_CART}"
)
_THINGS = r"(?:items?|things?|products?)"
_ITEMS = re.compile(
    rf"\b(\d+|one) {_THINGS}(?: now| are| is)* in your {_CART}\b"
    rf"|\byour {_CART} (?:now )?(?:has|holds|contains) (\d+|one) {_THINGS}"
)
_EMPTY = re.compile(rf"\byour {_CART} is (?:now |still )*empty|\bnothing in your {_CART}")


def claims(text: str) -> Iterator[Claim]:
    """Every claim of a plain text but its prices."""
    yield from _of_stock(text)
    yield from (Claim("discount", percent) for percent in discounts(text))
    for topic, (spoken, _) in TOPICS.items():
        about = spoken.search(text)
        if about is not None and not _is_open(text, about):
            yield Claim("terms", topic)
    order = _ORDER.search(text)
    if order is not None and not _is_open(text, order):
        yield Claim("order", "")
    yield from _of_cart(text)


def discounts(text: str) -> Iterator[str]:
    """The percentage of every discount that a plain text offers; "" where it names none."""
    for pattern in (_PERCENT_OFF, _SAVE):
        for match in pattern.finditer(text):
            yield match[1]
    for match in _DISCOUNT.finditer(text):
        if not _is_open(text, match) and not _NO_DISCOUNT.search(text[: match.start()]):
            yield ""


def _of_stock(text: str) -> Iterator[Claim]:
    for match in _COUNTED.finditer(text):
        if not _is_open(text, match):
            yield Claim("stock", re.sub("one|a single", "1", match[1] or match[2]))
    for pattern, value in ((_IN, "in"), (_OUT, "out"), (_LAST_ONE, "1")):
        for match in pattern.finditer(text):
            if _is_open(text, match):
                continue
            denied = value == "in" and _NOT.search(text[: match.start()]) is not None
            yield Claim("stock", "out" if denied else value)


def _of_cart(text: str) -> Iterator[Claim]:
    for pattern, value in ((_ADDED, "added"), (_REMOVED, "removed"), (_EMPTY, "empty")):
        match = pattern.search(text)
        if match is not None and not _is_open(text, match):
            yield Claim("cart", value)
    for match in _ITEMS.finditer(text):
        yield Claim("cart", (match[1] or match[2]).replace("one", "1"))


def _is_open(text: str, match: re.Match[str]) -> bool:
    """Whether it is asked, offered, or made a condition rather than claimed."""
    before = text[: match.start()]
    clause = _CLAUSE.split(before)[-1]
    if _OPEN.search(clause):
        return True
    ends = re.search(r"[.!?;]", text[match.end() :])
    return bool(ends and ends[0] == "?" and _QUESTION.search(clause))

"""Amounts of money in a sentence, however they are written or said.

`$49.99`, `49 dollars and 99 cents`, `forty-nine ninety-nine`, and `costs 49.99` are one amount.
Sizes, counts, model names and years are none: a number is an amount by the unit or the verb beside
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from greenroom.commerce.numerals import replace_number_words

_DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD"})
_CROWNS = frozenset({"SEK", "NOK", "DKK", "CZK"})
_UNITS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("dollar", "dollars", "buck", "bucks"), _DOLLARS),
    **dict.fromkeys(("euro", "euros"), frozenset({"EUR"})),
    **dict.fromkeys(("pound", "pounds", "quid"), frozenset({"GBP"})),
    **dict.fromkeys(("rupee", "rupees"), frozenset({"INR"})),
    **dict.fromkeys(("franc", "francs"), frozenset({"CHF"})),
    **dict.fromkeys(("crown", "crowns", "krona", "kronor", "krone", "kroner"), _CROWNS),
    **dict.fromkeys(("zloty", "zlotys"), frozenset({"PLN"})),
    **dict.fromkeys(("peso", "pesos"), frozenset({"MXN"})),
    "yen": frozenset({"JPY"}),
    "yuan": frozenset({"CNY"}),
    "rand": frozenset({"ZAR"}),
    "reais": frozenset({"BRL"}),
    "forints": frozenset({"HUF"}),
}
_CODES = "USD EUR GBP JPY INR CAD AUD NZD CHF SEK NOK DKK CZK PLN HUF CNY KRW MXN BRL ZAR SGD"
_UNITS |= {code.casefold(): frozenset({code}) for code in _CODES.split()}
_SIGNS = {"$": "dollars", "£": "gbp", "€": "euros", "¥": "yen", "₹": "rupees"}

_N = r"(\d+(?:\.\d+)?)"
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_KIND = (
    r"(?:us |american |canadian |australian |new zealand |singapore |swiss |mexican |danish |"
    r"norwegian |swedish )?"
)
_END = (
    r"(?= (?:[,.;:!?)]|and |but |for |each|in |so |with |at |which |now|here|total|instead|or )|$)"
)
_MONEY = re.compile(
    rf"\b{_N}(?: (\d\d))? {_KIND}({_UNIT})\b"
    rf"(?: (?:and )?(\d\d?) (?:cents?|pence)\b| (\d\d)\b(?! ?\w))?"
)
_CODE_FIRST = re.compile(rf"\b({'|'.join(_CODES.casefold().split())}) {_N}\b")
_CENTS = re.compile(r"\b(\d\d?) (?:cents?|pence)\b")
_RANGE = re.compile(rf"(?:\bbetween {_N} and|\b{_N} (?:to|or|-|–)) $")  # noqa: RUF001
_COST = (
    r"(?:costs?|pay|priced at|price (?:of \w+ )?(?:is|was|would be|comes to)|sells? for|"
    r"go(?:es|ing) for|total(?: now| then)? (?:is|of|comes to|would be|will be)|comes? to|"
    r"TITLE\d+ (?:is|are|at))"
)
_SOFT = r"(?: about| only| just| now| around| roughly| exactly| currently)*"
_BARE = re.compile(rf"\b{_COST}{_SOFT} {_N}(?: (\d\d))?{_END}", re.IGNORECASE)
_CENTS_WRITTEN = re.compile(r"\b(\d{1,4}\.\d\d)\b()(?= [,.;:!?)]| (?:and|but|each|for|a)\b|$)")
_PAIR = re.compile(rf"\b(?:is|are|at|for|only|just){_SOFT} (\d{{1,4}}) (\d\d){_END}")
_TOKEN = re.compile(r"\d+(?:\.\d+)?|TITLE\d+|[^\W\d_]+(?:'[^\W\d_]+)*|[^\s\w]")


@dataclass(frozen=True, slots=True)
class Amount:
    """One amount. `values` are its readings ("six ninety nine" has two).

    `currencies` is what the unit may mean; empty: no unit was said. `start` and `end` are its place
    in the plain text.
    """

    values: tuple[Decimal, ...]
    currencies: frozenset[str]
    start: int
    end: int


def plain(sentence: str) -> str:
    """Lower-case words, numbers as digits, each sign a word: the form that is searched.

    Words of the form `TITLE7` are kept: they stand for products.
    """
    text = sentence.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"(\d),(\d\d)(?= ?(?:€|eur\b))", r"\1.\2", text, flags=re.IGNORECASE)
    text = re.sub(r"([$£€¥₹]) ?(\d+(?:\.\d+)?)", lambda m: f" {m[2]} {_SIGNS[m[1]]} ", text)
    text = re.sub(r"(\d) ?([£€¥₹])", lambda m: f"{m[1]} {_SIGNS[m[2]]} ", text)
    text = text.replace("%", " percent ")
    text = re.sub(r"(?<=[a-z\d])-(?=[a-z])", " ", text, flags=re.IGNORECASE)
    tokens = _TOKEN.findall(text)
    words = [token if token.startswith("TITLE") else token.casefold() for token in tokens]
    return " ".join(replace_number_words(words))


def amounts(text: str, *, pounds: bool = False) -> list[Amount]:
    """The amounts in a plain text. `pounds` are money only where the shop has prices in them."""
    apart: list[Amount] = []
    for amount in sorted(_all(text, pounds), key=lambda amount: (amount.start, -amount.end)):
        if not apart or amount.start >= apart[-1].end:
            apart.append(amount)
    return apart


def _all(text: str, pounds: bool) -> Iterator[Amount]:
    for match in _MONEY.finditer(text):
        whole, pair, unit, cents, after = match.groups()
        if unit in {"pound", "pounds"} and not pounds:
            continue
        currencies = _UNITS[unit]
        yield Amount(_values(whole, pair or cents or after), currencies, *match.span())
        if before := _RANGE.search(text[: match.start()]):
            group = 1 if before[1] else 2
            yield Amount(_values(before[group]), currencies, *before.span(group))
    for match in _CODE_FIRST.finditer(text):
        yield Amount(_values(match[2]), _UNITS[match[1]], *match.span())
    for match in _CENTS.finditer(text):
        yield Amount((Decimal(match[1]) / 100,), frozenset(), *match.span())
    for pattern in (_BARE, _PAIR, _CENTS_WRITTEN):
        for match in pattern.finditer(text):
            end = match.end(2) if match[2] else match.end(1)
            yield Amount(_values(match[1], match[2]), frozenset(), match.start(1), end)


def _values(whole: str, cents: str | None = None) -> tuple[Decimal, ...]:
    if cents is not None and "." not in whole:
        return (Decimal(whole) + Decimal(cents) / 100,)
    value = Decimal(whole)
    # "Six ninety nine" has become 699.
    return (value, value / 100) if "." not in whole and 100 <= value < 1_000 else (value,)

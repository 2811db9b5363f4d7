"""Sizes and colours in one spelling, whoever wrote or said them."""

from __future__ import annotations

import re

from greenroom.commerce.numerals import replace_number_words

_LETTERS = {
    "extra extra small": "XXS", "extra small": "XS", "x small": "XS", "small": "S",
    "medium": "M", "mid": "M", "large": "L", "extra large": "XL", "x large": "XL",
    "extra extra large": "XXL", "double extra large": "XXL", "double x large": "XXL",
    "double xl": "XXL", "2xl": "XXL", "2 xl": "XXL", "triple xl": "XXXL", "3xl": "XXXL",
}  # fmt: skip
_COLORS = {"gray": "grey", "off white": "cream", "beige": "tan", "khaki": "tan"}
_NUMBER = re.compile(r"\d+(\.\d+)?")


def canonical_size(text: str) -> str:
    """`extra large` is `XL`, `ten and a half` is `10.5`; what it doesn't know stays as it is."""
    words = re.sub(r"[^\w. ]+", " ", text.casefold()).split()
    if words[:1] == ["size"]:
        words = words[1:]
    joined = " ".join(words)
    if joined in _LETTERS:
        return _LETTERS[joined]
    if joined == "one":
        return "1"
    spelled = " ".join(replace_number_words(words))
    if _NUMBER.fullmatch(spelled):
        whole, _, fraction = spelled.partition(".")
        fraction = fraction.rstrip("0")
        return f"{int(whole)}.{fraction}" if fraction else str(int(whole))
    return re.sub(r" (?:POUNDS?|POUNDERS?|LBS?)$", " LB", spelled.upper())


def canonical_color(text: str) -> str:
    """Lower case, and one of two spellings (`Gray` is `grey`)."""
    folded = " ".join(text.casefold().split())
    return _COLORS.get(folded, folded)

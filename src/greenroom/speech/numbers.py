"""Numbers as they are spoken, and as they are written.

`to_digits` turns a recogniser's words into what a reader expects ("one hundred and twenty" becomes
"120", "ten and a half" "10.5"); `to_words` is the way back, for a language model made of sentences.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
_ORDINALS = frozenset(
    {"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}
)
_SMALL = _UNITS | _TENS
_ONE_IS_A_NUMBER_AFTER = frozenset({"size", "number", "option", "item", "quantity", "point"})
_ONE_IS_A_NUMBER_BEFORE = frozenset({"dollar", "dollars", "percent", "cent", "cents"})
_MAX_DIGITS = 15

_NAMES = {value: word for word, value in _SMALL.items()}


class _Words:
    """Reads one number after another out of a list of words."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def at(self, i: int) -> str:
        return self.words[i] if 0 <= i < len(self.words) else ""

    def below_hundred(self, i: int) -> tuple[int, int] | None:
        """(value, index after it) of a number below 100 that begins at word `i`."""
        word = self.at(i)
        if word in _TENS:
            if self.at(i + 1) in _ORDINALS:
                return None
            unit = _UNITS.get(self.at(i + 1), 0)
            return (_TENS[word] + unit, i + 2) if 0 < unit < 10 else (_TENS[word], i + 1)
        return (_UNITS[word], i + 1) if word in _UNITS else None

    def below_thousand(self, i: int) -> tuple[int, int] | None:
        if self.at(i) == "a" and self.at(i + 1) in {"hundred", "thousand"}:
            value, i = 1, i + 1
        else:
            begin = self.below_hundred(i)
            if begin is None:
                return None
            value, i = begin
            if value < 10 and self.at(i) in _TENS:  # "one fifty"
                rest = self.below_hundred(i)
                if rest is not None:
                    return 100 * value + rest[0], rest[1]
        if self.at(i) != "hundred":
            return value, i
        return self._plus(100 * value, i + 1, self.below_hundred)

    def integer(self, i: int) -> tuple[int, int] | None:
        begin = self.below_thousand(i)
        if begin is None or self.at(begin[1]) != "thousand":
            return begin
        return self._plus(1_000 * begin[0], begin[1] + 1, self.below_thousand)

    def _plus(
        self, value: int, i: int, part: Callable[[int], tuple[int, int] | None]
    ) -> tuple[int, int]:
        """`value` and the smaller number that may follow, with or without "and"."""
        joined = self.at(i) == "and"
        rest = part(i + joined)
        if rest is None:
            return value, i
        # "between one hundred and two hundred", "between fifty and one hundred and fifty"
        if joined and (self.at(rest[1]) in {"hundred", "thousand"} or self._splits_a_range(i)):
            return value, i
        return value + rest[0], rest[1]

    def _splits_a_range(self, i: int) -> bool:
        """Whether the "and" at `i` is the one that "between" asks for."""
        for back in range(i - 1, -1, -1):
            if self.at(back) == "between":
                break
            if self.at(back) == "and":
                return False
        else:
            return False
        following = i + 1
        while self.at(following) in _SMALL or self.at(following) in {"a", "hundred", "thousand"}:
            following += 1
        return not (
            self.at(following) == "and"
            and (self.at(following + 1) in _SMALL or self.at(following + 1) == "a")
        )

    def number(self, i: int) -> tuple[str, int] | None:
        """(digits, index after it) of the number that begins at word `i`, if one does."""
        whole = self.integer(i)
        if whole is None:
            return None
        value, after = whole
        if self.words[after : after + 3] == ["and", "a", "half"]:
            return f"{value}.5", after + 3
        if self.at(after) == "point" and self.at(after + 1) in _UNITS:
            digits = ""
            after += 1
            while _UNITS.get(self.at(after), 10) < 10 and len(digits) < _MAX_DIGITS:
                digits += str(_UNITS[self.at(after)])
                after += 1
            if digits:
                return f"{value}.{digits}", after
            after -= 1
        if after == i + 1 and self.at(i) == "one" and not self._one_is_a_number(i):
            return None
        return str(value), after

    def _one_is_a_number(self, i: int) -> bool:
        return self.at(i - 1) in _ONE_IS_A_NUMBER_AFTER or self.at(i + 1) in _ONE_IS_A_NUMBER_BEFORE


def to_digits(text: str) -> str:
    """Write the numbers of a lower-case text in digits.

    "one" alone stays a word, since it is mostly a pronoun ("the first one"), except after "size"
    and the like. Ordinals stay words.
    """
    reader = _Words(text.split())
    out: list[str] = []
    i = 0
    while i < len(reader.words):
        found = reader.number(i)
        if found is None:
            out.append(reader.words[i])
            i += 1
        else:
            out.append(found[0])
            i = found[1]
    return " ".join(out)


def to_words(digits: str) -> str:
    """How a decimal number is spoken: "9.5" is "nine and a half", "120" "one hundred twenty"."""
    whole, _, fraction = digits.replace(",", "").partition(".")
    if len(whole) > 6:
        return " ".join(_NAMES[int(digit)] for digit in whole)
    words = _integer_to_words(int(whole or 0))
    fraction = fraction.rstrip("0")
    if fraction == "5":
        return f"{words} and a half"
    if fraction:
        return f"{words} point {' '.join(_NAMES[int(digit)] for digit in fraction)}"
    return words


def _integer_to_words(value: int) -> str:
    if value in _NAMES:
        return _NAMES[value]
    if value < 100:
        return f"{_NAMES[value // 10 * 10]} {_NAMES[value % 10]}"
    size, name = (1_000, "thousand") if value >= 1_000 else (100, "hundred")
    rest = value % size
    return f"{_integer_to_words(value // size)} {name}" + (
        f" {_integer_to_words(rest)}" if rest else ""
    )


NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
"""A decimal number in a text."""

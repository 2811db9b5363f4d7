"""Numbers as people say them: words to digits, and digits to words.

English cardinals up to 999,999, with the short forms of prices ("one twenty" is 120).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

_SMALL = {word: value for value, word in enumerate(_UNITS)}
_TENS_VALUES = {word: 20 + 10 * index for index, word in enumerate(_TENS)} | {"fourty": 40}
_SCALES = {"hundred": 100, "thousand": 1_000}

# "one" is a number only beside a word that counts; else it is a pronoun ("the first one").
_COUNTS_BEFORE = frozenset(
    {"number", "option", "item", "size", "quantity", "product", "just", "only"}
)
_COUNTS_AFTER = frozenset({"hundred", "thousand", "of", "more", "pair", "pairs", "point", "dollar"})


def say_number(value: Decimal | int) -> str:
    """English words for 0 to 999,999, without hyphens or "and" (`149` is "one hundred forty nine").

    A fraction is read digit by digit after "point". Raises ValueError outside of that range.
    """
    number = Decimal(value)
    if not 0 <= number < 1_000_000:
        raise ValueError(f"can't say {value}")
    words = _say_whole(int(number))
    fraction = format(number.normalize(), "f").partition(".")[2]
    if fraction:
        words += ["point", *(_UNITS[int(digit)] for digit in fraction)]
    return " ".join(words)


def _say_whole(number: int) -> list[str]:
    if number < 20:
        return [_UNITS[number]]
    if number < 100:
        tens, rest = divmod(number, 10)
        return [_TENS[tens - 2], *(_say_whole(rest) if rest else [])]
    scale, name = (100, "hundred") if number < 1_000 else (1_000, "thousand")
    count, rest = divmod(number, scale)
    return [*_say_whole(count), name, *(_say_whole(rest) if rest else [])]


def replace_number_words(words: Sequence[str]) -> list[str]:
    """The words with every spoken number as digits: `ten and a half` becomes `10.5`."""
    result: list[str] = []
    at = 0
    while at < len(words):
        value, used = _read_number(words, at)
        if used == 0:
            result.append(words[at])
            at += 1
            continue
        at += used
        fraction, more = _read_fraction(words, at)
        at += more
        result.append(f"{value}{fraction}")
    return result


def _read_number(words: Sequence[str], at: int) -> tuple[int, int]:
    """The number that begins at `at` and how many words it takes (0: none does)."""
    word = words[at]
    if word == "one" and not _one_counts(words, at):
        return 0, 0
    if word in {"a", "an"}:
        if at + 1 < len(words) and words[at + 1] in _SCALES:
            value, used = _read_scaled(words, at + 1, 1)
            return value, used + 1
        return 0, 0
    if word in _SCALES:
        return _read_scaled(words, at, 1)
    value, used = _read_below_hundred(words, at)
    if used and at + used < len(words) and words[at + used] in _SCALES:
        scaled, more = _read_scaled(words, at + used, value)
        return scaled, used + more
    return value, used


def _one_counts(words: Sequence[str], at: int) -> bool:
    after = words[at + 1] if at + 1 < len(words) else ""
    before = words[at - 1] if at else ""
    return (
        before in _COUNTS_BEFORE
        or (after in _COUNTS_AFTER and before not in {"that", "this", "the", "which"})
        or after in _TENS_VALUES
    )


def _read_scaled(words: Sequence[str], at: int, count: int) -> tuple[int, int]:
    """`hundred` or `thousand` stands at `at`, `count` before it."""
    scale = _SCALES[words[at]]
    used = 1
    rest_at = at + 1
    if rest_at + 1 < len(words) and words[rest_at] == "and":
        rest_at += 1
    if rest_at < len(words):
        rest, more = _read_below_hundred(words, rest_at)
        if scale == 1_000 and more and words[rest_at + more : rest_at + more + 1] == ["hundred"]:
            rest, extra = _read_scaled(words, rest_at + more, rest)
            more += extra
        # "a hundred and two hundred" is two numbers.
        more = (
            0
            if rest >= scale or words[rest_at + more : rest_at + more + 1] == ["hundred"]
            else more
        )
        if more:
            return count * scale + rest, rest_at + more - at
    return count * scale, used


def _read_below_hundred(words: Sequence[str], at: int) -> tuple[int, int]:
    word = words[at]
    if word in _TENS_VALUES:
        unit = _SMALL.get(words[at + 1], 0) if at + 1 < len(words) else 0
        return (_TENS_VALUES[word] + unit, 2) if 1 <= unit <= 9 else (_TENS_VALUES[word], 1)
    if word not in _SMALL:
        return 0, 0
    value = _SMALL[word]
    if 1 <= value <= 9 and at + 1 < len(words) and words[at + 1] in _TENS_VALUES:
        rest, used = _read_below_hundred(words, at + 1)
        return value * 100 + rest, used + 1
    return value, 1


def _read_fraction(words: Sequence[str], at: int) -> tuple[str, int]:
    """ ".5" for `and a half`, ".25" for `point two five`, with the number of words taken."""
    if list(words[at : at + 3]) == ["and", "a", "half"]:
        return ".5", 3
    if list(words[at : at + 2]) == ["a", "half"]:
        return ".5", 2
    if words[at : at + 1] and words[at] == "point":
        digits = ""
        for word in words[at + 1 :]:
            if _SMALL.get(word, 10) > 9:
                break
            digits += str(_SMALL[word])
        if digits:
            return f".{digits}", len(digits) + 1
    return "", 0

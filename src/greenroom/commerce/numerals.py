"""Numbers as people say them: words to digits, and digits to words.

English cardinals up to 999,999, with the short forms of prices ("one twenty" is 120).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
            value, used = _read_number(words, at + 1)
            return value, used + 1
        return 0, 0
    value, used = (1, 0) if word == "thousand" else _read_below_thousand(words, at)
    if list(words[at + used : at + used + 1]) != ["thousand"]:
        return value, used
    rest, more = _read_rest(words, at + used + 1, _read_below_thousand, "thousand")
    return value * 1_000 + rest, used + 1 + more


def _one_counts(words: Sequence[str], at: int) -> bool:
    after = words[at + 1] if at + 1 < len(words) else ""
    before = words[at - 1] if at else ""
    return (
        before in _COUNTS_BEFORE
        or (after in _COUNTS_AFTER and before not in {"that", "this", "the", "which"})
        or after in _TENS_VALUES
    )


def _read_below_thousand(words: Sequence[str], at: int) -> tuple[int, int]:
    value, used = (1, 0) if words[at] == "hundred" else _read_below_hundred(words, at)
    if list(words[at + used : at + used + 1]) != ["hundred"]:
        return value, used
    rest, more = _read_rest(words, at + used + 1, _read_below_hundred, "hundred")
    return value * 100 + rest, used + 1 + more


def _read_rest(
    words: Sequence[str],
    at: int,
    read: Callable[[Sequence[str], int], tuple[int, int]],
    scale: str,
) -> tuple[int, int]:
    """What follows a scale word, perhaps after "and": `fifty` in "a hundred and fifty"."""
    begin = at + 1 if list(words[at : at + 1]) == ["and"] else at
    if begin >= len(words):
        return 0, 0
    value, used = read(words, begin)
    # "A hundred and two hundred" is two numbers.
    if (
        not used
        or value >= _SCALES[scale]
        or list(words[begin + used : begin + used + 1]) == [scale]
    ):
        return 0, 0
    return value, begin + used - at


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

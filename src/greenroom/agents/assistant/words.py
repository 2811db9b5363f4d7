"""Words as they are compared: lower case, numbers in digits, endings off."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from greenroom.commerce.numerals import replace_number_words, say_number

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")
_SHORT = re.compile(r"(?<!n)'(?:s|re|ve|d|ll|m)$")
_VOWEL = re.compile(r"[aeiouy]")
_DOUBLED = re.compile(r"([^aeioulsz])\1$")

_NUMBER_WORDS = frozenset(
    word for n in (*range(20), *range(20, 100, 10), 100, 1_000) for word in say_number(n).split()
)

STOP_WORDS = frozenset(
    "a about actually again all also am an and any anybody anyone anything are aren't as ask at be "  # noqa: SIM905 - reads better as a text
    "because been but by can can't could couldn't did didn't do does doesn't doing don't else "
    "ever for from get give go going gonna got had has have haven't he hello help hey hi him his "
    "how i if in into is isn't it its just know let like maybe me mine more much my need no not "
    "now of oh okay on or other our ours out please really right say see she should so some "
    "somebody someone something sorry sure tell than thank thanks that the their them then there "
    "these they thing things think this those to too uh um up us want wanted was wasn't we well "
    "were what when where which who whom whose why will with won't wonder wondering would yes "
    "yeah you your yours able find happen happens kind many may mean might exactly explain "
    "question information info".split()
)
"""Words that say nothing of what a question is about."""


_ALIKE = {
    word: words[0]
    for words in (
        ("child", "children", "kid", "kids", "childs"),
        ("wifi", "internet", "wlan"),
        ("pet", "pets", "dog", "dogs", "cat", "cats"),
        ("shop", "store", "shops", "stores"),
        ("start", "begin", "begins", "beginning", "begun", "began"),
        ("buy", "purchase", "purchases", "bought", "purchased"),
        ("job", "jobs", "career", "careers", "vacancy", "vacancies", "hiring", "hire"),
        ("car", "cars", "vehicle", "vehicles"),
        ("doctor", "doctors", "dr", "physician", "physicians"),
        ("person", "people", "persons"),
        ("woman", "women"), ("man", "men"),
        ("boss", "manager", "director"),
        ("trial", "trials", "try"),
    )
    for word in words
}  # fmt: skip
"""Words that mean the same to a caller."""


def plain(text: str) -> str:
    """Lower case, words and apostrophes only, one space between them."""
    return " ".join(_WORD.findall(text.casefold().replace("\u2019", "'")))


def words_of(text: str) -> list[str]:
    """The words of a text, numbers in digits, without "'s" and the like."""
    words = [
        _SHORT.sub("", word) if "'" in word else word.replace(",", "")
        for word in plain(text).split()
    ]
    return words if _NUMBER_WORDS.isdisjoint(words) else replace_number_words(words)


def stems_of(words: Iterable[str]) -> Iterator[str]:
    """The stems of the words that say what it is about."""
    return (stem(word) for word in words if word not in STOP_WORDS)


def stem(word: str) -> str:
    """Good enough to compare two words: `closes`, `closing` and `closed` are `clos`."""
    if word in _ALIKE:
        return _ALIKE[word]
    if len(word) < 4:
        return word
    for ending, without in (("sses", "ss"), ("ies", "y"), ("'s", ""), ("s", "")):
        if word.endswith(ending) and not word.endswith(("ss", "us", "is")):
            word = word.removesuffix(ending) + without
            break
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > 2 and _VOWEL.search(rest):
            word = _DOUBLED.sub(r"\1", rest)
            break
    if word.endswith("y") and len(word) > 3:
        word = word[:-1] + "i"
    return word.removesuffix("e") if len(word) > 3 else word

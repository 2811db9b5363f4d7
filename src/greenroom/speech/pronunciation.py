"""How words are spoken, in the phones of CMU's dictionary: looked up, put together, or guessed.

A word that the dictionary lacks is tried without its ending ("hoodie", "earbuds"), then taken apart
into two words that it has ("ultraboost"), and at last read by the commonest rules of English.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Set

from greenroom.speech.numbers import NUMBER, to_words

_MIN_PART = 3
_MAX_WORD = 40

# Endings and what they add, by the last phone of the stem where that matters.
_VOICELESS = frozenset({"P", "T", "K", "F", "TH"})
_HISSING = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})

# Letters and their phones, the longest first where several fit. From the regularities of English
# spelling; what is rarer than its exception is left out.
_RULES = {
    "tion": "SH AH N", "sion": "ZH AH N", "ture": "CH ER", "ough": "AO", "augh": "AO",
    "eigh": "EY", "igh": "AY", "tch": "CH", "dge": "JH", "sch": "S K", "ck": "K", "ch": "CH",
    "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "qu": "K W", "ng": "NG", "gh": "G", "kn": "N",
    "wr": "R", "ee": "IY", "ea": "IY", "oo": "UW", "ou": "AW", "ow": "OW", "oa": "OW", "oi": "OY",
    "oy": "OY", "ai": "EY", "ay": "EY", "au": "AO", "aw": "AO", "ei": "EY", "ey": "IY", "ie": "IY",
    "ew": "UW", "ue": "UW", "ui": "UW", "ar": "AA R", "er": "ER", "ir": "ER", "or": "AO R",
    "ur": "ER", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH",
    "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K",
    "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW", "y": "AY"}
_LETTERS = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY",
    "h": "EY CH", "i": "AY", "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N",
    "o": "OW", "p": "P IY", "q": "K Y UW", "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW",
    "v": "V IY", "w": "D AH B AH L Y UW", "x": "EH K S", "y": "W AY", "z": "Z IY",
}  # fmt: skip


class Pronunciations:
    """A pronouncing dictionary, and guesses for what it lacks."""

    def __init__(self, known: Mapping[str, list[str]]) -> None:
        self._known = known

    def __contains__(self, word: object) -> bool:
        return word in self._known

    @property
    def words(self) -> Set[str]:
        """What the dictionary has."""
        return self._known.keys()

    def of(self, word: str) -> list[str]:
        """The pronunciations of a lower-case word; phones separated by spaces. Never empty."""
        if found := self._known.get(word):
            return found
        plain = re.sub(r"[^a-z]", "", word)[:_MAX_WORD]
        return [
            self._known.get(plain, [""])[0]
            or self._inflected(plain)
            or self._compound(plain)
            or _spell(plain)
        ]

    def _compound(self, word: str) -> str:
        """Two known words, the first as long as can be."""
        for cut in range(len(word) - _MIN_PART, _MIN_PART - 1, -1):
            first, second = self._known.get(word[:cut]), self._known.get(word[cut:])
            if first and second:
                return f"{first[0]} {second[0]}"
        return ""

    def _inflected(self, word: str) -> str:
        for ending in ("s", "ed", "ing", "er", "y", "ie", "ies"):
            stem = word.removesuffix(ending)
            if len(stem) < _MIN_PART or stem == word:
                continue
            base = self._known.get(stem) or self._known.get(stem + "e")
            said = base[0] if base else self._compound(stem) if ending == "s" else ""
            if said:
                return f"{said} {_ending(ending, said.split()[-1])}"
        return ""


def _ending(ending: str, last: str) -> str:
    if ending == "s":
        return "IH Z" if last in _HISSING else "S" if last in _VOICELESS else "Z"
    if ending == "ed":
        return "IH D" if last in {"T", "D"} else "T" if last in _VOICELESS | _HISSING else "D"
    return {"ing": "IH NG", "er": "ER", "y": "IY", "ie": "IY", "ies": "IY Z"}[ending]


def _spell(word: str) -> str:
    """By the rules of spelling; a word without a vowel letter by the names of its letters."""
    if not re.search(r"[aeiouy]", word):
        return " ".join(_LETTERS[letter] for letter in word) or "AH"
    word = re.sub(r"([bcdfgklmnprstvz])\1", r"\1", word)
    phones: list[str] = []
    i = 0
    while i < len(word):
        rest = word[i:]
        if rest == "e" and phones:
            break  # silent
        if re.match(r"[aeiouy][bcdfgklmnprstvz]e(?:s?$)", rest):
            phones.append(_LONG[rest[0]])
            i += 1
            continue
        if rest[0] in "cg" and rest[1:2] in {"e", "i", "y"}:
            phones.append("S" if rest[0] == "c" else "JH")
            i += 1
            continue
        if rest[0] == "y" and i == 0:
            phones.append("Y")
            i += 1
            continue
        if rest == "o":
            phones.append("OW")
            break
        length = next(n for n in (4, 3, 2, 1) if rest[:n] in _RULES)
        phones.append(_RULES[rest[:length]])
        i += length
    return " ".join(phones)


def words_of(sentence: str, known: Container[str]) -> str:
    """A sentence as a recogniser's words: lower case, numbers spelled, no punctuation.

    A hyphenated word stays whole where it is `known`, and is parted otherwise.
    """
    text = NUMBER.sub(lambda m: f" {to_words(m[0])} ", sentence.lower())
    text = text.replace("&", " and ").replace("’", "'")  # noqa: RUF001 - the typographic apostrophe
    out: list[str] = []
    for token in re.findall(r"[a-z]+(?:['-][a-z]+)*'?", text):
        word = token.rstrip("'") if token not in known else token
        out += [word] if "-" not in word or word in known else word.split("-")
    return " ".join(out)

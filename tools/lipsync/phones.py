"""Phones, as the International Phonetic Alphabet writes them, to the visemes they are seen as."""

from __future__ import annotations

from pathlib import Path

from greenroom.avatar.visemes import VISEMES

_TABLE = {
    name: phones.split()
    for name, phones in (
        line.split(":")
        for line in Path(__file__).with_name("phones.txt").read_text("utf-8").splitlines()
        if not line.startswith("#")
    )
}
"""By the International Phonetic Association's chart: who shares a place at the lips or teeth is
seen alike. Of the vowels, rounded ones of any place are `oh` and `ou`, by how open they are.
"""
_VISEME_OF = {phone: i for i, viseme in enumerate(VISEMES) for phone in _TABLE.get(viseme, ())}
_FRICATIVES = frozenset((VISEMES.index("CH"), VISEMES.index("SS"), VISEMES.index("FF")))
_TONGUE_STOP = VISEMES.index("DD")

UNVOICED_STOPS = frozenset(_TABLE["unvoiced stop"])
VOICED_STOPS = frozenset(_TABLE["voiced stop"])
SHAPELESS = frozenset(_TABLE["shapeless"])
"""Made in the throat: the mouth is already that of the sound that follows."""
SCHWA = frozenset(_TABLE["schwa"])
FLITE = dict(pair.split("=") for pair in _TABLE["flite"])
"""flite's names of phones to the alphabet's."""


def visemes(phone: str) -> list[int]:
    """The visemes of a phone in order: a diphthong has two, an affricate one, a pause none."""
    seen: list[int] = []
    for symbol in phone:
        viseme = _VISEME_OF.get(symbol)
        if viseme is None or seen[-1:] == [viseme]:
            continue
        if viseme in _FRICATIVES and seen == [_TONGUE_STOP]:
            seen.clear()
        seen.append(viseme)
    return seen


def first_symbol(phone: str) -> str:
    """The phone's first letter, without marks of stress."""
    return phone.lstrip("ˈˌ")[:1]

"""Which products are to be compared: "the first two", "the comet and the feather", "them".

The references are in the form in which tools take a product: a position among the products found
last ("1" is the first), an id of a product of the conversation, or the words of a title.
"""

from __future__ import annotations

import re

from greenroom.commerce.context import ProductRef, ShopContext
from greenroom.commerce.lexicon import words_of
from greenroom.commerce.references import CERTAIN, best_match, common_words, title_score
from greenroom.commerce.slots import NOISE, SlotReader

MAX_COMPARED = 4
"""Products that one comparison takes."""

# "The first to" is what a recogniser makes of "the first two".
_FEW = re.compile(
    r"\b(first|top|last|final) (?:(2|3|4)\b|(to|too)(?= (?!the |my |a |this |that |it )|$))"
)
_FEW_VALUES = {"to": 2, "too": 2}
_OTHERS = re.compile(r"\b(?:the )?(?:others?|rest)\b")
_JOINTS = re.compile(
    r"\b(?:and|or|with|to|too|than|versus|vs|against|from|between|of|is|are|compar\w+|"
    r"differ\w*)\b"
)
_NAMES_NOTHING = NOISE | frozenset(
    "cheaper choose choosing lighter heavier warmer bigger smaller longer side".split()  # noqa: SIM905 - reads better as a text
)
_THIS = re.compile(r"\b(?:it|this|that)\b")


def compared(text: str, context: ShopContext) -> tuple[str, ...]:
    """The 2 to 4 products that a normalised sentence compares.

    Empty where it names fewer than two: then the products found last are meant ("them").
    """
    if match := _FEW.search(text):
        return _few(match, len(context.results))
    found = _by_title(text, context.results)
    if len(found) < 2:
        found = _by_parts(text, context)
    if _OTHERS.search(text):
        found += [ref.id for ref in context.results]
    unique = tuple(dict.fromkeys(found))[:MAX_COMPARED]
    return unique if len(unique) > 1 else ()


def _few(match: re.Match[str], results: int) -> tuple[str, ...]:
    count = _FEW_VALUES.get(match[3]) or int(match[2])
    if match[1] in {"first", "top"}:
        return tuple(str(place) for place in range(1, count + 1))
    places = range(max(1, results - count + 1), results + 1)
    return tuple(str(place) for place in places) if len(places) > 1 else ()


def _by_title(text: str, results: tuple[ProductRef, ...]) -> list[str]:
    """The ids of the results whose titles are named in the sentence."""
    common = common_words([ref.title for ref in results])
    return [ref.id for ref in results if title_score(text, ref.title, common) >= CERTAIN]


def _by_parts(text: str, context: ShopContext) -> list[str]:
    """One reference for each part between "and", "or", "than" and the like that names something."""
    known = list(context.results)
    if context.focus is not None and context.focus not in known:
        known.append(context.focus)
    found: list[str] = []
    for part in _JOINTS.split(text):
        place = SlotReader(part).ordinal()
        if place is not None:
            found.append(str(place if place > 0 else max(1, len(context.results))))
        elif (ref := best_match(part, known)) is not None:
            found.append(ref.id)
        elif words := [
            word for word in words_of(_OTHERS.sub(" ", part)) if word not in _NAMES_NOTHING
        ]:
            found.append(" ".join(words))
        elif _THIS.search(part) and context.focus is not None:
            found.append(context.focus.id)
    return found

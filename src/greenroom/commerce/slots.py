"""The particulars in a sentence: prices, sizes, colours, counts, and which product is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from greenroom.commerce.lexicon import COLORS, category_of
from greenroom.commerce.sizes import canonical_color, canonical_size

_NUMBER = r"(\d{1,6}(?:\.\d{1,2})?)(?: (\d{2})(?!\d| dollars))?(?: (?:dollars?|bucks|usd))?"
_LOW, _HIGH = Decimal("0.8"), Decimal("1.2")

_BETWEEN = re.compile(rf"\b(?:between|from|for|of)? ?{_NUMBER} (?:and|to|or|in|through) {_NUMBER}")
_BETWEEN_OPENING = re.compile(r"\b(?:between|from)\b")
_AT_MOST = re.compile(
    r"\b(?:under|below|less than|cheaper than|lower than|up to|at most|no more than|not more than|"
    r"no higher than|not over|max(?:imum)?(?: price)?(?: is| of)?|within|beneath|"
    rf"(?:my )?budget(?: is| of| was)?|can spend|to spend|spend|i have(?: got)?) {_NUMBER}"
    r"(?! (?:pairs?|of)\b)"
)
_AT_MOST_AFTER = re.compile(
    rf"\b{_NUMBER} (?:or less|or under|or below|max|maximum|tops|at most|budget)\b"
)
_AT_LEAST = re.compile(
    r"\b(?:over|above|more than|at least|starting (?:at|from)|min(?:imum)?(?: price)?(?: is| of)?|"
    rf"upwards of|not less than|no less than|from) {_NUMBER}"
)
_AT_LEAST_AFTER = re.compile(
    rf"\b{_NUMBER} (?:or more|and up|or over|or above|and above|and over|plus)\b"
)
_AROUND = re.compile(rf"\b(?:around|about|roughly|approximately|near|close to|like) {_NUMBER}")
_BARE_PRICE = re.compile(r"\b(?:for )?(\d{1,6}(?:\.\d{1,2})?)() (?:dollars?|bucks|usd)\b")
_ANY_PRICE = re.compile(
    r"\b(?:at )?any price\b|\bno (?:budget|price limit|limit)\b|\bprice (?:does not|"
    r"doesnt) matter\b|\bmoney is no object\b|\b(?:forget|ignore|drop) the (?:budget|price)\b"
)
_CHEAPER = re.compile(
    r"\b(?:cheaper|less expensive|lower price|lower priced|more affordable|not so expensive|"
    r"too expensive|too much)(?: ones?| options?| things?)?\b"
)
_DEARER = re.compile(
    r"\b(?:(?<!the )more expensive|pricier|fancier|higher end|more premium)(?: ones?)?\b"
)
_CHEAPEST = re.compile(r"\b(?:cheapest|least expensive|lowest priced?|most affordable)(?: one)?\b")
_DEAREST = re.compile(r"\b(?:most expensive|priciest|dearest|highest priced?)(?: one)?\b")

_HEARD_NUMBERS = {
    "for": "4", "fore": "4", "four": "4", "to": "2", "too": "2", "two": "2", "won": "1", "one": "1",
    "ate": "8", "tan": "10", "tin": "10", "then": "10", "den": "10", "nein": "9", "night": "9",
    "sex": "6", "sick": "6", "free": "3", "tree": "3", "fife": "5", "levin": "11", "heaven": "7",
}  # fmt: skip
_SIZE_WORDS = (
    r"extra extra large|extra extra small|double extra large|double x large|double xl|extra large|"
    r"extra small|x large|x small|xxl|xl|xs|2xl|small|medium|large"
)
_SIZE = re.compile(
    rf"\b(?:in |a |an |of |my |is |am )*size (?:is |of |a |an |number )*({_SIZE_WORDS}|[sml]|"
    r"\d{1,2}(?:\.5)?|" + "|".join(_HEARD_NUMBERS) + r")\b"
)
_WAIST = re.compile(r"\bwaist (?:of |size |is )*(\d{2})\b|\b(\d{2}) (?:inch )?waist\b")
_WEIGHT = re.compile(r"\b(\d{1,3} (?:pounds?|pounders?|lbs?))\b")
_WORN_SIZE = re.compile(
    rf"\b(?:in |a |an |wear |am |need |is |one |the )+({_SIZE_WORDS}|\d{{1,2}}(?:\.5)?)(?: size)?"
    r"(?! (?:of|pairs?|dollars?|more|person|tent|bag|pack|lb|pounds?|items?|ones)\b)\b"
)
_LONE_SIZE = re.compile(rf"^(?:the )?({_SIZE_WORDS}|\d{{1,2}}(?:\.5)?)(?: please| size| thanks)?$")

_PAIR_COUNT = re.compile(
    r"\b(\d{1,3}|a couple|couple|to|too|for|won|one) (?:(?:more )?of |pairs? of |pairs? |"
    r"more )(?:them|those|these|it|that|the|this)?"
)
_VERB_COUNT = re.compile(
    r"\b(?:add|take|want|buy|get|order|put|have|remove|delete|drop)(?: me| in| just|"
    r" only)? (\d{1,3}|a couple)\b(?! dollars)"
)

_PLACES = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5,
    "middle": 2, "last": -1, "final": -1,
}  # fmt: skip
_THING = r"(?: (?:one|ones|product|item|option|pair|choice|result|thing))"
_COUNTED = "|".join(word for word in _PLACES if word not in {"last", "final", "second"})
_ORDINAL = re.compile(
    rf"\b(?:the )?({_COUNTED}){_THING}?\b|\b(?:the (last|final|second){_THING}?|"
    rf"(last|final|second){_THING})\b|^(second|last)$"
)
_NUMBERED = re.compile(
    r"\b(?:number|option|item|product|choice) (\d{1,2}|one|won|to|too|for|three)\b"
)
_PRONOUN = re.compile(
    r"\b(?:it|that one|this one|that|this|them|those|these|they|the same|same one|one of (?:them|"
    r"those))\b"
)


@dataclass(frozen=True, slots=True)
class Slots:
    """What a sentence says in particular; None and false where it says nothing.

    `ordinal` counts from 1, -1 is the last. `relative` is "cheaper" or "dearer", `extreme`
    "cheapest" or "dearest". `product_id` is a product of the conversation that was named by its
    title. `query` is what is left: the words that name the thing.

    `compared` holds the 2 to 4 products of a comparison, each as a tool takes a product: its
    position among the products found last ("1"), its id, or words of its title; empty: those found
    last. `topic` is what a policy question is about, in one word ("returns", "shipping", "payment",
    "warranty", "discounts", "taxes", "privacy", "hours", "contact").
    """

    query: str = ""
    category: str | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    any_price: bool = False
    relative: str | None = None
    extreme: str | None = None
    size: str | None = None
    color: str | None = None
    ordinal: int | None = None
    quantity: int | None = None
    product_id: str | None = None
    pronoun: bool = False
    more: bool = False
    everything: bool = False
    compared: tuple[str, ...] = ()
    topic: str = ""

    @property
    def refers(self) -> bool:
        """Whether a product of the conversation is meant, other than by "it"."""
        return self.ordinal is not None or self.product_id is not None or self.extreme is not None

    @property
    def narrows(self) -> bool:
        """Whether a search before it could be changed by this alone ("in red", "cheaper")."""
        return (
            self.relative is not None
            or self.any_price
            or any(
                value is not None
                for value in (self.min_price, self.max_price, self.size, self.color)
            )
        )


def has_pronoun(sentence: str) -> bool:
    """Whether "it", "that one" or the like is said."""
    return _PRONOUN.search(sentence) is not None


class SlotReader:
    """Takes slots out of a normalised sentence one kind after the other; `rest` is what is left."""

    def __init__(self, sentence: str) -> None:
        self.rest = sentence

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.search(self.rest)
        if match is not None:
            before, after = self.rest[: match.start()], self.rest[match.end() :]
            self.rest = " ".join((before + " " + after).split())
        return match

    def prices(self) -> tuple[Decimal | None, Decimal | None]:
        """Lowest and highest price, inclusive."""
        between = _BETWEEN.search(self.rest)
        if between is not None and (_BETWEEN_OPENING.search(between[0]) or "dollar" in between[0]):
            self._take(_BETWEEN)
            low, high = _price(between[1], between[2]), _price(between[3], between[4])
            return min(low, high), max(low, high)
        lowest = highest = None
        if match := self._take(_AT_MOST) or self._take(_AT_MOST_AFTER):
            highest = _price(match[1], match[2])
        if match := self._take(_AT_LEAST) or self._take(_AT_LEAST_AFTER):
            lowest = _price(match[1], match[2])
        if lowest is None and highest is None and (match := self._take(_AROUND)):
            near = _price(match[1], match[2])
            return (near * _LOW).quantize(Decimal(1)), (near * _HIGH).quantize(Decimal(1))
        if lowest is None and highest is None and (match := self._take(_BARE_PRICE)):
            highest = _price(match[1], match[2])
        return lowest, highest

    def price_wish(self) -> tuple[bool, str | None, str | None]:
        """`any_price`, `relative` and `extreme`."""
        any_price = self._take(_ANY_PRICE) is not None
        relative = extreme = None
        if self._take(_CHEAPEST):
            extreme = "cheapest"
        elif self._take(_DEAREST):
            extreme = "dearest"
        elif self._take(_CHEAPER):
            relative = "cheaper"
        elif self._take(_DEARER):
            relative = "dearer"
        return any_price, relative, extreme

    def named_size(self) -> str | None:
        """A size that is called one: "size ten", "waist thirty two", "ten pounds"."""
        if match := self._take(_SIZE):
            return canonical_size(_HEARD_NUMBERS.get(match[1], match[1]))
        if match := self._take(_WAIST):
            return match[1] or match[2]
        if match := self._take(_WEIGHT):
            return canonical_size(match[1])
        return None

    def worn_size(self) -> str | None:
        """A size by the way that it is said: "in a medium", "do you have a ten", or nothing "
        "else."""
        if match := self._take(_LONE_SIZE) or self._take(_WORN_SIZE):
            return canonical_size(match[1])
        return None

    def color(self) -> str | None:
        """A colour, in the shop's spelling."""
        for word in self.rest.split():
            if word in COLORS:
                self._take(
                    re.compile(rf"\b(?:in |color |colour )*{word}(?: ones?| color| colour)?\b")
                )
                return canonical_color(word)
        return None

    def quantity(self) -> int | None:
        """How many are wanted."""
        match = self._take(_PAIR_COUNT) or self._take(_VERB_COUNT)
        if match is None:
            return None
        if "couple" in match[1]:
            return 2
        return int(_HEARD_NUMBERS.get(match[1], match[1]))

    def ordinal(self) -> int | None:
        """Which of the things that were named."""
        if match := self._take(_NUMBERED):
            word = {"three": "3"}.get(match[1]) or _HEARD_NUMBERS.get(match[1], match[1])
            return int(word)
        if match := self._take(_ORDINAL):
            return _PLACES[next(group for group in match.groups() if group)]
        return None

    def query(self) -> str:
        """The words that name a thing, in their order; nothing where there are only numbers."""
        words = [word for word in self.rest.split() if word not in NOISE]
        return "" if all(word.isdigit() for word in words) else " ".join(words)

    def category(self, query: str) -> str | None:
        """The shelf that the query belongs to."""
        return category_of(query.split())


def _price(whole: str, cents: str | None) -> Decimal:
    return Decimal(f"{whole}.{cents}" if cents and "." not in whole else whole)


_NOISE_TEXT = (
    "add adding adds remove removing delete drop empty clear total "
    "a able about actually affordable again all also am an and another any anybody anyone "
    "anything are around as at available back basket be because been best better between bit "
    "birthday bring browse bucks budget but buy by bye can card carry cart catalog cheap check "
    "color colors colour colours come cost costs could dad daughter describe description detail "
    "details did different directions do does dollar dollars each else equipment every "
    "everything exactly explain find finding first for friend from fun gear get getting gift "
    "give go going good got great had has have he hear hearing hello help her here hey hi him "
    "his how however husband i id if ill im in info information inside instead interested into "
    "is it item items its ive just kind kinda know let like list little look looking lot lots "
    "love many matter may maybe me mean might mine model models mom more most much must my "
    "myself nah need needs never new next nice no not now of off offer offers oh ok okay on one "
    "ones only option options or order other our out over pair pairs perhaps pick piece place "
    "please point possible possibly present price prices product products pull purchase put "
    "quick quickly quite rather read ready really recommend recommendation recommendations "
    "right same say search searching see seen select selection sell selling send she shop "
    "shopping should show showing shows size sizes so some somebody something son sort sorts "
    "still stock store stuff such suggest sure take tall tell than thank thanks that thats the "
    "their them then there these they thing things think thinking this those to today together "
    "too try two type types um under up us use used very view wanna want wanted wants was way "
    "we wear wearing well were what whats when where which while who why wife will wish with "
    "without won wonder would yeah yes yet you your yours yourself youve"
)
NOISE = frozenset(_NOISE_TEXT.split())
"""Words of a sentence that name no product."""

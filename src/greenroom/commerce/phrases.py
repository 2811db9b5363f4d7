"""Sentences that shoppers say, for a recogniser's language model to lean towards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from greenroom.commerce.lexicon import CATEGORY_NAMES, CATEGORY_WORDS, COLORS
from greenroom.commerce.numerals import say_number

MAX_SENTENCES = 7_000
"""Sentences at most, whatever the size of the catalogue."""

_MAX_TITLES = 300
_MAX_NOUNS = 120

_ROUND = (15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90, 100, 120, 150, 200, 250, 300)
_PRICES = (
    *(say_number(price) for price in _ROUND),
    "a hundred", "one fifty", "one twenty", "two fifty", "a hundred and fifty",
)  # fmt: skip
_SHOE_SIZES = (
    *(say_number(size) for size in range(5, 15)),
    "eight and a half", "nine and a half", "ten and a half",
)  # fmt: skip
_WORD_SIZES = ("small", "medium", "large", "extra large", "extra small")
_ORDINALS = ("first", "second", "third", "fourth", "last")
_COUNTS = ("two", "three", "four", "a couple")

_ASKING = (
    "show me {}", "show me some {}", "i am looking for {}", "i'm looking for {}", "find me {}",
    "do you have {}", "do you have any {}", "i need {}", "i want {}", "i'd like to see {}",
    "what about {}", "how about {}", "can you show me {}", "search for {}",
    "what kind of {} do you have", "{}", "looking for {}", "show me the cheapest {}",
    "show me all {}", "show me your {}",
)  # fmt: skip
_BOUNDS = (
    "under {} dollars", "for less than {} dollars", "below {} dollars", "under {}",
    "over {} dollars", "around {} dollars", "up to {} dollars",
)  # fmt: skip
_PRICED_ASKING = (
    "show me {}",
    "i am looking for {}",
    "{}",
    "do you have {}",
    "find me {}",
    "i need {}",
)
_ABOUT_TITLE = (
    "tell me about the {}", "tell me more about the {}", "how much is the {}",
    "add the {} to my cart", "is the {} in stock", "the {}", "i'll take the {}",
    "remove the {} from my cart", "show me the {}", "what about the {}", "put the {} in my cart",
    "do you have the {}",
)  # fmt: skip
_ABOUT_ORDINAL = (
    "tell me about the {} one", "tell me more about the {} one", "how much is the {} one",
    "add the {} one to my cart", "add the {} one", "is the {} one in stock", "the {} one",
    "the {} one please", "i'll take the {} one", "i want the {} one", "show me the {} one",
    "what about the {} one", "what is the price of the {} one", "i would like the {} one",
    "remove the {} one from my cart", "put the {} one in my cart", "is the {} one available",
    "what sizes does the {} one come in", "what colors does the {} one come in",
    "more about the {} one", "details of the {} one", "buy the {} one", "tell me about the {}",
    "add the {} item to my cart", "yes add the {} one",
)  # fmt: skip
_ABOUT_SIZE = (
    "size {}", "in size {}", "size {} please", "do you have it in size {}",
    "is it available in size {}", "is it in stock in size {}", "i need a size {}",
    "i wear a size {}", "i wear a {}", "a size {}",
    "add it in size {}", "add the first one in size {}", "add the second one in size {}",
    "i'll take it in size {}", "do you have that in a {}", "is the first one available in size {}",
    "do you have the second one in size {}", "{} please", "do you have them in size {}", "in a {}",
)  # fmt: skip
_ABOUT_COLOR = (
    "in {}", "do you have it in {}", "does it come in {}", "is it available in {}", "the {} one",
    "i want it in {}", "do you have them in {}", "only in {}", "add the {} one to my cart",
    "add it in {}", "i'd like the {} one", "{} please", "is there a {} one",
    "do you have this in {}", "do you have that in {}",
)  # fmt: skip
_FIXED_TEXT = """
    what's in my cart|what is in my cart|show me my cart|view my cart|show my cart|my cart
    open my cart|how much is my cart|what's my total|what is my total|what is the total
    how much is it all together|empty my cart|clear my cart|remove it from my cart|remove it
    take it out of my cart|remove the last one|remove everything from my cart|check out
    checkout|i want to check out|i'd like to check out please|i'm ready to pay
    i am ready to check out|place my order|let's check out|add it to my cart
    add it to the cart|add that to my cart|add this one to my cart|add to cart|add it
    add that one|add one more|put it in my cart|i'll take it|i will take it|i'll take that one
    i want it|i want to buy it|i'd like to buy it|buy it|yes add it to my cart
    add them to my cart|add both|how much is it|how much does it cost|how much is that
    what does it cost|what's the price|what is the price|how much are they
    how much do they cost|is it in stock|is it available|are they in stock|is that in stock
    do you have it in stock|how many are left|how many do you have|what sizes do you have
    what size does it come in|what sizes does it come in|what sizes are available
    what colors do you have|what colors does it come in|what other colors do you have
    do you have another color|tell me more|tell me more about it|tell me more about that one
    more details please|more information please|what is it made of|is it waterproof|is it warm
    describe it|what about that one|tell me about it|tell me about the cheapest one
    which one is the cheapest|which is the cheapest|add the cheapest one
    what is the most expensive one|anything cheaper|do you have anything cheaper
    show me something cheaper|something cheaper please|that's too expensive|that is too much
    do you have anything less expensive|show me cheaper ones|any price|at any price
    the price doesn't matter|show me more|show me more options|what else do you have
    any others|do you have any others|show me the next ones|more please|something else|hello
    hi|hi there|hey|hey there|good morning|good afternoon|good evening|hello there|how are you
    thanks|thank you|thank you very much|thanks a lot|ok thanks|great thanks|that's great|bye
    goodbye|bye bye|see you later|that's all|that's all for now|that is all thank you|i'm done
    that's it thanks|no that's all|have a nice day|help|help me|can you help me
    what can you do|what can i say|how does this work|what do you sell|what do you have
    what do you recommend|yes|yes please|yeah|yes i do|yes i would|sure|okay|ok|go ahead
    sounds good|yes that's right|please do|no|no thanks|no thank you|not now|not really
    never mind|no not that one|nope|can you repeat that|repeat that please|say that again
    say that again please|what did you say|pardon|sorry|sorry what did you say
    i didn't hear that|what|wait|stop|hold on|excuse me|what is your return policy
    can i return it|how long does shipping take|how much is shipping|do you ship for free
    when will it arrive|do you have any discounts|do you have a sale
    can i pay with a credit card|can i talk to a person|i need some help|i'm just looking
    just browsing|show me everything|let me think about it|i changed my mind|start over
"""
_FIXED = tuple(_FIXED_TEXT.replace("\n", "|").split("|"))

_PLAIN = re.compile(r"[a-z']+(?: [a-z']+)*")


def likely_sentences(vocabulary: Iterable[str]) -> tuple[str, ...]:
    """Sentences for a shop whose titles and words are `vocabulary` (a catalogue's own).

    Lower case, words only (numbers are spelled), no punctuation but apostrophes, no repetition;
    the same input gives the same sentences in the same order. At most MAX_SENTENCES.
    """
    titles, words = _split(vocabulary)
    nouns = _nouns(titles, words)
    colors = sorted({word for word in words if word in COLORS} or COLORS)
    found: dict[str, None] = {}
    for sentence in _sentences(titles, nouns, colors):
        spoken = " ".join(sentence.split())
        if _PLAIN.fullmatch(spoken):
            found[spoken] = None
            if len(found) == MAX_SENTENCES:
                break
    return tuple(found)


def _sentences(titles: Sequence[str], nouns: Sequence[str], colors: Sequence[str]) -> Iterator[str]:
    """Small talk and the cart first: a big catalogue must not crowd them out."""
    yield from _FIXED
    yield from _filled(_ABOUT_ORDINAL, _ORDINALS)
    yield from _filled(_ABOUT_SIZE, (*_SHOE_SIZES, *_WORD_SIZES))
    yield from _filled(_ABOUT_COLOR, colors)
    for count in _COUNTS:
        yield from (
            f"add {count} of them",
            f"i'll take {count} of them",
            f"add {count} of those to my cart",
            f"{count} pairs please",
            f"add {count} of the first one",
        )
    for price in _PRICES:
        for bound in _BOUNDS:
            yield bound.format(price)
        yield f"between fifty and {price} dollars"
        yield f"my budget is {price} dollars"
        yield f"something under {price} dollars"
        yield f"show me something under {price} dollars"
    yield from _filled(_ABOUT_TITLE, titles)
    yield from _filled(_ASKING, nouns)
    for number, noun in enumerate(nouns):
        for index, asking in enumerate(_PRICED_ASKING):
            # Not every noun with every price: the model learns the parts, and stays small.
            price = _PRICES[(number + 3 * index) % len(_PRICES)]
            bound = _BOUNDS[(number + index) % 4]
            yield f"{asking.format(noun)} {bound.format(price)}"
        size = _SHOE_SIZES[number % len(_SHOE_SIZES)]
        color = colors[number % len(colors)]
        yield f"show me {color} {noun}"
        yield f"do you have {noun} in size {size}"
        yield f"{noun} in {color}"
        yield f"how much are the {noun}"


def _filled(templates: Iterable[str], values: Iterable[str]) -> Iterator[str]:
    known = tuple(values)
    for template in templates:
        for value in known:
            yield template.format(value)


def _split(vocabulary: Iterable[str]) -> tuple[list[str], list[str]]:
    """Titles (several words) and single words, both as they are spoken."""
    titles: dict[str, None] = {}
    words: dict[str, None] = {}
    for item in vocabulary:
        spoken = _spoken(item)
        if not spoken:
            continue
        if " " in spoken:
            titles[spoken] = None
        else:
            words[spoken] = None
    return list(titles)[:_MAX_TITLES], list(words)


def _spoken(text: str) -> str:
    words = re.findall(r"[a-z']+|\d+", text.casefold())
    if not words or words[0].isdigit():
        return ""  # a size or a code; sizes have sentences of their own
    return " ".join(
        say_number(int(word)) if word.isdigit() and len(word) < 6 else word for word in words
    )


def _nouns(titles: Sequence[str], words: Sequence[str]) -> list[str]:
    """What there is: the last two words of the titles in the plural, and the shelves."""
    nouns: dict[str, None] = {}
    for title in titles:
        tail = title.split()[-2:]
        nouns[" ".join([*tail[:-1], _plural(tail[-1])])] = None
        nouns[_plural(tail[-1])] = None
    known = set(words)
    for name, category in CATEGORY_NAMES.items():
        if category in known:
            nouns[name] = None
    spoken = {word for title in titles for word in title.split()}
    for category, members in CATEGORY_WORDS.items():
        if category in known:
            nouns |= dict.fromkeys(sorted(word for word in members if word in spoken))
    return list(nouns)[:_MAX_NOUNS]


def _plural(word: str) -> str:
    if word.endswith("s"):
        return word
    if word.endswith(("ch", "sh", "x")):
        return word + "es"
    if word.endswith("f"):
        return word[:-1] + "ves"
    return word + "s"

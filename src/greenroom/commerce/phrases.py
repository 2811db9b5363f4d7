"""Sentences that shoppers say, for a recogniser's language model to lean towards.

The patterns of `wordings`, filled with what the shop has: its titles, kinds of things and colours.
A wording isn't filled with everything that fits, nor a title put into every wording: the model
learns the parts, and each part has been said with some of the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, cycle, islice

from greenroom.commerce.lexicon import CATEGORY_NAMES, CATEGORY_WORDS, COLORS, singular
from greenroom.commerce.numerals import say_number
from greenroom.commerce.wordings import interleave, load_wordings

MAX_SENTENCES = 15_000
"""Sentences at most, whatever the size of the catalogue."""

_MAX_TITLES = 300
"""Titles that are talked of in several ways."""
_MAX_MENTIONED = 1_800
"""Titles that are mentioned at all, so that their words are known."""
_MAX_NOUNS = 240
_MAX_WORDS = 400
_ASKED_FOR, _TALKED_OF, _TALKED_OF_IN_SHORT = 10, 7, 6
"""Wordings for each kind of thing, each title, and what is left of a title without its kind."""

_ROUND = (15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90, 100, 120, 150, 200, 250, 300)
_PRICES = (
    *(say_number(price) for price in _ROUND),
    "a hundred", "one fifty", "one twenty", "two fifty", "a hundred and fifty",
    "one hundred and fifty",
)  # fmt: skip
_LOWS = ("twenty", "thirty", "forty", "fifty", "one hundred")
_SIZES = (
    *(say_number(size) for size in range(5, 15)),
    "eight and a half", "nine and a half", "ten and a half", "thirty", "thirty two", "thirty four",
    "thirty six",
)  # fmt: skip
_WORD_SIZES = ("small", "medium", "large", "extra large", "extra small")
# The first is asked for most.
_ORDINALS = (
    "the first one", "the second one", "the first", "the last one", "the first one",
    "the third one", "the second one", "the first item", "the second", "the first one",
    "the third", "number one", "the last item", "number two", "the second item", "number three",
    "the other one",
)  # fmt: skip
_COUNTS = ("two", "three", "four", "a couple", "five")
_QUALITIES = (
    "waterproof", "warm", "light", "cheap", "new", "good", "small", "big", "comfortable", "simple",
    "nice", "large", "lightweight",
)  # fmt: skip

_PLAIN = re.compile(r"[a-z']+(?: [a-z']+)*")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def likely_sentences(vocabulary: Iterable[str]) -> tuple[str, ...]:
    """Sentences for a shop whose titles and words are `vocabulary` (a catalogue's own).

    Lower case, words only (numbers are spelled), no punctuation but apostrophes, no repetition;
    the same input gives the same sentences in the same order. At most MAX_SENTENCES.
    """
    titles, words = _split(vocabulary)
    found: dict[str, None] = {}
    for sentence in _Filler(titles, words).sentences():
        spoken = " ".join(sentence.split())
        if _PLAIN.fullmatch(spoken):
            found[spoken] = None
            if len(found) == MAX_SENTENCES:
                break
    return tuple(found)


class _Filler:
    """Fills wordings with the values of one shop; each value has its turn."""

    def __init__(self, titles: Sequence[str], words: Sequence[str]) -> None:
        self._wordings = load_wordings()
        self._titles = titles
        self._words = words
        self._nouns = _nouns(titles, words)
        colors = sorted({word for word in words if word in COLORS} or COLORS)
        self._turns = {
            name: cycle(values)
            for name, values in (
                ("color", colors),
                ("size", _SIZES),
                ("wordsize", _WORD_SIZES),
                ("price", _PRICES),
                ("low", _LOWS),
                ("count", _COUNTS),
                ("one", _ORDINALS),
                ("other", (*_ORDINALS[1:], _ORDINALS[0])),
            )
        }

    def sentences(self) -> Iterator[str]:
        """What is the same in all shops first: a big catalogue must not crowd it out."""
        yield from self._wordings["small_talk"]
        yield from self._wordings["fixed"]
        yield from self._wordings["policies"]
        yield from self._wordings["few"]
        yield from self._filled(self._wordings["about_one"], 3)
        yield from self._filled(self._wordings["in_size"], 5)
        yield from self._filled(self._wordings["in_word_size"], 3)
        yield from self._filled(self._wordings["in_color"], 3)
        yield from self._filled(self._wordings["counted"], 2)
        yield from self._filled(self._wordings["priced"], 8)
        mentions = cycle(("the {}", "do you have the {}", "tell me about the {}"))
        for title in self._titles:
            yield next(mentions).format(title)
        yield from interleave(self._kinds(), self._named(), self._described())

    def _kinds(self) -> Iterator[str]:
        asking, asking_one = (
            _rounds(self._wordings["asking"]),
            _rounds(self._wordings["asking_one"]),
        )
        filtered = _rounds(self._wordings["filtered"])
        for noun in self._nouns:
            one = _one_of(noun)
            # Bare first: it is all that the shortest questions have.
            yield noun
            for pattern in islice(asking, _ASKED_FOR):
                yield self._fill(pattern, noun=noun)
            for pattern in islice(asking_one, _ASKED_FOR // 2):
                yield self._fill(pattern, thing=_with_article(noun), single=one)
            for pattern in islice(filtered, _ASKED_FOR // 2):
                yield self._fill(pattern, noun=noun)

    def _named(self) -> Iterator[str]:
        about = _rounds(self._wordings["about_one"])
        others = cycle(
            f"the {title}" for title in [*self._titles[1:_MAX_TITLES], *self._titles[:1]]
        )
        for title, other in zip(self._titles[:_MAX_TITLES], others, strict=False):
            yield f"do you have the {title}"
            yield f"tell me about the {title}"
            for pattern in islice(about, _TALKED_OF):
                yield self._fill(pattern, one=f"the {title}", other=other)
            if name := _short_name(title):
                short_other = _short_name(other.removeprefix("the ")) or other
                for pattern in islice(about, _TALKED_OF_IN_SHORT):
                    yield self._fill(pattern, one=f"the {name}", other=f"the {short_other}")

    def _described(self) -> Iterator[str]:
        """ "A waterproof jacket": with the qualities that any shop has, and with its own words."""
        asking, asking_one = (
            _rounds(self._wordings["asking"]),
            _rounds(self._wordings["asking_one"]),
        )
        own = [word for word in self._words if word not in COLORS and len(word) > 3]
        qualities = cycle([*_QUALITIES, *own[:_MAX_WORDS]])
        for noun, _ in zip(cycle(self._nouns), range(max(len(own), 100)), strict=False):
            quality = next(qualities)
            thing = _with_article(f"{quality} {noun}")
            yield self._fill(next(asking), noun=f"{quality} {noun}")
            yield self._fill(next(asking_one), thing=thing, single=f"{quality} {_one_of(noun)}")

    def _filled(self, patterns: Iterable[str], times: int) -> Iterator[str]:
        for pattern in patterns:
            for _ in range(times):
                yield self._fill(pattern)

    def _fill(self, pattern: str, **values: str) -> str:
        return _PLACEHOLDER.sub(
            lambda match: values.get(match[1]) or next(self._turns[match[1]]), pattern
        )


def _rounds(patterns: Sequence[str]) -> Iterator[str]:
    """Endlessly, in steps that mix the neighbours: a row of patterns differs in one word only."""
    step = next(n for n in count(len(patterns) * 5 // 8) if _coprime(n, len(patterns)))
    return (patterns[n * step % len(patterns)] for n in count())


def _coprime(a: int, b: int) -> bool:
    while b:
        a, b = b, a % b
    return a == 1


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
    return list(titles)[:_MAX_MENTIONED], list(words)


def _spoken(text: str) -> str:
    words = re.findall(r"[a-z']+|\d+", text.casefold())
    if not words or words[0].isdigit():
        return ""  # a size or a code; sizes have sentences of their own
    return " ".join(
        say_number(int(word)) if word.isdigit() and len(word) < 6 else word for word in words
    )


def _nouns(titles: Sequence[str], words: Sequence[str]) -> list[str]:
    """What there is: the last words of the titles in the plural, commonest first, and shelves."""
    known = set(words)
    nouns: dict[str, int] = {}
    for title in titles:
        tail = title.split()[-2:]
        for noun in (" ".join([*tail[:-1], _plural(tail[-1])]), _plural(tail[-1])):
            nouns[noun] = nouns.get(noun, 0) + 1
    shelves = [name for name, category in CATEGORY_NAMES.items() if category in known]
    spoken = {word for title in titles for word in title.split()}
    for category, members in CATEGORY_WORDS.items():
        if category in known:
            shelves += sorted(
                word for word in members if word.endswith("s") and (word in spoken or word in known)
            )
    common = sorted(nouns, key=lambda noun: -nouns[noun])
    return list(dict.fromkeys([*shelves, *common]))[:_MAX_NOUNS]


def _short_name(title: str) -> str:
    """ "comet" of "comet running shoe": what is left without the two words of its kind."""
    return " ".join(title.split()[:-2])


def _one_of(noun: str) -> str:
    """The singular; what is a pair, or no plural, stays as it is."""
    *before, last = noun.split()
    if last in _PAIRS:
        return noun
    return " ".join([*before, last.removesuffix("s") if last.endswith("oves") else singular(last)])


_PAIRS = frozenset(
    # People ask for a pair of these, or for several.
    "jeans pants trousers shorts leggings joggers sweatpants socks gloves sunglasses shoes boots "  # noqa: SIM905 - reads better as a text
    "headphones shades glasses tights earbuds poles weights scissors goggles".split()
)


def _with_article(noun: str) -> str:
    """ "An umbrella" of "umbrellas"; "a pair of socks"; "some footwear"."""
    if noun.rsplit(maxsplit=1)[-1] in _PAIRS:
        return f"a pair of {noun}"
    one = _one_of(noun)
    if one == noun:
        return f"some {noun}"
    return f"{'an' if one[0] in 'aeiou' else 'a'} {one}"


def _plural(word: str) -> str:
    if word.endswith("s"):
        return word
    if word.endswith(("ch", "sh", "x")):
        return word + "es"
    if word.endswith("f"):
        return word[:-1] + "ves"
    return word + "s"

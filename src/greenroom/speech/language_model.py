"""A trigram language model out of sentences that are likely, over a background that is general.

The sentences say how people speak here; the background (unigrams and bigrams of a general model)
keeps other words possible. Smoothing is Witten-Bell: a history that was followed by `T` different
words in `C` occurrences leaves `T / (C + T)` of its probability to what it was not seen with. That
part goes to the next shorter history; for a bigram it is shared between the unigrams and the
background's own bigrams. (I. Witten and T. Bell, "The zero-frequency problem", IEEE Transactions on
Information Theory 37(4), 1991, method C; interpolated as in S. Chen and J. Goodman, "An empirical
study of smoothing techniques for language modeling", 1998, section 2.5.)
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TextIO, TypeVar

BEGIN, END = "<s>", "</s>"

Bigram = tuple[str, str]
Trigram = tuple[str, str, str]

_Gram = TypeVar("_Gram", str, Bigram, Trigram)

_FLOOR = 1e-9


@dataclass(frozen=True, slots=True)
class Background:
    """A general model: probabilities of words, and of a word after another (`bigrams[h, w]`)."""

    unigrams: Mapping[str, float]
    bigrams: Mapping[Bigram, float]


NO_BACKGROUND = Background({}, {})


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """Probabilities and back-off weights, as the ARPA format has them."""

    unigrams: Mapping[str, float]
    unigram_backoff: Mapping[str, float]
    bigrams: Mapping[Bigram, float]
    bigram_backoff: Mapping[Bigram, float]
    trigrams: Mapping[Trigram, float]

    @property
    def words(self) -> set[str]:
        """All words, without the marks of a sentence's ends."""
        return set(self.unigrams) - {BEGIN, END}

    def probability(self, word: str, *history: str) -> float:
        """Of `word` after the last two words of `history`."""
        return self._trigram((*history, word)[-3:])

    def _trigram(self, gram: tuple[str, ...]) -> float:
        if len(gram) == 1:
            return self.unigrams.get(gram[0], 0.0)
        if len(gram) == 2:
            bigram = (gram[0], gram[1])
            if bigram in self.bigrams:
                return self.bigrams[bigram]
            return self.unigram_backoff.get(gram[0], 1.0) * self._trigram(gram[1:])
        trigram = (gram[0], gram[1], gram[2])
        if trigram in self.trigrams:
            return self.trigrams[trigram]
        return self.bigram_backoff.get((gram[0], gram[1]), 1.0) * self._trigram(gram[1:])

    def write_arpa(self, out: TextIO) -> None:
        """Write the ARPA text format."""
        out.write(
            f"\\data\\\nngram 1={len(self.unigrams) + 1}\nngram 2={len(self.bigrams)}\n"
            f"ngram 3={len(self.trigrams)}\n\n\\1-grams:\n"
        )
        # A sentence's begin is never predicted, but it is a history.
        out.write(f"-99 {BEGIN} {_log(self.unigram_backoff.get(BEGIN, 1.0))}\n")
        for word, p in sorted(self.unigrams.items()):
            backoff = _log(self.unigram_backoff.get(word, 1.0))
            out.write(f"{_log(p)} {word} {backoff}\n")
        out.write("\n\\2-grams:\n")
        for bigram, p in sorted(self.bigrams.items()):
            backoff = _log(self.bigram_backoff.get(bigram, 1.0))
            out.write(f"{_log(p)} {' '.join(bigram)} {backoff}\n")
        out.write("\n\\3-grams:\n")
        for trigram, p in sorted(self.trigrams.items()):
            out.write(f"{_log(p)} {' '.join(trigram)}\n")
        out.write("\n\\end\\\n")


def build(
    sentences: Iterable[str],
    background: Background = NO_BACKGROUND,
    *,
    background_share: float = 0.05,
    background_bigrams: float = 0.2,
    damping: float = 0.5,
) -> LanguageModel:
    """The model of `sentences` (words between spaces) over `background`.

    `background_share` of the unigram probability is the background's; of what a history leaves to
    words it was not seen with, `background_bigrams` follows the background's bigrams.

    Counts are raised to the power of `damping`. How often a word follows another in sentences that
    are made by filling patterns says mostly how many things a shop has, and little of how often
    people say it: with plain counts "help" all but vanishes beside a thousand "show me ...".
    """
    ones: Counter[str] = Counter()
    twos: Counter[Bigram] = Counter()
    threes: Counter[Trigram] = Counter()
    for sentence in sentences:
        words = [BEGIN, *sentence.split(), END]
        ones.update(words[1:])
        twos.update(pairwise(words))
        threes.update(zip(words, words[1:], words[2:], strict=False))
    unigrams = _unigrams(_damped(ones, damping), background, background_share)
    bigrams, unigram_backoff = _bigrams(
        _damped(twos, damping), unigrams, background, background_bigrams
    )
    below = LanguageModel(unigrams, unigram_backoff, bigrams, {}, {})
    trigrams, bigram_backoff = _trigrams(_damped(threes, damping), below)
    return LanguageModel(unigrams, unigram_backoff, bigrams, bigram_backoff, trigrams)


def _damped(counts: Mapping[_Gram, int], power: float) -> dict[_Gram, float]:
    return {gram: float(count**power) for gram, count in counts.items()}


def _unigrams(ones: Mapping[str, float], background: Background, share: float) -> dict[str, float]:
    general = {word: p for word, p in background.unigrams.items() if word != BEGIN}
    words = ones.keys() | general.keys() | {END}
    total, mass = sum(ones.values()), sum(general.values())
    if not mass:
        share = 0.0
    if not total:
        share = 1.0
    # A trace of equal chances, so that no word is impossible.
    trace = 0.001
    return {
        word: (1 - trace)
        * (
            (1 - share) * (ones.get(word, 0.0) / total if total else 0.0)
            + share * (general.get(word, 0.0) / mass if mass else 0.0)
        )
        + trace / len(words)
        for word in words
    }


def _bigrams(
    twos: Mapping[Bigram, float],
    unigrams: Mapping[str, float],
    background: Background,
    share: float,
) -> tuple[dict[Bigram, float], dict[str, float]]:
    following: dict[str, set[str]] = defaultdict(set)
    general: dict[str, dict[str, float]] = defaultdict(dict)
    occurrences: dict[str, float] = defaultdict(float)
    kinds: Counter[str] = Counter()
    for (before, word), count in twos.items():
        following[before].add(word)
        occurrences[before] += count
        kinds[before] += 1
    for (before, word), p in background.bigrams.items():
        following[before].add(word)
        general[before][word] = p
    bigrams: dict[Bigram, float] = {}
    backoff: dict[str, float] = {}
    for before, words in following.items():
        known = general[before]
        # The background's own back-off, to the unigrams of this model.
        rest = _rest(known.values(), (unigrams[word] for word in known))
        count, kind = occurrences.get(before, 0.0), kinds[before]
        part = share if count else 1.0
        for word in words:
            lower = part * known.get(word, rest * unigrams[word]) + (1 - part) * unigrams[word]
            seen = twos.get((before, word), 0.0)
            bigrams[before, word] = (seen + kind * lower) / (count + kind) if count else lower
        backoff[before] = _rest(
            (bigrams[before, word] for word in words), (unigrams[word] for word in words)
        )
    return bigrams, backoff


def _trigrams(
    threes: Mapping[Trigram, float], below: LanguageModel
) -> tuple[dict[Trigram, float], dict[Bigram, float]]:
    following: dict[Bigram, list[tuple[str, float]]] = defaultdict(list)
    for (first, second, word), count in threes.items():
        following[first, second].append((word, count))
    trigrams: dict[Trigram, float] = {}
    backoff: dict[Bigram, float] = {}
    for (first, second), words in following.items():
        kinds = len(words)
        total = sum(count for _, count in words) + kinds
        lower = [below.probability(word, second) for word, _ in words]
        for (word, count), p in zip(words, lower, strict=True):
            trigrams[first, second, word] = (count + kinds * p) / total
        backoff[first, second] = _rest((trigrams[first, second, word] for word, _ in words), lower)
    return trigrams, backoff


def _rest(explicit: Iterable[float], lower: Iterable[float]) -> float:
    """The back-off weight that makes explicit and backed-off probabilities add up to one."""
    return max(_FLOOR, 1 - sum(explicit)) / max(_FLOOR, 1 - sum(lower))


def _log(p: float) -> str:
    return f"{math.log10(max(p, 1e-30)):.4f}"

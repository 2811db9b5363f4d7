"""What a prompt lets an assistant say without a language model: who it is, and its statements.

A question is answered by the statement that covers it best: the words of both are compared by
their stems, weighed by how few statements have them, together with the topics that both are about.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from greenroom.agents.assistant.facts import facts_in
from greenroom.agents.assistant.statements import Fact
from greenroom.agents.assistant.topics import TOPICS, told_of
from greenroom.agents.assistant.words import STOP_WORDS, plain, stem, stems_of, words_of
from greenroom.agents.persona import name_in, role_in

MAX_PROMPT = 20_000
"""Characters of a prompt that are read."""
MAX_QUESTION = 600
"""Characters of a question that are read; of longer ones the end."""

_PERSONA_IN = 4_000
"""Characters from the beginning of a prompt in which its persona is looked for."""
_HYPHENATED = re.compile(r"\w+-\w+")

_SURE, _PERHAPS = 0.7, 0.48
"""Parts of a question's weight that a statement has to cover."""
_OF_THE_PERSONA = 0.3
"""Weight of the words of the assistant's own name and role: they tell statements little apart."""
_LIGHT = 0.4
"""Weight of a day's name, and of verbs that any question may have: "are you open on Sunday" is
answered by the opening hours, "what insurance do you take" by the insurances."""
_GUESSED = 0.8
"""Part of its weight that a word has which was probably misheard."""
_UNCERTAIN = "?"
"""What no statement covers: the other part."""
_SHORTEST_GUESSED = 5
"""Letters of words among which one may be misheard for another."""
_SECOND, _BOTH = 0.94, 320
"""A second statement is said too: part of the first one's score, characters of both."""

_LIGHT_WORDS = frozenset(
    stem(word)
    for word in (
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "weekend",
        "weekends", "today", "tomorrow", "tonight", "evening", "morning", "late", "early",
        "currently", "usually", "normally", "long", "always", "take", "accept", "use", "work",
        "come", "bring", "treat", "stay", "start", "possible", "available", "allowed", "include",
        "included", "cover", "serve", "handle", "support", "pay", "special", "different",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What answers a question; where it isn't `sure`, it may. `topics` are what was asked about."""

    text: str
    sure: bool
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Indexed:
    fact: Fact
    stems: frozenset[str]


class Knowledge:
    """What one prompt says. Immutable; made by `knowledge_of`.

    `name` is "" where the prompt gives none, and so is `role`, a noun with its article.
    """

    def __init__(self, name: str, role: str, facts: Iterable[Fact]) -> None:
        self.name, self.role = name, role
        self._facts = tuple(_Indexed(fact, _stems_of_fact(fact)) for fact in facts)
        self._counts = Counter(stem for each in self._facts for stem in each.stems)
        self._own = frozenset(stems_of(words_of(f"{name} {role}")))
        self._misheard = _misheard(self._counts)

    @property
    def offers(self) -> tuple[str, ...]:
        """The topics that it has statements of, as they are offered to the person."""
        return tuple(
            topic.offer for topic in TOPICS if topic.offer and self._counts.get(f"#{topic.name}")
        )

    def find(self, question: str, before: tuple[str, ...] = ()) -> Found | None:
        """The statement that answers a question best; None where none does well enough.

        `before` are the topics of the question before, for "and on Sunday?".
        """
        terms, topics = self._terms(plain(question[-MAX_QUESTION:]), before)
        total = sum(terms.values())
        if not self._facts or terms.keys() <= _LIGHT_WORDS:
            return None
        scored = sorted(
            ((self._score(each, terms), -place) for place, each in enumerate(self._facts)),
            reverse=True,
        )
        best, place = scored[0]
        if best < _PERHAPS * total:
            return None
        sure = best >= _SURE * total
        text = self._facts[-place].fact.text
        if sure and len(scored) > 1:
            text = self._with_second(-place, scored[1], best)
        return Found(text, sure, topics)

    def _score(self, each: _Indexed, terms: Mapping[str, float]) -> float:
        covered = sum(weight for term, weight in terms.items() if term in each.stems)
        # Of two that cover the same, the one that says less besides.
        return covered - 0.001 * math.log1p(len(each.stems)) if covered else 0.0

    def _with_second(self, place: int, second: tuple[float, int], best: float) -> str:
        text = self._facts[place].fact.text
        score, other = second[0], -second[1]
        more = self._facts[other].fact.text
        if score < _SECOND * best or len(text) + len(more) > _BOTH:
            return text
        return f"{text} {more}" if place < other else f"{more} {text}"

    def _terms(
        self, question: str, before: tuple[str, ...]
    ) -> tuple[dict[str, float], tuple[str, ...]]:
        """What is asked about: stems and "#topics" with their weights."""
        terms: dict[str, float] = {}
        names: list[str] = []
        rest = list(question)
        for topic in TOPICS:
            for found in topic.asked.finditer(question):
                if topic.name not in names:
                    names.append(topic.name)
                    terms[f"#{topic.name}"] = topic.weight
                for word in words_of(found[0]):
                    if word not in STOP_WORDS and stem(word) in self._counts:
                        terms[stem(word)] = topic.words
                rest[found.start() : found.end()] = " " * len(found[0])
        if not names and before and question.startswith(("and ", "what about ", "how about ")):
            names = [topic.name for topic in TOPICS if topic.name in before]
            terms |= {f"#{topic.name}": topic.weight for topic in TOPICS if topic.name in before}
        for word, known in self._known(words_of("".join(rest))):
            weight = self._weight(known)
            if word == known:
                terms.setdefault(known, weight)
            else:
                terms.setdefault(known, _GUESSED * weight)
                terms[_UNCERTAIN] = terms.get(_UNCERTAIN, 0.0) + (1 - _GUESSED) * weight
        return terms, tuple(names)

    def _known(self, words: list[str]) -> Iterator[tuple[str, str]]:
        """The stem of each word, and that of the prompt's for which it is taken."""
        at = 0
        while at < len(words):
            word, stemmed = words[at], stem(words[at])
            joined = stem("".join(words[at : at + 2]))
            at += 1
            if joined in self._counts and stemmed not in self._counts:
                yield joined, joined  # "wi fi"
                at += 1
            elif word not in STOP_WORDS:
                if stemmed in self._counts or len(stemmed) < _SHORTEST_GUESSED:
                    yield stemmed, stemmed
                else:
                    guesses = (self._misheard.get(each) for each in _variants(stemmed))
                    yield stemmed, next(filter(None, guesses), stemmed)

    def _weight(self, stemmed: str) -> float:
        if stemmed in self._own:
            return _OF_THE_PERSONA
        if stemmed in _LIGHT_WORDS:
            return _LIGHT
        # Half of it is sure; the other half goes with how rare the word is.
        common = self._counts.get(stemmed, 0) / max(len(self._facts), 4)
        return 1.0 - 0.5 * min(1.0, common)


def knowledge_of(prompt: str) -> Knowledge:
    """Read a prompt; any text will do."""
    prompt = prompt[:MAX_PROMPT]
    beginning = prompt[:_PERSONA_IN]
    return Knowledge(name_in(beginning), role_in(beginning), facts_in(prompt))


def _stems_of_fact(fact: Fact) -> frozenset[str]:
    """The stems of a fact and of what it was said under, and its topics as "#name"."""
    text = f"{fact.about} {fact.text}"
    stems = set(stems_of(words_of(text)))
    stems |= {stem("".join(words_of(each[0]))) for each in _HYPHENATED.finditer(text)}
    about = plain(fact.about)
    names = told_of(text) | {topic.name for topic in TOPICS if topic.asked.search(about)}
    if fact.text.startswith("I'm "):
        names &= {"place"}  # a "customer service representative" says nothing of services
    return frozenset(stems | {f"#{name}" for name in names})


def _misheard(stems: Iterable[str]) -> dict[str, str]:
    """Each stem of some length by all that it is when one letter is dropped."""
    found: dict[str, str] = {}
    for each in stems:
        if len(each) >= _SHORTEST_GUESSED and each.isalpha():
            for variant in _variants(each):
                found.setdefault(variant, each)
    return found


def _variants(word: str) -> Iterator[str]:
    """The word, and the word without one of its letters: a letter more, less or other meets."""
    yield word
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]

"""From what a shopper typed or said to expressions of SQLite's FTS5.

A user's text never reaches FTS5 as syntax: it is split into words of letters and digits, and each
goes into the expression as a quoted string (https://www.sqlite.org/fts5.html#fts5_strings).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from greenroom.commerce.lexicon import EXPANSIONS, STOP_WORDS, singular, words_of
from greenroom.commerce.numerals import say_number

Index: TypeAlias = Literal["stemmed", "beginnings"]
"""Word stems of everything, and the beginnings of the words that name a product."""

MAX_TERMS = 8
"""Words of a query beyond these are not looked for: they bound what a query may cost."""

_MAX_WORD = 40
_NAMING_COLUMNS = "{title category brand tags}"
_PREPOSITIONS = frozenset({"for", "with", "in", "from", "to", "without", "at", "under", "of"})


@dataclass(frozen=True, slots=True)
class Term:
    """One word or fixed phrase, and all spellings that count as it."""

    spellings: tuple[str, ...]

    @property
    def expression(self) -> str:
        """Any of the spellings, stemmed."""
        return "(" + " OR ".join(_quote(spelling) for spelling in self.spellings) + ")"

    @property
    def prefix_expression(self) -> str:
        """Words that begin as one of the spellings does. One Latin letter begins too many."""
        return (
            "("
            + " OR ".join(
                _quote(spelling) + ("" if len(spelling) == 1 and spelling.isascii() else " *")
                for spelling in self.spellings
            )
            + ")"
        )


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """A query's words. `head` names the thing: "shoes" in "running shoes for rain"."""

    terms: tuple[Term, ...]
    head: int

    @property
    def title_expression(self) -> str:
        """The head in a title, stemmed."""
        return f"(title : {self.terms[self.head].expression})"

    def attempts(self) -> Iterator[tuple[Index, str]]:
        """Index and expression, from exact to loose; the first that finds anything counts."""
        everywhere = [term.expression for term in self.terms]
        named = f"({_NAMING_COLUMNS} : {everywhere[self.head]})"
        others = everywhere[: self.head] + everywhere[self.head + 1 :]
        yield "stemmed", " AND ".join([named, *others])
        yield "beginnings", " AND ".join(term.prefix_expression for term in self.terms)
        if others:
            # Ranked by how many of the other words come with the head.
            yield "stemmed", f"{named} AND ({' OR '.join(everywhere)})"
        yield "stemmed", " AND ".join(everywhere)


def without_apostrophes(text: str) -> str:
    """`men's` is one word, however its mark is typed and whether it is."""
    return text.replace("'", "").replace("\u2019", "")


def parse_query(text: str) -> SearchTerms | None:
    """The terms of a query; None where it has no word that could find a product."""
    words = [word[:_MAX_WORD] for word in words_of(without_apostrophes(text))][: 4 * MAX_TERMS]
    terms: list[Term] = []
    head: int | None = None
    at = 0
    while at < len(words) and len(terms) < MAX_TERMS:
        if words[at] in _PREPOSITIONS and terms and head is None:
            head = len(terms) - 1
        pair = " ".join(words[at : at + 2])
        if at + 1 < len(words) and (spellings := _spellings(pair)):
            terms.append(Term(spellings))
            at += 2
            continue
        if words[at] not in STOP_WORDS:
            terms.append(Term(_spellings(words[at]) or _number_spellings(words[at])))
        at += 1
    if not terms:
        return None
    return SearchTerms(tuple(terms), len(terms) - 1 if head is None else head)


def _spellings(word: str) -> tuple[str, ...]:
    return EXPANSIONS.get(word) or EXPANSIONS.get(singular(word)) or ()


def _number_spellings(word: str) -> tuple[str, ...]:
    if word.isascii() and word.isdigit() and len(word) <= 3:
        return word, say_number(int(word))
    return (word,)


def _quote(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'

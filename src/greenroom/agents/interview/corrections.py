"""What a person corrects in a summary: which answer, and what it should be."""

from __future__ import annotations

import re
from dataclasses import dataclass

from greenroom.agents.interview.intents import plain
from greenroom.agents.interview.state import Interview

_LEAD = re.compile(
    r"(?:(?:no|nope|nah|wrong|actually|well|sorry|not quite|not exactly|that's not right|"
    r"that's wrong|that is not right|that is wrong|almost|but)\b[\s,.;:!-]*)+",
    re.IGNORECASE,
)
_AGREES = re.compile(
    r"(?:yes|yeah|right|correct)\b|.*\b(?:also|add|in addition|as well|one more thing)\b",
    re.IGNORECASE,
)
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WHICH = re.compile(
    rf"\b(?:the )?(?:({'|'.join(_ORDINALS)}|last)(?: (?:one|answer|question|point|thing))?|"
    rf"(?:answer|question|number|point) (?:number )?({'|'.join(_NUMBERS)}|\d{{1,2}}))\b"
    r"(?: (?:is|was|should be|isn't|wasn't))?[\s,:;-]*",
    re.IGNORECASE,
)
_FEWEST = 3
"""Words that a new answer has besides the name of its question; fewer say only which is wrong."""
_NO_CONTENT = frozenset(
    [
        "what",
        "when",
        "where",
        "which",
        "about",
        "could",
        "would",
        "should",
        "your",
        "you",
        "with",
        "that",
        "this",
        "they",
        "them",
        "from",
        "have",
        "there",
        "tell",
        "like",
        "said",
        "actually",
        "really",
        "very",
        "much",
        "more",
        "some",
        "than",
        "then",
        "just",
        "also",
        "into",
    ]
)


@dataclass(frozen=True, slots=True)
class Correction:
    """`text` takes the answer's place at `place`; "" where it is to be asked for again.

    Where it adds something, or no answer is certainly meant, `place` is None.
    """

    text: str
    place: int | None = None


def corrected(interview: Interview, said: str) -> Correction:
    """What `said`, in answer to a summary, corrects."""
    if _AGREES.match(said):
        return Correction(said)
    text = _LEAD.sub("", said, count=1) if _LEAD.match(said) else said
    text = text or said
    if (named := _named(interview, text)) is not None:
        place, rest = named
        return Correction(rest if len(rest.split()) >= _FEWEST else "", place)
    return Correction(text, _meant(interview, text))


def _named(interview: Interview, text: str) -> tuple[int, str] | None:
    """The place of an answer that is called by its number, and the rest of the words."""
    found = _WHICH.search(text)
    if found is None:
        return None
    word = (found[1] or found[2]).casefold()
    if word == "last":
        place = len(interview.questions) - 1
    elif word in _ORDINALS:
        place = _ORDINALS.index(word)
    else:
        place = _NUMBERS.index(word) if word in _NUMBERS else int(word) - 1
    if not 0 <= place < len(interview.questions):
        return None
    rest = f"{text[: found.start()]}{text[found.end() :]}".strip(" .,;:")
    if re.fullmatch(r"(?:wrong|not right|not correct|incorrect|please|is)?", rest, re.IGNORECASE):
        rest = ""
    return place, rest


def _meant(interview: Interview, text: str) -> int | None:
    """The answered question that shares most words with `text`; None where that is not clear."""
    words = _content(text)
    scores = [
        len(words & _content(" ".join([question.text, *question.answers])))
        if question.answers
        else 0
        for question in interview.questions
    ]
    best = max(scores, default=0)
    if best == 0 or scores.count(best) > 1:
        return None
    return scores.index(best)


def _content(text: str) -> set[str]:
    return {word for word in plain(text).split() if len(word) > 3 and word not in _NO_CONTENT}

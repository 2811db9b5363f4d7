"""The statements of a prompt: what it says of the world, apart from what it tells the assistant.

A prompt mixes both ("You work for Acme. Be friendly. We are open from 9 to 5."). Only what is
surely a statement is taken: an instruction that is read out is worse than a fact that is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from greenroom.agents.assistant.instruction_words import (
    IS_ABOUT_THE_TALK,
    IS_SECRET,
    KEEPS_SECRET,
    RULES_HEAD,
    is_order,
)
from greenroom.agents.assistant.statements import MAX_FACT, Fact, speakable, statement
from greenroom.agents.assistant.words import stem, stems_of, words_of

MAX_FACTS = 400
_MAX_LINES = 2_000
_MAX_SECRETS = 200
_MAX_HEAD_WORDS = 7
_WIDTH = 60
"""Characters of a line that may have been broken at its end."""


_BULLET = re.compile(r"\s*(?:[-*\u2022\u2023\u2013+]|\(?\d{1,2}[.)])\s+")
_MARKUP = re.compile(r"\*\*|__|`|^#+\s*|^>\s*")
_HEADING = re.compile(r"\s*#{1,6}\s+\S")
_QUESTION = re.compile(
    r"\s*(?:q(?:uestion)?\s*\d*\s*[:.)-]\s*)?([^.!]{3,200}\?)\s*(\S.*)?", re.IGNORECASE
)
_Q_LABEL = re.compile(r"\s*q(?:uestion)?\s*\d*\s*[:.)]", re.IGNORECASE)
_ANSWER = re.compile(r"\s*a(?:nswer)?\s*\d*\s*[:.)-]\s*(\S.*)", re.IGNORECASE)
_ANSWER_LABEL = re.compile(r"\s*a(?:nswer)?\s*\d*\s*[:.)-]\s*", re.IGNORECASE)
_DIALOGUE = re.compile(
    r"\s*(?:user|customer|caller|human|assistant|agent|ai|bot|example)\s*\d*:", re.IGNORECASE
)
_SENTENCE_END = re.compile(
    r"(?<!\bMr\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bMs\.)(?<!\bNo\.)(?<!\bMrs\.)(?<!\be\.g\.)(?<!\bi\.e\.)"
    r"(?<=[.!?])[\"'\u201d\u2019)]*\s+(?=[\"'\u201c(]*[A-Z0-9])"
)
_LEANS = re.compile(
    r"(?:it|they|this|that|these|those|he|she|there|both|also|otherwise|however)\b", re.IGNORECASE
)
_OBJECT_BEFORE = re.compile(
    r" (?:\w+ )?(?:it|this|these|those|them|"
    r"that(?! (?:you|we|i|it|they|there|the|this|our|an?)\b))\b",
    re.IGNORECASE,
)
_TO_YOU = re.compile(r"\byour?\b", re.IGNORECASE)
_THINGS = re.compile(r",| or | and |;")
_OF_OTHERS = re.compile(r"\s*(?:their|his|her|any other|other|others|another)\b", re.IGNORECASE)

_NO_SECRETS = frozenset(
    {"anything", "anyone", "customer", "customers", "user", "users", "caller", "callers", "ever"}
)


def facts_in(prompt: str) -> tuple[Fact, ...]:
    """The statements of a prompt in its order, without what is to be kept secret."""
    reader = _Reader()
    for line in _unwrapped(prompt.splitlines()[:_MAX_LINES]):
        reader.read(line)
    return tuple({fact.text.casefold(): fact for fact in reader.told()}.values())


class _Reader:
    """Reads a prompt line by line."""

    def __init__(self) -> None:
        self._facts: list[Fact] = []
        self._secrets: set[frozenset[str]] = set()
        self._head = self._asked = ""
        self._are_rules = self._under_head = self._gap = False

    def told(self) -> list[Fact]:
        """The facts without those that name all of a secret."""
        facts = self._facts[:MAX_FACTS]
        return [fact for fact in facts if not self._is_secret(fact)] if self._secrets else facts

    def read(self, line: str) -> None:
        """Take the next line."""
        if not line.strip():
            self._gap = self._gap or self._under_head
            return
        bullet = _BULLET.match(line)
        text = _MARKUP.sub("", line[bullet.end() :] if bullet else line).strip()
        if not bullet and _is_head(line, text):
            self._begin(text.rstrip(": "))
            return
        if self._gap and not bullet:
            self._begin("")  # a paragraph of its own: the list under the heading is over
        self._under_head = True
        if self._read_question(text, labelled=bool(bullet)):
            return
        if not _DIALOGUE.match(text):
            self._read_prose(text)
        self._asked = ""

    def _begin(self, head: str) -> None:
        self._head, self._asked = head, ""
        self._under_head = self._gap = False
        self._are_rules = bool(RULES_HEAD.search(head))

    def _read_question(self, text: str, *, labelled: bool) -> bool:
        """Whether it is a question, or the answer to the one before: then it is taken."""
        if self._asked and (answer := _ANSWER.match(text)) is not None:
            self._add_answer(answer[1])
            return True
        question = _QUESTION.fullmatch(text)
        if question is None or (self._are_rules and not _Q_LABEL.match(text)):
            return False
        if question[2] is None:
            self._asked = question[1]
        elif labelled or _Q_LABEL.match(text):
            self._asked = question[1]
            self._add_answer(_ANSWER_LABEL.sub("", question[2]))
        else:
            return False
        return True

    def _add_answer(self, text: str) -> None:
        """What stands as the answer to a question is meant to be said as it is.

        Unless it is the assistant who is told what to do then.
        """
        ordered = is_order(text) and not _TO_YOU.search(text)
        if not (ordered or IS_SECRET.search(text) or IS_ABOUT_THE_TALK.search(text)) and (
            said := speakable(text)
        ):
            self._facts.append(Fact(said, self._asked))
        self._asked = ""

    def _read_prose(self, text: str) -> None:
        head = f"{self._head} {self._asked}".strip()
        follows = False
        for sentence in _sentences(text):
            if (silence := KEEPS_SECRET.search(sentence)) is not None:
                self._keep_secret(sentence[silence.end() :])
            fact = None if self._are_rules else statement(sentence, head)
            if not _LEANS.match(sentence):
                follows = fact is not None
            elif fact is not None:
                # "It costs 5 euros": said with what it leans on, or not at all.
                if follows and self._facts:
                    self._extend(fact.text)
                continue
            if fact is not None:
                self._facts.append(fact)

    def _extend(self, text: str) -> None:
        last = self._facts[-1]
        if len(last.text) + len(text) < MAX_FACT:
            self._facts[-1] = Fact(f"{last.text} {text}", last.about)

    def _keep_secret(self, things: str) -> None:
        """Note what must not be told: by its words, and what was said just before as "it"."""
        if _OBJECT_BEFORE.match(things) and self._facts:
            self._facts.pop()
        for thing in _THINGS.split(things[:MAX_FACT]):
            words = [word for word in words_of(thing) if word not in _NO_SECRETS]
            stems = frozenset(stems_of(words))
            # "Other customers and their orders": not all orders are secret.
            if stems and not _OF_OTHERS.match(thing) and len(self._secrets) < _MAX_SECRETS:
                self._secrets.add(stems)

    def _is_secret(self, fact: Fact) -> bool:
        stems = {stem(word) for word in words_of(f"{fact.about} {fact.text}")}
        return any(secret <= stems for secret in self._secrets)


def _unwrapped(lines: Iterable[str]) -> Iterator[str]:
    """The lines; one that was broken at the width of a page is whole again."""
    whole = ""
    for line in lines:
        broken = len(whole) >= _WIDTH and whole[-1] not in ".!?:;"
        if broken and line.strip() and not _BULLET.match(line) and not _HEADING.match(line):
            whole = f"{whole} {line.strip()}"
            continue
        yield whole
        whole = line.rstrip()
    yield whole


def _is_head(line: str, text: str) -> bool:
    words = len(text.split())
    if words > _MAX_HEAD_WORDS or not words:
        return False
    bold = line.strip().startswith("**") and line.strip().endswith("**")
    return bold or text.endswith(":") or bool(_HEADING.match(line))


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]

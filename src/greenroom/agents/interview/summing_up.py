"""What was said in an interview, in a few sentences that quote it."""

from __future__ import annotations

import re

from greenroom.agents.interview.state import Interview, Question
from greenroom.agents.phrasing import count, units

_QUOTED = 12
"""Answers and notes that are quoted; the rest is counted."""
_ALL_QUOTES = 1_200
"""Characters for them together; each has its share."""
_SHORTEST, _LONGEST = 60, 200
_MAX_QUESTION_WORDS = 14

_FRAMES = (
    'When I asked "{question}", you said {said}.',
    'On "{question}" you said {said}.',
    'To "{question}" you answered {said}.',
)
_BEGUN = re.compile(r"[.!?…]+\s+")
_TELL_ME = re.compile(r"Could you tell me (.+)")


def summary(interview: Interview) -> str:
    """The person's own answers and notes; "" where there are none."""
    answered = [(n, q) for n, q in enumerate(interview.questions) if q.answers]
    notes = interview.notes
    if not answered and not notes:
        return ""
    shown = min(_QUOTED, len(answered) + len(notes))
    share = max(_SHORTEST, min(_LONGEST, _ALL_QUOTES // shown))
    sentences = [
        _frame(interview, question, place, _said(question, share))
        for place, question in answered[:_QUOTED]
    ]
    sentences += [
        f"You also said {quote(note, share)}." for note in notes[: max(0, _QUOTED - len(answered))]
    ]
    if more := len(answered) + len(notes) - len(sentences):
        sentences.append(f"I have kept {count(more, 'more answer')} as well.")
    if skipped := sum(question.skipped for question in interview.questions):
        sentences.append(f"We left out {count(skipped, 'question')}.")
    return " ".join(sentences)


def quote(text: str, longest: int = _LONGEST) -> str:
    """`text` in quotation marks, as one sentence's part; a long one is quoted to a word's end."""
    text = _BEGUN.sub("; ", " ".join(text.replace('"', "'").split())).strip(" .,;:!?…")
    if len(text) <= longest:
        return f'"{text}"'
    cut = text[:longest]
    return f'"{cut.rpartition(" ")[0].rstrip(" .,;:!?") or cut}", and more'


def _said(question: Question, share: int) -> str:
    answers = question.answers
    quotes = [quote(answer, max(_SHORTEST, share // len(answers))) for answer in answers[:3]]
    return ", and then ".join(quotes)


def _frame(interview: Interview, question: Question, place: int, said: str) -> str:
    """One sentence of a question and what was said to it; a long question goes by its number."""
    words = question.text.rstrip(" ?.!").replace('"', "'")
    if len(words.split()) > _MAX_QUESTION_WORDS or _BEGUN.search(words):
        return f"To question number {units(place + 1)} you said {said}."
    if told := _TELL_ME.fullmatch(words):
        return f"When I asked {told[1]}, you said {said}."
    if words[1:2].islower():
        words = words[0].lower() + words[1:]
    frame = _FRAMES[(interview.seed + place) % len(_FRAMES)]
    return frame.format(question=words, said=said)

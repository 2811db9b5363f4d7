"""From the prompt of a persona to a plan: who speaks, what about, and which questions.

Plain rules for plain English. What they don't understand they leave out: nothing is made up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from greenroom.agents.interview.open_questions import open_questions
from greenroom.agents.interview.questions import find_questions
from greenroom.agents.interview.to_you import to_you
from greenroom.agents.persona import name_in, role_in

_READ = 4_000
"""Characters from the beginning of a prompt in which its persona is looked for."""
_MAX_TOPIC_WORDS = 12

_TOPICS = (
    re.compile(r"^\s*(?:topic|subject):\s*([^.;:!?\n]{3,120})", re.IGNORECASE | re.MULTILINE),
    re.compile(
        r"\b(?:interview|talk|speak|conversation|chat|discussion|feedback|survey)\w*"
        r"(?: (?!about|on|regarding)\S{1,30}){0,5}? (?:about|on|regarding) ([^.;:!?\n]{3,120})",
        re.IGNORECASE,
    ),
)
_MINE = re.compile(r"\bmy\b", re.IGNORECASE)
_THIRD_PERSON = re.compile(
    r"\b(?:they|them|he|she|him|her|his|users?|customers?|candidates?|questions?|following|below|"
    r"participants?|interviewees?|persons?|people|phone|time)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a prompt asks for. Texts are "" where it doesn't say.

    `role` is a noun with its article ("a researcher at Acme"), `topic` what the talk is about.
    `listed`: the questions are the prompt's; else they are those of an open talk.
    """

    prompt: str
    name: str
    role: str
    topic: str
    questions: tuple[str, ...]
    listed: bool


def plan_of(prompt: str) -> Plan:
    """Read a prompt; any text gives a plan with at least one question."""
    prompt = prompt.strip()
    beginning = prompt[:_READ]
    found = find_questions(prompt)
    return Plan(
        prompt,
        name_in(beginning),
        role_in(beginning),
        _topic(beginning),
        found or open_questions(prompt),
        bool(found),
    )


def _topic(text: str) -> str:
    for pattern in _TOPICS:
        for found in pattern.finditer(text):
            topic = _MINE.sub("your", to_you(found[1].strip(" \"'")))
            if len(topic.split()) <= _MAX_TOPIC_WORDS and not _THIRD_PERSON.search(topic):
                return topic
    return ""

"""From the prompt of a persona to a plan: who speaks, what about, and which questions.

Plain rules for plain English. What they don't understand they leave out: nothing is made up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from greenroom.agents.interview.open_questions import open_questions
from greenroom.agents.interview.questions import find_questions
from greenroom.agents.interview.to_you import to_you

_READ = 4_000
"""Characters from the beginning of a prompt in which its persona is looked for."""
_MAX_ROLE_WORDS = 10
_MAX_TOPIC_WORDS = 12

_A_NAME = r"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?[A-Z][\w'\u2019-]{1,30}(?: [A-Z][\w'\u2019-]{1,30}){0,2}"
_NAMES = (
    re.compile(
        rf"\b[Yy]ou(?:'re|\u2019re| are) (?:called |named )?({_A_NAME})(?=[,.;:!\n]| and | from |$)"
    ),
    re.compile(rf"\b(?:[Yy]our name is|[Nn]amed|[Cc]alled|[Nn]ame:) ({_A_NAME})"),
)
_NO_NAMES = frozenset({"ai", "an", "the", "a", "not", "gpt", "assistant", "interviewer"})
_ROLE = re.compile(
    r"(?:\byou(?:'re|\u2019re| are)(?: [^,.;:!?\n]{1,60},)?|\bact as|\byour role is|\brole:) "
    r"((?:an?|the) [^,.;:!?\n]{2,160})",
    re.IGNORECASE,
)
_ROLE_ENDS = re.compile(
    r" (?:who|that|which|whose|and your|and you|designed|tasked|helping|conducting|interviewing|"
    r"running|doing|talking|speaking|trying|named|called|with the (?:goal|task)|responsible|"
    r"making|having|taking|gathering|collecting|asking|leading|hosting|calling|"
    r"here|for this|to )\b.*",
    re.IGNORECASE,
)
_PRAISE = re.compile(
    r"^(?:(?:very|friendly|warm|concise|professional|helpful|curious|empathetic|kind|polite|patient|"
    r"skilled|experienced|expert|seasoned|thoughtful|calm|cheerful|enthusiastic|wise|great|good)"
    r"(?:,? and|,)? (?=\S))+",
    re.IGNORECASE,
)
_AN = re.compile(r"[AEIOaeio]|u(?!ni|s)|U(?![A-Zns])")
"""A word behind "an": "an engineer", but "a UX researcher"."""
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
        _name(beginning),
        _role(beginning),
        _topic(beginning),
        found or open_questions(prompt),
        bool(found),
    )


def _name(text: str) -> str:
    for pattern in _NAMES:
        for found in pattern.finditer(text):
            if found[1].partition(" ")[0].casefold() not in _NO_NAMES:
                return found[1]
    return ""


def _role(text: str) -> str:
    found = _ROLE.search(text)
    if found is None:
        return ""
    article, _, said = _ROLE_ENDS.sub("", found[1]).partition(" ")
    noun = _PRAISE.sub("", said).strip()
    if not noun or len(noun.split()) > _MAX_ROLE_WORDS:
        return ""
    if article.casefold() != "the" and noun != said.strip():
        article = "an" if _AN.match(noun) else "a"
    return f"{article.casefold()} {noun}"


def _topic(text: str) -> str:
    for pattern in _TOPICS:
        for found in pattern.finditer(text):
            topic = _MINE.sub("your", to_you(found[1].strip(" \"'")))
            if len(topic.split()) <= _MAX_TOPIC_WORDS and not _THIRD_PERSON.search(topic):
                return topic
    return ""

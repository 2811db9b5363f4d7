"""Who an agent is, by its prompt: its name and its role. Plain rules for plain English."""

from __future__ import annotations

import re

_MAX_ROLE_WORDS = 10

_A_NAME = r"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?[A-Z][\w'\u2019-]{1,30}(?: [A-Z][\w'\u2019-]{1,30}){0,2}"
_NAMES = (
    re.compile(
        rf"\b[Yy]ou(?:'re|\u2019re| are) (?:called |named )?({_A_NAME})(?=[,.;:!\n]| and | from |$)"
    ),
    re.compile(
        rf"\b(?:[Yy]our name is|(?<!\bis )(?<!\bare )(?:[Nn]amed|[Cc]alled)|[Nn]ame:) ({_A_NAME})"
    ),
)
_NO_NAMES = frozenset({"ai", "an", "the", "a", "not", "gpt", "assistant", "interviewer"})
_ROLE = re.compile(
    r"(?:\byou(?:'re|\u2019re| are)(?: (?!an? |the )[^,.;:!?\n]{1,60},)?|\bact as|"
    r"\byour role is|\brole:) ((?:an?|the) [^,.;:!?\n]{2,160})",
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


def name_in(text: str) -> str:
    """The name that the prompt gives its persona; "" where it gives none."""
    for pattern in _NAMES:
        for found in pattern.finditer(text):
            if found[1].partition(" ")[0].casefold() not in _NO_NAMES:
                return found[1]
    return ""


def role_in(text: str) -> str:
    """What the persona is, with its article ("a researcher at Acme"); "" where it doesn't say.

    Praise is left out: "a very helpful assistant" is "an assistant".
    """
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

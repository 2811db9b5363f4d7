"""Which answers want a follow-up, and which follow-up fits."""

from __future__ import annotations

import re

from greenroom.agents.interview.intents import Intent, plain

_SHORT = 4
"""Words; who says fewer is asked for more, once."""

_A_FACT = re.compile(
    r"\b(?:names?|how (?:many|much|old|long|often|big|far)|when|where|age|dates?|years?|"
    r"e-?mail|phone|number|scale|rate|one to (?:five|ten)|1 to \d+)\b",
    re.IGNORECASE,
)
_ANYTHING_ELSE = re.compile(r"\banything (?:else|more)\b|\bsomething else\b", re.IGNORECASE)
_NOTHING = re.compile(
    r"(?:no |well )?(?:nothing|none|nobody|no one|nowhere|never)(?: really| much)?"
)

_MORE = (
    "Could you say a little more about that?",
    "Can you tell me a bit more?",
    "What makes you say that?",
    "Could you give me an example?",
)
_BY_INTENT: dict[Intent, tuple[str, ...]] = {
    "affirm": (
        "All right. Could you tell me a little more about that?",
        "I see. What can you add to that?",
    ),
    "deny": (
        "All right. Is there a reason for that?",
        "I see. Could you say why?",
    ),
    "unsure": (
        "That's fine. What comes to mind first when you think about it?",
        "No hurry. If you had to guess, what would you say?",
        "That's all right. What makes it hard to say?",
    ),
}
_DEPENDS = ("What does it depend on?", "I see. On what does it depend?")
_NOT_EVEN = (
    "Nothing at all? What would come closest?",
    "I see. Why is that, do you think?",
)


def wants_none(question: str) -> bool:
    """Whether it asks for anything else: "no" is all that it may get."""
    return bool(_ANYTHING_ELSE.search(question))


def follow_ups(question: str, said: str, intent: Intent) -> tuple[str, ...]:
    """Wordings of what to ask about an answer; none where it needs no more."""
    words = plain(said)
    if "depends" in words and intent == "unsure":
        return _DEPENDS
    if intent in {"deny", "enough"} and wants_none(question):
        return ()
    if intent in _BY_INTENT:
        return _BY_INTENT[intent]
    if _NOTHING.fullmatch(words):
        return _NOT_EVEN
    if words.count(" ") + 1 < _SHORT and not _A_FACT.search(question):
        return _MORE
    return ()

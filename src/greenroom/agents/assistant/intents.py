"""What a person wants of an assistant, as far as plain rules can tell."""

from __future__ import annotations

import re
from dataclasses import dataclass

from greenroom.agents.assistant.remarks import FILLERS, HELLO, LEADING, REMARKS, TRAILING, Intent
from greenroom.agents.assistant.sums import sum_in
from greenroom.agents.assistant.words import plain

_READ = 600
"""Characters that are looked at."""
_LONGEST = 14
"""Words of a remark; who says more is asking or telling something."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted. `what` is what it is about: a name, a note, a word to spell, a sum.

    `rest` are the words behind a name that was told: a question of their own, or "".
    """

    intent: Intent
    what: str = ""
    rest: str = ""


_NO_SECOND_NAME = r"(?!(?:and|but|i|what|so|can|could|do|from|here)\b)"
_A_NAME = rf"([^\W\d_][\w'-]{{1,30}}(?: {_NO_SECOND_NAME}[^\W\d_][\w'-]{{1,30}})?)"
_NAME_TOLD = re.compile(
    rf"(?:my name is|my name's|my names|the name is|call me|you can call me|people call me|"
    rf"i am called|i'm called) {_A_NAME}(?: (?:and |but |here )?(.*))?"
)
# Without its capital letter nobody can tell a name from "hello, I'm stuck".
_HELLO_I_AM = re.compile(
    rf"(?i:{HELLO}),? (?i:i'm|i am|this is) ([A-Z][\w'-]{{1,30}}(?: [A-Z][\w'-]{{1,30}})?)"
    r"(?:(?:[.,!]| and) ?(.*))?"
)
_NO_NAMES = frozenset(
    "a about afraid again an and any asap at back busy by calling doing fine from going good "  # noqa: SIM905 - reads better as a text
    "great happy having here if in interested it just later looking lost maybe me my new not "
    "now ok okay on please ready really sad so soon sorry spelled spelt still sure that the "
    "this tired today tomorrow trying unable very well what when who wondering your".split()
)
_NOTE = re.compile(
    r"(?:(?:can|could|would|will) you )?(?:please )?(?:remember|note|write down|keep in mind|"
    r"take (?:a )?note|make (?:a )?note|jot down|take down|note down)(?: (?:that|of|this|for me))* "
    r"((?!what|when|where|who|my name\b|me$|it$)\S.*)"
)
_SPELL = re.compile(
    r"(?:(?:can|could|would|will) you )?(?:please )?(?:tell me )?(?:how (?:do|would|to|is|does) "
    r"(?:you |i |we |one )?spell(?:ed)?|spell(?: out)?|what is the spelling of)"
    r"(?: the word)?(?: out)? ([^\W\d_]{1,40})(?: spelled)?(?: for me)?"
)
_OWN_RULES = re.compile(
    r"\b(?:your|the|all|any|previous|prior|above|those|these|initial|original|hidden|system|"
    r"secret) (?:\w+ ){0,2}?"
    r"(?:instructions?(?! (?:for|on|to|of|manual)\b)|system prompts?|prompts?|directives?|"
    r"programming|guidelines(?! for\b)|source code|configuration)\b"
    r"|\byour (?:system |own )?rules\b(?! (?:for|on|about))"
    r"|\bsystem prompt\b|\bignore (?:all|everything|your|what (?:you|i))\b"
    r"|\b(?:repeat|read|print|output|recite|say)(?: me| out)?(?: to me)? "
    r"(?:everything|all|the text|the words|the first \w+)"
    r"(?: (?:that|is|was|are|were|written|said))*"
    r" (?:above|before|so far|verbatim|you were (?:told|given))"
    r"|\bwhat (?:were|have) you (?:been )?(?:told|instructed|given|programmed)\b"
    r"|\b(?:how|what) (?:were|are) you (?:programmed|instructed|prompted|configured)\b"
    r"|\bpretend (?:to be|you're|you are|that you)\b|\byou are now\b|\byou're now\b"
    r"|\b(?:act as|role ?play as|behave (?:like|as))\b|\bdeveloper mode\b|\bjailbreak\b"
    r"|\bwho (?:gave|wrote) you\b|\b(?:tell|give) me (?:the|your) (?:secrets?|passwords?|"
    r"api keys?)\b"
)

_ASKS = re.compile(
    r"(?:what|who|whom|whose|where|when|why|how|which|is|are|was|were|do|does|did|can|could|will|"
    r"would|should|may|have|has|am|any|tell me|explain|describe|define|give me|show me|find|"
    r"i(?:'d| would) like to (?:know|ask)|i want to (?:know|ask)|"
    r"i(?:'m| am| was) wondering|i wonder|do you|is there|are there|let me know|"
    r"what's|where's|who's|how's|when's)\b"
)


def recognise(text: str) -> Wish:
    """What is wanted with `text`."""
    text = text[:_READ]
    words = plain(text)
    if not words:
        return Wish("unclear")
    if _OWN_RULES.search(words):
        return Wish("instructions")
    # "Okay thank you" is thanks; in "thank you, what time is it" they only lead.
    short = TRAILING.sub("", LEADING.sub("", f"{words} ").strip())
    wordings = tuple(dict.fromkeys((words, TRAILING.sub("", FILLERS.sub("", words)), short)))
    told = (_about_something(said) for said in wordings)
    if (wish := _introduction(text) or next(filter(None, told), None)) is not None:
        return wish
    if (expression := sum_in(text)) is not None:
        return Wish("sum", expression)
    asks = text.rstrip().endswith("?") or _ASKS.match(short) is not None
    return Wish(_remark(wordings) or ("question" if asks else "statement"))


def _remark(wordings: tuple[str, ...]) -> Intent | None:
    if wordings[0].count(" ") >= _LONGEST:
        return None
    for said in wordings:
        for intent, pattern in REMARKS:
            if pattern.fullmatch(said):
                return intent
    return None


def _introduction(text: str) -> Wish | None:
    met = _HELLO_I_AM.fullmatch(text.strip())
    return Wish("name_told", met[1], met[2] or "") if met is not None else None


def _about_something(said: str) -> Wish | None:
    found = _NAME_TOLD.fullmatch(said)
    if found is not None and found[1].partition(" ")[0] not in _NO_NAMES:
        return Wish("name_told", found[1].title(), found[2] or "")
    if (found := _SPELL.fullmatch(said)) is not None:
        return Wish("spell", found[1])
    if (found := _NOTE.fullmatch(said)) is not None:
        return Wish("note", found[1])
    return None

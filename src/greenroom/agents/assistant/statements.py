"""A sentence of a prompt as a statement that can be spoken, where it is one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from greenroom.agents.assistant.instruction_words import (
    IS_ABOUT_THE_TALK,
    IS_SECRET,
    RULES_HEAD,
    is_order,
)
from greenroom.agents.interview.to_you import to_you
from greenroom.agents.unspoken import spoken_part

MAX_FACT = 600
"""Characters; a longer statement is no answer for the ear."""
_MAX_SENTENCE = 2 * MAX_FACT
_MAX_LABEL_WORDS = 5


@dataclass(frozen=True, slots=True)
class Fact:
    """`text` as it is spoken; `about` is what it was said under: a heading, a question."""

    text: str
    about: str = ""


_LABEL = re.compile(r"([^\W\d_][^:.!?]{1,50}):\s+(\S.*)")
_PLACEHOLDER = re.compile(r"\{[\w .]+\}|\[[A-Za-z_ ]+\](?!\()|<[A-Za-z_ ]+>|\bhttps?://\S*\{")
_TELLS = re.compile(
    r"(?:(?:please|always) )?(?:tell|inform|let|remind|advise) (?:the )?(?:users?|customers?|"
    r"callers?|clients?|guests?|visitors?|them|people)(?: know)? that (.+)",
    re.IGNORECASE,
)
_IF_ASKED = re.compile(
    r"(?:if|when|whenever) (?:(?:you(?:'re| are)|someone|anyone|the \w+|they|a \w+|\w+s) )?"
    r"(?:asked?|asks|wants? to know|inquires?)(?: you)?"
    r"(?: about| for| where| when| how| whether| if)? ([^,:]{3,120})[,:] (?:please |you )?"
    r"(?:(?:just )?(?:say|answer|reply|respond|explain|tell (?:them|the \w+|him|her)|"
    r"let them know)(?: that| with)?:?|it is|it's)? ?(.+)",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"(?:if|when|whenever|once|unless|until|before|after|while|should|in case|for example|"
    r"for instance|e\.g)\b([^,]*)(?:, (.+))?",
    re.IGNORECASE,
)
_OF_THE_PERSON = re.compile(
    r"\bthe (?:user|customer|caller|client|guest|patient|visitor)s?\b", re.IGNORECASE
)
_YOU_ARE = re.compile(
    r"you(?:'re|\u2019re| are) (?=(?:an?|the|called|named|based|located|employed|from|in|at|"
    r"part of|with)\b|[A-Z])"
)
_YOU_DO = re.compile(
    r"you (work|sell|represent|live|come|belong|offer|ship|deliver|specialize|specialise)\b"
)
_YOUR_NAME = re.compile(r"^your name\b", re.IGNORECASE)
_OPENS_WITH_YOU = re.compile(r"you\b", re.IGNORECASE)
_OURS = re.compile(
    r"your (?=(?:company|business|shop|store|team|office|opening|hours|address|employer|clinic|"
    r"restaurant|hotel|school|phone|services|products|prices|owner|founder|boss|manager)\b)",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"(\d{1,2}(?::\d\d)? ?(?:[ap]\.?m\.?)|\d{1,2}:\d\d) ?[-\u2013\u2014] ?(?=\d)", re.IGNORECASE
)
_BARE_RANGE = re.compile(
    r"\b(\d{1,2}) ?[-\u2013\u2014] ?(?=\d{1,2}(?::\d\d)? ?[ap]\.?m\b)", re.IGNORECASE
)
_DAYS = {
    "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday",
    "thur": "Thursday", "thurs": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
_A_DAY = r"(?:mon|tues?|wed|thur?s?|fri|sat|sun)"
_SHORT_DAY = re.compile(
    rf"\b({_A_DAY})\b\.?(?=\s*[-\u2013\u2014,:&]|\s+\d|\s+(?:and|to)\b)", re.IGNORECASE
)
_DAY_RANGE = re.compile(r"((?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day) ?[-\u2013\u2014] ?(?=[A-Z])")


def statement(sentence: str, about: str) -> Fact | None:
    """A sentence as a fact; None where it is an order to the assistant, a secret, or may be."""
    too_long = len(sentence) > _MAX_SENTENCE
    if too_long or IS_SECRET.search(sentence) or _PLACEHOLDER.search(sentence):
        return None
    if (told := _IF_ASKED.fullmatch(sentence)) is not None:
        return _unless_order(told[2].strip("\"\u201c\u201d' "), f"{about} {told[1]}".strip())
    if (told := _TELLS.fullmatch(sentence)) is not None:
        return _unless_order(told[1], about)
    label = _LABEL.fullmatch(sentence)
    if label is not None and len(label[1].split()) <= _MAX_LABEL_WORDS:
        return _labelled(label, about)
    if IS_ABOUT_THE_TALK.search(sentence) or _is_conditional_order(sentence):
        return None
    return _unless_order(sentence, about)


def _labelled(label: re.Match[str], about: str) -> Fact | None:
    """ "Returns: within 30 days" is a fact, "Tone: be friendly" is none."""
    if _OPENS_WITH_YOU.match(label[2]):
        return _unless_order(label[2], about)
    if RULES_HEAD.search(label[1]) or is_order(label[2]) or IS_ABOUT_THE_TALK.search(label[0]):
        return None
    return _fact(label[0], about)


def _is_conditional_order(sentence: str) -> bool:
    """ "If they are angry, apologise"; without a comma nobody can tell."""
    condition = _CONDITION.match(sentence)
    return condition is not None and (condition[2] is None or is_order(condition[2]))


def _unless_order(sentence: str, about: str) -> Fact | None:
    if sentence.endswith(("?", ":")) or is_order(sentence):
        return None
    if _OPENS_WITH_YOU.match(sentence):
        own = sentence[0].lower() + sentence[1:]
        said = _YOU_DO.sub(r"I \1", _YOU_ARE.sub("I'm ", own, count=1), count=1)
        return None if said == own else _fact(said, about)
    return _fact(_YOUR_NAME.sub("My name", sentence), about)


def _fact(sentence: str, about: str) -> Fact | None:
    sentence = _OURS.sub("our ", sentence)
    if _OF_THE_PERSON.search(sentence):
        sentence = to_you(sentence)
    text = speakable(sentence)
    return Fact(text, about) if text else None


def speakable(text: str) -> str:
    """As it is spoken, "" where it isn't: without markup, short days and ranges in words."""
    text = spoken_part(text[:_MAX_SENTENCE]).strip("\"\u201c\u201d' ")
    if not 3 < len(text) <= MAX_FACT or " " not in text:
        return ""
    text = _SHORT_DAY.sub(lambda day: _DAYS[day[1].casefold()], text)
    text = _DAY_RANGE.sub(r"\1 to ", text)
    text = _BARE_RANGE.sub(r"\1 to ", _RANGE.sub(r"\1 to ", text))
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!" else f"{text.rstrip(' ,;:')}."

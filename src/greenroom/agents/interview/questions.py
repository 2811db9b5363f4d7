"""The questions that a prompt lists, in its order.

They are found in lists ("1. ..."), as sentences that end in a question mark, and in what is to be
asked about ("ask about the team, the budget and the deadline", "find out what they need").
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from greenroom.agents.interview.to_you import to_you
from greenroom.agents.unspoken import spoken_part

MAX_QUESTIONS = 40
MAX_QUESTION = 300
"""Characters."""

_MAX_LINES = 2_000
_MAX_TOPIC = 120
_MAX_ORDER = 1_000
_MAX_HEAD = 40
_NEAR = 20

_ITEM = re.compile(
    r"\s*(?:[-*\u2022\u2023\u2013+]|\(?\d{1,2}[.):]|\(?[a-z]\)|"
    r"(?:question|q) ?\d{1,2} ?[.:)-]|question:|q:)\s+(\S.*)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\s*(?:\(?\d|question|q)", re.IGNORECASE)
_INLINE_ITEMS = re.compile(r"\s(?=\(?\d{1,2}[.)] [A-Za-z])")
_ASKING_HEAD = re.compile(
    r"\b(?:questions?|ask|asking|topics?|cover|find out|learn|discuss|talk about|areas|agenda)\b",
    re.IGNORECASE,
)
_RULES_HEAD = re.compile(
    r"\b(?:rules?|guidelines?|style|tone|instructions?|never|don't|do not|avoid|must|how to|notes?|"
    r"remember|be|keep|behaviou?r)\b",
    re.IGNORECASE,
)
_INTERROGATIVE = re.compile(
    r"(?:what|who|whom|whose|where|when|why|how|which|whether|if|do|does|did|is|are|was|were|can|"
    r"could|will|would|should|have|has)\b",
    re.IGNORECASE,
)
_INDIRECT = re.compile(r"(?:what|who|where|when|why|how|which|whether|if)\b", re.IGNORECASE)
_REQUEST = re.compile(
    r"(?:please )?((?:tell|describe|explain|share|walk|give|name|introduce|talk)\b.*)",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"(?:if|when|whenever|never|don't|do not|avoid|for example|e\.g|example|unless|once)\b",
    re.IGNORECASE,
)
_RULES_ONLY = re.compile(r"\b(?:never|don't|do not|avoid)\b", re.IGNORECASE)
_SPEAKER = re.compile(r"(?:user|customer|candidate|human|assistant|ai|person)\s*:", re.IGNORECASE)
_ASK_ABOUT = re.compile(
    r"\b(?:ask(?:ing)?|inquir(?:e|ing)|enquir(?:e|ing)|question)(?: \w+){0,3}? about:? (.+)|"
    r"\b(?:topics?(?: to \w+)?:|(?:cover|discuss|explore|talk (?:with \w+ )?about)"
    r"(?: the (?:following )?(?:topics|areas))?:?) (.+)",
    re.IGNORECASE,
)
_ASK_FOR = re.compile(
    r"\bask(?: \w+){0,3}? for ((?:their|your|the) .+)|\bcollect(?:: | (?=their |the user's ))(.+)",
    re.IGNORECASE,
)
_DETERMINER = re.compile(r"(?:your|the|an?|any|some|this|that|how|what)\b", re.IGNORECASE)
_ASK_WHAT = re.compile(
    r"\b(?:ask|find out|learn|understand|discover|determine|get to know)"
    r"(?: (?:the )?(?:them|user|person|customer|candidate|participant|caller|client))? "
    r"((?:what|who|where|when|why|how|which|whether|if) .+)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(
    r"[^.!?\n]+(?:[.!?]+(?=[\s\"'\u201d\u2019)]|$)[\"'\u201d\u2019)]*|(?=\n|$)|[.!?]+)"
)
_QUOTED = re.compile(r"[\"\u201c\u201d]([^\"\u201c\u201d\n]{3,300}\?)[\"\u201c\u201d]")
_SEPARATOR = re.compile(r",\s*(?:and |or |then |finally |as well as )?|;\s*(?:and )?")
_LAST_AND = re.compile(r"\s+(?:and|as well as) (?:also )?")
_STOPS = re.compile(
    r",?\s+(?:one at a time|one by one|in turn|in order|before |then |so that |at the end|"
    r"and (?:then|sum|thank|finish|listen|follow|end|say)\b).*",
    re.IGNORECASE,
)
_CLAUSES = re.compile(
    r"(?:[,;]? and|[,;])? (?:(?:then|finally|lastly|next|also|after that),? )?"
    r"(?=(?:ask|explore|discuss|cover|find out|inquire|enquire)\b)",
    re.IGNORECASE,
)
_GOAL = re.compile(r"\b(?:goals?|aim|purpose|objective|mission)\b", re.IGNORECASE)
_OF_THEM = re.compile(
    r"\b(?:they|them|their|the (?:user|customer|candidate|person))\b", re.IGNORECASE
)
_THEY_ASK = re.compile(
    r"\b(?:users?|customers?|they|people|someone|anyone|callers?|who|clients?|guests?|may|might)$",
    re.IGNORECASE,
)


def find_questions(prompt: str) -> tuple[str, ...]:
    """The questions of a prompt, ready to be spoken; none where it lists none."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for question in _questions(prompt):
        if question in seen:
            continue
        seen.add(question)
        text = _spoken(question)
        if text:
            found.setdefault(text.casefold(), text)
        if len(found) == MAX_QUESTIONS:
            break
    return tuple(found.values())


def _questions(prompt: str) -> Iterator[str]:
    head = ""
    for line in prompt.splitlines()[:_MAX_LINES]:
        parts = _INLINE_ITEMS.split(line)
        for part in parts:
            item = _ITEM.fullmatch(part)
            if item is not None:
                yield from _from_item(item[1].strip(), head, numbered=bool(_NUMBERED.match(part)))
            elif part.strip():
                of_goals = len(head) <= _MAX_HEAD and _GOAL.search(head)
                head = part
                if not of_goals:
                    yield from _from_prose(part)


def _from_item(item: str, head: str, *, numbered: bool) -> Iterator[str]:
    if item.endswith("?") or re.search(r"\?\s*\(", item):
        if not _CONDITION.match(item) or item.casefold().startswith(("when ", "if you ")):
            yield item[: item.rindex("?") + 1].rpartition(": ")[2].strip("\"\u201c\u201d' ")
        return
    asked = [*_from_prose(item)]
    if asked:
        yield from asked
        return
    asking = bool(_ASKING_HEAD.search(head)) and not _RULES_HEAD.search(head)
    if asking or (numbered and not head and _INTERROGATIVE.match(item)):
        yield _as_question(item)


def _from_prose(text: str) -> Iterator[str]:
    for found in _SENTENCE.finditer(text):
        sentence = found[0].strip()
        if not sentence or _CONDITION.match(sentence) or _SPEAKER.match(sentence):
            continue
        quoted = _QUOTED.findall(sentence)
        if quoted:
            yield from quoted
        elif sentence.endswith("?"):
            yield _direct(sentence)
        elif not sentence.endswith(":") and not _RULES_ONLY.search(sentence):
            for clause in _orders(sentence[:_MAX_ORDER]):
                yield from _from_order(clause)


def _direct(sentence: str) -> str:
    """A question in the prompt's own words; a lead such as "First, ask: " goes."""
    after = sentence.rpartition(": ")[2].strip("\"\u201c\u201d' ")
    order = _ASK_WHAT.search(after)
    return _as_question(order[1]) if order is not None else after


def _orders(sentence: str) -> Iterator[str]:
    """The parts of a sentence that each tell what to ask."""
    if _GOAL.search(sentence) and not _OF_THEM.search(sentence):
        return  # what all of the talk is about is no question
    start = 0
    for found in _CLAUSES.finditer(sentence):
        if _THEY_ASK.search(sentence, max(0, found.start() - _NEAR), found.start()):
            return  # "be polite when customers ask about refunds": what they ask
        yield sentence[start : found.start()]
        start = found.end()
    yield sentence[start:]


def _from_order(sentence: str) -> Iterator[str]:
    """From "ask about A and B", "find out what they do and why they do it"."""
    sentence = _STOPS.sub("", sentence.rstrip(".!; "))
    about = _ASK_ABOUT.search(sentence)
    what = _ASK_WHAT.search(sentence)
    if wanted := _ASK_FOR.search(sentence):
        for thing in map(to_you, _topics(wanted[1] or wanted[2])):
            yield f"Could you tell me {thing if _DETERMINER.match(thing) else f'your {thing}'}?"
    elif what is not None and (about is None or what.start() <= about.start()):
        parts = re.split(
            r"(?:,\s*(?:and )?|\s+and )(?=(?:what|who|where|when|why|how|which|whether|if) )",
            what[1],
            flags=re.IGNORECASE,
        )
        yield from map(_as_question, parts)
    elif about is not None:
        for topic in _topics(about[1] or about[2]):
            yield _as_question(topic)


def _topics(text: str) -> Iterator[str]:
    parts = [part for part in _SEPARATOR.split(text) if part.strip()]
    if parts:
        # "A, B and C", or "A and B": an "and" in what comes before the last belongs to its thing.
        parts[-1:] = _LAST_AND.split(parts[-1], maxsplit=1)
    for part in parts:
        topic = part.strip(" :.,;\"'")
        if 1 < len(topic) <= _MAX_TOPIC:
            yield topic


def _as_question(text: str) -> str:
    """A topic, a request or an indirect question as a question to the person."""
    text = to_you(text.strip(" .:;,"))
    if request := _REQUEST.fullmatch(text):
        said = re.sub(
            r"^tell (?!me\b)(?:us|you|about\b)?", "tell me ", request[1], flags=re.IGNORECASE
        )
        said = " ".join(said.split())
        return f"Could you {said[0].lower()}{said[1:]}?"
    if re.match(r"(?:whether|if)\b", text, re.IGNORECASE):
        return f"Could you tell me {text[0].lower()}{text[1:]}?"
    if _INDIRECT.match(text):
        if _inverted(text):
            return f"{text}?"
        return f"Could you tell me {text[0].lower()}{text[1:]}?"
    if _INTERROGATIVE.match(text):
        return f"{text}?"
    topic = re.sub(r"^(?:about|on|regarding) ", "", text, flags=re.IGNORECASE)
    if topic[1:2].islower():
        topic = topic[:1].lower() + topic[1:]
    return f"Could you tell me about {topic}?"


def _inverted(text: str) -> bool:
    """Whether it is a direct question: "what are you", not "what you are"."""
    return bool(
        re.match(
            r"(?:what|who|where|when|why|how|which)(?: \w+)?? "
            r"(?:is|are|was|were|do|does|did|can|could|will|would|should|have|has) ",
            text,
            re.IGNORECASE,
        )
    ) and not re.match(r"\w+(?: \w+)? you\b", text, re.IGNORECASE)


def _spoken(question: str) -> str:
    """As it is said, "" where it is none: no words, or too many."""
    text = spoken_part(question).strip("\"\u201c\u201d' ")
    if not re.search(r"\b(?:you|your|yours)\b", text, re.IGNORECASE):
        text = to_you(text)
    if not text or len(text) > MAX_QUESTION or len(re.findall(r"[^\W\d_]", text)) < 3:
        return ""
    return text[0].upper() + text[1:]

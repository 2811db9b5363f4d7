"""What a person in an interview wants besides answering: to hear it again, to skip, to stop."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Intent: TypeAlias = Literal[
    "answer", "repeat", "explain", "skip", "back", "left", "enough", "stop", "who", "hear",
    "greeting", "ready", "wait", "thanks", "affirm", "deny", "unsure", "question", "unclear",
]  # fmt: skip

_LONGEST = 14
"""Words of a remark on the interview itself; who says more is answering."""
_LONGEST_QUESTION = 40

_FILLERS = (
    r"(?:um+|uh+|er+|hm+|okay|ok|so|well|oh|sorry|please|and|but|just|actually|excuse me|hey)"
)
_LEADING = re.compile(rf"^(?:{_FILLERS} )+")
_TRAILING = re.compile(r"(?: (?:please|now|then|um+|uh+|okay|ok|thank you|thanks))+$")
_THANKS = (
    r"(?:thank you|thanks|cheers)(?: (?:very much|so much|a lot|for (?:that|your time|asking)))?"
)
_YOU = r"(?:(?:can|could|would|will) you )?"
_WE = (
    "(?:we |(?:can|could|may|shall) (?:we|i|you) |let's |i (?:want|need|would like) to |"
    "i'd like to )?"
)
_THAT = r"(?: (?:that|it|this|one|the|last|previous|question|again|once|more|time|part|me))*"
_YES = (
    r"(?:yes|yeah|yep|yup|correct|right|exactly|sure|absolutely|perfect|indeed|of course|fine|"
    r"great|good|(?:that's|that is|it's|it is|everything's|everything is|sounds|looks|all) "
    r"(?:all )?(?:right|correct|true|fine|good|great|perfect)|it is|you got it)"
)
_NOT_RIGHT = r"(?:wrong|incorrect|not (?:right|correct|true|quite right|what i said))"

# The first that fits counts; each is a list of wordings.
_WORDINGS: dict[Intent, tuple[str, ...]] = {
    "repeat": (
        f"{_YOU}(?:repeat|say){_THAT}",
        "come again",
        "pardon(?: me)?",
        "what",
        "huh",
        "again",
        "one more time",
        f"what(?:'s| is| was| were) (?:the|your|that) (?:last )?question{_THAT}",
        f"(?:what did you (?:say|ask)){_THAT}",
        (
            "(?:i )?(?:didn't|did not|couldn't|could not|can't) (?:hear|catch|get|"
            f"understand) (?:you|that|it|the question|what you (?:said|asked)){_THAT}"
        ),
    ),
    "explain": (
        "what do you mean(?: by .*)?",
        "i don't (?:understand|get it|get that)(?: .*)?",
        f"{_YOU}(?:explain|rephrase|clarify){_THAT}",
        "what does (?:that|it) mean",
        "in what sense",
    ),
    "skip": (
        f"{_WE}skip{_THAT}",
        "(?:the )?next(?: one| question)?",
        "pass",
        "no comment",
        f"{_WE}move on",
        f"{_WE}(?:go|move) (?:on )?to the next(?: one| question)?",
        "i(?:'d| would) rather not(?: .*)?",
        "i don't want to (?:answer|say|talk about)(?: .*)?",
    ),
    "back": (
        f"{_WE}go back(?: .*)?",
        "(?:the )?previous(?: one| question)?",
        (
            f"(?:{_WE}|let me )(?:change|correct|redo|revise) (?:my|that|the)(?: last|"
            " previous| first)?(?: answer| one)?"
        ),
    ),
    "left": (
        (
            "how many(?: more)?(?: questions)?(?: (?:are|do|you|have|there|left|more|to|go|"
            "still|remain|remaining))*"
        ),
        "how much longer(?: .*)?",
        "how long (?:will|does|is) (?:this|it|the)(?: .*)?",
        "are we (?:almost |nearly )?(?:done|finished|there)(?: yet)?",
    ),
    "enough": (
        (
            "(?:no )?(?:i think )?(?:that's|that is|that was|that'll be|"
            "that will be) (?:all|it|everything|about it)(?: (?:from me|for now|i have|really))*"
        ),
        "(?:no )?nothing (?:else|more)(?: to add| from me)?",
        "no more",
    ),
    "stop": (
        (
            f"{_WE}(?:stop|end|finish|quit|hang up)(?: (?:it|now|here|this|the|interview|"
            "call|conversation|talk|session|asking))*"
        ),
        "i(?:'m| am) (?:done|finished)",
        "cancel",
        "enough",
        "i (?:have|need|'ve got|have got) to (?:go|leave|run|stop)",
        "i've got to (?:go|run|leave)",
        "(?:good ?bye|bye|bye bye|see you|talk to you)(?: (?:bye|now|later|soon|then))*",
    ),
    "who": (
        "who (?:are|is) (?:you|this|there|that)",
        "what are you",
        "who am i (?:talking|speaking) (?:to|with)",
        "what(?:'s| is) your name",
        "what can you do",
        (
            "(?:are you|am i (?:talking|speaking) (?:to|with)) (?:a |an )?(?:real|human|"
            "robot|bot|machine|ai|computer|person|chatbot|artificial|program)(?: .*)?"
        ),
    ),
    "hear": (
        "(?:hello )?(?:can|do|did) you (?:still )?hear (?:me|that)(?: .*)?",
        "hello hello",
        "(?:hello )?are you (?:still )?(?:there|here|listening)",
        "is (?:this|it) (?:on|working)",
        "is (?:anyone|anybody|someone) there",
        "did you get that",
    ),
    "greeting": (
        (
            "(?:(?:yes|yeah) )?(?:hello|hi|hey|good (?:morning|afternoon|evening"
            "|day))(?: there| everyone|"
            r" \w+)?(?: how are you(?: .*)?)?"
        ),
        "how are you(?: doing)?(?: today)?",
        "(?:it's )?nice to meet you(?: too)?",
    ),
    "ready": (
        (
            f"(?:{_YES} )?(?:i'm ready|i am ready|we're ready|ready|let's (?:go|start|begin|"
            "do it|do this)|go ahead|go on|continue|shoot|ask away)"
            "(?: (?:then|when you are|to start))?"
        ),
    ),
    "wait": (
        (
            "(?:wait|hold on|hang on|one|just (?:a|one)|a|give me (?:a|one)|"
            "let me)(?: (?:a|one|moment|second|sec|minute|think|see|about|that|it|this))*"
        ),
    ),
    "thanks": (_THANKS,),
    "affirm": (f"{_YES}(?: {_YES})*",),
    "deny": (
        "(?:no|nope|nah)(?: (?:no|nope|not really|it isn't|it's not|they aren't|it doesn't))*",
        "not (?:really|quite|exactly|at all)",
        f"(?:no )?(?:that's|that is|it's|it is) {_NOT_RIGHT}",
        f"{_NOT_RIGHT}",
    ),
    "unsure": (
        "(?:no )?(?:i )?(?:really )?(?:don't|do not) (?:really )?know(?: really| yet)?",
        "dunno",
        "i dunno",
        "(?:i have )?no idea",
        "(?:i'm )?not (?:really )?sure(?: yet)?",
        "maybe",
        "perhaps",
        "(?:it|that) depends",
        "(?:it's )?hard to say",
        "i guess(?: so)?",
        "whatever",
        "i can't say",
        "who knows",
        "(?:i )?can't remember",
        "i don't remember",
    ),
}
_REMARKS = tuple((intent, re.compile("|".join(wordings))) for intent, wordings in _WORDINGS.items())

# A question of the person's own begins by one of these; "what matters to me is" does not.
_ASKS = re.compile(
    r"(?:what|who|where|when|why|how|which)(?:'s| (?:is|are|was|were|do|does|did|can|could|will|"
    r"would|should|has|have)) |how (?:many|much|far|old|tall|long|big) |"
    r"(?:can|could|will|would|do|does|did|are|is|should|have|has) "
    r"(?:you|i|we|it|there|that|this|the|he|she|they)\b|"
    r"(?:tell me|explain to me|do you know) "
    r"(?:a|an|about|the|what|how|who|why|where|when|something)\b"
)
_STATES = re.compile(
    r"(?:what|who|where|when|why|how)\b.* (?:is|are|was|were)\b.* (?:is|are|was)\b"
)


def recognise(text: str) -> Intent:
    """What is wanted with `text`; "answer" where it is no remark on the interview."""
    words = plain(text[:2_000])
    if not words:
        return "unclear"
    if words in {"sorry", "excuse me"}:
        return "repeat"
    if words.count(" ") < _LONGEST:
        short = _TRAILING.sub("", _LEADING.sub("", words))
        # "Thank you, goodbye": the rest says what is wanted.
        for candidate in (words, short, re.sub(rf"^{_THANKS} ", "", short)):
            for intent, pattern in _REMARKS:
                if pattern.fullmatch(candidate):
                    return intent
    return "question" if _is_question(text, words) else "answer"


def plain(text: str) -> str:
    """Lower case, words and apostrophes only, one space between them."""
    return " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.casefold().replace("\u2019", "'")))


def _is_question(text: str, words: str) -> bool:
    if words.count(" ") >= _LONGEST_QUESTION:
        return False
    stem = _LEADING.sub("", words)
    marked = text.rstrip().endswith("?")
    if text.rstrip().endswith((".", "!")) and not stem.startswith(("tell me ", "explain to me ")):
        return False
    return bool(_ASKS.match(stem)) and (marked or not _STATES.match(stem))

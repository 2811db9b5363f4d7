"""A sentence as it was heard, put into one form: plain words, digits, the likelier of homophones.

Recognisers write "won" for "one" and "card" for "cart"; in a shop the other word is meant. Only
what is surely wrong in a shop is changed here; what depends on a slot is left to `slots`.
"""

from __future__ import annotations

import re

from greenroom.commerce.numerals import replace_number_words

MAX_WORDS = 60
"""Words of a sentence that are looked at."""

_MAX_CHARACTERS = 600

_SHORT_FORMS = {
    "what's": "what is", "it's": "it is", "that's": "that is", "how's": "how is",
    "where's": "where is", "who's": "who is", "there's": "there is", "here's": "here is",
    "i'm": "i am", "i'd": "i would", "i'll": "i will", "i've": "i have", "don't": "do not",
    "doesn't": "does not", "didn't": "did not", "can't": "can not", "cannot": "can not",
    "won't": "will not", "isn't": "is not", "aren't": "are not", "they're": "they are",
    "you're": "you are", "let's": "let us", "we'll": "we will", "gonna": "going to",
    "wanna": "want to", "gimme": "give me", "lemme": "let me", "y'all": "you",
}  # fmt: skip

_FILLERS = frozenset("um uh er erm hmm mm ah oh".split())  # noqa: SIM905 - reads better as a text

_ORDINAL = (
    r"first|second|third|fourth|fifth|last|next|other|cheapest|same|black|white|red|blue|green"
)
_NUMBER = r"\d+(?:\.\d+)?"

_MISHEARD: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), better)
    for pattern, better in (
        (r"\b(?:fist|firs|furst|fast|thirst) (one|won|product|pair|item)\b", r"first \1"),
        (r"\bforth (one|won|product|pair|item)\b", r"fourth \1"),
        (rf"\b({_ORDINAL}|this|that|which|cheaper) won\b", r"\1 one"),
        (r"\b(my|shopping) (?:card|cards|car|cars|carts|court|kart|carte|heart)\b", r"\1 cart"),
        (r"\b(to|in|into|from|of) (the|a) (?:card|cards|car|kart|carte)\b", r"\1 \2 cart"),
        (r"\bthe (?:card|car|kart|carte|court)$", "the cart"),
        (
            (
                r"^(?:at|ad|had|act|and|i had|i add|as) (.+ (?:to|into|in) (?:my|the|a) (?:cart|"
                r"basket))\b"
            ),
            r"add \1",
        ),
        (r"^(?:at|ad|act) ((?:the|that|it|this|to|two|one)\b)", r"add \1"),
        (
            (
                rf"\b(?:other|wonder|ender|hunter|hinder|and her|undo|on the|in the) ({_NUMBER})"
                r"(?= dollars?\b| bucks\b|$)"
            ),
            r"under \1",
        ),
        (
            (r"\bin (?:stuck|stalk|stack|stark|the stock)\b|\b(?:an|and|installed) stock\b"),
            "in stock",
        ),
        (r"\b(?:sighs|sides|signs|sized|sizes|side|sigh) (?=\d)", "size "),
        (r"\b(?:prize|prices|priced)\b", "price"),
        (r"\b(in|color|colour) (?:read|bread)\b", r"\1 red"),
        (r"\bblew\b", "blue"),
        (r"\b(?:tail|trial|trails|drill|travel) (shoe|shoes|running)\b", r"trail \1"),
        (
            r"\b(?:run in|runnin|runnings|running's|ronning) (shoes?|shorts?|socks?)\b",
            r"running \1",
        ),
        (
            (
                r"(?<!to )(?<!i )(?<!you )(?<!will )(?<!would )(?<!can )(?<!me )\b(?:choose|chews|"
                r"shoos)\b"
            ),
            "shoes",
        ),
        (r"\bsome (?:choose|chews)\b", "some shoes"),
        (r"\bjack it(s?)\b", r"jacket\1"),
        (r"\b(?:tense|tenths)\b", "tents"),
        (r"\bgenes\b", "jeans"),
        (r"\bsox\b", "socks"),
        (r"\b(?:tea|tee|key) shirts?\b", "t shirt"),
        (r"\b(hiking|winter|snow|leather) (?:boats|boot's|booths)\b", r"\1 boots"),
        (r"\bcheck ?out(?= now| please|$)", "checkout"),
        # "Tell me" sounds like "delete", and nobody deletes about something.
        (
            (
                r"\bdelete (?=(?:(?:a )?(?:bit |little )?more|about|something|what|how|if|which|"
                r"the (?:price|difference|details))\b)"
            ),
            "tell me ",
        ),
        (
            r"^it (?=(?:waterproof|warm|available|in stock|sold out|comfortable|expensive)\b)",
            "is it ",
        ),
        # "Two of them" loses its "of", and "two" is heard as "to".
        (
            r"\b(want|take|buy|need|add|get|have) (?:to|too) (?=(?:of )?(?:them|those|these)\b)",
            r"\1 2 ",
        ),
    )
)


def normalise(sentence: str) -> str:
    """Lower-case words and digits with single spaces; at most MAX_WORDS words."""
    text = sentence[:_MAX_CHARACTERS].casefold()
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("-", " ")
    text = re.sub(r"\$ ?(\d[\d,]*(?:\.\d+)?)", r"\1 dollars", text)
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(r"[^\w'. ]+|(?<!\d)\.|\.(?!\d)", " ", text)
    words: list[str] = []
    for word in text.split()[:MAX_WORDS]:
        if word not in _FILLERS:
            words += _SHORT_FORMS.get(word, word.replace("'", "")).split()
    text = " ".join(replace_number_words(words))
    for pattern, better in _MISHEARD:
        text = pattern.sub(better, text)
    return text

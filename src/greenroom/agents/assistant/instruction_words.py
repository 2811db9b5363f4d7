"""How a prompt gives orders: to be friendly, to be brief, to keep a secret."""

from __future__ import annotations

import re


def _any_of(*patterns: str) -> str:
    return "|".join(patterns)


_VERBS = (
    "abide accept accommodate acknowledge act adapt adhere adjust admit advise aim allow "
    "analyze answer anticipate apologise apologize apply approach ask assess assist assume "
    "attempt avoid base be begin behave boost break bring build calm capture check "
    "choose clarify close collect combine come communicate compare complete comply concentrate "
    "confirm consider convey correct cover create cut deal decide decline defer deliver "
    "demonstrate describe detect determine direct discuss display do don't draw elaborate "
    "empathize emphasize employ enable encourage end engage ensure escalate establish evaluate "
    "exhibit expect explain express extract fetch find finish focus follow forget forward "
    "gather generate get give go greet guide handle have help hide highlight identify ignore "
    "imagine impersonate include indicate inform initiate inquire insist interact interpret "
    "introduce invent invite keep lead learn let limit listen log look maintain make match "
    "memorize mention mirror note notify obey obtain offer output paraphrase pause perform "
    "personalize pick play please position practice practise praise prefer prepare present "
    "pretend prevent prioritize proceed process promote prompt pronounce propose protect "
    "provide put quote raise react read reassure recall recommend record redirect refer reflect "
    "refrain refuse reject relate remain remember remind repeat rephrase reply report represent "
    "request require resist resolve respect respond restate restrict return reveal review "
    "roleplay route save say search seek sell send set share show simplify skip smile solicit "
    "solve sound speak specify speed spell start state stay steer stick stop strive structure "
    "suggest sum summarize supply support suppose tailor take talk teach tell thank think "
    "transfer translate treat troubleshoot try turn understand update upsell use utilize "
    "validate verify wait walk warn weave welcome wish withhold work wrap write"
)
# None of these matches the same words in two ways: prompts may repeat them at will.
_ADVERBS = (
    r"(?:(?:always|never|please|just|also|then|first|instead|otherwise|do not|don't|and|or|but|not|"
    r"so|next|second|third|\w+ly|under no circumstances|at all times|in general|in all cases|"
    r"(?:when|if|where) possible|as needed|for each \w+|at the (?:start|beginning|end)),? )*"
)
_ORDER = re.compile(rf"[\"'(]*{_ADVERBS}(?:{'|'.join(_VERBS.split())})\b(?!-)", re.IGNORECASE)
_ADVERB_ORDER = re.compile(
    r"[\"'(]*(?:never|always|please|do not|don't|no (?:markdown|emojis?|lists|jargon|small talk)|"
    r"under no circumstances)\b",
    re.IGNORECASE,
)
# "Support is free": nouns that are verbs too.
_NOUN_IS = re.compile(
    r"(?:support|help|access|check[ -]?in|check[ -]?out|pick[ -]?up|work|show|search|present|call|"
    r"set)(?: (?!what|how|if|that|whether|who|it|everything|sure|all|this|when)\w+)? "
    r"(?:is|are|was|were|has|costs?|takes|must be|can be|may be|will be|includes|starts|begins|"
    r"ends|opens|closes|lasts|comes|runs)\b",
    re.IGNORECASE,
)
# What is said to the caller rather than to the assistant.
_TO_THE_CALLER = re.compile(
    r"(?:contact|call|e-?mail|visit|reach|write to|text|message|find|ring|phone|fax) "
    r"(?:us|our)\b|(?:call|phone|e-?mail|fax) (?:\+?[\d(]|\S+@)",
    re.IGNORECASE,
)

IS_ABOUT_THE_TALK = re.compile(
    _any_of(
        r"\byou (?:should|must|need|shall|have to|ought|are (?:to|expected|allowed|not|never|"
        r"always|"
        r"supposed|required|responsible|tasked|designed)|will|do not|don't|never|always|cannot|"
        r"can't|"
        r"can only|may only|only|aim|strive)\b",
        r"\byour (?:task|goal|goals|job|role|responses?|answers?|replies|tone|style|purpose|"
        r"mission|"
        r"responsibilit\w+|objectives?|persona\w*|duty|duties|instructions|aim|priority|"
        r"priorities|voice|output)\b",
        r"\b(?:the|this|an?) (?:ai )?(?:assistant|agent|bot|chatbot|model|ai) (?:should|must|is|"
        r"will|"
        r"can|may|has|needs|shall|never|always)\b",
        r"\b(?:language model|llm|system prompt|this prompt|these (?:instructions|rules|"
        r"guidelines)|"
        r"markdown|bullet points?|emojis?|role-?play|knowledge cutoff|function calls?|tool calls?|"
        r"json|hallucinat\w*|chain of thought|few-shot|tokens?)\b",
        r"\b(?:sentences?|words|paragraphs?) (?:or less|or fewer|at most|max|maximum|long|per)\b",
        r"\b(?:conversation|talk|tone|response|responses|reply|replies|answers?) (?:should|must|"
        r"needs?|has to|have to|are|is|will|ought)\b",
        r"\b(?:users?|customers?|callers?|clients?|guests?|they|them|people) (?:should|must) "
        r"(?:always |never )?(?:be (?:greeted|treated|told|asked|addressed|informed|thanked|"
        r"referred|transferred|escalated|given)|feel|never be|not be)\b",
        r"\b(?:politely|empath\w+|de-?escalat\w*|escalat\w+|small talk|stay in character|"
        r"in character|on brand)\b",
    ),
    re.IGNORECASE,
)
"""A sentence that speaks of the talk itself, or of what the assistant is to do in it."""

# "We do not share your data" is none: it says who doesn't.
_SILENCE = (
    r"(?:^|(?<=\byou )|(?<=[,;:.] )|(?<=\bbut )|(?<=\band )|(?<=\bplease )|(?<=\balways ))"
    r"(?:do not|don't|never|must not|mustn't|should not|shouldn't|cannot|can't|may not|avoid|"
    r"refuse to)(?: ever)? (?:\w+ ){0,2}?(?:reveal|revealing|share|sharing|disclose|disclosing|"
    r"tell|"
    r"telling|mention|mentioning|discuss|discussing|say|saying|give out|giving out|talk about|"
    r"talking about|speak of|speak about|admit|leak|read out|expose)\b"
)
KEEPS_SECRET = re.compile(_SILENCE, re.IGNORECASE)
"""An order to be silent on what follows."""

IS_SECRET = re.compile(
    rf"\b(?:secret|secrets|confidential|password|passwords|passcode|passphrase|pin code|api key|"
    rf"access code|credentials?|classified|off the record|internal(?:ly)?(?: use)? only|"
    rf"for internal|internal use|internal:|staff only|not (?:for the )?public|"
    rf"keep (?:it|this|that|these) (?:to yourself|private|quiet))\b|{_SILENCE}",
    re.IGNORECASE,
)
"""A sentence that names a secret, or orders silence: never said."""

RULES_HEAD = re.compile(
    r"\b(?:rules?|guidelines?|style|tone|instructions?|behaviou?rs?|personality|persona|"
    r"constraints?|"
    r"restrictions?|do'?s|don'?ts|examples?|output|format|steps?|objectives?|goals?|tasks?|"
    r"responsibilit\w+|role|duties|approach|communication|conversation|language|limitations|"
    r"script|greeting|closing line|opening line|escalation|important|remember|notes?|never|always|"
    r"must|avoid|say|confidential\w*|internal|secrets?)\b",
    re.IGNORECASE,
)
"""A heading under which a prompt gives orders."""


def is_order(sentence: str) -> bool:
    """Whether a sentence tells the assistant what to do."""
    if _TO_THE_CALLER.match(sentence):
        return False
    if _ADVERB_ORDER.match(sentence):
        return True
    return bool(_ORDER.match(sentence)) and not _NOUN_IS.match(sentence)

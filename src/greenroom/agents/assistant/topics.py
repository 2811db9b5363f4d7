"""What callers ask about most, and how both a question and a prompt put it.

Different words for one thing ("how much", "fee", "$20") meet in a topic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"


@dataclass(frozen=True, slots=True)
class Topic:
    """`asked` finds it in the plain words of a question, `told` in a statement in lower case.

    `weight` is what it counts beside a word, `words` what the words count by which it was asked
    for ("phone" and "e-mail" are told apart by them); `offer` is how it is offered to the person.
    """

    name: str
    asked: re.Pattern[str]
    told: re.Pattern[str]
    weight: float
    offer: str
    words: float = 0.3


def _topic(
    name: str, asked: str, told: str, weight: float, offer: str, words: float = 0.3
) -> Topic:
    return Topic(name, re.compile(rf"\b(?:{asked})\b"), re.compile(told), weight, offer, words)


TOPICS: tuple[Topic, ...] = (
    _topic(
        "hours",
        r"open(?:ed|ing)?(?! (?:an?|my|the|new)\b)(?: (?:times?|hours?))?|clos(?:e|es|ed|ing)"
        r"(?! (?:an?|my|the)\b)(?: times?)?|(?<!many )hours|what times?|till when|until when",
        r"\bopen\b|\bopens\b|\bopening (?:hours|times)\b|\bclos(?:e|es|ed|ing)\b|"
        r"\b(?:business|office|store|shop|working|visiting) (?:hours|times)\b|"
        rf"\b\d{{1,2}}(?::\d\d)? ?[ap]\.?m\b|\b{_DAY} (?:to|through|until) {_DAY}",
        1.25,
        "opening hours",
        0.05,
    ),
    _topic(
        "place",
        r"where(?:'s)?|address|locat(?:ed|ion|ions)|directions|which (?:city|street|town|country)|"
        r"how do i get (?:to|there)",
        r"\baddress\b|\blocat(?:ed|ion|ions)\b|\bbased (?:in|at)\b|\b(?:street|avenue|boulevard)\b|"
        r"\b\d{1,5} (?:\w+ ){1,3}(?:st|rd|road|ave|lane|drive|square|plaza|way|row|blvd)\b|"
        r"\bdirections\b",
        0.35,
        "where to find us",
    ),
    _topic(
        "price",
        r"how much(?: money)?|prices?|priced|pricing|costs?|charges?|charged|fees?|expensive|cheap|"
        r"rates?|free",
        r"[$\u00a3\u20ac\u00a5\u20b9]|\b\d+(?:\.\d+)? ?(?:dollars?|euros?|pounds?|cents|usd|eur|"
        r"gbp)\b|"
        r"\bfree\b|\bpric(?:e|es|ed|ing)\b|\bcosts?\b|\bfees?\b|\bcharge[ds]?\b",
        1.0,
        "prices",
    ),
    _topic(
        "contact",
        r"(?:tele)?phone(?: number)?|numbers?|call you|e ?mails?(?: address)?|contact|"
        r"reach (?:you|someone|us|them)|get (?:in touch|hold of)",
        r"@\w|\b(?:tele)?phone\b|\be-?mail\b|\bcontact\b|\breach (?:us|out)\b|\bcall us\b|"
        r"\bhotline\b|\+?\(?\d[\d() -]{6,}\d",
        1.0,
        "how to reach us",
    ),
    _topic(
        "returns",
        r"returns?|returned|returning|refunds?|refunded|exchang(?:e|es|ing)|money back|"
        r"(?:send|give|bring|take) (?:\w+ )?back",
        r"\breturn(?:s|ed|able)?\b|\brefund|\bexchange|\bmoney[ -]back\b|\bsend (?:it|them) back\b",
        1.0,
        "returns",
    ),
    _topic(
        "delivery",
        r"ship|ships|shipped|shipping|shipment|deliver|delivers|delivered|delivery|deliveries|"
        r"postage|arrive|arrives|dispatch(?:ed)?",
        r"(?<!the )(?<!a )\bship(?:s|ped|ping|ment)?\b|\bdeliver|\bpostage\b|\barriv|\bdispatch",
        1.0,
        "delivery",
    ),
    _topic(
        "payment",
        r"pay(?! for)|paying|paid|payments?|credit cards?|debit cards?|cash|paypal|visa|mastercard|"
        r"invoices?|apple pay|google pay",
        r"\bpay(?:s|ing|ment|ments)?\b|\bcredit card|\bdebit card|\bcash\b|\bpaypal\b|\bvisa\b|"
        r"\bmastercard\b|\binvoice|\b(?:apple|google) pay\b",
        1.0,
        "payment",
    ),
    _topic(
        "booking",
        r"book|booking|bookings|appointments?|reservations?|reserve|schedule",
        r"\bbook(?:s|ing|ings|ed|able)?\b|\bappointments?\b|\breserv|\bwalk-?ins?\b",
        1.0,
        "appointments",
    ),
    _topic(
        "cancelling",
        r"cancel|cancels|cancell?ed|cancell?ing|cancellations?",
        r"\bcancel",
        1.0,
        "cancelling",
    ),
    _topic(
        "warranty",
        r"warrant(?:y|ies)|guarantees?|guaranteed|broken|defective|faulty|repairs?",
        r"\bwarrant|\bguarantee|\bdefect|\bfaulty\b|\bbroken\b|\brepair",
        1.0,
        "the warranty",
    ),
    _topic(
        "offer",
        r"(?:what|which) (?:do|does|can|kind of \w+ do) (?:you|they|\w+) (?:sell|offer|make|"
        r"provide|"
        r"have)|services|products|menu|do you (?:sell|offer|make|provide)",
        r"\bsell(?:s|ing)?\b|\boffer(?:s|ing)?\b|\bprovides?\b|\bspeciali[sz]es?\b|\bservices?\b|"
        r"\bproducts\b|\bmenu\b|\bmakes?\b",
        0.75,
        "what we offer",
    ),
)  # fmt: skip


def told_of(statement: str) -> frozenset[str]:
    """The names of the topics that a statement tells of."""
    text = statement.casefold()
    return frozenset(topic.name for topic in TOPICS if topic.told.search(text))

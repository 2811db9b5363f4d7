"""The tool that tells what the shop says of itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from greenroom.commerce.context import ShopContext
from greenroom.commerce.lexicon import STOP_WORDS, words_of
from greenroom.commerce.ports import Catalogue, Policy
from greenroom.commerce.slots import NOISE
from greenroom.commerce.tool_parameters import GetPolicy

MAX_TEXT = 6_000
"""Characters of a policy that a tool gives; shops have written longer ones."""

_SEND_BACK = re.compile(r"\b(?:send|give|bring|take) (?:\w+ )?back\b|\bmoney back\b")
_ENDING = re.compile(r"(?:ing|ed|es|s|e)$")
_DOUBLED = re.compile(r"([^aeious])\1$")


def _stem(word: str) -> str:
    """Good enough to compare two words: `shipped`, `shipping`, and `ships` are `ship`."""
    return _DOUBLED.sub(r"\1", _ENDING.sub("", word)) if len(word) > 3 else word


_GROUPS = tuple(
    frozenset(map(_stem, group.split()))
    for group in (
        "return refund exchange sendback moneyback",
        "shipping deliver delivery arrive arrival postage dispatch courier parcel package",
        "payment pay card paypal cash installment credit debit invoice visa mastercard klarna",
        "warranty guarantee broken break defect defective faulty repair",
        "privacy data personal gdpr cookie",
        "discount coupon promotion promo code voucher sale offer deal",
        "contact phone email call reach support service address",
        "hour hours open opening closing location located physical store pickup",
        "tax vat duty custom",
        "gift wrap",
        "cancel cancellation",
    )
)
_TOPICAL = frozenset[str]().union(*_GROUPS)
_HEAD, _GROUP, _TEXT = 4, 3, 1
_ENOUGH = 3


async def get_policy(
    catalogue: Catalogue, _context: ShopContext, wanted: GetPolicy
) -> dict[str, Any]:
    """The policy that is asked for; where there is none, which ones there are."""
    policies = await catalogue.policies()
    policy = None if wanted.topic is None else best_policy(wanted.topic, policies)
    if policy is None:
        topics = [{"topic": each.topic, "title": each.title} for each in policies]
        return {"found": False, "topics": topics}
    return {
        "found": True,
        "topic": policy.topic,
        "title": policy.title,
        "text": policy.text[:MAX_TEXT],
        "complete": len(policy.text) <= MAX_TEXT,
        "url": policy.url,
    }


def best_policy(said: str, policies: Sequence[Policy]) -> Policy | None:
    """The policy whose topic, title or text has most of the words; None where none has enough."""
    words = telling_words(said)
    scored = [(_score(words, policy), policy) for policy in policies]
    best = max(scored, key=lambda pair: pair[0], default=(0, None))
    return best[1] if best[0] >= _ENOUGH else None


def _score(words: frozenset[str], policy: Policy) -> int:
    head = telling_words(f"{policy.topic} {policy.title}")
    text = telling_words(policy.text)
    score = 0
    for word in words:
        if word in head:
            score += _HEAD
        elif any(word in group and group & head for group in _GROUPS):
            score += _GROUP
        elif word in text:
            score += _TEXT
    return score


def telling_words(text: str) -> frozenset[str]:
    """The stems of the words that say what it is about."""
    joined = _SEND_BACK.sub("sendback", text.casefold())
    return frozenset(
        stem
        for word in words_of(joined)
        if (stem := _stem(word)) in _TOPICAL or word not in STOP_WORDS | NOISE
    )

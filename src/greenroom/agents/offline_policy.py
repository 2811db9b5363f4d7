"""The offline model's answers about the shop itself, from its policies."""

from __future__ import annotations

import re
from typing import Any

from greenroom.agents import phrasing as say
from greenroom.agents.offline_talk import Talk, trouble
from greenroom.agents.turn import Call, Steps
from greenroom.commerce.policy_tools import telling_words
from greenroom.commerce.slots import Slots

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_MAX_TOPIC = 200
_SAID = 2
"""Sentences of a policy that are said."""

_LENGTH = 400
"""Characters of a policy that are said, where its first sentence isn't longer."""


def policy(talk: Talk, slots: Slots) -> Steps:
    """What the shop has written about it; where it has not, what it has written about."""
    asked = (slots.query or talk.turn.text)[:_MAX_TOPIC]
    result = yield Call("get_policy", {"topic": asked})
    if not result.get("found", True) and slots.topic:
        result = yield Call("get_policy", {"topic": slots.topic})
    if "error" in result:
        return trouble(result)
    if not result["found"]:
        return _not_written(result["topics"])
    return f"{_excerpt(result['text'], asked)} Is there anything else?"


def _not_written(topics: list[dict[str, Any]]) -> str:
    if not topics:
        return (
            "I'm sorry, the shop has told me nothing about that. I can help you find products and "
            "fill your cart."
        )
    titles = say.listed([topic["title"].lower() for topic in topics], "or")
    return f"I'm sorry, I have nothing about that. You can ask me about {titles}."


def _excerpt(text: str, asked: str) -> str:
    """The sentences that say most about what was asked, in their order."""
    sentences = [each.strip() for each in _SENTENCE_END.split(text) if each.strip()]
    words = telling_words(asked)

    def worth(place: int) -> tuple[int, int]:
        return len(words & telling_words(sentences[place])), -place

    chosen: list[int] = []
    length = 0
    for place in sorted(range(len(sentences)), key=worth, reverse=True)[:_SAID]:
        length += len(sentences[place])
        if not chosen or length <= _LENGTH:
            chosen.append(place)
    return " ".join(sentences[place] for place in sorted(chosen))

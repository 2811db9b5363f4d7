"""What of an answer may be spoken, sentence by sentence.

Markup goes, a sentence said twice is said once, and what no tool supports is replaced by an honest
sentence, once in an answer.
"""

from __future__ import annotations

import logging
from typing import Any

from greenroom.agents.claims import Kind
from greenroom.agents.fact_checker import refusal
from greenroom.agents.fact_notes import heard, note
from greenroom.agents.ports import ToolRan
from greenroom.agents.speakable import Speakable
from greenroom.commerce.context import ShopContext

log = logging.getLogger(__name__)

INSTEAD: dict[Kind, str] = {
    "price": "I'd have to look that price up. Shall I?",
    "stock": "I'd have to check whether that is in stock. Shall I?",
    "discount": "I can't promise any discount that the shop hasn't told me of.",
    "terms": "I'd have to look up what the shop says about that. Shall I?",
    "order": "I can't place or follow orders. You can pay on the shop's own checkout page.",
    "cart": "I haven't changed your cart just now. Shall I?",
}
"""What is said in place of a sentence, by what it claims."""


class AnswerGuard:
    """Watches one answer. `refused` counts the sentences held back for what they state.

    `repeats` is the answer before, where the user asked to hear it again: it passed then.
    """

    def __init__(self, context: ShopContext, prompt: str = "", repeats: str = "") -> None:
        self._context = context
        self._repeats = repeats
        self._done: set[str] = set()
        self._untold: list[str] = []
        self._speakable = Speakable()
        self._excused = False
        self.refused = 0
        heard(context.facts, prompt)

    def saw(self, ran: ToolRan) -> None:
        """A tool has run: what it gave may be said."""
        note(self._context.facts, ran)
        if ran.ok and isinstance(ran.result, dict):
            for change in ("added", "removed"):
                if ran.result.get(change):
                    self._done.add(change)
                    self._untold.append(_change(change, ran.result))

    def spoke(self) -> None:
        """The model has gone on to say something: what it did is told by itself."""
        self._untold.clear()

    @property
    def untold(self) -> str:
        """The changes of the cart of which nothing was said yet, as sentences."""
        return " ".join(self._untold)

    def check(self, sentence: str) -> str:
        """See `agents.ports.Agent.check`."""
        text = self._speakable.check(sentence)
        if not text:
            return ""
        if text in self._repeats:
            return text
        kind = refusal(text, self._context, frozenset(self._done))
        if kind is None:
            return text
        self.refused += 1
        log.info("a sentence was not spoken: no tool has given its %s", kind)
        if self._excused:
            return ""
        self._excused = True
        return INSTEAD[kind]


def _change(change: str, result: dict[str, Any]) -> str:
    title = result.get("title")
    what = "everything" if title is None else f"the {title}"
    if change == "added":
        return f"I've added {what} to your cart."
    return f"I've taken {what} out of your cart."

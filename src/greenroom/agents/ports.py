"""What a conversation needs of a mind.

One `Agent` object belongs to one conversation and keeps what it must remember between turns (the
shop's context, say); models and connections behind it are shared.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Message:
    """One thing said, as it was heard: a reply that was cut is cut here too."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer, to be spoken."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolRan:
    """A tool has run (or failed: then `ok` is false and `result` says why, fit for a model)."""

    tool: str
    arguments: dict[str, Any]
    result: Any
    ok: bool
    duration_ms: float


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """The answer is complete. `intent` names what the user wanted (`product_search`).

    `usage` holds the model's figures and, where there were any, `facts_refused`: the sentences that
    `Agent.check` did not let through. It counts on until the last sentence was checked.
    """

    intent: str
    usage: dict[str, int] = field(default_factory=dict)


AgentEvent: TypeAlias = TextDelta | ToolRan | AnswerDone


class Agent(Protocol):
    """Answers one user's turns."""

    def answer(self, text: str, history: Sequence[Message]) -> AsyncIterator[AgentEvent]:
        """Think about `text` and answer. The last event is AnswerDone.

        `history` is what was said before `text`, oldest first. Closing the iterator cancels the
        model call and any tool. Raises ProviderFailed.
        """
        ...

    def check(self, sentence: str) -> str:
        """What may be spoken for a `sentence` of the answer that is being given.

        The sentence itself; another in its place where it states as a fact what no tool has given;
        "" where nothing of it is to be said. A plain call.
        """
        ...

    def snapshot(self) -> dict[str, Any]:
        """What it remembers between turns, as JSON values (`cart_items`, `viewed_products`)."""
        ...

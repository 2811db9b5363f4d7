"""One turn of one conversation, as the model loop, its tools and the offline model share it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias

from greenroom.agents.ports import ToolRan
from greenroom.agents.role import Memory, Role
from greenroom.providers.usage import UsageListener


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the offline model wants made."""

    tool: str
    arguments: dict[str, Any]


Steps: TypeAlias = Generator[Call, dict[str, Any], str]
"""Yields tool calls, is sent each one's result, and returns the answer's text."""


@dataclass(slots=True)
class Turn(Generic[Memory]):
    """What the model is told besides the words, and what its tools did.

    `number` counts the conversation's messages so far. `context` is what the agent remembers,
    `last_answer` what it said last, as that was heard. `ran` holds each tool call by its id;
    `writes` the ids of those that change something, by what they ask; `repeated` the ids of those
    that asked the same again and were not run. `steps` is the offline model's place in its answer;
    other models leave it alone. `on_usage` is told what each request to a model has used up.
    """

    text: str
    number: int
    context: Memory
    role: Role[Memory]
    last_answer: str = ""
    on_usage: UsageListener | None = None
    ran: dict[str, ToolRan] = field(default_factory=dict)
    writes: dict[bytes, str] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)
    steps: Steps | None = None

"""What makes an agent of one kind: its instructions, its tools, and its rules without a network.

A shop's assistant and an interviewer run in the same loop of model and tools; they differ in this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from greenroom.agents.turn import Steps, Turn
    from greenroom.commerce.toolbox import ToolResult

Memory = TypeVar("Memory")
"""What an agent of the kind remembers between turns (`ShopContext`)."""
_Memory_contra = TypeVar("_Memory_contra", contravariant=True)


class ToolForm(Protocol):
    """A tool as a model sees it. One that `writes` is never run twice for one wish."""

    @property
    def name(self) -> str:
        """By which it is called."""
        ...

    @property
    def description(self) -> str:
        """What it is for."""
        ...

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its arguments."""
        ...

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        ...


class Tools(Protocol[_Memory_contra]):
    """The tools of a role; what a call changes is in the memory it is given."""

    @property
    def tools(self) -> Sequence[ToolForm]:
        """All of them."""
        ...

    async def run(
        self, name: str, arguments: dict[str, Any], context: _Memory_contra
    ) -> ToolResult:
        """Call a tool. Raises InvalidInput for what it doesn't take."""
        ...


@dataclass(frozen=True, slots=True)
class Role(Generic[Memory]):
    """A kind of agent.

    `instructions` are the same in all conversations, `brief` gives what a model is told of this one
    before each answer ("" for nothing). `offline` is the answer by rules.
    """

    name: str
    instructions: str
    toolbox: Tools[Memory]
    brief: Callable[[Memory], str]
    offline: Callable[[Turn[Memory]], Steps]

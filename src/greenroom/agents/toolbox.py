"""Tools that change nothing but an agent's memory: their form, and how they are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from greenroom.agents.role import Memory
from greenroom.commerce.tool_parameters import Parameters
from greenroom.commerce.toolbox import ToolResult, checked
from greenroom.errors import InvalidInput


class NotPossibleError(Exception):
    """A tool can't do that; the message is fit for a model."""


@dataclass(frozen=True, slots=True)
class Tool(Generic[Memory]):
    """A tool's name, what it takes and what it does; see `agents.role.ToolForm`.

    `run` is given the memory and the checked arguments. It may raise NotPossibleError.
    """

    name: str
    parameters: type[Parameters]
    run: Callable[[Memory, Any], dict[str, Any]]
    writes: bool = False

    @property
    def description(self) -> str:
        """What it is for."""
        return " ".join((self.parameters.__doc__ or "").split())

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        return self.parameters.model_json_schema()


class Toolbox(Generic[Memory]):
    """A role's tools; one toolbox serves all its talks (see `agents.role.Tools`)."""

    def __init__(self, *tools: Tool[Memory]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    @property
    def tools(self) -> Sequence[Tool[Memory]]:
        """Every tool, with its schema."""
        return tuple(self._tools.values())

    async def run(self, name: str, arguments: dict[str, Any], context: Memory) -> ToolResult:
        """Call a tool. What can't be done is an answer with `ok` false.

        Raises InvalidInput for an unknown tool (`tool`) or a bad argument (`parameters.<name>`).
        """
        tool = self._tools.get(name)
        if tool is None:
            raise InvalidInput("tool", f"no tool {name[:80]!r}", ", ".join(sorted(self._tools)))
        taken = checked(name, tool.parameters, arguments)
        try:
            return ToolResult(True, tool.run(context, taken))
        except NotPossibleError as error:
            return ToolResult(False, error=str(error))

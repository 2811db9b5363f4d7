"""The assistant's tools: the time and the date, sums, and what is to be remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from greenroom.agents.assistant.memory import MAX_NOTE, MAX_NOTES, AssistantMemory
from greenroom.agents.assistant.sums import MAX_EXPRESSION, SumError, said, work_out
from greenroom.commerce.tool_parameters import Parameters
from greenroom.commerce.toolbox import ToolResult, checked
from greenroom.errors import InvalidInput

Now = Callable[[], datetime]
"""The present moment, with its time zone."""


class CurrentTime(Parameters):
    """The time and the date now, by the server's clock and in its time zone."""


class Calculate(Parameters):
    """Work out a sum."""

    expression: str = Field(
        min_length=1,
        max_length=MAX_EXPRESSION,
        description="numbers with + - * / % ** and brackets: '12 * 7'",
    )


class Remember(Parameters):
    """Keep something for the rest of the talk: what the person wants remembered."""

    note: str = Field(min_length=1, max_length=MAX_NOTE, description="in the person's own words")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool's name and what it takes; see `agents.role.ToolForm`."""

    name: str
    parameters: type[Parameters]
    run: Callable[[AssistantMemory, Any, Now], dict[str, Any]]
    writes: bool = False

    @property
    def description(self) -> str:
        """What it is for."""
        return " ".join((self.parameters.__doc__ or "").split())

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        return self.parameters.model_json_schema()


class _NotPossibleError(Exception):
    """It can't be done; the message is fit for a model."""


def _current_time(_: AssistantMemory, __: CurrentTime, now: Now) -> dict[str, Any]:
    moment = now()
    hour, minute = moment.hour, moment.minute
    return {
        "time": f"{hour % 12 or 12}:{minute:02} {'AM' if hour < 12 else 'PM'}",
        "weekday": f"{moment:%A}",
        "date": f"{moment.day} {moment:%B %Y}",
        "time_zone": moment.tzname(),
    }


def _calculate(_: AssistantMemory, wanted: Calculate, __: Now) -> dict[str, Any]:
    try:
        result, exact = said(work_out(wanted.expression))
    except SumError as error:
        raise _NotPossibleError(str(error)) from error
    return {"expression": wanted.expression, "result": result, "exact": exact}


def _remember(memory: AssistantMemory, wanted: Remember, _: Now) -> dict[str, Any]:
    if wanted.note not in memory.notes:
        if len(memory.notes) >= MAX_NOTES:
            raise _NotPossibleError("no more notes can be kept in this talk")
        memory.notes.append(wanted.note)
    return {"remembered": wanted.note}


TOOLS: tuple[Tool, ...] = (
    Tool("current_time", CurrentTime, _current_time),
    Tool("calculate", Calculate, _calculate),
    Tool("remember", Remember, _remember, writes=True),
)


def local_now() -> datetime:
    """The time by this machine's clock, in its time zone."""
    return datetime.now(UTC).astimezone()


class AssistantToolbox:
    """All tools; one toolbox serves all talks (see `agents.role.Tools`)."""

    def __init__(self, now: Now = local_now) -> None:
        self._now = now
        self._tools = {tool.name: tool for tool in TOOLS}

    @property
    def tools(self) -> tuple[Tool, ...]:
        """Every tool, with its schema."""
        return TOOLS

    async def run(
        self, name: str, arguments: dict[str, Any], context: AssistantMemory
    ) -> ToolResult:
        """Call a tool. What can't be done is an answer with `ok` false.

        Raises InvalidInput for an unknown tool (`tool`) or a bad argument (`parameters.<name>`).
        """
        tool = self._tools.get(name)
        if tool is None:
            raise InvalidInput("tool", f"no tool {name[:80]!r}", ", ".join(sorted(self._tools)))
        taken = checked(name, tool.parameters, arguments)
        try:
            return ToolResult(True, tool.run(context, taken, self._now))
        except _NotPossibleError as error:
            return ToolResult(False, error=str(error))

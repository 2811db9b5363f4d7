"""The assistant's tools: the time and the date, sums, and what is to be remembered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from greenroom.agents.assistant.memory import MAX_NOTE, MAX_NOTES, AssistantMemory
from greenroom.agents.assistant.sums import MAX_EXPRESSION, SumError, said, work_out
from greenroom.agents.toolbox import NotPossibleError, Tool, Toolbox
from greenroom.commerce.tool_parameters import Parameters

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


def _current_time(moment: datetime) -> dict[str, Any]:
    hour, minute = moment.hour, moment.minute
    return {
        "time": f"{hour % 12 or 12}:{minute:02} {'AM' if hour < 12 else 'PM'}",
        "weekday": f"{moment:%A}",
        "date": f"{moment.day} {moment:%B %Y}",
        "time_zone": moment.tzname(),
    }


def _calculate(_: AssistantMemory, wanted: Calculate) -> dict[str, Any]:
    try:
        result, exact = said(work_out(wanted.expression))
    except SumError as error:
        raise NotPossibleError(str(error)) from error
    return {"expression": wanted.expression, "result": result, "exact": exact}


def _remember(memory: AssistantMemory, wanted: Remember) -> dict[str, Any]:
    if wanted.note not in memory.notes:
        if len(memory.notes) >= MAX_NOTES:
            raise NotPossibleError("no more notes can be kept in this talk")
        memory.notes.append(wanted.note)
    return {"remembered": wanted.note}


def local_now() -> datetime:
    """The time by this machine's clock, in its time zone."""
    return datetime.now(UTC).astimezone()


def toolbox(now: Now = local_now) -> Toolbox[AssistantMemory]:
    """All of them, for all talks."""
    return Toolbox(
        Tool("current_time", CurrentTime, lambda _, __: _current_time(now())),
        Tool("calculate", Calculate, _calculate),
        Tool("remember", Remember, _remember, writes=True),
    )

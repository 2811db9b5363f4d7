"""A role's tools as a pydantic-ai toolset."""

from __future__ import annotations

import time
from typing import Any

import orjson
from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool
from pydantic_core import SchemaValidator, core_schema

from greenroom.agents.ports import ToolRan
from greenroom.agents.role import Memory, Role
from greenroom.agents.turn import Turn
from greenroom.errors import InvalidInput

_RETRIES = 2
"""How often in one run a model may get a tool's arguments wrong and try again."""

_FOR_THE_SCREEN = frozenset({"checkout_url", "url"})
"""What a result holds for the client; a model would read it out."""

_ONCE = "the same call was made twice at once and done once; use quantity for several units"

# Only the shape is checked here; the toolbox checks the rest, for models and clients alike.
_OBJECT = SchemaValidator(
    core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())
)


class RoleToolset(AbstractToolset[Turn[Memory]]):
    """Runs each call through the turn's toolbox and notes what it did in `Turn.ran`."""

    def __init__(self, role: Role[Memory]) -> None:
        self._name = role.name
        tools = role.toolbox.tools
        self._writes = frozenset(tool.name for tool in tools if tool.writes)
        self._tools = {
            tool.name: ToolsetTool(
                toolset=self,
                tool_def=ToolDefinition(
                    name=tool.name,
                    description=tool.description,
                    parameters_json_schema=tool.schema,
                    # In the order in which the model asks, never two at once.
                    sequential=tool.writes,
                ),
                max_retries=_RETRIES,
                args_validator=_OBJECT,
            )
            for tool in tools
        }

    @property
    def id(self) -> str:
        """The name that pydantic-ai knows these tools by."""
        return self._name

    async def get_tools(
        self,
        ctx: RunContext[Turn[Memory]],  # noqa: ARG002
    ) -> dict[str, ToolsetTool[Turn[Memory]]]:
        """The same tools in every step."""
        return self._tools

    async def call_tool(
        self,
        name: str,
        tool_args: dict[str, Any],
        ctx: RunContext[Turn[Memory]],
        tool: ToolsetTool[Turn[Memory]],  # noqa: ARG002
    ) -> Any:
        """Run a tool. Bad arguments go back to the model with what is allowed.

        A change that a model asks for twice in one breath is made once.
        """
        turn, call_id = ctx.deps, ctx.tool_call_id or ""
        if name in self._writes:
            same = f"{ctx.run_step} {name} ".encode() + _canonical(tool_args)
            if (done := turn.writes.setdefault(same, call_id)) != call_id:
                turn.repeated.add(call_id)
                return {"note": _ONCE, "result": _for_model(turn.ran[done].result)}
        began = time.perf_counter()
        ok, content, refused = True, None, None
        try:
            result = await turn.role.toolbox.run(name, tool_args, turn.context)
            ok, content = result.ok, result.result if result.ok else {"error": result.error}
        except InvalidInput as error:
            ok, content, refused = False, {"error": str(error)}, error
        taken_ms = (time.perf_counter() - began) * 1000
        turn.ran[call_id] = ToolRan(name, tool_args, content, ok, round(taken_ms, 3))
        if refused is not None:
            raise ModelRetry(str(refused)) from refused
        return _for_model(content)


def _for_model(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    return {name: value for name, value in content.items() if name not in _FOR_THE_SCREEN}


def _canonical(arguments: dict[str, Any]) -> bytes:
    return orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS, default=str)

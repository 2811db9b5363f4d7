"""The shop's tools as a pydantic-ai toolset."""

from __future__ import annotations

import time
from typing import Any

from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool
from pydantic_core import SchemaValidator, core_schema

from greenroom.agents.ports import ToolRan
from greenroom.agents.turn import Turn
from greenroom.commerce.toolbox import TOOLS
from greenroom.errors import InvalidInput

_RETRIES = 2
"""How often in one run a model may get a tool's arguments wrong and try again."""

# Only the shape is checked here; the toolbox checks the rest, for models and clients alike.
_OBJECT = SchemaValidator(
    core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())
)


class ShopToolset(AbstractToolset[Turn]):
    """Runs each call through the turn's toolbox and notes what it did in `Turn.ran`."""

    def __init__(self) -> None:
        self._tools = {
            tool.name: ToolsetTool(
                toolset=self,
                tool_def=ToolDefinition(
                    name=tool.name,
                    description=tool.description,
                    parameters_json_schema=tool.schema,
                ),
                max_retries=_RETRIES,
                args_validator=_OBJECT,
            )
            for tool in TOOLS
        }

    @property
    def id(self) -> str:
        """The name that pydantic-ai knows these tools by."""
        return "shop"

    async def get_tools(self, ctx: RunContext[Turn]) -> dict[str, ToolsetTool[Turn]]:  # noqa: ARG002
        """The same tools in every step."""
        return self._tools

    async def call_tool(
        self,
        name: str,
        tool_args: dict[str, Any],
        ctx: RunContext[Turn],
        tool: ToolsetTool[Turn],  # noqa: ARG002
    ) -> Any:
        """Run a tool. Bad arguments go back to the model with what is allowed."""
        turn = ctx.deps
        began = time.perf_counter()
        ok, content, refused = True, None, None
        try:
            result = await turn.toolbox.run(name, tool_args, turn.context)
            ok, content = result.ok, result.result if result.ok else {"error": result.error}
        except InvalidInput as error:
            ok, content, refused = False, {"error": str(error)}, error
        taken_ms = (time.perf_counter() - began) * 1000
        turn.ran[ctx.tool_call_id or ""] = ToolRan(name, tool_args, content, ok, round(taken_ms, 3))
        if refused is not None:
            raise ModelRetry(str(refused)) from refused
        return content

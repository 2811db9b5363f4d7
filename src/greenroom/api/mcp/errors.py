"""Greenroom's errors in the protocol's form, in the words that REST has for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, CallToolResult, TextContent

from greenroom.api.duplex.errors import wire_error
from greenroom.errors import GreenroomError


def tool_error(error: GreenroomError) -> CallToolResult:
    """A tool's answer that says what went wrong, for the agent to read and do better."""
    return CallToolResult(content=[TextContent(text=wire_error(error).message)], is_error=True)


@contextmanager
def protocol_errors() -> Iterator[None]:
    """For what is no tool: raise the protocol's own error."""
    try:
        yield
    except GreenroomError as error:
        wire = wire_error(error)
        own = wire.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        raise MCPError(INTERNAL_ERROR if own else INVALID_PARAMS, wire.message) from error

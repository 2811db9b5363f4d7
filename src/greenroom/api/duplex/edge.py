"""The edge of this port's HTTP side: who may ask, and errors in the body `{"error": text}`."""

from __future__ import annotations

from greenroom.api.access import Access
from greenroom.api.duplex.errors import UpgradeRequired, wire_error
from greenroom.api.endpoint import Call
from greenroom.api.text_edge import TextEdge

_FIELD = "error"

OPEN = TextEdge(wire_error, _FIELD)
"""Lets everybody in."""


def guarded_edge(access: Access) -> TextEdge:
    """Lets those in who may ask."""
    return TextEdge(wire_error, _FIELD, access.principal)


async def upgrade_required(call: Call) -> None:  # noqa: ARG001 - the signature of a handler
    """A plain request to the WebSocket's path."""
    raise UpgradeRequired

"""The edge of this API: who may ask, and errors in the contract's body, `{"detail": text}`."""

from __future__ import annotations

from greenroom.api.access import Access
from greenroom.api.orchestrator.errors import wire_error
from greenroom.api.text_edge import TextEdge

_FIELD = "detail"

OPEN = TextEdge(wire_error, _FIELD)
"""Lets everybody in."""


def guarded_edge(access: Access) -> TextEdge:
    """Lets those in who may ask for all sessions of a tenant."""
    return TextEdge(wire_error, _FIELD, access.tenant_principal)

"""What `/docs` says of contract 004's REST side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from greenroom.api.commerce.errors import Code, WireError
from greenroom.api.commerce.models import (
    AnalyticsEvent,
    CreateSession,
    ProductSearch,
    ToolExecution,
)
from greenroom.api.reference.document import Operation

_TAG = "Voice commerce"
_ID = "550e8400-e29b-41d4-a716-446655440000"
_SESSION = "/api/sessions/{session_id}"

_PRODUCT = {
    "id": "gid://shopify/Product/123456",
    "title": "UltraBoost Running Shoes",
    "description": "High-performance running shoes",
    "price": {"amount": "150.00", "currency": "USD"},
    "images": ["https://..."],
    "variants": [
        {
            "id": "variant_123",
            "size": "10",
            "color": "Black",
            "available": True,
            "inventory_quantity": 5,
        }
    ],
}
_TOOL_EVENT = {
    "tool_name": "search_products",
    "parameters": {"query": "shoes"},
    "duration_ms": 250,
    "success": True,
}


def operations() -> Sequence[Operation]:
    """All that is served."""
    return (
        Operation(
            "POST",
            "/api/sessions",
            _TAG,
            "Create a session",
            {
                "session_id": _ID,
                "token": "jwt-token-for-websocket",
                "expires_at": "2024-01-20T15:00:00Z",
            },
            request=CreateSession,
            example={
                "user_id": "optional-user-id",
                "metadata": {"source": "web", "campaign": "summer-sale"},
            },
            errors=_errors(400, 401, 429),
        ),
        Operation(
            "GET",
            _SESSION,
            _TAG,
            "Get a session",
            {
                "session_id": _ID,
                "status": "active",
                "started_at": "2024-01-20T14:00:00Z",
                "messages": [
                    {
                        "role": "assistant",
                        "content": "I found 5 running shoes that might interest you",
                        "timestamp": "2024-01-20T14:00:12Z",
                        "tools_used": ["search_products"],
                    }
                ],
                "context": {"cart_items": [], "viewed_products": ["prod_123", "prod_456"]},
            },
            errors=_errors(401, 403, 404, 429),
        ),
        Operation(
            "DELETE",
            _SESSION,
            _TAG,
            "End a session",
            {"message": "Session ended successfully", "duration_seconds": 180},
            errors=_errors(401, 403, 404, 429),
        ),
        Operation(
            "POST",
            "/api/products/search",
            _TAG,
            "Search products",
            {"products": [_PRODUCT], "total_count": 15, "has_more": True},
            request=ProductSearch,
            example={
                "query": "running shoes",
                "filters": {"category": "footwear", "price_range": {"min": 50, "max": 200}},
                "limit": 10,
            },
            errors=_errors(400, 401, 429, 502),
        ),
        Operation(
            "POST",
            "/api/analytics/events",
            _TAG,
            "Track an event",
            {"event_id": "evt_789", "timestamp": "2024-01-20T14:00:00Z"},
            request=AnalyticsEvent,
            example={"session_id": _ID, "event_type": "tool_execution", "data": _TOOL_EVENT},
            errors=_errors(400, 401, 403, 404, 429),
        ),
        Operation(
            "GET",
            "/api/analytics/sessions/{session_id}",
            _TAG,
            "Get a session's figures",
            {
                "session_id": _ID,
                "metrics": {
                    "duration_seconds": 180,
                    "messages_count": 10,
                    "tools_executed": 5,
                    "products_viewed": 3,
                    "cart_value": 150.0,
                },
                "tool_usage": {"search_products": 3, "get_product_details": 2},
                "intents": ["product_search", "price_inquiry", "add_to_cart"],
            },
            errors=_errors(401, 403, 404, 429),
        ),
        Operation(
            "POST",
            "/api/test/tool-execution",
            _TAG,
            "Run one of the agent's tools",
            {"tool": "search_products", "success": True, "result": {}, "duration_ms": 12.5},
            request=ToolExecution,
            example={"tool": "search_products", "parameters": {"query": "running shoes"}},
            errors=_errors(400, 401, 403, 404, 429, 502),
        ),
    )


_ERRORS = {
    400: WireError(Code.VALIDATION_ERROR, "query: is missing", {"field": "query"}),
    401: WireError(Code.UNAUTHORIZED, "the token is not valid"),
    403: WireError(Code.FORBIDDEN, "the token belongs to another session"),
    404: WireError(Code.NOT_FOUND, "Session not found", {"session_id": _ID}),
    429: WireError(Code.RATE_LIMIT_EXCEEDED, "Too many requests", {"retry_after": 30}),
    502: WireError(Code.SHOPIFY_API_ERROR, "The shop's catalogue does not answer"),
}


def _errors(*statuses: int) -> Mapping[int, Any]:
    return {status: _ERRORS[status].body() for status in statuses}

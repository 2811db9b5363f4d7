"""The REST side of contract 004."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime
from typing import Any, cast

from greenroom.api.commerce.endpoint import read
from greenroom.api.commerce.models import (
    MAX_JSON_BYTES,
    AnalyticsEvent,
    CreateSession,
    ProductSearch,
    ToolExecution,
)
from greenroom.api.commerce.parts import API, CommerceParts
from greenroom.api.commerce.starting import CREATIONS, new_event_id
from greenroom.api.commerce.talks import Talks
from greenroom.api.endpoint import Call
from greenroom.api.limits import RateLimited
from greenroom.commerce.analytics import session_analytics
from greenroom.commerce.context import ShopContext, money_json
from greenroom.commerce.ports import Filters, Product, SearchResult
from greenroom.errors import InvalidInput, ProviderFailed
from greenroom.sessions import views
from greenroom.sessions.model import (
    AnalyticsEntry,
    ContextEntry,
    EndReason,
    Record,
    Session,
    Status,
    ToolCallEntry,
)

SEARCH_TIMEOUT = 10.0
"""Seconds for the catalogue to answer."""

INLINE_RECORDS = 300
"""Records that are looked through on the event loop; more are in a thread."""


class Routes:
    """The handlers; each returns the body of a 200."""

    def __init__(self, parts: CommerceParts, talks: Talks) -> None:
        self._parts = parts
        self._talks = talks

    async def create_session(self, call: Call) -> dict[str, Any]:
        """`POST /api/sessions`."""
        call.principal.require_api_key()
        limits = self._parts.limits
        call.allowance = await limits.hit(limits.session_creation, call.request.address)
        if call.allowance is not None and not call.allowance.allowed:
            raise RateLimited(CREATIONS, call.allowance)
        asked = await read(call, CreateSession, limit=MAX_JSON_BYTES)
        tenant = call.principal.tenant
        settings: dict[str, Any] = {}
        if asked.user_id is not None:
            settings["user_id"] = asked.user_id
        if asked.metadata is not None:
            settings["metadata"] = asked.metadata
        session = await self._parts.sessions.create(api=API, tenant=tenant, settings=settings)
        token, expires = self._parts.authenticator.tokens.sign(session.id, tenant)
        return {"session_id": session.id, "token": token, "expires_at": utc(expires)}

    async def get_session(self, call: Call) -> dict[str, Any]:
        """`GET /api/sessions/:session_id`."""
        session = await self._session(call, call.request.parameter("session_id"))
        records = await self._parts.sessions.records(session.id, kinds=("transcript", "context"))
        if len(records) > INLINE_RECORDS:
            return await asyncio.to_thread(session_details, session, records)
        return session_details(session, records)

    async def end_session(self, call: Call) -> dict[str, Any]:
        """`DELETE /api/sessions/:session_id`; the second time says the same."""
        session = await self._session(call, call.request.parameter("session_id"))
        if not session.ended:
            sessions = self._parts.sessions
            if await sessions.request_stop(session.id, EndReason.CLIENT_STOPPED):
                # Who holds it here records what was being said, and ends it.
                await self._talks.wait_gone(session.id)
            session = await sessions.end(session.id, Status.STOPPED, EndReason.CLIENT_STOPPED)
        duration = int(views.duration_seconds(session, datetime.now(UTC)))
        return {"message": "Session ended successfully", "duration_seconds": duration}

    async def search_products(self, call: Call) -> dict[str, Any]:
        """`POST /api/products/search`."""
        call.principal.require_api_key()
        asked = await read(call, ProductSearch)
        filters = Filters()
        if asked.filters is not None:
            prices = asked.filters.price_range
            filters = Filters(
                category=asked.filters.category,
                min_price=prices.min if prices else None,
                max_price=prices.max if prices else None,
                size=asked.filters.size,
            )
        try:
            async with asyncio.timeout(SEARCH_TIMEOUT):
                found = await self._parts.catalogue.search(asked.query, filters, asked.limit)
        except TimeoutError as error:
            why = f"no answer within {SEARCH_TIMEOUT:g} s"
            raise ProviderFailed(self._parts.catalogue.uri, why) from error
        return search_answer(found)

    async def track_event(self, call: Call) -> dict[str, Any]:
        """`POST /api/analytics/events`."""
        event = await read(call, AnalyticsEvent, limit=MAX_JSON_BYTES)
        event.check_data()
        session = await self._session(call, event.session_id)
        entry = AnalyticsEntry(None, new_event_id(), event.event_type, event.data or {})
        if event.event_key is None:
            self._parts.sessions.append(session.id, entry)
            return {"event_id": entry.event_id, "timestamp": utc(datetime.now(UTC))}
        kept = await self._parts.sessions.append_once(session.id, entry, event.event_key)
        first = cast("AnalyticsEntry", kept.entry)
        if (first.event_type, first.data) != (entry.event_type, entry.data):
            raise InvalidInput("event_key", "has been used for another event of this session")
        return {"event_id": first.event_id, "timestamp": utc(kept.at)}

    async def session_analytics(self, call: Call) -> dict[str, Any]:
        """`GET /api/analytics/sessions/:session_id`."""
        session = await self._session(call, call.request.parameter("session_id"))
        records = await self._parts.sessions.records(
            session.id, kinds=("transcript", "tool_call", "context", "analytics", "metric")
        )
        now = datetime.now(UTC)
        if len(records) > INLINE_RECORDS:
            return await asyncio.to_thread(session_analytics, session, records, now)
        return session_analytics(session, records, now)

    async def execute_tool(self, call: Call) -> dict[str, Any]:
        """`POST /api/test/tool-execution`."""
        asked = await read(call, ToolExecution, limit=MAX_JSON_BYTES)
        session_id = asked.session_id or call.principal.session_id
        session, context = None, ShopContext()
        if session_id is not None:
            session = await self._session(call, session_id)
            context = await self._context(session)
        arguments = asked.parameters or {}
        before = context.to_json()
        began = time.perf_counter()
        ran = await self._parts.toolbox.run(asked.tool, arguments, context)
        duration_ms = round((time.perf_counter() - began) * 1000, 3)
        result = ran.result if ran.ok else {"error": ran.error}
        if session is not None:
            append = self._parts.sessions.append
            entry = ToolCallEntry(
                f"test_{uuid.uuid4().hex[:12]}", asked.tool, arguments, result, ran.ok, duration_ms
            )
            append(session.id, entry)
            if (after := context.to_json()) != before:
                append(session.id, ContextEntry(None, after))
        if ran.failure is not None:
            raise ran.failure
        return {
            "tool": asked.tool,
            "success": ran.ok,
            "result": result,
            "duration_ms": duration_ms,
        }

    async def _session(self, call: Call, session_id: str) -> Session:
        call.principal.require_session(session_id)
        return await self._parts.sessions.get(session_id, tenant=call.principal.tenant)

    async def _context(self, session: Session) -> ShopContext:
        records = await self._parts.sessions.records(session.id, kinds=("context",))
        return ShopContext.from_json(views.last_context(records))


def session_details(session: Session, records: list[Record]) -> dict[str, Any]:
    """The body of `GET /api/sessions/:session_id`."""
    context = views.last_context(records)
    checkout = context.get("checkout_url")
    return {
        "session_id": session.id,
        "status": session.status,
        "started_at": utc(session.started_at or session.created_at),
        "messages": [
            {**message, "timestamp": utc(message["timestamp"])}
            for message in views.messages(records)
        ],
        "context": {
            "cart_items": context.get("cart_items", []),
            "viewed_products": context.get("viewed_products", []),
            **({"checkout_url": checkout} if checkout else {}),
        },
    }


def search_answer(found: SearchResult) -> dict[str, Any]:
    """The body of `POST /api/products/search`."""
    return {
        "products": [_product(product) for product in found.products],
        "total_count": found.total,
        "has_more": found.total > len(found.products),
    }


def _product(product: Product) -> dict[str, Any]:
    return {
        "id": product.id,
        "title": product.title,
        "description": product.description,
        "price": None if product.price is None else money_json(product.price),
        "images": product.images,
        "variants": [
            {
                "id": variant.id,
                "size": variant.size,
                "color": variant.color,
                "available": variant.available,
                "inventory_quantity": variant.stock,
            }
            for variant in product.variants
        ],
    }


def utc(moment: datetime) -> str:
    """The contract's form of a time: whole seconds, UTC, with a Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

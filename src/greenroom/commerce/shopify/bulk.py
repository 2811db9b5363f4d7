"""Reads a large shop's products as one file that Shopify makes.

That costs next to no points, where pages of a department store would take hours of them, but takes
its time before the first product. https://shopify.dev/docs/api/usage/bulk-operations/queries
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import orjson

from greenroom.commerce.ports import Product
from greenroom.commerce.shopify import queries
from greenroom.commerce.shopify.client import ShopifyClient
from greenroom.commerce.shopify.mapping import Mapper
from greenroom.errors import ProviderFailed
from greenroom.sessions.clock import Clock

POLL = 5.0
"""Seconds between two looks at how far the file is."""

MAX_WAIT = 3_600.0
"""Seconds for the file to be made."""

MAX_LINE = 4_000_000
"""Bytes of one line of the file: one product, or one variant."""

_TIME_LIMIT = 30.0
_UNDER_WAY = frozenset({"CREATED", "RUNNING"})


async def bulk_products(
    client: ShopifyClient, mapper: Mapper, clock: Clock, name: str
) -> AsyncGenerator[list[Product], None]:
    """Every product that is for sale, some at a time. Raises ProviderFailed."""
    url = await _file(client, clock, name)
    if url is None:
        return
    lines = BulkLines(mapper, name)
    async with contextlib.aclosing(client.download(url)) as pieces:
        async for piece in pieces:
            yield await asyncio.to_thread(lines.feed, piece)
    yield await asyncio.to_thread(lines.feed, b"", last=True)


async def _file(client: ShopifyClient, clock: Clock, name: str) -> str | None:
    """Where the file is, once it is made; None: there is nothing in it."""
    data = await client.query(
        queries.BULK_START, {"query": queries.BULK_PRODUCTS}, time_limit=_TIME_LIMIT
    )
    started = data.get("bulkOperationRunQuery") or {}
    for error in started.get("userErrors") or ():
        raise ProviderFailed(name, f"no file: {str(error.get('message'))[:200]}")
    operation = (started.get("bulkOperation") or {}).get("id")
    until = clock.time() + MAX_WAIT
    while clock.time() < until:
        await clock.sleep(POLL)
        data = await client.query(queries.BULK_STATUS, {"id": operation}, time_limit=_TIME_LIMIT)
        node = data.get("node") or {}
        if node.get("status") == "COMPLETED":
            url = node.get("url")
            return url if isinstance(url, str) and url else None
        if node.get("status") not in _UNDER_WAY:
            raise ProviderFailed(name, f"no file: {node.get('status')}, {node.get('errorCode')}")
    raise ProviderFailed(name, f"no file within {MAX_WAIT:g} s")


class BulkLines:
    """Puts lines of JSON together to products: a product's variants follow it."""

    def __init__(self, mapper: Mapper, name: str) -> None:
        self._mapper, self._name = mapper, name
        self._rest = b""
        self._open: dict[str, Any] | None = None

    def feed(self, piece: bytes, *, last: bool = False) -> list[Product]:
        """The products that are complete by now. Raises ProviderFailed."""
        lines = (self._rest + piece).split(b"\n")
        self._rest = b"" if last else lines.pop()
        if len(self._rest) > MAX_LINE:
            raise ProviderFailed(self._name, f"a line of over {MAX_LINE} bytes in a file")
        nodes: list[dict[str, Any]] = []
        for line in filter(None, lines):
            try:
                node = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise ProviderFailed(self._name, "a line that is no JSON in a file") from error
            nodes += self._take(node)
        if last and self._open is not None:
            nodes.append(self._open)
            self._open = None
        return self._mapper.products(nodes)

    def _take(self, node: Any) -> list[dict[str, Any]]:
        if not isinstance(node, dict):
            return []
        if (parent := node.get("__parentId")) is not None:
            if self._open is not None and self._open.get("id") == parent:
                self._open["variants"]["nodes"].append(node)
            return []
        done, self._open = self._open, {**node, "variants": {"nodes": []}}
        return [] if done is None else [done]

"""Reads products of a shop, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from greenroom.commerce.ports import Product
from greenroom.commerce.shopify import queries
from greenroom.commerce.shopify.client import ShopifyClient, TooCostly
from greenroom.commerce.shopify.mapping import Mapper, next_cursor, nodes_of

MAX_VARIANTS = 2_048
"""Variants of one product: Shopify's own limit."""

PAGE_TIME_LIMIT = 120.0
"""Seconds for one page in the background, with what it waits for points."""

WANTED_COST = 500.0
"""Points that a page should at most cost; the pages are made larger or smaller for that."""

SPARE = 0.3
"""The share of the bucket that reading in the background leaves to shoppers' questions."""

_FIRST_PAGE = 10


class Page:
    """Products of one page: those for sale, the ids of those that are not, and what follows."""

    def __init__(self, products: list[Product], gone: list[str], cursor: str | None) -> None:
        self.products, self.gone, self.cursor = products, gone, cursor


class Reader:
    """Reads one shop's products. All methods raise ProviderFailed."""

    def __init__(self, client: ShopifyClient, mapper: Mapper) -> None:
        self._client, self._mapper = client, mapper
        self._size = _FIRST_PAGE

    async def pages(
        self, query: str, sort: str, cursor: str | None = None
    ) -> AsyncGenerator[Page, None]:
        """Every product that `query` finds, from `cursor` on. `sort` is of ProductSortKeys."""
        while True:
            connection = await self._page(query, sort, cursor)
            nodes = nodes_of(connection)
            for node in nodes:
                await self._complete(node, time_limit=PAGE_TIME_LIMIT, spare=SPARE)
            cursor = next_cursor(connection)
            gone = [_id(node) for node in nodes if not _for_sale(node)]
            kept = [node for node in nodes if _for_sale(node)]
            # HTML is read in Python: tens of milliseconds for a page.
            yield Page(await asyncio.to_thread(self._mapper.products, kept), gone, cursor)
            if cursor is None:
                return

    async def product(self, product_id: str, *, time_limit: float) -> Product | None:
        """One product as it is now; None where there is none for sale. `time_limit` in seconds."""
        data = await self._client.query(
            queries.PRODUCT,
            {"id": product_id, "variants": queries.FIRST_VARIANTS},
            time_limit=time_limit,
        )
        node = data.get("product")
        if not isinstance(node, dict) or not _for_sale(node):
            return None
        await self._complete(node, time_limit=time_limit, spare=0.0)
        return await asyncio.to_thread(self._mapper.product, node)

    async def count(self) -> int:
        """How many products are for sale. Shopify counts a few thousand and then says so many."""
        variables = {"query": queries.ACTIVE}
        data = await self._client.query(queries.COUNT, variables, time_limit=PAGE_TIME_LIMIT)
        found = (data.get("productsCount") or {}).get("count")
        return found if isinstance(found, int) else 0

    async def ids(self) -> set[str]:
        """The ids of all products that are for sale."""
        found: set[str] = set()
        cursor: str | None = None
        while True:
            variables = {"first": queries.MAX_PAGE, "after": cursor, "query": queries.ACTIVE}
            data = await self._client.query(
                queries.IDS, variables, time_limit=PAGE_TIME_LIMIT, spare=SPARE
            )
            found.update(_id(node) for node in nodes_of(data.get("products")))
            cursor = next_cursor(data.get("products"))
            if cursor is None:
                return found

    async def _page(self, query: str, sort: str, cursor: str | None) -> object:
        while True:
            variables = {
                "first": self._size, "after": cursor, "query": query, "sort": sort,
                "variants": queries.FIRST_VARIANTS,
            }  # fmt: skip
            try:
                data = await self._client.query(
                    queries.PRODUCTS, variables, time_limit=PAGE_TIME_LIMIT, spare=SPARE
                )
            except TooCostly:
                if self._size == 1:
                    raise
                self._size = max(1, self._size // 2)
                continue
            cost = max(self._client.cost_of(queries.PRODUCTS), 1.0)
            fitting = int(self._size * WANTED_COST / cost)
            self._size = max(1, min(fitting, self._size * 2, queries.MAX_PAGE))
            return data.get("products")

    async def _complete(self, node: Any, *, time_limit: float, spare: float) -> None:
        """Add the variants that did not come with a product."""
        connection = node.get("variants") if isinstance(node, dict) else None
        variants = nodes_of(connection)
        while (cursor := next_cursor(connection)) is not None and len(variants) < MAX_VARIANTS:
            data = await self._client.query(
                queries.VARIANTS,
                {"id": node["id"], "first": queries.MAX_PAGE, "after": cursor},
                time_limit=time_limit,
                spare=spare,
            )
            product = data.get("product")
            connection = product.get("variants") if isinstance(product, dict) else None
            variants += nodes_of(connection)


def _id(node: object) -> str:
    found = node.get("id") if isinstance(node, dict) else None
    return found if isinstance(found, str) else ""


def _for_sale(node: object) -> bool:
    return isinstance(node, dict) and node.get("status") == "ACTIVE"

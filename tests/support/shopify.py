"""A Shopify shop on this machine: the Admin GraphQL API as far as the catalogue uses it.

Queries are parsed and checked against the real schema's names. Points are counted as the public
documentation says, with a leaky bucket. A test can queue misbehaviour for the next requests.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from support.graphql import Field, GraphQLError, Query, Types, fields_of
from support.serving import serving

TOKEN = "shpat_of_the_tests"
VERSION = "2026-10"
PATH = "/admin/api/{version}/graphql.json"

_NONE: Mapping[str, str] = {}
_CONNECTION = {"first": "Int", "after": "String", "last": "Int", "before": "String"}
_PAGE = {"pageInfo": ("PageInfo!", _NONE)}


def _scalars(names: str) -> dict[str, tuple[str, Mapping[str, str]]]:
    return dict.fromkeys(names.split(), ("String", _NONE))


TYPES: Types = {
    "Mutation": {
        "bulkOperationRunQuery": (
            "BulkOperationRunQueryPayload",
            {"query": "String!", "groupObjects": "Boolean"},
        ),
    },
    "BulkOperationRunQueryPayload": {
        "bulkOperation": ("BulkOperation", _NONE),
        "userErrors": ("[BulkOperationUserError!]!", _NONE),
    },
    "BulkOperationUserError": _scalars("code field message"),
    "BulkOperation": _scalars(
        "id status errorCode createdAt completedAt objectCount rootObjectCount fileSize url"
        " partialDataUrl query type"
    ),
    "Node": _scalars("id"),
    "Count": _scalars("count precision"),
    "QueryRoot": {
        "node": ("Node", {"id": "ID!"}),
        "productsCount": ("Count", {"query": "String", "limit": "Int", "savedSearchId": "ID"}),
        "shop": ("Shop!", _NONE),
        "product": ("Product", {"id": "ID!"}),
        "products": (
            "ProductConnection!",
            {**_CONNECTION, "query": "String", "sortKey": "ProductSortKeys", "reverse": "Boolean"},
        ),
    },
    "Shop": {
        **_scalars("id name email currencyCode myshopifyDomain"),
        "primaryDomain": ("Domain!", _NONE),
        "shopPolicies": ("[ShopPolicy!]!", _NONE),
    },
    "Domain": _scalars("id host sslEnabled url"),
    "ShopPolicy": _scalars("id type title body url createdAt updatedAt"),
    "ProductConnection": {
        "nodes": ("[Product!]!", _NONE),
        "edges": ("[ProductEdge!]!", _NONE),
        **_PAGE,
    },
    "ProductEdge": {"node": ("Product!", _NONE), "cursor": ("String", _NONE)},
    "ProductVariantConnection": {
        "nodes": ("[ProductVariant!]!", _NONE),
        "edges": ("[ProductVariantEdge!]!", _NONE),
        **_PAGE,
    },
    "ProductVariantEdge": {"node": ("ProductVariant!", _NONE), "cursor": ("String", _NONE)},
    "PageInfo": _scalars("hasNextPage hasPreviousPage startCursor endCursor"),
    "Product": {
        **_scalars(
            "id title description descriptionHtml handle productType vendor tags status"
            " tracksInventory totalInventory createdAt updatedAt publishedAt onlineStoreUrl"
        ),
        "category": ("TaxonomyCategory", _NONE),
        "featuredMedia": ("Media", _NONE),
        "variants": ("ProductVariantConnection!", {**_CONNECTION, "reverse": "Boolean"}),
    },
    "TaxonomyCategory": _scalars("id name fullName"),
    "Media": {**_scalars("id alt"), "preview": ("MediaPreviewImage", _NONE)},
    "MediaPreviewImage": {**_scalars("status"), "image": ("Image", _NONE)},
    "Image": _scalars("id url altText width height"),
    "ProductVariant": {
        **_scalars(
            "id title sku barcode price compareAtPrice inventoryQuantity inventoryPolicy"
            " availableForSale createdAt updatedAt"
        ),
        "selectedOptions": ("[SelectedOption!]!", _NONE),
    },
    "SelectedOption": _scalars("name value"),
}
ENUMS = {
    "ProductSortKeys": {
        "CREATED_AT", "ID", "INVENTORY_TOTAL", "PRODUCT_TYPE", "PUBLISHED_AT", "RELEVANCE",
        "TITLE", "UPDATED_AT", "VENDOR",
    }
}  # fmt: skip


class Clock(Protocol):
    def now(self) -> datetime: ...
    def time(self) -> float: ...


Misbehaviour = Callable[[], Response]


@dataclass
class Shop:
    """The shop's data and its manners. Change it as you like while it is served."""

    clock: Clock
    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    currency: str = "USD"
    domain: str = "https://shop.example"
    policies: list[dict[str, Any]] = field(default_factory=list)
    denied: dict[str, str] = field(default_factory=dict)
    """Fields that the token may not read, with the scope that they need."""
    maximum: float = 2_000.0
    rate: float = 100.0
    highest_cost: int = 1_000
    misbehaviour: deque[Misbehaviour] = field(default_factory=deque)
    always: Misbehaviour | None = None
    held: asyncio.Event | None = None
    hold_after: int = 0
    """Answers wait for `held`, except to the first so many requests."""
    asked: list[Query] = field(default_factory=list)
    """The queries that were answered."""
    requests: int = 0
    refused: int = 0
    """Requests that found the bucket too empty."""
    bulk_status: list[str] = field(default_factory=lambda: ["RUNNING", "COMPLETED"])
    """What a bulk operation says, look by look; the last for ever."""
    bulk_error: str = ""
    bulk_lines: list[str] | None = None
    """The file's lines, instead of the right ones."""
    downloads: int = 0
    peers: set[Any] = field(default_factory=set)
    url: str = ""
    _came: asyncio.Event = field(default_factory=asyncio.Event)
    download_misbehaves: Misbehaviour | None = None
    _file: list[str] = field(default_factory=list)
    _looks: int = 0
    _level: float = 0.0
    _level_at: float = 0.0

    def put(self, *products: dict[str, Any]) -> None:
        """Add or change products: they count as updated now."""
        for product in products:
            stamp = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
            self.products[product["id"]] = {**product, "updatedAt": stamp}

    def count(self, root: str) -> int:
        """How many queries for a field of the root were answered."""
        return sum(query.root[0].name == root for query in self.asked)

    def cursors(self, query: str) -> list[str | None]:
        """Where the pages of products that were asked for with a `query` began."""
        return [
            each.root[0].arguments["after"]
            for each in self.asked
            if each.root[0].arguments.get("query") == query
            and len(list(fields_of(next(fields_of(each.root[0]))))) > 1  # more than ids
        ]

    @property
    def changes(self) -> int:
        """Pages of changed products that were asked for."""
        queries = [str(each.root[0].arguments.get("query")) for each in self.asked]
        return sum(each.startswith("updated_at") for each in queries)

    async def until(self, done: Callable[[], bool]) -> None:
        """Return when a request has come after which `done()` is true."""
        async with asyncio.timeout(10):
            while not done():
                self._came.clear()
                await self._came.wait()

    async def answer(self, request: Request) -> Response:
        self.requests += 1
        self._came.set()
        self.peers.add(request.client)
        body = await request.body()
        if self.held is not None and self.requests > self.hold_after:
            await self.held.wait()
        misbehaviour = self.misbehaviour.popleft() if self.misbehaviour else self.always
        if misbehaviour is not None:
            return misbehaviour()
        if request.headers.get("x-shopify-access-token") != TOKEN:
            return JSONResponse({"errors": "[API] Invalid API key or access token"}, 401)
        if request.path_params["version"] != VERSION:
            return JSONResponse({"errors": "Not Found"}, 404)
        asked = json.loads(body)
        try:
            query = Query(asked["query"], asked["variables"], TYPES, ENUMS)
        except GraphQLError as error:
            return JSONResponse({"errors": [{"message": str(error)}]})
        return JSONResponse(self.run(query))

    def run(self, query: Query) -> dict[str, Any]:
        cost = query.cost
        if cost > self.highest_cost:
            return _error("Query cost is too high", "MAX_COST_EXCEEDED", cost=cost)
        self._leak()
        if self.maximum - self._level < cost:
            self.refused += 1
            return _error("Throttled", "THROTTLED") | self._extensions(cost, None)
        try:
            data = {one.name: self._root(one) for one in query.root}
        except _Denied as error:
            needed = {"requiredAccess": f"`{error.scope}` access scope."}
            return _error(f"Access denied for {error.name} field.", "ACCESS_DENIED", **needed) | {
                "data": None
            }
        self.asked.append(query)
        actual = min(cost, max(1, round(cost * 0.6)))
        self._level += actual
        return {"data": data} | self._extensions(cost, actual)

    def _start_bulk(self, one: Field) -> dict[str, Any]:
        assert one.arguments["groupObjects"] == "true"
        (products,) = Query(one.arguments["query"], {}, TYPES, ENUMS, bulk=True).root
        lines = []
        for each in self._search(products.arguments):
            lines.append(json.dumps({**each, "variants": None}))
            lines += [json.dumps({**v, "__parentId": each["id"]}) for v in each["variants"]]
        self._file = lines
        self._looks = 0
        errors = [{"field": None, "message": self.bulk_error}] if self.bulk_error else []
        return {"bulkOperation": {"id": "gid://shopify/BulkOperation/1"}, "userErrors": errors}

    def _bulk(self) -> dict[str, Any]:
        status = self.bulk_status[min(self._looks, len(self.bulk_status) - 1)]
        self._looks += 1
        done = status == "COMPLETED" and (self._file or self.bulk_lines)
        return {
            "status": status,
            "errorCode": "INTERNAL_SERVER_ERROR" if status == "FAILED" else None,
            "url": f"{self.url}/file" if done else None,
        }

    async def download(self, request: Request) -> Response:
        assert "x-shopify-access-token" not in request.headers
        self.downloads += 1
        if self.download_misbehaves is not None:
            return self.download_misbehaves()
        lines = self._file if self.bulk_lines is None else self.bulk_lines
        return Response("".join(line + "\n" for line in lines))

    def _leak(self) -> None:
        now = self.clock.time()
        self._level = max(0.0, self._level - (now - self._level_at) * self.rate)
        self._level_at = now

    def _extensions(self, cost: int, actual: int | None) -> dict[str, Any]:
        status = {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": self.maximum - self._level,
            "restoreRate": self.rate,
        }
        return {
            "extensions": {
                "cost": {
                    "requestedQueryCost": cost,
                    "actualQueryCost": actual,
                    "throttleStatus": status,
                }
            }
        }

    def _root(self, one: Field) -> Any:
        if one.name in self.denied:
            raise _Denied(one.name, self.denied[one.name])
        if one.name == "shop":
            shop = {
                "currencyCode": self.currency,
                "primaryDomain": {"url": self.domain},
                "shopPolicies": self.policies,
            }
            return self._select(shop, one, "Shop")
        if one.name == "bulkOperationRunQuery":
            return self._select(self._start_bulk(one), one, "BulkOperationRunQueryPayload")
        if one.name == "node":
            return self._select(self._bulk(), one, "BulkOperation")
        if one.name == "productsCount":
            return {"count": len(self._search(one.arguments))}
        if one.name == "product":
            return self._select(self.products.get(one.arguments["id"]), one, "Product")
        return self._select(self._search(one.arguments), one, "ProductConnection")

    def _search(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        found = list(self.products.values())
        wanted = arguments.get("query") or ""
        if wanted == "status:active":
            found = [each for each in found if each["status"] == "ACTIVE"]
        elif wanted.startswith("updated_at:>='"):
            since = wanted.removeprefix("updated_at:>='").removesuffix("'")
            found = [each for each in found if each["updatedAt"] >= since]
        elif wanted:
            raise AssertionError(f"this shop can't search for {wanted!r}")
        by_id = {"ID": True, "UPDATED_AT": False}[arguments.get("sortKey") or "ID"]
        return sorted(
            found, key=lambda each: ("" if by_id else each["updatedAt"], _number(each["id"]))
        )

    def _select(self, value: Any, one: Field, kind: str) -> Any:
        if one.selections is None or value is None:
            return value
        if kind.endswith("Connection"):
            return self._page(value, one, kind)
        if isinstance(value, list):
            return [self._select(each, one, kind) for each in value]
        if isinstance(value, str):
            return value  # odd data that a test has put there
        selected = {}
        for each in fields_of(one):
            if each.name in self.denied:
                raise _Denied(each.name, self.denied[each.name])
            inner = TYPES[kind][each.name][0].strip("[]!")
            selected[each.name] = self._select(value.get(each.name), each, inner)
        return selected

    def _page(self, items: list[Any], one: Field, kind: str) -> dict[str, Any]:
        after = one.arguments.get("after")
        start = int(after.removeprefix("after:")) if after else 0
        end = start + one.arguments["first"]
        page: dict[str, Any] = {}
        for each in fields_of(one):
            if each.name == "nodes":
                inner = TYPES[kind]["nodes"][0].strip("[]!")
                page["nodes"] = [self._select(item, each, inner) for item in items[start:end]]
            else:
                page["pageInfo"] = {
                    "hasNextPage": end < len(items),
                    "endCursor": f"after:{min(end, len(items))}" if items else None,
                }
        return page


class _Denied(Exception):
    def __init__(self, name: str, scope: str) -> None:
        self.name, self.scope = name, scope


def _error(message: str, code: str, **more: Any) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code, **more}}]}


def _number(product_id: str) -> int:
    tail = product_id.rpartition("/")[2]
    return int(tail) if tail.isdigit() else 0


def product(number: int, title: str = "", **changes: Any) -> dict[str, Any]:
    """A product as Shopify keeps it, with one variant unless `variants` says otherwise."""
    plain = {
        "id": f"gid://shopify/Product/{number}",
        "title": title or f"Product {number}",
        "descriptionHtml": f"<p>Description of <b>{number}</b></p>",
        "productType": "Footwear",
        "vendor": "Wild Fox",
        "tags": ["running"],
        "status": "ACTIVE",
        "tracksInventory": True,
        "category": {"name": "Shoes"},
        "featuredMedia": {"preview": {"image": {"url": f"https://cdn.example/{number}.jpg"}}},
        "variants": [variant(number * 100 + 1)],
    }
    return plain | changes


def variant(
    number: int, price: str | None = "10.00", stock: Any = 5, **changes: Any
) -> dict[str, Any]:
    """A variant as Shopify keeps it. `options` are its `selectedOptions`."""
    options = changes.pop("options", None) or [{"name": "Title", "value": "Default Title"}]
    return {
        "id": f"gid://shopify/ProductVariant/{number}",
        "price": price,
        "inventoryQuantity": stock,
        "inventoryPolicy": "DENY",
        "availableForSale": isinstance(stock, int) and stock > 0,
        "selectedOptions": options,
        **changes,
    }


def options(**values: str) -> list[dict[str, str]]:
    """`selectedOptions` by name."""
    return [{"name": name, "value": value} for name, value in values.items()]


def status(code: int, **headers: str) -> Misbehaviour:
    """An answer with this HTTP status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: JSONResponse({"errors": "no"}, code, headers=named)


def body(text: str) -> Misbehaviour:
    """An answer of this text."""
    return lambda: Response(text, media_type="application/json")


def error(message: str, code: str | None = None) -> Misbehaviour:
    """An answer with one error."""
    extensions = {} if code is None else {"extensions": {"code": code}}
    return body(json.dumps({"errors": [{"message": message, **extensions}]}))


def drop() -> Response:
    """A connection that ends in the middle of an answer."""

    async def half() -> AsyncIterator[bytes]:
        yield b'{"data": {"shop'

    return StreamingResponse(half(), headers={"Content-Length": "1000"})


@asynccontextmanager
async def running_shop(shop: Shop) -> AsyncIterator[Shop]:
    """The shop on a free port; its `url` is set."""
    app = Starlette(
        routes=[Route(PATH, shop.answer, methods=["POST"]), Route("/file", shop.download)]
    )
    async with serving(app) as url:
        shop.url = url
        yield shop


class HastyClock:
    """A clock on which sleeping takes no time; `slept` is what was asked for."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 11, 1, 12, tzinfo=UTC) + timedelta(seconds=self._seconds)

    def time(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._seconds += seconds
        await asyncio.sleep(0)

"""A catalogue in SQLite: full-text search with FTS5, filters by index.

The database lives in memory and is filled when it is first used. One thread of its own does all
work with it, so the event loop never waits for SQL.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TypeVar

import orjson

from greenroom.commerce.checkout import cart_permalink
from greenroom.commerce.lexicon import CATEGORY_NAMES
from greenroom.commerce.ports import (
    NO_FILTERS,
    CheckoutLine,
    Filters,
    Money,
    Policy,
    Product,
    SearchResult,
    Variant,
)
from greenroom.commerce.search_terms import Index, parse_query
from greenroom.commerce.sizes import canonical_color, canonical_size
from greenroom.errors import InvalidInput, ProductNotFound, ProviderFailed

MAX_LIMIT = 250
"""Products of one page."""

MAX_VOCABULARY = 4_000
"""Titles and words that `vocabulary` gives at most, each."""

_T = TypeVar("_T")

_SCHEMA = """
CREATE TABLE products (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, brand TEXT NOT NULL,
    category TEXT NOT NULL, tags TEXT NOT NULL, cents INTEGER, body BLOB NOT NULL
);
CREATE INDEX products_by_category ON products (category, cents);
CREATE INDEX products_by_price ON products (cents);
CREATE TABLE variants (
    product INTEGER NOT NULL REFERENCES products (number), id TEXT NOT NULL,
    size TEXT, color TEXT, cents INTEGER NOT NULL, stock INTEGER NOT NULL
);
CREATE INDEX variants_by_product ON variants (product, size, color, stock, cents);
CREATE INDEX variants_by_id ON variants (id);
CREATE VIRTUAL TABLE stemmed USING fts5(
    title, category, brand, tags, colors, description,
    content='', tokenize="porter unicode61 remove_diacritics 2"
);
CREATE VIRTUAL TABLE beginnings USING fts5(
    title, category, brand, tags,
    content='', tokenize="unicode61 remove_diacritics 2", prefix='2 3 4'
);
"""

# A hit in the title says most about what a product is, one in the description least.
_RANKS = {
    "stemmed": "bm25(stemmed, 10.0, 4.0, 3.0, 3.0, 1.0, 1.0)",
    "beginnings": "bm25(beginnings, 10.0, 4.0, 3.0, 3.0)",
}


class SqliteCatalogue:
    """Searches products that `load` gives, once, on the first use. Payment is at `shop_url`."""

    def __init__(
        self,
        uri: str,
        load: Callable[[], Iterable[Product]],
        *,
        policies: Callable[[], tuple[Policy, ...]] = tuple,
        shop_url: str = "https://shop.example",
    ) -> None:
        self.uri = uri
        self._load, self._policies, self._shop_url = load, policies, shop_url
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="catalogue")
        self._database: sqlite3.Connection | None = None
        self._closed = False

    async def search(
        self, query: str, filters: Filters = NO_FILTERS, limit: int = 10, offset: int = 0
    ) -> SearchResult:
        """Products for `query`, ranked by bm25; without a query, in the catalogue's order.

        The price bounds hold for the product's own price; `size`, `color` and `in_stock` must be
        met by one and the same variant, and with `max_price` that variant must cost no more.
        `in_stock=False` asks for what is sold out. Raises ProviderFailed.
        """
        return await self._do(
            lambda database: _search(database, query, filters, min(limit, MAX_LIMIT), offset)
        )

    async def get(self, product_id: str) -> Product:
        """One product. Raises ProductNotFound, ProviderFailed."""
        row = await self._do(
            lambda database: database.execute(
                "SELECT body FROM products WHERE id = ?", (product_id,)
            ).fetchone()
        )
        if row is None:
            raise ProductNotFound(product_id)
        return _product_of(row[0])

    async def policies(self) -> tuple[Policy, ...]:
        """All policies of the shop. Raises ProviderFailed."""
        return await self._do(lambda _: self._policies())

    async def checkout_url(self, lines: Sequence[CheckoutLine]) -> str:
        """A cart permalink for exactly these units.

        Raises InvalidInput for no lines and for a variant that the shop doesn't have, and
        ProviderFailed.
        """
        link = cart_permalink(self._shop_url, lines)
        await self._do(lambda database: _require_variants(database, lines))
        return link

    async def check(self) -> None:
        """Raise ProviderFailed if the database does not answer."""
        await self._do(lambda database: database.execute("SELECT 1 FROM products").fetchone())

    async def vocabulary(self) -> tuple[str, ...]:
        """Titles, then brands, categories, tags, colours and sizes, without repetition."""
        return await self._do(_vocabulary)

    async def close(self) -> None:
        """Close the database and end the thread. Harmless twice."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close_database)
        self._thread.shutdown()

    async def _do(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._closed:
            raise ProviderFailed(self.uri, "the catalogue is closed")

        def run() -> _T:
            if self._database is None:
                self._database = _open(self._load())
            return work(self._database)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except (sqlite3.Error, OSError, orjson.JSONDecodeError) as error:
            raise ProviderFailed(self.uri, f"{type(error).__name__}: {error}") from error

    def _close_database(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _open(products: Iterable[Product]) -> sqlite3.Connection:
    # Opened and used by the catalogue's one thread, and closed by it.
    database = sqlite3.connect(":memory:")
    try:
        database.executescript(_SCHEMA)
        with database:
            for number, product in enumerate(products, start=1):
                _insert(database, number, product)
    except BaseException:
        database.close()
        raise
    return database


def _insert(database: sqlite3.Connection, number: int, product: Product) -> None:
    tags = " ".join(product.tags)
    category = product.category.casefold()
    colors = sorted({canonical_color(v.color) for v in product.variants if v.color})
    database.execute(
        "INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number, product.id, product.title, product.brand, category, tags,
            None if product.price is None else _cents(product.price.amount), _body_of(product),
        ),
    )  # fmt: skip
    database.executemany(
        "INSERT INTO variants VALUES (?, ?, ?, ?, ?, ?)",
        (
            (
                number,
                variant.id,
                None if variant.size is None else canonical_size(variant.size),
                None if variant.color is None else canonical_color(variant.color),
                _cents(variant.price.amount),
                variant.stock,
            )
            for variant in product.variants
        ),
    )
    database.execute(
        "INSERT INTO stemmed (rowid, title, category, brand, tags, colors, description)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            number, product.title, product.category, product.brand, tags, " ".join(colors),
            product.description,
        ),
    )  # fmt: skip
    database.execute(
        "INSERT INTO beginnings (rowid, title, category, brand, tags) VALUES (?, ?, ?, ?, ?)",
        (number, product.title, product.category, product.brand, tags),
    )


def _search(
    database: sqlite3.Connection, query: str, filters: Filters, limit: int, offset: int
) -> SearchResult:
    conditions, values = _conditions(filters)
    source, order = "products", "products.number"
    if (terms := parse_query(query)) is not None:
        index, expression = next(
            (attempt for attempt in terms.attempts() if _finds_any(database, *attempt)),
            (None, ""),
        )
        if index is None:
            return SearchResult((), 0)
        source = f"{index} JOIN products ON products.number = {index}.rowid"
        conditions, values = [f"{index} MATCH ?", *conditions], [expression, *values]
        order = f"{_RANKS[index]}, products.number"
    elif query.strip() and not any(character.isalnum() for character in query):
        return SearchResult((), 0)
    # Only names from this file go into the text; what came from outside is bound.
    clause = f"FROM {source}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
    (total,) = database.execute(f"SELECT count(*) {clause}", values).fetchone()
    rows = database.execute(
        f"SELECT products.body {clause} ORDER BY {order} LIMIT ? OFFSET ?",
        [*values, limit, offset],
    )
    return SearchResult(tuple(_product_of(body) for (body,) in rows), total)


def _require_variants(database: sqlite3.Connection, lines: Sequence[CheckoutLine]) -> None:
    for line in lines:
        found = database.execute("SELECT 1 FROM variants WHERE id = ?", (line.variant_id,))
        if found.fetchone() is None:
            raise InvalidInput("lines.variant_id", "no such variant", "an id of the shop")


def _finds_any(database: sqlite3.Connection, index: Index, expression: str) -> bool:
    """Whether the whole shop has something for the expression.

    How loosely a query is read must not hang on the filters: who asks for running shoes at a price
    that no running shoe has wants none, and no other shoes.
    """
    found = database.execute(
        f"SELECT 1 FROM {index} WHERE {index} MATCH ? LIMIT 1",  # noqa: S608
        (expression,),
    )
    return found.fetchone() is not None


def _conditions(filters: Filters) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    if filters.category is not None:
        name = filters.category.casefold().strip()
        conditions.append("products.category IN (?, ?)")
        values += [name, CATEGORY_NAMES.get(name, name)]
    if filters.min_price is not None:
        conditions.append("products.cents >= ?")
        values.append(_cents(filters.min_price))
    if filters.max_price is not None:
        conditions.append("products.cents <= ?")
        values.append(_cents(filters.max_price))
    variant, variant_values = _variant_condition(filters)
    if variant:
        conditions.append(variant)
        values += variant_values
    return conditions, values


def _variant_condition(filters: Filters) -> tuple[str, list[object]]:
    wanted: list[str] = []
    values: list[object] = []
    if filters.size is not None:
        wanted.append("size = ?")
        values.append(canonical_size(filters.size))
    if filters.color is not None:
        wanted.append("color = ?")
        values.append(canonical_color(filters.color))
    if not wanted and filters.in_stock is None:
        return "", []
    if filters.max_price is not None:
        wanted.append("cents <= ?")
        values.append(_cents(filters.max_price))
    matching = "SELECT 1 FROM variants WHERE " + " AND ".join(  # noqa: S608
        ["product = products.number", *wanted]
    )
    if filters.in_stock is None:
        return f"EXISTS ({matching})", values
    if filters.in_stock:
        return f"EXISTS ({matching} AND stock > 0)", values
    return f"EXISTS ({matching}) AND NOT EXISTS ({matching} AND stock > 0)", values * 2


def _vocabulary(database: sqlite3.Connection) -> tuple[str, ...]:
    titles = database.execute(
        "SELECT title FROM products ORDER BY number LIMIT ?", [MAX_VOCABULARY]
    )
    words = database.execute(
        "SELECT DISTINCT brand FROM products UNION SELECT DISTINCT category FROM products"
        " UNION SELECT DISTINCT color FROM variants WHERE color IS NOT NULL"
        " UNION SELECT DISTINCT size FROM variants WHERE size IS NOT NULL"
        " ORDER BY 1 LIMIT ?",
        [MAX_VOCABULARY],
    )
    tags = database.execute("SELECT DISTINCT tags FROM products LIMIT ?", [MAX_VOCABULARY])
    found = dict.fromkeys(row[0] for row in titles)
    found |= dict.fromkeys(row[0] for row in words)
    found |= dict.fromkeys(sorted({tag for (row,) in tags for tag in row.split()}))
    found.pop("", None)
    return tuple(found)


def _cents(amount: Decimal) -> int:
    # Bounds of a filter are rounded too; none of our prices has a fraction of a cent.
    return int(min(max(amount, Decimal(-1)), Decimal(10**12)) * 100)


def _body_of(product: Product) -> bytes:
    return orjson.dumps(product, default=str)


def _product_of(body: bytes) -> Product:
    data = orjson.loads(body)
    variants = tuple(
        Variant(**{**variant, "price": _money(variant["price"])}) for variant in data["variants"]
    )
    return Product(
        **{
            **data,
            "price": None if data["price"] is None else _money(data["price"]),
            "images": tuple(data["images"]),
            "tags": tuple(data["tags"]),
            "variants": variants,
        }
    )


def _money(data: dict[str, str]) -> Money:
    return Money(Decimal(data["amount"]), data["currency"])

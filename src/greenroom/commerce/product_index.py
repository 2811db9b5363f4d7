"""Products in SQLite, in memory: full-text search with FTS5, filters over columns of numbers.

Nothing here is asynchronous, and all calls must come from one thread.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import orjson

from greenroom.commerce.facets import Facets, Flags
from greenroom.commerce.ports import Filters, Money, Product, SearchResult, Variant
from greenroom.commerce.search_terms import Index, SearchTerms, parse_query, without_apostrophes
from greenroom.commerce.sizes import canonical_color

RANKED = 500
"""Hits of one query that are ranked. bm25 costs some 3 us a hit, and a word like "shoe" may find a
fifth of a department store; what is found beyond these comes in the catalogue's order."""

MAX_VOCABULARY = 4_000
"""Titles and words that `vocabulary` gives at most, each."""

_BATCH = 200

Numbers: TypeAlias = npt.NDArray[np.int64]
"""Products by their numbers, which rise in the catalogue's order."""

_COLUMNS: dict[Index, tuple[str, ...]] = {
    "stemmed": ("title", "category", "brand", "tags", "colors", "description"),
    "beginnings": ("title", "category", "brand", "tags"),
}
_SCHEMA = """
CREATE TABLE products (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, brand TEXT NOT NULL,
    tags TEXT NOT NULL, body BLOB NOT NULL
);
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
_RANKS: dict[Index, str] = {
    "stemmed": "bm25(stemmed, 10.0, 4.0, 3.0, 3.0, 1.0, 1.0)",
    "beginnings": "bm25(beginnings, 10.0, 4.0, 3.0, 3.0)",
}


class ProductIndex:
    """Products that can be searched. `currency` is the one that price filters are in."""

    def __init__(self, currency: str | None = None) -> None:
        self._facets = Facets(currency)
        self._next = 1
        self._database = sqlite3.connect(":memory:", isolation_level=None)
        self._database.executescript(_SCHEMA)

    def put(self, products: Iterable[Product], stop: Callable[[], bool] = lambda: False) -> None:
        """Add products, or replace those of the same id. Ends early, undone in part, on `stop`."""
        remaining = iter(products)
        while not stop() and (batch := list(islice(remaining, _BATCH))):
            # The last of an id counts, within a batch too.
            self._put({product.id: product for product in batch})

    def remove(self, ids: Sequence[str]) -> None:
        """Forget products; unknown ids are passed over."""
        for at in range(0, len(ids), _BATCH):
            self._remove(ids[at : at + _BATCH])

    def __len__(self) -> int:
        (count,) = self._database.execute("SELECT count(*) FROM products").fetchone()
        return int(count)

    def optimise(self) -> None:
        """Put the full-text indexes in order after much was added: a quarter less for a search."""
        for index in _COLUMNS:
            # https://www.sqlite.org/fts5.html#the_optimize_command
            self._database.execute(
                f"INSERT INTO {index} ({index}) VALUES ('optimize')"  # noqa: S608 - our names
            )

    def ids(self) -> set[str]:
        """The ids of all products."""
        return {row[0] for row in self._database.execute("SELECT id FROM products")}

    def get(self, product_id: str) -> Product | None:
        """One product."""
        # What no text of SQLite can be (half of a surrogate pair) names no product.
        wanted = product_id.encode("utf-8", "replace").decode()
        row = self._database.execute("SELECT body FROM products WHERE id = ?", (wanted,)).fetchone()
        return None if row is None else _product_of(row[0])

    def has_variant(self, variant_id: str) -> bool:
        """Whether a variant of this number is in the shop."""
        return self._facets.has_variant(variant_id)

    def search(self, query: str, filters: Filters, limit: int, offset: int) -> SearchResult:
        """One page of what was found, and how much there is."""
        allowed = self._facets.allowed(filters)
        if (terms := parse_query(query)) is not None:
            found = self._hits(terms, allowed)
        elif query.strip() and not any(character.isalnum() for character in query):
            return SearchResult((), 0)
        else:
            found = np.flatnonzero(allowed)
        page = found[offset : offset + limit].tolist()
        return SearchResult(tuple(self._products(page)), len(found))

    def vocabulary(self) -> tuple[str, ...]:
        """Titles, then brands, categories, colours, sizes and tags, without repetition."""
        select = self._database.execute
        found = dict.fromkeys(
            title for (title,) in select(
                "SELECT title FROM products ORDER BY number LIMIT ?", [MAX_VOCABULARY]
            )
        )  # fmt: skip
        brands = [
            brand for (brand,) in select(
                "SELECT DISTINCT brand FROM products LIMIT ?", [MAX_VOCABULARY]
            )
        ]  # fmt: skip
        words = sorted({*brands, *self._facets.words()})[:MAX_VOCABULARY]
        tags = select("SELECT DISTINCT tags FROM products LIMIT ?", [MAX_VOCABULARY])
        named = sorted({tag for (row,) in tags for tag in row.split()})[:MAX_VOCABULARY]
        found |= dict.fromkeys((*words, *named))
        found.pop("", None)
        return tuple(found)

    def close(self) -> None:
        """Free the memory."""
        self._database.close()

    def _put(self, products: Mapping[str, Product]) -> None:
        known = self._remove(tuple(products))
        numbered: dict[int, Product] = {}
        for product in products.values():
            number = known.get(product.id)
            if number is None:
                number, self._next = self._next, self._next + 1
            numbered[number] = product
        insert = self._database.executemany
        with self._transaction():
            insert(
                "INSERT INTO products VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (
                        number, each.id, each.title, each.brand, " ".join(each.tags),
                        _body_of(each),
                    )
                    for number, each in numbered.items()
                ),
            )  # fmt: skip
            for index, columns in _COLUMNS.items():
                insert(
                    f"INSERT INTO {index} (rowid, {', '.join(columns)})"  # noqa: S608 - our names
                    f" VALUES (?{', ?' * len(columns)})",
                    ((number, *_texts(each, index)) for number, each in numbered.items()),
                )
        self._facets.put(numbered)

    def _remove(self, ids: Sequence[str]) -> dict[str, int]:
        """Forget products; return the numbers that they had."""
        marks = ", ".join("?" * len(ids))
        rows = self._database.execute(
            f"SELECT id, number, body FROM products WHERE id IN ({marks})",  # noqa: S608
            ids,
        ).fetchall()
        if not rows:
            return {}
        with self._transaction():
            for _, number, body in rows:
                product = _product_of(body)
                # An index without content is told what it was given, to take it out again.
                # https://www.sqlite.org/fts5.html#the_delete_command
                for index, columns in _COLUMNS.items():
                    self._database.execute(
                        f"INSERT INTO {index} ({index}, rowid, {', '.join(columns)})"  # noqa: S608
                        f" VALUES ('delete', ?{', ?' * len(columns)})",
                        (number, *_texts(product, index)),
                    )
                self._database.execute("DELETE FROM products WHERE number = ?", (number,))
        numbers = {row[0]: int(row[1]) for row in rows}
        self._facets.remove(list(numbers.values()))
        return numbers

    def _transaction(self) -> _Transaction:
        return _Transaction(self._database)

    def _products(self, numbers: Iterable[int]) -> Iterable[Product]:
        for number in numbers:
            (body,) = self._database.execute(
                "SELECT body FROM products WHERE number = ?", (number,)
            ).fetchone()
            yield _product_of(body)

    def _hits(self, terms: SearchTerms, allowed: Flags) -> Numbers:
        """What the first reading of a query that finds anything finds, best first.

        How loosely a query is read must not hang on the filters: who asks for running shoes at a
        price that no running shoe has wants none, and no other shoes.
        """
        for index, expression in terms.attempts():
            hits = self._matches(index, expression)
            if len(hits):
                return self._ranked(terms, index, expression, hits[allowed[hits]])
        return np.empty(0, np.int64)

    def _matches(self, index: Index, expression: str) -> Numbers:
        # One text of all numbers is made ten times as fast as a row of Python's for each.
        (numbers,) = self._database.execute(
            f"SELECT group_concat(rowid) FROM {index} WHERE {index} MATCH ?",  # noqa: S608
            (expression,),
        ).fetchone()
        return np.fromstring(numbers or "", np.int64, sep=",")

    def _ranked(self, terms: SearchTerms, index: Index, expression: str, hits: Numbers) -> Numbers:
        """The best of the hits first. Where they are too many, those named so in the title are."""
        if len(hits) > RANKED and index == "stemmed":
            in_title = np.isin(hits, self._matches(index, terms.title_expression))
            hits = np.concatenate([hits[in_title], hits[~in_title]])
        candidates, rest = hits[:RANKED], hits[RANKED:]
        rows = self._database.execute(
            # The + keeps SQLite from looking each candidate up in the full-text index by itself.
            f"SELECT rowid FROM {index} WHERE {index} MATCH ?"  # noqa: S608
            " AND +rowid IN (SELECT value FROM json_each(?))"
            f" ORDER BY {_RANKS[index]}, rowid",
            (expression, orjson.dumps(candidates.tolist()).decode()),
        ).fetchall()
        return np.concatenate([np.array([row[0] for row in rows], np.int64), rest])


class _Transaction:
    """Everything or nothing; a connection's own context manager would leave BEGIN to us anyway."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._database.execute("COMMIT" if kind is None else "ROLLBACK")


def _texts(product: Product, index: Index) -> tuple[str, ...]:
    """What an index is given of a product, in the order of its columns."""
    tags = " ".join(product.tags)
    texts = [product.title, product.category, product.brand, tags]
    if index == "stemmed":
        colors = sorted({canonical_color(v.color) for v in product.variants if v.color})
        texts += [" ".join(colors), product.description]
    return tuple(map(without_apostrophes, texts))


def _body_of(product: Product) -> bytes:
    # A department store's variants say the same things over and over: a fifth of the size.
    return zlib.compress(orjson.dumps(product, default=str), 1)


def _product_of(body: bytes) -> Product:
    data = orjson.loads(zlib.decompress(body))
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

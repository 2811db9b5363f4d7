"""What products are filtered by, as columns of numbers: a filter is a few passes over an array.

A row of SQL for each variant would cost a lookup for each hit; a department store has a million
variants, and a pass over a million small numbers takes less than a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from greenroom.commerce.lexicon import CATEGORY_NAMES, category_of, singular, words_of
from greenroom.commerce.ports import Filters, Money, Product
from greenroom.commerce.sizes import canonical_color, canonical_size

Flags: TypeAlias = npt.NDArray[np.bool_]
"""One truth for each product number, from 0."""

_NONE = -1
"""No price in the shop's currency, no size, no colour, no number."""

_MAX_NAMED = 500

_size = lru_cache(maxsize=4_096)(canonical_size)
_color = lru_cache(maxsize=4_096)(canonical_color)


class _Column:
    """An array that grows at its end."""

    def __init__(self, kind: type[np.generic]) -> None:
        self._cells = np.zeros(1_024, kind)
        self._length = 0

    @property
    def values(self) -> npt.NDArray[Any]:
        return self._cells[: self._length]

    def extend(self, values: Sequence[int]) -> None:
        needed = self._length + len(values)
        if needed > len(self._cells):
            grown = np.zeros(max(needed, len(self._cells) * 3 // 2), self._cells.dtype)
            grown[: self._length] = self.values
            self._cells = grown
        self._cells[self._length : needed] = values
        self._length = needed

    def keep(self, rows: Flags) -> None:
        kept = self.values[rows]
        self._cells, self._length = kept, len(kept)


class Facets:
    """Category, price, sizes, colours and stock of numbered products.

    Prices compare in one currency, the shop's: `currency`, or that of the first product with a
    price. What has another, or no price, meets no price filter.
    """

    def __init__(self, currency: str | None = None) -> None:
        self._currency = currency
        self._categories: dict[str, int] = {}
        self._named: dict[str, tuple[int, list[int]]] = {}
        """What names of categories stood for, when there were so many categories."""
        self._sizes: dict[str, int] = {}
        self._colors: dict[str, int] = {}
        self._category = _Column(np.int32)
        self._price = _Column(np.int64)
        self._alive = _Column(np.bool_)
        self._any_stock = _Column(np.int8)  # _NONE: nothing to buy at all
        # One row for each variant. `owner` is 0 for the rows of products that are gone.
        self._owner = _Column(np.int32)
        self._size = _Column(np.int32)
        self._color = _Column(np.int32)
        self._cost = _Column(np.int64)
        self._stock = _Column(np.bool_)
        self._serial = _Column(np.int64)

    def put(self, products: Mapping[int, Product]) -> None:
        """Add products by number. A number that was there before must have been removed."""
        missing = max(products, default=-1) + 1 - len(self._alive.values)
        if missing > 0:
            for column in (self._category, self._price, self._any_stock):
                column.extend([_NONE] * missing)
            self._alive.extend([False] * missing)
        numbers = list(products)
        self._alive.values[numbers] = True
        self._price.values[numbers] = [self._amount(each.price) for each in products.values()]
        self._any_stock.values[numbers] = [
            any(variant.available for variant in each.variants) if each.variants else _NONE
            for each in products.values()
        ]
        self._category.values[numbers] = [
            _code(self._categories, each.category, str.casefold) for each in products.values()
        ]
        rows = [(number, each) for number, product in products.items() for each in product.variants]
        self._owner.extend([number for number, _ in rows])
        self._size.extend([_code(self._sizes, variant.size, _size) for _, variant in rows])
        self._color.extend([_code(self._colors, variant.color, _color) for _, variant in rows])
        self._cost.extend([self._amount(variant.price) for _, variant in rows])
        self._stock.extend([variant.stock > 0 for _, variant in rows])
        self._serial.extend([variant_number(variant.id) for _, variant in rows])

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget products."""
        self._alive.values[numbers] = False
        gone = np.zeros(len(self._alive.values), np.bool_)
        gone[numbers] = True
        owner = self._owner.values
        owner[gone[owner]] = 0
        live = owner > 0
        if np.count_nonzero(live) * 2 < len(live):
            for column in (
                self._owner, self._size, self._color, self._cost, self._stock, self._serial
            ):  # fmt: skip
                column.keep(live)

    def has_variant(self, variant_id: str) -> bool:
        """Whether a variant of this number is in the shop."""
        number = variant_number(variant_id)
        rows = np.flatnonzero(self._serial.values == number)
        return number != _NONE and bool((self._owner.values[rows] > 0).any())

    def words(self) -> Iterable[str]:
        """All categories, colours and sizes."""
        return (*self._categories, *self._colors, *self._sizes)

    def allowed(self, filters: Filters) -> Flags:
        """The products that meet the filters, by number."""
        allowed = self._alive.values.copy()
        if filters.category is not None:
            allowed &= np.isin(self._category.values, self._categories_named(filters.category))
        price = self._price.values
        if filters.min_price is not None or filters.max_price is not None:
            allowed &= price != _NONE
        if filters.min_price is not None:
            allowed &= price >= _thousandths(filters.min_price)
        if filters.max_price is not None:
            allowed &= price <= _thousandths(filters.max_price)
        if not (filters.size is None and filters.color is None and filters.in_stock is None):
            allowed &= self._by_variant(filters)
        return allowed

    def _by_variant(self, filters: Filters) -> Flags:
        """Products of which one and the same variant meets size, colour, highest price, stock."""
        if filters.size is None and filters.color is None and filters.max_price is None:
            found: Flags = self._any_stock.values == int(filters.in_stock is True)
            return found
        rows = np.ones(len(self._owner.values), np.bool_)
        if filters.size is not None:
            rows &= self._size.values == self._sizes.get(_size(filters.size), -2)
        if filters.color is not None:
            rows &= self._color.values == self._colors.get(_color(filters.color), -2)
        if filters.max_price is not None:
            rows &= self._cost.values <= _thousandths(filters.max_price)
            rows &= self._cost.values != _NONE
        if filters.in_stock is None:
            return self._owners(rows)
        in_stock = self._owners(rows & self._stock.values)
        return in_stock if filters.in_stock else self._owners(rows) & ~in_stock

    def _owners(self, rows: Flags) -> Flags:
        products = np.zeros(len(self._alive.values), np.bool_)
        products[self._owner.values[rows]] = True
        return products

    def _categories_named(self, name: str) -> list[int]:
        """A shop's own name of a category, or a shelf that it stands on ("footwear": "Boots")."""
        wanted = " ".join(name.casefold().split())
        known = self._named.get(wanted)
        if known is None or known[0] != len(self._categories):
            if len(self._named) >= _MAX_NAMED:
                self._named.clear()
            codes = [code for each, code in self._categories.items() if _means(wanted, each)]
            known = self._named[wanted] = len(self._categories), codes
        return known[1]

    def _amount(self, price: Money | None) -> int:
        if price is None:
            return _NONE
        if self._currency is None:
            self._currency = price.currency
        return _thousandths(price.amount) if price.currency == self._currency else _NONE


def variant_number(variant_id: str) -> int:
    """70 of `gid://shopify/ProductVariant/70` or `70`; -1 where an id has no number."""
    number = variant_id.rpartition("/")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 18 else _NONE


def _code(codes: dict[str, int], text: str | None, spelled: Any) -> int:
    return _NONE if text is None else codes.setdefault(spelled(text), len(codes))


def _means(wanted: str, category: str) -> bool:
    """Whether who wants one category means another; both in lower case."""
    shelf, same = CATEGORY_NAMES.get(wanted, wanted), _singulars(wanted)
    return (
        category in {wanted, shelf}
        or category_of(words_of(category)) == shelf
        or (bool(same) and _singulars(category) == same)
    )


def _singulars(text: str) -> tuple[str, ...]:
    return tuple(singular(word) for word in words_of(text))


def _thousandths(amount: Decimal) -> int:
    # The smallest unit of any currency; bounds of a filter are cut off there too.
    return int(min(max(amount, Decimal(0)), Decimal(10**12)) * 1_000)

"""From Shopify's products and policies to ours.

What a shop has left out or written oddly is tolerated: a product without a usable id is passed
over, a variant without a usable price can't be bought and is left out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from greenroom.commerce.plain_text import plain_text
from greenroom.commerce.ports import Money, Policy, Product, Variant

UNCOUNTED_STOCK = 999
"""Units of a variant that is sold without being counted, or beyond what is counted."""

MAX_DESCRIPTION = 4_000
MAX_POLICY = 6_000
"""Characters of plain text."""

_MAX_WORDS = 300
_MAX_TAGS = 100
_SIZE_NAMES = frozenset(
    (
        "size", "sizes", "größe", "grösse", "groesse", "grösse", "taille", "pointure", "talla",
        "tamaño", "tamanho", "taglia", "misura", "maat", "storlek", "størrelse", "koko",
        "rozmiar", "velikost", "размер", "サイズ", "尺寸", "尺码", "사이즈",
    )
)  # fmt: skip
_COLOR_NAMES = frozenset(
    (
        "color", "colors", "colour", "colours", "farbe", "couleur", "coloris", "colore", "cor",
        "kleur", "färg", "farge", "farve", "väri", "kolor", "barva", "цвет", "カラー", "色",
        "颜色", "颜色分类", "색상",
    )
)  # fmt: skip
_TOPICS = {
    "REFUND_POLICY": "returns", "SHIPPING_POLICY": "shipping", "PRIVACY_POLICY": "privacy",
    "TERMS_OF_SERVICE": "terms", "TERMS_OF_SALE": "sale", "LEGAL_NOTICE": "legal",
    "SUBSCRIPTION_POLICY": "subscriptions", "CONTACT_INFORMATION": "contact",
}  # fmt: skip

log = logging.getLogger(__name__)


class Mapper:
    """Maps what one shop gives. `currency` is the shop's; what is odd is logged once a kind."""

    def __init__(self, name: str, currency: str) -> None:
        self._name, self._currency = name, currency
        self._said: set[str] = set()

    def products(self, nodes: Iterable[object]) -> list[Product]:
        """The products of which anything can be made."""
        return [product for node in nodes if (product := self.product(node)) is not None]

    def product(self, node: object) -> Product | None:
        """One product. Its category is the shop's own, else Shopify's for it."""
        if not isinstance(node, dict) or not (product_id := _text(node.get("id"))):
            self._odd("without an id", node)
            return None
        counted = node.get("tracksInventory") is not False
        variants: list[Variant] = []
        more_words: list[str] = []
        for each in nodes_of(node.get("variants")):
            variant, words = self._variant(each, counted=counted)
            more_words += words
            if variant is not None:
                variants.append(variant)
        category = _text(node.get("productType")) or _text(_get(node, "category", "name"))
        tags = [_text(tag) for tag in _list(node.get("tags"))] + more_words
        return Product(
            id=product_id,
            title=_text(node.get("title")),
            description=plain_text(str(node.get("descriptionHtml") or ""), MAX_DESCRIPTION),
            category="" if category == "Uncategorized" else category,
            price=min((each.price for each in variants), key=_amount, default=None),
            brand=_text(node.get("vendor")),
            images=_images(node),
            variants=tuple(variants),
            tags=tuple(dict.fromkeys(filter(None, tags)))[:_MAX_TAGS],
        )

    def _variant(self, node: object, *, counted: bool) -> tuple[Variant | None, list[str]]:
        """A variant, and the values of its options that are neither its size nor its colour."""
        variant_id = _text(_get(node, "id"))
        price = _price(_get(node, "price"))
        if not isinstance(node, dict) or not variant_id or price is None:
            self._odd("with a variant that has no id or no price", node)
            return None, []
        size, color, rest = _size_and_color(_list(node.get("selectedOptions")))
        money = Money(price, self._currency)
        return Variant(variant_id, money, self._stock(node, counted), size, color), rest

    def _stock(self, node: dict[str, Any], counted: bool) -> int:
        if node.get("availableForSale") is False:
            return 0
        quantity = node.get("inventoryQuantity")
        if not isinstance(quantity, int):
            self._odd("without a quantity in stock", node)
            quantity = 0
        if not counted or node.get("inventoryPolicy") == "CONTINUE":
            return UNCOUNTED_STOCK
        # Nothing at hand and yet for sale: this variant alone is not counted.
        sold_uncounted = quantity <= 0 and node.get("availableForSale") is True
        return UNCOUNTED_STOCK if sold_uncounted else max(0, quantity)

    def _odd(self, what: str, node: object) -> None:
        if what not in self._said:
            self._said.add(what)
            log.warning("%s: a product %s (%s)", self._name, what, _text(_get(node, "id")) or "?")


def policies(nodes: object) -> tuple[Policy, ...]:
    """The policies that have a text."""
    found = []
    for node in _list(nodes):
        text = plain_text(str(_get(node, "body") or ""), MAX_POLICY)
        kind = _text(_get(node, "type"))
        topic = _TOPICS.get(kind) or re.sub(r"[^a-z].*", "", kind.casefold()) or "other"
        if text:
            title = _text(_get(node, "title")) or topic.capitalize()
            found.append(Policy(topic, title, text, _text(_get(node, "url"))))
    return tuple(found)


def nodes_of(connection: object) -> list[Any]:
    """The `nodes` of a connection."""
    return _list(_get(connection, "nodes"))


def next_cursor(connection: object) -> str | None:
    """Where the next page of a connection begins; None at its end."""
    page = _get(connection, "pageInfo")
    cursor = _get(page, "endCursor")
    return cursor if _get(page, "hasNextPage") is True and isinstance(cursor, str) else None


def _size_and_color(options: list[Any]) -> tuple[str | None, str | None, list[str]]:
    """What is called so; a place that is left free is taken by the other options together.

    A product that comes in materials and lengths is so bought by "size" `Wool / 90 cm`.
    """
    size: str | None = None
    color: str | None = None
    rest: list[str] = []
    for option in options:
        name, value = _text(_get(option, "name")), _text(_get(option, "value"))
        if not value or (name == "Title" and value == "Default Title"):
            continue
        names_size, names_color = _option(name)
        if size is None and names_size:
            size = value
        elif color is None and names_color:
            color = value
        else:
            rest.append(value)
    if rest and size is None:
        size = " / ".join(rest)
    elif rest and color is None:
        color = " / ".join(rest)
    return size, color, rest


@lru_cache(maxsize=1_024)
def _option(name: str) -> tuple[bool, bool]:
    """Whether an option's name says that it is a size, or a colour."""
    words = set(re.findall(r"\w+", name.casefold()))
    return bool(words & _SIZE_NAMES), bool(words & _COLOR_NAMES)


def _images(node: dict[str, Any]) -> tuple[str, ...]:
    url = _text(_get(node, "featuredMedia", "preview", "image", "url"), 2_000)
    return (url,) if url.startswith("https://") else ()


def _price(value: object) -> Decimal | None:
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return price if price.is_finite() and 0 <= price < Decimal(10**12) else None


def _amount(money: Money) -> Decimal:
    return money.amount


def _text(value: object, limit: int = _MAX_WORDS) -> str:
    return " ".join(value.split())[:limit] if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _get(value: object, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value

"""What one conversation has come to: cart, products seen, wishes, and what "it" refers to."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from greenroom.commerce.facts import Facts
from greenroom.commerce.ports import Money, Product, Variant

MAX_VIEWED = 500
"""Products remembered as viewed; the oldest are forgotten first."""

MAX_CART_LINES = 50
"""Different variants in one cart."""


@dataclass(frozen=True, slots=True)
class ProductRef:
    """Enough of a product to talk of it again. `price` is None where the shop gives none."""

    id: str
    title: str
    price: Money | None

    @classmethod
    def of(cls, product: Product) -> ProductRef:
        """The short form of a product."""
        return cls(product.id, product.title, product.price)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {"product_id": self.id, "title": self.title, "price": price_json(self.price)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ProductRef:
        """What `to_json` gave."""
        price = data["price"]
        return cls(
            str(data["product_id"]), str(data["title"]), None if price is None else _money(price)
        )


@dataclass(frozen=True, slots=True)
class CartLine:
    """So many units of one variant."""

    product_id: str
    variant_id: str
    title: str
    size: str | None
    color: str | None
    quantity: int
    unit_price: Money

    @property
    def total(self) -> Decimal:
        """Unit price times quantity."""
        return self.unit_price.amount * self.quantity

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "product_id": self.product_id,
            "variant_id": self.variant_id,
            "title": self.title,
            "size": self.size,
            "color": self.color,
            "quantity": self.quantity,
            "unit_price": money_json(self.unit_price),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CartLine:
        """What `to_json` gave."""
        return cls(
            product_id=str(data["product_id"]),
            variant_id=str(data["variant_id"]),
            title=str(data["title"]),
            size=data.get("size"),
            color=data.get("color"),
            quantity=int(data["quantity"]),
            unit_price=_money(data["unit_price"]),
        )


@dataclass(frozen=True, slots=True)
class LastSearch:
    """What was last looked for; `shown` is how many of `total` were named so far."""

    query: str
    category: str | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    size: str | None = None
    color: str | None = None
    shown: int = 0
    total: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "query": self.query,
            "category": self.category,
            "min_price": None if self.min_price is None else str(self.min_price),
            "max_price": None if self.max_price is None else str(self.max_price),
            "size": self.size,
            "color": self.color,
            "shown": self.shown,
            "total": self.total,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LastSearch:
        """What `to_json` gave."""
        prices = {name: _decimal(data.get(name)) for name in ("min_price", "max_price")}
        return cls(**{**data, **prices})


@dataclass(frozen=True, slots=True)
class Pending:
    """A question that the shop has asked; the answer completes the call of `tool`.

    `asks` is "size" or "color" where that is missing, "yes" where the call was offered, and
    "which" where one of the last results should be named.
    """

    asks: str
    tool: str
    arguments: dict[str, Any]


@dataclass(slots=True)
class ShopContext:
    """One conversation's memory of the shop. Changed by the tools; plain data otherwise.

    `results` is what was named last, in order: "the first one" is its first. `focus` is the
    product talked of last ("it"). `size_for` is the category that `size` was said for.
    `compared` are the ids of what was compared last, until the next search. `checkout_url` is the
    link for the cart as it is; a change of the cart takes it away. `facts` is what the tools have
    given, for the fact checker.
    """

    cart: list[CartLine] = field(default_factory=list)
    viewed_products: list[str] = field(default_factory=list)
    min_price: Decimal | None = None
    budget: Decimal | None = None
    size: str | None = None
    size_for: str | None = None
    results: tuple[ProductRef, ...] = ()
    focus: ProductRef | None = None
    last_search: LastSearch | None = None
    pending: Pending | None = None
    compared: tuple[str, ...] = ()
    checkout_url: str | None = None
    facts: Facts = field(default_factory=Facts)

    @property
    def cart_total(self) -> Money:
        """The sum of the cart, in the currency of its first line (USD where it is empty)."""
        currency = self.cart[0].unit_price.currency if self.cart else "USD"
        return Money(sum((line.total for line in self.cart), Decimal(0)), currency)

    def view(self, product: Product) -> None:
        """The shopper was told about this product in particular: it is "it" from now on."""
        if product.id in self.viewed_products:
            self.viewed_products.remove(product.id)
        self.viewed_products.append(product.id)
        del self.viewed_products[:-MAX_VIEWED]
        self.focus = ProductRef.of(product)

    def in_cart(self, variant_id: str) -> int:
        """Units of the variant that are in the cart already."""
        return sum(line.quantity for line in self.cart if line.variant_id == variant_id)

    def put(self, product: Product, variant: Variant, quantity: int) -> None:
        """Add units; a variant has one line."""
        self.checkout_url = None
        line = CartLine(
            product.id,
            variant.id,
            product.title,
            variant.size,
            variant.color,
            self.in_cart(variant.id) + quantity,
            variant.price,
        )
        for index, old in enumerate(self.cart):
            if old.variant_id == variant.id:
                self.cart[index] = line
                return
        self.cart.append(line)

    def take_out(self, line: CartLine, quantity: int | None) -> int:
        """Remove units of a line (None: all of them) and return how many went."""
        self.checkout_url = None
        index = self.cart.index(line)
        taken = line.quantity if quantity is None else min(quantity, line.quantity)
        if taken == line.quantity:
            del self.cart[index]
        else:
            self.cart[index] = CartLine.from_json(
                line.to_json() | {"quantity": line.quantity - taken}
            )
        return taken

    def empty_cart(self) -> int:
        """Take everything out and return how many units went."""
        removed = sum(line.quantity for line in self.cart)
        self.cart.clear()
        self.checkout_url = None
        return removed

    def size_in(self, category: str | None) -> str | None:
        """The size said before, unless it was said of another kind of thing (shoes, not shirts)."""
        if category is None or self.size_for is None or category == self.size_for:
            return self.size
        return None

    def to_json(self) -> dict[str, Any]:
        """JSON values; `cart_items` and `viewed_products` are contract 004's names."""
        total = self.cart_total
        return {
            "cart_items": [line.to_json() for line in self.cart],
            "cart_total": money_json(total),
            "viewed_products": list(self.viewed_products),
            "budget": None if self.budget is None else str(self.budget),
            "min_price": None if self.min_price is None else str(self.min_price),
            "size": self.size,
            "size_for": self.size_for,
            "results": [ref.to_json() for ref in self.results],
            "focus": None if self.focus is None else self.focus.to_json(),
            "last_search": None if self.last_search is None else self.last_search.to_json(),
            "pending": None
            if self.pending is None
            else {
                "asks": self.pending.asks,
                "tool": self.pending.tool,
                "arguments": self.pending.arguments,
            },
            "compared": list(self.compared),
            "checkout_url": self.checkout_url,
            "facts": self.facts.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ShopContext:
        """What `to_json` gave; missing names are empty. Raises ValueError for anything else."""
        try:
            focus, search, pending = data.get("focus"), data.get("last_search"), data.get("pending")
            return cls(
                cart=[CartLine.from_json(line) for line in data.get("cart_items", [])],
                viewed_products=[str(each) for each in data.get("viewed_products", [])],
                min_price=_decimal(data.get("min_price")),
                budget=_decimal(data.get("budget")),
                size=data.get("size"),
                size_for=data.get("size_for"),
                results=tuple(ProductRef.from_json(ref) for ref in data.get("results", [])),
                focus=None if focus is None else ProductRef.from_json(focus),
                last_search=None if search is None else LastSearch.from_json(search),
                pending=None if pending is None else Pending(**pending),
                compared=tuple(str(each) for each in data.get("compared", ())),
                checkout_url=data.get("checkout_url"),
                facts=Facts.from_json(data.get("facts", {})),
            )
        except (KeyError, TypeError, AttributeError, InvalidOperation) as error:
            raise ValueError(f"not a shop context: {error}") from error


def money_json(money: Money) -> dict[str, str]:
    """Contract 004's form: the amount as text with two decimals."""
    return {"amount": f"{money.amount:.2f}", "currency": money.currency}


def price_json(price: Money | None) -> dict[str, str] | None:
    """The same for a price that the shop may not give."""
    return None if price is None else money_json(price)


def _money(data: dict[str, Any]) -> Money:
    return Money(Decimal(str(data["amount"])), str(data["currency"]))


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)

"""What a tool's result gives to the conversation's facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from greenroom.agents.claims import discounts
from greenroom.agents.figures import Amount, amounts, plain
from greenroom.agents.ports import ToolRan
from greenroom.commerce.facts import MAX_TEXT, Facts, ProductFacts
from greenroom.commerce.sizes import canonical_color, canonical_size


def note(facts: Facts, ran: ToolRan) -> None:
    """Keep the prices, stock and texts that a tool has given; one that failed gave none."""
    if not ran.ok or not isinstance(ran.result, dict):
        return
    result = ran.result
    match ran.tool:
        case "search_products" | "compare_products":
            for product in result.get("products", ()):
                _product(facts, product)
        case "get_product_details":
            _product(facts, result)
            _text(facts, f"the {result['title']}", result["description"])
        case "check_inventory":
            _inventory(facts, result)
        case "add_to_cart" | "remove_from_cart" | "view_cart" | "checkout_link":
            _cart(facts, result)
        case "get_policy" if result["found"]:
            _text(facts, f"{result['topic']} {result['title']}", result["text"])
        case _:
            pass


def heard(facts: Facts, words: str) -> None:
    """Keep the numbers that the user said: a limit may be repeated."""
    text = plain(words)
    said = [f"{value:f}" for amount in amounts(text) for value in amount.values]
    facts.heard([*said, *(word for word in text.split() if word.replace(".", "", 1).isdigit())])


def _product(facts: Facts, product: dict[str, Any]) -> None:
    variants = product.get("variants", ())
    stock = _stock(variants)
    if "units_in_stock" in product:
        stock["|"] = product["units_in_stock"]
    facts.product(
        product["title"],
        ProductFacts(
            prices=_prices([product["price"], *(variant["price"] for variant in variants)]),
            available=product["available"] if product["for_sale"] else None,
            stock=stock,
        ),
    )


def _stock(variants: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Units by form, as `ProductFacts.stock` has them."""
    stock: Counter[str] = Counter()
    for variant in variants:
        size, color = variant["size"], variant["color"]
        for form in {form_key(s, c) for s in (size, None) for c in (color, None)}:
            stock[form] += variant["inventory_quantity"]
    return dict(stock)


def form_key(size: str | None, color: str | None) -> str:
    """A form as `ProductFacts.stock` has it."""
    return f"{canonical_size(size or '').casefold()}|{canonical_color(color or '')}"


def _inventory(facts: Facts, result: dict[str, Any]) -> None:
    some = result["available"] or bool(result["sizes_in_stock"] or result["colors_in_stock"])
    # The variants are those that were asked for, and in stock: no sum of them but one is whole.
    stock = {
        form: units
        for form, units in _stock(result["variants"]).items()
        if not form.startswith("|") and not form.endswith("|")
    }
    asked = form_key(result["size"], result["color"])
    facts.product(
        result["title"],
        ProductFacts(
            prices=_prices(variant["price"] for variant in result["variants"]),
            available=some if result["for_sale"] else None,
            stock=stock | {asked: result["quantity"], "?": result["quantity"]},
        ),
    )


def _cart(facts: Facts, result: dict[str, Any]) -> None:
    cart = result.get("cart", result)
    for line in cart.get("items", ()):
        facts.product(line["title"], ProductFacts(prices=_prices([line["unit_price"]])))
        total = Decimal(line["line_total"])
        facts.amount(f"{total:.2f} {line['unit_price']['currency']}")
    if cart.get("items"):
        _amounts(facts, [cart["total"]])
    for missing in result.get("left_out", ()):
        _stock_left(facts, missing)
    if "reason" in result and "title" in result:  # it was not added
        title, reason = result["title"], result["reason"]
        if "quantity_left" in result:
            _stock_left(facts, result)
        elif reason != "not_for_sale":
            some = bool(result["sizes_in_stock"] or result["colors_in_stock"])
            facts.product(title, ProductFacts(available=some and reason != "sold_out"))


def _stock_left(facts: Facts, result: dict[str, Any]) -> None:
    left, form = result["quantity_left"], form_key(result["size"], result["color"])
    facts.product(result["title"], ProductFacts(available=left > 0, stock={form: left, "?": left}))


def _text(facts: Facts, about: str, text: str) -> None:
    words = plain(text[:MAX_TEXT])
    facts.text(about.casefold(), words)
    facts.offered(discounts(words))
    facts.amount(*(kept for amount in amounts(words) for kept in _written(amount)))


def _written(amount: Amount) -> Iterator[str]:
    """A written amount, in the likeliest of the currencies that its sign may mean."""
    likeliest = "USD" if "USD" in amount.currencies else min(amount.currencies, default="USD")
    for value in amount.values[:1]:
        yield f"{value:.2f} {likeliest}"


def _prices(prices: Iterable[dict[str, str] | None]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(f"{price['amount']} {price['currency']}" for price in prices if price)
    )


def _amounts(facts: Facts, prices: Iterable[dict[str, str] | None]) -> None:
    facts.amount(*_prices(prices))

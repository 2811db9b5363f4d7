from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from greenroom.commerce.context import MAX_CART_LINES, MAX_VIEWED, CartLine, ShopContext
from greenroom.commerce.demo import demo_products
from greenroom.commerce.ports import (
    NO_FILTERS,
    Catalogue,
    CheckoutLine,
    Filters,
    Money,
    Policy,
    Product,
    SearchResult,
    Variant,
)
from greenroom.commerce.references import best_match, title_score
from greenroom.commerce.toolbox import TOOLS, Toolbox
from greenroom.errors import InvalidInput, ProductNotFound, ProviderFailed

COMET = "gid://shopify/Product/7001002"
FEATHER = "gid://shopify/Product/7001001"
SOLD_OUT = "gid://shopify/Product/7001007"
BACKPACK = "Expedition Hiking Backpack"

Run = Callable[..., Awaitable[Any]]


@pytest.fixture
def context() -> ShopContext:
    return ShopContext()


@pytest.fixture
def run(catalogue: Catalogue, context: ShopContext) -> Run:
    toolbox = Toolbox(catalogue)

    async def call(tool: str, **arguments: Any) -> Any:
        result = await toolbox.run(tool, arguments, context)
        assert result.ok, result.error
        json.dumps(result.result)
        return result.result

    return call


def stock(title: str, size: str | None, color: str) -> int:
    (product,) = (product for product in demo_products() if product.title == title)
    (variant,) = (v for v in product.variants if v.size == size and v.color == color)
    return variant.stock


async def test_a_search_tells_what_it_found_and_remembers_it(
    run: Run, context: ShopContext
) -> None:
    result = await run("search_products", query="running shoes", max_price=100, size="ten", limit=2)
    assert result["total_count"] == 4
    assert result["has_more"] is True
    first = result["products"][0]
    assert first["price"] == {"amount": "65.00", "currency": "USD"}
    assert [ref.id for ref in context.results] == [each["id"] for each in result["products"]]
    assert (context.budget, context.size, context.size_for) == (Decimal(100), "10", "footwear")
    assert context.viewed_products == []
    rest = await run("search_products", query="running shoes", max_price=100, size="10", offset=2)
    assert len(rest["products"]) == 2
    assert rest["has_more"] is False


async def test_an_empty_search_keeps_what_was_found_before(run: Run, context: ShopContext) -> None:
    await run("search_products", query="tents")
    before = context.results
    assert (await run("search_products", query="kayaks"))["products"] == []
    assert context.results == before


@pytest.mark.parametrize(
    "reference",
    [COMET, "Comet Running Shoe", "comet", "the comment running shoe", "comets", "2", "#2"],
)
async def test_a_product_is_found_by_id_title_or_place(
    run: Run, context: ShopContext, reference: str
) -> None:
    await run("search_products", query="fast running shoes under 100")
    context.results = tuple(
        sorted(context.results, key=lambda ref: (ref.id != FEATHER, ref.id != COMET))
    )
    if reference.startswith(("2", "#")) and context.results[0].id != FEATHER:
        context.results = (context.results[-1], *context.results[:-1])
    product = await run("get_product_details", product_id=reference)
    assert product["id"] == COMET
    assert context.viewed_products == [COMET]
    assert context.focus is not None
    assert context.focus.id == COMET


async def test_details_have_everything(run: Run) -> None:
    product = await run("get_product_details", product_id=COMET)
    assert product["brand"] == "Wild Fox"
    assert product["colors"] == ["Black", "Blue", "Orange"]
    assert product["sizes"] == ["7", "8", "9", "10", "11", "12", "13"]
    assert len(product["variants"]) == 21
    assert product["variants"][0].keys() == {
        "id", "size", "color", "available", "inventory_quantity", "price",
    }  # fmt: skip


@pytest.mark.parametrize("reference", ["9", "gid://shopify/Product/1", "flying carpet"])
async def test_a_product_that_is_not_there_is_an_answer_for_a_model(
    catalogue: Catalogue, context: ShopContext, reference: str
) -> None:
    result = await Toolbox(catalogue).run("check_inventory", {"product_id": reference}, context)
    assert not result.ok
    assert reference in (result.error or "")
    assert context.viewed_products == []


async def test_stock_is_told_for_what_was_asked(run: Run) -> None:
    ten = await run("check_inventory", product_id=COMET, size="10")
    assert ten["available"]
    assert ten["quantity"] == sum(
        stock("Comet Running Shoe", "10", c) for c in ten["colors_in_stock"]
    )
    missing = await run("check_inventory", product_id=COMET, size="44")
    assert (missing["offered"], missing["available"]) == (False, False)
    assert "10" in missing["sizes_in_stock"]
    gone = await run("check_inventory", product_id=SOLD_OUT)
    assert (gone["offered"], gone["available"], gone["quantity"]) == (True, False, 0)


async def test_adding_asks_for_the_size_and_uses_it_from_then_on(
    run: Run, context: ShopContext
) -> None:
    asked = await run("add_to_cart", product_id=COMET)
    assert (asked["added"], asked["reason"]) == (False, "size_needed")
    added = await run("add_to_cart", product_id=COMET, size="10", color="black", quantity=2)
    assert added["line"]["quantity"] == 2
    assert added["cart"]["total"] == {"amount": "178.00", "currency": "USD"}
    again = await run("add_to_cart", product_id=FEATHER)
    assert again["line"]["size"] == "10"
    assert context.cart_total == Money(Decimal("257.00"))
    shirt = await run("add_to_cart", product_id="Club Polo Shirt")
    assert shirt["reason"] == "size_needed"


async def test_the_same_variant_has_one_line(run: Run, context: ShopContext) -> None:
    for _ in range(2):
        await run("add_to_cart", product_id=COMET, size="10", color="black")
    assert [(line.quantity, line.total) for line in context.cart] == [(2, Decimal("178.00"))]


async def test_more_than_there_is_can_not_be_added(run: Run) -> None:
    left = stock("Comet Running Shoe", "10", "Black")
    await run("add_to_cart", product_id=COMET, size="10", color="black", quantity=left - 1)
    refused = await run("add_to_cart", product_id=COMET, size="10", color="black", quantity=2)
    assert refused["reason"] == "not_enough_stock"
    assert (refused["quantity_left"], refused["quantity_in_cart"]) == (1, left - 1)


async def test_what_can_not_be_bought_is_refused_with_what_can(run: Run) -> None:
    assert (await run("add_to_cart", product_id=SOLD_OUT, size="10"))["reason"] == "sold_out"
    no_size = await run("add_to_cart", product_id=COMET, size="44")
    assert (no_size["reason"], no_size["sizes_in_stock"]) == (
        "no_such_size", ["7", "8", "9", "10", "11", "12", "13"],
    )  # fmt: skip
    no_color = await run("add_to_cart", product_id=COMET, size="10", color="pink")
    assert (no_color["reason"], no_color["colors_in_stock"]) == (
        "no_such_color", ["Black", "Blue", "Orange"],
    )  # fmt: skip
    assert stock("Comet Running Shoe", "13", "Orange") == 0
    gone = await run("add_to_cart", product_id=COMET, size="13", color="orange")
    assert gone["reason"] == "sold_out_in_this_form"


async def test_a_product_without_sizes_needs_none(run: Run, context: ShopContext) -> None:
    context.size, context.size_for = "10", None
    added = await run("add_to_cart", product_id="Steel Water Bottle", size="10")
    assert added["added"]
    assert added["line"]["size"] is None


async def test_units_and_lines_can_be_taken_out(run: Run, context: ShopContext) -> None:
    await run("add_to_cart", product_id=COMET, size="10", quantity=3)
    await run("add_to_cart", product_id="Steel Water Bottle")
    one = await run("remove_from_cart", product_id="comet running shoe", quantity=1)
    assert (one["quantity_removed"], context.cart[0].quantity) == (1, 2)
    assert (await run("remove_from_cart", product_id="5"))["reason"] == "not_in_cart"
    assert (await run("remove_from_cart", product_id=context.cart[1].variant_id))["removed"]
    assert (await run("remove_from_cart", product_id="1"))["quantity_removed"] == 2
    assert (await run("view_cart")) == {
        "items": [], "item_count": 0, "total": {"amount": "0.00", "currency": "USD"},
    }  # fmt: skip
    assert (await run("remove_from_cart"))["removed"] is False


async def test_a_full_cart_takes_no_new_line(run: Run, context: ShopContext) -> None:
    price = Money(Decimal(1))
    context.cart = [
        CartLine(f"p{n}", f"v{n}", "Thing", None, None, 1, price) for n in range(MAX_CART_LINES)
    ]
    assert (await run("add_to_cart", product_id=COMET, size="10"))["reason"] == "cart_full"
    cleared = await run("remove_from_cart")
    assert cleared["quantity_removed"] == MAX_CART_LINES


@pytest.mark.parametrize(
    ("tool", "arguments", "field", "allowed"),
    [
        ("fly", {}, "tool", "add_to_cart, check_inventory"),
        ("search_products", {"limit": 0}, "parameters.limit", "at least 1"),
        ("search_products", {"limit": 21}, "parameters.limit", "at most 20"),
        ("search_products", {"query": 7}, "parameters.query", "string"),
        ("search_products", {"query": "x" * 201}, "parameters.query", "at most 200 characters"),
        ("search_products", {"max_price": "cheap"}, "parameters.max_price", "number"),
        ("search_products", {"max_price": float("nan")}, "parameters.max_price", "number"),
        ("search_products", {"colour": "red"}, "parameters.colour", "query, category"),
        ("search_products", {"min_price": 9, "max_price": 8}, "parameters", ""),
        ("get_product_details", {}, "parameters.product_id", "string"),
        ("get_product_details", {"product_id": " "}, "parameters.product_id", "1 characters"),
        ("add_to_cart", {"product_id": "1", "quantity": 99}, "parameters.quantity", "at most 20"),
        ("view_cart", {"x": 1}, "parameters.x", "nothing"),
    ],
)
async def test_a_bad_call_names_the_field_and_what_is_allowed(
    catalogue: Catalogue, tool: str, arguments: dict[str, Any], field: str, allowed: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        await Toolbox(catalogue).run(tool, arguments, ShopContext())
    assert error.value.field == field
    assert allowed in error.value.allowed
    assert error.value.problem


def test_every_tool_has_a_description_and_a_schema() -> None:
    assert {tool.name for tool in TOOLS} >= {
        "search_products", "get_product_details", "check_inventory", "add_to_cart", "view_cart",
    }  # fmt: skip
    for tool in TOOLS:
        assert tool.description
        assert tool.schema["type"] == "object"
        assert tool.schema["additionalProperties"] is False
        for name, field in tool.schema["properties"].items():
            assert name in {"size", "color", "quantity"} or field["description"]


class BrokenCatalogue:
    """Fails, or never answers."""

    uri = "broken:"

    def __init__(self, *, hangs: bool = False) -> None:
        self.hangs = hangs

    async def search(
        self, query: str, filters: Filters = NO_FILTERS, limit: int = 10, offset: int = 0
    ) -> SearchResult:
        if self.hangs:
            await asyncio.Event().wait()
        raise ProviderFailed(self.uri, "no luck")

    async def get(self, product_id: str) -> Product:
        raise ProductNotFound(product_id)

    async def policies(self) -> tuple[Policy, ...]:
        raise ProviderFailed(self.uri, "no luck")

    async def checkout_url(self, lines: Sequence[CheckoutLine]) -> str:
        raise ProviderFailed(self.uri, "no luck")

    async def check(self) -> None:
        raise ProviderFailed(self.uri, "no luck")

    async def vocabulary(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None:
        pass


async def test_a_catalogue_that_fails_is_an_answer_for_a_model(context: ShopContext) -> None:
    result = await Toolbox(BrokenCatalogue()).run("search_products", {"query": "x"}, context)
    assert (result.ok, result.result) == (False, None)
    assert result.error == "the shop's catalogue does not answer; try again later"
    assert result.failure is not None
    assert result.failure.why == "no luck"


async def test_a_tool_has_a_time_limit(context: ShopContext) -> None:
    toolbox = Toolbox(BrokenCatalogue(hangs=True), time_limit=0.01)
    async with asyncio.timeout(5):
        result = await toolbox.run("search_products", {"query": "x"}, context)
    assert (result.ok, result.error) == (False, "no answer within 0.01 s")


async def test_a_conversation_is_taken_up_again_from_its_snapshot(
    run: Run, context: ShopContext
) -> None:
    await run("search_products", query="running shoes", min_price=50, max_price=100, color="black")
    await run("check_inventory", product_id="1", size="10")
    await run("add_to_cart", product_id=COMET, size="10")
    snapshot = json.loads(json.dumps(context.to_json()))
    assert snapshot["cart_items"][0]["product_id"] == COMET
    assert snapshot["viewed_products"][-1] == COMET
    assert (snapshot["budget"], snapshot["size"]) == ("100", "10")
    assert ShopContext.from_json(snapshot) == context
    assert ShopContext.from_json({}) == ShopContext()


@pytest.mark.parametrize(
    "data", [{"cart_items": [{}]}, {"budget": "much"}, {"results": [1]}, {"last_search": {"x": 1}}]
)
def test_what_is_no_snapshot_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a shop context"):
        ShopContext.from_json(data)


def test_only_so_many_viewed_products_are_remembered() -> None:
    context = ShopContext()
    price = Money(Decimal(1))
    for number in range(MAX_VIEWED + 5):
        context.view(Product(str(number), "T", "", "c", price, variants=(Variant("v", price, 1),)))
    context.view(Product("7", "T", "", "c", price))
    assert len(context.viewed_products) == MAX_VIEWED
    assert context.viewed_products[-1] == "7"


def test_two_titles_that_fit_equally_name_nothing() -> None:
    products = [p for p in demo_products() if "Running Shoe" in p.title]
    lines = [CartLine(p.id, "v", p.title, None, None, 1, p.price) for p in products]
    assert best_match("the running shoe", lines) is None
    assert best_match("", lines) is None
    assert best_match("the feather", lines) == lines[0]
    assert title_score("", "Feather Running Shoe") == 0.0
    assert best_match("anything", []) is None

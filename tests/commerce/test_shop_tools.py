"""Comparing, paying, and what the shop says of itself; and a shop that is not quite as usual."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from greenroom.commerce.context import ShopContext
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
from greenroom.commerce.toolbox import TOOLS, Toolbox
from greenroom.errors import InvalidInput, ProductNotFound, ProviderFailed

Run = Callable[..., Awaitable[Any]]


def product(
    number: int, title: str, price: str | None = "10.00", currency: str = "USD", **more: Any
) -> Product:
    """A product of one variant."""
    money = None if price is None else Money(Decimal(price), currency)
    variants = () if money is None else (Variant(f"v{number}", money, 5, None, "Red"),)
    fields: dict[str, Any] = {"variants": variants} | more
    return Product(f"shop:{number}", title, "A thing.", "things", money, **fields)


class Shelf:
    """A catalogue of a few products, of which each call can be made to fail."""

    uri = "shelf:"

    def __init__(self, *products: Product, policies: tuple[Policy, ...] = ()) -> None:
        self.products = {each.id: each for each in products}
        self.written = policies
        self.failures: list[Exception] = []
        self.calls = 0
        self.bought: list[CheckoutLine] = []
        self.hangs = False

    async def _called(self) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        if self.hangs:
            await asyncio.Event().wait()

    async def search(
        self, query: str, filters: Filters = NO_FILTERS, limit: int = 10, offset: int = 0
    ) -> SearchResult:
        await self._called()
        words = set(query.casefold().split())
        found = [p for p in self.products.values() if words <= set(p.title.casefold().split())]
        return SearchResult(tuple(found[offset : offset + limit]), len(found))

    async def get(self, product_id: str) -> Product:
        await self._called()
        if product_id not in self.products:
            raise ProductNotFound(product_id)
        return self.products[product_id]

    async def policies(self) -> tuple[Policy, ...]:
        await self._called()
        return self.written

    async def checkout_url(self, lines: Sequence[CheckoutLine]) -> str:
        await self._called()
        self.bought = list(lines)
        return "https://shop.example/cart/" + ",".join(
            f"{x.variant_id}:{x.quantity}" for x in lines
        )

    async def check(self) -> None:
        await self._called()

    async def vocabulary(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None:
        pass


@pytest.fixture
def context() -> ShopContext:
    return ShopContext()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(
        product(1, "Red Kettle", "40.00"),
        product(2, "Blue Kettle", "55.50"),
        product(3, "Museum Kettle", None),
        product(4, "Swiss Kettle", "49.50", "EUR"),
        policies=(
            Policy("returns", "Returns and refunds", "Send it back within 14 days."),
            Policy("shipping", "Delivery", "We ship with a courier in 2 days."),
            Policy("faq", "Questions", "Our kettles are tested by a warranty lab."),
        ),
    )


@pytest.fixture
def run(shelf: Shelf, context: ShopContext) -> Run:
    return runner(shelf, context)


def runner(catalogue: Catalogue, context: ShopContext) -> Run:
    toolbox = Toolbox(catalogue)

    async def call(tool: str, **arguments: Any) -> Any:
        result = await toolbox.run(tool, arguments, context)
        assert result.ok, result.error
        json.dumps(result.result)
        return result.result

    return call


# -- comparing ----------------------------------------------------------------------------------


async def test_products_are_compared_by_place_title_and_id(
    catalogue: Catalogue, context: ShopContext
) -> None:
    run = runner(catalogue, context)
    found = await run("search_products", query="trail shoes")
    result = await run(
        "compare_products",
        product_ids=["1", "the canyon trail shoe", found["products"][2]["id"]],
    )
    titles = [each["title"] for each in result["products"]]
    assert titles[1] == "Canyon Trail Shoe"
    assert len(titles) == 3
    prices = [Decimal(each["price"]["amount"]) for each in result["products"]]
    assert Decimal(result["cheapest"]["price"]["amount"]) == min(prices)
    assert Decimal(result["price_difference"]["amount"]) == max(prices) - min(prices)
    assert result["in_common"]["category"] == "footwear"
    for each in result["products"]:
        assert set(result["in_common"]["sizes_in_stock"]) <= set(each["sizes_in_stock"])
        others = [other for other in result["products"] if other is not each]
        for color in each["only_here"]["colors_in_stock"]:
            assert all(color not in other["colors_in_stock"] for other in others)
    assert list(context.compared) == [each["id"] for each in result["products"]]
    assert len(context.results) > 3, "the places of what was found stay"
    assert context.viewed_products == list(context.compared)


async def test_what_was_not_found_before_takes_the_places_when_compared(
    run: Run, context: ShopContext
) -> None:
    await run("search_products", query="museum")
    await run("compare_products", product_ids=["red kettle", "blue kettle"])
    assert [ref.title for ref in context.results] == ["Red Kettle", "Blue Kettle"]
    assert context.focus is None
    await run("search_products", query="kettle")
    assert context.compared == ()


async def test_one_product_by_two_names_is_no_comparison(run: Run, context: ShopContext) -> None:
    result = await run("compare_products", product_ids=["red kettle", "shop:1"])
    assert (result["compared"], result["reason"]) == (False, "same_product")
    assert context.viewed_products == []


@pytest.mark.parametrize(
    "titles", [["red kettle", "museum kettle"], ["red kettle", "swiss kettle"]]
)
async def test_prices_that_can_not_be_compared_are_not(run: Run, titles: list[str]) -> None:
    result = await run("compare_products", product_ids=titles)
    assert result["compared"]
    assert (result["cheapest"], result["price_difference"]) == (None, None)


@pytest.mark.parametrize("wanted", [["1"], ["1"] * 5, [""], "1"])
async def test_two_to_four_are_compared(shelf: Shelf, context: ShopContext, wanted: Any) -> None:
    with pytest.raises(InvalidInput) as error:
        await Toolbox(shelf).run("compare_products", {"product_ids": wanted}, context)
    assert error.value.field.startswith("parameters.product_ids")


# -- products that can't be bought, and other money ---------------------------------------------


async def test_a_product_without_a_price_is_told_about_and_not_sold(
    run: Run, context: ShopContext
) -> None:
    details = await run("get_product_details", product_id="museum kettle")
    assert (details["price"], details["for_sale"], details["variants"]) == (None, False, [])
    assert not (await run("check_inventory", product_id="museum kettle"))["for_sale"]
    refused = await run("add_to_cart", product_id="museum kettle")
    assert (refused["added"], refused["reason"]) == (False, "not_for_sale")
    assert ShopContext.from_json(json.loads(json.dumps(context.to_json()))) == context


async def test_a_cart_has_one_currency(run: Run, context: ShopContext) -> None:
    await run("add_to_cart", product_id="red kettle")
    refused = await run("add_to_cart", product_id="swiss kettle")
    assert (refused["reason"], refused["currency"], refused["cart_currency"]) == (
        "other_currency", "EUR", "USD",
    )  # fmt: skip
    await run("remove_from_cart")
    added = await run("add_to_cart", product_id="swiss kettle")
    assert added["cart"]["total"] == {"amount": "49.50", "currency": "EUR"}


# -- paying ---------------------------------------------------------------------------------------


async def test_a_link_is_made_for_the_cart_and_goes_when_the_cart_changes(
    run: Run, context: ShopContext, shelf: Shelf
) -> None:
    assert await run("checkout_link") == {"ready": False, "reason": "cart_empty"}
    await run("add_to_cart", product_id="red kettle", quantity=2)
    link = await run("checkout_link")
    assert shelf.bought == [CheckoutLine("v1", 2)]
    assert (link["item_count"], link["total"]["amount"], link["left_out"]) == (2, "80.00", [])
    assert context.to_json()["checkout_url"] == link["checkout_url"]
    for change, arguments in (
        ("add_to_cart", {"product_id": "blue kettle"}),
        ("remove_from_cart", {"product_id": "blue kettle"}),
        ("remove_from_cart", {}),
    ):
        context.checkout_url = link["checkout_url"]
        await run(change, **arguments)
        assert context.to_json()["checkout_url"] is None


async def test_what_has_sold_out_since_is_left_out_and_told(
    run: Run, context: ShopContext, shelf: Shelf
) -> None:
    await run("add_to_cart", product_id="red kettle", quantity=3)
    await run("add_to_cart", product_id="blue kettle")
    red = shelf.products["shop:1"]
    shelf.products["shop:1"] = replace(red, variants=(replace(red.variants[0], stock=1),))
    del shelf.products["shop:2"]
    link = await run("checkout_link")
    assert shelf.bought == [CheckoutLine("v1", 1)]
    assert link["total"]["amount"] == "40.00"
    assert [(each["title"], each["quantity_left"]) for each in link["left_out"]] == [
        ("Red Kettle", 1), ("Blue Kettle", 0),
    ]  # fmt: skip
    del shelf.products["shop:1"]
    nothing = await run("checkout_link")
    assert (nothing["ready"], nothing["reason"], len(nothing["left_out"])) == (False, "sold_out", 2)
    assert sum(line.quantity for line in context.cart) == 4


async def test_a_shop_that_fails_gives_no_link(shelf: Shelf, context: ShopContext) -> None:
    run = runner(shelf, context)
    await run("add_to_cart", product_id="red kettle")
    shelf.failures = [ProviderFailed("shelf:", "down")]
    result = await Toolbox(shelf).run("checkout_link", {}, context)
    assert (result.ok, context.checkout_url) == (False, None)
    shelf.failures = [InvalidInput("lines", "no such variant")]
    assert not (await Toolbox(shelf).run("checkout_link", {}, context)).ok


# -- policies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "topic"),
    [
        ("returns", "returns"),
        ("can i send them back", "returns"),
        ("Is there a REFUND?", "returns"),
        ("how long does it take to arrive", "shipping"),
        ("do you ship to canada", "shipping"),
        ("when will my parcel come", "shipping"),
        ("who tests the kettles in a lab", "faq"),
        ("wifi", None),
        ("what is the meaning of it", None),
        (None, None),
    ],
)
async def test_a_policy_is_found_by_its_words(
    run: Run, asked: str | None, topic: str | None
) -> None:
    result = await run("get_policy", **({} if asked is None else {"topic": asked}))
    assert result["found"] == (topic is not None)
    if topic is None:
        assert [each["topic"] for each in result["topics"]] == ["returns", "shipping", "faq"]
    else:
        assert result["topic"] == topic
        assert result["text"]


async def test_a_shop_that_says_nothing_of_itself_has_no_topics(context: ShopContext) -> None:
    run = runner(Shelf(), context)
    assert await run("get_policy", topic="returns") == {"found": False, "topics": []}


async def test_a_very_long_policy_is_cut(context: ShopContext) -> None:
    run = runner(Shelf(policies=(Policy("returns", "Returns", "Word. " * 5_000),)), context)
    result = await run("get_policy", topic="returns")
    assert (len(result["text"]), result["complete"]) == (6_000, False)


# -- trying again -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search_products", {"query": "kettle"}),
        ("get_product_details", {"product_id": "shop:1"}),
        ("check_inventory", {"product_id": "shop:1"}),
        ("compare_products", {"product_ids": ["shop:1", "shop:2"]}),
        ("get_policy", {}),
    ],
)
async def test_a_tool_that_only_looks_is_tried_once_more(
    shelf: Shelf, context: ShopContext, tool: str, arguments: dict[str, Any]
) -> None:
    shelf.failures = [ProviderFailed("shelf:", "hiccup", retry_after=0.001)]
    assert (await Toolbox(shelf).run(tool, arguments, context)).ok
    shelf.failures = [ProviderFailed("shelf:", "hiccup")] * 2
    assert not (await Toolbox(shelf).run(tool, arguments, context)).ok
    assert shelf.failures == []


@pytest.mark.parametrize(
    "failure",
    [
        ProviderFailed("shelf:", "bad key", retryable=False),
        ProviderFailed("shelf:", "busy", retry_after=60),
    ],
)
async def test_what_would_fail_again_or_too_late_is_not_tried(
    shelf: Shelf, context: ShopContext, failure: ProviderFailed
) -> None:
    shelf.failures = [failure]
    assert not (await Toolbox(shelf).run("get_policy", {}, context)).ok
    assert shelf.calls == 1


@pytest.mark.parametrize("tool", [tool.name for tool in TOOLS if tool.writes])
async def test_a_tool_that_changes_something_is_never_run_twice(
    shelf: Shelf, context: ShopContext, tool: str
) -> None:
    run = runner(shelf, context)
    await run("add_to_cart", product_id="shop:1")
    before = (shelf.calls, list(context.cart))
    shelf.failures = [ProviderFailed("shelf:", "hiccup")]
    arguments = {"product_id": "shop:2"} if tool == "add_to_cart" else {}
    result = await Toolbox(shelf).run(tool, arguments, context)
    if tool == "remove_from_cart":  # needs no catalogue
        assert result.ok
        return
    assert not result.ok
    assert (shelf.calls, context.cart) == (before[0] + 1, before[1])


async def test_both_tries_share_the_time_limit(shelf: Shelf, context: ShopContext) -> None:
    shelf.failures = [ProviderFailed("shelf:", "hiccup", retry_after=0.02)]
    shelf.hangs = True
    async with asyncio.timeout(5):
        result = await Toolbox(shelf, time_limit=0.03).run("get_policy", {}, context)
    assert (result.error, shelf.calls) == ("no answer within 0.03 s", 2)

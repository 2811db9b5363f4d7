"""Talks with the offline model of comparing, paying and the shop's terms; and of odd shops."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from greenroom.agents.shop import ShopAgents
from greenroom.commerce.context import ShopContext
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
from greenroom.commerce.toolbox import Toolbox
from greenroom.errors import ProductNotFound


@pytest.fixture
def talk(offline: ShopAgents, talk_to: Callable[..., Any]) -> Any:
    return talk_to(offline.create())


def tools_of(answer: Any) -> list[str]:
    return [ran.tool for ran in answer.tools]


async def test_two_of_what_was_found_are_compared_and_the_cheaper_one_is_bought(talk: Any) -> None:
    await talk.say("show me trail shoes under one hundred and fifty dollars")
    both = await talk.say("compare the first two")
    assert (both.done.intent, tools_of(both)) == ("product_comparison", ["compare_products"])
    assert "So the Canyon Trail Shoe is $30 cheaper" in both.text
    assert "Both come in sizes 7 to 13" in both.text
    cheaper = await talk.say("which one is cheaper")
    assert cheaper.text.startswith("The Canyon Trail Shoe is cheaper: $110, which is $30 less")
    added = await talk.say("add it in size ten")
    assert added.tools[0].result["line"]["title"] == "Canyon Trail Shoe"
    dearer = await talk.say("which is more expensive the second or the third")
    assert "The Canyon Trail Shoe is more expensive: $110" in dearer.text
    every = await talk.say("compare all three")
    assert every.text.startswith("The Summit Trail Shoe is $140, the Canyon")


async def test_the_budget_and_the_size_outlast_a_comparison_and_a_policy(talk: Any) -> None:
    await talk.say("show me running shoes under one hundred and fifty dollars in size ten")
    await talk.say("compare the first two")
    await talk.say("what is your return policy")
    await talk.say("check out")
    trail = await talk.say("what about trail shoes")
    assert trail.tools[0].arguments["max_price"] == 150
    assert trail.tools[0].arguments["size"] == "10"
    assert (await talk.say("which is cheaper the first or the second")).tools[0].ok


async def test_products_by_name_are_compared_without_a_search_before(talk: Any) -> None:
    answer = await talk.say("which is cheaper the comet running shoe or the feather running shoe")
    assert answer.text.startswith("The Feather Running Shoe is cheaper: $79, which is $10 less")
    assert [ref.title for ref in talk.agent.context.results] == [
        "Comet Running Shoe", "Feather Running Shoe",
    ]  # fmt: skip
    more = await talk.say("tell me about the first one")
    assert "Comet" in more.text
    tents = await talk.say("compare the meadow two person tent and the family cabin tent")
    assert "the Family Cabin Tent is sold out" in tents.text
    dear = await talk.say("which one is more expensive")
    assert "But it is sold out" in dear.text


async def test_of_three_the_cheapest_is_named(talk: Any) -> None:
    await talk.say("show me trail shoes under one hundred and fifty dollars")
    await talk.say("compare all three")
    answer = await talk.say("which of them is cheaper")
    assert answer.text.startswith("The cheapest of them is the Fox Trail Shoe at $85.")


async def test_what_can_not_be_compared_is_asked_back(talk: Any) -> None:
    assert "Which products shall I compare" in (await talk.say("compare them")).text
    await talk.say("show me tents")
    back = await talk.say("what's the difference between the first and the sixth")
    assert (back.tools, "I only named" in back.text) == ([], True)
    await talk.say("tell me about the comet running shoe")
    unknown = await talk.say("compare the moon boot and the comet running shoe")
    assert "there is no product 'moon boot' in the shop" in unknown.text


async def test_the_cart_leads_to_a_link_that_is_not_read_out(talk: Any) -> None:
    assert "empty" in (await talk.say("check out")).text
    await talk.say("add two of the plaid winter scarf to my cart")
    paying = await talk.say("i'd like to check out")
    assert (paying.done.intent, tools_of(paying)) == ("checkout", ["checkout_link"])
    assert paying.text == (
        "Your cart has 2 items for $64. The link to the checkout is on your screen: you can pay "
        "there."
    )
    snapshot = json.loads(json.dumps(talk.agent.snapshot()))
    assert snapshot["checkout_url"] == paying.tools[0].result["checkout_url"]
    await talk.say("remove one of the scarves")
    assert talk.agent.snapshot()["checkout_url"] is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("what is your return policy", "within 30 days"),
        ("how long does shipping take", "three to five working days"),
        ("do you ship to canada", "Canada"),
        ("do you have a student discount", "10 percent off"),
        ("can i pay with paypal", "PayPal"),
        ("is there a warranty", "two-year warranty"),
        ("can i exchange them for another size", "60 days"),
    ],
)
async def test_the_shops_terms_are_told_in_its_own_words(talk: Any, asked: str, said: str) -> None:
    answer = await talk.say(asked)
    assert (answer.done.intent, set(tools_of(answer))) == ("policy_question", {"get_policy"})
    assert said in answer.text
    assert len(answer.text) < 450


# -- odd shops ------------------------------------------------------------------------------------


class OddShop:
    """Three kettles in euros, one of which is only shown; no terms but one, or none."""

    uri = "odd:"

    def __init__(self) -> None:
        self.products = {
            p.id: p
            for p in (
                kettle("1", "Round Kettle", "49.50"),
                kettle("2", "Square Kettle", "60"),
                Product("odd:3", "Museum Kettle", "Very old.", "kettles", None),
                kettle("4", "Dollar Kettle", "20", "USD"),
            )
        }
        self.written: tuple[Policy, ...] = (Policy("returns", "Returns", "Never."),)

    async def search(
        self, query: str, filters: Filters = NO_FILTERS, limit: int = 10, offset: int = 0
    ) -> SearchResult:
        words = set(query.casefold().replace("kettles", "kettle").split())
        found = [p for p in self.products.values() if words <= set(p.title.casefold().split())]
        if filters.max_price is not None:
            found = [p for p in found if p.price and p.price.amount <= filters.max_price]
        return SearchResult(tuple(found[offset : offset + limit]), len(found))

    async def get(self, product_id: str) -> Product:
        if product_id not in self.products:
            raise ProductNotFound(product_id)
        return self.products[product_id]

    async def policies(self) -> tuple[Policy, ...]:
        return self.written

    async def checkout_url(self, lines: Sequence[CheckoutLine]) -> str:
        return f"https://odd.example/{len(lines)}"

    async def check(self) -> None:
        pass

    async def vocabulary(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None:
        pass


def kettle(number: str, title: str, price: str, currency: str = "EUR") -> Product:
    money = Money(Decimal(price), currency)
    variants = (Variant(f"v{number}", money, 3),)
    return Product(f"odd:{number}", title, "It boils.", "kettles", money, variants=variants)


@pytest.fixture
async def odd(talk_to: Callable[..., Any]) -> AsyncIterator[tuple[Any, OddShop]]:
    shop = OddShop()
    agents = ShopAgents(Toolbox(shop))
    yield talk_to(agents.create(ShopContext())), shop
    await agents.close()


async def test_euros_are_said_as_euros(odd: tuple[Any, OddShop]) -> None:
    talk, _ = odd
    found = await talk.say("show me kettles under seventy")
    assert "the Round Kettle at 49.50 EUR" in found.text
    assert "$4" not in found.text
    assert "kettles under 70 EUR" in found.text
    both = await talk.say("which is cheaper the round kettle or the square kettle")
    assert "49.50 EUR, which is 10.50 EUR less" in both.text
    await talk.say("yes")
    other = await talk.say("add the dollar kettle to my cart")
    assert "another currency" in other.text
    assert "49.50 EUR" in (await talk.say("what's in my cart")).text


async def test_what_has_no_price_is_told_about_and_not_sold(odd: tuple[Any, OddShop]) -> None:
    talk, _ = odd
    found = await talk.say("do you have the museum kettle")
    assert "Museum Kettle" in found.text
    for sentence in ("tell me about the museum kettle", "how much is the museum kettle"):
        told = await talk.say(sentence)
        assert "without a price" in told.text
        assert "can't buy it here" in told.text
    for sentence in ("is it in stock", "add it to my cart"):
        assert "you can't buy the Museum Kettle here" in (await talk.say(sentence)).text
    compared = await talk.say("compare the museum kettle and the round kettle")
    assert "the Museum Kettle is without a price" in compared.text.replace("The", "the")
    cheaper = await talk.say("which one is cheaper")
    assert "€0" not in cheaper.text
    assert " 0" not in cheaper.text
    assert talk.agent.context.cart == []


async def test_what_sold_out_in_the_cart_is_told_at_the_checkout(odd: tuple[Any, OddShop]) -> None:
    talk, shop = odd
    await talk.say("add two of the round kettle to my cart")
    await talk.say("add the square kettle to my cart")
    red = shop.products["odd:1"]
    shop.products["odd:1"] = replace(red, variants=(replace(red.variants[0], stock=1),))
    part = await talk.say("check out")
    assert "There is only one left of the Round Kettle." in part.text
    assert "That leaves 2 items for 109.50 EUR." in part.text
    del shop.products["odd:2"]
    shop.products["odd:1"] = replace(red, variants=(replace(red.variants[0], stock=0),))
    none = await talk.say("check out")
    assert "the Square Kettle is sold out by now" in none.text
    assert talk.agent.context.checkout_url is None or "odd" in talk.agent.context.checkout_url


async def test_terms_that_the_shop_has_not_written_are_not_made_up(
    odd: tuple[Any, OddShop],
) -> None:
    talk, shop = odd
    unknown = await talk.say("do you have a student discount")
    assert "You can ask me about returns" in unknown.text
    shop.written = ()
    assert "told me nothing about that" in (await talk.say("what is your return policy")).text

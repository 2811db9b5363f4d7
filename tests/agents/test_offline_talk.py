"""Whole talks with the offline model: real shop, real loop."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from greenroom.agents.ports import Message
from greenroom.agents.shop import ShopAgents
from greenroom.commerce.context import ShopContext
from greenroom.commerce.demo import demo_products
from greenroom.commerce.toolbox import Toolbox


@pytest.fixture
def talk(offline: ShopAgents, talk_to: Callable[..., Any]) -> Any:
    return talk_to(offline.create())


def tools_of(answer: Any) -> list[str]:
    return [ran.tool for ran in answer.tools]


async def test_a_shopper_finds_asks_buys_and_looks_further(talk: Any) -> None:
    found = await talk.say("show me running shoes under one hundred dollars")
    assert (found.done.intent, tools_of(found)) == ("product_search", ["search_products"])
    assert "4 running shoes under $100" in found.text
    assert "Morning Mile Running Shoe at $65" in found.text
    second = talk.agent.context.results[1]

    told = await talk.say("tell me about the second one")
    assert (told.done.intent, tools_of(told)) == ("product_details", ["get_product_details"])
    assert second.title in told.text

    stock = await talk.say("is it in stock in size ten")
    assert (stock.done.intent, tools_of(stock)) == ("inventory_check", ["check_inventory"])
    assert stock.text.startswith(f"Yes, the {second.title} is in stock in size 10")

    added = await talk.say("add it to my card")
    assert (added.done.intent, tools_of(added)) == ("add_to_cart", ["add_to_cart"])
    assert f"{second.title} in size 10" in added.text

    cart = await talk.say("what's in my cart")
    assert (cart.done.intent, tools_of(cart)) == ("view_cart", ["view_cart"])
    assert f"${second.price.amount:.0f}" in cart.text

    trail = await talk.say("what about trail shoes instead")
    assert trail.tools[0].arguments["max_price"] == 100
    assert trail.tools[0].arguments["size"] == "10"
    assert "Fox Trail Shoe at $85" in trail.text

    snapshot = talk.agent.snapshot()
    json.dumps(snapshot)
    assert [item["product_id"] for item in snapshot["cart_items"]] == [second.id]
    assert snapshot["viewed_products"] == [second.id]
    assert snapshot["budget"] == "100.0"


async def test_a_missing_size_is_asked_for_and_a_bare_number_completes_it(talk: Any) -> None:
    await talk.say("show me running shoes")
    asked = await talk.say("add the first one")
    assert "Which size" in asked.text
    assert asked.tools[0].result["reason"] == "size_needed"
    wrong = await talk.say("size forty four")
    assert "doesn't come in size 44" in wrong.text
    added = await talk.say("ten")
    assert (added.done.intent, added.tools[0].result["added"]) == ("add_to_cart", True)
    more = await talk.say("add two more")
    assert more.tools[0].result["line"]["quantity"] == 3


async def test_yes_does_what_was_offered_and_no_does_not(talk: Any) -> None:
    await talk.say("do you have a water bottle")
    told = await talk.say("yes please")
    assert tools_of(told) == ["get_product_details"]
    refused = await talk.say("no thanks")
    assert refused.tools == []
    nothing = await talk.say("yes")
    assert nothing.tools == []
    await talk.say("how much is the steel water bottle")
    added = await talk.say("yes")
    assert (added.done.intent, tools_of(added)) == ("add_to_cart", ["add_to_cart"])


async def test_yes_to_a_choice_is_asked_again_and_the_choice_goes_where_it_was_meant(
    talk: Any,
) -> None:
    await talk.say("show me bags")
    assert "Which one do you mean" in (await talk.say("add it to my cart")).text
    assert "Which one do you mean" in (await talk.say("yes")).text
    added = await talk.say("the second one")
    assert tools_of(added) == ["add_to_cart"]


async def test_yes_to_a_size_question_is_no_size(talk: Any) -> None:
    await talk.say("add the comet running shoe to my cart")
    assert (await talk.say("yes")).text == "Which size would you like?"
    assert (await talk.say("a nine")).tools[0].result["added"]


async def test_a_search_can_be_narrowed_loosened_and_paged(talk: Any) -> None:
    await talk.say("show me jackets under one hundred and fifty dollars")
    every = await talk.say("at any price")
    assert "max_price" not in every.tools[0].arguments
    assert "9 jackets" in every.text
    more = await talk.say("show me more")
    assert more.tools[0].arguments["offset"] == 3
    await talk.say("what else do you have")
    assert "That was all" in (await talk.say("show me more")).text
    red = await talk.say("in red")
    assert (red.tools[0].arguments["query"], red.tools[0].arguments["color"]) == ("jackets", "red")
    dearer = await talk.say("something more expensive")
    assert "found no more expensive red jackets" in dearer.text
    big = await talk.say("do you have them in extra large")
    assert big.tools[0].arguments["size"] == "XL"


async def test_cheaper_is_cheaper_than_what_was_named_and_no_budget(talk: Any) -> None:
    await talk.say("show me trail shoes under two hundred dollars")
    named = min(ref.price.amount for ref in talk.agent.context.results)
    cheaper = await talk.say("anything cheaper")
    assert Decimal(str(cheaper.tools[0].arguments["max_price"])) < named
    assert talk.agent.context.budget == Decimal(200)


async def test_nothing_found_is_said_with_the_closest_there_is(talk: Any) -> None:
    none = await talk.say("trail shoes under twenty dollars")
    assert none.text.startswith("I found no trail shoes under $20. The closest are the ")
    one = await talk.say("do you have a wool sweater under ten dollars")
    assert "The closest is the Fisherman Wool Sweater at $95" in one.text
    never = await talk.say("do you have kayaks")
    assert "no kayaks in the shop" in never.text
    assert len(never.tools) <= 3


async def test_the_cheapest_is_found_and_can_be_added(talk: Any) -> None:
    found = await talk.say("what is the cheapest running shoe")
    assert "Morning Mile Running Shoe at $65" in found.text
    added = await talk.say("add it in size ten")
    assert added.tools[0].result["line"]["title"] == "Morning Mile Running Shoe"
    dearest = await talk.say("what is the most expensive tent")
    assert "Family Cabin Tent at $320" in dearest.text


async def test_who_looks_for_black_gets_black(talk: Any) -> None:
    await talk.say("show me black leggings in small")
    added = await talk.say("add the first one")
    assert added.tools[0].arguments["color"] == "black"


async def test_what_is_sold_out_is_not_sold(talk: Any) -> None:
    told = await talk.say("tell me about the family cabin tent")
    assert "sold out" in told.text
    assert "sold out" in (await talk.say("how much is it")).text
    assert "sold out" in (await talk.say("add it to my cart")).text
    assert talk.agent.context.cart == []
    stock = await talk.say("is it in stock")
    assert stock.text.startswith("I'm sorry")


async def test_more_than_there_is_is_offered_as_what_there_is(talk: Any) -> None:
    await talk.say("add the comet running shoe in size seven in black to my cart")
    (comet,) = (p for p in demo_products() if p.title == "Comet Running Shoe")
    stock = next(v.stock for v in comet.variants if (v.size, v.color) == ("7", "Black"))
    short = await talk.say("add nineteen more in black")
    assert short.tools[0].result["quantity_left"] == stock - 1
    await talk.say("yes")
    full = await talk.say("add another in black")
    assert "in your cart already" in full.text


async def test_the_cart_is_changed_and_summed_up(talk: Any) -> None:
    assert "empty" in (await talk.say("what's in my cart")).text.lower()
    assert "empty" in (await talk.say("check out")).text
    assert "empty" in (await talk.say("remove the first one")).text
    await talk.say("add the steel water bottle to my cart")
    await talk.say("add two of the plaid winter scarf to my cart")
    cart = await talk.say("show me my cart")
    assert "3 items" in cart.text
    assert "$90" in cart.text
    unclear = await talk.say("remove the umbrella")
    assert "Which one shall I take out" in unclear.text
    await talk.say("remove one of the scarves")
    assert (await talk.say("what's my total")).text.count("$58") == 1
    gone = await talk.say("remove the last one")
    assert "Plaid Winter Scarf" in gone.text
    paying = await talk.say("i'd like to check out")
    assert "$26" in paying.text
    assert "link to the checkout is on your screen" in paying.text
    assert "http" not in paying.text
    assert talk.agent.snapshot()["checkout_url"].startswith("https://")
    assert "empty now" in (await talk.say("empty my cart")).text


async def test_prices_of_a_kind_and_of_one_are_told(talk: Any) -> None:
    kinds = await talk.say("how much are running shoes")
    assert (kinds.done.intent, "at $65" in kinds.text) == ("price_inquiry", True)
    sizes = await talk.say("how much is the granite kettle bell")
    assert "$40 to $72, depending on the size" in sizes.text
    unknown = await talk.say("how much is the third one")
    assert "I named one product" in unknown.text


async def test_a_colour_that_there_is_not_is_answered_with_those_there_are(talk: Any) -> None:
    await talk.say("tell me about the coast sunglasses")
    red = await talk.say("do they come in red")
    assert "don't come in red. I have black and brown" in red.text
    added = await talk.say("brown")
    assert added.tools[0].result["line"]["color"] == "Brown"


async def test_small_talk_needs_no_tool(talk: Any) -> None:
    for sentence, intent in (
        ("hello", "greeting"),
        ("what can you do", "help"),
        ("tell me a joke", "unknown"),
        ("thank you", "thanks"),
        ("goodbye", "goodbye"),
    ):
        answer = await talk.say(sentence)
        assert (answer.done.intent, answer.tools) == (intent, [])
        assert answer.text
    unclear = await talk.say("add it to my cart")
    assert "product" in unclear.text


async def test_the_last_answer_is_repeated(talk: Any) -> None:
    first = await talk.say("pardon")
    assert first.text
    found = await talk.say("show me tents")
    assert (await talk.say("can you repeat that")).text == found.text
    told = await talk.say("the first one")
    assert tools_of(told) == ["get_product_details"]


async def test_a_number_that_was_not_named_is_asked_back(talk: Any) -> None:
    await talk.say("show me tents")
    back = await talk.say("tell me about the fourth one")
    assert "I named 2 products" in back.text
    stock = await talk.say("is the fifth one in stock in blue")
    assert "Which one do you mean" in stock.text


async def test_answers_are_speakable_short_and_true(talk: Any) -> None:
    prices = {f"${p.price.amount:.0f}" for p in demo_products()}
    for sentence in (
        "show me running shoes", "the first one", "jackets in red", "the last one", "show me bags",
        "something cheaper", "do you have hats", "tell me about the second one",
    ):  # fmt: skip
        answer = await talk.say(sentence)
        assert len(answer.text) < 420
        assert not re.search(r"[*#_`\[\]{}<>|]|gid:|https?:", answer.text)
        assert set(re.findall(r"\$\d+", answer.text)) <= prices


async def test_text_comes_by_sentence_with_usage_at_the_end(talk: Any) -> None:
    answer = await talk.say("show me running shoes")
    assert len(answer.deltas) >= 2
    assert answer.done.usage["requests"] == 2
    assert answer.done.usage["tool_calls"] == 1
    assert answer.done.usage["output_tokens"] > 0


async def test_a_talk_is_taken_up_again(
    offline: ShopAgents, talk: Any, talk_to: Callable[..., Any]
) -> None:
    await talk.say("show me running shoes under one hundred dollars")
    snapshot = json.loads(json.dumps(talk.agent.snapshot()))
    again = talk_to(offline.create(ShopContext.from_json(snapshot)))
    again.history = [*talk.history, Message("user", ""), Message("assistant", "")]
    assert (await again.say("the first one")).tools[0].ok


async def test_talks_do_not_share_their_memory(
    offline: ShopAgents, talk_to: Callable[..., Any]
) -> None:
    one, other = talk_to(offline.create()), talk_to(offline.create())
    await one.say("show me tents")
    assert other.agent.snapshot()["results"] == []


async def test_the_agent_loads_its_model_when_it_is_first_asked(
    toolbox: Toolbox, talk_to: Callable[..., Any]
) -> None:
    shop = ShopAgents(toolbox, "offline")
    assert shop.provider == "offline"
    assert (await talk_to(shop.create()).say("hello")).done.intent == "greeting"
    await shop.close()
    await shop.close()


async def test_a_shop_that_does_not_answer_is_said_to(
    toolbox: Toolbox, talk_to: Callable[..., Any]
) -> None:
    shop = ShopAgents(toolbox)
    talk = talk_to(shop.create())
    await talk.say("show me tents")
    await toolbox.catalogue.close()
    for sentence in (
        "show me more", "show me tents", "tell me about the first one", "how much is the first one",
        "is the first one in stock", "add the first one to my cart", "show me more",
    ):  # fmt: skip
        answer = await talk.say(sentence)
        assert "catalogue does not answer" in answer.text or answer.tools == []
    await shop.close()

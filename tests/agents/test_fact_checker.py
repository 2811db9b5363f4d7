"""What may be stated after a talk's tools have run, and what may not."""

from __future__ import annotations

import asyncio
import copy
import json
import time
from decimal import Decimal
from typing import Any

import pytest

from greenroom.agents.answer_guard import INSTEAD, AnswerGuard
from greenroom.agents.fact_checker import refusal
from greenroom.agents.ports import ToolRan
from greenroom.commerce.context import ShopContext
from greenroom.commerce.demo import create
from greenroom.commerce.facts import MAX_AMOUNTS, MAX_PRODUCTS, MAX_TEXTS, Facts, ProductFacts
from greenroom.commerce.ports import CatalogueContext
from greenroom.commerce.toolbox import Toolbox

# The talk: running shoes under $150 (Morning Mile $65, Steady Stride $95, Comet $89, Cloud Step
# $120, Feather $79); details of the Comet; 23 Comets in size 10 (black 12, blue 8, orange 3); trail
# shoes (Summit $140, Canyon $110, Fox $85); Summit and Canyon compared; no orange Canyon in size 9;
# two Comets added ($178); the policies on returns and shipping.
TRUE = (
    "The Comet Running Shoe is $89.",
    "It's eighty-nine dollars.",
    "I found six running shoes under $150.",
    "The Feather Running Shoe costs 79 dollars and the Morning Mile 65.",
    "They range from 65 to 120 dollars.",
    "The Comet is ten dollars more than the Feather.",
    "Yes, the Comet Running Shoe is in stock in size 10.",
    "There are only three left in orange.",
    "We have twenty-three of them in size ten.",
    "The Canyon Trail Shoe is $30 cheaper than the Summit Trail Shoe.",
    "I've added two Comet Running Shoes to your cart, so your total is $178.",
    "Two of them come to 178 dollars.",
    "It comes in sizes 7 to 13.",
    "Option 3 is the Canyon Trail Shoe at $110.",
    "The bottle holds 500 ml.",
    "It has a 5 star rating.",
    "You wanted 2 pairs, right?",
    "That one is called the Trail 500.",
    "You can call the shop on 555 0142.",
    "They have been made since 1998.",
    "You can return anything unused within 30 days.",
    "The return label is free.",
    "Standard shipping takes three to five working days.",
    "Standard shipping costs 5 dollars, and it's free for orders of 75 dollars or more.",
    "Express shipping takes two working days and costs $15.",
    "We ship within the United States and to Canada.",
    "The Canyon is sold out in size 9 in orange.",
    "Would you like to know whether it is in stock in blue?",
    "Shall I check if the Fox Trail Shoe is in stock?",
    "I don't know of any discounts.",
    "I can't say when it will arrive.",
    "The cheapest is the Morning Mile Running Shoe at sixty-five dollars.",
    "Both together would be $250.",
    "That leaves you $61 under your budget of $150.",
    "None of them is over 150 dollars.",
    "You have 2 items in your cart.",
    "The Comet is a quick road shoe with a springy sole.",
    "Your total is one hundred seventy-eight dollars.",
    "Do you want size 10 or size 11?",
    "I can tell you what the shop says about shipping or returns.",
    "Once you've placed your order, you'll get an email.",
    "The first one is the Summit Trail Shoe at $140, the second is the Canyon Trail Shoe at $110.",
    "The Fox Trail Shoe is $85, and the Canyon Trail Shoe is $110.",
    "A Comet and a Feather together are $168.",
    "The tent sleeps 4 people.",
    "It weighs about 25 pounds.",
    "The Comet in blue is also in stock: eight pairs.",
    "Is there anything else I can do for you?",
    "Great choice! The Comet in size 10 is in stock, and it's $89 a pair.",
    "I found a few options within your budget of $150.",
    "The Steady Stride is ninety-five and the Cloud Step one hundred and twenty.",
    "So the difference between the two trail shoes is $30.",
    "For two pairs that's $178 in total.",
    "With a budget of 150 you could also get the Cloud Step at $120.",
    "The Morning Mile Running Shoe is the most affordable at just $65.",
    "We've got twelve in black and eight in blue.",
    "You'd still have 61 dollars left.",
    "Would you like me to add the Feather Running Shoe, size 9, to your cart?",
    "It's available in black, blue and orange.",
    "It's our lightest shoe, perfect for 5k and 10k races.",
    "I recommend going half a size up.",
    "Sure, which size do you need, 8, 9 or 10?",
    "If you order today, I can't tell you when it would arrive.",
    "Orders of 75 dollars or more ship free.",
    "Refunds take five working days.",
    "You get a full refund within 30 days of delivery.",
    "Since your order is over 75 dollars, standard shipping is free.",
    "Your cart has two Comet Running Shoes for $178.",
    "The link is on your screen now.",
    "Let me check whether the Summit comes in size 12.",
    "The Summit Trail Shoe is waterproof, and it costs $140.",
    "There's a 30 dollar difference between them.",
    "I don't have any information about student discounts.",
    "Sorry, the orange Canyon isn't in stock in size 9.",
    "In 2019 they redesigned the sole.",
    "It has 4 pockets and a 15 inch sleeve.",
    "The Comet costs $10 more than the Feather, but it's faster.",
    "Happy to help! Anything else?",
    "Both pairs come to $178.",
    "The Feather is the lighter one at $79.",
    "Two more would make it $356 altogether.",
    "I've put 2 pairs in your cart.",
    "There are three orange ones left in size 10.",
    "Shipping would be 5 dollars for smaller orders.",
    "It's suitable for ages 12 and up.",
    "The Summit is thirty dollars more expensive than the Canyon.",
    "Nothing there is under 60 dollars.",
    "We have it in sizes 7, 8, 9, 10, 11, 12 and 13.",
    "Take the second one if you run more than 20 miles a week.",
    "You mentioned a limit of 150 dollars.",
    "I'm afraid I can't check when your parcel arrives.",
    "Sure! That's two Comets, size 10, in black.",
    "The Morning Mile is fourteen dollars cheaper than the Feather.",
    "Shall I put it in your cart for $79?",
    "The link for the checkout is ready on your screen.",
    "Express costs 15 dollars and takes 2 working days.",
    "The last one is the Fox Trail Shoe at $85.",
    "Want to hear about our return policy?",
)
INVENTED = (
    "The Comet Running Shoe is $79.99.",
    "It's only forty-nine ninety-nine.",
    "The Fox Trail Shoe costs 75 dollars.",
    "The Comet Running Shoe is $79.",
    "The Lightning Racing Shoe is $185.",
    "They start at 39 dollars.",
    "The Comet costs 59 euros.",
    "Your total is $199.",
    "That makes 188 dollars altogether.",
    "The Comet is $20 cheaper than the Feather.",
    "There are only two left in size 9.",
    "Just one left, so hurry!",
    "We have forty of them in stock.",
    "There are 17 pairs of the Feather Running Shoe left.",
    "The Meadow Two Person Tent is in stock.",
    "Yes, the Comet is sold out.",
    "The Feather is out of stock, I'm afraid.",
    "It's 20% off today.",
    "You get ten percent off your first order.",
    "All trail shoes are on sale this week.",
    "I can give you a discount.",
    "It's half price right now.",
    "Use the coupon WELCOME for $10 off.",
    "Your order will arrive on Friday.",
    "It will be delivered tomorrow.",
    "Shipping is always free.",
    "We ship worldwide.",
    "You can return it within 90 days.",
    "It comes with a lifetime warranty.",
    "You can pay with PayPal or Klarna.",
    "Your order has been placed.",
    "I've placed your order for you.",
    "Your payment went through.",
    "Your order number is 48213.",
    "You have five items in your cart.",
    "Your cart is empty.",
    "I've removed the Comet from your cart.",
    "Express shipping takes one day.",
    "The shoes cost one hundred and nine dollars.",
    "It's 99 cents.",
    "It sells for 95 to 130 dollars.",
    "Delivery costs nine ninety-five.",
    "Free shipping on everything!",
    "We also have a price match guarantee.",
    "We're open from nine to five.",
    "The last pair is in size 12.",
    "It costs 72.",
    "We offer free gift wrapping.",
    "The Comet is usually $110 but today it's $89.",
    "That'll be $189 please.",
    "The Summit Trail Shoe goes for $125.",
    "It's a steal at 49.99.",
    "Both together come to 240 dollars.",
    "Only 5 left in size 10!",
    "Good news, the Lightning Racing Shoe is in stock.",
    "We're down to our last two pairs in blue.",
    "It's currently 30% off.",
    "If you sign up you get a 15 percent discount.",
    "There's a summer sale on running shoes.",
    "You'll have it by Thursday.",
    "It ships within 24 hours.",
    "Delivery takes just two to three days.",
    "Returns are free for 60 days.",
    "We offer free returns for a whole year.",
    "All our shoes have a two-year warranty.",
    "You can pay in four installments.",
    "I've gone ahead and placed your order.",
    "Your order is on its way.",
    "I've put the Feather in your cart as well for 69 dollars.",
    "The Fox Trail Shoe is sold out.",
    "Your total comes to two hundred and five dollars.",
    "You save 25 dollars with this one.",
    "The Cloud Step is $110.",
    "It costs less than 50 dollars.",
    "We have three hundred of these in stock.",
    "Your package will arrive on December 3rd.",
    "Your cart has four items.",
    "The Steady Stride is ten dollars cheaper than the Comet.",
    "The Comet is on special for $69.",
    "Those are 84.50 each.",
    "Pay just three payments of 30 dollars.",
    "There are seven left in orange.",
    "It won't last, there's a single pair left.",
    "The Frost Line Winter Boot is available right now for $160.",
    "I've applied a 10% discount to your cart.",
    "Ships free.",
    "Your shoes will be delivered on Tuesday.",
    "We deliver to Australia.",
    "You have 45 days to return them.",
    "Express shipping is only $9.",
    "Your refund is on its way.",
    "I just emailed you the receipt for your order.",
    "The Summit and the Canyon together are $260.",
    "The Feather is $15 cheaper than the Comet.",
    "I've taken it out of your cart.",
    "Your subtotal is $150.",
    "The Comet comes with a 3 year guarantee.",
    "You get 5 dollars back on every order.",
)


@pytest.fixture(scope="module")
def talked(tmp_path_factory: pytest.TempPathFactory) -> ShopContext:
    """The talk that the sentences are about, had once for all of them."""

    async def talk() -> ShopContext:
        catalogue = create("demo:", CatalogueContext(tmp_path_factory.mktemp("data")))
        try:
            return await talk_in(Toolbox(catalogue))
        finally:
            await catalogue.close()

    return asyncio.run(talk())


@pytest.fixture
def context(talked: ShopContext) -> ShopContext:
    return copy.deepcopy(talked)


async def talk_in(toolbox: Toolbox) -> ShopContext:
    shop = ShopContext()
    guard = AnswerGuard(shop, "show me running shoes under 150 dollars")
    for tool, arguments in (
        ("search_products", {"query": "running shoes", "max_price": 150}),
        ("get_product_details", {"product_id": "comet running shoe"}),
        ("check_inventory", {"product_id": "comet running shoe", "size": "10"}),
        ("search_products", {"query": "trail shoes", "max_price": 150}),
        ("compare_products", {"product_ids": ["1", "2"]}),
        ("check_inventory", {"product_id": "2", "size": "9", "color": "orange"}),
        ("get_policy", {"topic": "returns"}),
        ("get_policy", {"topic": "shipping"}),
        ("add_to_cart", {"product_id": "comet running shoe", "size": "10", "quantity": 2}),
    ):
        await use(toolbox, guard, shop, tool, arguments)
    shop.last_search = None  # what was found last is not what the sentences are about
    return shop


async def use(
    toolbox: Toolbox, guard: AnswerGuard, shop: ShopContext, tool: str, arguments: dict[str, Any]
) -> Any:
    result = await toolbox.run(tool, arguments, shop)
    assert result.ok, result.error
    guard.saw(ToolRan(tool, arguments, result.result, ok=True, duration_ms=1.0))
    return result.result


DONE = frozenset({"added"})


@pytest.mark.parametrize("sentence", TRUE)
async def test_what_the_tools_gave_may_be_said(context: ShopContext, sentence: str) -> None:
    assert refusal(sentence, context, DONE) is None


@pytest.mark.parametrize("sentence", INVENTED)
async def test_what_no_tool_gave_may_not_be_said(context: ShopContext, sentence: str) -> None:
    assert refusal(sentence, context, DONE) is not None


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("The Comet Running Shoe is $89.", "price"),
        ("It's eighty-nine dollars.", "price"),
        ("Yes, the Comet Running Shoe is in stock in size 10.", "stock"),
        ("There are only three left in orange.", "stock"),
        ("You can return anything unused within 30 days.", "terms"),
        ("Students get 10 percent off.", "discount"),
        ("I've added it to your cart.", "cart"),
        ("Your order has been placed.", "order"),
        ("It comes in sizes 7 to 13.", None),
    ],
)
async def test_without_a_tool_nothing_is_a_fact(sentence: str, kind: str | None) -> None:
    assert refusal(sentence, ShopContext(), frozenset()) == kind


async def test_facts_outlive_a_reconnection(context: ShopContext) -> None:
    again = ShopContext.from_json(json.loads(json.dumps(context.to_json())))
    assert again == context
    for sentence in TRUE:
        assert refusal(sentence, again, DONE) is None
    for sentence in INVENTED:
        assert refusal(sentence, again, DONE) is not None


async def test_a_limit_may_be_repeated_but_is_no_price(toolbox: Toolbox) -> None:
    shop = ShopContext()
    guard = AnswerGuard(shop, "do you have tents for less than two hundred dollars")
    assert guard.check("You asked for tents under $200.") == "You asked for tents under $200."
    assert guard.check("That tent is $200.") == INSTEAD["price"]
    assert guard.refused == 1


async def test_a_sum_must_be_right(toolbox: Toolbox) -> None:
    shop = ShopContext()
    guard = AnswerGuard(shop)
    await use(toolbox, guard, shop, "add_to_cart", {"product_id": "steel water bottle"})
    await use(toolbox, guard, shop, "add_to_cart", {"product_id": "plaid winter scarf"})
    assert guard.check("Your total is $58.")
    assert guard.check("Your total is $62.") == INSTEAD["price"]
    await use(toolbox, guard, shop, "remove_from_cart", {"product_id": "1"})
    assert refusal("Your total is $58.", shop, frozenset()) == "price"
    assert refusal("Your total is $32.", shop, frozenset()) is None


async def test_the_euro_is_not_the_dollar() -> None:
    shop = ShopContext()
    shop.facts.product("Comet Running Shoe", ProductFacts(("49.50 EUR",), available=True))
    for sentence in ("It's 49 euros 50.", "It's €49.50.", "That's 49.50 EUR."):
        assert refusal(sentence, shop, frozenset()) is None
    assert refusal("It's $49.50.", shop, frozenset()) == "price"
    assert refusal("It's 49 pounds 50.", shop, frozenset()) is None  # a weight, in such a shop
    shop.facts.amount("12.00 GBP")
    assert refusal("It's 49 pounds 50.", shop, frozenset()) == "price"


async def test_one_excuse_an_answer_and_a_line_that_tells_no_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    guard = AnswerGuard(ShopContext(), "how much is the comet")
    said = [
        guard.check(sentence)
        for sentence in ("The Comet is $12.", "It's on sale.", "What size do you wear?")
    ]
    assert said == [INSTEAD["price"], "", "What size do you wear?"]
    assert guard.refused == 2
    assert [record.message for record in caplog.records if "spoken" in record.message] == [
        "a sentence was not spoken: no tool has given its price",
        "a sentence was not spoken: no tool has given its discount",
    ]
    assert "Comet" not in caplog.text


@pytest.mark.parametrize("excuse", INSTEAD.values())
def test_an_excuse_claims_nothing(excuse: str) -> None:
    assert refusal(excuse, ShopContext(), frozenset()) is None


async def test_what_was_said_before_may_be_repeated(toolbox: Toolbox) -> None:
    guard = AnswerGuard(ShopContext(), "again please", "I've added it to your cart. Anything else?")
    assert guard.check("I've added it to your cart.") == "I've added it to your cart."
    assert AnswerGuard(ShopContext()).check("I've added it to your cart.") == INSTEAD["cart"]


def test_a_sentence_is_said_once_and_a_stutter_never() -> None:
    guard = AnswerGuard(ShopContext())
    assert guard.check("What are you looking for?") == "What are you looking for?"
    assert guard.check("What are you looking for?") == ""
    assert guard.check("Of course.") == guard.check("Of course.") == "Of course."
    assert guard.check("yes " * 60) == ""
    assert guard.refused == 0


def test_a_failed_tool_gives_no_facts() -> None:
    shop = ShopContext()
    AnswerGuard(shop).saw(ToolRan("view_cart", {}, {"error": "$5"}, ok=False, duration_ms=1.0))
    assert shop.facts == Facts()


def test_facts_are_bounded_and_quick_to_check() -> None:
    facts = Facts()
    for number in range(500):
        facts.product(f"Thing{number} Shoe", ProductFacts((f"{number}.00 USD",), available=True))
        facts.amount(f"{number}.50 USD")
        facts.heard([str(number)])
        facts.text(f"topic {number}", "we ship within 5 days and it is free . " * 100)
    assert len(facts.products) == MAX_PRODUCTS
    assert (len(facts.amounts), len(facts.said)) == (MAX_AMOUNTS, MAX_AMOUNTS)
    assert len(facts.texts) == MAX_TEXTS
    assert len(json.dumps(facts.to_json())) < 40_000
    shop = ShopContext(facts=facts)
    sentences = (*TRUE, *INVENTED)
    for sentence in sentences:
        refusal(sentence, shop, DONE)
    began = time.process_time()
    for sentence in sentences:
        refusal(sentence, shop, DONE)
    assert (time.process_time() - began) / len(sentences) < 0.005


def test_a_snapshot_with_broken_facts_is_refused() -> None:
    with pytest.raises(ValueError, match="not a shop context"):
        ShopContext.from_json({"facts": {"products": 7}})


def test_amounts_are_read_however_they_are_said() -> None:
    from greenroom.agents.figures import amounts, plain

    for sentence, values in (
        ("$49.99", ["49.99"]),
        ("49 dollars and 99 cents", ["49.99"]),
        ("it is forty-nine ninety-nine.", ["49.99"]),
        ("49,50 €", ["49.50"]),
        ("49 euros 50", ["49.5"]),
        ("USD 1,299", ["1299"]),
        ("from forty to seventy two dollars", ["40", "72"]),
        ("only ninety-nine cents", ["0.99"]),
        ("it costs 72.", ["72"]),
        ("size 10, 500 ml, option 3, 5 stars, in 2024, 2 pairs", []),
    ):
        found = amounts(plain(sentence))
        assert [amount.values[0] for amount in found] == [Decimal(value) for value in values]

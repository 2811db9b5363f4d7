from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.usage import RunUsage

from greenroom.agents.instructions import SHOP_ASSISTANT, summary
from greenroom.agents.models import create_model, create_model_chain
from greenroom.agents.offline import OfflineModel
from greenroom.agents.phrasing import amount, colors, count, form, listed, plural, size, sizes
from greenroom.agents.shop import ShopAgents, intent_of
from greenroom.commerce.context import ShopContext
from greenroom.commerce.toolbox import Toolbox
from greenroom.errors import ProviderUnavailable
from greenroom.testing import ManualClock


def test_offline_needs_nothing() -> None:
    assert isinstance(create_model("offline"), OfflineModel)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("openai:gpt-4o", "OPENAI_API_KEY"),
        ("openai-chat:any", "OPENAI_API_KEY"),
        ("nobody:knows", "Unknown model: nobody:knows"),
        ("gpt-4o", "Unknown model"),
        ("", "Unknown model"),
        ("mistral:x", "pip install 'pydantic-ai-slim[mistral]'"),
    ],
)
def test_a_model_that_can_not_be_had_is_refused_with_the_mend(
    setting: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ProviderUnavailable) as error:
        create_model(setting)
    assert error.value.setting == "providers.model"
    assert says in error.value.problem
    if "pip" not in says:
        assert "`offline`" in error.value.problem


def test_a_key_may_come_from_the_settings_and_is_shown_to_nobody() -> None:
    asked: list[str] = []

    def secret(name: str) -> str | None:
        asked.append(name)
        return {"OPENAI_API_KEY": "sk-from-settings", "MINE": " sk-mine "}.get(name)

    model = create_model("openai-chat:gpt-4o", secret)
    assert isinstance(model, OpenAIChatModel)
    assert model.client.api_key == "sk-from-settings"
    model = create_model("openai-chat:any?base_url=http://127.0.0.1:9/v1&key=MINE", secret)
    assert isinstance(model, OpenAIChatModel)
    assert (model.client.api_key, model.model_name) == ("sk-mine", "any")
    assert str(model.base_url).startswith("http://127.0.0.1:9/v1")
    assert asked == ["OPENAI_API_KEY", "MINE"]


def test_a_server_that_asks_for_no_key_is_shown_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    model = create_model("openai-chat:any?base_url=http://127.0.0.1:9/v1&key=none")
    assert isinstance(model, OpenAIChatModel)
    assert "sk-" not in model.client.api_key


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        (
            "openai-chat:x?base_uri=http://127.0.0.1/",
            "no option 'base_uri'; allowed: base_url, key",
        ),
        ("openai-chat:x?base_url", "allowed: base_url, key"),
        ("openai-chat:x?base_url=ftp://secret/", "base_url is a URL such as"),
        ("openai-chat:x?base_url=http://me:secret@host/", "base_url is a URL such as"),
        ("openai-chat:x?key=secret", "there is no key"),
        ("nobody:knows?base_url=http://127.0.0.1/", "'nobody:knows' is no model"),
        ("mistral:x?key=none", "needs a package that is not installed"),
        ("gateway/openai:x?base_url=http://127.0.0.1/", "takes no base_url"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_without_its_value(setting: str, says: str) -> None:
    with pytest.raises(ProviderUnavailable) as error:
        create_model(setting, {}.get)
    assert says in error.value.problem
    assert "secret" not in error.value.problem
    assert error.value.setting == "providers.model"


async def test_a_chain_is_made_of_the_settings_in_their_order() -> None:
    chain = create_model_chain(
        ("openai-chat:any", "offline"),
        secret={"OPENAI_API_KEY": "sk-x"}.get,
        retries=1,
        first_token_timeout=6,
        recovery_interval=20,
        clock=ManualClock(),
    )
    assert [member.provider for member in chain.snapshot()] == ["openai-chat:any", "offline"]
    assert isinstance(chain.models[1], OfflineModel)
    assert chain.model_name == "openai-chat:any → offline"


async def test_a_shop_with_such_a_model_does_not_start(toolbox: Toolbox) -> None:
    shop = ShopAgents(toolbox, "nobody:knows")
    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            await shop.warm_up()
    await shop.close()


def test_the_agent_is_cheap_to_import() -> None:
    script = "import greenroom.agents.shop, sys; sys.exit('pydantic_ai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


async def test_the_offline_model_is_for_the_shop_only() -> None:
    from pydantic_ai import Agent

    agent = Agent(OfflineModel())
    async with agent.run_stream_events("hello") as events:
        with pytest.raises(TypeError, match="the turn"):
            await anext(events)
    assert OfflineModel().stream_function is not None
    with pytest.raises(TypeError, match="the turn"):
        assert OfflineModel().stream_function([], None)  # type: ignore[misc,arg-type]


def test_the_state_of_the_talk_is_told_to_the_model() -> None:
    assert summary(ShopContext()) == ""
    context = ShopContext.from_json(
        {
            "cart_items": [
                {
                    "product_id": "p", "variant_id": "v", "title": "Mug", "size": "L",
                    "color": None, "quantity": 2,
                    "unit_price": {"amount": "4.50", "currency": "USD"},
                }
            ],
            "budget": "100",
            "min_price": "5",
            "size": "10",
            "results": [
                {"product_id": "p", "title": "Mug", "price": {"amount": "4.50", "currency": "USD"}}
            ],
            "focus": {
                "product_id": "p", "title": "Mug", "price": {"amount": "4.50", "currency": "USD"}
            },
        }
    )  # fmt: skip
    told = summary(context)
    assert "Highest price asked for: 100." in told
    assert "Lowest price asked for: 5." in told
    assert "Size asked for: 10." in told
    assert "1. Mug, 4.50 USD, id p" in told
    assert "Cart: 2 x Mug, L. Total 9.00 USD." in told
    context.size_for = "footwear"
    assert "Size asked for: 10 (for footwear)." in summary(context)
    assert "heard, never read" in SHOP_ASSISTANT


@pytest.mark.parametrize(
    ("wanted", "tools", "intent"),
    [
        ("greeting", [], "greeting"),
        ("price_inquiry", ["get_product_details"], "price_inquiry"),
        ("affirm", ["add_to_cart"], "add_to_cart"),
        ("unknown", ["search_products", "get_product_details"], "product_details"),
        ("add_to_cart", ["search_products"], "add_to_cart"),
        ("checkout", ["view_cart"], "checkout"),
    ],
)
def test_what_was_wanted_shows_in_what_was_done(wanted: str, tools: list[str], intent: str) -> None:
    assert intent_of(wanted, tools) == intent


def test_results_are_worded_for_the_ear() -> None:
    from decimal import Decimal

    assert amount(Decimal("79.00")) == "$79"
    assert amount(Decimal("79.50")) == "$79.50"
    assert amount(Decimal(9), "EUR") == "9 EUR"
    assert listed([]) == ""
    assert listed(["a", "b"], "or") == "a or b"
    assert listed(["a", "b", "c"]) == "a, b, and c"
    assert sizes(["7", "8", "9", "10"]) == "sizes 7 to 10"
    assert sizes(["28", "30", "32"]) == "sizes 28 to 32"
    assert sizes(["7", "9", "10"]) == "sizes 7, 9, and 10"
    assert sizes(["M"]) == "size medium"
    assert size("15 lb") == "15 pound"
    assert colors(["Black", "Blue"]) == "black and blue"
    assert form("10", "Black") == " in size 10 and in black"
    assert form(None, None) == ""
    assert count(1, "item") == "one item"
    assert [plural(word) for word in ("shoe", "watch", "scarf", "shorts", "glass")] == [
        "shoes", "watches", "scarves", "shorts", "glasses",
    ]  # fmt: skip


def test_a_model_may_be_given_instead_of_a_setting(toolbox: Toolbox) -> None:
    async def nothing(_messages: object, _info: AgentInfo):  # type: ignore[no-untyped-def]
        yield ""

    model = FunctionModel(stream_function=nothing, model_name="mine")
    assert ShopAgents(toolbox, model).provider == "mine"
    assert RunUsage().requests == 0

"""Models that fail, hang and come back; and real ones on a real socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelTimeoutError,
    ModelUnavailableError,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
    UserError,
)
from pydantic_ai.messages import ModelMessage, ModelRequest
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from greenroom.agents.model_chain import ModelChain
from greenroom.agents.models import create_model_chain
from greenroom.agents.offline import OfflineModel
from greenroom.agents.ports import TextDelta, ToolRan
from greenroom.agents.shop import ShopAgents
from greenroom.commerce.toolbox import Toolbox
from greenroom.errors import ProviderFailed
from greenroom.providers.usage import Usage
from greenroom.testing import ManualClock
from support.openai_chat import ToolCall
from support.openai_server import KEY, Behaviour, openai_server, refused, silent, stalled


class Mind:
    """A model that gives, request by request, texts, (tool, arguments), errors and waits."""

    def __init__(self, name: str, *requests: Sequence[Any]) -> None:
        self.name = name
        self.requests = list(requests)
        self.seen: list[list[ModelMessage]] = []
        self.settings: list[Any] = []
        self.model = FunctionModel(stream_function=self._stream, model_name=name)

    async def _stream(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        self.seen.append(messages)
        self.settings.append(info.model_settings)
        for step in self.requests.pop(0) if len(self.requests) > 1 else self.requests[0]:
            match step:
                case str() | dict():
                    yield step
                case (tool, arguments):
                    call_id = f"{self.name}-{len(self.seen)}"
                    yield {0: DeltaToolCall(tool, arguments, tool_call_id=call_id)}
                case asyncio.Event():
                    await step.wait()
                case error:
                    raise error


@dataclass
class Deps:
    used: list[Usage] = field(default_factory=list)

    def on_usage(self, usage: Usage) -> None:
        self.used.append(usage)


_CATEGORIES = {
    400: ModelRequestRejectedError,
    401: ModelAuthenticationError,
    402: ModelQuotaExceededError,
    404: ModelNotFoundError,
    429: ModelRateLimitError,
    503: ModelUnavailableError,
}


def status(code: int, **more: Any) -> ModelHTTPError:
    category: Any = _CATEGORIES.get(code)
    return ModelHTTPError.for_category(category, status_code=code, model_name="m", **more)


def chain_of(clock: Any, *minds: Mind, retries: int = 0) -> ModelChain:
    return ModelChain(
        [(f"{mind.name}:m", mind.model) for mind in minds],
        retries=retries,
        first_token_timeout=6,
        recovery_interval=20,
        clock=clock,
    )


async def ask(model: Any, deps: Deps | None = None, tools: Sequence[Any] = ()) -> str:
    agent = Agent(model, deps_type=Deps, tools=tools)
    async with (
        asyncio.timeout(20),
        agent.run_stream_events("hello", deps=deps or Deps()) as events,
    ):
        async for event in events:
            result = getattr(event, "result", None)
            if hasattr(result, "output"):
                return str(result.output)
    raise AssertionError("no result")


async def until_pending(clock: ManualClock) -> None:
    for _ in range(1_000):
        if clock.pending:
            return
        await asyncio.sleep(0)
    raise AssertionError("nobody waits")


async def test_the_first_member_answers_while_it_is_well() -> None:
    first, second = Mind("a", ["Hello ", "there."]), Mind("b", ["no"])
    assert await ask(chain_of(ManualClock(), first, second)) == "Hello there."
    assert second.seen == []


@pytest.mark.parametrize(
    ("error", "why", "rests"),
    [
        (status(503), "HTTP status 503", 20),
        (status(429, retry_after=70.0), "HTTP status 429", 70),
        (status(401), "HTTP status 401", 320),
        (status(404), "HTTP status 404", 320),
        (status(402), "HTTP status 402", 320),
        (ModelConnectionError("m", "secret"), "no connection, or it broke", 20),
        (ModelAPIError("m", "secret"), "ModelAPIError", 20),
        (OSError("secret"), "unexpected OSError", 20),
        (UnexpectedModelBehavior("secret"), "gave no usable answer", 20),
    ],
)
async def test_a_failure_before_the_first_word_is_not_heard(
    error: Exception, why: str, rests: float, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = Mind("a", [error]), Mind("b", ["Hello."])
    chain = chain_of(ManualClock(), first, second)
    assert await ask(chain) == "Hello."
    assert (chain.snapshot()[0].why, chain.snapshot()[0].retry_in) == (why, rests)
    await ask(chain)
    assert len(first.seen) == 1, "it rests"
    assert "secret" not in caplog.text


@pytest.mark.parametrize("error", [status(400), status(413), ContentFilterError("secret")])
async def test_a_request_that_one_refuses_is_put_to_the_next(error: Exception) -> None:
    first, second = Mind("a", [error]), Mind("b", ["Hello."])
    chain = chain_of(ManualClock(), first, second)
    assert await ask(chain) == "Hello."
    assert chain.snapshot()[0].well, "it may take the next one"


@pytest.mark.parametrize("error", [UserError("x"), UsageLimitExceeded("x")])
async def test_what_another_would_not_do_better_is_raised(error: Exception) -> None:
    chain = chain_of(ManualClock(), Mind("a", [error]), second := Mind("b", ["Hello."]))
    with pytest.raises(type(error)):
        await ask(chain)
    assert second.seen == []
    assert chain.snapshot()[0].well


async def test_a_passing_failure_is_tried_again_at_the_same_member() -> None:
    first, second = Mind("a", [status(500)], ["Hello."]), Mind("b", ["no"])
    chain = chain_of(ManualClock(), first, second, retries=1)
    deps = Deps()
    assert await ask(chain, deps) == "Hello."
    assert (len(first.seen), second.seen) == (2, [])
    assert [(usage.provider, usage.requests) for usage in deps.used] == [("a:m", 1), ("a:m", 1)]
    assert first.settings[0] == {"max_retries": 0}, "the vendor's package does not try again too"


async def test_a_model_that_gives_no_word_in_time_is_left() -> None:
    first, second = Mind("a", [asyncio.Event()]), Mind("b", ["Hello."])
    chain = chain_of(clock := ManualClock(), first, second)
    task = asyncio.create_task(ask(chain))
    await until_pending(clock)
    clock.advance(5.9)
    await asyncio.sleep(0)
    assert not task.done()
    clock.advance(0.1)
    assert await task == "Hello."
    assert (chain.snapshot()[0].why, clock.pending) == ("no answer in time", 0)


async def test_what_breaks_off_after_the_first_word_is_raised() -> None:
    first = Mind("a", ["I have ", status(500)])
    chain = chain_of(ManualClock(), first, second := Mind("b", ["Hello."]))
    with pytest.raises(ModelHTTPError):
        await ask(chain)
    assert second.seen == []
    assert not chain.snapshot()[0].well
    assert await ask(chain) == "Hello.", "the next answer is the other's"


async def test_where_all_fail_the_last_error_is_raised() -> None:
    chain = chain_of(ManualClock(), Mind("a", [status(500)]), Mind("b", [status(429)]))
    with pytest.raises(ModelHTTPError) as error:
        await ask(chain)
    assert error.value.status_code == 429
    clock = ManualClock()
    task = asyncio.create_task(ask(chain_of(clock, Mind("a", [asyncio.Event()]))))
    await until_pending(clock)
    clock.advance(6)
    with pytest.raises(ModelTimeoutError, match="no first word within 6 s"):
        await task


async def test_a_talk_that_ends_meanwhile_leaves_nothing() -> None:
    first = Mind("a", [status(500)], [asyncio.Event()], ["Hello."])
    chain = chain_of(clock := ManualClock(), first, Mind("b", ["no"]))
    await ask(chain)
    clock.advance(20)
    deps = Deps()
    task = asyncio.create_task(ask(chain, deps))
    await until_pending(clock)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.pending == 0
    assert deps.used == [Usage("model", "a:m", requests=1)]
    assert await ask(chain) == "Hello.", "the trial is the next one's"


async def test_a_member_that_fails_between_tools_is_taken_over_without_running_them_again() -> None:
    runs: list[str] = []

    def add_to_cart(product: str) -> str:
        runs.append(product)
        return "added"

    first = Mind("a", [("add_to_cart", '{"product": "mug"}')], [status(500)])
    second = Mind("b", ["It is ", "in your cart."])
    deps = Deps()
    chain = chain_of(ManualClock(), first, second)
    assert await ask(chain, deps, [add_to_cart]) == "It is in your cart."
    assert runs == ["mug"]
    last = second.seen[0][-1]
    assert isinstance(last, ModelRequest)
    assert [(part.tool_call_id, part.content) for part in last.parts] == [("a-1", "added")]  # type: ignore[union-attr]
    assert [(usage.provider, usage.requests) for usage in deps.used] == [
        ("a:m", 1), ("a:m", 1), ("b:m", 1),
    ]  # fmt: skip
    assert [usage.output_tokens > 0 for usage in deps.used] == [True, False, True]


async def shop_answer(shop: ShopAgents, text: str) -> tuple[str, list[ToolRan]]:
    events: list[Any] = []
    async with asyncio.timeout(20):
        async for event in shop.create().answer(text, ()):
            events.append(event)  # noqa: PERF401 - so that they are there if it fails
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    return said, [event for event in events if isinstance(event, ToolRan)]


@asynccontextmanager
async def shop_of(toolbox: Toolbox, chain: ModelChain) -> AsyncIterator[ShopAgents]:
    shop = ShopAgents(toolbox, chain)
    await shop.warm_up()
    try:
        yield shop
    finally:
        await shop.close()


def with_offline(clock: ManualClock, mind: Mind, retries: int = 0) -> ModelChain:
    return ModelChain(
        [(f"{mind.name}:m", mind.model), ("offline", OfflineModel())],
        retries=retries,
        first_token_timeout=6,
        recovery_interval=20,
        clock=clock,
    )


async def test_the_offline_model_answers_where_the_cloud_is_down(toolbox: Toolbox) -> None:
    cloud = Mind("cloud", [status(503)])
    async with shop_of(toolbox, with_offline(ManualClock(), cloud)) as shop:
        said, ran = await shop_answer(shop, "show me tents")
    assert [call.tool for call in ran] == ["search_products"]
    assert "tent" in said.lower()


async def test_the_offline_model_goes_on_where_the_cloud_has_left_off(toolbox: Toolbox) -> None:
    cloud = Mind("cloud", [("search_products", '{"query": "tents"}')], [status(503)])
    async with shop_of(toolbox, with_offline(ManualClock(), cloud)) as shop:
        said, ran = await shop_answer(shop, "show me tents")
    assert [call.tool for call in ran] == ["search_products"], "what was searched is not again"
    assert "tent" in said.lower()


async def test_an_answer_that_the_offline_model_began_it_ends(toolbox: Toolbox) -> None:
    cloud = Mind("cloud", [status(503)], ["No."])
    chain = with_offline(clock := ManualClock(), cloud)
    async with shop_of(toolbox, chain) as shop:
        events = shop.create().answer("show me tents", ())
        async with asyncio.timeout(20), aclosing(events):
            async for event in events:
                if isinstance(event, ToolRan):
                    clock.advance(20)  # now the cloud would be tried
    assert len(cloud.seen) == 1
    assert chain.snapshot()[0].retry_in == 0


async def test_a_stream_that_ends_without_a_word_is_no_answer() -> None:
    chain = chain_of(ManualClock(), Mind("a", [{}]), Mind("b", ["Hello."]))
    assert await ask(chain) == "Hello."
    assert chain.snapshot()[0].why == "gave no usable answer"


async def test_a_continued_response_goes_where_it_was_begun() -> None:
    from pydantic_ai.messages import ModelResponse, TextPart
    from pydantic_ai.models import ModelRequestParameters

    first, second = Mind("a", ["one"]), Mind("b", ["two"])
    chain = chain_of(ManualClock(), first, second)
    pin = {"__pydantic_ai__": {"fallback_model_id": second.model.model_id}}
    suspended = ModelResponse([TextPart("so far")], state="suspended", metadata=pin)
    messages = [ModelRequest.user_text_prompt("hello"), suspended]
    async with chain.request_stream(messages, None, ModelRequestParameters()) as response:
        async for _ in response:
            pass
    assert (len(first.seen), len(second.seen)) == (0, 1)


# Real models of the OpenAI kind, on a real socket.


def real_chain(clock: Any, *urls: str, offline: bool = False, **more: Any) -> ModelChain:
    settings = [f"openai-chat:model{n}?base_url={url}&key=MY_KEY" for n, url in enumerate(urls)]
    return create_model_chain(
        [*settings, *(["offline"] if offline else [])],
        secret={"MY_KEY": KEY}.get,
        retries=more.pop("retries", 0),
        first_token_timeout=6,
        recovery_interval=20,
        clock=clock,
    )


async def test_a_real_model_is_asked_once_with_the_key_of_the_settings() -> None:
    deps = Deps()
    async with openai_server(thoughts=[["Hello ", "there."]]) as server:
        chain = real_chain(ManualClock(), server.url)
        async with chain:
            assert await ask(chain, deps) == "Hello there."
            assert await ask(chain) == "Hello there."
        assert {request.connection for request in server.requests} == {1}, "the socket is kept"
    assert deps.used == [
        Usage("model", f"openai-chat:model0?base_url={server.url}&key=MY_KEY",
              requests=1, input_tokens=20, output_tokens=7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (refused(500), "HTTP status 500"),
        (refused(429, "rate_limit_exceeded", {"retry-after": "7"}), "HTTP status 429"),
        (refused(401, "invalid_api_key"), "HTTP status 401"),
        (Behaviour(cut_at=-1), "no connection, or it broke"),
        (Behaviour(status=200, body=b"<html>", kind="text/html"), "gave no usable answer"),
    ],
)
async def test_a_server_in_trouble_is_asked_once_and_the_next_answers(
    behaviour: Behaviour, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "greenroom")
    async with openai_server() as down, openai_server(thoughts=["Hello."]) as well:
        down.behave(behaviour)
        chain = real_chain(ManualClock(), down.url, well.url)
        async with chain:
            assert await ask(chain) == "Hello."
            assert chain.snapshot()[0].why == why
        assert len(down.requests) == 1
    assert KEY not in caplog.text


async def test_a_server_that_hangs_is_left_and_its_socket_closed() -> None:
    async with openai_server() as hung, openai_server(thoughts=["Hello."]) as well:
        hung.behave(silent())
        chain = real_chain(clock := ManualClock(), hung.url, well.url)
        async with chain:
            task = asyncio.create_task(ask(chain))
            request = await hung.request()
            clock.advance(6)
            assert await task == "Hello."
            async with asyncio.timeout(5):
                await request.gone.wait()


async def test_a_refused_connection_costs_nothing() -> None:
    async with openai_server(thoughts=["Hello."]) as well:
        chain = real_chain(ManualClock(), "http://127.0.0.1:9/v1", well.url, retries=1)
        async with chain:
            assert await ask(chain) == "Hello."
    assert chain.snapshot()[0].why == "no connection, or it broke"


async def test_a_real_stream_that_breaks_in_mid_answer_is_raised_and_remembered() -> None:
    async with openai_server(thoughts=[["Hello ", "there, ", "you."]]) as server:
        server.behave(Behaviour(cut_at=600))
        chain = real_chain(ManualClock(), server.url)
        async with chain:
            with pytest.raises(ModelAPIError):
                await ask(chain)
    assert chain.snapshot()[0].why == "no connection, or it broke"


async def test_a_tool_call_of_one_real_model_is_understood_by_the_next(toolbox: Toolbox) -> None:
    tents = ToolCall("search_products", {"query": "tents"}, id="call_42")
    async with openai_server(thoughts=[tents]) as first, openai_server(thoughts=["Two."]) as next_:
        first.behave(Behaviour(), refused(503))
        chain = real_chain(ManualClock(), first.url, next_.url)
        async with shop_of(toolbox, chain) as shop:
            said, ran = await shop_answer(shop, "show me tents")
        sent = next_.requests[0].json()["messages"]
    assert (said, len(ran)) == ("Two.", 1)
    assert [message.get("tool_call_id") for message in sent][-1] == "call_42"
    assert sent[-2]["tool_calls"][0]["id"] == "call_42"


async def test_a_shop_whose_cloud_is_down_says_why_if_nothing_else_answers(
    toolbox: Toolbox,
) -> None:
    async with openai_server() as server:
        server.behave(stalled(0), refused(503))
        async with shop_of(toolbox, real_chain(clock := ManualClock(), server.url)) as shop:
            task = asyncio.create_task(shop_answer(shop, "hello"))
            await server.request()
            clock.advance(6)
            with pytest.raises(ProviderFailed, match="no answer in time"):
                await task
            with pytest.raises(ProviderFailed, match="HTTP status 503"):
                await shop_answer(shop, "hello")

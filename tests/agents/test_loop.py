"""Models that misbehave, and one on a real socket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from pydantic_ai.messages import ModelMessage, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from greenroom.agents.loop import MAX_HISTORY, MAX_ROUNDS
from greenroom.agents.ports import AnswerDone, Message, TextDelta
from greenroom.agents.shop import ShopAgents
from greenroom.commerce.toolbox import Toolbox
from greenroom.errors import ProviderFailed
from support.agent_talks import ran, read, text_of
from support.scripted_model import ScriptedModel, Step

SECRET = "sk-very-secret"


@asynccontextmanager
async def shop_with(
    toolbox: Toolbox, model: Any, instructions: str = ""
) -> AsyncIterator[ShopAgents]:
    shop = ShopAgents(toolbox, model, instructions)
    await shop.warm_up()
    try:
        yield shop
    finally:
        await shop.close()


async def failure(shop: ShopAgents, text: str = "hello") -> ProviderFailed:
    with pytest.raises(ProviderFailed) as error:
        await read(shop.create(), text)
    return error.value


async def test_text_before_and_after_a_tool_is_one_answer(toolbox: Toolbox) -> None:
    model = ScriptedModel(
        ["Let me ", "look.", ("search_products", '{"query": "tents"}')], ["I found ", "two."]
    )
    async with shop_with(toolbox, model) as shop:
        events = await read(shop.create())
    assert text_of(events) == "Let me look. I found two."
    assert [call.result["total_count"] for call in ran(events)] == [2]
    assert ran(events)[0].duration_ms > 0
    assert events[-1] == AnswerDone("product_search", events[-1].usage)
    assert events[-1].usage["requests"] == 2


async def test_several_tools_run_in_one_round(toolbox: Toolbox) -> None:
    model = ScriptedModel(
        [("search_products", '{"query": "tents"}'), ("view_cart", "{}")], ["Here you are."]
    )
    async with shop_with(toolbox, model) as shop:
        events = await read(shop.create())
    assert {call.tool for call in ran(events)} == {"search_products", "view_cart"}


async def test_bad_arguments_go_back_to_the_model(toolbox: Toolbox) -> None:
    model = ScriptedModel(
        [("add_to_cart", '{"product_id": "1", "quantity": 0}')],
        [("search_products", "[1]")],
        [("search_products", '{"query": "tents"}')],
        ["Two."],
    )
    async with shop_with(toolbox, model) as shop:
        events = await read(shop.create())
    assert [call.ok for call in ran(events)] == [False, False, True]
    assert "parameters.quantity" in ran(events)[0].result["error"]
    assert text_of(events) == "Two."
    answered = model.seen[1][-1].parts[0]
    assert isinstance(answered, ToolReturnPart)
    assert "at least 1" in str(answered.content)


async def test_a_tool_that_does_not_exist_is_no_tool_that_ran(
    toolbox: Toolbox, caplog: pytest.LogCaptureFixture
) -> None:
    model = ScriptedModel([("rob_bank", "{}")], ["Sorry."])
    async with shop_with(toolbox, model) as shop:
        events = await read(shop.create())
    assert (ran(events), text_of(events)) == ([], "Sorry.")
    assert "does not exist" in caplog.text
    assert "rob_bank" not in caplog.text


async def test_a_failed_look_up_is_told_to_the_model(toolbox: Toolbox) -> None:
    model = ScriptedModel(
        [("get_product_details", '{"product_id": "9"}')], ["There is no such thing."]
    )
    async with shop_with(toolbox, model) as shop:
        events = await read(shop.create())
    (call,) = ran(events)
    assert (call.ok, "no product '9'" in call.result["error"]) == (False, True)


async def test_endless_tool_calls_come_to_an_end(toolbox: Toolbox) -> None:
    async with shop_with(toolbox, ScriptedModel([("view_cart", "{}")])) as shop:
        error = await failure(shop)
    assert error.provider == "scripted"
    assert f"{MAX_ROUNDS} requests" in error.why
    many = [("view_cart", "{}")] * 30
    async with shop_with(toolbox, ScriptedModel(many)) as shop:
        assert "tool calls" in (await failure(shop)).why


@pytest.mark.parametrize("steps", [[("rob_bank", "{}")], [("search_products", '{"limit": 0}')]])
async def test_a_model_that_never_learns_is_given_up(toolbox: Toolbox, steps: list[Step]) -> None:
    async with shop_with(toolbox, ScriptedModel(steps)) as shop:
        assert (await failure(shop)).why == "the model gave no usable answer"


@pytest.mark.parametrize("steps", [[""], []])
async def test_an_empty_answer_is_a_failure(toolbox: Toolbox, steps: list[Step]) -> None:
    async with shop_with(toolbox, ScriptedModel(steps)) as shop:
        error = await failure(shop)
    assert error.why in {"the model gave no usable answer", "unexpected ValueError"}


async def test_a_crash_is_a_failure_that_tells_no_secret(
    toolbox: Toolbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    model = ScriptedModel(["I was going", RuntimeError(f"bad key {SECRET}")])
    async with shop_with(toolbox, model) as shop:
        error = await failure(shop, "my name is Bond")
    assert (error.provider, error.why) == ("scripted", "unexpected RuntimeError")
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text
    assert "Bond" not in caplog.text


async def leftovers(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() - before if not task.done()}


async def test_closing_the_answer_cancels_a_model_that_hangs(toolbox: Toolbox) -> None:
    ended = asyncio.Event()

    async def stream(_messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[str]:
        try:
            yield "Well, "
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with shop_with(toolbox, FunctionModel(stream_function=stream)) as shop:
        before = asyncio.all_tasks()
        answer = shop.create().answer("hello", ())
        async with asyncio.timeout(5):
            assert await anext(answer) == TextDelta("Well, ")
            await answer.aclose()
        assert ended.is_set()
        assert await leftovers(before) == set()


class StuckToolbox:
    """A toolbox whose tools never answer."""

    def __init__(self, toolbox: Toolbox, started: asyncio.Event) -> None:
        self.tools, self.started = toolbox.tools, started

    async def run(self, *_: object) -> None:
        self.started.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("what", ["model", "tool"])
async def test_cancelling_the_reader_cancels_what_hangs(toolbox: Toolbox, what: str) -> None:
    started = asyncio.Event()
    step: Step = started if what == "model" else ("search_products", "{}")
    box: Any = StuckToolbox(toolbox, started) if what == "tool" else toolbox
    async with shop_with(box, ScriptedModel([step])) as shop:
        before = asyncio.all_tasks()
        reader = asyncio.create_task(read(shop.create()))
        async with asyncio.timeout(5):
            await started.wait()
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
        assert await leftovers(before) == set()


async def test_the_model_is_told_the_rules_the_operators_words_and_the_talk(
    toolbox: Toolbox,
) -> None:
    told: list[str] = []

    async def stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        told.append(info.instructions or "")
        told.append(str(len(messages)))
        assert {tool.name for tool in info.function_tools} == {t.name for t in toolbox.tools}
        yield "All right."

    model = FunctionModel(stream_function=stream)
    history = [Message("user", f"message {n}") for n in range(100)] + [Message("assistant", "")]
    async with shop_with(toolbox, model, "Never mention boots.") as shop:
        agent = shop.create()
        agent.context.size = "10"
        async with asyncio.timeout(5):
            _ = [event async for event in agent.answer("hello", history)]
    assert "heard, never read" in told[0]
    assert "Never mention boots." in told[0]
    assert "Size asked for: 10." in told[0]
    assert int(told[1]) <= MAX_HISTORY + 1


# -- a server of the OpenAI kind ---------------------------------------------------------------

Handler = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def openai_server(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Serves `handler` as an OpenAI-compatible API on a real socket."""
    app = Starlette(routes=[Route("/v1/chat/completions", handler, methods=["POST"])])
    config = uvicorn.Config(
        app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    sock = config.bind_socket()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{sock.getsockname()[1]}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        sock.close()


def chunk(**delta: Any) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    data = {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "local",
        "choices": [choice],
    }  # fmt: skip
    return f"data: {json.dumps(data)}\n\n"


def ending(reason: str) -> str:
    data = {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "local",
        "choices": [{"index": 0, "delta": {}, "finish_reason": reason}],
        "usage": {"prompt_tokens": 50, "completion_tokens": 7, "total_tokens": 57},
    }  # fmt: skip
    return f"data: {json.dumps(data)}\n\ndata: [DONE]\n\n"


def call(name: str, arguments: str) -> str:
    function = {"name": name, "arguments": arguments}
    return chunk(
        role="assistant",
        tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": function}],
    )


async def test_a_server_of_the_openai_kind_streams_and_calls_tools(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[dict[str, Any]] = []

    async def handler(request: Request) -> Response:
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        bodies.append(await request.json())
        if len(bodies) == 1:
            parts = [call("search_products", '{"query": "comet"}'), ending("tool_calls")]
        else:
            parts = [chunk(role="assistant", content="The Comet "), chunk(content="is $89."),
                     ending("stop")]  # fmt: skip

        async def body() -> AsyncIterator[str]:
            for part in parts:
                yield part

        return StreamingResponse(body(), media_type="text/event-stream")

    async with (
        openai_server(handler, monkeypatch),
        shop_with(toolbox, "openai-chat:local") as shop,
    ):
        events = await read(
            shop.create(),
            "how much is the comet",
            [Message("user", "hi"), Message("assistant", "Hello!")],
        )
    assert text_of(events) == "The Comet is $89."
    assert [call.result["products"][0]["title"] for call in ran(events)] == ["Comet Running Shoe"]
    assert events[-1].intent == "price_inquiry"
    assert events[-1].usage["input_tokens"] == 100
    first, second = bodies
    assert first["stream"] is True
    assert [message["role"] for message in first["messages"]][-3:] == ["user", "assistant", "user"]
    parameters = {tool["function"]["name"]: tool["function"] for tool in first["tools"]}
    assert parameters["add_to_cart"]["parameters"]["required"] == ["product_id"]
    assert second["messages"][-1]["role"] == "tool"
    assert "Comet Running Shoe" in second["messages"][-1]["content"]


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_an_error_of_the_server_is_named_without_its_words(
    toolbox: Toolbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    caplog.set_level(logging.INFO)

    async def handler(_request: Request) -> Response:
        error = {"error": {"message": f"Incorrect API key provided: {SECRET}"}}
        return JSONResponse(error, status, headers={"x-should-retry": "false"})

    async with (
        openai_server(handler, monkeypatch),
        shop_with(toolbox, "openai-chat:local") as shop,
    ):
        error = await failure(shop)
    assert (error.provider, error.why) == ("openai-chat:local", f"HTTP status {status}")
    assert SECRET not in str(error) + caplog.text


async def test_a_server_that_breaks_off_is_a_failure(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handler(_request: Request) -> Response:
        async def body() -> AsyncIterator[str]:
            yield "data: {nonsense\n\n"

        return StreamingResponse(body(), media_type="text/event-stream")

    async with (
        openai_server(handler, monkeypatch),
        shop_with(toolbox, "openai-chat:local") as shop,
    ):
        error = await failure(shop)
    assert error.provider == "openai-chat:local"


async def test_closing_the_answer_ends_the_request_to_a_server_that_hangs(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = asyncio.Event()

    async def handler(request: Request) -> Response:
        async def body() -> AsyncIterator[str]:
            yield chunk(role="assistant", content="Hmm ")
            assert (await request.receive())["type"] == "http.disconnect"
            gone.set()

        return StreamingResponse(body(), media_type="text/event-stream")

    async with (
        openai_server(handler, monkeypatch),
        shop_with(toolbox, "openai-chat:local") as shop,
    ):
        answer = shop.create().answer("hello", ())
        async with asyncio.timeout(10):
            assert await anext(answer) == TextDelta("Hmm ")
            await answer.aclose()
            await gone.wait()

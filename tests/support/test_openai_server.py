"""The test server, as the vendor's own package and pydantic-ai see it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

import pytest
from openai import AsyncOpenAI, AuthenticationError
from pydantic_ai import Agent
from pydantic_ai.messages import AgentStreamEvent, PartDeltaEvent, TextPartDelta
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from support.openai_chat import USAGE, ToolCall
from support.openai_server import OpenAIServer, openai_server, tone, tone_wav


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with openai_server() as server:
        yield server


@pytest.fixture
async def client(server: OpenAIServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.url, api_key=server.key, max_retries=0) as client:
        yield client


@pytest.mark.parametrize("model_class", [OpenAIChatModel, OpenAIResponsesModel])
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_model_runs_a_tool_and_answers(
    server: OpenAIServer, client: AsyncOpenAI, model_class: type[OpenAIChatModel], streamed: bool
) -> None:
    server.thoughts = [
        ["Let me see. ", ToolCall("add", {"a": 1, "b": 2}), ToolCall("add", {"a": 3}, "call_2")],
        ["It is", " three."],
    ]
    agent = Agent(model_class("gpt-5-mini", provider=OpenAIProvider(openai_client=client)))
    ran = []

    @agent.tool_plain
    def add(a: int, b: int = 0) -> int:
        ran.append((a, b))
        return a + b

    deltas = []

    async def follow(_context: object, events: AsyncIterable[AgentStreamEvent]) -> None:
        parts = [event.delta async for event in events if isinstance(event, PartDeltaEvent)]
        deltas.extend(part.content_delta for part in parts if isinstance(part, TextPartDelta))

    handler = follow if streamed else None
    result = await agent.run("one and two?", event_stream_handler=handler)
    assert result.output == "It is three."
    assert deltas[-1:] == ([" three."] if streamed else [])
    usage = result.usage
    assert sorted(ran) == [(1, 2), (3, 0)]
    assert (usage.input_tokens, usage.output_tokens) == (2 * USAGE[0], 2 * USAGE[1])
    assert len(server.requests) == 2
    assert server.requests[0].json().get("stream", False) is streamed


async def test_the_package_hears_and_speaks(server: OpenAIServer, client: AsyncOpenAI) -> None:
    wav = ("turn.wav", tone_wav(rate=16_000))
    heard = await client.audio.transcriptions.create(
        model="gpt-transcribe", file=wav, response_format="json"
    )
    assert heard.text == server.transcript
    verbose = await client.audio.transcriptions.create(
        model="whisper-1", file=wav, response_format="verbose_json", language="en"
    )
    assert verbose.segments is not None
    assert verbose.segments[0].avg_logprob == -0.2
    stream = await client.audio.transcriptions.create(
        model="gpt-transcribe",
        file=wav,
        response_format="json",
        stream=True,
        keywords=["shoe", "boot"],
    )
    types = [event.type async for event in stream]
    assert types == [*["transcript.text.delta"] * 3, "transcript.text.done"]
    assert server.requests[-1].form()["keywords[]"] == ["shoe", "boot"]
    async with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nova", input="Hello", response_format="pcm"
    ) as speech:
        assert await speech.read() == tone().tobytes()
    assert [model.id async for model in await client.models.list()]


async def test_a_wrong_key_is_refused(server: OpenAIServer) -> None:
    async with AsyncOpenAI(base_url=server.url, api_key="sk-other", max_retries=0) as client:
        with pytest.raises(AuthenticationError):
            await client.models.list()

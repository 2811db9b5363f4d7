"""The prompt that tells an agent how to run a voice interview."""

from __future__ import annotations

import re

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent

from greenroom.agents.interview.plan import plan_of
from support.mcp_sessions import MODES, FollowedMcp


async def filled_in(client: Client, **arguments: str) -> str:
    (message,) = (await client.get_prompt("voice_interview", arguments)).messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


@pytest.mark.parametrize("mode", MODES)
async def test_the_prompt_is_listed_and_names_the_tools(server: FollowedMcp, mode: str) -> None:
    async with server.client(mode) as client:
        (prompt,) = (await client.list_prompts()).prompts
        assert prompt.arguments is not None
        required = {argument.name: argument.required for argument in prompt.arguments}
        assert required == {"topic": True, "questions": False, "language": False, "length": False}
        text = await filled_in(client, topic="the new office")
        for name in [tool.name for tool in (await client.list_tools()).tools]:
            assert (name in text) is (name not in ("get_session", "stop_session", "list_sessions"))
    assert "Write four to seven open questions" in text
    assert 'voice_prompt "NATF2.pt"' in text
    assert "Speak English. The talk should take about ten minutes." in text


async def test_an_interviewer_finds_its_questions_in_the_persona(server: FollowedMcp) -> None:
    async with server.client() as client:
        text = await filled_in(
            client,
            topic="the new office",
            questions="How do you like the light?\n\n  What is missing? \n",
            language="German",
            length="five minutes",
        )
    found = re.search(r"<text_prompt>\n(.*)\n</text_prompt>", text, re.DOTALL)
    assert found is not None
    plan = plan_of(found[1])
    assert list(plan.questions) == ["How do you like the light?", "What is missing?"]
    assert "Speak German. The talk should take five minutes." in found[1]


async def test_what_is_wrong_with_the_arguments_is_told(server: FollowedMcp) -> None:
    async with server.client() as client:
        with pytest.raises(MCPError, match="topic is missing"):
            await client.get_prompt("voice_interview", {})
        with pytest.raises(MCPError, match="tone is no argument here; allowed: topic, questions"):
            await client.get_prompt("voice_interview", {"topic": "a", "tone": "dry"})
        with pytest.raises(MCPError, match="There is no such prompt; there is: voice_interview"):
            await client.get_prompt("sonnet", {})

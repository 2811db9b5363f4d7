"""The assistant with a language model: what it is told, its tools, and when it fails."""

from __future__ import annotations

import pytest
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.test import TestModel

from greenroom.agents.assistant import AssistantAgents
from greenroom.agents.assistant.memory import MAX_NOTES, AssistantMemory
from greenroom.agents.assistant.sums import SumError, said, sum_in, work_out
from greenroom.agents.assistant.tools import local_now, toolbox
from greenroom.agents.ports import AnswerDone, Message, TextDelta, ToolRan
from greenroom.errors import InvalidInput, ProviderFailed
from support.agent_talks import ran, read, text_of
from support.scripted_model import ScriptedModel, then_offline

PROMPT = "You are Mia. We are open from 9 to 5."


async def test_a_model_is_told_the_prompt_and_what_is_remembered() -> None:
    model = ScriptedModel(
        [("remember", '{"note": "likes tea"}'), ("current_time", "{}")],
        [("calculate", '{"expression": "(3 + 4) * 12"}')],
        ["<think>hm</think>It is **84**. "],
        ["Hello again."],
    )
    agents = AssistantAgents(model, "Never talk of money.", name="scripted")
    agent = agents.create(f"  {PROMPT}\n")
    agent.memory.name = "Ada"
    events = await read(agent, "What is seven times twelve?")
    ran = {event.tool: event.result for event in events if isinstance(event, ToolRan)}
    assert ran["calculate"]["result"] == "84"
    assert ran["current_time"].keys() == {"time", "weekday", "date", "time_zone"}
    assert text_of(events).strip() == "It is **84**."
    assert [agent.check("It is **84**."), agent.check("**")] == ["It is 84.", ""]
    assert events[-1] == AnswerDone("sum", events[-1].usage)
    assert events[-1].usage["requests"] == 3
    kept = agents.create(PROMPT, agent.snapshot())
    await read(kept, "hi", [Message("user", "seven times twelve"), Message("assistant", "84")])
    await agents.close()
    assert "heard, never read" in model.told[0]
    assert model.told[0].index("Never talk of money.") < model.told[0].index(PROMPT)
    assert "The person is called Ada." in model.told[0]
    assert "likes tea" not in model.told[0]
    assert "To be remembered: likes tea" in model.told[3]
    assert agent.memory.knowledge is None, "the rules' reading of the prompt is not needed"


async def test_a_talk_without_a_prompt_tells_the_model_the_rules_only() -> None:
    agents = AssistantAgents(model := ScriptedModel(["Hello."]))
    await read(agents.create(), "hi")
    assert model.told[0].endswith("they count.")
    await agents.close()


async def test_bad_calls_go_back_to_the_model() -> None:
    model = ScriptedModel(
        [("calculate", '{"expression": ""}')],
        [("calculate", '{"expression": "1 / 0"}')],
        [("remember", '{"note": "a"}'), ("remember", '{"note": "a"}')],
        ["Sorry, what?"],
    )
    agents = AssistantAgents(model)
    agent = agents.create(PROMPT)
    events = await read(agent, "hm")
    refused, impossible, noted = ran(events)
    assert "parameters.expression" in refused.result["error"]
    assert impossible.result == {"error": "that has no result"}
    assert noted.ok
    assert agent.memory.notes == ["a"], "the same note is kept once"
    await agents.close()


async def test_a_model_that_fails_says_why_and_no_more() -> None:
    broken = ModelHTTPError(500, "scripted", "my key is 1234")
    agents = AssistantAgents(ScriptedModel(["We are ", broken]))
    agent = agents.create(PROMPT)
    events = agent.answer("when are you open", ())
    assert await anext(events) == TextDelta("We are ")
    with pytest.raises(ProviderFailed) as error:
        await anext(events)
    assert error.value.why == "HTTP status 500"
    await agents.close()


async def test_whatever_tools_a_model_calls_it_gets_an_answer() -> None:
    agents = AssistantAgents(TestModel(custom_output_text="All right."))
    events = await read(agents.create(PROMPT), "hi")
    assert {event.tool for event in events if isinstance(event, ToolRan)} == {
        "current_time", "calculate", "remember",
    }  # fmt: skip
    assert text_of(events) == "All right."
    await agents.close()


async def test_the_offline_rules_go_on_where_a_model_failed() -> None:
    broken = ScriptedModel(
        [("remember", '{"note": "my car is blue"}')],
        [ModelHTTPError(500, "scripted")],
    )
    agents = AssistantAgents(then_offline(broken), name="scripted → offline")
    agent = agents.create(PROMPT)
    events = await read(agent, "remember that my car is blue")
    assert "note" in text_of(events) or "remember" in text_of(events)
    assert agent.memory.notes == ["my car is blue"]
    assert agent.memory.knowledge is not None
    await agents.close()


async def test_a_closed_answer_leaves_the_next_one_whole() -> None:
    agents = AssistantAgents()
    agent = agents.create(PROMPT)
    events = agent.answer("what time is it", ())
    await anext(events)
    await events.aclose()
    assert text_of(await read(agent, "when are you open")).strip() == "We are open from 9 to 5."
    await agents.close()


async def test_a_tool_takes_what_it_knows_and_notes_have_an_end() -> None:
    tools, memory = toolbox(), AssistantMemory("")
    for number in range(MAX_NOTES):
        assert (await tools.run("remember", {"note": str(number)}, memory)).ok
    assert not (await tools.run("remember", {"note": "one more"}, memory)).ok
    assert (await tools.run("remember", {"note": "0"}, memory)).ok
    with pytest.raises(InvalidInput, match="no tool 'rob_bank'"):
        await tools.run("rob_bank", {}, memory)
    assert (await tools.run("current_time", {}, memory)).ok
    assert local_now().tzinfo is not None


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("12 * 7", "84"),
        ("-(3 - 5) + +1", "3"),
        ("0.1 + 0.2", "0.3"),
        ("7 % 4", "3"),
        ("2 ** 10", "1024"),
        ("-0.0000001", "0"),
        ("10 / 4", "2.5"),
    ],
)
def test_an_expression_has_a_value(expression: str, result: str) -> None:
    assert said(work_out(expression))[0] == result


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("1 / 0", "no result"),
        ("0 ** -1", "too large"),
        ("9 ** 101", "too large"),
        ("10 ** 16", "too large"),
        ("1" * 201, "too long"),
        ("(" * 100, "no sum"),
        ("x + 1", "no sum"),
        ("True + 1", "no sum"),
        ("'a' * 9", "no sum"),
        ("1j", "no sum"),
        ("1 // 2", "no sum"),
        ("~1", "no sum"),
        ("__import__('os')", "no sum"),
        ("", "no sum"),
    ],
)
def test_what_is_no_small_sum_is_refused(expression: str, why: str) -> None:
    with pytest.raises(SumError, match=why):
        work_out(expression)


@pytest.mark.parametrize(
    "text",
    ["what is twelve", "times", "two times", "do you have two", "size 10", "9 to 5", "1 " * 150],
)
def test_what_is_no_sum_is_left_alone(text: str) -> None:
    assert sum_in(text) is None

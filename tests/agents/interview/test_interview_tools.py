"""The interview's tools, called by models in the loop that shops have too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.models.test import TestModel

from greenroom.agents.interview import InterviewAgent, InterviewAgents
from greenroom.agents.interview.plan import plan_of
from greenroom.agents.interview.state import Interview
from greenroom.agents.interview.tools import MAX_ANSWERS, MAX_NOTES, TOOLBOX
from greenroom.agents.model_chain import ModelChain
from greenroom.agents.models import create_model
from greenroom.agents.ports import AnswerDone, Message, TextDelta, ToolRan
from greenroom.errors import InvalidInput, ProviderFailed

PROMPT = "You are Ada. What do you do? Why do you do it?"
Step = str | tuple[str, str] | Exception


def scripted(*steps: list[Step], told: list[str] | None = None) -> FunctionModel:
    """A model that gives, request by request, texts and (tool, JSON arguments)."""
    left = list(steps)

    async def stream(_messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        if told is not None:
            told.append(info.instructions or "")
        for number, part in enumerate(left.pop(0)):
            match part:
                case str():
                    yield part
                case (tool, arguments):
                    call_id = f"call-{len(left)}-{number}"
                    yield {number: DeltaToolCall(tool, arguments, tool_call_id=call_id)}
                case error:
                    raise error

    return FunctionModel(stream_function=stream, model_name="scripted")


async def read(agent: InterviewAgent, text: str, *history: Message) -> list[Any]:
    async with asyncio.timeout(20):
        return [event async for event in agent.answer(text, history)]


def text_of(events: list[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_a_model_keeps_the_interview_by_its_tools() -> None:
    told: list[str] = []
    model = scripted(
        [("record_answer", '{"question": 1, "answer": "I paint"}')],
        [("mark_question_done", '{"question": 1}'), ("take_note", '{"note": "is in a hurry"}')],
        ["<think>next</think>Nice. ", "**Why?**"],
        [("list_questions", "{}"), ("finish_interview", "{}")],
        ["Goodbye!"],
        told=told,
    )
    agents = InterviewAgents(model, "Never talk of money.")
    agent = agents.create(PROMPT)
    assert agent.opening().endswith("What do you do?")
    events = await read(agent, "I paint, be quick")
    assert text_of(events).strip() == "Nice. **Why?**"
    assert [agent.check("**Why?**"), agent.check("**")] == ["Why?", ""]
    assert events[-1] == AnswerDone("answer", events[-1].usage)
    assert events[-1].usage["requests"] == 3
    assert not agent.finished
    kept = agents.create(PROMPT, agent.snapshot())
    events = await read(kept, "bye", Message("user", "I paint"), Message("assistant", "Nice."))
    listed = next(ran.result for ran in events if isinstance(ran, ToolRan))
    assert [question["status"] for question in listed["questions"]] == ["done", "open"]
    assert listed["notes"] == ["is in a hurry"]
    assert kept.finished
    await agents.close()
    assert "heard, never read" in told[0]
    assert "Never talk of money." in told[0]
    assert PROMPT in told[0]
    assert "1. (open) What do you do?" in told[0]
    assert "1. (done) What do you do? They said: I paint" in told[3]
    assert "Notes: is in a hurry" in told[3]
    assert "The interview is finished." in told[4]


async def test_bad_calls_go_back_to_the_model() -> None:
    model = scripted(
        [("record_answer", '{"question": 0, "answer": "x"}')],
        [("record_answer", '{"question": 9, "answer": "x"}')],
        ["Sorry, what?"],
    )
    agents = InterviewAgents(model)
    events = await read(agents.create(PROMPT), "hm")
    refused, impossible = [event for event in events if isinstance(event, ToolRan)]
    assert "parameters.question" in refused.result["error"]
    assert "there are 2" in impossible.result["error"]
    assert not refused.ok
    assert not impossible.ok
    await agents.close()


async def test_an_open_talk_tells_the_model_no_questions() -> None:
    told: list[str] = []
    agents = InterviewAgents(scripted(["Hello."], ["Hello."], told=told))
    await read(agents.create("You are a teacher."), "hi")
    assert "The interview so far" not in told[0]
    await read(agents.create(), "hi")
    await agents.close()


async def test_a_model_that_fails_says_why_and_no_more() -> None:
    agents = InterviewAgents(scripted([ModelHTTPError(500, "scripted", "my key is 1234")]))
    with pytest.raises(ProviderFailed) as error:
        await read(agents.create(PROMPT), "hi")
    assert error.value.why == "HTTP status 500"
    await agents.close()


async def test_whatever_tools_a_model_calls_it_gets_an_answer() -> None:
    agents = InterviewAgents(TestModel(custom_output_text="All right."))
    events = await read(agents.create(PROMPT), "hi")
    assert len({event.tool for event in events if isinstance(event, ToolRan)}) == 5
    assert text_of(events) == "All right."
    await agents.close()


async def test_the_offline_rules_go_on_where_a_model_failed() -> None:
    """What the model has recorded is not recorded again."""
    broken = scripted(
        [("record_answer", '{"question": 1, "answer": "I paint"}')],
        [ModelHTTPError(500, "scripted")],
    )
    chain = ModelChain(
        [("scripted", broken), ("offline", create_model("offline"))],
        retries=0,
        first_token_timeout=5,
        recovery_interval=60,
        clock=asyncio.get_running_loop(),
    )
    agents = InterviewAgents(chain)
    agent = agents.create(PROMPT)
    events = await read(agent, "I paint walls in houses", Message("assistant", agent.opening()))
    assert text_of(events).strip().endswith("Why do you do it?")
    assert agent.memory.questions[0].answers == ["I paint"]
    await agents.close()


async def test_rules_after_a_model_that_asked_everything_sum_up(offline: InterviewAgents) -> None:
    agent = offline.create(PROMPT)
    for question in agent.memory.questions:
        question.done = True
    assert agent.opening().startswith("Welcome back. Is there anything")
    events = await read(agent, "I paint houses", Message("assistant", "Anything else?"))
    assert 'You also said "I paint houses".' in text_of(events)


async def test_there_is_an_end_to_what_is_kept() -> None:
    toolbox, interview = TOOLBOX, Interview.begin(plan_of(PROMPT), 0)
    for _ in range(MAX_NOTES):
        assert (await toolbox.run("take_note", {"note": "x"}, interview)).ok
    assert not (await toolbox.run("take_note", {"note": "x"}, interview)).ok
    call = ("record_answer", {"question": 1, "answer": "x"}, interview)
    for _ in range(MAX_ANSWERS):
        assert (await toolbox.run(*call)).ok
    assert not (await toolbox.run(*call)).ok
    with pytest.raises(InvalidInput, match="no tool 'rob_bank'"):
        await toolbox.run("rob_bank", {}, interview)


@pytest.mark.parametrize(
    "change",
    [
        {"questions": 3},
        {"questions": [{"question": "Why?"}]},
        {"stage": "elsewhere"},
        {"asked": 7},
        {"before": "x"},
        {"seed": None},
    ],
)
def test_what_is_no_snapshot_is_refused(change: dict[str, Any]) -> None:
    agents = InterviewAgents()
    kept = agents.create(PROMPT).snapshot()
    assert agents.create(PROMPT, kept).snapshot() == kept
    with pytest.raises(ValueError, match=r"interview|question|invalid literal"):
        agents.create(PROMPT, kept | change)
    with pytest.raises(ValueError, match="not an interview"):
        agents.create(PROMPT, {"cart_items": []})

"""The interview's tools, called by models in the loop that shops have too."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.test import TestModel

from greenroom.agents.interview import InterviewAgents
from greenroom.agents.interview.plan import plan_of
from greenroom.agents.interview.state import Interview
from greenroom.agents.interview.tools import MAX_ANSWERS, MAX_NOTES, TOOLBOX
from greenroom.agents.ports import AnswerDone, Message, ToolRan
from greenroom.errors import InvalidInput, ProviderFailed
from support.agent_talks import ran, read, text_of
from support.scripted_model import ScriptedModel, then_offline

PROMPT = "You are Ada. What do you do? Why do you do it?"


async def test_a_model_keeps_the_interview_by_its_tools() -> None:
    model = ScriptedModel(
        [("record_answer", '{"question": 1, "answer": "I paint"}')],
        [("mark_question_done", '{"question": 1}'), ("take_note", '{"note": "is in a hurry"}')],
        ["<think>next</think>Nice. ", "**Why?**"],
        [("list_questions", "{}"), ("finish_interview", "{}")],
        ["Goodbye!"],
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
    events = await read(kept, "bye", [Message("user", "I paint"), Message("assistant", "Nice.")])
    listed = next(ran.result for ran in events if isinstance(ran, ToolRan))
    assert [question["status"] for question in listed["questions"]] == ["done", "open"]
    assert listed["notes"] == ["is in a hurry"]
    assert kept.finished
    await agents.close()
    assert "heard, never read" in model.told[0]
    assert "Never talk of money." in model.told[0]
    assert PROMPT in model.told[0]
    assert "1. (open) What do you do?" in model.told[0]
    assert "1. (done) What do you do? They said: I paint" in model.told[3]
    assert "Notes: is in a hurry" in model.told[3]
    assert "The interview is finished." in model.told[4]


async def test_bad_calls_go_back_to_the_model() -> None:
    model = ScriptedModel(
        [("record_answer", '{"question": 0, "answer": "x"}')],
        [("record_answer", '{"question": 9, "answer": "x"}')],
        ["Sorry, what?"],
    )
    agents = InterviewAgents(model)
    events = await read(agents.create(PROMPT), "hm")
    refused, impossible = ran(events)
    assert "parameters.question" in refused.result["error"]
    assert "there are 2" in impossible.result["error"]
    assert not refused.ok
    assert not impossible.ok
    await agents.close()


async def test_an_open_talk_tells_the_model_no_questions() -> None:
    agents = InterviewAgents(model := ScriptedModel(["Hello."], ["Hello."]))
    await read(agents.create("You are a teacher."), "hi")
    assert "The interview so far" not in model.told[0]
    await read(agents.create(), "hi")
    await agents.close()


async def test_a_model_that_fails_says_why_and_no_more() -> None:
    agents = InterviewAgents(ScriptedModel([ModelHTTPError(500, "scripted", "my key is 1234")]))
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
    broken = ScriptedModel(
        [("record_answer", '{"question": 1, "answer": "I paint"}')],
        [ModelHTTPError(500, "scripted")],
    )
    agents = InterviewAgents(then_offline(broken))
    agent = agents.create(PROMPT)
    events = await read(agent, "I paint walls in houses", [Message("assistant", agent.opening())])
    assert text_of(events).strip().endswith("Why do you do it?")
    assert agent.memory.questions[0].answers == ["I paint"]
    await agents.close()


async def test_rules_after_a_model_that_asked_everything_sum_up(offline: InterviewAgents) -> None:
    agent = offline.create(PROMPT)
    for question in agent.memory.questions:
        question.done = True
    assert agent.opening().startswith("Welcome back. Is there anything")
    events = await read(agent, "I paint houses", [Message("assistant", "Anything else?")])
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

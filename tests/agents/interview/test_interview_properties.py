"""Whatever the prompt and whatever is said: no error, a question or a goodbye, and an end."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.agents.interview.offline import answer
from greenroom.agents.interview.opening import opening
from greenroom.agents.interview.plan import plan_of
from greenroom.agents.interview.questions import MAX_QUESTION, MAX_QUESTIONS
from greenroom.agents.interview.state import Interview
from greenroom.agents.interview.tools import TOOLBOX
from greenroom.agents.role import Role
from greenroom.agents.turn import Turn
from support.agent_talks import by_rules

LONGEST = 6_000
"""Characters of any answer: twelve quotes and the questions that they answer."""

_WORDS = st.sampled_from(
    (
        "you", "are", "Ada", "a", "the", "user", "their", "ask", "about", "what", "why", "find",
        "out", "1.", "-", "?", ".", ",", ":", ";", "\n", '"', "'", "(", "[", "topic:", "name",
        "questions:", "is", "and", "then", "if", "never", "yes", "no", "stop", "skip", "back",
        "repeat", "bye", "first", "second",
    )
)  # fmt: skip
_TEXTS = st.one_of(
    st.text(max_size=120),
    st.lists(_WORDS, max_size=40).map(" ".join),
    st.sampled_from(["yes", "no", "skip", "go back", "stop", "the first one is wrong", "repeat"]),
)
_ROLE: Role[Interview] = Role("interview", "", TOOLBOX, lambda _: "", answer)


def ends_well(text: str) -> bool:
    return text.endswith("?") or "oodbye!" in text[-60:]


async def talk(prompt: str, said: list[str], heard: bool) -> None:
    plan = plan_of(prompt)
    assert 0 < len(plan.questions) <= MAX_QUESTIONS
    assert all(len(question) <= MAX_QUESTION for question in plan.questions)
    interview = Interview.begin(plan, 7)
    last = opening(interview)
    assert ends_well(last)
    for text in said:
        interview.heard = last if heard else ""
        last = await by_rules(Turn(text, 1, interview, _ROLE))
        assert ends_well(last)
        assert 0 < len(last) <= LONGEST
        assert ends_well(opening(interview))
        interview = Interview.from_json(interview.to_json(), plan)


@settings(max_examples=150, deadline=None)
@given(_TEXTS, st.lists(_TEXTS, max_size=12), st.booleans())
def test_any_talk_goes_on_to_its_end(prompt: str, said: list[str], heard: bool) -> None:
    asyncio.run(talk(prompt, said, heard))


@pytest.mark.parametrize(
    "piece",
    [
        "You are Ada, a researcher. Ask about their team, the budget and the deadline. ",
        "ask about ", "find out what ", "1. ", "- What?\n", "?", '"', "you are a, ", "the user ",
        "and ", " ", "\n", "(a) b\n", "<", "*", "http://a", "You are Abc ", "\U0001f600", "1) a? ",
    ],
)  # fmt: skip
async def test_prompts_and_answers_of_20_000_characters_are_taken(piece: str) -> None:
    text = (piece * 20_000)[:20_000]
    await talk(text, [text, "no", text, "stop", text, "yes"], heard=True)

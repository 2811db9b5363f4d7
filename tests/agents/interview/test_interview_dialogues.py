"""Interviews by rules: what is asked and when, what is followed up, and what is summed up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from greenroom.agents.interview import InterviewAgents
from greenroom.agents.interview.intents import recognise

THREE = (
    "You are Ada, a researcher at Acme. Interview the user about their work. Questions:\n"
    "1. What do you do?\n2. What is hard about it?\n3. What would you change?"
)
LONG = "I build bridges out of steel."
HARD = "The weather is never what we planned for."
CHANGE = "I would hire three more people."


@pytest.fixture
def begin(offline: InterviewAgents, talk_with: Callable[..., Any]) -> Callable[..., Any]:
    return lambda prompt=THREE, **kept: talk_with(offline.create(prompt, seed="a", **kept))


def test_the_opening_greets_by_the_persona_and_asks_the_first_question(
    begin: Callable[..., Any],
) -> None:
    opening = begin().last
    assert "I'm Ada, a researcher at Acme." in opening
    assert "I'd like to talk with you about your work. I have three questions for you." in opening
    assert opening.endswith("What do you do?")
    assert begin("").last.endswith("What would you like to talk about today?")
    assert "I have one question for you." in begin("Why me?").last


async def test_questions_are_asked_one_by_one_and_the_answers_quoted(
    begin: Callable[..., Any],
) -> None:
    talk = begin()
    assert (await talk.say(LONG)).endswith("What is hard about it?")
    assert (await talk.say(HARD)).endswith("What would you change?")
    summary = await talk.say(CHANGE)
    for said in (LONG, HARD, CHANGE):
        assert f'"{said.rstrip(".")}"' in summary
    assert summary.endswith("?")
    assert (await talk.say("Yes, that's right.")).endswith("oodbye!")
    assert talk.agent.finished
    assert [ran.tool for ran in talk.tools] == [
        *["record_answer", "mark_question_done"] * 3,
        "finish_interview",
    ]
    assert (await talk.say("thank you")).endswith("oodbye!")
    assert "noted" in await talk.say("One thing I forgot is the budget")
    assert "offline" in await talk.say("Who are you?")
    assert talk.agent.memory.notes == ["One thing I forgot is the budget"]


@pytest.mark.parametrize(
    ("prompt", "said", "asked"),
    [
        ("Do you travel?", "yes", "more|add"),
        ("Do you travel?", "No.", "reason|why"),
        ("Do you travel?", "I don't know", "comes to mind|guess|hard to say"),
        ("Do you travel?", "it depends", "depend"),
        ("What do you like?", "Nothing really", "closest|Why is that"),
        ("What do you like?", "my dog", "more|say that|example"),
    ],
)
async def test_a_short_answer_is_followed_up_once(
    begin: Callable[..., Any], prompt: str, said: str, asked: str
) -> None:
    talk = begin(f"{prompt} Why you?")
    reply = await talk.say(said)
    assert any(words in reply for words in asked.split("|"))
    assert reply.endswith("?")
    assert (await talk.say("no")).endswith("Why you?")
    assert [q.answers for q in talk.agent.memory.questions] == [[said], []]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("What is your name? Why you?", "Tom"),
        ("How many are you? Why you?", "Ten."),
        ("Anything else? Why you?", "No"),
        ("Anything else? Why you?", "that's all"),
    ],
)
async def test_an_answer_that_says_it_all_is_not_followed_up(
    begin: Callable[..., Any], prompt: str, said: str
) -> None:
    assert (await begin(prompt).say(said)).endswith("Why you?")


async def test_what_is_added_to_a_short_answer_is_quoted_too(begin: Callable[..., Any]) -> None:
    talk = begin("What do you like?")
    await talk.say("my dog")
    assert '"my dog", and then "He is always glad to see me"' in await talk.say(
        "He is always glad to see me."
    )


@pytest.mark.parametrize(
    ("said", "intent", "words"),
    [
        ("Can you repeat that, please?", "repeat", ""),
        ("What was the question?", "repeat", ""),
        ("Sorry?", "repeat", ""),
        ("What do you mean?", "explain", "I only have the question as it is"),
        ("How many questions are left?", "left", "two more after this one"),
        ("Who are you?", "who", "I'm a computer program"),
        ("Are you a robot?", "who", "I'm a computer program"),
        ("Can you hear me?", "hear", "Yes"),
        ("Yeah, hi", "greeting", "H"),
        ("Okay, let's start", "ready", ""),
        ("Hold on a second", "wait", "Take your time."),
        ("Thank you very much", "thanks", ""),
        ("What is the capital of France?", "question", "offline assistant"),
        ("tell me about the weather", "question", "offline assistant"),
        ("***", "unclear", "get that|catch that"),
    ],
)
async def test_a_remark_is_answered_and_the_question_comes_again(
    begin: Callable[..., Any], said: str, intent: str, words: str
) -> None:
    talk = begin()
    reply = await talk.say(said)
    assert talk.intent == intent
    assert any(word in reply for word in words.split("|"))
    assert reply.endswith("What do you do?")
    assert talk.tools == []


@pytest.mark.parametrize(
    "said",
    [
        "What is important to me is that people are safe",
        "When I was young I sold shoes.",
        "We stop at the shop every day on our way",
        "It is what I do for a living.",
        "Maybe Python?",
        "Can you say that any of us is well paid? I can't, and I've been doing it for years, in "
        + "so many places " * 20,
    ],
)
def test_what_only_sounds_like_a_remark_is_an_answer(said: str) -> None:
    assert recognise(said) == "answer"


async def test_skipping_and_going_back(begin: Callable[..., Any]) -> None:
    talk = begin()
    assert (await talk.say("go back")) == "This is the first question. What do you do?"
    assert (await talk.say("I'd rather not say")).endswith("What is hard about it?")
    assert (await talk.say("go back")).endswith("What do you do?")
    assert (await talk.say(LONG)).endswith("What is hard about it?")
    assert (await talk.say("Can I change my last answer?")).endswith("What do you do?")
    assert (await talk.say("next")).endswith("What is hard about it?")
    await talk.say("Skip this one")
    assert "the last" in await talk.say("are we done yet?")
    summary = await talk.say("skip it")
    assert LONG.rstrip(".") in summary
    assert "We left out 2 questions." in summary


@pytest.mark.parametrize("said", ["Let's stop here.", "that's all", "Thanks, bye!", "I have to go"])
async def test_who_wants_to_stop_may(begin: Callable[..., Any], said: str) -> None:
    talk = begin()
    assert (await talk.say(said)).endswith("oodbye!")
    assert talk.agent.finished
    talk = begin()
    await talk.say(LONG)
    assert LONG.rstrip(".") in await talk.say(said)
    assert (await talk.say(said)).endswith("oodbye!")


async def test_without_any_answer_nothing_is_summed_up(begin: Callable[..., Any]) -> None:
    talk = begin("Why you?")
    assert "no answers" in await talk.say("skip")
    assert (await talk.say("no")).endswith("oodbye!")


@pytest.mark.parametrize(
    ("said", "answers", "notes"),
    [
        ("No, the second answer is that we lack the right tools", [1], []),
        ("no, I build the bridges out of wood", [0], []),
        ("Actually I am rather a painter", [], ["I am rather a painter"]),
        ("Yes, and I also like my boss", [], ["Yes, and I also like my boss"]),
        ("number nine is quite something else", [], ["number nine is quite something else"]),
    ],
)
async def test_a_summary_is_corrected(
    begin: Callable[..., Any], said: str, answers: list[int], notes: list[str]
) -> None:
    talk = begin()
    for answer in (LONG, HARD, CHANGE):
        await talk.say(answer)
    reply = await talk.say(said)
    assert reply.endswith("Is everything right now?")
    interview = talk.agent.memory
    changed = [
        place
        for place, (question, before) in enumerate(
            zip(interview.questions, (LONG, HARD, CHANGE), strict=True)
        )
        if question.answers != [before]
    ]
    assert (changed, interview.notes) == (answers, notes)
    assert all(len(question.answers) == 1 for question in interview.questions)
    assert (await talk.say("yes")).endswith("oodbye!")


async def test_the_talk_about_a_summary(begin: Callable[..., Any]) -> None:
    talk = begin()
    for answer in (LONG, HARD, CHANGE):
        await talk.say(answer)
    assert LONG.rstrip(".") in await talk.say("Could you repeat that?")
    assert "offline" in await talk.say("What is the capital of France?")
    assert "no more questions" in await talk.say("how many questions are left")
    assert "computer program" in await talk.say("who are you")
    assert (await talk.say("No.")).endswith("?")
    assert (await talk.say("the first one is wrong")).endswith("What do you do?")
    assert '"I paint the bridges instead"' in await talk.say("I paint the bridges instead")
    assert (await talk.say("go back")).endswith("What would you change?")
    assert "I would change nothing at all" in await talk.say("I would change nothing at all")
    talk.agent.memory.notes.append("Call me.")
    assert 'You also said "Call me".' in await talk.say("say it again")


async def test_a_reply_that_nobody_heard_was_never_given(begin: Callable[..., Any]) -> None:
    talk = begin()
    await talk.say("I build bridges", heard="")
    assert (await talk.say("I build bridges out of steel")).endswith("What is hard about it?")
    assert talk.agent.memory.questions[0].answers == ["I build bridges out of steel"]


async def test_who_speaks_on_before_the_next_question_is_heard_adds_to_the_last(
    begin: Callable[..., Any],
) -> None:
    talk = begin()
    await talk.say(LONG, heard="Thank you.")
    assert (await talk.say("And out of wood as well.")).endswith("What is hard about it?")
    assert talk.agent.memory.questions[0].answers == [LONG, "And out of wood as well."]


async def test_who_speaks_before_the_first_question_is_noted(begin: Callable[..., Any]) -> None:
    talk = begin()
    talk.history.clear()
    assert (await talk.say("I have only got ten minutes")).endswith("What do you do?")
    assert talk.agent.memory.notes == ["I have only got ten minutes"]


async def test_an_interview_is_taken_up_again(begin: Callable[..., Any]) -> None:
    talk = begin()
    await talk.say(LONG)
    kept = talk.agent.snapshot()
    again = begin(kept=kept)
    assert again.agent.snapshot() == kept
    assert again.last == "Welcome back. My question was: What is hard about it?"
    again.history = talk.history
    assert (await again.say(HARD)).endswith("What would you change?")
    await again.say(CHANGE)
    confirming = begin(kept=again.agent.snapshot())
    assert LONG.rstrip(".") in confirming.last
    await confirming.say("yes")
    assert begin(kept=confirming.agent.snapshot()).last.endswith("Goodbye!")


async def test_the_same_seed_says_the_same(
    offline: InterviewAgents, talk_with: Callable[..., Any]
) -> None:
    talks = [
        talk_with(offline.create(THREE, seed=seed)) for seed in ("a", "a", *map(str, range(9)))
    ]
    for talk in talks:
        await talk.say(LONG)
    said = [" ".join(message.text for message in talk.history) for talk in talks]
    assert said[0] == said[1]
    assert len(set(said)) > 2


async def test_a_long_interview_is_summed_up_in_bounds(begin: Callable[..., Any]) -> None:
    talk = begin("\n".join(f"- What about your thing number {n}?" for n in range(20)))
    for n in range(20):
        summary = await talk.say(f"Thing {n} is quite {'long ' * 80}")
    assert "8 more answers" in summary
    assert len(summary) < 2_500
    assert ", and more" in summary


async def test_questions_are_named_in_the_summary_as_they_were_asked(
    begin: Callable[..., Any],
) -> None:
    talk = begin(f"Ask about their team. Ask how they feel.\n- Is it {'so ' * 14}cold?\n- Why you?")
    for n in range(4):
        summary = await talk.say(f"This is answer number {n}")
    assert 'When I asked about your team, you said "This is answer number 0".' in summary
    assert 'When I asked how you feel, you said "This is answer number 1".' in summary
    assert 'To question number three you said "This is answer number 2".' in summary
    assert '"why you"' in summary

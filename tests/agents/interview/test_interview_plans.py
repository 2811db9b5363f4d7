"""What is read out of a prompt: who speaks, what about, and the questions."""

from __future__ import annotations

import pytest

from greenroom.agents.interview.open_questions import open_questions
from greenroom.agents.interview.plan import plan_of
from greenroom.agents.interview.questions import MAX_QUESTIONS, find_questions
from greenroom.agents.interview.to_you import to_you

YOU = "Could you tell me "


@pytest.mark.parametrize(
    ("prompt", "questions"),
    [
        ("Questions:\n1. What is your name?\n2) Why are you here?\n", 2),
        ("- What do you do?\n* How long?\n\u2022 Why?", 3),
        ("Ask: 1) What is your quest? 2) Where do you live? 3) Why?", 3),
        ("Q1: What is it?\nQuestion 2: Who needs it?", 2),
        ("1. what they do\n2. their age\n3. Be brief", 1),
    ],
)
def test_lists_of_questions_are_found(prompt: str, questions: int) -> None:
    assert len(find_questions(prompt)) == questions


@pytest.mark.parametrize(
    ("prompt", "questions"),
    [
        (
            "Ask about their team, the budget and the deadline.",
            ["about your team", "about the budget", "about the deadline"],
        ),
        ("Ask the user about pricing and support", ["about pricing", "about support"]),
        (
            "Find out what they do and why they left.",
            ["what you do", "why you left"],
        ),
        (
            (
                "Ask the customer how satisfied they are, what they like most, and what the "
                "customer wants us to improve. Then thank them and sum up."
            ),
            ["how satisfied you are", "what you like most", "what you want us to improve"],
        ),
        ("Topics to cover: platform, timeline.", ["about platform", "about timeline"]),
        (
            "Ask the patient for their name, date of birth, and the reason for the visit.",
            ["your name", "your date of birth", "the reason for the visit"],
        ),
        ("Collect: full name; email address.", ["your full name", "your email address"]),
        ("Ask how they slept, and if they plan to run", ["how you slept", "if you plan to run"]),
        ("Ask whether they would recommend it.", ["whether you would recommend it"]),
        (
            (
                "Start by asking about their current process, then explore pain points, and "
                "finally ask what they would pay."
            ),
            ["about your current process", "about pain points", "what you would pay"],
        ),
        ("Topics:\n- their team\n- Budget", ["about your team", "about budget"]),
        ("Ask about:\n- their dog", ["about your dog"]),
    ],
)
def test_what_is_to_be_asked_becomes_questions(prompt: str, questions: list[str]) -> None:
    assert list(find_questions(prompt)) == [f"{YOU}{q}?" for q in questions]


@pytest.mark.parametrize(
    ("prompt", "questions"),
    [
        ('First ask: "What is your name?" Then go on.', ["What is your name?"]),
        ("First, ask: what brings you here?", ["What brings you here?"]),
        ("What is their budget?", ["What is your budget?"]),
        ("What does the user want?", ["What do you want?"]),
        ("What do your users say, and do they pay?", ["What do your users say, and do they pay?"]),
        ("Ask questions.\n- Tell me about your day", ["Could you tell me about your day?"]),
        ("Questions:\n- what are your plans", ["What are your plans?"]),
        ("Questions:\n- do you travel", ["Do you travel?"]),
        ("Why you? Why you? Why me?", ["Why you?", "Why me?"]),
    ],
)
def test_questions_are_put_to_the_person(prompt: str, questions: list[str]) -> None:
    assert list(find_questions(prompt)) == questions


@pytest.mark.parametrize(
    "prompt",
    [
        "If the user asks 'who made you?' say Acme.",
        "Never ask about age. Do not ask about money.",
        "Be polite when customers ask about refunds.",
        "Rules:\n- Be friendly\n- Keep it short",
        "User: what is this?",
        "Your goal is to understand how small firms work.",
        "You are a wise and friendly teacher. Answer questions in a clear way.",
        "Ask one question at a time.",
        "## Goal\nUnderstand why the customer left.",
        "?? ??? 1. ? - ?",
        f"Is {'very ' * 100}long?",
    ],
)
def test_what_is_no_question_is_not_asked(prompt: str) -> None:
    assert find_questions(prompt) == ()


def test_there_is_an_end_to_questions() -> None:
    assert len(find_questions("\n".join(f"- What is thing {n}?" for n in range(99)))) == (
        MAX_QUESTIONS
    )


@pytest.mark.parametrize(
    ("prompt", "name", "role"),
    [
        ("You are Ada, a friendly UX expert at Acme who asks", "Ada", "a UX expert at Acme"),
        ("You are a collaborative planning assistant.", "", "a collaborative planning assistant"),
        ("You're Dr. Jane Doe from Contoso.", "Dr. Jane Doe", ""),
        ("You work for a restaurant and your name is Owen Foster.", "Owen Foster", ""),
        ("You are AI. Act as an experienced engineer.", "", "an engineer"),
        ("You are the helpful host of a show that is fun.", "", "the host of a show"),
        ("You are a friendly", "", "a friendly"),
        (f"You are a {'rather long ' * 6}title.", "", ""),
        ("You enjoy having a good conversation.", "", ""),
    ],
)  # fmt: skip
def test_the_persona_is_read(prompt: str, name: str, role: str) -> None:
    plan = plan_of(prompt)
    assert (plan.name, plan.role) == (name, role)


@pytest.mark.parametrize(
    ("prompt", "topic"),
    [
        ("Interview the user about their use of the app.", "your use of the app"),
        ("Topic: home heating", "home heating"),
        ("Interview me about my startup.", "your startup"),
        ("Talk with them about how they feel", "how you feel"),
        ("A conversation about questions below", ""),
        (f"Talk about {'one and ' * 14}two", ""),
    ],
)
def test_the_topic_is_read(prompt: str, topic: str) -> None:
    assert plan_of(prompt).topic == topic


@pytest.mark.parametrize(
    ("prompt", "first"),
    [
        ("You are a planning assistant.", "What would you like to build or plan today?"),
        ("You work at a help desk.", "What can you tell me about the problem?"),
        ("Collect feedback.", "What would you like to give feedback on?"),
        ("You are a recruiter.", "Could you tell me a little about yourself?"),
        ("", "What would you like to talk about today?"),
    ],
)
def test_an_open_talk_fits_the_prompts_words(prompt: str, first: str) -> None:
    plan = plan_of(prompt)
    assert plan.questions == open_questions(prompt)
    assert (plan.questions[0], plan.listed) == (first, False)
    assert plan.questions[-1] == "Is there anything else I should know?"


@pytest.mark.parametrize(
    ("theirs", "yours"),
    [
        ("the user's team", "your team"),
        ("what the candidate has, tries and does", "what you have, tries and does"),
        ("the user tries", "you try"),
        ("the user watches", "you watch"),
        ("the user needs", "you need"),
        ("the user always", "you always"),
        ("is the user well", "are you well"),
        ("they're themselves", "you're yourself"),
    ],
)  # fmt: skip
def test_they_are_you(theirs: str, yours: str) -> None:
    assert to_you(theirs) == yours

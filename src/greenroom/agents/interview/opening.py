"""What the interviewer says first, and of itself."""

from __future__ import annotations

from greenroom.agents.interview.state import Interview
from greenroom.agents.interview.summing_up import summary
from greenroom.agents.phrasing import units

_HELLO = ("Hello!", "Hi there!", "Hello, and welcome!")


def opening(interview: Interview) -> str:
    """A greeting by the persona, and the first question.

    In an interview that is taken up again: where it stands.
    """
    if interview.stage == "finished":
        return "Welcome back. We have finished already. Goodbye!"
    if interview.begun:
        return f"Welcome back. {_where_it_stands(interview)}"
    plan = interview.plan
    parts = [_HELLO[interview.seed % len(_HELLO)]]
    if who := _introduction(interview):
        parts.append(f"{who}.")
    if plan.listed:
        if plan.topic:
            parts.append(f"I'd like to talk with you about {plan.topic}.")
        number = len(plan.questions)
        parts.append(f"I have {units(number)} question{'s' if number > 1 else ''} for you.")
    parts.append(plan.questions[0])
    return " ".join(parts)


def honest_introduction(interview: Interview) -> str:
    """Who speaks, and what that is in truth."""
    who = _introduction(interview) or "I'm the interviewer here"
    return f"{who}. To be open: I'm a computer program that asks questions and keeps the answers."


def _introduction(interview: Interview) -> str:
    """Who speaks, by the persona; "" where it doesn't say."""
    who = ", ".join(filter(None, [interview.plan.name, interview.plan.role]))
    return f"I'm {who}" if who else ""


def _where_it_stands(interview: Interview) -> str:
    if interview.stage == "confirming":
        return f"I have noted this. {summary(interview)} Is that right?"
    place = interview.current
    if place is None:
        return "Is there anything that you would like to add?"
    return f"My question was: {interview.questions[place].text}"

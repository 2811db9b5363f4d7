"""The interview's tools: what was answered is kept, questions are done, the interview ends."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from greenroom.agents.interview.state import Interview, Question
from greenroom.agents.toolbox import NotPossibleError, Tool, Toolbox
from greenroom.commerce.tool_parameters import Parameters

MAX_ANSWER = 2_000
"""Characters of one answer or note."""
MAX_ANSWERS = 20
"""Answers to one question."""
MAX_NOTES = 100
FINISH = "finish_interview"
"""The tool that ends an interview; what is said with it is the goodbye."""

_FULL = "no more can be kept here"


class ListQuestions(Parameters):
    """The interview's questions with what was answered so far, and the notes."""


class RecordAnswer(Parameters):
    """Keep what the person answered to a question, in their own words."""

    question: int = Field(ge=1, description="the question's number")
    answer: str = Field(min_length=1, max_length=MAX_ANSWER, description="what the person said")
    replace: bool = Field(False, description="true: it takes the place of what was said before")


class TakeNote(Parameters):
    """Keep something that the person said and that answers none of the questions."""

    note: str = Field(min_length=1, max_length=MAX_ANSWER, description="what the person said")


class MarkQuestionDone(Parameters):
    """A question needs no more asking: it was answered, or the person would rather skip it."""

    question: int = Field(ge=1, description="the question's number")
    skipped: bool = Field(False, description="true: the person did not want to answer")


class FinishInterview(Parameters):
    """The interview is over. Call it when all is said, or the person wants to stop."""


def _list(interview: Interview, _: ListQuestions) -> dict[str, Any]:
    questions = [
        {
            "number": number,
            "question": question.text,
            "answers": question.answers,
            "status": "skipped" if question.skipped else "done" if question.done else "open",
        }
        for number, question in enumerate(interview.questions, start=1)
    ]
    return {"questions": questions, "notes": interview.notes}


def _record(interview: Interview, said: RecordAnswer) -> dict[str, Any]:
    question = _question(interview, said.question)
    if said.replace:
        question.answers.clear()
    elif len(question.answers) >= MAX_ANSWERS:
        raise NotPossibleError(_FULL)
    question.answers.append(said.answer)
    question.skipped = False
    return {"recorded": said.answer, "question": said.question}


def _note(interview: Interview, said: TakeNote) -> dict[str, Any]:
    if len(interview.notes) >= MAX_NOTES:
        raise NotPossibleError(_FULL)
    interview.notes.append(said.note)
    return {"noted": said.note}


def _done(interview: Interview, mark: MarkQuestionDone) -> dict[str, Any]:
    question = _question(interview, mark.question)
    if interview.current == mark.question - 1:
        interview.before, interview.asked = interview.current, None
        interview.followed_up = interview.revising = False
    question.done, question.skipped = True, mark.skipped
    return {"open_questions": interview.open_count}


def _finish(interview: Interview, _: FinishInterview) -> dict[str, Any]:
    interview.stage = "finished"
    return {"finished": True}


def _question(interview: Interview, number: int) -> Question:
    if number > len(interview.questions):
        count = len(interview.questions)
        raise NotPossibleError(
            f"there is no question {number}: there are {count}; use take_note for anything else"
        )
    return interview.questions[number - 1]


TOOLBOX: Toolbox[Interview] = Toolbox(
    Tool("list_questions", ListQuestions, _list),
    Tool("record_answer", RecordAnswer, _record, writes=True),
    Tool("take_note", TakeNote, _note, writes=True),
    Tool("mark_question_done", MarkQuestionDone, _done, writes=True),
    Tool(FINISH, FinishInterview, _finish, writes=True),
)
"""All of them, for all interviews."""

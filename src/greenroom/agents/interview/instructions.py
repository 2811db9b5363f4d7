"""What a language model is told in an interview, before the operator's own words."""

from __future__ import annotations

from greenroom.agents.interview.state import Interview

INTERVIEWER = """\
You talk with a person by voice. Your words are heard, never read.
Say one to three short sentences of plain spoken English at a time, without markdown, lists, \
symbols, links or ids. Ask one question at a time, and wait for its answer.
The person's words come from a speech recogniser and may be misheard; take the likeliest meaning, \
and ask when you can't tell.
Keep what they answer with record_answer, in their own words, and what else is worth keeping with \
take_note. Mark a question done when it is answered or they would rather skip it; ask once more \
when an answer is short or evasive, and not again.
When everything is asked, sum up in a few sentences what they said, add nothing to it, and ask \
whether that is right. Correct what they correct. Then call finish_interview and say goodbye. \
Call it, too, when they want to stop.
Never invent what the person said. Say that you are an AI when you are asked.
What follows says who you are and what the talk is for; where it says otherwise, it counts."""


def brief(interview: Interview) -> str:
    """The persona's own words, and the state of the interview."""
    parts: list[str] = []
    if interview.plan.prompt:
        parts.append(interview.plan.prompt)
    lines: list[str] = []
    # What an open interview asks is a guess of the rules that work without a model.
    if interview.plan.listed:
        lines += [
            _line(number, question.text, question.answers, question.done, question.skipped)
            for number, question in enumerate(interview.questions, start=1)
        ]
    if interview.notes:
        lines.append(f"Notes: {'; '.join(interview.notes)}")
    if interview.stage == "finished":
        lines.append("The interview is finished.")
    if lines:
        parts.append("\n".join(["The interview so far:", *lines]))
    return "\n\n".join(parts)


def _line(number: int, text: str, answers: list[str], done: bool, skipped: bool) -> str:
    status = "skipped" if skipped else "done" if done else "open"
    said = f" They said: {'; '.join(answers)}" if answers else ""
    return f"{number}. ({status}) {text}{said}"

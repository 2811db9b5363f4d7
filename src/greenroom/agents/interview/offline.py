"""The interviewer's rules without a network: from what was said to tool calls and words.

Each answer is a generator (`turn.Steps`), as the shop's are. It knows nothing but the plan and what
the person has said, and says so when it is asked for more. It ends with a question or a goodbye.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias

from greenroom.agents.interview.corrections import corrected
from greenroom.agents.interview.intents import Intent, plain, recognise
from greenroom.agents.interview.opening import honest_introduction
from greenroom.agents.interview.replies import follow_ups, wants_none
from greenroom.agents.interview.state import Interview
from greenroom.agents.interview.summing_up import quote, summary
from greenroom.agents.interview.tools import FINISH, MAX_ANSWER
from greenroom.agents.phrasing import units
from greenroom.agents.turn import Call, Steps, Turn
from greenroom.agents.unspoken import spoken_part

_Calls: TypeAlias = Generator[Call, dict[str, Any], None]

_HEARD_WORDS = 4
"""Words of a question's beginning or end that must have been heard for it to count as asked."""

_THANKS = ("Thank you.", "I see.", "Got it, thank you.", "All right.", "Thanks, I've noted that.")
_LAST = (" My last question:", " One last question.")
_SKIPPED = ("All right, we'll skip that one.", "No problem, we'll leave that out.")
_BACK = ("Of course. The one before was:", "Let's go back.")
_SUM_UP = ("Let me sum up.", "Here is what I've noted.", "To sum up:")
_RIGHT = ("Is that right?", "Did I get that right?", "Is that all correct?")
_STILL_RIGHT = "Is what I've noted right?"
_CORRECT_WHAT = ("I'm sorry. What should I correct?", "What should be different?")
_GOODBYES = (
    "Thank you for your time. Goodbye!",
    "Thank you for talking with me. Goodbye!",
    "That's all from me. Thank you, and goodbye!",
)
_FAREWELL_WORDS = re.compile(r"\b(?:goodbye|bye|thank|thanks)\b")

# What is said to a remark that leaves the interview where it is, before the question comes again.
_LEADS: dict[Intent, tuple[str, ...]] = {
    "repeat": ("Of course.", "I'll say it again.", "Sure."),
    "explain": ("I only have the question as it is. Please take it as you understand it.",),
    "left": (),
    "who": (),
    "hear": ("Yes, I can hear you.", "Yes, I'm here."),
    "greeting": ("Hello!", "Hi!"),
    "ready": ("Great.", "Good, let's begin.", "All right."),
    "wait": ("Take your time. When you're ready:",),
    "thanks": ("You're welcome.", "My pleasure."),
    "question": (
        "I'm an offline assistant, so I can't answer that. Back to my question:",
        "I can't answer that: I'm an offline assistant that asks and takes notes. I asked:",
    ),
    "unclear": ("I'm sorry, I didn't get that.", "I didn't quite catch that."),
}
_CLOSES: frozenset[Intent] = frozenset({"affirm", "ready", "thanks", "stop", "enough", "skip"})
_REPEATS: frozenset[Intent] = frozenset({"repeat", "explain", "unsure"})


def answer(turn: Turn[Interview]) -> Steps:
    """The steps of the answer to `turn`."""
    interview = turn.context
    interview.turns += 1
    said = _clean(turn.text)
    talk = _Talk(interview, said, recognise(turn.text) if said else "unclear")
    if interview.stage == "finished":
        return (yield from talk.after_the_end())
    if interview.stage == "confirming":
        return (yield from talk.confirm())
    return (yield from talk.go_on())


@dataclass(slots=True)
class _Talk:
    """One answer in the making, to what was `said`."""

    interview: Interview
    said: str
    intent: Intent

    def pick(self, *options: str) -> str:
        """One of several wordings; the next time another."""
        return options[(self.interview.seed + self.interview.turns) % len(options)]

    # -- while questions are open ------------------------------------------------------------

    def go_on(self) -> Steps:
        """Answer what was said to a question."""
        place = self.interview.current
        if self.intent == "stop" or (self.intent == "enough" and self._means_stop(place)):
            return (yield from self._stop())
        if place is None:
            return (yield from self._beyond_the_questions())
        if self.intent in _LEADS:
            return self._put(self._lead(place))
        if self.intent == "skip":
            return (yield from self._skip(place))
        if self.intent == "back":
            return self._back(place)
        return (yield from self._take(place))

    def _means_stop(self, place: int | None) -> bool:
        """Whether "that's all" is said of the interview, not of the answer."""
        if place is None or self.interview.followed_up:
            return False
        return not wants_none(self.interview.questions[place].text)

    def _lead(self, place: int | None) -> str:
        if self.intent == "who":
            return honest_introduction(self.interview)
        if self.intent == "left":
            return self._left(place)
        return self.pick(*_LEADS[self.intent])

    def _left(self, place: int | None) -> str:
        """How many questions come after the one at `place`."""
        if place is None:
            return "There are no more questions."
        questions = enumerate(self.interview.questions)
        others = sum(not question.done for other, question in questions if other != place)
        if not others:
            return "This is the last question."
        return f"There {'is' if others == 1 else 'are'} {units(others)} more after this one."

    def _skip(self, place: int) -> Steps:
        kept = bool(self.interview.questions[place].answers)
        yield Call("mark_question_done", {"question": place + 1, "skipped": not kept})
        return self._next("All right, we'll leave it at that." if kept else self.pick(*_SKIPPED))

    def _back(self, place: int) -> str:
        if place == 0:
            return self._put("This is the first question.")
        return self._revise(place - 1, self.pick(*_BACK))

    def _take(self, place: int) -> Steps:
        """Keep an answer, and ask for more or for the next."""
        interview = self.interview
        question = interview.questions[place].text
        if interview.followed_up:
            if self.intent not in {"deny", "enough"}:  # else they have no more to say
                yield from self._record(place, self.said)
        elif not self._was_heard(question):
            yield from self._keep_for_the_one_before()
            return self._put(self.pick(*_THANKS))
        else:
            yield from self._record(place, self.said, replace=interview.revising)
            if more := follow_ups(question, self.said, self.intent):
                interview.asked, interview.followed_up = place, True
                interview.revising = False
                return self.pick(*more)
        yield Call("mark_question_done", {"question": place + 1})
        return self._next()

    def _was_heard(self, question: str) -> bool:
        heard, asked = f" {plain(self.interview.heard)} ", plain(question).split()
        ends = (asked[:_HEARD_WORDS], asked[-_HEARD_WORDS:])
        return any(f" {' '.join(words)} " in heard for words in ends)

    def _keep_for_the_one_before(self) -> _Calls:
        """Who speaks on before the next question was heard still answers the last one."""
        if self.interview.before is None:
            yield from self._note(self.said)
        else:
            yield from self._record(self.interview.before, self.said)

    def _beyond_the_questions(self) -> Steps:
        """All are done, by another model."""
        if self.intent in {"answer", "affirm", "deny", "unsure"}:
            yield from self._note(self.said)
        return self._sum_up()

    def _next(self, lead: str = "") -> str:
        """The next open question, or the end."""
        interview = self.interview
        lead = lead or self.pick(*_THANKS)
        if interview.summed_up or interview.next_open() is None:
            return self._sum_up(lead)
        if interview.open_count == 1 and len(interview.questions) > 1:
            lead += self.pick(*_LAST)
        return self._put(lead)

    def _put(self, lead: str) -> str:
        """The question on the table, behind `lead`."""
        interview = self.interview
        interview.asked = place = interview.current
        assert place is not None  # noqa: S101 - callers have seen to it that one is open
        return f"{lead} {interview.questions[place].text}"

    def _revise(self, place: int, lead: str) -> str:
        """Ask a question anew; what is said to it takes its answer's place."""
        interview = self.interview
        interview.stage, interview.asked = "asking", place
        interview.revising, interview.followed_up = True, False
        return self._put(lead)

    # -- the end -----------------------------------------------------------------------------

    def _stop(self) -> Steps:
        lead = "All right, we'll stop here."
        if self.interview.begun:
            return self._sum_up(lead)
        return (yield from self._finish(lead))

    def _sum_up(self, lead: str = "") -> str:
        """What was said, and whether that is right."""
        interview = self.interview
        interview.asked, interview.followed_up, interview.revising = None, False, False
        interview.stage, interview.summed_up = "confirming", True
        said = summary(interview)
        if not said:
            return f"{lead} I have noted no answers. Would you like to add anything?".lstrip()
        return f"{lead} {self.pick(*_SUM_UP)} {said} {self.pick(*_RIGHT)}".lstrip()

    def confirm(self) -> Steps:
        """Answer what was said to the summary."""
        interview = self.interview
        if self.intent in _CLOSES or (self.intent == "deny" and not summary(interview)):
            return (yield from self._finish())
        if self.intent in _REPEATS:
            return self._sum_up("Of course.")
        if self.intent == "deny":
            return self.pick(*_CORRECT_WHAT)
        if self.intent == "back":
            return self._revise(len(interview.questions) - 1, self.pick(*_BACK))
        if self.intent in _LEADS:
            return f"{self._lead(None)} {_STILL_RIGHT}"
        return (yield from self._correct())

    def _correct(self) -> Steps:
        correction = corrected(self.interview, self.said)
        text, place = correction.text, correction.place
        if place is None:
            yield from self._note(text)
            return f"Thank you, I've noted {quote(text)}. Is everything right now?"
        if not text:
            return self._revise(place, "Let's correct that.")
        yield from self._record(place, text, replace=True)
        return f"Thank you, I've corrected that: {quote(text)}. Is everything right now?"

    def _finish(self, lead: str = "") -> Steps:
        yield Call(FINISH, {})
        return f"{lead} {self.pick(*_GOODBYES)}".lstrip()

    def after_the_end(self) -> Steps:
        """A goodbye again; what is still told is kept."""
        if self.intent == "answer" and not _FAREWELL_WORDS.search(plain(self.said)):
            yield from self._note(self.said)
            return "Thank you, I've noted that as well. Goodbye!"
        if self.intent in {"question", "explain", "who"}:
            return "I'm an offline assistant and can't answer that, and we have finished. Goodbye!"
        return self.pick("We have finished. Goodbye!", "That was all. Thank you, and goodbye!")

    # -- what is kept ------------------------------------------------------------------------

    def _record(self, place: int, text: str, *, replace: bool = False) -> _Calls:
        yield Call("record_answer", {"question": place + 1, "answer": text, "replace": replace})

    def _note(self, text: str) -> _Calls:
        yield Call("take_note", {"note": text})


def _clean(text: str) -> str:
    """What was said, without what nobody could say, and within the tools' bounds."""
    text = spoken_part(text[: 2 * MAX_ANSWER])
    if len(text) <= MAX_ANSWER:
        return text
    return text[:MAX_ANSWER].rpartition(" ")[0] or text[:MAX_ANSWER]

"""The assistant's rules without a network: from what was said to tool calls and words.

Each answer is a generator (`turn.Steps`), as the shop's are. It knows its operator's prompt, the
time, sums, and what it was told in this talk; of anything else it says that it can't answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from greenroom.agents.assistant import wordings as say
from greenroom.agents.assistant.intents import Wish, recognise
from greenroom.agents.assistant.memory import MAX_NOTE, AssistantMemory
from greenroom.agents.assistant.remarks import Intent
from greenroom.agents.phrasing import listed
from greenroom.agents.turn import Call, Steps, Turn
from greenroom.agents.unspoken import spoken_part

_READ = 1_000
"""Characters of what was said."""
_OFFERED = 4
"""Topics that are offered at once."""
_NOTES_SAID = 5
_LONG_ENOUGH = 4
"""Words of a statement that may be a note."""

_PERCENT = re.compile(r"(\S+) / 100 \* (\S+)")
_SIGNS = {"**": "to the power of", "*": "times", "/": "divided by", "+": "plus", "-": "minus"}


def answer(turn: Turn[AssistantMemory]) -> Steps:
    """The steps of the answer to `turn`."""
    memory, text = turn.context, " ".join(turn.text[:_READ].split())
    talk = _Talk(memory, spoken_part(text), turn.last_answer, memory.offered)
    memory.offered = ""
    memory.last = yield from talk.answer(recognise(text))
    return memory.last


@dataclass(slots=True)
class _Talk:
    """One answer in the making, to what was `said`.

    `heard` was heard of the last one, which may have `offered` to keep a note.
    """

    memory: AssistantMemory
    said: str
    heard: str
    offered: str

    def answer(self, wish: Wish) -> Steps:
        """The answer to what is wanted."""
        by_tools: dict[Intent, Callable[[Wish], Steps]] = {
            "time": self._time,
            "date": self._time,
            "sum": self._sum,
            "note": self._note,
            "name_told": self._name_told,
        }
        if wish.intent in by_tools:
            return (yield from by_tools[wish.intent](wish))
        if wish.intent == "affirm" and self.offered:
            return (yield from self._keep(self.offered))
        at_once: dict[Intent, Callable[[], str]] = {
            "question": lambda: self._look_up() or self._unknown(),
            "statement": lambda: self._look_up() or self._told(),
            "repeat": lambda: self._again("repeat", say.REPEAT),
            "slower": lambda: self._again("slower", say.SLOWER),
            "louder": lambda: self._again("louder", say.LOUDER),
            "quieter": lambda: self._pick("quieter", say.QUIETER),
            "who": self._who,
            "robot": lambda: f"{self._pick('robot', say.ROBOT)} {self._offer()}",
            "capabilities": lambda: f"{self._who()} {self._offer()}",
            "name_asked": self._name,
            "notes_asked": self._notes,
            "spell": lambda: f"{wish.what.capitalize()}: {', '.join(wish.what.upper())}.",
            "person": lambda: self._look_up() or self._pick("person", say.NO_PERSON),
            "language": lambda: self._look_up() or self._pick("language", say.LANGUAGE),
        }
        if wish.intent in at_once:
            return at_once[wish.intent]()
        return self._pick(wish.intent, say.SIMPLE[wish.intent])

    def _pick(self, kind: str, options: tuple[str, ...]) -> str:
        return self.memory.pick(kind, options)

    # -- from the prompt ---------------------------------------------------------------------

    def _look_up(self) -> str:
        """What the prompt says to what was said; "" where it says nothing."""
        found = self.memory.read_prompt().find(self.said, self.memory.topics)
        if found is None:
            return ""
        self.memory.topics = found.topics or self.memory.topics
        if found.text in self.memory.last:
            return f"{self._pick('once more', say.ONCE_MORE)} {found.text}"
        return found.text if found.sure else f"{self._pick('perhaps', say.PERHAPS)} {found.text}"

    def _unknown(self) -> str:
        """That it can't answer, and every second time what it can."""
        return self._pick("unknown", say.UNKNOWN).format(offer=self._offer())

    def _offer(self) -> str:
        offers = self.memory.read_prompt().offers[:_OFFERED]
        return say.OFFER.format(topics=listed(offers, "or")) if offers else say.NO_OFFER

    def _who(self) -> str:
        knowledge = self.memory.read_prompt()
        who = ", ".join(filter(None, [knowledge.name, knowledge.role]))
        return self._pick("who", say.WHO if who else say.NOBODY).format(who=who)

    # -- from this talk ----------------------------------------------------------------------

    def _again(self, kind: str, leads: tuple[str, ...]) -> str:
        """The last answer once more, whole where it was cut."""
        last, heard = self.memory.last, " ".join(self.heard.split())
        whole = last if heard and " ".join(last.split()).startswith(heard) else self.heard
        for lead in (*say.REPEAT, *say.SLOWER, *say.LOUDER, *say.ONCE_MORE):
            whole = whole.removeprefix(lead).lstrip()
        if not whole:
            return self._pick("nothing said", say.NOTHING_SAID)
        return f"{self._pick(kind, leads)} {whole}"

    def _told(self) -> str:
        """To something that is neither asked nor a remark: it can be kept."""
        if self.said.count(" ") + 1 < _LONG_ENOUGH:
            return self._pick("unclear", say.SIMPLE["unclear"])
        self.memory.offered = _clipped(self.said)
        return self._pick("told", say.TOLD)

    def _name(self) -> str:
        if self.memory.name:
            return self._pick("name", say.NAME).format(name=self.memory.name)
        return self._pick("name unknown", say.NAME_UNKNOWN)

    def _notes(self) -> str:
        notes = self.memory.notes
        if not notes:
            return self._pick("no notes", say.NO_NOTES)
        read = "; ".join(notes[-_NOTES_SAID:])
        more = len(notes) - _NOTES_SAID
        before = f"The last {_NOTES_SAID} of {len(notes)} notes" if more > 0 else "I've noted this"
        return f"{before}: {read.rstrip('.!?')}."

    # -- by tools ----------------------------------------------------------------------------

    def _time(self, wish: Wish) -> Steps:
        now = yield Call("current_time", {})
        if "error" in now:
            return "I'm sorry, I can't see a clock just now."
        options = say.TIME if wish.intent == "time" else say.DATE
        return self._pick(wish.intent, options).format(**now)

    def _sum(self, wish: Wish) -> Steps:
        given = yield Call("calculate", {"expression": wish.what})
        if "error" in given:
            return f"I can't work that out: {given['error']}."
        about = "" if given["exact"] else "about "
        return f"{_in_words(wish.what)} is {about}{given['result']}."

    def _note(self, wish: Wish) -> Steps:
        return (yield from self._keep(wish.what))

    def _keep(self, note: str) -> Steps:
        given = yield Call("remember", {"note": _clipped(note)})
        if "error" in given:
            return f"I'm sorry, {given['error']}."
        return self._pick("noted", say.NOTED)

    def _name_told(self, wish: Wish) -> Steps:
        self.memory.name = wish.what
        met = self._pick("met", say.MET).format(name=wish.what)
        if not wish.rest:
            return f"{met} What can I do for you?"
        self.said = wish.rest
        return f"{met} {(yield from self.answer(recognise(wish.rest)))}"


def _clipped(text: str) -> str:
    """As long as a note may be, to the end of a word."""
    if len(text) <= MAX_NOTE:
        return text
    return text[:MAX_NOTE].rpartition(" ")[0] or text[:MAX_NOTE]


def _in_words(expression: str) -> str:
    """A sum as it is said: "12 times 7"."""
    if percent := _PERCENT.fullmatch(expression):
        return f"{percent[1]} percent of {percent[2]}"
    return " ".join(_SIGNS.get(part, part) for part in expression.split())

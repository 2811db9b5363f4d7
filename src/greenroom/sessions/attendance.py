"""How long a conversation was, by who was there: what it is billed by.

What counts is the time from the first words to the end of the session in which at least one human
and the agent were in the room together. `Attendance` writes that down on the side of the agent;
the functions here read it back and compute, without a clock of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from greenroom.sessions.model import LifecycleEntry, PresenceEntry, PresenceEvent, Record, Session
from greenroom.sessions.tables import micros, moment


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without an agent in a conversation that had begun; `ended` None: no other came yet."""

    began: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """How long it was, in whole seconds and in minutes as they are billed, and its gaps."""

    seconds: int
    minutes: int
    gaps: list[Gap]


class Attendance:
    """Writes down who is there, for one agent in one room. Nothing is written before it has joined
    or after it has left, and nothing twice.

    `who`: the agent's node. `now`: the time of day, asked once; from then on time is that of
    `time`, in seconds of a monotonic clock, so that a clock that is set changes no length.
    """

    def __init__(
        self,
        append: Callable[[PresenceEntry], None],
        who: str,
        *,
        now: Callable[[], datetime],
        time: Callable[[], float],
    ) -> None:
        self._append = append
        self._who = who
        self._time = time
        self._origin = now()
        self._began = time()
        self._humans: dict[str, None] = {}
        self._present = False
        self._left = False
        self._spoken = False

    def agent_joined(self) -> None:
        """The agent is in the room, with the humans that were told of before."""
        if self._present or self._left:
            return
        self._present = True
        self._write("agent_joined", self._who)
        for identity in self._humans:
            self._write("human_joined", identity)

    def human_joined(self, identity: str) -> None:
        """A human is in the room, since now or since before the agent was."""
        if identity not in self._humans:
            self._humans[identity] = None
            self._write("human_joined", identity)

    def human_left(self, identity: str) -> None:
        """A human is not in the room any more."""
        if identity in self._humans:
            del self._humans[identity]
            self._write("human_left", identity)

    def first_words(self) -> None:
        """Somebody begins to speak: the first time is the beginning of the conversation."""
        if self._present and not self._spoken:
            self._spoken = True
            self._write("first_words", "")

    def agent_left(self) -> None:
        """The agent is not in the room any more, at its end or since another is to take over."""
        self._write("agent_left", self._who)
        self._present = False
        self._left = True

    def _write(self, event: PresenceEvent, who: str) -> None:
        if self._present:
            happened = micros(self._origin) + round((self._time() - self._began) * 1_000_000)
            self._append(PresenceEntry(None, event, happened, who))


def talk_seconds(records: Iterable[Record], until: datetime) -> float:
    """How long the conversation was, in seconds to the microsecond; 0 before its first words.

    `records`: all of a session, in the order of `seq`, or at least its lifecycle and its presence.
    `until`: the session's `ended_at`, or now; up to then an agent is there that nobody saw leave.
    What was written after the session's end does not count, so the answer does not change then.
    """
    course = _Course.of(records)
    if course.both_since is not None:
        course.talked += max(micros(until) - course.both_since, 0)
    return course.talked / 1_000_000


def gaps(records: Iterable[Record]) -> list[Gap]:
    """The times between the first words and the end in which there was no agent.

    `records` as for `talk_seconds`. That the agent leaves at the session's end is no gap.
    """
    course = _Course.of(records)
    found = [Gap(moment(began), moment(ended)) for began, ended in course.gaps if ended > began]
    if course.away_since is not None and not (course.ended and course.left):
        found.append(Gap(moment(course.away_since), None))
    return found


def billed(seconds: float) -> tuple[int, int]:
    """Whole seconds, rounded down, and whole minutes: those seconds, rounded up."""
    whole = int(seconds)
    return whole, -(-whole // 60)


def conversation(session: Session, records: Iterable[Record], now: datetime) -> Conversation | None:
    """All of this by `now`; None for a session of which nobody wrote who was there."""
    records = [
        record for record in records if isinstance(record.entry, PresenceEntry | LifecycleEntry)
    ]
    if not any(isinstance(record.entry, PresenceEntry) for record in records):
        return None
    seconds, minutes = billed(talk_seconds(records, session.ended_at or now))
    return Conversation(seconds, minutes, gaps(records))


class _Course:
    """Who was there, followed from entry to entry. Times in microseconds since 1970."""

    def __init__(self, began: int | None, ended: bool) -> None:
        self.ended = ended
        """Whether the session is over."""
        self.talked = 0
        """Microseconds that count, but for those that go on."""
        self.both_since: int | None = None
        """Since when a human and the agent are together."""
        self.gaps: list[tuple[int, int]] = []
        """Times without an agent, but for the one that goes on."""
        self.away_since: int | None = None
        """Since when the agent that was there is not."""
        self.left = False
        """Whether it left by itself, rather than that it was lost."""
        self._began = began
        self._agent: str | None = None
        self._humans: set[str] = set()

    @classmethod
    def of(cls, records: Iterable[Record]) -> _Course:
        """Follow a session's records to their end."""
        entries: list[PresenceEntry] = []
        ended = False
        agent = ""
        heard_of: dict[str, int] = {}
        for record in records:
            if isinstance(record.entry, PresenceEntry):
                entry = record.entry
                if entry.event == "agent_joined":
                    agent = entry.who
                if entry.event == "agent_lost":
                    # It may have written something since the last sign of life that others saw.
                    lost_at = max(entry.happened, heard_of.get(entry.who, 0))
                    entry = replace(entry, happened=lost_at)
                else:
                    heard_of[agent] = max(entry.happened, heard_of.get(agent, 0))
                entries.append(entry)
            elif isinstance(record.entry, LifecycleEntry) and record.entry.event == "ended":
                ended = True
                break
        first_words = [entry.happened for entry in entries if entry.event == "first_words"]
        course = cls(min(first_words, default=None), ended)
        # What happened is not always found out, and written, in that order.
        for entry in sorted(entries, key=lambda entry: entry.happened):
            course._take(entry)
        return course

    def _take(self, entry: PresenceEntry) -> None:
        if self._began is None:
            return
        # What happened before the first words tells only who was there then.
        at = max(entry.happened, self._began)
        match entry.event:
            case "agent_joined":
                self._on_agent_joined(entry.who, at)
            case "agent_left" if entry.who == self._agent:
                self._on_agent_gone(at, left=True)
            case "agent_lost":
                # Whichever it was: who finds that it is lost may not know its node.
                self._on_agent_gone(at, left=False)
            case "human_joined":
                self._humans.add(entry.who)
            case "human_left":
                self._humans.discard(entry.who)
        together = self._agent is not None and bool(self._humans)
        if together and self.both_since is None:
            self.both_since = at
        elif not together and self.both_since is not None:
            self.talked += at - self.both_since
            self.both_since = None

    def _on_agent_joined(self, agent: str, at: int) -> None:
        if agent == self._agent:
            return
        # It tells anew who is there: nobody saw who left while there was no agent.
        self._agent, self._humans = agent, set()
        if self.away_since is not None:
            self.gaps.append((self.away_since, at))
            self.away_since = None

    def _on_agent_gone(self, at: int, *, left: bool) -> None:
        if self._agent is not None:
            self._agent, self.away_since, self.left = None, at, left

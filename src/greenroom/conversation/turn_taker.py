"""Who has the floor. Sans-I/O: events in, actions out; time is the number of a sample.

The user's sound comes as verdicts of the voice gate, one for each window of 32 ms. A turn of the
user opens at the onset of speech and ends after a silence; then it is recognised, and answered.
Speech during an answer is first only a suspicion: the answer is held, the speech is recognised
along, and once it has lasted long enough it takes the floor; if it stops before, the answer goes
on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from greenroom.audio.pcm import samples_of
from greenroom.settings import TurnSettings


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """Begin to recognise, from sample `start` on."""

    turn: int
    start: int


@dataclass(frozen=True, slots=True)
class DropTurn:
    """What was recognised since OpenTurn was no turn (a cough, a 'mm-hm')."""

    turn: int
    onset: int
    until: int


@dataclass(frozen=True, slots=True)
class EndTurn:
    """The user has finished: speech ran from `onset` to `until`. Ask for the final transcript."""

    turn: int
    onset: int
    until: int


@dataclass(frozen=True, slots=True)
class StartReply:
    """Answer the turn."""

    turn: int


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Speech was there but no words were: say so."""

    turn: int


@dataclass(frozen=True, slots=True)
class HoldReply:
    """Send nothing more for now."""


@dataclass(frozen=True, slots=True)
class ResumeReply:
    """It was nothing: go on."""


@dataclass(frozen=True, slots=True)
class CutReply:
    """The user has taken the floor: cancel all that makes or plays the reply."""


Action: TypeAlias = (
    OpenTurn | DropTurn | EndTurn | StartReply | AskAgain | HoldReply | ResumeReply | CutReply
)

NOTHING: Sequence[Action] = ()

MAX_QUESTIONS_IN_A_ROW = 2
"""After this many 'I didn't catch that' in a row the agent keeps quiet until it hears words."""

FALSE_INTERRUPTION_SILENCE_MS = 250
"""Silence after a short sound during a reply that shows it was not the beginning of a turn."""


class _User(Enum):
    QUIET = auto()
    SUSPECTED = auto()  # speaks over a reply, not yet long enough to take the floor
    SPEAKING = auto()


class _Agent(Enum):
    IDLE = auto()
    RECOGNISING = auto()  # a turn has ended and its words are awaited
    REPLYING = auto()


_UNFINISHED = frozenset(
    """
    and or but so because if when while with without under over between below above for from to of
    in on at by about than the a an my your some any is are was i'm i'd i'll um uh er like that
    which who what show find get add want need
    """.split()
)


def asks_for_more(text: str) -> bool:
    """Whether words end in the middle: 'show me shoes under'."""
    words = text.lower().rstrip(" ,-").split()
    return (
        bool(words) and words[-1].strip(",") in _UNFINISHED and not text.endswith((".", "?", "!"))
    )


class TurnTaker:
    """One conversation's floor. Numbers of turns rise from 1."""

    __slots__ = (
        "_agent",
        "_awaited",
        "_end_silence",
        "_false_silence",
        "_floor_from",
        "_interruption",
        "_max_turn",
        "_onset",
        "_pre_roll",
        "_question_speech",
        "_questions",
        "_turn",
        "_unfinished_silence",
        "_until",
        "_user",
        "_words",
    )

    def __init__(self, settings: TurnSettings) -> None:
        self._end_silence = samples_of(settings.end_silence_ms)
        self._unfinished_silence = samples_of(settings.unfinished_silence_ms)
        self._pre_roll = samples_of(settings.pre_roll_ms)
        self._interruption = samples_of(settings.min_interruption_ms)
        self._max_turn = samples_of(settings.max_turn_ms)
        self._question_speech = samples_of(settings.apology_speech_ms)
        self._false_silence = samples_of(FALSE_INTERRUPTION_SILENCE_MS)
        self._user = _User.QUIET
        self._agent = _Agent.IDLE
        self._turn = 0
        self._awaited = 0
        self._onset = self._until = 0
        self._floor_from = (
            0  # no turn reaches back before this sample: it belongs to an earlier one
        )
        self._words = ""
        self._questions = 0

    @property
    def turn_open(self) -> bool:
        """Whether a user's turn, or the suspicion of one, is being recognised."""
        return self._user is not _User.QUIET

    def voice(self, speaking: bool, onset: int, voiced_until: int, at: int) -> Sequence[Action]:
        """The gate's verdict on the window that ended at sample `at`."""
        if self._user is _User.QUIET:
            return self._open(onset, voiced_until) if speaking else NOTHING
        if speaking or voiced_until > self._until:
            self._until = voiced_until
        if self._user is _User.SUSPECTED:
            return self._suspect(at)
        silence = at - self._until
        if silence >= self._end_silence and (
            silence >= self._unfinished_silence or not asks_for_more(self._words)
        ):
            return self._end(at)
        if at - self._onset >= self._max_turn:
            return self._end(at)
        return NOTHING

    def words(self, turn: int, text: str) -> None:
        """The words of a turn so far; they decide how long a silence ends it."""
        if turn == self._turn:
            self._words = text

    def transcript(self, turn: int, text: str, speech: int) -> Sequence[Action]:
        """A turn's final words; `speech` is the length of its speech in samples."""
        if turn != self._awaited or self._agent is not _Agent.RECOGNISING:
            return NOTHING  # the user has gone on in a later turn: that one will be answered
        if text:
            self._questions = 0
            self._agent = _Agent.REPLYING
            return (StartReply(turn),)
        if speech >= self._question_speech and self._questions < MAX_QUESTIONS_IN_A_ROW:
            self._questions += 1
            self._agent = _Agent.REPLYING
            return (AskAgain(turn),)
        return self._idle()

    def reply_began(self) -> None:
        """The agent speaks without being asked (a greeting)."""
        self._agent = _Agent.REPLYING

    def reply_over(self) -> Sequence[Action]:
        """The reply was heard to its end, or there was none."""
        return self._idle() if self._agent is _Agent.REPLYING else NOTHING

    def _idle(self) -> Sequence[Action]:
        self._agent = _Agent.IDLE
        if self._user is _User.SUSPECTED:  # nothing to interrupt any more: an ordinary turn
            self._user = _User.SPEAKING
            return (ResumeReply(),)
        return NOTHING

    def _open(self, onset: int, voiced_until: int) -> Sequence[Action]:
        self._turn += 1
        self._onset = max(onset, self._floor_from)
        self._until = voiced_until
        self._words = ""
        opened = OpenTurn(self._turn, max(self._onset - self._pre_roll, self._floor_from))
        if self._agent is _Agent.IDLE:
            self._user = _User.SPEAKING
            return (opened,)
        self._user = _User.SUSPECTED
        return (HoldReply(), opened, *self._take_floor())

    def _suspect(self, at: int) -> Sequence[Action]:
        taken = self._take_floor()
        if taken:
            return taken
        if at - self._until >= self._false_silence:
            self._user = _User.QUIET
            return (DropTurn(self._turn, self._onset, self._until), ResumeReply())
        return NOTHING

    def _take_floor(self) -> Sequence[Action]:
        """Cut the reply if the user has spoken over it for long enough."""
        if self._until - self._onset < self._interruption:
            return NOTHING
        self._user = _User.SPEAKING
        self._agent = _Agent.IDLE
        return (CutReply(),)

    def _end(self, at: int) -> Sequence[Action]:
        self._user = _User.QUIET
        self._agent = _Agent.RECOGNISING
        self._awaited = self._turn
        self._floor_from = at
        return (EndTurn(self._turn, self._onset, self._until),)

"""Who has the floor. Sans-I/O: events in, actions out; time is the number of a sample.

The user's sound comes as verdicts of the voice gate, one for each window of 32 ms. A turn of the
user opens at the onset of speech and ends after a silence; then it is recognised, and answered.
Speech during an answer is first only a suspicion: the answer is held, the speech is recognised
along, and once it has lasted long enough it takes the floor; if it stops before, the answer goes
on. The same holds while a turn's words are still awaited: speech that lasts takes the floor back,
and the earlier words are left to be answered together with the later ones.

Every OpenTurn is followed by one DropTurn or EndTurn before the next. While a HoldReply is in force
it is followed by one ResumeReply or CutReply; both mean a reply that StartReply, AskAgain or
`reply_began` began and that is not over yet.
"""

from __future__ import annotations

import re
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
    """Answer the turn, or what was WRITTEN."""

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
    """The user has taken the floor: end all that makes or plays the reply."""


Action: TypeAlias = (
    OpenTurn | DropTurn | EndTurn | StartReply | AskAgain | HoldReply | ResumeReply | CutReply
)

NOTHING: Sequence[Action] = ()

WRITTEN = 0
"""In the place of a turn's number: the user has written, and not said, what is answered."""

MAX_QUESTIONS_IN_A_ROW = 2
"""After this many 'I didn't catch that' in a row the agent keeps quiet until it hears words."""

PAUSE_MS = 250
"""Silence that tells a sound from the beginning of a turn: after a short one during a reply it was
nothing; after the longest turn the next sound may be a turn again."""


class _User(Enum):
    QUIET = auto()
    SUSPECTED = auto()  # speaks while the agent acts, not yet long enough to take the floor
    SPEAKING = auto()  # has the floor; the agent is idle


class _Agent(Enum):
    IDLE = auto()
    RECOGNISING = auto()  # a turn has ended and its words are awaited
    REPLYING = auto()


# Words that hardly ever end what somebody says to a shop.
_UNFINISHED = re.compile(
    r"(?:^|\s)(?:and|or|but|because|if|when|while|with|without|under|over|between|below|above|for"
    r"|from|to|of|at|by|about|than|the|a|an|my|your|some|any|i'm|i'd|i'll|um|uh|er|who|show|find"
    r"|add)[\s,-]*\Z",
    re.IGNORECASE,
)


def asks_for_more(text: str) -> bool:
    """Whether words end in the middle: 'show me shoes under'."""
    return _UNFINISHED.search(text) is not None


class TurnTaker:
    """One conversation's floor. Numbers of turns rise from 1."""

    __slots__ = (
        "_agent",
        "_answer_anyhow",
        "_awaited",
        "_end_silence",
        "_floor_from",
        "_has_cut",
        "_interruption",
        "_max_turn",
        "_needs_pause",
        "_onset",
        "_pause",
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
        self._pause = samples_of(PAUSE_MS)
        self._user = _User.QUIET
        self._agent = _Agent.IDLE
        self._turn = self._awaited = 0
        self._onset = self._until = 0
        self._words = ""
        self._questions = 0
        # No turn reaches back before this sample: what was there belongs to an earlier turn.
        self._floor_from = 0
        # A turn was ended in the middle of speech; what goes on of it is no new turn.
        self._needs_pause = False
        # The turn cut a reply off, so that a silence would seem a fault, whatever was said.
        self._has_cut = self._answer_anyhow = False

    @property
    def has_floor(self) -> bool:
        """Whether the user has the floor: a turn is open, and not only a suspicion of one."""
        return self._user is _User.SPEAKING

    @property
    def idle(self) -> bool:
        """Whether nobody speaks or is about to."""
        return self._user is _User.QUIET and self._agent is _Agent.IDLE

    def voice(self, speaking: bool, onset: int, voiced_until: int, at: int) -> Sequence[Action]:
        """The gate's verdict on the window that ended at sample `at`."""
        user = self._user
        if user is _User.QUIET:
            if self._needs_pause:
                self._needs_pause = speaking or at - voiced_until < self._pause
                return NOTHING
            return self._open(onset, voiced_until) if speaking else NOTHING
        if speaking:
            self._until = voiced_until
        if user is _User.SUSPECTED:
            return self._suspect(at)
        if at - self._onset >= self._max_turn:
            self._needs_pause = True
            return self._end(at)
        silence = at - self._until
        if silence >= self._end_silence and (
            silence >= self._unfinished_silence or not asks_for_more(self._words)
        ):
            return self._end(at)
        return NOTHING

    @property
    def onset(self) -> int:
        """Where the speech of the last turn began that was opened."""
        return self._onset

    def words(self, turn: int, text: str) -> None:
        """The words of a turn so far; they decide how long a silence ends it."""
        if turn == self._turn:
            self._words = text

    def transcript(self, turn: int, text: str, speech: int) -> Sequence[Action]:
        """What is to be answered after a turn; `speech` is the length of its speech in samples."""
        if turn != self._awaited or self._agent is not _Agent.RECOGNISING:
            return NOTHING  # the user has gone on in a later turn: that one will be answered
        if text:
            self._questions = 0
            return self._reply(StartReply(turn))
        if (
            (speech >= self._question_speech or self._answer_anyhow)
            and self._questions < MAX_QUESTIONS_IN_A_ROW
            and self._user is _User.QUIET  # who speaks again already need not be asked to
        ):
            self._questions += 1
            return self._reply(AskAgain(turn))
        return self.give_up()

    def reply_began(self) -> None:
        """The agent speaks without being asked (a greeting). Only when `idle`."""
        self._agent = _Agent.REPLYING

    def reply_over(self) -> Sequence[Action]:
        """The reply was heard to its end."""
        return self.give_up() if self._agent is _Agent.REPLYING else NOTHING

    def typed(self) -> Sequence[Action]:
        """The user has written something. It is answered together with what they say or have said
        where an answer to that is still to come, else at once."""
        if self._user is _User.SPEAKING or self._agent is _Agent.RECOGNISING:
            return NOTHING
        cut = (CutReply(),) if self._agent is _Agent.REPLYING else NOTHING
        if self._user is _User.SUSPECTED:
            self._user, self._agent, self._has_cut = _User.SPEAKING, _Agent.IDLE, True
            return cut
        self._questions = 0
        self._agent = _Agent.REPLYING
        return (*cut, StartReply(WRITTEN))

    def end_turn(self, at: int) -> Sequence[Action]:
        """The user says that they have finished. Nothing happens where they weren't speaking."""
        if self._user is _User.QUIET:
            return NOTHING
        cut = NOTHING
        if self._user is _User.SUSPECTED:
            self._has_cut = self._agent is _Agent.REPLYING
            cut = (CutReply(),) if self._has_cut else NOTHING
        self._needs_pause = True
        return (*cut, *self._end(at))

    def give_up(self) -> Sequence[Action]:
        """The agent does nothing any more, whatever it was doing."""
        held = self._user is _User.SUSPECTED and self._agent is _Agent.REPLYING
        self._agent = _Agent.IDLE
        if self._user is _User.SUSPECTED:  # nothing to interrupt any more: an ordinary turn
            self._user = _User.SPEAKING
        return (ResumeReply(),) if held else NOTHING

    def hang_up(self) -> Sequence[Action]:
        """The user has left: what they were saying is a turn, if they had the floor."""
        if self._user is _User.SPEAKING:
            return self._end(self._until)
        if self._user is _User.SUSPECTED:
            self._user = _User.QUIET
            return (DropTurn(self._turn, self._onset, self._until),)
        return NOTHING

    def _reply(self, start: StartReply | AskAgain) -> Sequence[Action]:
        self._agent = _Agent.REPLYING
        return (start, HoldReply()) if self._user is _User.SUSPECTED else (start,)

    def _open(self, onset: int, voiced_until: int) -> Sequence[Action]:
        self._turn += 1
        self._onset = max(onset, self._floor_from)
        self._until = voiced_until
        self._words = ""
        self._has_cut = False
        opened = OpenTurn(self._turn, max(self._onset - self._pre_roll, self._floor_from))
        if self._agent is _Agent.IDLE:
            self._user = _User.SPEAKING
            return (opened,)
        self._user = _User.SUSPECTED
        if self._agent is _Agent.REPLYING:
            return (HoldReply(), opened, *self._take_floor())
        return (opened, *self._take_floor())

    def _suspect(self, at: int) -> Sequence[Action]:
        taken = self._take_floor()
        if self._user is _User.SPEAKING or at - self._until < self._pause:
            return taken
        self._user = _User.QUIET
        dropped = DropTurn(self._turn, self._onset, self._until)
        return (dropped, ResumeReply()) if self._agent is _Agent.REPLYING else (dropped,)

    def _take_floor(self) -> Sequence[Action]:
        """The floor goes to the user if they have spoken for long enough."""
        if self._until - self._onset < self._interruption:
            return NOTHING
        self._user = _User.SPEAKING
        self._has_cut = self._agent is _Agent.REPLYING
        self._agent = _Agent.IDLE
        return (CutReply(),) if self._has_cut else NOTHING

    def _end(self, at: int) -> Sequence[Action]:
        self._user = _User.QUIET
        self._agent = _Agent.RECOGNISING
        self._awaited = self._turn
        self._answer_anyhow = self._has_cut
        self._floor_from = at
        return (EndTurn(self._turn, self._onset, self._until),)

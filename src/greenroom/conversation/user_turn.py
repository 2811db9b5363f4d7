"""A user's turn while it is heard and recognised."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field

from greenroom.audio.pcm import Pcm, ms_of
from greenroom.conversation.stages import Stages
from greenroom.errors import ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.providers.deadline import Deadline
from greenroom.speech.ports import (
    PartialListener,
    Transcriber,
    Transcript,
    TranscriptionStream,
)

log = logging.getLogger(__name__)

RECOGNITION_TIMEOUT = 20.0
"""Seconds for the final transcript after the end of a turn; a chain gives each provider less."""


@dataclass(slots=True, eq=False)
class UserTurn:
    """One turn. `fed` is the sample up to which the recogniser has heard it, `padding` the silence
    before the turn that was put in the place of the user's sound, in samples."""

    number: int
    stream: TranscriptionStream
    opened_at: float
    fed: int
    padding: int = 0
    id: str = field(default_factory=lambda: f"turn_{uuid.uuid4().hex[:12]}")
    onset: int = 0
    until: int = 0
    stages: Stages = field(default_factory=Stages)
    final: Transcript | None = None
    """The words; empty text where none were said."""
    aside: bool = False
    """Whether it turned out to be no turn, and is recognised for the record only."""
    trouble: str = ""
    """Why there is no `final`, once it is known that there will be none."""

    @property
    def recognised(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.final is not None or bool(self.trouble)

    def own_ms(self, sample: int) -> float:
        """The place of a sample of the turn in the user's own sound."""
        return ms_of(max(0, sample - self.padding))

    async def recognise(self, clock: Clock) -> None:
        """Get the final transcript, or the trouble."""
        try:
            async with Deadline(clock, RECOGNITION_TIMEOUT):
                self.final = await self.stream.finish()
        except TimeoutError:
            self.trouble = f"no transcript within {RECOGNITION_TIMEOUT:g} s"
        except ProviderFailed as error:
            self.trouble = str(error)
        except Exception as error:
            # A defect of the transcriber: as with a failure, the user is asked to say it again.
            log.exception("a transcriber failed unexpectedly")
            self.trouble = type(error).__name__
        finally:
            self.stream.cancel()
        self.stages.transcript = clock.time()


def open_stream(
    transcriber: Transcriber, on_partial: PartialListener | None
) -> TranscriptionStream:
    """A stream of the transcriber, or one that only fails in the end, as it does."""
    try:
        return transcriber.open(on_partial)
    except Exception as error:  # it comes from among the sound of all sessions: never let it out
        log.exception("a transcriber could not begin a turn")
        return _Deaf(ProviderFailed(transcriber.uri, type(error).__name__))


class _Deaf:
    """The stream of a transcriber that could not open one."""

    __slots__ = ("_error",)

    def __init__(self, error: ProviderFailed) -> None:
        self._error = error

    def feed(self, pcm: Pcm) -> None:
        pass

    async def finish(self) -> Transcript:
        raise self._error

    def cancel(self) -> None:
        pass

"""What duplex sessions are made of; the composition root gives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from greenroom.duplex.archive import TalkArchive
from greenroom.duplex.ports import DuplexModel
from greenroom.duplex.webhook import Webhooks
from greenroom.providers.clock import Clock
from greenroom.rooms.recording.service import Recordings
from greenroom.sessions.service import SessionService
from greenroom.settings import DuplexSettings


@dataclass(frozen=True, slots=True)
class TalkParts:
    """`voices`: what a persona's may be. `clock`: the event loop. `now`: the time of day, UTC.

    `webhooks` None: nobody is told of the end of a session. `recordings` None: none are made.
    """

    sessions: SessionService
    archive: TalkArchive
    settings: DuplexSettings
    model: DuplexModel
    voices: Sequence[str]
    webhooks: Webhooks | None
    recordings: Recordings | None
    clock: Clock
    now: Callable[[], datetime]

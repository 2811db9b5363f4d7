"""What the duplex API is made of; the composition root fills it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from greenroom.api.access import Access
from greenroom.api.duplex.samples import Speak
from greenroom.api.health import Check
from greenroom.duplex.ports import DuplexSessions, TrackedSession
from greenroom.settings import Settings

FindRecording: TypeAlias = Callable[[TrackedSession], Awaitable[Path | None]]
"""Where the recording of a session is; None where there is none."""


@dataclass(frozen=True, slots=True)
class DuplexParts:
    """Everything that this API stands on. It closes none of it.

    `speak` says a sentence in one of the voices. `checks` are what `GET /health` asks.
    """

    settings: Settings
    sessions: DuplexSessions
    access: Access
    speak: Speak | None = None
    find_recording: FindRecording | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)

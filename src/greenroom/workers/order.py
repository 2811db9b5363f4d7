"""What an agent session is asked for, and how its session keeps that."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from greenroom.sessions.model import Session

API = "orchestrator"
"""The name by which sessions of agents are known."""


@dataclass(frozen=True, slots=True)
class AgentOrder:
    """Who talks with whom. `opening_line` is said first, where nothing was said before."""

    user_name: str
    voice: str
    opening_line: str
    system_prompt: str = ""

    def as_settings(self) -> dict[str, Any]:
        """As a session keeps it."""
        return asdict(self)

    @classmethod
    def of(cls, session: Session) -> AgentOrder:
        """What a session was asked for."""
        kept = session.settings
        return cls(**{name: str(kept.get(name, "")) for name in cls.__dataclass_fields__})

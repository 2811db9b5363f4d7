"""What the orchestrator's API is made of; the composition root fills it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from livekit.protocol.webhook import WebhookEvent

from greenroom.api.access import Access
from greenroom.api.health import Check
from greenroom.api.orchestrator.signatures import WebhookSignatures
from greenroom.settings import Settings
from greenroom.workers.order import AgentOrder
from greenroom.workers.report import EndReport
from greenroom.workers.sessions import Started


class AgentSessions(Protocol):
    """Starts and ends sessions, and is told what happens in their rooms."""

    async def start(self, order: AgentOrder, tenant: str) -> Started:
        """Make a session and send for its agent.

        Raises InvalidInput, NoCapacity, RoomsFailed, PlacementFailed, StorageUnavailable.
        """
        ...

    async def end(self, session_id: str, tenant: str) -> EndReport:
        """End a session; the second time says the same.

        Raises SessionNotFound, StorageUnavailable.
        """
        ...

    async def on_room_event(self, event: WebhookEvent) -> None:
        """Take note of an event, once for each `event.id`. Raises StorageUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class OrchestratorParts:
    """Everything that this API stands on. It closes none of it.

    `checks` are what `GET /health` asks: `api`, `livekit`, `redis`.
    """

    settings: Settings
    sessions: AgentSessions
    access: Access
    signatures: WebhookSignatures
    checks: Mapping[str, Check] = field(default_factory=dict)

"""Contract 001's part of `GET /health`: where rooms are, and whether agents can be sent for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from greenroom.api.health import HEALTHY, Check
from greenroom.rooms.ports import Rooms
from greenroom.settings import Settings
from greenroom.workers.ports import Placement, PlacementFailed, PlacementState

AGENTS = "agents"
"""The name of the check."""

_UNKNOWN = PlacementState(ok=False, why="no answer")


class AgentHealth:
    """`rooms`: None where there are none. `placement`: None where no agents are served.

    What is not configured is reported false and makes nothing degraded: agents in the server
    itself need neither Redis nor Celery.
    """

    def __init__(
        self, settings: Settings, rooms: Rooms | None, placement: Placement | None = None
    ) -> None:
        self._rooms = rooms
        self._placement = placement
        self._uses_redis = settings.redis_url is not None
        self._on_workers = settings.celery_broker_url is not None
        self._state = _UNKNOWN

    def checks(self) -> dict[str, Check]:
        """What `GET /health` asks beside the APIs' own checks; `fields` tells of it afterwards."""
        return {} if self._placement is None else {AGENTS: partial(self._ask, self._placement)}

    def fields(self, checks: Mapping[str, str]) -> dict[str, object]:
        """Contract 001's own fields, given what came of the checks (`redis` among them)."""
        state, agents = self._state, self._placement is not None and self._on_workers
        return {
            "livekit_url": self._rooms.url if self._rooms is not None else "",
            "livekit_configured": self._rooms is not None,
            "redis_connected": self._uses_redis
            and checks.get("redis") == HEALTHY
            and (not agents or state.redis),
            "celery_available": agents and state.celery,
        }

    async def _ask(self, placement: Placement) -> None:
        """Raise PlacementFailed where no agent could be sent for now."""
        self._state = _UNKNOWN
        self._state = state = await placement.state()
        if not state.ok:
            raise PlacementFailed(state.why)

"""The orchestrator's API on a socket of this machine, over sessions that only remember."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from livekit.protocol.webhook import WebhookEvent

from greenroom.api.access import Access
from greenroom.api.agent_health import AgentHealth
from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.health import Check
from greenroom.api.main_port import MainPort, PortApi
from greenroom.api.orchestrator.app import OrchestratorApi
from greenroom.api.orchestrator.parts import OrchestratorParts
from greenroom.api.orchestrator.signatures import WebhookSignatures
from greenroom.api.server_protocol import BoundedHttpProtocol, BoundedWebSocketProtocol
from greenroom.errors import SessionNotFound
from greenroom.rooms.tokens import LiveKitTokens
from greenroom.sessions.model import Session, Status
from greenroom.settings import Settings
from greenroom.workers.order import API, AgentOrder
from greenroom.workers.ports import PlacementState
from greenroom.workers.report import EndReport
from greenroom.workers.sessions import Started
from support.serving import serving

API_KEY = "test-api-key-123"
OTHER_KEY = "the key of another tenant"
SECRET = "a secret of the tests that is long enough"
PAIR = ("a LiveKit key", "a LiveKit secret of the tests, long enough")
TOKENS = SessionTokens(SECRET, 3_600)
NOW = datetime(2026, 2, 15, 10, 30, tzinfo=UTC)


async def does_its_work() -> None:
    """A part that `GET /health` asks."""


class OneKey:
    async def verify(self, key: str) -> str | None:
        return "other" if key == OTHER_KEY else None


@dataclass
class RememberedAgents:
    """Sessions without agents. `error` is what the next call raises."""

    started: dict[str, tuple[AgentOrder, str]] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    told: list[WebhookEvent] = field(default_factory=list)
    error: Exception | None = None
    errors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    async def start(self, order: AgentOrder, tenant: str) -> Started:
        self._fail()
        session_id = f"session_1771151400_{next(self._numbers):06x}"
        self.started[session_id] = (order, tenant)
        session = Session(session_id, API, tenant, Status.WAITING, order.as_settings(), NOW)
        return Started(session, f"the token of {order.user_name}", "ws://127.0.0.1:7880")

    async def end(self, session_id: str, tenant: str) -> EndReport:
        self._fail()
        if self.started.get(session_id, (None, None))[1] != tenant:
            raise SessionNotFound(session_id)
        self.ended.append(session_id)
        return EndReport(session_id, False, True, False, self.errors, 125, 3)

    async def on_room_event(self, event: WebhookEvent) -> None:
        self._fail()
        self.told.append(event)

    def _fail(self) -> None:
        error, self.error = self.error, None
        if error is not None:
            raise error


@dataclass
class StatedPlacement:
    """A placement that only has a state; None: it hangs."""

    now: PlacementState | None = field(default_factory=lambda: PlacementState(ok=True))

    async def state(self) -> PlacementState:
        if self.now is None:
            await asyncio.Event().wait()
        assert self.now is not None
        return self.now


@dataclass(frozen=True)
class StatedRooms:
    """Rooms that only have an address."""

    url: str = "ws://127.0.0.1:7880"

    async def check(self) -> None:
        """They do their work."""


ROOMS = StatedRooms()


@dataclass
class RunningOrchestrator:
    """A server that answers."""

    url: str
    port: MainPort
    sessions: RememberedAgents
    client: httpx.AsyncClient

    async def start(self, **changes: Any) -> dict[str, Any]:
        answer = await self.client.post(
            "/api/session/start", json={"userName": "user123", **changes}
        )
        assert answer.status_code == 200, answer.text
        started: dict[str, Any] = answer.json()
        return started

    async def told(self, body: Any, **headers: str) -> httpx.Response:
        """What a webhook is answered; signed by the API secret, unless it has headers."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        shown = headers or {"X-LiveKit-Signature": code_of(content)}
        return await self.client.post("/webhook/livekit", content=content, headers=shown)


def code_of(body: bytes, secret: str = PAIR[1]) -> str:
    return hmac.new(secret.encode(), body, "sha256").hexdigest()


def token_of(body: bytes, *, ttl: float = 300, at: float = 0, pair: tuple[str, str] = PAIR) -> str:
    """As LiveKit signs; `at`: seconds from now."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    tokens = LiveKitTokens(*pair, ttl, now=lambda: time.time() + at)
    return tokens.sign_claims({"sha256": digest})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def orchestrator_port(
    data_dir: Path,
    *,
    beside: Sequence[PortApi] = (),
    placement: StatedPlacement | None = None,
    stated_rooms: StatedRooms | None = ROOMS,
    checks: Mapping[str, Check] | None = None,
    **options: Any,
) -> tuple[MainPort, RememberedAgents]:
    """The port, and what its API stands on.

    The API is behind the APIs `beside` it; `options` are settings.
    """
    settings = Settings(data_dir=data_dir, **options)
    sessions = RememberedAgents()
    authenticator = Authenticator([API_KEY], OneKey(), TOKENS)
    access = Access.to_orchestrator(authenticator, settings)
    asked = dict.fromkeys(("api", "livekit", "redis"), does_its_work) | dict(checks or {})
    signatures = WebhookSignatures(dict([PAIR]))
    api = OrchestratorApi(OrchestratorParts(settings, sessions, access, signatures, asked))
    stated: Any = (stated_rooms, placement or StatedPlacement())  # as much of them as /health asks
    return MainPort([*beside, api], AgentHealth(settings, *stated)), sessions


@asynccontextmanager
async def running_orchestrator(
    data_dir: Path, **options: Any
) -> AsyncIterator[RunningOrchestrator]:
    """The application on a free port; `options` as above."""
    port, sessions = orchestrator_port(data_dir, **options)
    async with (
        serving(port.app(), http=BoundedHttpProtocol, ws=BoundedWebSocketProtocol) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        yield RunningOrchestrator(url, port, sessions, client)

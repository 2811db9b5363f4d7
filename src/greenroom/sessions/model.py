"""Sessions and what is written of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal, TypeAlias


class Status(StrEnum):
    """A session is waiting, then active, then one of the three ended states for good."""

    WAITING = "waiting"
    ACTIVE = "active"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


class EndReason(StrEnum):
    """Why a session ended."""

    CLIENT_STOPPED = "client_stopped"
    DISCONNECTED = "disconnected"
    IDLE_TIMEOUT = "idle_timeout"
    MAX_DURATION = "max_duration"
    NEVER_STARTED = "never_started"
    REPLACED = "replaced"
    AGENT_FAILED = "agent_failed"
    AGENT_FINISHED = "agent_finished"
    NODE_LOST = "node_lost"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True)
class Session:
    """One session as stored. Times are aware UTC. `settings` is what the API was asked for."""

    id: str
    api: str
    tenant: str
    status: Status
    created_at: datetime
    settings: dict[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    node: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in (Status.COMPLETED, Status.STOPPED, Status.FAILED)


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """What one side said in a turn, as it was heard.

    A reply is written when its text is complete (`end_ms` None) and again when it is over; the
    later entry of a `reply_id` replaces the earlier. `full_text` is set where a reply was cut:
    `text` is what the listener heard of it. `start_ms` and `end_ms` are positions on the session's
    audio clock. `confidence` is the recogniser's own.
    """

    kind: ClassVar[Literal["transcript"]] = "transcript"
    turn_id: str
    role: Literal["user", "assistant"]
    text: str
    reply_id: str | None = None
    full_text: str | None = None
    confidence: float | None = None
    intent: str | None = None
    tools_used: tuple[str, ...] = ()
    start_ms: float | None = None
    end_ms: float | None = None


@dataclass(frozen=True, slots=True)
class ToolCallEntry:
    """One tool call and its answer."""

    kind: ClassVar[Literal["tool_call"]] = "tool_call"
    turn_id: str
    tool: str
    arguments: dict[str, Any]
    result: Any
    ok: bool
    duration_ms: float


@dataclass(frozen=True, slots=True)
class MetricEntry:
    """Measured figures of a turn (`stages`: ms after the end of speech) or of a session."""

    kind: ClassVar[Literal["metric"]] = "metric"
    turn_id: str | None
    name: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """What the agent remembers after a turn (cart, viewed products); the last one counts."""

    kind: ClassVar[Literal["context"]] = "context"
    turn_id: str | None
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AnalyticsEntry:
    """An event that a client reported."""

    kind: ClassVar[Literal["analytics"]] = "analytics"
    turn_id: str | None
    event_id: str
    event_type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LifecycleEntry:
    """A change of the session itself: created, started, reconnected, ended (with the reason)."""

    kind: ClassVar[Literal["lifecycle"]] = "lifecycle"
    turn_id: str | None
    event: str
    detail: str = ""


PresenceEvent = Literal[
    "agent_joined", "agent_left", "agent_lost", "human_joined", "human_left", "first_words"
]


@dataclass(frozen=True, slots=True)
class PresenceEntry:
    """Who was there to talk, and when: what the length of a conversation is counted by.

    `happened` is in microseconds since 1970; it may lie before the entry was written (`agent_lost`
    is written by who finds that an agent is gone, with the time of its last sign of life). `who` is
    the identity of the person, or the node of the agent.
    """

    kind: ClassVar[Literal["presence"]] = "presence"
    turn_id: str | None
    event: PresenceEvent
    happened: int
    who: str = ""


Entry: TypeAlias = (
    TranscriptEntry
    | ToolCallEntry
    | MetricEntry
    | ContextEntry
    | AnalyticsEntry
    | LifecycleEntry
    | PresenceEntry
)


@dataclass(frozen=True, slots=True)
class Record:
    """An entry as stored: `seq` rises within the whole journal, `at` is when it was appended."""

    seq: int
    session_id: str
    at: datetime
    entry: Entry

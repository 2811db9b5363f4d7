"""What ending a session has done, and how long it was: written down once, and said again by it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from greenroom.sessions.model import MetricEntry, Record

_NAME = "end_report"


@dataclass(frozen=True, slots=True)
class EndReport:
    """What really happened when a session was first asked to end.

    `celery_task_revoked`: the agent's Celery task was stopped: revoked where it was still in the
    queue, or ended with its agent. In the server itself there is no such task.
    `process_killed`: an agent was running, in the server or on a worker, was told to stop, and is
    gone: it has left the room and what was said is recorded. No process of the system is killed,
    since an agent has none of its own.
    `redis_cleaned`: Redis has nothing of the session any more. False where it did not answer, and
    where agents run in the server without Redis.
    A session that had ended by itself has neither task nor agent: both are false.
    `errors` says in words what could not be done; safe to show. The session has ended nonetheless.
    `duration_seconds`: of the conversation, as `sessions.attendance.talk_seconds` counts it,
    rounded down; `duration_minutes`: those seconds in minutes, rounded up.
    """

    session_id: str
    celery_task_revoked: bool
    process_killed: bool
    redis_cleaned: bool
    errors: tuple[str, ...]
    duration_seconds: int
    duration_minutes: int

    KEY = _NAME
    """Of its entry, which a session has once."""
    KIND = MetricEntry.kind
    """Of its entry."""

    def as_entry(self) -> MetricEntry:
        """As the session's journal keeps it."""
        return MetricEntry(None, _NAME, {**asdict(self), "errors": list(self.errors)})

    @classmethod
    def of(cls, records: Iterable[Record]) -> EndReport | None:
        """What a journal's records keep of one."""
        for record in records:
            if isinstance(record.entry, MetricEntry) and record.entry.name == _NAME:
                values: dict[str, Any] = dict(record.entry.values)
                return cls(**{**values, "errors": tuple(values["errors"])})
        return None

"""Sessions that nobody will end by himself: which they are, and how each is to be ended.

Finding them and ending them are two steps, so that a command can show what upkeep would do. What
ends one makes sure once more, in the database, that the session is still what it was found to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, or_, select

from greenroom.sessions.model import EndReason, Status
from greenroom.sessions.operations import End
from greenroom.sessions.tables import LIVE, journal, micros, moment, nodes, sessions
from greenroom.settings import Settings

_AT_ONCE = 500


_SUPERVISION = 5.0
"""Seconds that it may take to end what no worker has taken."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds that a session may wait to be started.

    `for_client`: by its client. `for_agent`: by a server or a worker, of the APIs that are named;
    such a session has failed.
    """

    for_client: float = 3_600.0
    for_agent: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> Waits:
        """What the settings say."""
        # Supervision of agents comes first, where there is one: it knows whether a worker had it.
        for_agent = settings.orchestrator.start_timeout + _SUPERVISION
        return cls(settings.auth.session_token_ttl, {"orchestrator": for_agent})


@dataclass(frozen=True, slots=True)
class Overdue:
    """A session to be ended, with the end that it is to have.

    `ended_at` None: when it is done. `only_on`: not if another node has it by then. One that has
    never started is ended only if that is still so.
    """

    session_id: str
    status: Status
    reason: EndReason
    ended_at: datetime | None = None
    only_on: str | None = None

    def ending(self, now: datetime) -> End:
        """What is to be written."""
        at = micros(now)
        never_started = self.reason is EndReason.NEVER_STARTED
        return End(
            self.session_id,
            self.status.value,
            self.reason.value,
            "",
            at=at,
            ended_at=at if self.ended_at is None else micros(self.ended_at),
            only_on=self.only_on,
            only_from=(Status.WAITING.value,) if never_started else LIVE,
        )


def never_started(connection: Connection, *, now: datetime, waits: Waits) -> list[Overdue]:
    """Return sessions that have waited too long, of each kind the oldest 500."""
    kinds: list[tuple[ColumnElement[bool], float, Status]] = [
        (sessions.c.api == api, seconds, Status.FAILED) for api, seconds in waits.for_agent.items()
    ]
    others = sessions.c.api.not_in(list(waits.for_agent))
    kinds.append((others, waits.for_client, Status.STOPPED))
    found: list[Overdue] = []
    for kind, seconds, status in kinds:
        query = (
            select(sessions.c.id)
            .where(
                sessions.c.ended_at.is_(None),
                sessions.c.status == Status.WAITING.value,
                sessions.c.created_at < micros(now - timedelta(seconds=seconds)),
                kind,
            )
            .order_by(sessions.c.created_at)
            .limit(_AT_ONCE)
        )
        found += [
            Overdue(id_, status, EndReason.NEVER_STARTED)
            for id_ in connection.execute(query).scalars()
        ]
    return found


def left_by_earlier_boots(connection: Connection, *, node: str) -> list[Overdue]:
    """Return the active sessions of a node, as lost."""
    return _lost(connection, sessions.c.node == node)


def on_lost_nodes(
    connection: Connection, *, silent_since: datetime, but: str | None = None
) -> list[Overdue]:
    """Return those of all nodes, `but` one, that gave no sign of life since a time."""
    # A node that is not written down any more has left.
    lost = or_(nodes.c.heartbeat_at.is_(None), nodes.c.heartbeat_at < micros(silent_since))
    return _lost(connection, lost if but is None else lost & (sessions.c.node != but))


def _lost(connection: Connection, condition: ColumnElement[bool]) -> list[Overdue]:
    """A lost session ended when it was last heard of: by a record of it, or by its node."""
    last_record = (
        select(journal.c.at)
        .where(journal.c.session_id == sessions.c.id)
        .order_by(journal.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    query: Select[Any] = (
        select(sessions.c.id, sessions.c.node, last_record, nodes.c.heartbeat_at)
        .join_from(sessions, nodes, nodes.c.id == sessions.c.node, isouter=True)
        .where(sessions.c.ended_at.is_(None), sessions.c.status == Status.ACTIVE.value, condition)
    )
    found: list[Overdue] = []
    for id_, node, *signs in connection.execute(query):
        heard = max((sign for sign in signs if sign is not None), default=None)
        ended_at = None if heard is None else moment(heard)
        found.append(Overdue(id_, Status.FAILED, EndReason.NODE_LOST, ended_at, node))
    return found

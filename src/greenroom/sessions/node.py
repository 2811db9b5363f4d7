"""Which server this is: an identity that outlives restarts, and the boot that tells them apart.

The identity lies in the data folder, and a lock there keeps a second server out: two that share an
identity would each take the other's sessions for its own. A worker has no data folder of its own:
its identity is new each time, and is forgotten when it ends.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, select, update

from greenroom.errors import ConfigurationError
from greenroom.sessions.tables import nodes, sessions

_ID_FILE = "node-id"
_LOCK_FILE = "node.lock"
_EPHEMERAL = "worker-"
"""How the ids of ephemeral nodes begin; those of data folders are hexadecimal."""

_HAS_NO_SESSIONS: ColumnElement[bool] = ~exists().where(
    sessions.c.node == nodes.c.id, sessions.c.ended_at.is_(None)
)

# A POSIX lock is the process's: it does not keep out a second claim of the same process.
_claimed: set[Path] = set()


@dataclass(frozen=True, slots=True)
class Place:
    """Where clients reach a node's avatars (a WebSocket base URL), and the labels it goes by."""

    address: str = ""
    cluster: str = ""
    pod: str = ""


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Node:
    """One boot of one server."""

    id: str
    boot: str
    place: Place = NOWHERE

    @property
    def ephemeral(self) -> bool:
        """Whether it lasts no longer than its process."""
        return self.id.startswith(_EPHEMERAL)


def ephemeral_node(name: str, place: Place = NOWHERE) -> Node:
    """A node of a worker, which is another one each time that it starts."""
    return Node(f"{_EPHEMERAL}{name}-{secrets.token_hex(4)}", secrets.token_hex(8), place)


class NodeClaim:
    """The right to be the node of a data folder, until `release` or the end of the process."""

    def __init__(self, data_dir: Path, place: Place = NOWHERE) -> None:
        """Take the right. Blocks for a few file operations. Raises ConfigurationError."""
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path = data_dir.resolve() / _LOCK_FILE
            if self._path in _claimed:
                raise ConfigurationError("data_dir", f"{data_dir} is in use by this very process")
            self._lock = _lock(self._path, data_dir)
        except OSError as exc:
            raise ConfigurationError("data_dir", f"{data_dir} can't be used: {exc}") from exc
        _claimed.add(self._path)
        self.node = Node(_identity(data_dir / _ID_FILE), secrets.token_hex(8), place)

    def release(self) -> None:
        """Give the right up. Harmless twice."""
        if self._path in _claimed:
            _claimed.discard(self._path)
            os.close(self._lock)


def _lock(path: Path, data_dir: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Not flock: that would be shared with forked children, and outlive a killed server in them.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        problem = f"{data_dir} is in use by another Greenroom server (process {holder})"
        raise ConfigurationError("data_dir", problem) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _identity(path: Path) -> str:
    with suppress(FileNotFoundError):
        identity = path.read_text().strip()
        if identity:
            return identity
    identity = secrets.token_hex(8)
    # Whole or not at all: half an identity would orphan the sessions of the whole one.
    draft = path.with_suffix(".new")
    draft.write_text(identity + "\n")
    draft.replace(path)
    return identity


def register(connection: Connection, node: Node, at: int) -> None:
    """Write down that this boot of the node has begun, at `at` microseconds.

    The last sign of life stays the earlier boot's, until the next `beat`: that is when the sessions
    ended that it has left.
    """
    values = {"boot": node.boot, "committed": 0, **asdict(node.place)}
    if not connection.execute(update(nodes).where(nodes.c.id == node.id).values(values)).rowcount:
        connection.execute(insert(nodes).values(id=node.id, heartbeat_at=at, **values))


def beat(connection: Connection, node: Node, at: int) -> None:
    """Write down that the node is alive at `at` microseconds."""
    connection.execute(
        update(nodes)
        .where(nodes.c.id == node.id, nodes.c.boot == node.boot)
        .values(heartbeat_at=at)
    )


def forget(connection: Connection, node_id: str) -> None:
    """Delete what is written of a node, unless it has active sessions: those are lost with it."""
    connection.execute(delete(nodes).where(nodes.c.id == node_id, _HAS_NO_SESSIONS))


def forget_silent(connection: Connection, silent_since: int) -> None:
    """Delete ephemeral nodes, without sessions, that were silent since `silent_since` (in µs)."""
    ephemeral = nodes.c.id.startswith(_EPHEMERAL, autoescape=True)
    silent = nodes.c.heartbeat_at < silent_since
    connection.execute(delete(nodes).where(ephemeral, silent, _HAS_NO_SESSIONS))


def places(connection: Connection, alive_since: int) -> list[Place]:
    """Where nodes are that have given a sign of life since `alive_since` microseconds."""
    query = select(nodes.c.address, nodes.c.cluster, nodes.c.pod).where(
        nodes.c.heartbeat_at >= alive_since
    )
    return [Place(*row) for row in connection.execute(query.order_by(nodes.c.id))]

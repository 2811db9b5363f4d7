"""API keys. A key is `gr_<id>_<secret>`: the id is public, the secret is 256 random bits.

Only the SHA-256 of a key is stored: what has 256 bits of chance needs no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from greenroom.errors import InvalidInput
from greenroom.sessions.clock import Clock, SystemClock
from greenroom.sessions.store import Store
from greenroom.sessions.tables import api_keys, micros, moment

_KEY = re.compile(r"gr_([0-9a-f]{16})_[A-Za-z0-9_-]{43}", re.ASCII)
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,200}")

_REMEMBERED_FOR = 3.0
"""Seconds after which a key is looked up again: how long one revoked elsewhere still works."""

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it may be shown. Times are aware UTC."""

    id: str
    tenant: str
    name: str
    created_at: datetime
    revoked_at: datetime | None = None


class ApiKeys:
    """The API keys in a store. Every method raises StorageUnavailable."""

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()
        # Key id -> (time of the look-up, (digest, tenant) or None where no such key is valid).
        self._seen: OrderedDict[str, tuple[float, tuple[str, str] | None]] = OrderedDict()
        self._revocations = 0

    async def create(self, tenant: str, name: str = "") -> tuple[str, str]:
        """Make a key for `tenant`; return its id and the key itself, which is stored nowhere.

        `name` says what it is for. Raises InvalidInput.
        """
        for field, value in (("tenant", tenant), ("name", name or tenant)):
            if not _TEXT.fullmatch(value):
                raise InvalidInput(field, "is not fit", "1 to 200 printable characters")
        key_id = secrets.token_hex(8)
        key = f"gr_{key_id}_{secrets.token_urlsafe(32)}"
        values = {
            "id": key_id,
            "tenant": tenant,
            "name": name,
            "digest": _digest(key),
            "created_at": micros(self._clock.now()),
        }
        await self._store.write(lambda connection: connection.execute(insert(api_keys), values))
        return key_id, key

    async def list(self) -> list[ApiKey]:
        """Return every key, revoked ones too, oldest first."""

        def work(connection: Connection) -> list[ApiKey]:
            rows = connection.execute(
                select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
            )
            return [
                ApiKey(
                    id=row.id,
                    tenant=row.tenant,
                    name=row.name,
                    created_at=moment(row.created_at),
                    revoked_at=None if row.revoked_at is None else moment(row.revoked_at),
                )
                for row in rows
            ]

        return await self._store.read(work)

    async def revoke(self, key_id: str) -> bool:
        """Make a key invalid: here at once, in other processes in 3 s. False if it wasn't valid."""
        values = {"revoked_at": micros(self._clock.now())}

        def work(connection: Connection) -> int:
            return connection.execute(
                update(api_keys)
                .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
                .values(values)
            ).rowcount

        revoked = await self._store.write(work)
        self._revocations += 1
        self._seen.pop(key_id, None)
        return bool(revoked)

    async def verify(self, key: str) -> str | None:
        """Return the tenant that `key` speaks for; None if it is not valid.

        Costs no query for a key that was looked up in the last 3 s.
        """
        form = _KEY.fullmatch(key)
        if form is None:
            return None
        known = await self._look_up(form[1])
        if known is None:
            return None
        digest, tenant = known
        return tenant if hmac.compare_digest(digest, _digest(key)) else None

    async def _look_up(self, key_id: str) -> tuple[str, str] | None:
        now = self._clock.time()
        seen = self._seen.get(key_id)
        if seen is not None and now - seen[0] < _REMEMBERED_FOR:
            return seen[1]

        def work(connection: Connection) -> tuple[str, str] | None:
            row = connection.execute(
                select(api_keys.c.digest, api_keys.c.tenant).where(
                    api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)
                )
            ).first()
            return None if row is None else (row.digest, row.tenant)

        revocations = self._revocations
        known = await self._store.read(work)
        if revocations != self._revocations:
            # What was read may be from before a revocation, which must count at once.
            return await self._look_up(key_id)
        self._seen[key_id] = (now, known)
        self._seen.move_to_end(key_id)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return known


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()

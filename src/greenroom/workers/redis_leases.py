"""Leases in Redis, for servers and workers on many machines.

Every decision is a script that Redis runs as a whole and by its own clock, so that machines need
not agree on the time; if the clock of Redis' machine is set forward by more than a lease, all
agents are taken to be lost at once. Redis must not evict keys (`maxmemory-policy noeviction`).
Redis Cluster is not supported. What a restart of Redis forgets, owners tell it anew; with a replica
behind Sentinel the same is true of what had not reached the replica.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import orjson

from greenroom.errors import ConfigurationError
from greenroom.workers import lease_scripts as scripts
from greenroom.workers.leases import CLAIMED_AT_ONCE, Acquired, Holder, Lapsed, LeaseTerms
from greenroom.workers.ports import NoCapacity, PlacementFailed, WorkerLoad

if TYPE_CHECKING:
    from redis.commands.core import AsyncScript

ANSWER_TIMEOUT = 1.5
"""Seconds for a call, connecting included: a start that can't be answers within two."""

_SETTLED_AFTER = 2 * ANSWER_TIMEOUT
"""Seconds within which a worker that was waiting for Redis when it came back has renewed."""

_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class _Mine:
    """What this process must know of a lease that it holds, to make it anew."""

    user: str
    attempt: int


class RedisLeases:
    """A `workers.leases.Leases`. Close it at the end; each process has one of its own, which knows
    what it has acquired.

    `time` tells seconds of a monotonic clock. Raises ConfigurationError where redis isn't installed
    or `url` isn't one of its (`redis://...`, `rediss://...`, `unix://...`).
    """

    def __init__(
        self,
        url: str,
        terms: LeaseTerms,
        *,
        timeout: float = ANSWER_TIMEOUT,
        time: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            from redis.asyncio import (  # noqa: PLC0415 - an extra, and slow to import
                BlockingConnectionPool,
                Redis,
            )
            from redis.asyncio.retry import Retry  # noqa: PLC0415
            from redis.backoff import NoBackoff  # noqa: PLC0415
            from redis.exceptions import RedisError, ResponseError  # noqa: PLC0415
        except ImportError as exc:
            problem = "Redis needs its client: pip install 'greenroom[redis]'"
            raise ConfigurationError("redis_url", problem) from exc
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=_CONNECTIONS,
                timeout=timeout,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                decode_responses=True,
                # Once: for a connection that was idle when Redis was restarted.
                retry=Retry(NoBackoff(), 1),
            )
        except ValueError as exc:
            problem = "is not a Redis URL; for example redis://host:6379/0"
            raise ConfigurationError("redis_url", problem) from exc
        self._redis = Redis.from_pool(pool)
        self._refusal = ResponseError
        self._trouble = (RedisError, OSError, TimeoutError)
        self._terms = terms
        self._timeout = timeout
        self._time = time
        # Since then Redis has answered, as far as is known here.
        self._answering_since = time()
        self._offer = self._redis.register_script(scripts.OFFER)
        self._acquire = self._redis.register_script(scripts.ACQUIRE)
        self._renew = self._redis.register_script(scripts.RENEW)
        self._hand_over = self._redis.register_script(scripts.HAND_OVER)
        self._release = self._redis.register_script(scripts.RELEASE)
        self._claim = self._redis.register_script(scripts.CLAIM)
        self._loads = self._redis.register_script(scripts.LOADS)
        self._mine: dict[str, _Mine] = {}
        self._renewing = asyncio.Lock()

    async def close(self) -> None:
        """Close connections. Leases are left as they are."""
        await self._redis.aclose()

    async def offer(self, session_id: str, user_name: str) -> None:
        """Reserve and offer a session; harmless where it is offered or held.

        Raises NoCapacity too, with nothing left behind.
        """
        terms = self._terms
        limits = (terms.max_sessions, terms.max_per_user)
        offer = _milliseconds(terms.offer)
        answer = await self._run(self._offer, session_id, _digest(user_name), offer, *limits)
        if answer == "full":
            raise NoCapacity("live sessions", terms.max_sessions, terms.retry_after)
        if answer == "full for user":
            what = "live sessions of one user"
            raise NoCapacity(what, terms.max_per_user, terms.retry_after)

    async def acquire(self, session_id: str, owner: str) -> Acquired | None:
        """Take an offered session; None where it is held by anybody, or is over.

        Held by this very owner too: of a task that came twice one alone may run. So it is where it
        lost the lease and does not know yet. Where the answer is lost on its way, the lease lapses.
        """
        if session_id in self._mine:
            return None
        term = _milliseconds(self._terms.lease)
        answer = await self._run(self._acquire, session_id, owner, term)
        if answer is None:
            return None
        attempt, seen, handed_over, user = answer
        self._mine[session_id] = _Mine(user, attempt)
        return Acquired(attempt, _seconds(seen), bool(handed_over))

    async def renew(
        self, owner: str, sessions: Collection[str], load: WorkerLoad
    ) -> Collection[str]:
        """Say that these agents run, and how full this worker is; return those that it lost.

        A lease that has vanished (the store was emptied) is made anew. Sessions that the owner has
        not acquired, or has handed over or released, are left alone. One that has lapsed is lost
        once it was claimed, whether or not another has it by now: it is sent for already.
        """
        async with self._renewing:
            mine = [(id_, self._mine[id_]) for id_ in sessions if id_ in self._mine]
            told = [word for id_, it in mine for word in (id_, it.user, it.attempt)]
            term = _milliseconds(self._terms.lease)
            lost: list[str] = await self._run(
                self._renew, owner, term, orjson.dumps(asdict(load)), *told
            )
        return [id_ for id_ in lost if self._mine.pop(id_, None) is not None]

    async def hand_over(self, session_id: str, owner: str) -> bool:
        """Offer a session of this owner to others; False where it isn't the owner's.

        It lapses at once: who claims it sends for the next worker.
        """
        await self._stop_renewing(session_id)
        return bool(await self._run(self._hand_over, session_id, owner))

    async def release(self, session_id: str) -> bool:
        """The session is over: delete all that is kept of it; whether there was anything."""
        await self._stop_renewing(session_id)
        return bool(await self._run(self._release, session_id))

    async def claim_lapsed(self) -> Sequence[Lapsed]:
        """Offer again what has lapsed, or give it up; return it: each lapse to one caller alone.

        At most CLAIMED_AT_ONCE of them, those first that have lapsed longest. None until Redis has
        answered this process for the length of a lease: when it comes back after a while, all
        leases have lapsed, and agents that talk must come to say so before they are taken for lost.

        Where the answer is lost on its way, the new offers lapse too; a session that was given up
        is then ended by upkeep, as one that never started or has lost its node.
        """
        terms = self._terms
        offer, patience = _milliseconds(terms.offer), _milliseconds(terms.start_timeout)
        settled = self._time() - self._answering_since >= max(terms.lease, _SETTLED_AFTER)
        # None is asked for all the same: to know whether it answers.
        most = CLAIMED_AT_ONCE if settled else 0
        answer = await self._run(self._claim, offer, terms.attempts, patience, most)
        return [
            Lapsed(id_, attempt, _seconds(seen), bool(handed_over), owner, bool(given_up))
            for id_, attempt, seen, handed_over, owner, given_up in answer
        ]

    async def held(self, session_id: str) -> bool:
        """Whether a worker has it now."""
        kept = await self._bounded(self._redis.hget(scripts.SESSIONS, session_id))
        return kept is not None and orjson.loads(kept)["owner"] != ""

    async def last_holder(self, session_id: str) -> Holder | None:
        """Who has it, or had it last; None: nobody ever, or it is over."""
        both = self._redis.pipeline(transaction=True)
        both.hget(scripts.SESSIONS, session_id)
        both.zscore(scripts.DUE, session_id)
        kept, due = await self._bounded(both.execute())
        if kept is None:
            return None
        lease = orjson.loads(kept)
        if lease["owner"]:
            return Holder(lease["owner"], (due - lease["lease"]) / 1000, holds=True)
        return Holder(lease["last"], lease["seen"] / 1000) if lease["last"] else None

    async def live(self) -> Collection[str]:
        """Every session that is offered or held."""
        return frozenset(await self._bounded(self._redis.hkeys(scripts.SESSIONS)))

    async def leave(self, owner: str) -> None:
        """A worker is no more: its load is forgotten."""
        await self._bounded(self._redis.hdel(scripts.WORKERS, owner))

    async def loads(self) -> Sequence[WorkerLoad]:
        """Of the workers that have reported lately, by name."""
        loads = [orjson.loads(load) for load in await self._run(self._loads)]
        names = WorkerLoad.__dataclass_fields__
        told = [WorkerLoad(**{name: load[name] for name in names}) for load in loads]
        return sorted(told, key=lambda load: load.worker)

    async def _stop_renewing(self, session_id: str) -> None:
        """Return when no renewal on its way names the session: that would make it anew."""
        if self._mine.pop(session_id, None) is not None:
            async with self._renewing:
                pass

    async def _run(self, script: AsyncScript, *words: str | bytes | int) -> Any:
        return await self._bounded(script(scripts.KEYS, words))

    async def _bounded(self, call: Awaitable[Any]) -> Any:
        """Raises PlacementFailed, which says nothing of where Redis is."""
        try:
            async with asyncio.timeout(self._timeout):
                return await call
        except self._refusal as error:
            self._answering_since = self._time()
            raise PlacementFailed(f"Redis refuses: {type(error).__name__}") from error
        except self._trouble as error:
            self._answering_since = self._time()
            raise PlacementFailed("Redis does not answer") from error


def _digest(user_name: str) -> str:
    """What Redis knows a user by. Text of any kind, even such as UTF-8 can't say."""
    name = user_name.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(name, digest_size=16).hexdigest()


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)


def _seconds(milliseconds: int) -> float | None:
    return milliseconds / 1000 if milliseconds else None

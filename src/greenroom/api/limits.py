"""Rate limits, counted in fixed windows by the storages of the `limits` library.

In memory by default; in Redis, shared between servers, by URL. Where Redis fails the counting goes
on in memory: nobody is refused because of it, and `check` says so.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import limits
from limits.aio.storage import Storage
from limits.errors import StorageError
from limits.storage import storage_from_string

from greenroom.errors import ClientError, ConfigurationError, ProviderFailed
from greenroom.settings import RateSettings

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

MAX_COUNTERS = 100_000
"""Counters in memory for each length of window; the oldest windows are forgotten first."""

REDIS_TIMEOUT = 0.5
"""Seconds that Redis may take to count one request."""

REDIS_RETRY = 5.0
"""Seconds after a failure of Redis in which it is left alone."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit after a request. `reset` is in seconds since 1970."""

    limit: int
    remaining: int
    reset: int
    allowed: bool
    retry_after: int
    """Whole seconds until the window ends, at least 1."""

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The documented headers, and Retry-After on a refusal."""
        headers = [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.remaining),
            (b"x-ratelimit-reset", b"%d" % self.reset),
        ]
        if not self.allowed:
            headers.append((b"retry-after", b"%d" % self.retry_after))
        return headers


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` in a window of `seconds`; `name` keeps its counters apart."""

    name: str
    amount: int
    seconds: int

    @classmethod
    def parse(cls, name: str, text: str) -> Limit:
        """Read the notation of the library. Raises ConfigurationError."""
        try:
            item = limits.parse(text)
        except ValueError as error:
            problem = f"{text!r} is not a rate such as 10/minute"
            raise ConfigurationError(f"rates.{name}", problem) from error
        return cls(name, item.amount, item.get_expiry())


class RateLimited(ClientError):
    """A limit is used up. `what` names it in words."""

    def __init__(self, what: str, allowance: Allowance) -> None:
        self.what, self.allowance = what, allowance
        super().__init__(f"at most {allowance.limit} {what}")


class BoundedMemoryStorage(Storage):
    """Counts in memory, in constant time and bounded space.

    The library's own memory storage walks every counter it has, in a task that each hit starts, and
    keeps as many counters as clients make it keep. Windows of one length end in the order in which
    they began, so that here the ended ones are found at the front.
    """

    STORAGE_SCHEME = None

    def __init__(
        self, max_counters: int = MAX_COUNTERS, *, now: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._max = max_counters
        self._now = now
        # Length of the window -> key -> [when it ends, count].
        self._windows: defaultdict[int, OrderedDict[str, list[float]]] = defaultdict(OrderedDict)

    @property
    def base_exceptions(self) -> type[Exception]:
        """What a failing storage raises: this one can't fail."""
        return StorageError

    def __len__(self) -> int:
        return sum(map(len, self._windows.values()))

    def count(self, key: str, expiry: int, amount: int = 1) -> tuple[int, float]:
        """Add to a counter: the new count, and when its window ends."""
        now = self._now()
        windows = self._windows[expiry]
        window = windows.get(key)
        if window is not None and window[0] > now:
            window[1] += amount
            return int(window[1]), window[0]
        windows[key] = [now + expiry, amount]
        windows.move_to_end(key)
        while windows:
            oldest = next(iter(windows))
            if len(windows) <= self._max and windows[oldest][0] > now:
                break
            del windows[oldest]
        return amount, now + expiry

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter: the new count."""
        return self.count(key, expiry, amount)[0]

    async def get(self, key: str) -> int:
        """A counter's value; 0 where there is none."""
        window = self._find(key)
        return int(window[1]) if window else 0

    async def get_expiry(self, key: str) -> float:
        """When the counter's window ends; now where there is none."""
        window = self._find(key)
        return window[0] if window else self._now()

    async def check(self) -> bool:
        """Memory always answers."""
        return True

    async def reset(self) -> int:
        """Forget everything; how many counters there were."""
        count = len(self)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget one counter."""
        for windows in self._windows.values():
            windows.pop(key, None)

    def _find(self, key: str) -> list[float] | None:
        for windows in self._windows.values():
            window = windows.get(key)
            if window is not None and window[0] > self._now():
                return window
        return None


class RateLimits:
    """The limits of the settings. Close it at the end.

    Raises ConfigurationError for a limit that can't be read or an unfit `redis_url`.
    """

    def __init__(
        self,
        settings: RateSettings,
        redis_url: str | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.enabled = settings.enabled
        self.session_creation = Limit.parse("session_creation", settings.session_creation)
        self.messages = Limit.parse("messages", settings.messages)
        self.requests = Limit.parse("requests", settings.requests)
        self._now = now
        self._memory = BoundedMemoryStorage(now=now)
        self._pool: ConnectionPool | None = None
        self._redis: Storage | None = None
        self._avoid_redis_until = -math.inf
        if redis_url is not None and settings.enabled:
            self._pool, self._redis = _redis_storage(redis_url)

    async def hit(self, limit: Limit, identity: str) -> Allowance | None:
        """Count one against `limit`; None where limits are switched off."""
        if not self.enabled:
            return None
        key, expiry = f"{limit.name}/{limit.amount}/{identity}", limit.seconds
        if self._redis is None:
            count, ends = self._memory.count(key, expiry)
        else:
            count, ends = await self._count_in_redis(self._redis, key, expiry)
        allowed = count <= limit.amount
        remaining = max(limit.amount - count, 0)
        wait = max(math.ceil(ends - self._now()), 1)
        return Allowance(limit.amount, remaining, math.ceil(ends), allowed, wait)

    async def require(self, limit: Limit, identity: str, what: str) -> Allowance | None:
        """As `hit`. Raises RateLimited where the limit is used up."""
        allowance = await self.hit(limit, identity)
        if allowance is not None and not allowance.allowed:
            raise RateLimited(what, allowance)
        return allowance

    async def check(self) -> None:
        """Raise ProviderFailed where Redis is configured and does not answer."""
        if self._redis is None:
            return
        try:
            async with asyncio.timeout(REDIS_TIMEOUT):
                answers = await self._redis.check()
        except (StorageError, TimeoutError) as error:
            raise ProviderFailed("redis", str(error)) from error
        if not answers:
            raise ProviderFailed("redis", "no answer to a ping")

    async def close(self) -> None:
        """Close connections."""
        if self._pool is not None:
            await self._pool.disconnect()

    async def _count_in_redis(self, redis: Storage, key: str, expiry: int) -> tuple[int, float]:
        if time.monotonic() < self._avoid_redis_until:
            return self._memory.count(key, expiry)
        try:
            async with asyncio.timeout(REDIS_TIMEOUT):
                return await redis.incr(key, expiry), await redis.get_expiry(key)
        except (StorageError, TimeoutError) as error:
            self._avoid_redis_until = time.monotonic() + REDIS_RETRY
            log.warning("rate limits are counted by this server alone, Redis fails: %r", error)
            return self._memory.count(key, expiry)


def _redis_storage(url: str) -> tuple[ConnectionPool, Storage]:
    from redis.asyncio import ConnectionPool  # noqa: PLC0415 - an extra, and slow to import

    try:
        pool = ConnectionPool.from_url(
            url, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT
        )
    except ValueError as error:
        raise ConfigurationError("redis_url", str(error)) from error
    storage = storage_from_string(
        "async+redis://",  # where it is, the pool knows
        wrap_exceptions=True,
        implementation="redispy",
        connection_pool=cast("str", pool),  # the library passes it on as it is
    )
    return pool, cast("Storage", storage)

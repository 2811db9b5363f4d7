"""Leases in a real Redis whose time passes when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis

from greenroom.workers.lease_scripts import KEYS
from greenroom.workers.leases import LeaseTerms

_Answer = TypeVar("_Answer")

TERMS = LeaseTerms(
    lease=30, offer=20, start_timeout=50, attempts=2, max_sessions=4, max_per_user=2, retry_after=7
)
"""So long that nothing lapses by itself in a test."""


class Watch:
    """The monotonic clock of processes that have leases."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


_PASS = """
local sessions, due, users, workers = unpack(KEYS)
local by = tonumber(ARGV[1])
for _, key in ipairs({sessions, workers}) do
  local kept = redis.call('HGETALL', key)
  for n = 1, #kept, 2 do
    local value = cjson.decode(kept[n + 1])
    for _, name in ipairs({'since', 'seen', 'ends'}) do
      if value[name] and value[name] > 0 then
        value[name] = value[name] - by
      end
    end
    redis.call('HSET', key, kept[n], cjson.encode(value))
  end
end
for _, id in ipairs(redis.call('ZRANGE', due, 0, -1)) do
  redis.call('ZINCRBY', due, -by, id)
end
"""


async def let_pass(redis: Redis, seconds: float) -> None:
    """Make all that Redis keeps of leases older: to it, as if that time had passed."""
    await redis.eval(_PASS, len(KEYS), *KEYS, round(seconds * 1000))


async def kept(redis: Redis) -> set[str]:
    """Every key that Redis has."""
    return {key.decode() if isinstance(key, bytes) else key for key in await redis.keys("*")}


async def until(ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """What Redis answers once that is something; it tells nobody by itself."""
    async with asyncio.timeout(5):
        while not (answer := await ask()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return answer

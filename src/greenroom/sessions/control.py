"""How one server tells another to stop a session that the other one holds.

A request to a node is answered: whether it reached a holder is known, not assumed. On Redis each
node listens on a channel of its own; requests and answers are JSON arrays,
`["stop", request id, asking node, session id, reason]` and `["told", request id, was it]`;
`["ping"]` asks for nothing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from greenroom.errors import ConfigurationError
from greenroom.sessions.clock import Clock, SystemClock
from greenroom.sessions.model import EndReason

if TYPE_CHECKING:
    from redis.asyncio import Redis

Deliver = Callable[[str, EndReason], bool]
"""Stops a session that this process holds; False where it holds none of that id."""

_CHANNEL = "greenroom:node:"
_ANSWER_TIMEOUT = 2.0
_CONNECT_TIMEOUT = 3.0
_FIRST_RETRY = 0.1
_LAST_RETRY = 5.0

_log = logging.getLogger(__name__)


class ControlBus(Protocol):
    """Reaches nodes by their id."""

    async def open(self, node: str, deliver: Deliver) -> None:
        """Begin to receive what is meant for `node`. Raises ConfigurationError."""
        ...

    async def request_stop(self, node: str, session_id: str, reason: EndReason) -> bool:
        """Ask `node` to stop a session; whether it held it. Bounded in time; False in trouble."""
        ...

    async def check(self) -> None:
        """Raise ConnectionError if other nodes can't be reached (for /health)."""
        ...

    async def close(self) -> None:
        """End receiving."""
        ...


class LocalBus:
    """The bus of a server that is alone."""

    def __init__(self) -> None:
        self._node = ""
        self._deliver: Deliver | None = None

    async def open(self, node: str, deliver: Deliver) -> None:
        """Take what is meant for `node`."""
        self._node, self._deliver = node, deliver

    async def request_stop(self, node: str, session_id: str, reason: EndReason) -> bool:
        """Tell this process, if it is `node`."""
        return (
            self._deliver is not None and node == self._node and self._deliver(session_id, reason)
        )

    async def check(self) -> None:
        """Return: there is nobody else to reach."""

    async def close(self) -> None:
        """Take nothing more."""
        self._deliver = None


class RedisBus:
    """A bus over Redis publish and subscribe. Survives the loss of Redis: it connects again."""

    def __init__(
        self, url: str, *, clock: Clock | None = None, answer_timeout: float = _ANSWER_TIMEOUT
    ) -> None:
        """Raises ConfigurationError where redis isn't installed or `url` isn't one of its."""
        try:
            from redis.asyncio import Redis  # noqa: PLC0415 - an extra, and slow to import
            from redis.asyncio.retry import Retry  # noqa: PLC0415
            from redis.backoff import NoBackoff  # noqa: PLC0415
            from redis.exceptions import RedisError  # noqa: PLC0415
        except ImportError as exc:
            problem = "Redis needs its client: pip install 'greenroom[redis]'"
            raise ConfigurationError("redis_url", problem) from exc
        try:
            self._redis: Redis = Redis.from_url(url, socket_connect_timeout=_CONNECT_TIMEOUT)
            # Does not go on with an old subscription by itself: `_listen` does, and says so.
            self._subscriber: Redis = Redis.from_url(
                url,
                socket_connect_timeout=_CONNECT_TIMEOUT,
                socket_keepalive=True,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as exc:
            problem = "is not a Redis URL; for example redis://host:6379/0"
            raise ConfigurationError("redis_url", problem) from exc
        self._trouble = (RedisError, OSError)
        self._clock = clock or SystemClock()
        self._answer_timeout = answer_timeout
        self._answers: dict[str, asyncio.Future[bool]] = {}
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._node = ""
        self._deliver: Deliver | None = None

    async def open(self, node: str, deliver: Deliver) -> None:
        """Begin to listen, and return once it does; after 3 s if Redis is away: it tries on."""
        self._node, self._deliver = node, deliver
        self._task = asyncio.create_task(self._listen(), name="control-bus")
        with suppress(TimeoutError):
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await self._listening.wait()

    async def request_stop(self, node: str, session_id: str, reason: EndReason) -> bool:
        """Ask `node`, and wait for its answer."""
        request = secrets.token_hex(8)
        answer = self._answers[request] = asyncio.get_running_loop().create_future()
        message = ["stop", request, self._node, session_id, reason.value]
        try:
            async with asyncio.timeout(self._answer_timeout):
                if not await self._redis.publish(_CHANNEL + node, orjson.dumps(message)):
                    return False
                told: bool = await answer
                return told
        except TimeoutError:
            return False
        except self._trouble as exc:
            _log.warning("control bus: node %s can't be reached: %s", node, exc)
            return False
        finally:
            del self._answers[request]

    async def check(self) -> None:
        """Raise ConnectionError if Redis does not answer, or has nobody who listens here."""
        try:
            async with asyncio.timeout(self._answer_timeout):
                heard = await self._redis.publish(_CHANNEL + self._node, b'["ping"]')
        except (*self._trouble, TimeoutError) as exc:
            raise ConnectionError(str(exc)) from exc
        if not heard:
            raise ConnectionError("not subscribed")

    async def close(self) -> None:
        """End listening, close every connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._subscriber.aclose()
        await self._redis.aclose()

    async def _listen(self) -> None:
        delay = _FIRST_RETRY
        while True:
            pubsub = self._subscriber.pubsub()
            try:
                await pubsub.subscribe(_CHANNEL + self._node)
                async for message in pubsub.listen():
                    if message["type"] == "subscribe":
                        self._listening.set()
                        delay = _FIRST_RETRY
                    else:
                        await self._receive(message["data"])
            except self._trouble as exc:
                if self._listening.is_set() or delay == _FIRST_RETRY:
                    _log.warning("control bus: Redis is lost, connecting again: %s", exc)
            finally:
                self._listening.clear()
                await pubsub.aclose()  # type: ignore[no-untyped-call]
            await self._clock.sleep(delay)
            delay = min(delay * 2, _LAST_RETRY)

    async def _receive(self, data: bytes) -> None:
        answer: list[Any]
        try:
            match orjson.loads(data):
                case ["stop", str(request), str(asking), str(session_id), str(reason)]:
                    told = self._deliver is not None and self._deliver(
                        session_id, EndReason(reason)
                    )
                    answer = ["told", request, told]
                    await self._redis.publish(_CHANNEL + asking, orjson.dumps(answer))
                case ["told", str(request), bool(told)]:
                    waiting = self._answers.get(request)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(told)
                case ["ping"]:
                    pass
                case other:
                    _log.warning("control bus: a message of unknown form: %.100r", other)
        except ValueError:
            _log.warning("control bus: a message that can't be read: %.100r", data)


def make_bus(url: str | None) -> ControlBus:
    """Return the bus for `url` (`redis://...`, `rediss://...`, `unix://...`); None: in process.

    Raises ConfigurationError.
    """
    return RedisBus(url) if url else LocalBus()

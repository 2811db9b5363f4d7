"""Tells other servers by HTTP what happens in rooms, signed as LiveKit signs it.

Each event is a POST of its JSON. `Authorization` holds a token of the API key whose `sha256` claim
is the base64 of the body's SHA-256: by it the receiver checks who sent the event, and all of it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
from google.protobuf.json_format import MessageToJson
from livekit.protocol.webhook import WebhookEvent

from greenroom.errors import ConfigurationError
from greenroom.rooms.tokens import LiveKitTokens

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/webhook+json"
TOKEN_TTL = 300.0
"""Seconds for which a receiver may check a signature, as LiveKit has it."""

REQUEST_TIMEOUT = 5.0
"""Seconds from connecting to the answer's status; a receiver has to be quick."""

RETRY_DELAYS = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each further try."""

MAX_WAITING = 2_000
"""Events that wait for one receiver; those that come on top are dropped."""

MAX_AT_ONCE = 8
"""Requests to one receiver at a time; those of one room are never at the same time."""

_RETRIED = frozenset({408, 425, 429})
"""Statuses below 500 that ask for another try."""


class Webhooks:
    """Sends every event to each of `urls`: a room's in order, each until it is taken or given up.

    Without URLs it sends nothing. Raises ConfigurationError for what is no URL, or without a key
    pair to sign with.
    """

    def __init__(
        self,
        urls: Sequence[str],
        api_key: str,
        secret: str,
        *,
        now: Callable[[], float] = time.time,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        if urls and not (api_key and secret):
            raise ConfigurationError(
                "rooms.webhook_urls", "events are signed: set a LiveKit key pair"
            )
        self._tokens = LiveKitTokens(api_key, secret, TOKEN_TTL, now=now)
        self._now = now
        checked = [_checked(url) for url in urls]
        self._client: httpx.AsyncClient | None = None
        self._receivers: list[_Receiver] = []
        if checked:
            # Not without need: a client reads the system's certificates, for a tenth of a second.
            self._client = httpx.AsyncClient(timeout=REQUEST_TIMEOUT, follow_redirects=False)
            self._receivers = [
                _Receiver(self._client, url, self._sign, tuple(retry_delays), max_waiting)
                for url in checked
            ]

    @property
    def dropped(self) -> int:
        """Events, counted for each receiver, that were given up."""
        return sum(receiver.dropped for receiver in self._receivers)

    def send(self, event: WebhookEvent) -> None:
        """Queue an event; its id and time are filled in where they are missing. Plain and quick."""
        if not self._receivers:
            return
        if not event.id:
            event.id = f"EV_{uuid.uuid4().hex[:12]}"
        if not event.created_at:
            event.created_at = int(self._now())
        body = MessageToJson(event, indent=None).encode()
        for receiver in self._receivers:
            receiver.put(event.room.name, _Delivery(event.event, body))

    async def close(self, seconds: float = 2.0) -> None:
        """Take what is queued to its receivers for up to `seconds`, then drop the rest."""
        await asyncio.gather(*(receiver.close(seconds) for receiver in self._receivers))
        if self._client is not None:
            await self._client.aclose()

    def _sign(self, body: bytes) -> str:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        return self._tokens.sign_claims({"sha256": digest})


@dataclass(frozen=True, slots=True)
class _Delivery:
    name: str
    body: bytes


class _Receiver:
    """One URL. Each room that has something to tell has a task, which ends when all is told."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: httpx.URL,
        sign: Callable[[bytes], str],
        retry_delays: tuple[float, ...],
        max_waiting: int,
    ) -> None:
        self.dropped = 0
        self._client = client
        self._url = url
        self._sign = sign
        self._retry_delays = retry_delays
        self._max_waiting = max_waiting
        self._waiting = 0
        self._rooms: dict[str, deque[_Delivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._closed = False

    def put(self, room: str, delivery: _Delivery) -> None:
        """Send after what the room has told already."""
        if self._closed or self._waiting >= self._max_waiting:
            self._drop(1, f"{delivery.name} of room {room}: too many wait")
            return
        self._waiting += 1
        queue = self._rooms.get(room)
        if queue is not None:
            queue.append(delivery)
            return
        self._rooms[room] = deque([delivery])
        task = asyncio.get_running_loop().create_task(self._tell(room))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, seconds: float) -> None:
        self._closed = True
        tasks = tuple(self._tasks)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        if late:
            self._drop(self._waiting, "the server ends")

    async def _tell(self, room: str) -> None:
        queue = self._rooms[room]
        while queue:
            async with self._turns:
                await self._deliver(room, queue[0])
            queue.popleft()
            self._waiting -= 1
        del self._rooms[room]

    async def _deliver(self, room: str, delivery: _Delivery) -> None:
        """Try until it is taken, refused for good, or has been tried often enough."""
        why = ""
        for delay in (*self._retry_delays, None):
            try:
                status = await self._post(delivery.body)
            except (httpx.HTTPError, TimeoutError) as error:
                why = type(error).__name__
            else:
                if 200 <= status < 300:
                    return
                why = f"status {status}"
                if status < 500 and status not in _RETRIED:
                    break
            if delay is not None:
                await asyncio.sleep(delay)
        self._drop(1, f"{delivery.name} of room {room}: {why}")

    async def _post(self, body: bytes) -> int:
        # Signed anew at each try: the token is good for minutes only.
        headers = {"Authorization": self._sign(body), "Content-Type": CONTENT_TYPE}
        async with (
            asyncio.timeout(REQUEST_TIMEOUT),
            self._client.stream("POST", self._url, content=body, headers=headers) as response,
        ):
            # What it answers beyond the status is nothing to us, and may be without end.
            return response.status_code

    def _drop(self, count: int, why: str) -> None:
        self.dropped += count
        log.warning("webhook to %s given up: %s", self._url.host, why)


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigurationError("rooms.webhook_urls", f"{url}: {error}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError("rooms.webhook_urls", f"{url} is not an http or https URL")
    return parsed

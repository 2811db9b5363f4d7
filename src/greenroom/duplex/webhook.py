"""Tells a customer's server that a session has ended.

The session is sent by POST, as JSON, as the API shows it, with

    X-Greenroom-Signature: t=1767323045,v1=5257a869e7...

`t` is the time of the sending in seconds since 1970, `v1` the hex HMAC-SHA256, by the webhooks'
secret, of `t`, a full stop and the body: of `1767323045.{"session_id": ...}`. A receiver computes
the same, compares in constant time, and refuses a `t` that is minutes old.

Any status of 2xx takes it. What fails otherwise, but for a refusal (4xx other than 408, 425, 429),
is tried again for some hours, with longer and longer pauses. Every try is in the session's journal,
under a number that only one server can write, before it is made: so servers that share a database
make no try twice, and one that was restarted goes on where it was. A receiver may still get a
session twice, where the server ended between its answer and the writing of it: `session_id` tells.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import httpx
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from greenroom.duplex.archive import TalkArchive, webhook_of
from greenroom.duplex.pauses import pause
from greenroom.duplex.ports import API, TrackedSession
from greenroom.duplex.targets import PinnedTransport, Resolve, TargetRefused, resolve
from greenroom.errors import GreenroomError
from greenroom.providers.clock import Clock
from greenroom.sessions.model import LifecycleEntry, Session
from greenroom.sessions.reader import ended_without
from greenroom.sessions.service import SessionService

SIGNATURE = "X-Greenroom-Signature"

MAX_TRIES = 10

REQUEST_TIMEOUT = 10.0
"""Seconds from looking the name up to the answer's status."""

MAX_AT_ONCE = 16
"""Requests at a time."""

MAX_IN_HAND = 1_000
"""Sessions that are being told or wait for another try; more are taken from the database later."""

LOOK_INTERVAL = 60.0
"""Seconds between two looks for sessions that ended without anybody here: by upkeep, in a crash."""

HORIZON = timedelta(days=2)
"""How old a session may be whose webhook is still taken up."""

TRY, FAILED, DONE = "webhook_try", "webhook_failed", "webhook_done"
"""The events in the journal. A try's key has its number; the outcome's is DONE."""

_FIRST_PAUSE, _FACTOR, _LONGEST_PAUSE = 2.0, 4.0, 3_600.0
_RETRIED = frozenset({408, 425, 429})

_log = logging.getLogger(__name__)


def signing_key(secret: str | None, server_secret: str) -> str:
    """The secret that webhooks are signed with: what is set, else one made of the server's own."""
    if secret:
        return secret
    derive = HKDF(SHA256(), 32, salt=None, info=b"greenroom duplex webhooks")
    return derive.derive(server_secret.encode()).hex()


def signature(key: str, body: bytes, at: int) -> str:
    """The header's value, for a body that is sent at `at` seconds since 1970."""
    digest = hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Webhooks:
    """Tells of every session that asked for it, until it is told or given up.

    `render`: a session as the API shows it, JSON. `key`: see `signing_key`. The owner calls
    `start`, and `close` once no session can end any more.
    """

    def __init__(
        self,
        sessions: SessionService,
        archive: TalkArchive,
        render: Callable[[TrackedSession], bytes],
        key: str,
        *,
        clock: Clock,
        now: Callable[[], datetime],
        allow_private: bool = False,
        resolve: Resolve = resolve,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._sessions = sessions
        self._archive = archive
        self._render = render
        self._key = key
        self._clock = clock
        self._now = now
        self._allow_private = allow_private
        self._resolve = resolve
        self._dice = dice
        self._me = f"{sessions.node.id}/{sessions.node.boot}"
        self._client: asyncio.Task[httpx.AsyncClient] | None = None
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to take up what was left: now, and from time to time."""
        self._looking = asyncio.get_running_loop().create_task(self._look_on(), name="webhooks")

    def send(self, session: Session) -> None:
        """A session has ended. Plain and quick; nothing for one that asked for nothing."""
        if self._closed or not webhook_of(session) or session.id in self._in_hand:
            return
        if len(self._in_hand) >= MAX_IN_HAND:
            return  # found again at a later look
        task = asyncio.get_running_loop().create_task(self._tell(session))
        self._in_hand[session.id] = task
        task.add_done_callback(lambda _: self._in_hand.pop(session.id))

    async def close(self, seconds: float = 2.0) -> None:
        """Go on for up to `seconds`, then leave the rest to the next start. Harmless twice."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait((self._looking,))
        if tasks := tuple(self._in_hand.values()):
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await (await client).aclose()

    async def _look_on(self) -> None:
        while True:
            try:
                await self._look()
            except GreenroomError as error:
                _log.warning("webhooks that are due were not looked for: %s", error)
            except Exception:  # noqa: BLE001 - the next look may fare better
                _log.exception("a look for webhooks that are due failed")
            await pause(self._clock, LOOK_INTERVAL)

    async def _look(self) -> None:
        find = partial(
            ended_without,
            api=API,
            key=DONE,
            setting="webhook_url",
            since=self._now() - HORIZON,
            limit=MAX_IN_HAND,
        )
        for session in await self._sessions.store.read(find):
            self.send(session)

    async def _tell(self, session: Session) -> None:
        """Try until it is told or given up, or another server is seen to do that."""
        try:
            await self._try_on(session)
        except GreenroomError as error:
            # The database fails: it is taken up again at a later look.
            _log.warning("the webhook of session %s is put off: %s", session.id, error)
        except Exception:  # noqa: BLE001 - it must not harm the others
            _log.exception("the webhook of session %s: a defect", session.id)

    async def _try_on(self, session: Session) -> None:
        made = await self._made(session.id)
        if made is None:
            return
        tries, last = made
        outcome = "given up: it was tried too often"
        while tries < MAX_TRIES:
            if last is not None:
                passed = (self._now() - last).total_seconds()
                await pause(self._clock, max(self._pause_after(tries) - passed, 0.0))
            async with self._turns:
                tries, last = tries + 1, self._now()
                if not await self._claim(session.id, tries):
                    return
                why, again = await self._post(session)
            if not why:
                outcome = f"told at try {tries}"
                break
            outcome = f"given up at try {tries}: {why}"
            if not again:
                break
            self._sessions.append(session.id, LifecycleEntry(None, FAILED, f"try {tries}: {why}"))
        await self._sessions.append_once(session.id, LifecycleEntry(None, DONE, outcome), DONE)
        _log.info("the webhook of session %s was %s", session.id, outcome)

    async def _made(self, session_id: str) -> tuple[int, datetime | None] | None:
        """How many tries were made, by whomever, and when the last was; None: all is done."""
        tries = 0
        last = None
        for record in await self._sessions.records(session_id, kinds=(LifecycleEntry.kind,)):
            event = record.entry.event if isinstance(record.entry, LifecycleEntry) else ""
            if event == DONE:
                return None
            if event == TRY:
                tries, last = tries + 1, record.at
        return tries, last

    async def _claim(self, session_id: str, number: int) -> bool:
        """Whether the try of that number is this server's to make."""
        entry = LifecycleEntry(None, TRY, f"try {number} by {self._me}")
        record = await self._sessions.append_once(session_id, entry, f"{TRY} {number}")
        return record.entry == entry

    async def _post(self, session: Session) -> tuple[str, bool]:
        """One try: what went wrong, empty if nothing, and whether that may change."""
        body = self._render(await self._archive.get(session.id))
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: signature(self._key, body, int(self._now().timestamp())),
        }
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                client = await self._opened()
                request = client.build_request(
                    "POST", webhook_of(session), content=body, headers=headers
                )
                # What it answers beyond the status is nothing to us, and may be without end.
                response = await client.send(request, stream=True)
                await response.aclose()
        except TargetRefused as error:
            return str(error), False
        except (httpx.HTTPError, TimeoutError) as error:
            return type(error).__name__, True
        status = response.status_code
        if 200 <= status < 300:
            return "", False
        return f"status {status}", status >= 500 or status in _RETRIED

    async def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = asyncio.create_task(asyncio.to_thread(self._new_client))
        return await asyncio.shield(self._client)

    def _new_client(self) -> httpx.AsyncClient:
        # In a thread: it reads the system's certificates. No connection is kept: one to an address
        # must not serve another name there.
        inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))
        transport = PinnedTransport(inner, allow_private=self._allow_private, resolve=self._resolve)
        return httpx.AsyncClient(
            transport=transport, timeout=REQUEST_TIMEOUT, follow_redirects=False, trust_env=False
        )

    def _pause_after(self, tries: int) -> float:
        """Seconds before the next try: half of it by chance, so that a crowd does not come back
        as one."""
        longest = min(_FIRST_PAUSE * _FACTOR ** (tries - 1), _LONGEST_PAUSE)
        return longest * (0.5 + 0.5 * self._dice())

"""What keeps a voice session alive: its connection, and the next one when that breaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from voice_agent.address import Secret
from voice_agent.backoff import delays
from voice_agent.errors import (
    ConnectionFailed,
    InternalError,
    LiveKitError,
    RateLimitExceeded,
    SessionEnded,
    ShopifyApiError,
    VoiceAgentError,
)
from voice_agent.link import CLOSE_TIMEOUT, NORMAL, Link, LinkLost, open_link
from voice_agent.mailbox import Mailbox
from voice_agent.messages import Reconnected, ReconnectedData, SessionReadyData, parse
from voice_agent.outbox import Outbox
from voice_agent.sound import Outgoing
from voice_agent.start import StartOptions

if TYPE_CHECKING:
    import ssl

MAX_UNREAD = 256
"""Messages that wait for whoever iterates; then the socket is not read for a while."""

REOPEN_TIMEOUT = 10.0
"""Seconds for one attempt to reconnect: the server itself may need 8 to let go of the old one."""

_END = '{"type":"session.end"}'
_PASSING = (ConnectionFailed, RateLimitExceeded, InternalError, LiveKitError, ShopifyApiError)


class Lifeline:
    """One session over as many connections as it takes. Start it once, and close it.

    One task receives into `mailbox` and reconnects; senders send by themselves, and leave what
    can't be sent now in the outbox, which the task sends when it has reconnected. `halt` is set
    when nobody should wait for anything any more.
    """

    def __init__(
        self,
        url: str,
        token: Secret,
        options: StartOptions,
        *,
        ssl_context: ssl.SSLContext | None,
        open_timeout: float,
        reconnect_for: float,
    ) -> None:
        if reconnect_for < 0:
            raise ValueError(f"reconnect_for is {reconnect_for}; it is seconds, 0 or more")
        self._url, self._token, self._options = url, token, options
        self._ssl, self._open_timeout = ssl_context, open_timeout
        self._reconnect_for = reconnect_for
        self._outbox = Outbox()
        self._link: Link | None = None
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending = self._closing = False
        self.mailbox = Mailbox(MAX_UNREAD)
        self.halt = asyncio.Event()
        self.over: VoiceAgentError | None = None
        self.ready: SessionReadyData | None = None

    def __repr__(self) -> str:
        state = "over" if self.over else "open" if self._link else "not connected"
        return f"{self._url!r}, {state}"

    async def start(self) -> None:
        """Connect and start the session. Raises what it is refused with."""
        if self._task is not None:
            raise RuntimeError("a voice connection can be entered once; make a new one")
        link = await self._open(self._options.session_id, self._open_timeout)
        self.ready = link.ready.data
        await self.mailbox.put(link.ready)
        self._link = link
        self._up.set()
        self._task = asyncio.create_task(self._run(link), name="voice_agent session")

    def as_wished(self) -> bool:
        """Whether the session is over because somebody ended it, or its time was up."""
        if self._closing:
            return True
        over = self.over
        if not isinstance(over, SessionEnded):
            return False
        return over.close_code == NORMAL or (self._ending and over.close_code is None)

    def check(self) -> None:
        """Raise where nothing can be sent: SessionEnded, or what else the session ended with."""
        if self._task is None:
            raise RuntimeError("use it by: async with client.connect_voice(token) as ws")
        if self.over is not None:
            raise self.over
        if self._ending or self._closing:
            raise SessionEnded("this client has ended it")

    # -- sending -----------------------------------------------------------------------------

    async def deliver(self, message: Outgoing) -> None:
        """Send, or keep while the connection is away; wait where too much is kept already."""
        while True:
            self.check()
            link = self._link
            if link is not None:
                try:
                    await _transmit(link, message)
                except LinkLost as lost:
                    self._lost(link, lost)
                else:
                    return
            elif self._outbox.fits(message):
                self._outbox.put(message)
                return
            else:
                await self._up.wait()

    async def tell(self, text: str) -> None:
        """Send what is of no use later: it is dropped while the connection is away."""
        if (link := self._link) is not None:
            try:
                await link.send(text)
            except LinkLost as lost:
                self._lost(link, lost)

    # -- ends --------------------------------------------------------------------------------

    def stop_sending(self) -> bool:
        """The end is to be asked for; False where the session is ending or over."""
        if self._task is None or self._closing or self._ending or self.over is not None:
            return False
        self._ending = True
        self.halt.set()
        self.mailbox.unbind()
        return True

    async def ask_end(self, rest: Iterable[Outgoing]) -> None:
        """Send the rest of the sound and `session.end`, at once or when reconnected."""
        for message in rest:
            self._outbox.put(message)
        if (link := self._link) is not None:
            try:
                await self._drain(link)
            except LinkLost as lost:
                self._lost(link, lost)

    async def wait_over(self, timeout: float) -> None:
        """Return when the session is over. Raises ConnectionFailed after `timeout` seconds."""
        if self._task is None or self._closing:
            return
        done, _ = await asyncio.wait([self._task], timeout=timeout)
        if not done:
            raise ConnectionFailed(f"the server did not end the session within {timeout:g} s")
        if self.over is not None and not self.as_wished():
            raise self.over

    async def close(self, *, end_session: bool) -> None:
        """Close the connection; nothing runs any more then."""
        task, link = self._task, self._link
        if task is None:
            return
        self._closing = True
        self.halt.set()
        self.mailbox.unbind()  # a socket that nobody reads can't be closed in order
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2 * CLOSE_TIMEOUT):
                    if link is not None:
                        if end_session and not self._ending:
                            await self.tell(_END)
                        await link.close()
        finally:
            if link is not None:
                link.abort()
            task.cancel()
            await asyncio.wait([task])

    # -- the task ----------------------------------------------------------------------------

    async def _run(self, link: Link) -> None:
        """Receive and reconnect until the session is over."""
        try:
            while True:
                self._lost(link, await self._receive(link))
                if self.over is not None or self._closing:
                    return
                link = await self._reconnect()
        except VoiceAgentError as error:
            self._end_with(error)
        finally:
            self._end_with(SessionEnded("this client has closed the connection"))
            self._up.set()
            self.halt.set()
            self.mailbox.finish()

    async def _receive(self, link: Link) -> LinkLost:
        """Pass messages on until the connection is closed."""
        try:
            while True:
                await self.mailbox.put(parse(await link.receive()))
        except LinkLost as lost:
            return lost

    async def _open(self, session_id: str | None, timeout: float) -> Link:
        start = self._options.message(session_id)
        timeout = min(timeout, self._open_timeout)
        return await open_link(self._url, self._token, start, self._ssl, timeout)

    async def _reconnect(self) -> Link:
        """Start the session again, within the time in which the server keeps it."""
        loop = asyncio.get_running_loop()
        began, last = loop.time(), None
        session_id = self.ready.session_id if self.ready is not None else None
        for attempts, delay in enumerate(delays(), start=1):
            wait = delay
            if isinstance(last, RateLimitExceeded):
                wait = max(delay, last.retry_after or 0.0)
            left = began + self._reconnect_for - loop.time() - wait
            if left <= 0:
                break
            await asyncio.sleep(wait)
            try:
                link = await self._open(session_id, min(left, REOPEN_TIMEOUT))
            except _PASSING as error:
                last = error
                continue
            kept_ms = self._outbox.ms
            if not await self._resume(link):
                continue
            if "reconnected" in self._options.events:
                away_ms = (loop.time() - began) * 1000
                await self.mailbox.put(Reconnected(ReconnectedData(away_ms, attempts, kept_ms)))
            return link
        why = f"the connection broke, and {self._reconnect_for:g} s did not bring it back"
        raise ConnectionFailed(why) from last

    async def _resume(self, link: Link) -> bool:
        """Send what was kept; False where the new connection breaks as well."""
        try:
            await self._drain(link)
        except LinkLost as lost:
            if lost.over is not None:
                raise lost.over from None
            return False
        except BaseException:
            link.abort()
            raise
        self._link = link
        self._up.set()
        return True

    async def _drain(self, link: Link) -> None:
        """Send what waits, and then the end, if it was asked for."""
        while message := self._outbox.first():
            await _transmit(link, message)
            self._outbox.drop_first()
        if self._ending:
            await link.send(_END)

    def _lost(self, link: Link, lost: LinkLost) -> None:
        if self._link is link:
            self._link = None
            self._up.clear()
            self._end_with(lost.over)

    def _end_with(self, why: VoiceAgentError | None) -> None:
        """The first reason counts."""
        if self.over is None and why is not None:
            self.over = why


async def _transmit(link: Link, message: Outgoing) -> None:
    """Send a message; first what its stream's decoder needs, if this connection has not had it."""
    stream = message.stream
    if stream is not link.stream:
        link.stream = stream
        if stream is not None and message.continues and stream.cutter.head:
            await link.send(stream.message(stream.cutter.head))
    await link.send(message.text)

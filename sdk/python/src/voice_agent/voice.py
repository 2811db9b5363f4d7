"""A live voice session: messages in, sound out, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Self

from voice_agent.address import Secret
from voice_agent.backoff import delays
from voice_agent.cutting import InputFormat
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
from voice_agent.messages import Message, Reconnected, ReconnectedData, SessionReadyData, parse
from voice_agent.microphone import microphone_blocks
from voice_agent.outbox import Outbox
from voice_agent.pacing import Pacer
from voice_agent.sound import DEFAULT_RATE, Audio, Outgoing, SoundSender
from voice_agent.start import StartOptions

if TYPE_CHECKING:
    import ssl


MAX_UNREAD = 256
"""Messages that wait for whoever iterates; then the socket is not read for a while."""

END_TIMEOUT = 10.0
REOPEN_TIMEOUT = 10.0
"""Seconds for one attempt to reconnect: the server itself may need 8 to let go of the old one."""

_END = '{"type":"session.end"}'
_PASSING = (ConnectionFailed, RateLimitExceeded, InternalError, LiveKitError, ShopifyApiError)


class VoiceConnection:
    """Made by `connect_voice`; use it by `async with`, once, and iterate over its messages.

    Entering connects, starts the session and waits for `session.ready`, which is also the first
    message of the iteration; it raises what the server refused it with. The iteration ends when the
    session ends, and raises SessionEnded or ConnectionFailed where that is not by anybody's wish.
    Leaving ends the session.
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
        max_ahead: float,
    ) -> None:
        if reconnect_for < 0:
            raise ValueError(f"reconnect_for is {reconnect_for}; it is seconds, 0 or more")
        self._url, self._token, self._options = url, token, options
        self._ssl, self._open_timeout = ssl_context, open_timeout
        self._reconnect_for = reconnect_for
        self._pacer = Pacer(max_ahead)
        self._sound = SoundSender()
        self._sending = asyncio.Lock()
        self._mailbox = Mailbox(MAX_UNREAD)
        self._outbox = Outbox()
        self._ready: SessionReadyData | None = None
        self._link: Link | None = None
        self._up = asyncio.Event()
        self._halt = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._over: VoiceAgentError | None = None
        self._ending = self._closing = False

    def __repr__(self) -> str:
        state = "over" if self._over else "open" if self._link else "not connected"
        return f"VoiceConnection(url={self._url!r}, {state})"

    @property
    def ready(self) -> SessionReadyData:
        """What the server said when the session started: its id, the room and its token."""
        if self._ready is None:
            raise RuntimeError("use it by: async with client.connect_voice(token) as ws")
        return self._ready

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.ready.session_id

    @property
    def ended(self) -> VoiceAgentError | None:
        """Why the session is over (SessionEnded has `reason` and `close_code`); None: it is not."""
        return self._over

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise RuntimeError("a voice connection can be entered once; make a new one")
        link = await self._open(self._options.session_id, self._open_timeout)
        self._ready = link.ready.data
        await self._mailbox.put(link.ready)
        self._link = link
        self._up.set()
        self._task = asyncio.create_task(self._run(link), name="voice_agent session")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        message = await self._mailbox.get()
        if message is not None:
            return message
        if self._over is not None and not self._as_wished():
            raise self._over
        raise StopAsyncIteration

    # -- sending -----------------------------------------------------------------------------

    async def send_audio(
        self,
        audio: Audio,
        *,
        format: InputFormat | None = None,  # noqa: A002 - the wire's name
        sample_rate: int | None = None,
    ) -> None:
        """Send sound: bytes, the path of a file, or a (async) iterable of bytes.

        Without `format` bytes are pcm16 (16 bit, signed, little-endian, mono) unless they begin as
        a wav, Ogg or ID3 file does, and a file is what its head says. Bytes with a compressed
        `format` may be pieces of a stream, cut anywhere. `sample_rate` (Hz, 16000 by default) is of
        pcm16. Waits as long as needed not to run too far ahead of real time. While the connection
        is away, sound is kept, and when 20 s are kept this waits. Calls don't mix their sound: one
        waits for the other.

        Raises SessionEnded when the session is over; ValueError, TypeError, OSError for sound that
        can't be sent or read.
        """
        async with self._sending:
            self._check()
            async with contextlib.aclosing(
                self._sound.messages(audio, format, sample_rate)
            ) as messages:
                async for message in messages:
                    await self._send_in_time(message)
                    await asyncio.sleep(0)  # a long piece does not keep others from running

    async def send_microphone(
        self, *, sample_rate: int = DEFAULT_RATE, device: int | str | None = None
    ) -> None:
        """Send what this machine's microphone hears until the session ends or this is cancelled.

        Needs the extra `microphone`. `device` is a number or a part of the name that
        `python -m sounddevice` shows. Raises MicrophoneError.
        """
        self._check()
        async with contextlib.aclosing(microphone_blocks(sample_rate, device)) as blocks:
            async for block in blocks:
                try:
                    await self.send_audio(block, format="pcm16", sample_rate=sample_rate)
                except SessionEnded:
                    if self._as_wished():
                        return
                    raise

    async def playback_position(self, response_id: str, played_ms: float) -> None:
        """Tell how much of a reply has been played; once a second is enough.

        Needs `events` with `playback`. While the connection is away it is dropped: it would be old.
        """
        if "playback" not in self._options.events:
            raise ValueError("playback_position needs connect_voice(events=[..., 'playback'])")
        self._check()
        link = self._link
        if link is None:
            return
        data = {"response_id": response_id, "played_ms": played_ms}
        text = json.dumps({"type": "playback.position", "data": data}, allow_nan=False)
        await self._try(link, text)

    # -- ends --------------------------------------------------------------------------------

    async def end(self, timeout: float = END_TIMEOUT) -> None:
        """End the session: what was being said is transcribed and recorded, then this returns.

        A `send_audio` that is still busy is broken off with SessionEnded. Messages that came until
        then can still be iterated over. Raises ConnectionFailed if the
        server does not end it within `timeout` seconds.
        """
        if self._task is None or self._closing:
            return
        if not self._ending and self._over is None:
            self._ending = True
            self._halt.set()
            self._mailbox.unbind()
            async with self._sending:
                for message in self._sound.finish():
                    self._outbox.put(message)
            if (link := self._link) is not None:
                try:
                    await self._drain(link)
                except LinkLost as lost:
                    self._lost(link, lost)
        done, _ = await asyncio.wait([self._task], timeout=timeout)
        if not done:
            raise ConnectionFailed(f"the server did not end the session within {timeout:g} s")
        if self._over is not None and not self._as_wished():
            raise self._over

    async def close(self, *, end_session: bool = True) -> None:
        """Close the connection without waiting for what the server would still say.

        With `end_session` false the session lives on, and within the server's grace time (30 s)
        another connection may start it again.
        """
        task, link = self._task, self._link
        if task is None:
            return
        self._closing = True
        self._halt.set()
        self._mailbox.unbind()  # a socket that nobody reads can't be closed in order
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2 * CLOSE_TIMEOUT):
                    if link is not None:
                        if end_session and not self._ending:
                            await self._try(link, _END)
                        await link.close()
        finally:
            if link is not None:
                link.abort()
            task.cancel()
            await asyncio.wait([task])

    # -- inside ------------------------------------------------------------------------------

    def _as_wished(self) -> bool:
        """Whether the session is over because somebody ended it, or its time was up."""
        if self._closing:
            return True
        over = self._over
        if not isinstance(over, SessionEnded):
            return False
        return over.close_code == NORMAL or (self._ending and over.close_code is None)

    def _check(self) -> None:
        if self._task is None:
            raise RuntimeError("use it by: async with client.connect_voice(token) as ws")
        if self._over is not None:
            raise self._over
        if self._ending or self._closing:
            raise SessionEnded("this client has ended it")

    async def _send_in_time(self, message: Outgoing) -> None:
        loop = asyncio.get_running_loop()
        if message.ms:
            if wait := self._pacer.wait(message.ms, loop.time()):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._halt.wait()
            self._pacer.sent(message.ms, loop.time())
        await self._deliver(message)

    async def _deliver(self, message: Outgoing) -> None:
        """Send, or keep while the connection is away."""
        while True:
            self._check()
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

    async def _try(self, link: Link, text: str) -> None:
        """Send what need not be sent again."""
        try:
            await link.send(text)
        except LinkLost as lost:
            self._lost(link, lost)

    def _lost(self, link: Link, lost: LinkLost) -> None:
        if self._link is link:
            self._link = None
            self._up.clear()
            self._end_with(lost.over)

    def _end_with(self, why: VoiceAgentError | None) -> None:
        """The first reason counts."""
        if self._over is None and why is not None:
            self._over = why

    async def _run(self, link: Link) -> None:
        """Receive and reconnect until the session is over."""
        try:
            while True:
                self._lost(link, await self._receive(link))
                if self._over is not None or self._closing:
                    return
                link = await self._reconnect()
        except VoiceAgentError as error:
            self._end_with(error)
        finally:
            self._end_with(SessionEnded("this client has closed the connection"))
            self._up.set()
            self._halt.set()
            self._mailbox.finish()

    async def _receive(self, link: Link) -> LinkLost:
        """Pass messages on until the connection is closed."""
        try:
            while True:
                await self._mailbox.put(parse(await link.receive()))
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
        for attempts, delay in enumerate(delays(), start=1):
            wait = delay
            if isinstance(last, RateLimitExceeded):
                wait = max(delay, last.retry_after or 0.0)
            left = began + self._reconnect_for - loop.time() - wait
            if left <= 0:
                break
            await asyncio.sleep(wait)
            try:
                link = await self._open(self.session_id, min(left, REOPEN_TIMEOUT))
            except _PASSING as error:
                last = error
                continue
            kept_ms = self._outbox.ms
            if not await self._resume(link):
                continue
            if "reconnected" in self._options.events:
                away_ms = (loop.time() - began) * 1000
                await self._mailbox.put(Reconnected(ReconnectedData(away_ms, attempts, kept_ms)))
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


async def _transmit(link: Link, message: Outgoing) -> None:
    """Send a message; first what its stream's decoder needs, if this connection has not had it."""
    stream = message.stream
    if stream is not link.stream:
        link.stream = stream
        if stream is not None and message.continues and stream.cutter.head:
            await link.send(stream.message(stream.cutter.head))
    await link.send(message.text)

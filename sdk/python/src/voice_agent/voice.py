"""A live voice session as its user sees it: messages in, sound out."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Self

from voice_agent.address import Secret
from voice_agent.cutting import InputFormat
from voice_agent.errors import SessionEnded, VoiceAgentError
from voice_agent.lifeline import Lifeline
from voice_agent.messages import Message, SessionReadyData
from voice_agent.microphone import microphone_blocks
from voice_agent.pacing import Pacer
from voice_agent.sound import DEFAULT_RATE, Audio, Outgoing, SoundSender
from voice_agent.start import StartOptions

if TYPE_CHECKING:
    import ssl

END_TIMEOUT = 10.0


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
        self._options = options
        self._pacer = Pacer(max_ahead)
        self._sound = SoundSender()
        self._sending = asyncio.Lock()
        self._line = Lifeline(
            url,
            token,
            options,
            ssl_context=ssl_context,
            open_timeout=open_timeout,
            reconnect_for=reconnect_for,
        )

    def __repr__(self) -> str:
        return f"VoiceConnection({self._line!r})"

    @property
    def ready(self) -> SessionReadyData:
        """What the server said when the session started: its id, the room and its token."""
        if self._line.ready is None:
            raise RuntimeError("use it by: async with client.connect_voice(token) as ws")
        return self._line.ready

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.ready.session_id

    @property
    def ended(self) -> VoiceAgentError | None:
        """Why the session is over (SessionEnded has `reason` and `close_code`); None: it is not."""
        return self._line.over

    async def __aenter__(self) -> Self:
        await self._line.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        message = await self._line.mailbox.get()
        if message is not None:
            return message
        if self._line.over is not None and not self._line.as_wished():
            raise self._line.over
        raise StopAsyncIteration

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
            self._line.check()
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
        self._line.check()
        async with contextlib.aclosing(microphone_blocks(sample_rate, device)) as blocks:
            async for block in blocks:
                try:
                    await self.send_audio(block, format="pcm16", sample_rate=sample_rate)
                except SessionEnded:
                    if self._line.as_wished():
                        return
                    raise

    async def playback_position(self, response_id: str, played_ms: float) -> None:
        """Tell how much of a reply has been played; once a second is enough.

        Needs `events` with `playback`. While the connection is away it is dropped: it would be old.
        """
        if "playback" not in self._options.events:
            raise ValueError("playback_position needs connect_voice(events=[..., 'playback'])")
        self._line.check()
        data = {"response_id": response_id, "played_ms": played_ms}
        text = json.dumps({"type": "playback.position", "data": data}, allow_nan=False)
        await self._line.tell(text)

    async def end(self, timeout: float = END_TIMEOUT) -> None:
        """End the session: what was being said is transcribed and recorded, then this returns.

        A `send_audio` that is still busy is broken off with SessionEnded. Messages that came until
        then can still be iterated over. Raises ConnectionFailed if the server does not end it
        within `timeout` seconds.
        """
        if self._line.stop_sending():
            async with self._sending:
                await self._line.ask_end(self._sound.finish())
        await self._line.wait_over(timeout)

    async def close(self, *, end_session: bool = True) -> None:
        """Close the connection without waiting for what the server would still say.

        With `end_session` false the session lives on, and within the server's grace time (30 s)
        another connection may start it again.
        """
        await self._line.close(end_session=end_session)

    async def _send_in_time(self, message: Outgoing) -> None:
        loop = asyncio.get_running_loop()
        if message.ms:
            if wait := self._pacer.wait(message.ms, loop.time()):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._line.halt.wait()
            self._pacer.sent(message.ms, loop.time())
        await self._line.deliver(message)

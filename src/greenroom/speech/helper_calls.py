"""The server's end of a call to a helper: a turn that is heard, an utterance that is spoken."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from greenroom.audio.pcm import HEARING_RATE, Pcm, ms_of, samples_of
from greenroom.errors import ProviderFailed
from greenroom.helpers.pool import HelperPool
from greenroom.helpers.wire import Frame
from greenroom.speech.numbers import to_digits
from greenroom.speech.ports import PartialListener, Transcript

MAX_TURN = 75 * HEARING_RATE
"""Samples of one turn; what comes after is not heard."""
_MESSAGE = samples_of(100)


class HeardTurn:
    """One turn, heard by a helper. See `TranscriptionStream`.

    The server's frames: `{"id", "op": "audio", "partials"}` with 16 kHz samples, where `partials`
    tells whether they are wanted; then the same with `"op": "finish"`. The helper's: `{"id",
    "text", "stability"}` as words are heard; then `{"id", "text", "confidence", "end"}`.
    `final_timeout` is in seconds, beside the length of the turn.
    """

    def __init__(
        self, pool: HelperPool, on_partial: PartialListener | None, *, final_timeout: float
    ) -> None:
        self._provider = pool.name
        self._on_partial = on_partial
        self._final_timeout = final_timeout
        self._final: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        # A turn's audio is kept by the call: a helper that dies in mid-turn costs some time only.
        self._call = pool.call(self, repeatable=True)
        self._batch: list[Pcm] = []
        self._batched = 0
        self._fed = 0

    def feed(self, pcm: Pcm) -> None:
        """Take 16 kHz samples."""
        pcm = pcm[: MAX_TURN - self._fed]
        self._fed += len(pcm)
        self._batch.append(pcm)
        self._batched += len(pcm)
        if self._batched >= _MESSAGE:
            self._send("audio")

    async def finish(self) -> Transcript:
        """See `TranscriptionStream.finish`."""
        self._on_partial = None
        self._send("finish")
        try:
            async with asyncio.timeout(self._final_timeout + ms_of(self._fed) / 1000):
                header = (await self._final).header
        except TimeoutError as error:
            raise ProviderFailed(self._provider, "gave no final transcript in time") from error
        finally:
            self._call.cancel()
        if "error" in header:
            raise ProviderFailed(self._provider, header["error"])
        return Transcript(to_digits(header["text"]), header["confidence"], final=True)

    def cancel(self) -> None:
        """Free what the helper keeps."""
        self._on_partial = None
        self._call.cancel()

    def on_frame(self, frame: Frame) -> None:
        """Take an answer of the helper."""
        header = frame.header
        if header.get("end"):
            if not self._final.done():
                self._final.set_result(frame)
        elif self._on_partial is not None:
            text = to_digits(header["text"])
            self._on_partial(Transcript(text, header["stability"], final=False))

    def on_failure(self, error: ProviderFailed) -> None:
        """The call is lost."""
        if not self._final.done():
            self._final.set_exception(error)
            self._final.exception()  # it may be that nobody waits: the stream was cancelled

    def _send(self, op: str) -> None:
        pcm = np.concatenate(self._batch) if self._batch else np.zeros(0, np.int16)
        self._batch.clear()
        self._batched = 0
        partials = self._on_partial is not None
        self._call.send({"op": op, "partials": partials}, pcm.astype("<i2", copy=False).tobytes())


class SpokenAnswers:
    """The frames of one call, for one reader. More than `max_bytes` of payload are a failure."""

    def __init__(self, provider: str, max_bytes: int) -> None:
        self._provider = provider
        self._room = max_bytes
        self._frames: asyncio.Queue[Frame | ProviderFailed] = asyncio.Queue()

    def on_frame(self, frame: Frame) -> None:
        """Take an answer of the helper."""
        self._room -= len(frame.payload)
        if self._room < 0:
            self._frames.put_nowait(ProviderFailed(self._provider, "speaks without end"))
        else:
            self._frames.put_nowait(frame)

    def on_failure(self, error: ProviderFailed) -> None:
        """The call is lost."""
        self._frames.put_nowait(error)

    async def next(self) -> tuple[dict[str, Any], Pcm]:
        """The next header and its samples. Raises ProviderFailed."""
        got = await self._frames.get()
        if isinstance(got, ProviderFailed):
            raise got
        if "error" in got.header:
            raise ProviderFailed(self._provider, got.header["error"])
        return got.header, np.frombuffer(got.payload, "<i2")

"""The transcriber `pocketsphinx:`: CMU Sphinx in helper processes, leaning to likely sentences.

Its models come in its wheel; it needs no network and a tenth of a core per person who speaks.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import numpy as np

from greenroom.audio.pcm import HEARING_RATE, Pcm, ms_of, samples_of
from greenroom.errors import ProviderFailed
from greenroom.speech.helper import HelperPool
from greenroom.speech.numbers import to_digits
from greenroom.speech.pocketsphinx_files import directory_for
from greenroom.speech.ports import PartialListener, ProviderContext, Transcript
from greenroom.speech.wire import Frame

logger = logging.getLogger(__name__)

_MAX_HELPERS = 4
_MESSAGE = samples_of(100)
_MAX_TURN = 75 * HEARING_RATE
"""Samples of one stream; what comes after is not heard."""
_FINAL_TIMEOUT = 15.0
_BUILD_TIMEOUT = 300.0


class PocketsphinxTranscriber:
    """Recognises English. `context.vocabulary` is what it leans towards."""

    def __init__(self, uri: str, context: ProviderContext) -> None:
        self.uri = uri
        self._context = context
        self._size = min(_MAX_HELPERS, max(1, context.workers))
        self._model: Path | None = None
        self._pool: HelperPool | None = None
        self._starting: asyncio.Task[HelperPool] | None = None

    async def warm_up(self) -> None:
        """Build the language model if these sentences are new, and load the decoders.

        Building takes seconds, and is done once. Raises ProviderFailed.
        """
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        # A caller that gives up doesn't take the start from the others.
        await asyncio.shield(self._starting)

    def open(self, on_partial: PartialListener | None = None) -> PocketsphinxStream:
        """See `Transcriber.open`. Raises ProviderFailed before `warm_up` has ended."""
        if self._pool is None:
            raise ProviderFailed(self.uri, "is not warm yet")
        return PocketsphinxStream(self._pool, on_partial)

    async def close(self) -> None:
        """End the helpers."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()

    @property
    def pids(self) -> list[int]:
        """The helper processes."""
        return self._pool.pids if self._pool is not None else []

    async def _start(self) -> HelperPool:
        sentences = self._context.vocabulary
        model = await asyncio.to_thread(directory_for, self._context.data_dir, sentences)
        if not await asyncio.to_thread(model.is_dir):
            await self._build(model, sentences)
        command = (sys.executable, "-m", "greenroom.speech.pocketsphinx_helper", str(model))
        pool = HelperPool(self.uri, command, self._size)
        try:
            await pool.start()
        except BaseException:
            await pool.close()
            raise
        self._pool = pool
        return pool

    async def _build(self, model: Path, sentences: tuple[str, ...]) -> None:
        logger.info(
            "building a language model of %d sentences; it takes some seconds, once",
            len(sentences),
        )
        builder = HelperPool(
            self.uri,
            (sys.executable, "-m", "greenroom.speech.pocketsphinx_model"),
            heartbeat=_BUILD_TIMEOUT,  # it builds without looking up
        )
        done = _Final()
        try:
            await builder.start()
            payload = await asyncio.to_thread("\n".join(sentences).encode)
            builder.call(done).send({"op": "build", "directory": str(model)}, payload)
            async with asyncio.timeout(_BUILD_TIMEOUT):
                await done.frame
        except TimeoutError as error:
            raise ProviderFailed(self.uri, "building the language model took too long") from error
        finally:
            await builder.close()


class _Final:
    """Waits for a call's last frame."""

    def __init__(self) -> None:
        self.frame: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()

    def on_frame(self, frame: Frame) -> None:
        if frame.header.get("end") and not self.frame.done():
            self.frame.set_result(frame)

    def on_failure(self, error: ProviderFailed) -> None:
        if not self.frame.done():
            self.frame.set_exception(error)
            self.frame.exception()  # it may be that nobody waits: the stream was cancelled


class PocketsphinxStream(_Final):
    """One turn. See `TranscriptionStream`."""

    def __init__(self, pool: HelperPool, on_partial: PartialListener | None) -> None:
        super().__init__()
        self._provider = pool.name
        self._on_partial = on_partial
        # A turn's audio is kept by the call: a helper that dies in mid-turn costs some time only.
        self._call = pool.call(self, repeatable=True)
        self._batch: list[Pcm] = []
        self._batched = 0
        self._fed = 0

    def feed(self, pcm: Pcm) -> None:
        """Take 16 kHz samples."""
        pcm = pcm[: _MAX_TURN - self._fed]
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
            async with asyncio.timeout(_FINAL_TIMEOUT + ms_of(self._fed) / 1000):
                frame = await self.frame
        except TimeoutError as error:
            raise ProviderFailed(self._provider, "gave no final transcript in time") from error
        finally:
            self._call.cancel()
        header = frame.header
        return Transcript(to_digits(header["text"]), header["confidence"], final=True)

    def cancel(self) -> None:
        """Free the decoder."""
        self._on_partial = None
        self._call.cancel()

    def on_frame(self, frame: Frame) -> None:
        """Take an answer of the helper."""
        super().on_frame(frame)
        header = frame.header
        if self._on_partial is not None and not header.get("end"):
            self._on_partial(
                Transcript(to_digits(header["text"]), header["stability"], final=False)
            )

    def _send(self, op: str) -> None:
        pcm = np.concatenate(self._batch) if self._batch else np.zeros(0, np.int16)
        self._batch.clear()
        self._batched = 0
        self._call.send({"op": op}, pcm.astype("<i2", copy=False).tobytes())


def create(uri: str, context: ProviderContext) -> PocketsphinxTranscriber:
    """The entry point `pocketsphinx`."""
    return PocketsphinxTranscriber(uri, context)

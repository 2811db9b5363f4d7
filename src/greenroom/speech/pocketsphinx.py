"""The transcriber `pocketsphinx:`: CMU Sphinx in helper processes, leaning to likely sentences.

Its models come in its wheel; it needs no network and a tenth of a core per person who speaks.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from greenroom.errors import ProviderFailed
from greenroom.helpers.pool import HelperPool
from greenroom.helpers.start import HelperStart
from greenroom.helpers.wire import Frame
from greenroom.speech.helper_calls import HeardTurn
from greenroom.speech.pocketsphinx_files import directory_for
from greenroom.speech.ports import PartialListener, ProviderContext

logger = logging.getLogger(__name__)

_MAX_HELPERS = 4
_FINAL_TIMEOUT = 15.0
_BUILD_TIMEOUT = 300.0


class PocketsphinxTranscriber:
    """Recognises English. `context.vocabulary` is what it leans towards."""

    def __init__(self, uri: str, context: ProviderContext) -> None:
        self.uri = uri
        self._context = context
        self._size = min(_MAX_HELPERS, max(1, context.workers))
        self._helpers = HelperStart(self._make_pool)

    async def warm_up(self) -> None:
        """Build the language model if these sentences are new, and load the decoders.

        Building takes seconds, and is done once. Raises ProviderFailed.
        """
        await self._helpers.warm_up()

    def open(self, on_partial: PartialListener | None = None) -> HeardTurn:
        """See `Transcriber.open`. Raises ProviderFailed before `warm_up` has ended."""
        if self._helpers.pool is None:
            raise ProviderFailed(self.uri, "is not warm yet")
        return HeardTurn(self._helpers.pool, on_partial, final_timeout=_FINAL_TIMEOUT)

    async def close(self) -> None:
        """End the helpers."""
        await self._helpers.close()

    @property
    def pids(self) -> list[int]:
        """The helper processes."""
        return self._helpers.pids

    async def _make_pool(self) -> HelperPool:
        sentences = self._context.vocabulary
        model = await asyncio.to_thread(directory_for, self._context.data_dir, sentences)
        if not await asyncio.to_thread(model.is_dir):
            await self._build(model, sentences)
        command = (sys.executable, "-m", "greenroom.speech.pocketsphinx_helper", str(model))
        return HelperPool(self.uri, command, self._size)

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
        done = _Built()
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


class _Built:
    """Waits for the last frame of a call that builds."""

    def __init__(self) -> None:
        self.frame: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()

    def on_frame(self, frame: Frame) -> None:
        if frame.header.get("end") and not self.frame.done():
            self.frame.set_result(frame)

    def on_failure(self, error: ProviderFailed) -> None:
        if not self.frame.done():
            self.frame.set_exception(error)
            self.frame.exception()  # it may be that nobody waits: the start was cancelled


def create(uri: str, context: ProviderContext) -> PocketsphinxTranscriber:
    """The entry point `pocketsphinx`."""
    return PocketsphinxTranscriber(uri, context)

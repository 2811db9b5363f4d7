"""Voice activity of all microphones of the process, in one batched call per tick."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

import numpy as np
import numpy.typing as npt

from greenroom.audio.silero import CONTEXT, STATE, WINDOW, SileroModel
from greenroom.audio.voice_stream import FULL, ROW, OnProbability, VoiceStream
from greenroom.errors import CapacityExceeded

log = logging.getLogger(__name__)

TICK_MS = 14.0
"""Least time between the starts of two batches. More makes batches larger, hence cheaper, and
answers later: a window waits for at most this, and then for the batch (about 0.3 ms)."""

_Slots = npt.NDArray[np.intp]


class VoiceActivity:
    """One per process. Tells how likely it is that each 32 ms of each stream hold a voice.

    Everything but the model's run happens on the event loop, in plain calls. The run has a thread
    of its own, to which one batch at a time is handed: one window of every stream that has one,
    at most every `tick_ms`, and back to back while a stream has sound that came faster than real
    time. Without sound nothing wakes up.

    If the model fails, the windows of that batch are reported as silence (probability 0) and their
    streams start afresh: a turn ends as by silence, and no session is stuck. The failure is logged
    once until a batch succeeds again; `failing` says so meanwhile.
    """

    def __init__(self, *, tick_ms: float = TICK_MS, max_streams: int = 1024) -> None:
        """Load the model (about 50 ms) in the thread that will run it; raises what loading does."""
        self.failing = False
        """Whether the model failed at the last batch."""
        self._tick = tick_ms / 1000
        self._max_streams = max_streams
        self._sound = np.zeros((max_streams, ROW), np.int16)
        self._states = np.zeros((max_streams, STATE), np.float32)
        self._free = list(range(max_streams - 1, -1, -1))
        self._streams: set[VoiceStream] = set()
        self._ready: list[VoiceStream] = []
        self._batch: list[VoiceStream] = []
        self._behind = False
        self._last_start = 0.0
        self._timer: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[None] | None = None
        self._jobs: SimpleQueue[_Slots | None] = SimpleQueue()
        loaded: Future[SileroModel] = Future()
        self._thread = threading.Thread(
            target=self._work, args=(loaded,), name="voice-activity", daemon=True
        )
        self._thread.start()
        self._model = loaded.result()

    def open(self, on_probability: OnProbability) -> VoiceStream:
        """A microphone's place. Call it on the event loop that will feed it.

        `on_probability(probability, end_sample)` is called on that loop, in order, for each window
        of 512 samples; `end_sample` counts the stream's own samples. It must be quick.
        Raises CapacityExceeded.
        """
        if self._ended is not None:
            raise RuntimeError("voice activity is closed")
        if not self._free:
            raise CapacityExceeded("microphones at once", self._max_streams)
        self._loop = asyncio.get_running_loop()
        slot = self._free.pop()
        self._sound[slot, :CONTEXT] = 0
        self._states[slot] = 0
        row = self._sound[slot]
        stream = VoiceStream(slot, row, on_probability, self._window_ready, self._free_slot)
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        """Close all streams, end the thread. Harmless twice."""
        if self._ended is None:
            for stream in tuple(self._streams):
                stream.close()
            self._loop = asyncio.get_running_loop()
            self._ended = self._loop.create_future()
            if self._timer is not None:
                self._timer.cancel()
            self._jobs.put(None)
        await asyncio.shield(self._ended)
        self._thread.join()

    # -- on the event loop -------------------------------------------------------------------

    def _window_ready(self, stream: VoiceStream) -> None:
        self._ready.append(stream)
        if self._timer is None and not self._batch:
            self._arm()

    def _free_slot(self, stream: VoiceStream) -> None:
        self._streams.discard(stream)
        self._free.append(stream.slot)

    def _arm(self) -> None:
        """Begin a batch in the loop's next turn or, if the last was just now, a tick after that."""
        assert self._loop is not None  # noqa: S101 - there is a stream, so `open` has set it
        due = self._last_start + self._tick
        if self._behind or due <= self._loop.time():
            self._timer = self._loop.call_soon(self._begin)
        else:
            self._timer = self._loop.call_at(due, self._begin)

    def _begin(self) -> None:
        """Hand the windows of all that have one to the thread, and make room for the next."""
        assert self._loop is not None  # noqa: S101
        self._timer = None
        self._last_start = self._loop.time()
        self._behind = False
        batch = [stream for stream in self._ready if not stream.closed]
        self._ready = []
        if not batch:
            return
        self._batch = batch
        slots = np.array([stream.slot for stream in batch], np.intp)
        self._model.windows[: len(batch)] = self._sound[slots, :FULL]
        self._sound[slots, :FULL] = self._sound[slots, WINDOW:]
        for stream in batch:
            if stream.window_taken():
                self._ready.append(stream)
                self._behind = True
        self._jobs.put(slots)

    def _deliver(self, probabilities: list[float]) -> None:
        batch, self._batch = self._batch, []
        for stream, probability in zip(batch, probabilities, strict=True):
            try:
                stream.deliver(probability)
            except Exception as error:  # noqa: BLE001 - one session's bug isn't the others' silence
                self._report(error)
        if self._ready and self._timer is None:
            self._arm()

    def _report(self, error: Exception) -> None:
        assert self._loop is not None  # noqa: S101
        self._loop.call_exception_handler(
            {"message": "a listener of voice activity failed", "exception": error}
        )

    def _finish(self) -> None:
        assert self._ended is not None  # noqa: S101
        self._ended.set_result(None)

    # -- in the thread -----------------------------------------------------------------------

    def _work(self, loaded: Future[SileroModel]) -> None:
        try:
            model = SileroModel(self._max_streams)
        except BaseException as error:  # noqa: BLE001 - raised again in the constructor
            loaded.set_exception(error)
            return
        loaded.set_result(model)
        while (slots := self._jobs.get()) is not None:
            probabilities = self._infer(model, slots)
            if not self._call(self._deliver, probabilities):
                return
        self._call(self._finish)

    def _infer(self, model: SileroModel, slots: _Slots) -> list[float]:
        rows = len(slots)
        try:
            np.take(self._states, slots, axis=0, out=model.states[:rows], mode="clip")
            model.run(rows)
            self._states[slots] = model.next_states[:rows]
            probabilities: list[float] = model.probabilities[:rows, 0].tolist()
        except Exception:
            if not self.failing:
                log.exception("voice activity failed; its streams hear silence until it works")
            self.failing = True
            self._states[slots] = 0
            return [0.0] * rows
        self.failing = False
        return probabilities

    def _call(self, callback: Callable[..., None], *arguments: object) -> bool:
        """Call on the event loop; False where that has been closed without closing this."""
        assert self._loop is not None  # noqa: S101
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            return False
        return True

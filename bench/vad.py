"""What voice activity costs. In `bench`,

../.venv/bin/python vad.py --original silero_vad_16k_op15.onnx

prints one JSON line: CPU microseconds a window by batch size, for the shipped model and for the
original if its file is given; then, for streams that are fed frames of 20 ms in real time, CPU
seconds per session-minute with and without the feeding, and how long after a window's last sample
its probability came.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import harness as h
from greenroom.app.garbage import tune_garbage_collector
from greenroom.audio.silero import CONTEXT, STATE, WINDOW, SileroModel
from greenroom.audio.voice_activity import TICK_MS, VoiceActivity

BATCHES = (1, 8, 25, 50, 100)


def cost(run: Callable[[], object], rows: int) -> float:
    """Least CPU microseconds a row, of five rounds."""
    run()
    best = float("inf")
    for _ in range(5):
        began, deadline, runs = time.thread_time(), time.perf_counter() + 0.06, 0
        while time.perf_counter() < deadline:
            run()
            runs += 1
        best = min(best, (time.thread_time() - began) / runs)
    return round(best / rows * 1e6, 2)


def shipped() -> dict[int, float]:
    """Ours, by batch size. Each batch is of speech at different places."""
    model = SileroModel(max(BATCHES))
    model.windows[:] = speech_windows(max(BATCHES))
    return {rows: cost(lambda rows=rows: model.run(rows), rows) for rows in BATCHES}  # type: ignore[misc]


def original(path: Path) -> dict[int, float]:
    """The original graph, by batch size."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def one(rows: int) -> float:
        feed = {
            "input": speech_windows(rows).astype(np.float32) / 32_768,
            "state": np.zeros((2, rows, STATE // 2), np.float32),
            "sr": np.array(16_000, np.int64),
        }
        return cost(lambda: session.run(None, feed), rows)

    return {rows: one(rows) for rows in BATCHES}


def speech_windows(rows: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    pcm = np.frombuffer(b"".join(h.speech_frames()), np.int16)
    return np.stack([pcm[i * 320 :][: CONTEXT + WINDOW] for i in range(rows)])


class Microphone:
    """Feeds one stream in real time, and notes when each window was complete and answered."""

    def __init__(self, detector: VoiceActivity | None, k: int, n: int) -> None:
        self.latencies: list[float] = []
        self._complete: list[float] = []
        self._samples = 0
        self._stream = detector.open(self._hear) if detector else None
        self._user = h.TalkingUser.staggered(2.0, k, n)
        self._phase = (k * 7 % n) / n * h.FRAME_S

    def start(self, at: float, frames: int) -> None:
        self._at, self._frames, self._i = at + self._phase, frames, 0
        asyncio.get_running_loop().call_at(self._at, self._frame)

    def _frame(self) -> None:
        loop = asyncio.get_running_loop()
        pcm = np.frombuffer(self._user.frame(self._i), np.int16)
        if self._stream is not None:
            self._stream.feed(pcm)
        before, self._samples = self._samples, self._samples + len(pcm)
        if self._samples // WINDOW > before // WINDOW:
            self._complete.append(time.perf_counter())
        self._i += 1
        if self._i < self._frames:
            loop.call_at(self._at + self._i * h.FRAME_S, self._frame)

    def _hear(self, _probability: float, end: int) -> None:
        self.latencies.append(time.perf_counter() - self._complete[end // WINDOW - 1])


async def real_time(streams: int, seconds: float, tick_ms: float) -> dict[str, Any]:
    """CPU of streams in real time; the same feeding without a detector is taken off."""
    tune_garbage_collector()
    bare, _ = await feed_all(None, streams, seconds)
    detector = VoiceActivity(tick_ms=tick_ms)
    spent, latencies = await feed_all(detector, streams, seconds)
    await detector.close()
    minutes = streams * seconds / 60
    ordered = sorted(latencies)
    return {
        "streams": streams,
        "seconds": seconds,
        "tick_ms": tick_ms,
        "cpu_s_per_session_minute": round((spent - bare) / minutes, 4),
        "with_feeding": round(spent / minutes, 4),
        "latency_p50_ms": round(1000 * ordered[len(ordered) // 2], 2),
        "latency_p99_ms": round(1000 * ordered[int(0.99 * len(ordered))], 2),
        "latency_max_ms": round(1000 * ordered[-1], 2),
    }


async def feed_all(
    detector: VoiceActivity | None, streams: int, seconds: float
) -> tuple[float, list[float]]:
    microphones = [Microphone(detector, k, streams) for k in range(streams)]
    start = asyncio.get_running_loop().time() + 0.05
    for microphone in microphones:
        microphone.start(start, round(seconds / h.FRAME_S))
    began = h.cpu_seconds()
    await asyncio.sleep(seconds + 0.15)
    spent = h.cpu_seconds() - began
    return spent, [value for m in microphones for value in m.latencies]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--original", type=Path, help="silero_vad_16k_op15.onnx of the wheel")
    parser.add_argument("--n", type=int, default=25, help="streams in real time")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--tick-ms", type=float, default=TICK_MS)
    a = parser.parse_args()
    import uvloop

    result: dict[str, Any] = {"bench": "vad", **h.machine()}
    result["cpu_us_per_window"] = shipped()
    if a.original is not None:
        result["original_cpu_us_per_window"] = original(a.original)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result["real_time"] = runner.run(real_time(a.n, a.seconds, a.tick_ms))
    print(json.dumps(result))


if __name__ == "__main__":
    main()

"""What every system under test is driven and accounted with; imports none of them.

A scripted user speaks frames of 20 ms (16 kHz, mono, PCM16) at absolute deadlines; a paced sink
plays what the agent says in the same steps. Both note how late they were. Standard library only,
since it runs in each system's own environment.
"""

from __future__ import annotations

import asyncio
import gc
import math
import os
import platform
import random
import re
import resource
import statistics
import time
import wave
from array import array
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

SPEECH_WAV = Path(__file__).parent / "data" / "user_speech_16k.wav"
"""3 s of continuous speech, synthesised with espeak-ng, peak at -1 dBFS."""

IN_RATE = 16_000
OUT_RATE = 24_000
FRAME_S = 0.020
IN_SAMPLES = round(IN_RATE * FRAME_S)
OUT_SAMPLES = round(OUT_RATE * FRAME_S)
LATE_S = 0.040
"""A frame that is later than this has missed its deadline."""

REPLY_S = 2.0
REPLY = (
    "sure your order is on the way and it should arrive at your door early tomorrow morning "
    "before you leave."
)
"""One sentence of 20 words, synthesised as one utterance."""
REPLY_TOKENS = re.findall(r"\S+ ?", REPLY)
"""As a model streams it."""
TRANSCRIPT = "will my order arrive tomorrow morning or later"

_EPSILON = 1e-6


def reply_frames(seconds: float) -> list[bytes]:
    """A quiet 220 Hz tone at OUT_RATE, as PCM16 frames of 20 ms."""
    wave_ = (int(3000 * math.sin(2 * math.pi * 220 * i / OUT_RATE)) for i in range(OUT_SAMPLES))
    return [array("h", wave_).tobytes()] * round(seconds / FRAME_S)


def speech_frames() -> list[bytes]:
    """The user's 3 s of speech."""
    with wave.open(str(SPEECH_WAV)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (IN_RATE, 1, 2)
        pcm = file.readframes(file.getnframes())
    step = IN_SAMPLES * 2
    return [pcm[i : i + step] for i in range(0, len(pcm) - step + 1, step)]


def silence_frames(n: int) -> list[bytes]:
    """Noise at about -63 dBFS: digital silence would be unlike any microphone."""
    rng = random.Random(1)
    pool = [
        array("h", (rng.randint(-40, 40) for _ in range(IN_SAMPLES))).tobytes() for _ in range(16)
    ]
    return [pool[i % 16] for i in range(n)]


class User(Protocol):
    """Where a session's microphone frames come from."""

    def frame(self, i: int) -> bytes: ...

    def speaking(self, i: int) -> bool: ...


class TalkingUser:
    """Speech, then silence, again and again; `shift` frames into the cycle at the start."""

    def __init__(self, silence_s: float, shift: int = 0) -> None:
        speech = speech_frames()
        self._n_speech = len(speech)
        self._cycle = speech + silence_frames(round(silence_s / FRAME_S))
        self._shift = shift

    @staticmethod
    def staggered(silence_s: float, k: int, n: int) -> TalkingUser:
        """User `k` of `n`, spread evenly over the cycle, beginning in a silence."""
        cycle = len(speech_frames()) + round(silence_s / FRAME_S)
        return TalkingUser(silence_s, (k * cycle) // n + len(speech_frames()))

    def frame(self, i: int) -> bytes:
        return self._cycle[(i + self._shift) % len(self._cycle)]

    def speaking(self, i: int) -> bool:
        return (i + self._shift) % len(self._cycle) < self._n_speech


class PromptedUser:
    """Silent until told to `say` something; `start` is the frame of the last onset."""

    def __init__(self, utterance_s: float = 1.2) -> None:
        self._utterance = speech_frames()[: round(utterance_s / FRAME_S)]
        self._silence = silence_frames(16)
        self._say = False
        self.start = -len(self._utterance)

    def say(self) -> None:
        self._say = True

    def frame(self, i: int) -> bytes:
        if self._say:
            self._say, self.start = False, i
        return self._utterance[i - self.start] if self.speaking(i) else self._silence[i % 16]

    def speaking(self, i: int) -> bool:
        return 0 <= i - self.start < len(self._utterance)


class Lateness:
    """Seconds by which things came after they were due; early counts as 0."""

    def __init__(self) -> None:
        self.values = array("f")

    def add(self, late: float) -> None:
        self.values.append(late if late > 0 else 0.0)

    @staticmethod
    def summary(items: Iterable[Lateness]) -> dict[str, Any]:
        values = sorted(x for item in items for x in item.values)
        if not values:
            return {"n": 0}

        def quantile(q: float) -> float:
            return round(1000 * values[min(len(values) - 1, int(q * len(values)))], 3)

        missed = sum(x > LATE_S for x in values)
        return {
            "n": len(values),
            "p50_ms": quantile(0.5),
            "p99_ms": quantile(0.99),
            "p999_ms": quantile(0.999),
            "max_ms": round(1000 * values[-1], 3),
            "missed_gt_40ms": missed,
            "missed_pct": round(100 * missed / len(values), 4),
        }


class SessionLog:
    """What one session did. Times are seconds of `time.monotonic`, which is the loops' clock."""

    def __init__(self) -> None:
        self.events: dict[str, float] = {}
        self.turns: list[dict[str, float]] = []
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self.replies = 0
        self.clear()

    def clear(self) -> None:
        """Forget the warm-up."""
        self.input_late = Lateness()
        self.output_late = Lateness()
        self.frames_heard = 0
        self.audio_out_s = 0.0
        self.turns.clear()

    def mark(self, name: str, at: float | None = None) -> None:
        """The event has happened now, or at `at`."""
        self.events[name] = time.monotonic() if at is None else at
        future = self._waiting.pop(name, None)
        if future is not None and not future.done():
            future.set_result(None)

    def mark_once(self, name: str) -> None:
        """As `mark`, unless it has happened since `expect`."""
        if name not in self.events:
            self.mark(name)

    def first_audio(self) -> None:
        """The first audio of a reply is with the output."""
        self.replies += 1
        self.mark("first_audio")
        self.turns.append(dict(self.events))

    def expect(self, name: str) -> asyncio.Future[None]:
        """Forget earlier events of this name; the future is done when it happens next."""
        self.events.pop(name, None)
        self._waiting[name] = future = asyncio.get_running_loop().create_future()
        return future


class Feeder:
    """Gives one session its user's frames at absolute deadlines; catches up where it was late."""

    def __init__(
        self, user: User, deliver: Callable[[int, bytes, float], Awaitable[None]], phase: float
    ) -> None:
        self._user, self._deliver, self._phase = user, deliver, phase
        self._t0 = 0.0
        self._stopped = False
        self.late = Lateness()
        self.fed = 0

    async def run(self, start_at: float) -> None:
        loop = asyncio.get_running_loop()
        self._t0 = start_at + self._phase
        while not self._stopped:
            due = self.due(self.fed)
            delay = due - loop.time()
            if delay > 0:
                await asyncio.sleep(delay)
            self.late.add(loop.time() - due)
            i = self.fed
            self.fed += 1
            await self._deliver(i, self._user.frame(i), due)

    def due(self, i: int) -> float:
        """When frame `i` is to be delivered."""
        return self._t0 + i * FRAME_S

    def stop(self) -> None:
        self._stopped = True


class PacedSink:
    """Plays audio that comes faster than real time, in ticks of 20 ms, like a sound device.

    Lateness is that of a tick against the schedule begun by the first frame after an idle time.
    """

    def __init__(self, log: SessionLog) -> None:
        self._log = log
        self._timer: asyncio.TimerHandle | None = None
        self._t0 = 0.0
        self._ticks = 0
        self._low_water = 0.0
        self._on_low: Callable[[], object] | None = None
        self._paused = False
        self.pending = 0.0
        """Seconds not yet played."""
        self.played = 0.0
        """Seconds played since `begin`."""

    def begin(self) -> None:
        """A new reply: counting starts again."""
        self.stop()
        self.played = 0.0

    def push(self, seconds: float) -> None:
        self.pending += seconds
        self._log.audio_out_s += seconds
        if self._timer is None and not self._paused:
            self._go()

    def when_below(self, seconds: float, callback: Callable[[], object]) -> None:
        """Call back once, when at most this much is left to play."""
        if self.pending <= seconds + _EPSILON and self._timer is None:
            callback()
        else:
            self._low_water, self._on_low = seconds, callback

    def stop(self) -> None:
        """Drop what is left; a `when_below` callback is forgotten."""
        self._halt()
        self.pending = 0.0
        self._on_low = None

    def pause(self) -> None:
        self._paused = True
        self._halt()

    def resume(self) -> None:
        self._paused = False
        if self.pending > _EPSILON and self._timer is None:
            self._go()

    def _halt(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go(self) -> None:
        self._t0, self._ticks = time.monotonic(), 0
        self._tick()

    def _tick(self) -> None:
        self._timer = None
        if self._on_low is not None and self.pending <= self._low_water + _EPSILON:
            callback, self._on_low = self._on_low, None
            callback()
        if self.pending <= _EPSILON or self._timer is not None or self._paused:
            return
        now = time.monotonic()
        self._log.output_late.add(now - (self._t0 + self._ticks * FRAME_S))
        self._log.events["last_audio"] = now
        self.pending -= FRAME_S
        self.played += FRAME_S
        self._ticks += 1
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(self._t0 + self._ticks * FRAME_S, self._tick)


class GcWatch:
    """The pauses of the cyclic garbage collector between `start` and `stop`."""

    def __init__(self) -> None:
        self._began = 0.0
        self._pauses: list[tuple[int, float]] = []

    def start(self) -> None:
        gc.callbacks.append(self._note)

    def stop(self) -> dict[str, Any]:
        gc.callbacks.remove(self._note)
        pauses = [seconds for _, seconds in self._pauses]
        return {
            "total_s": round(sum(pauses), 3),
            "max_pause_ms": round(1000 * max(pauses, default=0), 1),
            "full": sum(generation == 2 for generation, _ in self._pauses),
            "collections": len(pauses),
        }

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self._pauses.append((info["generation"], time.perf_counter() - self._began))


def cpu_seconds() -> float:
    """User and system time of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def context_switches() -> int:
    """Of this process, voluntary or not."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_nvcsw + usage.ru_nivcsw


def resident_mib(pid: int | str = "self") -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 2)
    return 0.0


def machine() -> dict[str, Any]:
    """Where and when this ran."""
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "python": platform.python_version(),
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def stats_ms(seconds: Iterable[float]) -> dict[str, Any]:
    """Median and spread, in ms."""
    values = sorted(seconds)
    if not values:
        return {"n": 0}
    return {
        "n": len(values),
        "median_ms": round(1000 * statistics.median(values), 3),
        "p10_ms": round(1000 * values[int(0.1 * (len(values) - 1))], 3),
        "p90_ms": round(1000 * values[int(0.9 * (len(values) - 1))], 3),
        "max_ms": round(1000 * values[-1], 3),
    }

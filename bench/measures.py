"""The measurements, the same for every system under test, and their command line.

`load`     many talking sessions: CPU per session-minute, lateness, collector pauses
`turn`     one session: end of the user's turn to the first audio of the reply
`bargein`  one session: the user speaks 1 s into a long reply; until the output is silent

A system names these events in its session's log: `vad_start` and `vad_stop` (it noticed speech, it
decided that the user has finished), `transcript`, `first_audio` (through `log.first_audio()`),
`reply_end` (all was played), and, when the user barges in, `output_stopped` (once: silence, perhaps
only held) and `output_cleared` (the rest of the reply is dropped).
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import pstats
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import harness as h

SETTLE_S = 1.5
"""Silence before the first turn, so that noise estimates and models are warm."""
TURN_TIMEOUT_S = 15.0


class Session(Protocol):
    """One talk in the system under test; its feeder is run by the measurement."""

    log: h.SessionLog
    feeder: h.Feeder


class System(Protocol):
    """A framework with its zero-delay providers."""

    name: str
    version: str

    def create(self, user: h.User, *, phase: float, reply_s: float) -> Session:
        """A session that isn't running yet."""
        ...

    async def start(self, sessions: Sequence[Any]) -> None: ...

    async def stop(self, sessions: Sequence[Any]) -> None: ...


async def load(system: System, a: argparse.Namespace) -> dict[str, Any]:
    """N sessions, each 3 s of speech and `silence` seconds of silence, answered with 2 s."""
    sessions: list[Session] = [
        system.create(
            h.TalkingUser.staggered(a.silence, k, a.n),
            phase=(k % 20) / 20 * h.FRAME_S,
            reply_s=h.REPLY_S,
        )
        for k in range(a.n)
    ]
    await system.start(sessions)
    begin = time.monotonic() + 0.1
    feeds = [asyncio.create_task(s.feeder.run(begin)) for s in sessions]
    await asyncio.sleep(a.warmup)
    gc.collect()
    await asyncio.sleep(0.3)
    for s in sessions:
        s.feeder.late = h.Lateness()
        s.log.clear()
    fed = sum(s.feeder.fed for s in sessions)
    collector = h.GcWatch()
    collector.start()
    profile = cProfile.Profile() if a.profile else None
    cpu, wall, switches = h.cpu_seconds(), time.monotonic(), h.context_switches()
    if profile is not None:
        profile.enable()
    await asyncio.sleep(a.seconds)
    if profile is not None:
        profile.disable()
    cpu, wall = h.cpu_seconds() - cpu, time.monotonic() - wall
    switches = h.context_switches() - switches
    pauses = collector.stop()
    turns = [turn for s in sessions for turn in s.log.turns]
    result = {
        "n": a.n,
        "window_s": round(wall, 2),
        "cpu_s": round(cpu, 3),
        "cpu_s_per_session_minute": round(cpu / (a.n * wall / 60), 4),
        "cores_used": round(cpu / wall, 3),
        "context_switches_per_session_s": round(switches / (a.n * wall), 1),
        "frames_fed": sum(s.feeder.fed for s in sessions) - fed,
        "frames_expected": int(a.n * wall / h.FRAME_S),
        "frames_heard": sum(s.log.frames_heard for s in sessions),
        "replies": len(turns),
        "audio_out_s": round(sum(s.log.audio_out_s for s in sessions), 1),
        "feed_lateness": h.Lateness.summary(s.feeder.late for s in sessions),
        "input_lateness": h.Lateness.summary(s.log.input_late for s in sessions),
        "output_lateness": h.Lateness.summary(s.log.output_late for s in sessions),
        "vad_stop_to_first_audio": h.stats_ms(
            t["first_audio"] - t["vad_stop"] for t in turns if "vad_stop" in t
        ),
        "gc": pauses,
        "resident_mib": h.resident_mib(),
    }
    if profile is not None:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(45)
    await _end(system, sessions, feeds)
    return result


async def turn(system: System, a: argparse.Namespace) -> dict[str, Any]:
    """The delay of an answer, turn by turn."""
    user = h.PromptedUser()
    session = system.create(user, phase=0.0, reply_s=a.reply)
    feed = await _begin(system, session)
    log = session.log
    for _ in range(a.turns):
        over = log.expect("reply_end")
        user.say()
        async with asyncio.timeout(TURN_TIMEOUT_S):
            await over
        await asyncio.sleep(0.4)
    turns = list(log.turns)
    await _end(system, [session], [feed])
    return {
        "vad_stop_to_first_audio": h.stats_ms(t["first_audio"] - t["vad_stop"] for t in turns),
        "transcript_to_first_audio": h.stats_ms(t["first_audio"] - t["transcript"] for t in turns),
    }


async def bargein(system: System, a: argparse.Namespace) -> dict[str, Any]:
    """How long the agent goes on when the user speaks into its reply."""
    user = h.PromptedUser()
    session = system.create(user, phase=0.0, reply_s=8.0)
    feed = await _begin(system, session)
    log = session.log
    rows: list[tuple[float, dict[str, float]]] = []
    first = log.expect("first_audio")
    user.say()
    for _ in range(a.turns):
        async with asyncio.timeout(TURN_TIMEOUT_S):
            await first
        await asyncio.sleep(1.0)
        stopped, cut, first = (
            log.expect(name) for name in ("output_stopped", "output_cleared", "first_audio")
        )
        user.say()
        async with asyncio.timeout(TURN_TIMEOUT_S):
            await stopped
            await cut
        rows.append((session.feeder.due(user.start), dict(log.events)))
    await _end(system, [session], [feed])
    result = {
        "onset_to_output_stop": h.stats_ms(e["output_stopped"] - onset for onset, e in rows),
        "onset_to_reply_dropped": h.stats_ms(e["output_cleared"] - onset for onset, e in rows),
        "onset_to_vad_start": h.stats_ms(e["vad_start"] - onset for onset, e in rows),
        "vad_start_to_output_stop": h.stats_ms(
            e["output_stopped"] - e["vad_start"] for _, e in rows
        ),
    }
    if all("deciding_frame" in e for _, e in rows):
        result["deciding_frame_to_output_stop"] = h.stats_ms(
            e["output_stopped"] - e["deciding_frame"] for _, e in rows
        )
    return result


async def _begin(system: System, session: Session) -> asyncio.Task[None]:
    await system.start([session])
    feed = asyncio.create_task(session.feeder.run(time.monotonic() + 0.05))
    await asyncio.sleep(SETTLE_S)
    return feed


async def _end(
    system: System, sessions: Sequence[Session], feeds: Sequence[asyncio.Task[None]]
) -> None:
    for s in sessions:
        s.feeder.stop()
    await asyncio.gather(*feeds)
    await system.stop(sessions)


MEASURES = {"load": load, "turn": turn, "bargein": bargein}


def arguments(doc: str | None, vads: Sequence[str], *more: str) -> argparse.ArgumentParser:
    """The options that every system has."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("bench", choices=[*MEASURES, *more])
    p.add_argument("--vad", choices=vads, default=vads[0])
    p.add_argument("--n", type=int, default=25, help="load: sessions")
    p.add_argument("--seconds", type=float, default=24, help="load: measured time")
    p.add_argument("--warmup", type=float, default=6)
    p.add_argument("--silence", type=float, default=3.0, help="load: seconds between utterances")
    p.add_argument("--turns", type=int, default=20, help="turn, bargein: how many")
    p.add_argument("--reply", type=float, default=h.REPLY_S, help="turn: seconds of a reply")
    p.add_argument("--profile", action="store_true", help="load: cProfile, to standard error")
    p.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    return p


def run(a: argparse.Namespace, make: Callable[[], System]) -> None:
    """Measure, and print one line of JSON. `make` is called on the event loop."""

    async def main() -> tuple[System, dict[str, Any]]:
        system = make()
        return system, await MEASURES[a.bench](system, a)

    system, result = run_loop(main, a.loop)
    emit(system.name, system.version, a, result)


def run_loop(main: Callable[[], Any], loop: str) -> Any:
    """`asyncio.run` on the chosen event loop."""
    factory = None
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())


def emit(system: str, version: str, a: argparse.Namespace, result: dict[str, Any]) -> None:
    """One line of JSON."""
    row = {
        "system": system,
        "version": version,
        "bench": a.bench,
        "args": {k: v for k, v in vars(a).items() if k != "bench"},
        "machine": h.machine(),
        "result": result,
    }
    print(json.dumps(row), flush=True)

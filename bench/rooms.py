"""The embedded rooms, with LiveKit's own Python client on the other side. In `bench`, run

    ../.venv/bin/python rooms.py connect|tone|echo|flush|pair|memory|load|cycles|loss|all

`connect`  time from `connect()` to connected, and to the agent's first sound
`tone`     purity of a tone, client to client and agent to client
`echo`     a click to an agent that says what it hears, and back: the whole way, both directions
`flush`    from an agent's flush to silence at the client's ear
`pair`     CPU of the server for two clients that hear each other, beside a bare WebSocket relay
`memory`   of a room with an agent, and of a room with an agent and a client
`load`     20 rooms talking at once: gaps in what is heard, CPU, the event loop's worst delay
`cycles`   1,000 times connect and leave: what stays
`loss`     tone and echo over 2 % loss and 30 ms jitter, by `tc netem` in a namespace (root);
           where the kernel has no netem, by a relay in user space

One JSON line for each result.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from websockets.asyncio.client import connect

import harness as h
import room_client as c
from bad_network import BadNetwork
from room_client import Person, Process, Samples, started

CLICK = c.tone(0, 960, 1_000.0)
SILENCE = np.zeros(c.FRAME, np.int16)


def say(measure: str, **figures: Any) -> None:
    print(json.dumps({"measure": f"rooms.{measure}", **figures}), flush=True)


def ms(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {
        "n": len(ordered),
        "p50": round(statistics.median(ordered) * 1000, 1),
        "p95": round(p95 * 1000, 1),
        "max": round(ordered[-1] * 1000, 1),
    }


async def bench_connect(options: argparse.Namespace) -> None:
    joins, first = [], []
    async with started("room_server.py", "--agents", "1") as server:
        for n in range(options.connects):
            person = Person()
            began = time.monotonic()
            await person.join(server.url, "room-0", f"person-{n}")
            await person.listen()
            await asyncio.wait_for(person.hears.wait(), 20)
            joins.append(person.connected_s)
            first.append(person.heard_at[0] - began)
            await person.leave()
    say("connect", connected_ms=ms(joins), first_sound_ms=ms(first))


async def bench_tone(options: argparse.Namespace) -> None:
    async with started("room_server.py", "--agents", "1") as server:
        speaker, listener = Person(), Person()
        await speaker.join(server.url, "pair", "ada")
        await listener.join(server.url, "pair", "bob")
        await speaker.speak()
        await listener.listen()
        echoed = Person()
        await echoed.join(server.url, "room-0", "cyd")
        await echoed.speak()
        await echoed.listen()
        await asyncio.sleep(3)
        listener.take(), echoed.take()
        await asyncio.sleep(options.seconds)
        direct, echo = listener.take(), echoed.take()
        for person in (speaker, listener, echoed):
            await person.leave()
    say(
        "tone",
        client_to_client={"purity": c.purity(direct), "gaps": c.gaps(direct)},
        by_agent_and_back={"purity": c.purity(echo), "gaps": c.gaps(echo)},
        seconds=options.seconds,
    )


async def echo_delays(person: Person, clicks: int) -> list[float]:
    """Seconds from a click's capture to its return, found by its onset in what was heard."""
    source = await person.open_microphone()
    await person.listen()
    sent: list[float] = []
    began, frames = time.monotonic(), 0
    for _ in range(clicks):
        for k in range(60):  # 600 ms, of which the first 20 ms are the click
            if k == 0:
                sent.append(time.monotonic())
            sound = CLICK[k * c.FRAME : (k + 1) * c.FRAME] if k < 2 else SILENCE
            await c.capture(source, sound)
            frames += 1
            await asyncio.sleep(max(0.0, began + frames * 0.01 - time.monotonic()))
    await asyncio.sleep(0.4)
    onsets = _onsets(person.heard, person.heard_at)
    delays = [min((o - s for o in onsets if o > s), default=9.0) for s in sent[2:]]
    return [delay for delay in delays if delay < 0.6]


def _onsets(frames: list[Samples], times: list[float]) -> list[float]:
    """When clicks began; `times` are those at which the frames were handed over: their ends."""
    found, quiet = [], True
    for frame, at in zip(frames, times, strict=True):
        loud = np.flatnonzero(np.abs(frame.astype(int)) > 0.3 * c.LEVEL)
        if len(loud) and quiet:
            found.append(at - (len(frame) - int(loud[0])) / c.RATE)
        quiet = not len(loud)
    return found


async def bench_echo(options: argparse.Namespace) -> None:
    prompt = ("--agents", "1", "--most-queued-ms", "25")
    async with started("room_server.py", *prompt) as server:
        person = Person()
        await person.join(server.url, "room-0", "ada")
        delays = await echo_delays(person, options.clicks)
        await person.leave()
    say("echo", delay_ms=ms(delays), lost=options.clicks - 2 - len(delays))


async def bench_flush(options: argparse.Namespace) -> None:
    delays = []
    async with started("room_server.py") as server:
        person = Person()
        await person.join(server.url, "talk", "ada")
        await person.listen()
        await asyncio.wait_for(person.hears.wait(), 20)
        for _ in range(options.flushes):
            await server.figures("talk")
            await asyncio.sleep(0.5)
            flushed = (await server.figures("flush"))["flushed_at"]
            await asyncio.sleep(0.5)
            delays.append(_last_loud(person.heard, person.heard_at) - flushed)
            person.take()
        await person.leave()
    say("flush", to_silence_ms=ms(delays))


def _last_loud(frames: list[Samples], times: list[float]) -> float:
    """When the sound ended: the last sample that is not quiet, on the clock."""
    for frame, at in zip(reversed(frames), reversed(times), strict=True):
        loud = np.flatnonzero(np.abs(frame.astype(int)) > 0.05 * c.LEVEL)
        if len(loud):
            return at - (len(frame) - 1 - int(loud[-1])) / c.RATE
    raise RuntimeError("nothing was heard")


async def bench_pair(options: argparse.Namespace) -> None:
    """Two clients that both speak and hear each other; the server's CPU alone."""
    rooms = await _cpu_of(options, "room_server.py", _two_people)
    relay = await _cpu_of(options, "relay.py", _two_sockets)
    say(
        "pair",
        cpu_s_per_session_minute={"rooms": rooms, "websocket_relay": relay},
        ratio=round(rooms / relay, 2),
        note="a session is two clients; the relay sends raw samples, unencrypted, 768 kbit/s a way",
    )


Talk = Callable[[Process, asyncio.Event, asyncio.Event], Awaitable[None]]


async def _cpu_of(options: argparse.Namespace, script: str, talk: Talk) -> float:
    async with started(script) as server:
        ready, over = asyncio.Event(), asyncio.Event()
        talking = asyncio.create_task(talk(server, ready, over))
        await asyncio.wait_for(ready.wait(), 30)
        await asyncio.sleep(2)
        before, began = (await server.figures())["cpu_s"], time.monotonic()
        await asyncio.sleep(options.seconds)
        after, ended = (await server.figures())["cpu_s"], time.monotonic()
        over.set()
        await talking
    return round(float(after - before) / (ended - began) * 60, 3)


async def _two_people(server: Process, ready: asyncio.Event, over: asyncio.Event) -> None:
    people = [Person(), Person()]
    for n, person in enumerate(people):
        await person.join(server.url, "pair", f"person-{n}")
        await person.speak()
    for person in people:
        await person.listen()
    ready.set()
    await over.wait()
    for person in people:
        await person.leave()


async def _two_sockets(server: Process, ready: asyncio.Event, over: asyncio.Event) -> None:
    async def client() -> None:
        async with connect(f"{server.url}/pair", compression=None) as socket:

            async def read() -> None:
                async for _ in socket:
                    pass

            reading = asyncio.create_task(read())
            frame, began, n = bytes(1_920), time.monotonic(), 0
            ready.set()
            while not over.is_set():
                await socket.send(frame)
                n += 1
                await asyncio.sleep(max(0.0, began + n * 0.02 - time.monotonic()))
            reading.cancel()

    await asyncio.gather(client(), client())


async def bench_memory(options: argparse.Namespace) -> None:
    agents, people_count = 10 * options.rooms, options.rooms
    async with started("room_server.py") as server:
        base = (await server.figures("collect"))["rss_mib"]
    async with started("room_server.py", "--agents", str(agents)) as server:
        rooms = (await server.figures("collect"))["rss_mib"]
        people = [Person() for _ in range(people_count)]
        for n, person in enumerate(people):
            await person.join(server.url, f"room-{n}", "ada")
            await person.speak()
        await asyncio.sleep(2)
        talking = (await server.figures("collect"))["rss_mib"]
        for person in people:
            await person.leave()
    say(
        "memory",
        server_mib=round(base, 1),
        room_with_agent_kib=round((rooms - base) * 1024 / agents, 1),
        more_for_a_talking_client_kib=round((talking - rooms) * 1024 / people_count, 1),
    )


async def bench_load(options: argparse.Namespace) -> None:
    async with started("room_server.py", "--lag", "--agents", str(options.rooms)) as server:
        people = [Person() for _ in range(options.rooms)]
        for n, person in enumerate(people):
            await person.join(server.url, f"room-{n}", "ada")
            await person.speak(frame=10 * c.FRAME)
            await person.listen(frame_ms=100)
        await asyncio.sleep(3)
        for person in people:
            person.take()
        before, own = await server.figures(), h.cpu_seconds()
        began = time.monotonic()
        await asyncio.sleep(options.seconds)
        after, own_after = await server.figures(), h.cpu_seconds()
        lasted = time.monotonic() - began
        heard = [person.take() for person in people]
        for person in people:
            await person.leave()
    minutes = lasted * options.rooms / 60
    say(
        "load",
        rooms=options.rooms,
        seconds=round(lasted, 1),
        gaps=sum(map(c.gaps, heard)),
        worst_purity=min(map(c.purity, heard)),
        shortest_heard_s=round(min(map(len, heard)) / c.RATE, 2),
        server_cpu_s_per_session_minute=round((after["cpu_s"] - before["cpu_s"]) / minutes, 3),
        clients_cpu_s_per_session_minute=round((own_after - own) / minutes, 3),
        server_worst_loop_delay_ms=after["worst_lag_ms"],
        server_mib=round(after["rss_mib"], 1),
    )


async def bench_cycles(options: argparse.Namespace) -> None:
    """In batches; the first is left out, since allocators settle."""
    batch = max(1, options.cycles // 5)
    async with started("room_server.py", "--agents", "1") as server:
        points = []
        for n in range(options.cycles + batch):
            if n % batch == 0:
                points.append(await server.figures("collect"))
            person = Person()
            await person.join(server.url, "room-0" if n % 2 else f"own-{n}", "ada")
            await person.open_microphone()
            await person.leave()
        await asyncio.sleep(1)
        points.append(await server.figures("collect"))
    say(
        "cycles",
        cycles=options.cycles,
        rss_mib=[round(point["rss_mib"], 1) for point in points],
        objects=[point["objects"] for point in points],
        tasks=[point["tasks"] for point in points],
    )


NAMESPACE, HERE_IP, THERE_IP = "greenroom-bench", "10.213.77.1", "10.213.77.2"
RELAY_IP = "127.0.0.2"
LOSS, DELAY_S, JITTER_S = 0.02, 0.03, 0.03


async def bench_loss(options: argparse.Namespace) -> None:
    """By `tc netem` where the kernel has it and we may; else by a relay in user space."""
    try:
        _make_network()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"no netem here ({error}): a relay in user space", file=sys.stderr)
        await _loss_by_relay(options)
    else:
        await _loss_by_netem(options)
    finally:
        _remove_network()


async def _loss_by_relay(options: argparse.Namespace) -> None:
    port = free_udp_port()
    ways = ("--udp-port", str(port), "--announce", RELAY_IP)
    async with started("room_server.py", "--agents", "1", *ways) as server:
        network = BadNetwork(("127.0.0.1", port), loss=LOSS, delay=DELAY_S, jitter=JITTER_S)
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: network, local_addr=(RELAY_IP, port)
        )
        options.url, options.network = server.url, "relay in user space"
        await bench_over_loss(options)
        network.close()


def free_udp_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def _loss_by_netem(options: argparse.Namespace) -> None:
    """The server here, this program again in a namespace whose only way is a bad network."""
    async with started("room_server.py", "--agents", "1", "--host", HERE_IP) as server:
        command = [
            "ip", "netns", "exec", NAMESPACE, sys.executable, __file__,
            "over-loss", "--url", server.url,
            "--seconds", str(options.seconds), "--clicks", str(options.clicks),
        ]  # fmt: skip
        process = await asyncio.create_subprocess_exec(*command)
        await process.wait()


def _make_network() -> None:
    _remove_network()
    _run("ip", "netns", "add", NAMESPACE)
    _run("ip", "link", "add", "gr-bench0", "type", "veth", "peer", "name", "gr-bench1")
    _run("ip", "link", "set", "gr-bench1", "netns", NAMESPACE)
    _run("ip", "addr", "add", f"{HERE_IP}/24", "dev", "gr-bench0")
    _run("ip", "link", "set", "gr-bench0", "up")
    inside = ("ip", "netns", "exec", NAMESPACE)
    _run(*inside, "ip", "addr", "add", f"{THERE_IP}/24", "dev", "gr-bench1")
    _run(*inside, "ip", "link", "set", "gr-bench1", "up")
    _run(*inside, "ip", "link", "set", "lo", "up")
    bad = (
        "netem",
        "loss",
        f"{LOSS:.0%}",
        "delay",
        f"{DELAY_S * 1000:g}ms",
        f"{JITTER_S * 1000:g}ms",
    )
    _run("tc", "qdisc", "add", "dev", "gr-bench0", "root", *bad)
    _run(*inside, "tc", "qdisc", "add", "dev", "gr-bench1", "root", *bad)


def _remove_network() -> None:
    subprocess.run(["ip", "netns", "del", NAMESPACE], check=False, capture_output=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


async def bench_over_loss(options: argparse.Namespace) -> None:
    speaker, listener = Person(), Person()
    await speaker.join(options.url, "pair", "ada")
    await listener.join(options.url, "pair", "bob")
    await speaker.speak()
    await listener.listen()
    await asyncio.sleep(3)
    listener.take()
    await asyncio.sleep(options.seconds)
    direct = listener.take()
    await speaker.leave()
    await listener.leave()
    person = Person()
    await person.join(options.url, "room-0", "cyd")
    delays = await echo_delays(person, options.clicks)
    await person.leave()
    say(
        "loss",
        network=f"{LOSS:.0%} loss, {DELAY_S * 1000:g} ms delay, jitter as much, each way",
        by=options.network,
        client_to_client={"purity": c.purity(direct), "gaps": c.gaps(direct)},
        connected_ms=round(speaker.connected_s * 1000),
        echo_ms=ms(delays),
        echoes_lost=options.clicks - 2 - len(delays),
    )


ALL = ("connect", "tone", "echo", "flush", "pair", "memory", "load", "cycles")


async def main(options: argparse.Namespace) -> None:
    measures = ALL if options.measure == "all" else (options.measure,)
    for measure in measures:
        await globals()[f"bench_{measure.replace('-', '_')}"](options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", choices=[*ALL, "loss", "over-loss", "all"])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rooms", type=int, default=20)
    parser.add_argument("--clicks", type=int, default=50)
    parser.add_argument("--flushes", type=int, default=30)
    parser.add_argument("--connects", type=int, default=30)
    parser.add_argument("--cycles", type=int, default=1_000)
    parser.add_argument("--url", default="")
    parser.add_argument("--network", default="netem")
    asyncio.run(main(parser.parse_args()))

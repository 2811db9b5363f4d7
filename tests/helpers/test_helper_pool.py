"""The pool with a real process that does as it is told."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from greenroom.errors import ProviderFailed
from greenroom.helpers.pool import HelperPool
from greenroom.helpers.wire import Frame

PROGRAM = str(Path(__file__).parent / "child_program.py")


class Heard:
    """Keeps what a call is told."""

    def __init__(self) -> None:
        self._got: asyncio.Queue[Frame | ProviderFailed] = asyncio.Queue()

    def on_frame(self, frame: Frame) -> None:
        self._got.put_nowait(frame)

    def on_failure(self, error: ProviderFailed) -> None:
        self._got.put_nowait(error)

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            got = await self._got.get()
        if isinstance(got, ProviderFailed):
            raise got
        return got.header

    @property
    def is_empty(self) -> bool:
        return self._got.empty()


@asynccontextmanager
async def running(size: int = 1, *command: str, **more: Any) -> AsyncIterator[HelperPool]:
    pool = HelperPool("obedient", command or (sys.executable, PROGRAM), size, **more)
    try:
        async with asyncio.timeout(10):
            await pool.start()
        yield pool
    finally:
        async with asyncio.timeout(10):
            await pool.close()


async def ask(pool: HelperPool, op: str, **more: Any) -> dict[str, Any]:
    heard = Heard()
    pool.call(heard).send({"op": op, **more})
    return await heard.next()


async def becomes(condition: Callable[[], object]) -> None:
    """Wait for another process; there is no event of ours for what it does."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    return state != "Z"


async def test_many_calls_share_a_helper_and_each_gets_its_own_answer() -> None:
    async with running() as pool:
        answers = await asyncio.gather(*(ask(pool, "echo", text=f"{n}") for n in range(100)))
        assert [answer["text"] for answer in answers] == [f"{n}" for n in range(100)]
        assert pool.load() == 0
        assert pool.greeting["hello"] == "obedient"


async def test_calls_go_to_the_least_loaded_helper() -> None:
    async with running(2) as pool:
        await becomes(lambda: len(pool.pids) == 2)
        begun = [Heard() for _ in range(4)]
        for heard in begun:
            pool.call(heard).send({"op": "begin"})
        pids = [(await heard.next())["begun"] for heard in begun]
        assert sorted(pids.count(pid) for pid in set(pids)) == [2, 2]


async def test_calls_beyond_the_limit_wait_until_one_ends_or_is_cancelled() -> None:
    async with running(1, calls_per_helper=1) as pool:
        first, second, third = Heard(), Heard(), Heard()
        holder = pool.call(first)
        holder.send({"op": "begin"})
        await first.next()
        waiting = pool.call(second)
        waiting.send({"op": "echo", "text": "second"})
        last = pool.call(third)
        last.send({"op": "echo", "text": "third"})
        waiting.cancel()
        waiting.cancel()
        assert second.is_empty
        holder.cancel()
        assert (await third.next())["text"] == "third"
        assert second.is_empty
        last.send({"op": "echo"})  # over: ignored
        assert pool.load() == 0


async def test_a_helper_that_dies_before_it_answered_costs_only_time() -> None:
    async with running() as pool:
        (pid,) = pool.pids
        heard = Heard()
        call = pool.call(heard)
        os.kill(pid, signal.SIGKILL)
        call.send({"op": "echo", "text": "still here"})
        assert (await heard.next())["text"] == "still here"
        assert pool.pids != [pid]


async def test_a_call_that_kills_helpers_is_given_up_after_the_second() -> None:
    async with running() as pool:
        heard = Heard()
        pool.call(heard).send({"op": "die"})
        with pytest.raises(ProviderFailed, match=r"status 3 \(a last word\)"):
            await heard.next()
        assert (await ask(pool, "echo", text="new"))["text"] == "new"


async def test_a_call_that_had_an_answer_fails_with_its_helper() -> None:
    async with running() as pool:
        heard = Heard()
        pool.call(heard).send({"op": "begin"})
        pid = (await heard.next())["begun"]
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ProviderFailed, match="obedient: ended with status -9"):
            await heard.next()
        assert (await ask(pool, "begin"))["begun"] != pid


async def test_a_call_that_may_be_repeated_goes_on_with_all_that_was_sent() -> None:
    async with running() as pool:
        heard = Heard()
        call = pool.call(heard, repeatable=True)
        call.send({"op": "begin"})
        pid = (await heard.next())["begun"]
        os.kill(pid, signal.SIGKILL)
        assert (await heard.next())["begun"] != pid
        call.send({"op": "echo", "text": "done"})
        assert (await heard.next())["text"] == "done"


@pytest.mark.parametrize("op", ["garbage", "stray"])
async def test_a_helper_that_sends_what_is_no_answer_is_replaced(
    op: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running() as pool:
        heard = Heard()
        call = pool.call(heard)
        call.send({"op": "begin"})
        pid = (await heard.next())["begun"]
        call.send({"op": op})
        with pytest.raises(ProviderFailed, match="sent garbage"):
            await heard.next()
        assert (await ask(pool, "begin"))["begun"] != pid
        assert not is_alive(pid)
    assert "sent garbage" in caplog.text


async def test_what_a_library_prints_goes_to_the_log_and_not_between_the_frames(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "greenroom.helpers.pool")
    async with running() as pool:
        assert (await ask(pool, "print"))["end"]
        await becomes(lambda: "printed by a library" in caplog.text)


async def test_a_helper_that_hangs_is_killed_and_its_calls_fail() -> None:
    async with running(heartbeat=0.2) as pool:
        heard = Heard()
        call = pool.call(heard)
        call.send({"op": "begin"})
        pid = (await heard.next())["begun"]
        call.send({"op": "hang"})
        with pytest.raises(ProviderFailed, match="does not answer"):
            await heard.next()
        assert not is_alive(pid)


async def test_a_quiet_helper_that_answers_the_heartbeat_lives_on() -> None:
    async with running(heartbeat=0.05) as pool:
        heard = Heard()
        call = pool.call(heard)
        call.send({"op": "begin"})
        pid = (await heard.next())["begun"]
        await asyncio.wait([asyncio.create_task(asyncio.sleep(0.5))])  # ten heartbeats
        assert pool.pids == [pid]
        call.cancel()


async def test_a_helper_that_does_not_read_is_killed_before_memory_runs_out() -> None:
    async with running() as pool:
        heard = Heard()
        call = pool.call(heard)
        call.send({"op": "begin"})
        await heard.next()
        call.send({"op": "hang"})
        for _ in range(20):
            call.send({"op": "echo"}, bytes(1_000_000))
        with pytest.raises(ProviderFailed, match="does not read"):
            await heard.next()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ((sys.executable, "-c", "raise SystemExit('no engine here')"), "no engine here"),
        (("/nowhere/at/all",), "can't be started"),
    ],
)
async def test_a_program_that_never_starts_is_reported_and_calls_fail_at_once(
    command: tuple[str, ...], why: str
) -> None:
    pool = HelperPool("broken", command)
    try:
        async with asyncio.timeout(10):
            with pytest.raises(ProviderFailed, match=why):
                await pool.start()
        with pytest.raises(ProviderFailed, match=why):
            await ask(pool, "echo")
    finally:
        await pool.close()


async def test_a_program_that_does_not_greet_is_given_up() -> None:
    pool = HelperPool(
        "silent", (sys.executable, "-c", "import time; time.sleep(60)"), start_timeout=0.2
    )
    try:
        async with asyncio.timeout(10):
            with pytest.raises(ProviderFailed, match="does not answer"):
                await pool.start()
    finally:
        await pool.close()


async def test_closing_ends_helpers_and_calls_even_where_a_helper_hangs() -> None:
    async with running(2) as pool:
        await becomes(lambda: len(pool.pids) == 2)
        pids = pool.pids
        heard = Heard()
        call = pool.call(heard)
        call.send({"op": "begin"})
        await heard.next()
        call.send({"op": "hang"})
        async with asyncio.timeout(5):
            await pool.close()
        with pytest.raises(ProviderFailed, match="closed"):
            await heard.next()
        assert not any(is_alive(pid) for pid in pids)
        with pytest.raises(ProviderFailed):
            await ask(pool, "echo")
        with pytest.raises(ProviderFailed, match="closed"):
            await pool.start()


async def test_signals_for_the_whole_service_leave_helpers_to_the_server() -> None:
    async with running() as pool:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        assert (await ask(pool, "begin"))["begun"] == pid
        assert os.getpgid(pid) != os.getpgid(0)


SERVER = f"""
import asyncio, sys
from greenroom.helpers.pool import HelperPool
class Nobody:
    def on_frame(self, frame): print(frame.header.get("begun"), flush=True)
    def on_failure(self, error): pass
async def main():
    pool = HelperPool("x", (sys.executable, {PROGRAM!r}), 2)
    await pool.start()
    while len(pool.pids) < 2:
        await asyncio.sleep(0.01)
    for op in ("begin", "begin"):
        pool.call(Nobody()).send({{"op": op}})
    pool.call(Nobody()).send({{"op": "hang"}})
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_no_helper_outlives_a_server_that_is_killed_not_even_one_that_hangs() -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        async with asyncio.timeout(10):
            pids = [int(await server.stdout.readline()) for _ in range(2)]
        assert all(is_alive(pid) for pid in pids)
    finally:
        server.kill()
        await server.wait()
    await becomes(lambda: not any(is_alive(pid) for pid in pids))

from __future__ import annotations

import asyncio
import sys

import pytest

from greenroom.errors import ProviderFailed
from greenroom.helpers.pool import HelperPool
from greenroom.helpers.start import HelperStart

SPEAKS = (sys.executable, "-m", "greenroom.speech.espeak_helper")
ENDS_AT_ONCE = (sys.executable, "-c", "pass")


class Maker:
    def __init__(self, *commands: tuple[str, ...]) -> None:
        self.commands = list(commands)
        self.made = 0

    async def __call__(self) -> HelperPool:
        self.made += 1
        return HelperPool("test:", self.commands.pop(0))


async def test_helpers_are_started_once_however_many_ask() -> None:
    make = Maker(SPEAKS)
    start = HelperStart(make)
    assert start.pids == []
    try:
        async with asyncio.timeout(20):
            await asyncio.gather(*(start.warm_up() for _ in range(5)))
            await start.warm_up()
        assert make.made == 1
        assert len(start.pids) == 1
    finally:
        await start.close()


async def test_a_start_that_failed_is_tried_again_when_it_is_asked_for() -> None:
    make = Maker(ENDS_AT_ONCE, SPEAKS)
    start = HelperStart(make)
    try:
        async with asyncio.timeout(20):
            with pytest.raises(ProviderFailed):
                await start.warm_up()
            assert start.pool is None
            await start.warm_up()
        assert make.made == 2
        assert start.pool is not None
    finally:
        await start.close()


async def test_a_caller_that_gives_up_leaves_the_start_to_the_others() -> None:
    start = HelperStart(Maker(SPEAKS))
    hasty, patient = (asyncio.create_task(start.warm_up()) for _ in range(2))
    try:
        await asyncio.sleep(0)
        hasty.cancel()
        async with asyncio.timeout(20):
            await patient
        assert start.pool is not None
    finally:
        await start.close()

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from redis.asyncio import Redis

from greenroom.settings import Settings
from greenroom.workers.celery.app import RUN_AGENT, make_celery_app
from greenroom.workers.celery.sender import AgentTasks
from greenroom.workers.ports import PlacementFailed


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where connections are accepted, and nothing is ever said."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


async def test_a_task_is_json_in_the_queue_and_expires(tasks: AgentTasks, redis: Redis) -> None:
    await tasks.send("session_1_ab", 2)
    (message,) = [json.loads(each) for each in await redis.lrange("greenroom", 0, -1)]
    assert message["content-type"] == "application/json"
    headers = message["headers"]
    assert (headers["task"], headers["id"]) == (RUN_AGENT, "session_1_ab-2")
    assert headers["expires"] is not None
    assert headers["ignore_result"] is True
    arguments, keywords, _ = json.loads(base64.b64decode(message["body"]))
    assert (arguments, keywords) == (["session_1_ab", 2], {})


async def test_a_broker_that_answers_is_well(tasks: AgentTasks) -> None:
    await tasks.check()


async def test_a_broker_that_is_away_is_told_at_once(
    settings_of: Callable[[str], Settings],
) -> None:
    settings = settings_of("redis://:secret@127.0.0.1:1/0")
    tasks = AgentTasks(make_celery_app(settings), settings)
    for call in (tasks.send("session_1_ab", 1), tasks.revoke("session_1_ab"), tasks.check()):
        with pytest.raises(PlacementFailed) as failed:
            await call
        assert str(failed.value) == "the Celery broker does not answer"
    await tasks.close()


async def test_a_broker_that_says_nothing_is_given_up_in_time(
    settings_of: Callable[[str], Settings], silent: int
) -> None:
    settings = settings_of(f"redis://127.0.0.1:{silent}/0")
    tasks = AgentTasks(make_celery_app(settings), settings, deadline=0.1)
    with pytest.raises(PlacementFailed):
        await tasks.send("session_1_ab", 1)
    began = time.monotonic()
    await tasks.close()
    assert time.monotonic() - began < 30, "the thread does not wait for ever"

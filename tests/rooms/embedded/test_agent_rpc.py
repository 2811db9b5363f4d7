"""Remote calls are answered, time out and fail as LiveKit's clients expect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from livekit.protocol.models import DataPacket, RpcAck, RpcError, RpcRequest, RpcResponse

from greenroom.rooms.embedded.rpc import Rpc
from greenroom.rooms.errors import RpcFailed
from greenroom.testing import ManualClock


class Caller:
    """One end, whose packets are kept."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sent: list[DataPacket] = []
        self.people = {"ann", "bob"}
        self.rpc = Rpc(self.sent.append, self.people.__contains__, self.clock, max_running=2)

    def ask(self, number: str = "1", who: str = "ann", **changes: Any) -> None:
        request = RpcRequest(
            id=number, method="m", payload="hi", response_timeout_ms=5_000, version=1
        )
        request.MergeFrom(RpcRequest(**changes))
        self.rpc.on_request(who, request)

    @property
    def answers(self) -> list[tuple[str, str | int]]:
        return [
            (r.request_id, r.error.code if r.HasField("error") else r.payload)
            for r in (p.rpc_response for p in self.sent if p.HasField("rpc_response"))
        ]

    async def call(self, timeout: float = 10.0) -> tuple[asyncio.Task[str], RpcRequest]:
        task = asyncio.create_task(self.rpc.call("ann", "m", "hi", timeout))
        await settle()
        return task, self.sent[-1].rpc_request


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def end() -> AsyncIterator[Caller]:
    caller = Caller()
    yield caller
    await caller.rpc.close()
    assert (caller.clock.pending, caller.rpc.running) == (0, 0)


async def code_of(task: asyncio.Task[str]) -> int:
    async with asyncio.timeout(5):
        with pytest.raises(RpcFailed) as caught:
            await task
    return caught.value.code


async def test_a_call_is_acknowledged_at_once_and_answered_by_its_handler(end: Caller) -> None:
    go = asyncio.Event()

    async def handler(caller: str, payload: str) -> str:
        await go.wait()
        return f"{caller} said {payload}"

    end.rpc.handle("m", handler)
    end.ask()
    end.ask()  # sent twice, run once
    await settle()
    assert [p.rpc_ack.request_id for p in end.sent] == ["1"]
    assert list(end.sent[0].destination_identities) == ["ann"]
    go.set()
    await settle()
    assert end.answers == [("1", "ann said hi")]
    assert list(end.sent[1].destination_identities) == ["ann"]


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (RpcFailed(77, "x" * 1_000, "é" * 10_000), 77),
        (KeyError("oh"), 1500),
        ("é" * 8_000, 1504),
    ],
)
async def test_a_handler_that_fails_is_answered_with_an_error(
    end: Caller, result: str | Exception, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(_caller: str, _payload: str) -> str:
        if isinstance(result, Exception):
            raise result
        return result

    end.rpc.handle("m", handler)
    end.ask()
    await settle()
    assert end.answers == [("1", code)]
    error = end.sent[-1].rpc_response.error
    assert len(error.message) <= 256
    assert len(error.data.encode()) <= 15_360
    assert ("'m' failed" in caplog.text) is (code == 1500)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({}, 1400), ({"version": 2}, 1404), ({"payload": "x" * 15_361}, 1402)],
)
async def test_what_can_not_be_answered_is_refused(
    end: Caller, changes: dict[str, Any], code: int
) -> None:
    end.ask(**changes)
    assert end.answers == [("1", code)]


async def test_a_handler_that_takes_longer_than_its_caller_waits_is_ended(end: Caller) -> None:
    async def handler(_caller: str, _payload: str) -> str:
        await asyncio.Event().wait()
        return ""

    end.rpc.handle("m", handler)
    end.ask()
    await settle()
    end.clock.advance(4.9)
    await settle()
    assert end.answers == []
    end.clock.advance(0.1)
    await settle()
    assert end.answers == [("1", 1502)]


async def test_handlers_are_bounded_for_a_caller_and_in_all_and_end_with_their_caller(
    end: Caller,
) -> None:
    ended: list[str] = []

    async def handler(caller: str, _payload: str) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(caller)
        return ""

    end.rpc.handle("m", handler)
    for number in "123":
        end.ask(number)
    end.ask("1", "bob")
    await settle()
    assert end.answers == [("3", 1500)]
    assert end.rpc.running == 3
    end.rpc.left("ann")
    await settle()
    assert (ended, end.rpc.running) == (["ann", "ann"], 1)
    for other in range(9):
        end.ask(str(other), f"other {other}")
    assert end.rpc.running == 8
    await end.rpc.close()
    assert end.rpc.running == 0
    count = len(end.sent)
    end.ask("9")
    assert len(end.sent) == count


async def test_a_call_gets_its_answer(end: Caller) -> None:
    task, request = await end.call()
    assert (request.method, request.payload, request.version) == ("m", "hi", 1)
    assert request.response_timeout_ms == 10_000
    assert list(end.sent[-1].destination_identities) == ["ann"]
    end.rpc.on_ack("ann", RpcAck(request_id=request.id))
    end.clock.advance(9)
    answer = RpcResponse(request_id=request.id, payload="ho")
    end.rpc.on_response("bob", RpcResponse(request_id=request.id, payload="of another"))
    end.rpc.on_response("ann", answer)
    end.rpc.on_response("ann", answer)
    assert await task == "ho"
    end.rpc.on_response("ann", answer)
    end.rpc.on_ack("ann", RpcAck(request_id=request.id))


async def test_a_call_gets_the_other_s_error(end: Caller) -> None:
    task, request = await end.call()
    error = RpcError(code=5, message="no", data="d")
    end.rpc.on_response("ann", RpcResponse(request_id=request.id, error=error))
    with pytest.raises(RpcFailed) as caught:
        await task
    assert (caught.value.code, caught.value.message, caught.value.data) == (5, "no", "d")


async def test_a_call_that_is_not_acknowledged_fails(end: Caller) -> None:
    task, request = await end.call()
    end.rpc.on_ack("bob", RpcAck(request_id=request.id))
    end.clock.advance(7)
    assert await code_of(task) == 1501


async def test_a_call_that_is_not_answered_fails(end: Caller) -> None:
    task, request = await end.call(20)
    end.rpc.on_ack("ann", RpcAck(request_id=request.id))
    end.clock.advance(20)
    assert await code_of(task) == 1502


async def test_a_call_to_somebody_who_goes_fails(end: Caller) -> None:
    task, _ = await end.call()
    end.rpc.left("bob")
    end.rpc.left("ann")
    end.clock.advance(30)  # failed once already
    assert await code_of(task) == 1503


async def test_a_call_that_is_given_up_leaves_nothing(end: Caller) -> None:
    task, _ = await end.call()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_can_not_be_called_is_not_sent(end: Caller) -> None:
    for who, payload, code in (("eve", "", 1401), ("ann", "x" * 15_361, 1402)):
        assert await code_of(asyncio.create_task(end.rpc.call(who, "m", payload, 1))) == code
    assert end.sent == []


async def test_closing_ends_calls_and_refuses_more(end: Caller) -> None:
    task, _ = await end.call()
    await end.rpc.close()
    assert await code_of(task) == 1503
    assert await code_of(asyncio.create_task(end.rpc.call("ann", "m", "", 1))) == 1503

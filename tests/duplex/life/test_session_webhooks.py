"""Customers' servers are told of the end of a session: real requests, real journal, manual time."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest

from greenroom.duplex import webhook
from greenroom.duplex.archive import TalkArchive
from greenroom.duplex.ports import TrackedSession
from greenroom.duplex.targets import IpAddress
from greenroom.duplex.webhook import MAX_TRIES, SIGNATURE, Webhooks, signing_key
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import EndReason, LifecycleEntry, Status
from greenroom.sessions.service import SessionService
from support.http_server import Reply, Request, http_server
from support.talks import TENANT, Talks, TestTime, running

KEY = "a secret"


class Receiver:
    """A customer's server. `answers` come first, then always 204."""

    def __init__(self, *answers: int) -> None:
        self.requests: list[Request] = []
        self.answers = list(answers)
        self.port = 0
        self.held: asyncio.Event | None = None
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://hooks.example.com:{self.port}/hook"

    async def __call__(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        self._changed.set()
        if self.held is not None:
            await self.held.wait()
        status = self.answers.pop(0) if self.answers else 204
        location = {"location": "http://127.0.0.1/"} if status == 307 else {}
        if status == 0:
            await reply.cut()
        else:
            await reply.whole(status, location, b"")

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.requests) < count:
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with http_server(receiver) as server:
        receiver.port = server.port
        yield receiver


async def this_machine(host: str, port: int) -> Sequence[IpAddress]:
    assert (host, port > 0) == ("hooks.example.com", True)
    return [ip_address("127.0.0.1")]


def render(tracked: TrackedSession) -> bytes:
    said = [said.text for said in tracked.transcript]
    return json.dumps({"session_id": tracked.session.id, "said": said}).encode()


Tell = Callable[..., Webhooks]


def told_by(sessions: SessionService, time: TestTime, *, allow_private: bool = True) -> Webhooks:
    return Webhooks(
        sessions,
        TalkArchive(sessions),
        render,
        KEY,
        clock=time,
        now=time.now,
        allow_private=allow_private,
        resolve=this_machine,
        dice=lambda: 1.0,
    )


@asynccontextmanager
async def telling(
    sessions: SessionService, time: TestTime, *, allow_private: bool = True
) -> AsyncIterator[Talks]:
    hooks = told_by(sessions, time, allow_private=allow_private)
    async with running(Talks(sessions, time, webhooks=hooks)) as talks:
        try:
            yield talks
        finally:
            await hooks.close(0)
            await hooks.close(0)


async def journal(sessions: SessionService, session_id: str) -> list[str]:
    records = await sessions.records(session_id, kinds=("lifecycle",))
    entries = [record.entry for record in records if isinstance(record.entry, LifecycleEntry)]
    return [
        f"{entry.event}: {entry.detail}" for entry in entries if entry.event.startswith("webhook")
    ]


async def outcome(sessions: SessionService, session_id: str) -> str:
    """What the journal says in the end."""
    async with asyncio.timeout(5):
        while True:
            for line in await journal(sessions, session_id):
                if line.startswith(webhook.DONE):
                    return line.removeprefix(f"{webhook.DONE}: ")


async def next_try(
    sessions: SessionService, time: TestTime, receiver: Receiver, count: int, seconds: float
) -> None:
    """Let time pass once somebody waits for it, and await the try that is due then."""
    await time.wait_for_call()
    await sessions.journal.flush()
    time.advance(seconds - 0.5)
    assert len(receiver.requests) == count - 1
    time.advance(0.5)
    await receiver.wait(count)


async def test_the_end_of_a_session_is_told_signed(
    sessions: SessionService, time: TestTime, receiver: Receiver
) -> None:
    async with telling(sessions, time) as talks:
        talk = await talks.talk(webhook_url=receiver.url)
        talk.model.say("Hello.")
        talk.pass_time(1)
        talk.connection.leave(finished=True)
        await receiver.wait(1)
        assert await outcome(sessions, talk.id) == "told at try 1"
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.headers["host"] == f"hooks.example.com:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.json() == {"session_id": talk.id, "said": ["Hello."]}
    at, _, v1 = request.headers[SIGNATURE.lower()].partition(",v1=")
    assert at == f"t={int(time.now().timestamp())}"
    signed = at.removeprefix("t=").encode() + b"." + request.body
    assert v1 == hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()


async def test_a_session_that_asked_for_nothing_is_not_told(
    sessions: SessionService, time: TestTime, receiver: Receiver
) -> None:
    async with telling(sessions, time) as talks:
        session_id = await talks.create()
        await talks.sessions.stop(session_id, tenant=TENANT)
        assert await journal(sessions, session_id) == []


async def test_what_fails_is_tried_again_with_longer_and_longer_pauses(
    sessions: SessionService, time: TestTime, receiver: Receiver
) -> None:
    receiver.answers = [500, 429, 0]
    async with telling(sessions, time) as talks:
        session_id = await talks.create(webhook_url=receiver.url)
        await talks.sessions.stop(session_id, tenant=TENANT)
        await receiver.wait(1)
        await next_try(sessions, time, receiver, 2, 2)
        await next_try(sessions, time, receiver, 3, 8)
        await next_try(sessions, time, receiver, 4, 32)
        assert await outcome(sessions, session_id) == "told at try 4"
        assert await journal(sessions, session_id) == [
            "webhook_try: try 1 by one/first",
            "webhook_failed: try 1: status 500",
            "webhook_try: try 2 by one/first",
            "webhook_failed: try 2: status 429",
            "webhook_try: try 3 by one/first",
            "webhook_failed: try 3: RemoteProtocolError",
            "webhook_try: try 4 by one/first",
            "webhook_done: told at try 4",
        ]
    assert len({request.body for request in receiver.requests}) == 1
    assert len({request.headers[SIGNATURE.lower()] for request in receiver.requests}) == 4


@pytest.mark.parametrize("status", [400, 404, 307])
async def test_a_refusal_is_for_good_and_redirects_are_not_followed(
    sessions: SessionService, time: TestTime, receiver: Receiver, status: int
) -> None:
    receiver.answers = [status]
    async with telling(sessions, time) as talks:
        session_id = await talks.create(webhook_url=receiver.url)
        await talks.sessions.stop(session_id, tenant=TENANT)
        assert await outcome(sessions, session_id) == f"given up at try 1: status {status}"
    assert len(receiver.requests) == 1


async def test_it_is_given_up_after_so_many_tries(
    sessions: SessionService,
    time: TestTime,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook, "MAX_TRIES", 2)
    receiver.answers = [500] * MAX_TRIES
    async with telling(sessions, time) as talks:
        session_id = await talks.create(webhook_url=receiver.url)
        await talks.sessions.stop(session_id, tenant=TENANT)
        await receiver.wait(1)
        await next_try(sessions, time, receiver, 2, 2)
        assert await outcome(sessions, session_id) == "given up at try 2: status 500"


async def test_a_name_that_has_come_to_mean_this_machine_is_not_called(
    sessions: SessionService, time: TestTime, receiver: Receiver
) -> None:
    async with telling(sessions, time, allow_private=False) as talks:
        session_id = await talks.create(webhook_url=receiver.url)
        await talks.sessions.stop(session_id, tenant=TENANT)
        told = await outcome(sessions, session_id)
        assert told == "given up at try 1: hooks.example.com is a private address"
    assert not receiver.requests


async def test_what_was_not_told_is_taken_up_again_after_a_restart(
    sessions: SessionService, time: TestTime, receiver: Receiver
) -> None:
    receiver.answers = [503]
    async with telling(sessions, time) as talks:
        tried = await talks.create(webhook_url=receiver.url)
        await talks.sessions.stop(tried, tenant=TENANT)
        await receiver.wait(1)
        await time.wait_for_call()
        # Ended by upkeep, in a crash: nobody was there to tell of it.
        unnoticed = await talks.create(webhook_url=receiver.url)
        done = await talks.create(webhook_url="http://hooks.example.com/none")
        silent = await talks.create()
    for session_id in (unnoticed, done, silent):
        await sessions.end(session_id, Status.STOPPED, EndReason.NEVER_STARTED)
    await sessions.append_once(
        done, LifecycleEntry(None, webhook.DONE, "told at try 1"), webhook.DONE
    )
    again = told_by(sessions, time)
    again.start()
    await receiver.wait(2)
    assert receiver.requests[1].json()["session_id"] == unnoticed
    assert await outcome(sessions, unnoticed) == "told at try 1"
    await next_try(sessions, time, receiver, 3, 2)
    assert await outcome(sessions, tried) == "told at try 2"
    assert await journal(sessions, silent) == []
    await again.close(0)


async def test_it_is_looked_from_time_to_time_for_what_ended_elsewhere(
    sessions: SessionService, time: TestTime, receiver: Receiver
) -> None:
    hooks = told_by(sessions, time)
    hooks.start()
    await time.wait_for_call()
    talks = Talks(sessions, time)
    session_id = await talks.create(webhook_url=receiver.url)
    await sessions.end(session_id, Status.STOPPED, EndReason.NEVER_STARTED)
    time.advance(webhook.LOOK_INTERVAL)
    await receiver.wait(1)
    await hooks.close()
    assert await outcome(sessions, session_id) == "told at try 1"
    await talks.close()


@pytest.mark.parametrize("failure", [StorageUnavailable("away"), RuntimeError("a defect")])
async def test_a_look_that_fails_is_repeated(
    sessions: SessionService,
    time: TestTime,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
) -> None:
    talks = Talks(sessions, time)
    session_id = await talks.create(webhook_url=receiver.url)
    await sessions.end(session_id, Status.STOPPED, EndReason.NEVER_STARTED)
    hooks = told_by(sessions, time)

    async def fail(_: object) -> None:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(sessions.store, "read", fail)
        hooks.start()
        await time.wait_for_call()
    time.advance(webhook.LOOK_INTERVAL)
    await receiver.wait(1)
    await hooks.close()
    await talks.close()


async def test_of_two_servers_one_makes_each_try(
    sessions: SessionService, time: TestTime, receiver: Receiver
) -> None:
    receiver.held = asyncio.Event()
    one, two = told_by(sessions, time), told_by(sessions, time)
    two._me = "two/first"
    talks = Talks(sessions, time)
    session_id = await talks.create(webhook_url=receiver.url)
    ended = await sessions.end(session_id, Status.STOPPED, EndReason.NEVER_STARTED)
    one.send(ended)
    one.send(ended)
    two.send(ended)
    await receiver.wait(1)
    receiver.held.set()
    assert await outcome(sessions, session_id) == "told at try 1"
    two.send(ended)
    for hooks in (one, two):
        await hooks.close()
        hooks.send(ended)
    assert len(receiver.requests) == 1
    await talks.close()


async def test_only_so_many_are_in_hand(
    sessions: SessionService,
    time: TestTime,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook, "MAX_IN_HAND", 1)
    receiver.held = asyncio.Event()
    async with telling(sessions, time) as talks:
        first, second = [await talks.create(webhook_url=receiver.url) for _ in range(2)]
        await talks.sessions.stop(first, tenant=TENANT)
        await talks.sessions.stop(second, tenant=TENANT)
        await receiver.wait(1)
        receiver.held.set()
        await outcome(sessions, first)
        assert await journal(sessions, second) == []


@pytest.mark.parametrize("failure", [StorageUnavailable("away"), RuntimeError("a defect")])
async def test_trouble_with_one_is_nothing_to_the_others(
    sessions: SessionService,
    time: TestTime,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
) -> None:
    async def fail(*_: object) -> None:
        raise failure

    async with telling(sessions, time) as talks:
        first, second = [await talks.create(webhook_url=receiver.url) for _ in range(2)]
        with monkeypatch.context() as patch:
            patch.setattr(sessions, "append_once", fail)
            await talks.sessions.stop(first, tenant=TENANT)
            await asyncio.sleep(0.01)
        await talks.sessions.stop(second, tenant=TENANT)
        assert await outcome(sessions, second) == "told at try 1"


def test_the_key_is_what_is_set_or_made_of_the_servers_own_secret() -> None:
    assert signing_key("mine", "server") == "mine"
    made = signing_key(None, "server")
    assert len(made) == 64
    assert made == signing_key(None, "server") != signing_key(None, "another")
    assert "server" not in made

"""Room events for other servers, by real requests to a server of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from livekit.api import TokenVerifier, WebhookReceiver
from livekit.protocol.models import Room
from livekit.protocol.webhook import WebhookEvent

from greenroom.errors import ConfigurationError
from greenroom.rooms import webhooks
from greenroom.rooms.webhooks import Webhooks
from support.http_server import Reply, Request, http_server

SECRET = "a livekit secret that is as long as it should be"
Answer = Callable[[Request, Reply], Awaitable[None]]


class Taker:
    """Receives events as a customer's server does. `answers` come first, then always 200."""

    def __init__(self, *answers: int) -> None:
        self.events: list[WebhookEvent] = []
        self.requests: list[Request] = []
        self.changed = asyncio.Event()
        self.held: asyncio.Event | None = None
        self._answers = list(answers)
        self._receiver = WebhookReceiver(TokenVerifier("key", SECRET))

    async def __call__(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        self.changed.set()
        if self.held is not None:
            await self.held.wait()
        status = self._answers.pop(0) if self._answers else 200
        if status == 200:
            token = request.headers["authorization"]
            self.events.append(self._receiver.receive(request.body.decode(), token))
        location = {"location": "/elsewhere"} if status == 307 else {}
        await reply.whole(status, location, b"fine")
        self.changed.set()

    async def wait(self, *, events: int = 0, requests: int = 0) -> None:
        async with asyncio.timeout(5):
            while len(self.events) < events or len(self.requests) < requests:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def sending(
    taker: Answer, *, retry_delays: tuple[float, ...] = (0.0, 0.0), max_waiting: int = 100
) -> AsyncIterator[Webhooks]:
    async with http_server(taker) as server:
        hooks = Webhooks(
            [f"http://127.0.0.1:{server.port}/hook"],
            "key",
            SECRET,
            retry_delays=retry_delays,
            max_waiting=max_waiting,
        )
        try:
            yield hooks
        finally:
            await hooks.close(0)


def event(name: str, room: str = "r") -> WebhookEvent:
    return WebhookEvent(event=name, room=Room(name=room, sid="RM_1"))


async def test_livekits_receiver_takes_events_in_their_order() -> None:
    taker = Taker()
    async with sending(taker) as hooks:
        hooks.send(event("room_started"))
        hooks.send(event("participant_joined"))
        await taker.wait(events=2)
    assert [taken.event for taken in taker.events] == ["room_started", "participant_joined"]
    assert taker.events[0].room.sid == "RM_1"
    assert len({taken.id for taken in taker.events}) == 2
    assert all(taken.id.startswith("EV_") and taken.created_at for taken in taker.events)
    assert taker.requests[0].headers["content-type"] == "application/webhook+json"
    assert (taker.requests[0].method, taker.requests[0].path) == ("POST", "/hook")


async def test_an_event_keeps_the_id_and_time_that_it_has() -> None:
    taker = Taker()
    async with sending(taker) as hooks:
        hooks.send(WebhookEvent(event="room_started", id="EV_own", created_at=5))
        await taker.wait(events=1)
    assert (taker.events[0].id, taker.events[0].created_at) == ("EV_own", 5)


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_an_event_is_sent_again_until_it_is_taken(status: int) -> None:
    taker = Taker(status, status)
    async with sending(taker) as hooks:
        hooks.send(event("room_started"))
        hooks.send(event("room_finished"))
        await taker.wait(events=2)
        assert hooks.dropped == 0
    # Those that come later have waited for it.
    assert len(taker.requests) == 4
    assert [taken.event for taken in taker.events] == ["room_started", "room_finished"]


@pytest.mark.parametrize(
    ("answers", "tries"), [((500, 500, 500), 3), ((400,), 1), ((307,), 1), ((404,), 1)]
)
async def test_what_is_refused_is_given_up_and_the_next_is_sent(
    answers: tuple[int, ...], tries: int
) -> None:
    taker = Taker(*answers)
    async with sending(taker) as hooks:
        hooks.send(event("room_started"))
        hooks.send(event("room_finished"))
        await taker.wait(events=1)
        assert hooks.dropped == 1
    assert [taken.event for taken in taker.events] == ["room_finished"]
    # A redirect is not followed: it would take a signed request where the user did not send it.
    assert [request.path for request in taker.requests] == ["/hook"] * (tries + 1)


async def test_a_receiver_that_breaks_off_is_tried_again() -> None:
    taker = Taker()
    tries = 0

    async def broken_once(request: Request, reply: Reply) -> None:
        nonlocal tries
        tries += 1
        await (reply.cut() if tries == 1 else taker(request, reply))

    async with sending(broken_once) as hooks:
        hooks.send(event("room_started"))
        await taker.wait(events=1)
    assert tries == 2


async def test_a_receiver_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "REQUEST_TIMEOUT", 0.05)
    taker = Taker()
    tries = 0

    async def deaf_twice(request: Request, reply: Reply) -> None:
        nonlocal tries
        tries += 1
        await (request.gone.wait() if tries <= 2 else taker(request, reply))

    async with sending(deaf_twice, retry_delays=(0.0,)) as hooks:
        hooks.send(event("room_started"))
        hooks.send(event("room_finished"))
        await taker.wait(events=1)
        assert hooks.dropped == 1
    assert tries == 3


async def test_a_slow_room_does_not_hold_up_another() -> None:
    order: list[str] = []
    done = asyncio.Event()
    taker = Taker()

    async def slow_for_one(request: Request, reply: Reply) -> None:
        room = request.json()["room"]["name"]
        if room == "slow":
            await done.wait()
        order.append(room)
        await taker(request, reply)
        done.set()

    async with sending(slow_for_one) as hooks:
        hooks.send(event("room_started", "slow"))
        hooks.send(event("room_started", "quick"))
        await taker.wait(events=2)
    assert order == ["quick", "slow"]


async def test_only_so_many_wait_and_closing_drops_those_that_are_late() -> None:
    taker = Taker()
    taker.held = asyncio.Event()
    async with sending(taker, max_waiting=2) as hooks:
        for name in ("room_started", "participant_joined", "participant_left"):
            hooks.send(event(name))
        assert hooks.dropped == 1
        await taker.wait(requests=1)
        await hooks.close(0.01)
        assert hooks.dropped == 3
        hooks.send(event("room_finished"))
        assert hooks.dropped == 4
        taker.held.set()
    assert len(taker.requests) == 1


async def test_closing_takes_what_waits_to_its_receiver_first() -> None:
    taker = Taker()
    async with sending(taker) as hooks:
        for number in range(20):
            hooks.send(event(f"e{number}"))
        await hooks.close(5)
        assert hooks.dropped == 0
    assert [taken.event for taken in taker.events] == [f"e{number}" for number in range(20)]


async def test_without_urls_nothing_is_sent() -> None:
    hooks = Webhooks([], "", "")
    hooks.send(event("room_started"))
    await hooks.close()


@pytest.mark.parametrize("url", ["ftp://x/", "https://", "nonsense", "http://x:y/"])
def test_what_is_no_url_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError, match="webhook_urls"):
        Webhooks([url], "key", SECRET)


def test_events_are_never_sent_unsigned() -> None:
    with pytest.raises(ConfigurationError, match="signed"):
        Webhooks(["https://example.com/hook"], "key", "")

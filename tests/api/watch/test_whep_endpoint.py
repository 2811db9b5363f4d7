from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from greenroom.api.watch.links import WatchLinks
from greenroom.api.watch.routes import create_watch_routes
from greenroom.rooms.rtc.ice_servers import IceServer
from greenroom.rooms.rtc.media import H264
from greenroom.rooms.venue import VenuePicture
from greenroom.rooms.whep.screenings import Screenings
from greenroom.sessions.model import EndReason, Status
from greenroom.testing.clock import ManualClock
from support.fake_peer import FakePeer, fake_peers
from support.watching import SECRET, MadeUpSessions

OFFER = "spare audio\nspare video"
PICTURE = VenuePicture(H264, 64, 48, 25)
SDP = "application/sdp"


class Server:
    def __init__(self) -> None:
        self.peers: list[FakePeer] = []
        self.screenings = Screenings(fake_peers(self.peers), ManualClock(), max_viewers=2)
        self.sessions = MadeUpSessions()
        self.links = WatchLinks(SECRET, 60, "http://watch")
        self.ice_servers = [
            IceServer(("stun:stun.example.com",)),
            IceServer(("turn:turn.example.com?transport=udp",), "ann", "secret"),
        ]
        routes = create_watch_routes(
            self.screenings,
            self.sessions,
            self.links,
            ice_servers=lambda _: self.ice_servers,
            max_offer=200,
        )
        self.app = Starlette(routes=routes)
        transport = httpx.ASGITransport(app=self.app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://watch")

    def bearer(self, session_id: str = "s1") -> dict[str, str]:
        token = self.links.watch_url(session_id).partition("?token=")[2]
        return {"authorization": f"Bearer {token}"}

    async def post(self, offer: str | bytes = OFFER, **headers: str) -> httpx.Response:
        given = {"content-type": SDP} | self.bearer() | headers
        return await self.client.post("/watch/s1/whep", content=offer, headers=given)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    async with made.client:
        yield made


@pytest.fixture
def live(server: Server) -> Server:
    server.sessions.put("s1", Status.ACTIVE)
    server.screenings.open("s1", PICTURE)
    return server


def detail(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    return str(problem["detail"])


async def test_an_offer_is_answered_and_its_viewer_can_be_ended(live: Server) -> None:
    answer = await live.post()
    assert (answer.status_code, answer.text) == (201, "answer 1")
    assert answer.headers["content-type"] == SDP
    assert answer.headers["access-control-allow-origin"] == "*"
    where = answer.headers["location"]
    assert where.startswith("/watch/s1/whep/")
    gone = await live.client.delete(where, headers=live.bearer())
    assert (gone.status_code, gone.content) == (200, b"")
    assert live.peers[0].closed
    again = await live.client.delete(where, headers=live.bearer())
    assert (again.status_code, detail(again)) == (404, "this viewer is gone")


async def test_a_viewer_of_a_session_that_has_ended_is_gone(live: Server) -> None:
    where = (await live.post()).headers["location"]
    live.screenings.close()
    assert (await live.client.delete(where, headers=live.bearer())).status_code == 404


async def test_who_has_no_token_can_neither_watch_nor_end_anybody(live: Server) -> None:
    where = (await live.post()).headers["location"]
    for answer in (
        await live.client.post("/watch/s1/whep", content=OFFER, headers={"content-type": SDP}),
        await live.client.delete(where),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    other = live.bearer("s2")
    assert (await live.post(**other)).status_code == 403
    assert (await live.client.delete(where, headers=other)).status_code == 403
    assert not live.peers[0].closed


async def test_before_its_beginning_a_session_is_to_be_asked_for_again(server: Server) -> None:
    server.sessions.put("s1", Status.WAITING)
    answer = await server.post()
    assert answer.status_code == 409
    assert answer.headers["retry-after"] == "1"
    assert "has not begun" in detail(answer)


async def test_after_its_end_a_session_is_gone(server: Server) -> None:
    server.sessions.put("s1", Status.STOPPED, EndReason.CLIENT_STOPPED)
    answer = await server.post()
    assert answer.status_code == 410
    assert "has ended (client_stopped)" in detail(answer)


async def test_a_session_that_never_was_is_not_found(server: Server) -> None:
    assert (await server.post()).status_code == 404


async def test_an_offer_without_the_pictures_codec_is_told_which_it_is(live: Server) -> None:
    answer = await live.post("spare audio\nspare video no h264")
    assert answer.status_code == 406
    assert "H264" in detail(answer)


@pytest.mark.parametrize("offer", ["bad", b"\xff\xfe", "x" * 201])
async def test_what_is_no_offer_is_refused(live: Server, offer: str | bytes) -> None:
    answer = await live.post(offer)
    assert answer.status_code == 400
    assert detail(answer)
    assert live.screenings.find("s1").viewers == 0  # type: ignore[union-attr]


async def test_an_offer_of_another_type_is_refused(live: Server) -> None:
    assert (await live.post(**{"content-type": "application/json"})).status_code == 415


async def test_a_client_that_hangs_up_before_its_offer_is_complete_gets_no_answer(
    live: Server,
) -> None:
    token = live.bearer()["authorization"].encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/watch/s1/whep",
        "headers": [(b"content-type", SDP.encode()), (b"authorization", token)],
    }
    sent: list[object] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    await live.app(scope, receive, send)  # type: ignore[arg-type]
    assert sent == []
    assert live.peers == []


async def test_too_many_viewers_are_refused(live: Server) -> None:
    for _ in range(2):
        assert (await live.post()).status_code == 201
    answer = await live.post()
    assert (answer.status_code, detail(answer)) == (503, "at most 2 viewers")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/watch/s1/whep", "POST, OPTIONS"),
        ("DELETE", "/watch/s1/whep", "POST, OPTIONS"),
        ("PATCH", "/watch/s1/whep/v1", "DELETE, OPTIONS"),
        ("POST", "/watch/s1/whep/v1", "DELETE, OPTIONS"),
    ],
)
async def test_methods_that_mean_nothing_here_are_refused(
    live: Server, method: str, path: str, allowed: str
) -> None:
    answer = await live.client.request(method, path, headers=live.bearer())
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_pages_of_other_origins_may_ask_but_are_told_no_credentials(live: Server) -> None:
    answer = await live.client.options("/watch/s1/whep")
    assert answer.status_code == 204
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["accept-post"] == SDP
    assert "link" not in answer.headers


async def test_who_may_watch_is_told_of_stun_and_turn_servers(live: Server) -> None:
    turn = '<turn:turn.example.com?transport=udp>; rel="ice-server"; username="ann"; '
    links = [
        '<stun:stun.example.com>; rel="ice-server"',
        f'{turn}credential="secret"; credential-type="password"',
    ]
    asked = await live.client.options("/watch/s1/whep", headers=live.bearer())
    assert asked.headers.get_list("link") == links
    assert (await live.post()).headers.get_list("link") == links


async def test_the_page_needs_nothing_from_elsewhere_and_gives_nothing_away(
    server: Server,
) -> None:
    page = await server.client.get("/watch/s1?token=t")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "//" not in page.text.replace("</", "")
    assert "<style" not in page.text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("watch.css", "text/css"), ("watch.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
async def test_what_the_page_is_made_of_is_served(server: Server, name: str, kind: str) -> None:
    answer = await server.client.get(f"/watch/assets/{name}")
    assert answer.headers["content-type"].startswith(kind)
    assert len(answer.content) > 100
    head = await server.client.head(f"/watch/assets/{name}")
    assert (head.status_code, head.content) == (200, b"")
    assert (await server.client.post(f"/watch/assets/{name}")).status_code == 405

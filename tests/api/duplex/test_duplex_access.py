"""Who may use the duplex API: everybody of this machine, beyond it who shows a credential."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from greenroom.api.access import Access
from greenroom.api.http import HttpRequest
from greenroom.errors import Forbidden, Unauthorized
from support.duplex_api import API_KEY, OTHER_KEY, VOICE, RunningDuplex, bearer

ORDER = {"voice_prompt": VOICE}
BEYOND: dict[str, Any] = {"server": {"host": "0.0.0.0"}}


async def start(duplex: RunningDuplex, key: str = "", **headers: str) -> httpx.Response:
    shown = {**(bearer(key) if key else {}), **headers}
    return await duplex.client.post("/api/sessions/start", json=ORDER, headers=shown)


def request(path: str = "/mcp", **headers: str) -> HttpRequest:
    async def receive() -> Any:
        raise AssertionError("the body is not read")

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": path, "headers": pairs, "query_string": b""}
    return HttpRequest(scope, receive)


# -- on this machine -------------------------------------------------------------------------------


async def test_on_this_machine_nothing_is_asked_for_and_a_key_says_whose_it_is(
    duplex: RunningDuplex,
) -> None:
    own = (await start(duplex)).json()
    assert "token" not in own["websocket_url"]
    theirs = (await start(duplex, OTHER_KEY)).json()
    assert [kept.session.tenant for kept in duplex.sessions.kept.values()] == ["default", "other"]
    path = f"/api/sessions/{theirs['session_id']}"
    assert (await duplex.client.get(path)).status_code == 404
    assert (await duplex.client.get(path, headers=bearer(OTHER_KEY))).status_code == 200
    wrong = await start(duplex, "no key")
    assert (wrong.status_code, wrong.json()) == (
        401,
        {"error": "Unauthorized: the token is not valid"},
    )
    basic = await start(duplex, Authorization="Basic abc")
    assert basic.status_code == 200


async def test_pages_of_other_sites_are_refused(duplex: RunningDuplex) -> None:
    for headers, status in (
        ({"Origin": "http://localhost:5173"}, 200),
        ({"Origin": "https://127.0.0.1"}, 200),
        ({"Origin": "http://[::1]:3000"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[broken"}, 403),
        ({"Host": "evil.example:8080"}, 403),
        ({"Host": "localhost:8080"}, 200),
    ):
        answer = await start(duplex, **headers)
        assert answer.status_code == status, headers
    assert answer.json().keys() >= {"session_id"}
    refused = await start(duplex, Origin="http://evil.example")
    assert refused.json()["error"].startswith("Forbidden: Origin names another site")
    # Who shows a key is no page that only has the address.
    assert (await start(duplex, API_KEY, Origin="http://evil.example")).status_code == 200
    with pytest.raises(InvalidStatus) as error:
        async with duplex.connected(headers={"Origin": "http://evil.example"}):
            pass
    assert error.value.response.status_code == 403


async def test_health_and_what_is_not_served_is_for_everybody(start_duplex: Any) -> None:
    duplex = await start_duplex(**BEYOND)
    assert (await duplex.client.get("/health")).status_code == 200
    assert (await duplex.client.get("/nowhere")).status_code == 404


# -- beyond it -------------------------------------------------------------------------------------


@pytest.mark.parametrize("beyond", [BEYOND, {"duplex": {"public_url": "https://talk.example.com"}}])
async def test_beyond_this_machine_a_key_is_needed(start_duplex: Any, beyond: Any) -> None:
    duplex = await start_duplex(**beyond)
    refused = await start(duplex)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json() == {"error": "Unauthorized: send `Authorization: Bearer <token>`"}
    assert (await duplex.client.get("/api/voices")).status_code == 401
    assert (await start(duplex, API_KEY, Host="talk.example.com")).status_code == 200
    for path in ("/api/chat", "/api/chat?token=wrong"):
        with pytest.raises(InvalidStatus) as error:
            async with duplex.connected(path):
                pass
        assert error.value.response.status_code == 401
    async with duplex.connected(headers=bearer(API_KEY)) as line:
        await line.settled()
    async with duplex.connected(f"/api/chat?token={API_KEY}") as line:
        await line.settled()


async def test_the_link_lets_a_person_into_its_session_and_no_other(start_duplex: Any) -> None:
    duplex = await start_duplex(**BEYOND)
    one, other = [(await start(duplex, API_KEY)).json() for _ in range(2)]
    (token,) = parse_qs(urlsplit(one["websocket_url"]).query)["token"]
    async with duplex.connected(one["websocket_url"]) as line:
        assert await line.receive() == b"\0"
    for query in (f"session_id={other['session_id']}&token={token}", f"token={token}"):
        with pytest.raises(InvalidStatus) as error:
            async with duplex.connected(f"/api/chat?{query}"):
                pass
        assert error.value.response.status_code == 403
    own = f"/api/sessions/{one['session_id']}"
    assert (await duplex.client.get(own, headers=bearer(token))).status_code == 200
    for answer in (
        await start(duplex, token),
        await duplex.client.get("/api/sessions", headers=bearer(token)),
        await duplex.client.get(f"/api/sessions/{other['session_id']}", headers=bearer(token)),
    ):
        assert answer.status_code == 403
        assert answer.json()["error"].startswith("Forbidden: ")


async def test_anonymous_callers_can_be_allowed_beyond_this_machine(start_duplex: Any) -> None:
    duplex = await start_duplex(**BEYOND, duplex={"allow_anonymous": True})
    answer = await start(duplex, Host="talk.example.com", Origin="https://talk.example.com")
    assert answer.status_code == 200
    assert "token" not in answer.json()["websocket_url"]


async def test_others_ask_for_the_tenant_alone(start_duplex: Any) -> None:
    duplex = await start_duplex(**BEYOND)
    access: Access = duplex.api._parts.access
    asker = await access.tenant_principal(request(authorization=f"Bearer {OTHER_KEY}"))
    assert asker.tenant == "other"
    with pytest.raises(Unauthorized):
        await access.tenant_principal(request())
    token, _ = duplex.tokens.sign("some session", "default")
    with pytest.raises(Forbidden):
        await access.tenant_principal(request(authorization=f"Bearer {token}"))

"""Who may start and end sessions: everybody of this machine, beyond it who shows an API key."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from support.orchestrator_api import API_KEY, OTHER_KEY, TOKENS, RunningOrchestrator, bearer

BEYOND: dict[str, Any] = {"server": {"host": "0.0.0.0"}}


async def start(orchestrator: RunningOrchestrator, **headers: str) -> httpx.Response:
    return await orchestrator.client.post(
        "/api/session/start", json={"userName": "ann"}, headers=headers
    )


async def end(orchestrator: RunningOrchestrator, session_id: str, **headers: str) -> httpx.Response:
    body = {"sessionId": session_id}
    return await orchestrator.client.post("/api/session/end", json=body, headers=headers)


async def test_on_this_machine_nothing_is_asked_for_and_a_key_says_whose_it_is(
    orchestrator: RunningOrchestrator,
) -> None:
    assert (await start(orchestrator)).status_code == 200
    theirs = (await start(orchestrator, **bearer(OTHER_KEY))).json()["sessionId"]
    assert [tenant for _, tenant in orchestrator.sessions.started.values()] == ["default", "other"]
    # Of another tenant no session exists.
    assert (await end(orchestrator, theirs)).status_code == 404
    assert (await end(orchestrator, theirs, **{"X-API-Key": OTHER_KEY})).status_code == 200
    for wrong in (bearer("no key"), {"X-API-Key": "no key"}):
        refused = await start(orchestrator, **wrong)
        assert refused.status_code == 401
        assert refused.json() == {"detail": "Unauthorized: the token is not valid"}


async def test_pages_of_other_sites_are_refused(orchestrator: RunningOrchestrator) -> None:
    assert (await start(orchestrator, Origin="http://localhost:5173")).status_code == 200
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example:8000"}):
        refused = await start(orchestrator, **headers)
        assert refused.status_code == 403
        assert refused.json()["detail"].startswith("Forbidden: ")
        assert "orchestrator.allow_anonymous" in refused.json()["detail"]
    assert len(orchestrator.sessions.started) == 1


@pytest.mark.parametrize(
    "beyond",
    [
        BEYOND,
        {"rooms": {"public_url": "wss://rooms.example.com"}},
        {"server": {"trusted_proxies": "127.0.0.1"}},
    ],
)
async def test_beyond_this_machine_a_key_is_needed(start_orchestrator: Any, beyond: Any) -> None:
    orchestrator = await start_orchestrator(**beyond)
    for refused in (await start(orchestrator), await end(orchestrator, "session_1")):
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.json() == {"detail": "Unauthorized: send `Authorization: Bearer <token>`"}
    shown = {"Host": "app.example.com", "Origin": "https://app.example.com"}
    assert (await start(orchestrator, **bearer(API_KEY), **shown)).status_code == 200
    assert (await start(orchestrator, **{"x-api-key": API_KEY})).status_code == 200
    session_token, _ = TOKENS.sign("session_1", "default")
    assert (await start(orchestrator, **bearer(session_token))).status_code == 403
    for path in ("/", "/health", "/docs", "/openapi.json"):
        assert (await orchestrator.client.get(path)).status_code == 200, path
    assert (await orchestrator.client.get("/nowhere")).status_code == 404


async def test_anonymous_callers_can_be_allowed_beyond_this_machine(
    start_orchestrator: Any,
) -> None:
    orchestrator = await start_orchestrator(**BEYOND, orchestrator={"allow_anonymous": True})
    shown = {"Host": "app.example.com", "Origin": "https://app.example.com"}
    assert (await start(orchestrator, **shown)).status_code == 200
    assert (await start(orchestrator, **bearer("no key"))).status_code == 401

"""Contract 002's REST side, by a real client on a real server."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

from greenroom.api.anam.nodes import address_of
from greenroom.errors import CapacityExceeded
from greenroom.sessions.model import EndReason, Status
from greenroom.sessions.node import Place
from support.avatars import API_KEY, TOKEN_REQUEST, RunningAvatars, bearer


async def engine(avatars: RunningAvatars, token: str, **options: Any) -> dict[str, Any]:
    answer = await avatars.client.post("/engine/session", headers=bearer(token), **options)
    assert answer.status_code == 200, answer.text
    started: dict[str, Any] = answer.json()
    return started


async def test_two_steps_lead_to_an_address_that_holds_the_credentials(
    avatars: RunningAvatars,
) -> None:
    answer = await avatars.client.post(
        "/auth/session-token", json=TOKEN_REQUEST, headers=bearer(API_KEY)
    )
    assert answer.status_code == 200
    assert list(answer.json()) == ["sessionToken"]
    token = answer.json()["sessionToken"]
    started = await engine(avatars, token, json={})
    assert started["websocketAddress"] == started["websocket_address"]
    address = urlsplit(started["websocketAddress"])
    assert (address.scheme, address.netloc, address.path) == ("wss", "avatars.example.com", "/ws")
    assert parse_qs(address.query) == {"sessionId": [started["sessionId"]], "token": [token]}
    session = await avatars.parts.sessions.get(started["sessionId"])
    assert (session.api, session.status) == ("anam", Status.WAITING)


async def test_the_channels_token_is_not_in_the_sessions_token(avatars: RunningAvatars) -> None:
    payload = (await avatars.order()).split(".")[1]
    assert b"your-token" not in base64.urlsafe_b64decode(payload + "==")


async def test_the_second_step_may_be_repeated_and_needs_no_body(avatars: RunningAvatars) -> None:
    token = await avatars.order()
    assert await engine(avatars, token, json={}) == await engine(avatars, token)
    assert await engine(avatars, token, json={"more": 1}) == await engine(avatars, token)


async def test_missing_credentials_are_asked_for(avatars: RunningAvatars) -> None:
    for path, wanted in (
        ("/auth/session-token", "API key"),
        ("/engine/session", "session token"),
        ("/engine/session/s/kill", "API key"),
    ):
        shown: list[dict[str, str]] = [{}, {"authorization": "Basic eDp5"}, {"x-api-key": API_KEY}]
        for headers in shown:
            answer = await avatars.client.post(path, content=b"{", headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            body = answer.json()
            assert (body["error"], body["code"]) == ("Unauthorized", "MISSING_CREDENTIALS")
            assert f"<{wanted}>" in body["message"]


async def test_wrong_credentials_are_refused_before_the_body(avatars: RunningAvatars) -> None:
    for path, shown, code in (
        ("/auth/session-token", "wrong", "INVALID_API_KEY"),
        ("/auth/session-token", "a.b.c", "INVALID_API_KEY"),
        ("/engine/session", API_KEY, "INVALID_SESSION_TOKEN"),
        ("/engine/session", "a.b.c", "INVALID_SESSION_TOKEN"),
        ("/engine/session/s/kill", "wrong", "INVALID_API_KEY"),
        ("/engine/session/s/kill", "a.b.c", "INVALID_SESSION_TOKEN"),
    ):
        answer = await avatars.client.post(path, content=b"{", headers=bearer(shown))
        assert (answer.status_code, answer.json()["code"]) == (401, code)


async def test_bodies_that_are_no_objects_are_refused(avatars: RunningAvatars) -> None:
    token = await avatars.order()
    for content, code in ((b"{", "INVALID_JSON"), (b"[]", "VALIDATION_ERROR")):
        for path, shown in (
            ("/auth/session-token", API_KEY),
            ("/engine/session", token),
            ("/engine/session/s/kill", API_KEY),
        ):
            answer = await avatars.client.post(path, content=content, headers=bearer(shown))
            assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_an_unknown_avatar_is_told_by_the_wires_name(avatars: RunningAvatars) -> None:
    body = {**TOKEN_REQUEST, "personaConfig": {"avatarId": "nobody"}}
    answer = await avatars.client.post("/auth/session-token", json=body, headers=bearer(API_KEY))
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "Invalid request",
        "message": "Invalid value for personaConfig.avatarId: is not known; must be one of: "
        "16cb73e7de08, mira",
        "code": "VALIDATION_ERROR",
    }


async def test_a_full_server_says_so(avatars: RunningAvatars) -> None:
    avatars.stage.create_error = CapacityExceeded("avatars", 50)
    answer = await avatars.client.post(
        "/auth/session-token", json=TOKEN_REQUEST, headers=bearer(API_KEY)
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "CAPACITY_EXCEEDED")


async def test_a_token_of_an_ended_session_is_not_valid_any_more(avatars: RunningAvatars) -> None:
    token = await avatars.order()
    started = await engine(avatars, token)
    await avatars.stage.stop(started["sessionId"])
    answer = await avatars.client.post("/engine/session", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_SESSION_TOKEN")


async def test_a_session_is_killed_by_key_or_by_its_own_token(avatars: RunningAvatars) -> None:
    for by_token, with_body in ((False, False), (True, True)):
        token = await avatars.order()
        session_id = (await engine(avatars, token))["sessionId"]
        options: dict[str, Any] = {"headers": bearer(token if by_token else API_KEY)}
        if with_body:
            options["json"] = {"sessionId": session_id}
        answer = await avatars.client.post(f"/engine/session/{session_id}/kill", **options)
        assert (answer.status_code, answer.json()) == (
            200,
            {
                "sessionId": session_id,
                "status": "success",
                "message": "Session terminated successfully",
            },
        )
        session = await avatars.parts.sessions.get(session_id)
        assert (session.status, session.end_reason) == (Status.STOPPED, EndReason.CLIENT_STOPPED)
        answer = await avatars.client.post(f"/engine/session/{session_id}/kill", **options)
        assert (answer.status_code, answer.json()["code"]) == (404, "SESSION_NOT_FOUND")


async def test_a_kill_is_for_the_session_of_its_path_alone(avatars: RunningAvatars) -> None:
    token, other = await avatars.order(), await avatars.order()
    session_id = (await engine(avatars, token))["sessionId"]
    path = f"/engine/session/{session_id}/kill"
    answer = await avatars.client.post(path, json={"sessionId": "x"}, headers=bearer(API_KEY))
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    answer = await avatars.client.post(path, headers=bearer(other))
    assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_SESSION_TOKEN")
    key = (await avatars.keys.create("another"))[1]
    answer = await avatars.client.post(path, headers=bearer(key))
    assert (answer.status_code, answer.json()["code"]) == (404, "SESSION_NOT_FOUND")
    assert not (await avatars.parts.sessions.get(session_id)).ended


async def test_labels_choose_a_node_that_goes_by_them(start_avatars: Any) -> None:
    avatars = await start_avatars(place=Place("ws://pod-1.example.com", "devspace", "pod-1"))
    cases: list[tuple[dict[str, Any], str]] = [
        ({"cluster": "devspace", "podName": "pod-1"}, "ws://pod-1.example.com"),
        ({"cluster": "devspace"}, "ws://pod-1.example.com"),
        ({"cluster": "", "podName": None}, "wss://avatars.example.com"),
        ({"cluster": "elsewhere"}, "wss://avatars.example.com"),
        ({"podName": "pod-2"}, "wss://avatars.example.com"),
    ]
    for labels, address in cases:
        started = await engine(avatars, await avatars.order(**labels))
        assert started["websocketAddress"].startswith(address + "/ws?")


def test_of_several_nodes_the_first_that_fits_is_taken() -> None:
    places = [
        Place("", "west", "z"),
        Place("ws://a", "west", "a"),
        Place("ws://b", "west", "b"),
        Place("ws://c", "east", "b"),
    ]
    assert address_of(places, "west", "") == "ws://a"
    assert address_of(places, "", "b") == "ws://b"
    assert address_of(places, "east", "b") == "ws://c"
    assert address_of(places, "east", "a") is None
    assert address_of(places, "west", "z") is None

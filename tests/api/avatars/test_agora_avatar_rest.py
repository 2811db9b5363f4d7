"""Contract 000's REST side, by a real client on a real server."""

from __future__ import annotations

import uuid
from typing import Any

import jwt
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from greenroom.errors import CapacityExceeded
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import EndReason, Status
from support.avatars import API_KEY, SECRET, START, RunningAvatars, bearer

KEY = {"x-api-key": API_KEY}
NOT_FOUND = {
    "error": "Not found",
    "message": "Session not found or already terminated",
    "code": "SESSION_NOT_FOUND",
}
UNKNOWN = "550e8400-e29b-41d4-a716-446655440000"


async def stop(avatars: RunningAvatars, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await avatars.client.request("DELETE", "/session/stop", json=body, headers=named)
    return answer.status_code, answer.json()


async def test_a_start_is_answered_with_what_connects_to_it(avatars: RunningAvatars) -> None:
    started = await avatars.start()
    assert set(started) == {"session_id", "websocket_address", "session_token"}
    assert str(uuid.UUID(started["session_id"])) == started["session_id"]
    assert started["websocket_address"] == "wss://avatars.example.com/v1/websocket"
    assert jwt.get_unverified_header(started["session_token"]) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(started["session_token"], SECRET, ["HS256"], audience="greenroom-avatar")
    assert claims["sub"] == started["session_id"]
    avatar = avatars.parts.settings.avatar
    assert claims["exp"] - claims["iat"] > avatar.init_timeout + avatar.max_duration
    session = await avatars.parts.sessions.get(started["session_id"])
    assert (session.api, session.tenant, session.status) == (
        "agora_avatar",
        "default",
        Status.WAITING,
    )
    assert avatars.stage.orders[0].channel.channel == "room1"


async def test_extra_headers_and_fields_are_ignored(avatars: RunningAvatars) -> None:
    headers = {**KEY, "x-vercel-protection-bypass": "x", "authorization": "Basic eDp5"}
    answer = await avatars.client.post(
        "/session/start", json={**START, "more": [1]}, headers=headers
    )
    assert answer.status_code == 200


async def test_the_key_is_looked_at_before_the_body(avatars: RunningAvatars) -> None:
    missing = ("Forbidden", "API key header missing", "MISSING_API_KEY")
    invalid = ("Unauthorized", "Invalid API key", "INVALID_API_KEY")
    cases: list[tuple[dict[str, Any], int, tuple[str, str, str]]] = [
        ({}, 403, missing),
        ({"x-api-key": ""}, 403, missing),
        ({"x-api-key": "wrong"}, 401, invalid),
        ({"x-api-key": "a.b.c"}, 401, invalid),
        ({"x-api-key": "\xff".encode()}, 401, invalid),
        ({"x-api-key": "x" * 9_000}, 401, invalid),
    ]
    for method, path in (("POST", "/session/start"), ("DELETE", "/session/stop")):
        for headers, status, body in cases:
            answer = await avatars.client.request(method, path, content=b"{", headers=headers)
            assert answer.status_code == status
            assert answer.json() == dict(zip(("error", "message", "code"), body, strict=True))


async def test_a_session_token_is_no_api_key(avatars: RunningAvatars) -> None:
    token, _ = avatars.parts.authenticator.tokens.sign("s", "default")
    started = await avatars.start()
    for shown in (token, started["session_token"]):
        answer = await avatars.client.post(
            "/session/start", json=START, headers={"x-api-key": shown}
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_API_KEY")


async def test_bad_bodies_are_told_in_the_contracts_shape(avatars: RunningAvatars) -> None:
    post = avatars.client.post
    answer = await post("/session/start", json={**START, "avatar_id": None}, headers=KEY)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "Invalid request",
            "message": "Missing required field: avatar_id",
            "code": "VALIDATION_ERROR",
        },
    )
    answer = await post("/session/start", json={**START, "avatar_id": "nobody"}, headers=KEY)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "Invalid request",
            "message": "Invalid value for avatar_id: is not known; must be one of: "
            "16cb73e7de08, mira",
            "code": "VALIDATION_ERROR",
        },
    )
    answer = await post("/session/start", content=b"x", headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_JSON")


async def test_a_body_of_five_megabytes_is_refused(avatars: RunningAvatars) -> None:
    answer = await avatars.client.post(
        "/session/start", content=b'{"avatar_id": "' + b"x" * 5_000_000, headers=KEY
    )
    assert (answer.status_code, answer.json()) == (
        413,
        {
            "error": "Payload Too Large",
            "message": "Request body is too large: at most 1000000 bytes",
            "code": "PAYLOAD_TOO_LARGE",
        },
    )


async def test_what_is_not_the_clients_doing_is_told_without_details(
    avatars: RunningAvatars,
) -> None:
    for error, status, code in (
        (CapacityExceeded("avatars at once", 50), 503, "CAPACITY_EXCEEDED"),
        (StorageUnavailable("secret-host:5432 is down"), 503, "SERVICE_UNAVAILABLE"),
        (RuntimeError("a secret"), 500, "INTERNAL_ERROR"),
    ):
        avatars.stage.create_error = error
        answer = await avatars.client.post("/session/start", json=START, headers=KEY)
        assert answer.status_code == status
        body = answer.json()
        assert (set(body), body["code"]) == ({"error", "message", "code"}, code)
        assert "secret" not in answer.text


async def test_an_unknown_path_is_told_without_a_key(avatars: RunningAvatars) -> None:
    for path in ("/", "/session", "/session/start/", "/v1/websocket/x", "/nope"):
        answer = await avatars.client.get(path)
        assert answer.status_code == 404
        body = answer.json()
        assert (body["error"], body["code"]) == ("Not Found", "ENDPOINT_NOT_FOUND")
        assert path in body["message"]


async def test_a_wrong_method_is_told_with_the_right_one(avatars: RunningAvatars) -> None:
    for method, path, allowed in (
        ("GET", "/session/start", "POST"),
        ("POST", "/session/stop", "DELETE"),
        ("GET", "/auth/session-token", "POST"),
        ("PUT", "/engine/session", "POST"),
        ("DELETE", "/engine/session/x/kill", "POST"),
    ):
        answer = await avatars.client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.json()["code"] == "METHOD_NOT_ALLOWED"


async def test_a_plain_request_to_a_websockets_path_is_told_so(avatars: RunningAvatars) -> None:
    for path in ("/v1/websocket", "/ws"):
        answer = await avatars.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (426, "UPGRADE_REQUIRED")


async def test_routes_of_others_are_served_beside(start_avatars: Any) -> None:
    page = Route("/watch/{session_id}", lambda request: PlainTextResponse("a page"))
    avatars = await start_avatars(routes=[page])
    assert (await avatars.client.get("/watch/s1")).text == "a page"


async def test_a_session_is_stopped_by_key_and_token(avatars: RunningAvatars) -> None:
    started = await avatars.start()
    body = {name: started[name] for name in ("session_id", "session_token")}
    assert await stop(avatars, body, x_api_key=API_KEY) == (
        200,
        {"status": "success", "message": "Session terminated successfully"},
    )
    session = await avatars.parts.sessions.get(started["session_id"])
    assert (session.status, session.end_reason) == (Status.STOPPED, EndReason.CLIENT_STOPPED)
    assert await stop(avatars, body, x_api_key=API_KEY) == (404, NOT_FOUND)


async def test_the_token_may_be_in_the_header_with_a_key_or_alone(avatars: RunningAvatars) -> None:
    for key in ({"x_api_key": API_KEY}, {}):
        started = await avatars.start()
        shown = bearer(started["session_token"])
        body = {"session_id": started["session_id"]}
        assert (await stop(avatars, body, **shown, **key))[0] == 200
        assert await stop(avatars, body, **shown, **key) == (404, NOT_FOUND)


async def test_a_stop_names_what_is_missing_or_wrong(avatars: RunningAvatars) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "Missing required fields: session_id, session_token"),
        ({"session_token": "t"}, "Missing required field: session_id"),
        ({"session_id": UNKNOWN}, "Missing required field: session_token"),
        ({"session_id": "", "session_token": "t"}, "Invalid value for session_id: must not be em"),
        ({"session_id": 5, "session_token": "t"}, "Invalid value for session_id: must be a str"),
    ]
    for body, said in cases:
        status, error = await stop(avatars, body, x_api_key=API_KEY)
        assert (status, error["code"]) == (400, "VALIDATION_ERROR")
        assert error["message"].startswith(said)


async def test_a_live_session_is_not_stopped_by_the_key_alone(avatars: RunningAvatars) -> None:
    started = await avatars.start()
    status, error = await stop(avatars, {"session_id": started["session_id"]}, x_api_key=API_KEY)
    assert (status, error["message"]) == (400, "Missing required field: session_token")


async def test_by_the_key_alone_a_stale_session_is_not_found(avatars: RunningAvatars) -> None:
    started = await avatars.start()
    await avatars.stage.stop(started["session_id"])
    body = {"session_id": started["session_id"]}
    assert await stop(avatars, body, x_api_key=API_KEY) == (404, NOT_FOUND)


async def test_a_session_that_never_was_is_not_found(avatars: RunningAvatars) -> None:
    for session_id in (UNKNOWN, "x", "\u0000"):
        body = {"session_id": session_id, "session_token": "whatever"}
        assert await stop(avatars, body, x_api_key=API_KEY) == (404, NOT_FOUND)


async def test_a_token_stops_its_own_session_only(avatars: RunningAvatars) -> None:
    one, other = await avatars.start(), await avatars.start()
    for token in (other["session_token"], "a.b.c", "nonsense"):
        body = {"session_id": one["session_id"], "session_token": token}
        status, error = await stop(avatars, body, x_api_key=API_KEY)
        assert (status, error["code"]) == (401, "INVALID_SESSION_TOKEN")
    shown = bearer(other["session_token"])
    status, error = await stop(avatars, {"session_id": one["session_id"]}, **shown)
    assert (status, error["code"]) == (401, "INVALID_SESSION_TOKEN")
    status, error = await stop(avatars, {"session_id": one["session_id"]}, **bearer("a.b.c"))
    assert (status, error["code"]) == (401, "INVALID_SESSION_TOKEN")
    assert not (await avatars.parts.sessions.get(one["session_id"])).ended


async def test_sessions_are_seen_by_their_own_tenant_only(avatars: RunningAvatars) -> None:
    key = (await avatars.keys.create("another"))[1]
    started = await avatars.start(key)
    body = {name: started[name] for name in ("session_id", "session_token")}
    assert await stop(avatars, body, x_api_key=API_KEY) == (404, NOT_FOUND)
    assert (await stop(avatars, body, x_api_key=key))[0] == 200


async def test_sessions_of_other_apis_do_not_exist_here(avatars: RunningAvatars) -> None:
    session = await avatars.parts.sessions.create(api="commerce", tenant="default", settings={})
    token, _ = avatars.parts.tokens.sign(session.id, "default")
    body = {"session_id": session.id, "session_token": token}
    assert await stop(avatars, body, x_api_key=API_KEY) == (404, NOT_FOUND)

"""What the bodies of both contracts may hold, and what is said of what they may not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from greenroom.api.agora_avatar.models import StartSession
from greenroom.api.anam.models import SessionTokenRequest
from greenroom.api.avatars.bodies import read
from greenroom.api.avatars.errors import WireError, wire_error
from greenroom.api.bodies import Body
from greenroom.api.endpoint import Call
from greenroom.api.http import HttpRequest
from greenroom.errors import ClientError
from greenroom.settings import ServerSettings
from greenroom.stage.ports import AgoraChannel, AvatarOrder
from support.avatars import START, TOKEN_REQUEST

MISSING = object()
AGORA = ("app_id", "token", "channel", "enable_string_uid", "uid")


async def read_bytes(body: bytes, model: type[Body]) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    return await read(Call(HttpRequest({}, receive), ServerSettings()), model)


async def refusal(body: Any, model: type[Body]) -> WireError:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(ClientError) as refused:
        await read_bytes(sent, model)
    return wire_error(refused.value)


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a dotted path, or without one."""
    copied = copy.deepcopy(body)
    *parents, last = path.split(".")
    place = copied
    for parent in parents:
        place = place[parent]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return copied


async def test_the_contracts_own_request_is_an_order() -> None:
    asked = await read_bytes(json.dumps(START).encode(), StartSession)
    assert asked.order() == AvatarOrder(
        avatar_id="16cb73e7de08",
        quality="high",
        codec="H264",
        idle_timeout=120,
        channel=AgoraChannel("dllkSlkdmmppollalepls", "lkmmopplek", "room1", "333"),
    )


async def test_the_two_step_contracts_own_request_is_an_order() -> None:
    asked = await read_bytes(json.dumps(TOKEN_REQUEST).encode(), SessionTokenRequest)
    assert asked.order() == AvatarOrder(
        avatar_id="16cb73e7de08",
        quality="high",
        codec="H264",
        idle_timeout=120,
        channel=AgoraChannel("your-app-id", "your-token", "room1", "333"),
        extra={"cluster": "", "pod": ""},
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("activity_idle_timeout", 0),
        ("activity_idle_timeout", 0.5),
        ("activity_idle_timeout", 86_400),
        ("activity_idle_timeout", MISSING),
        ("activity_idle_timeout", None),
        ("agora_settings.uid", "0"),
        ("agora_settings.uid", "4294967295"),
        ("agora_settings.token", "dllkSlkdmmppollalepls"),
        ("quality", "low"),
        ("quality", "medium"),
        ("video_encoding", "VP8"),
        ("video_encoding", "AV1"),
        ("unknown", {"fields": ["are", "ignored"]}),
    ],
)
async def test_a_fitting_value_is_taken(path: str, value: Any) -> None:
    body = changed({**START, "unknown": 1}, path, value)
    assert await read_bytes(json.dumps(body).encode(), StartSession)


async def test_a_timeout_that_is_not_given_is_two_minutes() -> None:
    one = changed(START, "activity_idle_timeout", MISSING)
    two = changed(TOKEN_REQUEST, "environment.agoraSettings.activityIdleTimeout", MISSING)
    assert (await read_bytes(json.dumps(one).encode(), StartSession)).order().idle_timeout == 120
    asked = await read_bytes(json.dumps(two).encode(), SessionTokenRequest)
    assert asked.order().idle_timeout == 120


async def test_a_uid_may_be_a_name_where_that_is_said() -> None:
    body = changed(START, "agora_settings.enable_string_uid", True)
    body["agora_settings"]["uid"] = "anna"
    asked = await read_bytes(json.dumps(body).encode(), StartSession)
    assert asked.order().channel.string_uid


@pytest.mark.parametrize(
    "path",
    ["avatar_id", "quality", "version", "video_encoding", "agora_settings"]
    + [f"agora_settings.{name}" for name in AGORA],
)
@pytest.mark.parametrize("value", [MISSING, None])
async def test_a_missing_field_is_named(path: str, value: Any) -> None:
    error = await refusal(changed(START, path, value), StartSession)
    assert error.status == 400
    assert error.body() == {
        "error": "Invalid request",
        "message": f"Missing required field: {path}",
        "code": "VALIDATION_ERROR",
    }


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, "avatar_id, quality, version, video_encoding, agora_settings"),
        (b"", "avatar_id, quality, version, video_encoding, agora_settings"),
        (
            {**START, "quality": None, "version": "v2", "agora_settings": {"uid": "1"}},
            ", ".join(["quality", *(f"agora_settings.{name}" for name in AGORA if name != "uid")]),
        ),
    ],
)
async def test_all_that_is_missing_is_named_at_once(body: Any, names: str) -> None:
    error = await refusal(body, StartSession)
    assert error.message == f"Missing required fields: {names}"


LEAVES = [
    "personaConfig.avatarId",
    *(
        f"environment.agoraSettings.{name}"
        for name in (
            "appId",
            "token",
            "channel",
            "enableStringUids",
            "uid",
            "quality",
            "videoEncoding",
        )
    ),
]


@pytest.mark.parametrize("path", LEAVES)
async def test_the_two_step_contract_names_what_is_missing_too(path: str) -> None:
    error = await refusal(changed(TOKEN_REQUEST, path, MISSING), SessionTokenRequest)
    assert error.message == f"Missing required field: {path}"


@pytest.mark.parametrize("body", [{}, {"environment": None}, {"environment": {}}])
async def test_fields_are_missing_not_the_objects_that_hold_them(body: Any) -> None:
    error = await refusal(body, SessionTokenRequest)
    assert error.message == f"Missing required fields: {', '.join(LEAVES)}"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("avatar_id", "", "must not be empty"),
        ("avatar_id", 5, "must be a string"),
        ("avatar_id", "x" * 257, "must have at most 256 characters"),
        ("quality", "ultra", "is not supported; must be one of: low, medium, high"),
        ("quality", "HIGH", "is not supported; must be one of: low, medium, high"),
        ("quality", 1, "is not supported; must be one of: low, medium, high"),
        ("version", "v2", "is not supported; must be one of: v1"),
        ("version", "", "is not supported; must be one of: v1"),
        ("video_encoding", "VP9", "is not supported; must be one of: H264, VP8, AV1"),
        ("activity_idle_timeout", -1, "must be at least 0"),
        ("activity_idle_timeout", 86_401, "must be at most 86400"),
        ("activity_idle_timeout", "120", "must be a number"),
        ("activity_idle_timeout", True, "must be a number"),
        ("activity_idle_timeout", [], "must be a number"),
        ("activity_idle_timeout", float("nan"), "must be a finite number"),
        ("activity_idle_timeout", float("inf"), "must be a finite number"),
        ("agora_settings", "room1", "must be an object"),
        ("agora_settings", [], "must be an object"),
        ("agora_settings.app_id", "", "must not be empty"),
        ("agora_settings.token", "", "must not be empty"),
        ("agora_settings.token", "x" * 8_193, "must have at most 8192 characters"),
        ("agora_settings.channel", ["room1"], "must be a string"),
        ("agora_settings.uid", 333, "must be a string"),
        ("agora_settings.uid", "anna", "must be a number from 0 to 4294967295, as a string"),
        ("agora_settings.uid", "4294967296", "must be a number from 0 to 4294967295, as a string"),
        ("agora_settings.uid", "9" * 200, "must be a number from 0 to 4294967295, as a string"),
        ("agora_settings.uid", "-1", "must be a number from 0 to 4294967295, as a string"),
        ("agora_settings.uid", "\u0663", "must be a number from 0 to 4294967295, as a string"),
        ("agora_settings.enable_string_uid", "false", "must be true or false"),
        ("agora_settings.enable_string_uid", 0, "must be true or false"),
    ],
)
async def test_a_wrong_value_is_named_with_what_would_be_right(
    path: str, value: Any, said: str
) -> None:
    error = await refusal(changed(START, path, value), StartSession)
    assert (error.status, error.code) == (400, "VALIDATION_ERROR")
    assert error.message == f"Invalid value for {path}: {said}"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("environment.agoraSettings.quality", "best", "is not supported; must be one of: low, "),
        ("environment.agoraSettings.activityIdleTimeout", -0.1, "must be at least 0"),
        ("environment.agoraSettings.enableStringUids", "no", "must be true or false"),
        ("environment.agoraSettings.uid", "x", "must be a number from 0 to "),
        ("environment.agoraSettings", 3, "must be an object"),
        ("environment", "prod", "must be an object"),
        ("personaConfig", [], "must be an object"),
        ("environment.cluster", 3, "must be a string"),
        ("environment.podName", "x" * 300, "must have at most 256 characters"),
    ],
)
async def test_the_two_step_contract_names_what_is_wrong_too(
    path: str, value: Any, said: str
) -> None:
    error = await refusal(changed(TOKEN_REQUEST, path, value), SessionTokenRequest)
    assert error.message.startswith(f"Invalid value for {path}: {said}")


@pytest.mark.parametrize("body", [b"{", b"hello", b"\xff\xfe", b"[" * 5_000, b"{'a': 1}"])
async def test_what_is_not_json_is_told_apart(body: bytes) -> None:
    error = await refusal(body, StartSession)
    assert error.body() == {
        "error": "Invalid request",
        "message": "Request body is not valid JSON",
        "code": "INVALID_JSON",
    }


@pytest.mark.parametrize("body", [b"[]", b"null", b"3", b'"text"'])
async def test_a_body_is_an_object(body: bytes) -> None:
    error = await refusal(body, StartSession)
    assert error.message == "Invalid value for body: must be an object"
    assert error.code == "VALIDATION_ERROR"

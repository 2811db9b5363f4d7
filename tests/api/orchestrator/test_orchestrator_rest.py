"""REST of contract 001, on a real server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from greenroom.api.orchestrator.models import EndSession, StartSession
from greenroom.errors import CapacityExceeded, InvalidInput
from greenroom.rooms.errors import RoomsFailed
from greenroom.sessions.errors import StorageUnavailable
from greenroom.settings import OrchestratorSettings
from greenroom.speech.ports import VOICES
from greenroom.workers.order import AgentOrder
from greenroom.workers.ports import NoCapacity, PlacementFailed
from support.orchestrator_api import RunningOrchestrator, code_of, orchestrator_port

START, END, HOOK = "/api/session/start", "/api/session/end", "/webhook/livekit"
GREETING = OrchestratorSettings().greeting
ALL = ", ".join(VOICES)
FIELDS = [*StartSession.model_fields, *EndSession.model_fields, "event", "room", "participant"]
NAMES = st.sampled_from(FIELDS) | st.text(max_size=4)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


async def refused(
    orchestrator: RunningOrchestrator, path: str, body: Any, status: int = 400
) -> str:
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = await orchestrator.client.post(path, **content)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["detail"]
    detail: str = answer.json()["detail"]
    return detail


# -- start -----------------------------------------------------------------------------------------


async def test_a_start_answers_as_documented(orchestrator: RunningOrchestrator) -> None:
    started = await orchestrator.start(
        voiceId="Craig",
        openingLine="Hi there! Ready to help.",
        systemPrompt="You are a friendly tech support agent.",
        unknown="is ignored",
    )
    ((session_id, (order, tenant)),) = orchestrator.sessions.started.items()
    assert started == {
        "success": True,
        "sessionId": session_id,
        "token": "the token of user123",
        "serverUrl": "ws://127.0.0.1:7880",
        "roomName": session_id,
        "message": "Session created. Voice agent is being spawned.",
    }
    assert list(started)[1:5] == ["sessionId", "token", "serverUrl", "roomName"]
    assert tenant == "default"
    assert order == AgentOrder(
        "user123", "Craig", "Hi there! Ready to help.", "You are a friendly tech support agent."
    )


async def test_what_is_left_out_or_null_or_empty_is_the_documented_default(
    orchestrator: RunningOrchestrator,
) -> None:
    for left_out in (
        {},
        dict.fromkeys(("voiceId", "openingLine", "systemPrompt")),
        {"openingLine": " ", "systemPrompt": ""},
    ):
        await orchestrator.start(**left_out)
    orders = [order for order, _ in orchestrator.sessions.started.values()]
    assert orders == [AgentOrder("user123", "Ashley", GREETING, "")] * 3


async def test_the_defaults_can_be_set(start_orchestrator: Any) -> None:
    for own, voice in (("Wendy", "Wendy"), ("a voice of a provider's own", "Ashley")):
        orchestrator = await start_orchestrator(
            providers={"voice": own}, orchestrator={"greeting": "Welcome to ACME."}
        )
        await orchestrator.start()
        ((order, _),) = orchestrator.sessions.started.values()
        assert (order.voice, order.opening_line) == (voice, "Welcome to ACME.")


async def test_a_body_that_does_not_come_ends_the_connection(start_orchestrator: Any) -> None:
    orchestrator = await start_orchestrator(server={"handshake_timeout": 0.05})
    reader, writer = await asyncio.open_connection(*urlsplit(orchestrator.url).netloc.split(":"))
    writer.write(
        f"POST {START} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{{".encode()
    )
    async with asyncio.timeout(5):
        answer = (await reader.read()).lower()
    assert answer.startswith(b"http/1.1 400")
    assert b"connection: close" in answer
    assert b"body did not arrive; allowed: all of it within 0.05 s" in answer
    writer.close()
    await writer.wait_closed()


BAD_STARTS: list[tuple[Any, str]] = [
    (b"", "userName is missing"),
    ({}, "userName is missing"),
    ({"userName": None}, "userName is missing"),
    ({"userName": ""}, "userName must not be empty"),
    ({"userName": " \n"}, "userName must not be empty"),
    ({"userName": 7}, "userName must be a string"),
    ({"userName": ["a"]}, "userName must be a string"),
    ({"userName": "u" * 129}, "userName must have at most 128 characters"),
    ({"userName": "u", "voiceId": "Bob"}, f"voiceId is no voice; allowed: {ALL}"),
    ({"userName": "u", "voiceId": ""}, f"voiceId is no voice; allowed: {ALL}"),
    ({"userName": "u", "voiceId": "ashley"}, f"voiceId is no voice; allowed: {ALL}"),
    ({"userName": "u", "voiceId": {}}, "voiceId must be a string"),
    ({"userName": "u", "openingLine": 1.5}, "openingLine must be a string"),
    (
        {"userName": "u", "openingLine": "o" * 1_001},
        "openingLine must have at most 1000 characters",
    ),
    ({"userName": "u", "systemPrompt": False}, "systemPrompt must be a string"),
    (
        {"userName": "u", "systemPrompt": "p" * 20_001},
        "systemPrompt must have at most 20000 characters",
    ),
    ([], "body must be an object"),
    ("userName", "body must be an object"),
    (b"userName=test", "body is not valid JSON; allowed: a JSON object"),
    (b'{"userName": "test"', "body is not valid JSON; allowed: a JSON object"),
    (b'{"userName": "\xff"}', "body is not valid JSON; allowed: a JSON object"),
]


async def test_bad_input_is_refused_in_words(orchestrator: RunningOrchestrator) -> None:
    for body, detail in BAD_STARTS:
        assert await refused(orchestrator, START, body) == detail
    assert orchestrator.sessions.started == {}


async def test_a_body_that_is_too_large_is_refused(start_orchestrator: Any) -> None:
    orchestrator = await start_orchestrator(server={"max_body_bytes": 1_000})
    detail = await refused(orchestrator, START, b" " * 1_001, 413)
    assert detail == "Request body is too large: at most 1000 bytes"


FAILED_STARTS: list[tuple[Exception, int, str]] = [
    (
        RoomsFailed("api_key and api_secret must be set"),
        500,
        "LiveKit token generation failed: api_key and api_secret must be set",
    ),
    (
        PlacementFailed("the broker does not answer"),
        503,
        "Failed to queue voice agent spawn task: the broker does not answer",
    ),
    (StorageUnavailable("host:5432"), 503, "The server can't keep sessions now; try again"),
    (CapacityExceeded("sessions", 0), 503, "No more sessions are taken; try again later"),
    (
        CapacityExceeded("rooms", 9),
        503,
        "Too much at once: at most 9 rooms; try again later",
    ),
    (InvalidInput("voiceId", "is no voice"), 400, "voiceId is no voice"),
    (KeyError("a defect"), 500, "Something went wrong on the server"),
]


async def test_a_start_that_fails_says_why_as_documented(
    orchestrator: RunningOrchestrator,
) -> None:
    for error, status, detail in FAILED_STARTS:
        orchestrator.sessions.error = error
        assert await refused(orchestrator, START, {"userName": "u"}, status) == detail
    # And the next one is served.
    await orchestrator.start()


async def test_who_comes_when_all_places_are_taken_is_told_when_to_come_again(
    orchestrator: RunningOrchestrator,
) -> None:
    orchestrator.sessions.error = NoCapacity("sessions of one user", 20, 5)
    answer = await orchestrator.client.post(START, json={"userName": "u"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {
        "detail": "Too much at once: at most 20 sessions of one user; try again in 5 s"
    }


# -- end -------------------------------------------------------------------------------------------


async def test_an_end_answers_as_documented_and_again_the_same(
    orchestrator: RunningOrchestrator,
) -> None:
    session_id = (await orchestrator.start())["sessionId"]
    answers = [
        await orchestrator.client.post(END, json={"sessionId": session_id}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (
        answers[0].json()
        == answers[1].json()
        == {
            "success": True,
            "message": f"Session {session_id} ended and cleaned up",
            "details": {
                "session_id": session_id,
                "celery_task_revoked": False,
                "process_killed": True,
                "redis_cleaned": False,
                "errors": [],
                "durationSeconds": 125,
                "durationMinutes": 3,
            },
        }
    )


async def test_what_could_not_be_done_is_told(orchestrator: RunningOrchestrator) -> None:
    session_id = (await orchestrator.start())["sessionId"]
    orchestrator.sessions.errors = ("Redis does not answer",)
    answer = await orchestrator.client.post(END, json={"sessionId": session_id})
    assert answer.json()["details"]["errors"] == ["Redis does not answer"]


BAD_ENDS: list[tuple[Any, int, str]] = [
    ({"sessionId": "session_123"}, 404, "Session session_123 not found"),
    ({"sessionId": "s" * 128}, 404, f"Session {'s' * 128} not found"),
    ({"sessionId": "s" * 129}, 400, "sessionId must have at most 128 characters"),
    ({"sessionId": ""}, 400, "sessionId must not be empty"),
    ({"sessionId": 123}, 400, "sessionId must be a string"),
    ({"session_id": "session_123"}, 400, "sessionId is missing"),
    (b"", 400, "sessionId is missing"),
    (b"session_123", 400, "body is not valid JSON; allowed: a JSON object"),
]


async def test_what_is_no_session_can_not_be_ended(orchestrator: RunningOrchestrator) -> None:
    for body, status, detail in BAD_ENDS:
        assert await refused(orchestrator, END, body, status) == detail
    assert orchestrator.sessions.ended == []


FAILED_ENDS: list[tuple[Exception, int, str]] = [
    (PlacementFailed("Redis is away"), 500, "Failed to end session: Redis is away"),
    (RoomsFailed("no answer"), 500, "Failed to end session: no answer"),
    (StorageUnavailable("host:5432"), 503, "The server can't keep sessions now; try again"),
    (RuntimeError("a defect"), 500, "Something went wrong on the server"),
]


async def test_an_end_that_fails_says_why_as_documented(
    orchestrator: RunningOrchestrator,
) -> None:
    for error, status, detail in FAILED_ENDS:
        orchestrator.sessions.error = error
        assert await refused(orchestrator, END, {"sessionId": "session_123"}, status) == detail


# -- the rest --------------------------------------------------------------------------------------


async def test_the_root_says_what_is_served(orchestrator: RunningOrchestrator) -> None:
    answer = await orchestrator.client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "service": "Voice Assistant Orchestrator",
        "status": "running",
        "version": "2.0.0",
        "type": "Python FastAPI",
        "features": ["session_tracking", "cleanup", "livekit_webhooks"],
    }


async def test_another_method_or_path_is_refused_in_the_contracts_form(
    orchestrator: RunningOrchestrator,
) -> None:
    wrong = await orchestrator.client.get(START)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert wrong.json() == {"detail": "Method GET is not allowed; allowed: POST"}
    for path in ("/api/session", "/api/session/start/", "/nowhere", "/docs/scripts/no.js/x"):
        nowhere = await orchestrator.client.post(path, json={})
        assert (nowhere.status_code, list(nowhere.json())) == (404, ["detail"]), path
    assert nowhere.json()["detail"].startswith("Nothing is served at /docs/scripts/no.js/x")
    with pytest.raises(InvalidStatus) as error:
        async with connect(orchestrator.url.replace("http", "ws", 1) + "/ws", proxy=None):
            pass
    assert error.value.response.status_code == 404


def test_garbage_is_refused_in_the_contracts_form(data_dir: Path) -> None:
    port, sessions = orchestrator_port(data_dir)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(port.app()), base_url="http://127.0.0.1"
    )
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
        max_leaves=6,
    )

    @settings(max_examples=80, deadline=None, database=None)
    @given(st.sampled_from([START, END, HOOK]), st.binary(max_size=60) | values.map(as_json))
    def check(path: str, body: bytes) -> None:
        headers = {"x-livekit-signature": code_of(body)} if path == HOOK else {}
        answer = runner.run(client.post(path, content=body, headers=headers))
        if answer.status_code != 200:
            assert answer.status_code in {400, 404}
            assert list(answer.json()) == ["detail"]
            assert isinstance(answer.json()["detail"], str)

    with asyncio.Runner() as runner:
        check()
        runner.run(client.aclose())
    assert all(order.user_name.strip() for order, _ in sessions.started.values())

"""REST of contract 003, on a real server."""

from __future__ import annotations

import asyncio
import io
import wave
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from greenroom.api.duplex.samples import VoiceSamples
from greenroom.audio.pcm import Pcm
from greenroom.duplex.ports import Said, Sampling, TrackedSession
from greenroom.duplex.voices import VOICES
from greenroom.errors import CapacityExceeded, InvalidInput, ProviderFailed
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import EndReason, Status
from support.duplex_api import NOW, VOICE, RunningDuplex

PROMPT = "You are a collaborative planning assistant."
FIELDS = [
    "session_id",
    "status",
    "voice_prompt",
    "text_prompt",
    "transcript",
    "created_at",
    "started_at",
    "ended_at",
    "websocket_url",
    "duration_seconds",
    "full_transcript",
    "word_count",
    "end_reason",
    "metadata",
]
TRANSCRIPT = (
    Said("ai", "Hello! What would you like to build today?", 0.0),
    Said("user", "I want to make a real-time dashboard for IoT sensors", 2.3),
    Said("ai", "That sounds great! What kind of sensors?", 5.1),
)


async def refused(duplex: RunningDuplex, body: Any) -> str:
    answer = await duplex.client.post("/api/sessions/start", json=body)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["error"]
    error: str = answer.json()["error"]
    return error


# -- start -----------------------------------------------------------------------------------------


async def test_a_session_is_made_with_the_documented_defaults(duplex: RunningDuplex) -> None:
    body = await duplex.start(text_prompt=PROMPT)
    assert list(body) == FIELDS
    session_id = body["session_id"]
    assert body == {
        "session_id": session_id,
        "status": "waiting",
        "voice_prompt": VOICE,
        "text_prompt": PROMPT,
        "transcript": [],
        "created_at": "2026-02-15T10:30:00+00:00",
        "started_at": None,
        "ended_at": None,
        "websocket_url": "/api/chat?voice_prompt=NATF2.pt&text_prompt=You%20are%20a%20collaborative"
        f"%20planning%20assistant.&session_id={session_id}",
        "duration_seconds": None,
        "full_transcript": "",
        "word_count": 0,
        "end_reason": None,
        "metadata": {},
    }
    (order,) = duplex.sessions.orders
    assert order.persona.sampling == Sampling(0.7, 0.8, 25, 250, None)
    assert (order.webhook_url, order.recording, order.metadata) == ("", None, {})


async def test_all_that_can_be_asked_for_is_kept(duplex: RunningDuplex) -> None:
    body = await duplex.start(
        text_prompt="",
        text_temperature=2,
        audio_temperature=0.01,
        text_topk=1,
        audio_topk=100_000,
        seed=7,
        webhook_url="https://example.com/told",
        recording=True,
        metadata={"ticket": "42"},
        unknown="is ignored",
    )
    (order,) = duplex.sessions.orders
    assert order.persona.sampling == Sampling(2.0, 0.01, 1, 100_000, 7)
    assert order.webhook_url == "https://example.com/told"
    assert (order.recording, order.metadata) == (True, {"ticket": "42"})
    assert body["metadata"] == {"ticket": "42"}


async def test_null_is_as_good_as_missing_and_no_seed_may_be_written_as_minus_one(
    duplex: RunningDuplex,
) -> None:
    await duplex.start(text_prompt=None, text_topk=None, seed=-1, recording=None, metadata=None)
    (order,) = duplex.sessions.orders
    assert order.persona.sampling == Sampling()


@pytest.mark.parametrize(
    ("voice", "problem"),
    [
        ({}, "is missing"),
        ({"voice_prompt": None}, "is missing"),
        ({"voice_prompt": ""}, "must not be empty"),
        ({"voice_prompt": 7}, "must be a string"),
        ({"voice_prompt": "NATF9.pt"}, "is no voice"),
        ({"voice_prompt": "natf2.pt"}, "is no voice"),
        ({"voice_prompt": "../NATF2.pt"}, "must be a bare file name, without a path"),
        ({"voice_prompt": "voices\\NATF2.pt"}, "must be a bare file name, without a path"),
    ],
)
async def test_a_voice_that_is_none_is_refused_with_the_known_ones(
    duplex: RunningDuplex, voice: dict[str, Any], problem: str
) -> None:
    error = await refused(duplex, voice)
    assert error == f"voice_prompt {problem}; allowed: {', '.join(VOICES)}"
    assert duplex.sessions.orders == []


async def test_values_out_of_range_or_of_another_type_are_refused(duplex: RunningDuplex) -> None:
    for field, value, problem in (
        ("text_temperature", 0, "must be more than 0"),
        ("text_temperature", -1, "must be more than 0"),
        ("audio_temperature", 2.01, "must be at most 2"),
        ("audio_temperature", "0.8", "must be a number"),
        ("audio_temperature", True, "must be a number"),
        ("text_topk", 0, "must be at least 1"),
        ("text_topk", 2.5, "must be a whole number"),
        ("text_topk", "25", "must be a whole number"),
        ("audio_topk", 10**6, "must be at most 100000"),
        ("audio_topk", False, "must be a whole number"),
        ("seed", -2, "must be at least -1"),
        ("text_prompt", ["a"], "must be a string"),
        ("text_prompt", "a" * 20_001, "must have at most 20000 characters"),
        ("webhook_url", 1, "must be a string"),
        ("recording", "yes", "must be true or false"),
        ("metadata", [], "must be an object"),
        ("metadata", {str(n): "" for n in range(33)}, "must have at most 32 entries"),
    ):
        assert await refused(duplex, {"voice_prompt": VOICE, field: value}) == f"{field} {problem}"
    error = await refused(duplex, {"voice_prompt": VOICE, "metadata": {"a": 1}})
    assert error == "metadata.a must be a string"


async def test_bodies_that_are_no_objects_are_refused(duplex: RunningDuplex) -> None:
    for content in (b"{", b"\xff"):
        answer = await duplex.client.post("/api/sessions/start", content=content)
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": "body is not valid JSON; allowed: a JSON object"},
        )
    content = b'{"voice_prompt": "NATF2.pt", "text_temperature": NaN}'
    answer = await duplex.client.post("/api/sessions/start", content=content)
    assert answer.json() == {"error": "text_temperature must be a finite number"}
    assert await refused(duplex, [1]) == "body must be an object"
    assert "allowed: NATF0.pt" in (await refused(duplex, {}))
    long = await duplex.client.post("/api/sessions/start", json={"text_prompt": "a" * 1_000_001})
    assert long.status_code == 413
    assert long.json() == {"error": "Request body is too large: at most 1000000 bytes"}


async def test_a_long_prompt_is_kept_whole_and_repeated_in_part(duplex: RunningDuplex) -> None:
    prompt = "ä & ö? " * 2_000
    body = await duplex.start(text_prompt=prompt)
    assert body["text_prompt"] == prompt
    url = body["websocket_url"]
    assert len(url) < 30_000
    assert parse_qs(urlsplit(url).query)["text_prompt"] == [prompt[:2_000].strip()]


async def test_what_sessions_refuse_is_told(duplex: RunningDuplex) -> None:
    for error, status, told in (
        (InvalidInput("webhook_url", "is private"), 400, "webhook_url is private"),
        (
            CapacityExceeded("sessions", 5),
            503,
            "Too much at once: at most 5 sessions; try again later",
        ),
        (CapacityExceeded("sessions", 0), 503, "No more sessions are taken; try again later"),
        (StorageUnavailable("disk"), 503, "The server can't keep sessions now; try again"),
        (ProviderFailed("x:", "secret"), 503, "The model can't be reached"),
        (RuntimeError("a defect"), 500, "Something went wrong on the server"),
    ):
        duplex.sessions.error = error
        answer = await duplex.client.post("/api/sessions/start", json={"voice_prompt": VOICE})
        assert (answer.status_code, answer.json()) == (status, {"error": told})


# -- get, stop, list -------------------------------------------------------------------------------


async def test_a_session_is_shown_with_its_transcript_and_computed_fields(
    duplex: RunningDuplex,
) -> None:
    session_id = (await duplex.start())["session_id"]
    tracked = duplex.sessions.kept[session_id]
    duplex.sessions.change(tracked, status=Status.ACTIVE, started_at=NOW + timedelta(seconds=2))
    duplex.sessions.say(session_id, *TRANSCRIPT)
    live = (await duplex.client.get(f"/api/sessions/{session_id}")).json()
    assert (live["status"], live["duration_seconds"], live["ended_at"]) == ("active", None, None)
    assert live["started_at"] == "2026-02-15T10:30:02+00:00"
    assert live["transcript"] == [
        {"speaker": "ai", "text": "Hello! What would you like to build today?", "t": 0.0},
        {
            "speaker": "user",
            "text": "I want to make a real-time dashboard for IoT sensors",
            "t": 2.3,
        },
        {"speaker": "ai", "text": "That sounds great! What kind of sensors?", "t": 5.1},
    ]
    assert live["full_transcript"] == (
        "AI: Hello! What would you like to build today?\n"
        "User: I want to make a real-time dashboard for IoT sensors\n"
        "AI: That sounds great! What kind of sensors?"
    )
    assert live["word_count"] == 25
    duplex.sessions.end(session_id, EndReason.DISCONNECTED, Status.COMPLETED)
    ended = (await duplex.client.get(f"/api/sessions/{session_id}")).json()
    assert (ended["status"], ended["duration_seconds"]) == ("completed", 340.0)
    assert ended["ended_at"] == "2026-02-15T10:35:42+00:00"
    assert ended["end_reason"] == "disconnected"


async def test_a_long_transcript_is_shown_too(duplex: RunningDuplex) -> None:
    session_id = (await duplex.start())["session_id"]
    duplex.sessions.say(session_id, *(Said("ai", "one two", float(n)) for n in range(1_000)))
    body = (await duplex.client.get(f"/api/sessions/{session_id}")).json()
    assert (len(body["transcript"]), body["word_count"]) == (1_000, 2_000)
    text = (await duplex.client.get(f"/api/sessions/{session_id}/transcript?format=txt")).text
    assert text.count("AI: one two\n") == 1_000


async def test_a_session_that_failed_is_shown_as_stopped_with_its_reason(
    duplex: RunningDuplex,
) -> None:
    session_id = (await duplex.start())["session_id"]
    duplex.sessions.end(session_id, EndReason.AGENT_FAILED, Status.FAILED)
    body = (await duplex.client.get(f"/api/sessions/{session_id}")).json()
    assert (body["status"], body["end_reason"]) == ("stopped", "agent_failed")
    answer = await duplex.client.post(f"/api/sessions/{session_id}/stop")
    assert answer.json() == {"error": "Session is already stopped"}


async def test_unknown_sessions_are_not_found(duplex: RunningDuplex) -> None:
    get, post = duplex.client.get, duplex.client.post
    for answer in (
        await get("/api/sessions/a1b2c3d4"),
        await get("/api/sessions/start"),
        await get("/api/sessions/" + "x" * 500),
        await post("/api/sessions/a1b2c3d4/stop"),
        await get("/api/sessions/a1b2c3d4/transcript"),
        await get("/api/sessions/a1b2c3d4/recording"),
        await post("/api/sessions/a1b2c3d4/messages", json={"text": "hi"}),
    ):
        if answer.request.url.path == "/api/sessions/start":
            assert answer.status_code == 405
        else:
            assert (answer.status_code, answer.json()) == (404, {"error": "Session not found"})


async def test_a_session_is_stopped_once(duplex: RunningDuplex) -> None:
    session_id = (await duplex.start())["session_id"]
    stopped = await duplex.client.post(f"/api/sessions/{session_id}/stop")
    assert stopped.status_code == 200
    assert list(stopped.json()) == FIELDS
    assert stopped.json()["status"] == "stopped"
    again = await duplex.client.post(f"/api/sessions/{session_id}/stop")
    assert (again.status_code, again.json()) == (400, {"error": "Session is already stopped"})
    other = (await duplex.start())["session_id"]
    duplex.sessions.end(other, EndReason.DISCONNECTED, Status.COMPLETED)
    late = await duplex.client.post(f"/api/sessions/{other}/stop")
    assert (late.status_code, late.json()) == (400, {"error": "Session is already completed"})


async def test_sessions_are_listed_newest_first_by_page_and_filter(duplex: RunningDuplex) -> None:
    ids = [(await duplex.start())["session_id"] for _ in range(3)]
    listed = (await duplex.client.get("/api/sessions")).json()
    assert [body["session_id"] for body in listed] == ids[::-1]
    assert list(listed[0]) == FIELDS
    await duplex.client.get(f"/api/sessions?limit=1&before={ids[1]}&status=completed")
    assert duplex.sessions.pages == [
        {"limit": 50, "before": None, "status": None},
        {"limit": 1, "before": ids[1], "status": "completed"},
    ]
    for query, error in (
        ("limit=0", "limit must be at least 1"),
        ("limit=51", "limit must be at most 50"),
        ("limit=many", "limit must be a whole number"),
        (
            "status=failed",
            "status is not supported; allowed: waiting, active, completed, stopped",
        ),
        ("before=nobody", "before is no session; allowed: the last session_id seen"),
    ):
        answer = await duplex.client.get(f"/api/sessions?{query}")
        assert (answer.status_code, answer.json()) == (400, {"error": error})


async def test_text_is_written_into_a_session(duplex: RunningDuplex) -> None:
    session_id = (await duplex.start())["session_id"]
    path = f"/api/sessions/{session_id}/messages"
    answer = await duplex.client.post(path, json={"text": "Ask about the budget."})
    assert (answer.status_code, answer.json()["session_id"]) == (200, session_id)
    assert duplex.sessions.typed == [(session_id, "Ask about the budget.")]
    for body, error in (
        ({}, "text is missing"),
        ({"text": ""}, "text must not be empty"),
        ({"text": "a" * 4_001}, "text must have at most 4000 characters"),
    ):
        answer = await duplex.client.post(path, json=body)
        assert (answer.status_code, answer.json()) == (400, {"error": error})
    duplex.sessions.end(session_id)
    answer = await duplex.client.post(path, json={"text": "too late"})
    assert (answer.status_code, answer.json()) == (400, {"error": "Session is already stopped"})


# -- files -----------------------------------------------------------------------------------------


async def test_a_transcript_is_exported_in_four_formats(duplex: RunningDuplex) -> None:
    session_id = (await duplex.start())["session_id"]
    duplex.sessions.say(session_id, *TRANSCRIPT[:2])
    path = f"/api/sessions/{session_id}/transcript"
    for kind, media_type in (
        ("json", "application/json"),
        ("srt", "application/x-subrip; charset=utf-8"),
        ("vtt", "text/vtt; charset=utf-8"),
        ("txt", "text/plain; charset=utf-8"),
    ):
        answer = await duplex.client.get(f"{path}?format={kind}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
        assert "What would you like to build today?" in answer.text
    assert (await duplex.client.get(path)).json()["word_count"] == 18
    wrong = await duplex.client.get(f"{path}?format=pdf")
    assert wrong.json() == {"error": "format is not supported; allowed: json, srt, vtt, txt"}


async def test_a_recording_is_served_in_parts_too(start_duplex: Any, tmp_path: Path) -> None:
    path = tmp_path / "talk.webm"
    path.write_bytes(bytes(range(100)))
    found: list[Path | None] = [path]

    async def find(tracked: TrackedSession) -> Path | None:
        assert tracked.session.id == session_id
        return found[0]

    duplex = await start_duplex(find_recording=find)
    session_id = (await duplex.start())["session_id"]
    url = f"/api/sessions/{session_id}/recording"
    whole = await duplex.client.get(url)
    assert (whole.content, whole.headers["content-type"]) == (path.read_bytes(), "video/webm")
    part = await duplex.client.get(url, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    found[0] = None
    none = await duplex.client.get(url)
    assert (none.status_code, none.json()) == (404, {"error": "Session has no recording"})


async def test_without_recordings_there_is_none(duplex: RunningDuplex) -> None:
    session_id = (await duplex.start())["session_id"]
    answer = await duplex.client.get(f"/api/sessions/{session_id}/recording")
    assert (answer.status_code, answer.json()) == (404, {"error": "Session has no recording"})


async def test_voices_are_listed_with_a_sample_that_is_made_once(start_duplex: Any) -> None:
    said: list[tuple[str, str]] = []

    async def speak(voice: str, text: str) -> tuple[Pcm, int]:
        said.append((voice, text))
        return np.arange(2_400, dtype=np.int16), 24_000

    duplex = await start_duplex(speak=speak)
    listed = (await duplex.client.get("/api/voices")).json()["voices"]
    assert [voice["name"] for voice in listed] == list(VOICES)
    assert len(listed) == 18
    url = listed[2]["sample_url"]
    answers = await asyncio.gather(*(duplex.client.get(url) for _ in range(3)))
    for answer in answers:
        assert answer.headers["content-type"] == "audio/wav"
        with wave.open(io.BytesIO(answer.content)) as file:
            assert file.getparams()[:4] == (1, 2, 24_000, 2_400)
    assert [voice for voice, _ in said] == ["NATF2.pt"]
    unknown = await duplex.client.get("/api/voices/NATF9.pt/sample")
    assert (unknown.status_code, unknown.json()) == (404, {"error": "Voice not found"})


async def test_a_sample_that_can_not_be_made_is_tried_again(start_duplex: Any) -> None:
    failures = [ProviderFailed("espeak:", "no engine")]

    async def speak(voice: str, text: str) -> tuple[Pcm, int]:
        if failures:
            raise failures.pop()
        return np.zeros(10, np.int16), 16_000

    duplex = await start_duplex(speak=speak)
    url = "/api/voices/VARM4.pt/sample"
    assert (await duplex.client.get(url)).status_code == 503
    assert (await duplex.client.get(url)).status_code == 200


async def test_a_sample_that_takes_too_long_is_given_up() -> None:
    async def speak(voice: str, text: str) -> tuple[Pcm, int]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(ProviderFailed, match="no sample within"):
        await VoiceSamples(speak, time_limit=0.01).sample("NATF0.pt")


async def test_a_model_without_samples_says_so(duplex: RunningDuplex) -> None:
    answer = await duplex.client.get("/api/voices/NATF0.pt/sample")
    assert answer.status_code == 404
    assert answer.json() == {"error": "The model has no samples of its voices"}


# -- the rest --------------------------------------------------------------------------------------


async def test_health_says_whether_the_parts_do_their_work(duplex: RunningDuplex) -> None:
    body = (await duplex.client.get("/health")).json()
    assert (body["status"], body["checks"]) == ("healthy", {"model": "healthy"})


async def test_what_is_not_served_is_told_in_the_same_form(duplex: RunningDuplex) -> None:
    for method, path, status, error in (
        ("GET", "/nowhere", 404, "Nothing is served at /nowhere"),
        ("POST", "/api", 404, "Nothing is served at /api"),
        ("DELETE", "/api/sessions", 405, "Method DELETE is not allowed; allowed: GET, HEAD"),
        ("GET", "/api/sessions/start", 405, "Method GET is not allowed; allowed: POST"),
        ("GET", "/api/chat", 426, "This path is for WebSocket connections"),
    ):
        answer = await duplex.client.request(method, path)
        assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert (await duplex.client.head("/api/voices")).status_code == 200


async def test_routes_of_others_are_served_beside(start_duplex: Any) -> None:
    route = Route("/mcp", lambda _: PlainTextResponse("theirs"), methods=["POST"])
    duplex = await start_duplex(routes=[route])
    assert (await duplex.client.post("/mcp")).text == "theirs"

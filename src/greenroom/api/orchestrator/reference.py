"""What `/docs` says of contract 001."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.api.orchestrator.models import EndSession, StartSession
from greenroom.api.orchestrator.routes import ROOT
from greenroom.api.reference.document import Operation
from greenroom.settings import OrchestratorSettings

_TAG = "Voice assistant orchestrator"
_ID = "session_1234567890_abc123"


def operations(settings: OrchestratorSettings) -> Sequence[Operation]:
    """All that is served."""
    return (
        Operation(
            "POST",
            "/api/session/start",
            _TAG,
            "Start a session",
            {
                "success": True,
                "sessionId": _ID,
                "token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
                "serverUrl": "wss://your-project.livekit.cloud",
                "roomName": _ID,
                "message": "Session created. Voice agent is being spawned.",
            },
            description="Makes a session, sends for its agent, and gives a token with which one "
            f"person joins its LiveKit room. `userName` has at most {settings.max_user_name} "
            f"characters, `openingLine` {settings.max_opening_line}, `systemPrompt` "
            f"{settings.max_prompt}.",
            request=StartSession,
            example={
                "userName": "user123",
                "voiceId": "Ashley",
                "openingLine": "Hello! How can I help you today?",
                "systemPrompt": "You are a helpful customer service agent.",
            },
            errors={
                400: _error("userName is missing"),
                401: _error("Unauthorized: send `Authorization: Bearer <token>`"),
                500: _error("LiveKit token generation failed: ..."),
                503: _error("Failed to queue voice agent spawn task: ..."),
            },
            credential="beyond loopback",
        ),
        Operation(
            "POST",
            "/api/session/end",
            _TAG,
            "End a session",
            {
                "success": True,
                "message": f"Session {_ID} ended and cleaned up",
                "details": {
                    "session_id": _ID,
                    "celery_task_revoked": True,
                    "process_killed": True,
                    "redis_cleaned": True,
                    "errors": ["..."],
                    "durationSeconds": 125,
                    "durationMinutes": 3,
                },
            },
            description="Ends it and says how long the conversation was. Asked again, it says the "
            "same.",
            request=EndSession,
            example={"sessionId": _ID},
            errors={
                400: _error("sessionId is missing"),
                401: _error("Unauthorized: send `Authorization: Bearer <token>`"),
                404: _error(f"Session {_ID} not found"),
                500: _error("Failed to end session: ..."),
                503: _error("The server can't keep sessions now; try again"),
            },
            credential="beyond loopback",
        ),
        Operation(
            "POST",
            "/webhook/livekit",
            _TAG,
            "Be told of an event in a room",
            {"status": "ok", "event": "participant_left"},
            description="For LiveKit. One of the two signatures is needed.",
            example={
                "event": "participant_left",
                "room": {"name": _ID, "id": "RM_abc123"},
                "participant": {"identity": "user_123", "id": "PA_abc123"},
            },
            errors={
                400: _error("Invalid JSON payload"),
                401: _error("Invalid webhook signature"),
            },
            headers={
                "X-LiveKit-Signature": "the hex of the body's HMAC-SHA256 by the API secret; or, "
                "in `Authorization`, a LiveKit token whose `sha256` is of the body",
            },
            credential="none",
        ),
        Operation("GET", "/", _TAG, "What is served", ROOT, credential="none"),
    )


def _error(detail: str) -> dict[str, str]:
    return {"detail": detail}

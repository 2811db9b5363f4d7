"""What the server is held against: bare Starlette routes, served as Greenroom is served.

`POST /api/sessions` checks a key, validates the same body, signs a token and stores nothing;
`POST /api/session/start` validates, signs a room's token and answers, and `/end` answers;
`WS /ws` accepts and waits. Same uvicorn settings, same protocol classes, same event loop.
"""

from __future__ import annotations

import asyncio
import hmac
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import jwt
import uvloop
from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from greenroom.app.garbage import tune_garbage_collector
from greenroom.app.server import bind, http_server
from greenroom.settings import DEVELOPMENT_API_KEY, ServerSettings

SECRET = "a secret of at least thirty-two bytes"  # noqa: S105 - signs nothing but this bench
LIFETIME_S = 3600


class Body(BaseModel):
    """The request of contract 004."""

    model_config = ConfigDict(extra="ignore")

    user_id: str | None = None
    metadata: dict[str, Any] = {}


async def create(request: Request) -> JSONResponse:
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(key.encode(), DEVELOPMENT_API_KEY.encode()):
        return JSONResponse({"error": "unauthorized"}, 401)
    body = Body.model_validate_json(await request.body())
    session_id = str(uuid.uuid4())
    expires = int(time.time()) + LIFETIME_S
    claims = {"sub": session_id, "exp": expires, "user": body.user_id}
    return JSONResponse(
        {
            "session_id": session_id,
            "token": jwt.encode(claims, SECRET, algorithm="HS256"),
            "expires_at": datetime.fromtimestamp(expires, UTC).isoformat(),
        }
    )


class Start(BaseModel):
    """The request of contract 001."""

    userName: str  # noqa: N815 - the wire's own name
    voiceId: str = "Ashley"  # noqa: N815
    openingLine: str = ""  # noqa: N815
    systemPrompt: str = ""  # noqa: N815


class End(BaseModel):
    sessionId: str  # noqa: N815 - the wire's own name


async def start(request: Request) -> JSONResponse:
    body = Start.model_validate_json(await request.body())
    now = int(time.time())
    room = f"session_{now}_{uuid.uuid4().hex}"
    claims = {
        "iss": "devkey",
        "sub": f"user_{body.userName}",
        "name": body.userName,
        "nbf": now,
        "exp": now + 2 * LIFETIME_S,
        "video": {"roomJoin": True, "room": room},
    }
    return JSONResponse(
        {
            "success": True,
            "sessionId": room,
            "token": jwt.encode(claims, SECRET, algorithm="HS256"),
            "serverUrl": "ws://127.0.0.1",
            "roomName": room,
            "message": "Session created. Voice agent is being spawned.",
        }
    )


async def end(request: Request) -> JSONResponse:
    body = End.model_validate_json(await request.body())
    message = f"Session {body.sessionId} ended and cleaned up"
    details = {"session_id": body.sessionId, "errors": [], "durationSeconds": 0}
    return JSONResponse({"success": True, "message": message, "details": details})


async def wait(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.receive_text()
            await socket.send_text("{}")
    except WebSocketDisconnect:
        return


async def serve(port: int) -> None:
    settings = ServerSettings(port=port)
    routes = [
        Route("/api/sessions", create, methods=["POST"]),
        Route("/api/session/start", start, methods=["POST"]),
        Route("/api/session/end", end, methods=["POST"]),
        WebSocketRoute("/ws", wait),
    ]
    server = http_server(Starlette(routes=routes), settings)
    tune_garbage_collector()
    await server.serve([bind(settings.host, settings.port)])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))

"""Checks POST /session/start, and the WebSocket that its answer leads to."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import os
import struct
import time
import uuid
from typing import Any

import httpx
from checks import START_REQUEST, Checks, without
from websockets.asyncio.client import connect

API_ENDPOINT = os.environ.get("API_ENDPOINT", "http://localhost:8764/session/start")
API_KEY = os.environ.get("API_KEY") or os.environ.get("TEST_API_KEY") or "test-api-key-123"

SAMPLE_RATE = 16_000
SAMPLES = SAMPLE_RATE // 2
"""Half a second."""


def start(client: httpx.Client, body: Any, key: str | None = API_KEY) -> httpx.Response:
    """Ask for a session."""
    headers = {"accept": "application/json", "content-type": "application/json"}
    if key is not None:
        headers["x-api-key"] = key
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(API_ENDPOINT, content=content, headers=headers)


def check_errors(checks: Checks, client: httpx.Client) -> None:
    """Everything that the endpoint has to refuse."""
    print("Credentials")
    checks.error("no key", start(client, {}, None), 403, "MISSING_API_KEY")
    checks.error("wrong key", start(client, {}, "wrong"), 401, "INVALID_API_KEY")

    print("Missing fields")
    agora = START_REQUEST["agora_settings"]
    paths = [(name,) for name in START_REQUEST if name != "activity_idle_timeout"]
    for path in [*paths, *(("agora_settings", name) for name in agora)]:
        answer = start(client, without(START_REQUEST, *path))
        checks.error(".".join(path), answer, 400, "VALIDATION_ERROR", ".".join(path))
    checks.error("all of them", start(client, {}), 400, "VALIDATION_ERROR", "avatar_id, quality")

    print("Wrong values")
    wrong = [
        ("avatar_id", "nobody"),
        ("avatar_id", ""),
        ("avatar_id", 5),
        ("quality", "ultra"),
        ("version", "v9"),
        ("video_encoding", "MPEG2"),
        ("activity_idle_timeout", -1),
        ("activity_idle_timeout", "soon"),
        ("agora_settings", "room1"),
    ]
    for name, value in wrong:
        answer = start(client, {**START_REQUEST, name: value})
        checks.error(f"{name} {value!r}", answer, 400, "VALIDATION_ERROR", name)
    checks.error("not JSON", start(client, b"{"), 400, "INVALID_JSON")


async def check_websocket(checks: Checks, session: dict[str, str]) -> None:
    """Initialise the session, say something, and see that it lives."""
    token = session["session_token"]
    async with connect(
        session["websocket_address"], additional_headers={"Authorization": f"Bearer {token}"}
    ) as socket:

        async def send(command: str, **fields: Any) -> None:
            await socket.send(json.dumps({"command": command, **fields}))

        await send("init", session_id=session["session_id"], **START_REQUEST)
        wave = (6_000 * math.sin(2 * math.pi * 300 * n / SAMPLE_RATE) for n in range(SAMPLES))
        tone = struct.pack(f"<{SAMPLES}h", *map(round, wave))
        await send(
            "voice",
            audio=base64.b64encode(tone).decode(),
            encoding="PCM16",
            sampleRate=SAMPLE_RATE,
            event_id=str(uuid.uuid4()),
        )
        await send("voice_end", event_id=str(uuid.uuid4()))
        now, event_id = round(time.time() * 1000), str(uuid.uuid4())
        await send("heartbeat", event_id=event_id, timestamp=now)
        answer = json.loads(await asyncio.wait_for(socket.recv(), 30))
        wanted = {"command": "heartbeat_ack", "event_id": event_id, "timestamp": now}
        checks.that(
            "a heartbeat is acknowledged, and nothing was refused", answer == wanted, answer
        )


def main() -> None:
    """Run all checks."""
    checks = Checks()
    with httpx.Client(timeout=30) as client:
        check_errors(checks, client)

        print("A session")
        answer = start(client, START_REQUEST)
        fields = {"session_id", "websocket_address", "session_token"}
        started = answer.status_code == 200 and fields <= set(answer.json())
        checks.that("200 with the three fields", started, answer.text[:200])
        if started:
            session = answer.json()
            checks.that("session_id is a UUID", uuid.UUID(session["session_id"]))
            checks.that("session_token is a JWT", session["session_token"].count(".") == 2)
            address = session["websocket_address"]
            checks.that("an address", address.startswith(("ws://", "wss://")), address)
            asyncio.run(check_websocket(checks, session))
            stopped = client.request(
                "DELETE",
                API_ENDPOINT.replace("/session/start", "/session/stop"),
                headers={"x-api-key": API_KEY},
                json={name: session[name] for name in ("session_id", "session_token")},
            )
            checks.that("it is stopped again", stopped.status_code == 200, stopped.text[:200])
    checks.finish()


if __name__ == "__main__":
    main()

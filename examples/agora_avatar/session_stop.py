"""Checks DELETE /session/stop, on sessions that it starts itself."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any

import httpx
from checks import START_REQUEST, Checks

API_ENDPOINT = os.environ.get("API_ENDPOINT", "http://localhost:8764/session/stop")
API_KEY = os.environ.get("API_KEY") or os.environ.get("TEST_API_KEY") or "test-api-key-123"


def start(client: httpx.Client, channel: str) -> dict[str, str]:
    """A new session."""
    agora = {**START_REQUEST["agora_settings"], "channel": channel}
    answer = client.post(
        API_ENDPOINT.replace("/session/stop", "/session/start"),
        headers={"x-api-key": API_KEY},
        json={**START_REQUEST, "agora_settings": agora},
    )
    answer.raise_for_status()
    session: dict[str, str] = answer.json()
    return session


def stop(
    client: httpx.Client, body: Any, key: str | None = API_KEY, token: str = ""
) -> httpx.Response:
    """Ask for the end of a session; `token` goes into the Authorization header."""
    headers = {"accept": "application/json", "content-type": "application/json"}
    if key is not None:
        headers["x-api-key"] = key
    if token:
        headers["authorization"] = f"Bearer {token}"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.request("DELETE", API_ENDPOINT, content=content, headers=headers)


def check_errors(checks: Checks, client: httpx.Client, one: Any, other: Any) -> None:
    """Everything that the endpoint has to refuse; both sessions live on."""
    session_id, session_token = one["session_id"], one["session_token"]
    body = {"session_id": session_id, "session_token": session_token}

    print("Credentials")
    checks.error("no key", stop(client, body, None), 403, "MISSING_API_KEY")
    checks.error("wrong key", stop(client, body, "wrong"), 401, "INVALID_API_KEY")
    foreign = {**body, "session_token": other["session_token"]}
    checks.error("another's token", stop(client, foreign), 401, "INVALID_SESSION_TOKEN")
    broken = {**body, "session_token": "nonsense"}
    checks.error("no token at all", stop(client, broken), 401, "INVALID_SESSION_TOKEN")

    print("Missing and wrong fields")
    for name in body:
        answer = stop(client, {key: value for key, value in body.items() if key != name})
        checks.error(f"no {name}", answer, 400, "VALIDATION_ERROR", name)
    checks.error("neither", stop(client, {}), 400, "VALIDATION_ERROR", "session_id, session_token")
    for value in ("", 5, None):
        answer = stop(client, {**body, "session_id": value})
        checks.error(f"session_id {value!r}", answer, 400, "VALIDATION_ERROR", "session_id")
    checks.error("not JSON", stop(client, b"{"), 400, "INVALID_JSON")
    unknown = {**body, "session_id": str(uuid.uuid4())}
    checks.error("unknown session", stop(client, unknown), 404, "SESSION_NOT_FOUND")


def main() -> None:
    """Run all checks."""
    checks = Checks()
    with httpx.Client(timeout=30) as client:
        one, other = start(client, "room1"), start(client, "room2")
        check_errors(checks, client, one, other)

        print("Ends")
        body = {name: one[name] for name in ("session_id", "session_token")}
        answer = stop(client, body)
        wanted = {"status": "success", "message": "Session terminated successfully"}
        right = answer.status_code == 200 and answer.json() == wanted
        checks.that("by key and token", right, answer.text[:200])
        checks.error("once more", stop(client, body), 404, "SESSION_NOT_FOUND")
        answer = stop(client, {"session_id": other["session_id"]}, token=other["session_token"])
        checks.that("with the token in the header", answer.status_code == 200, answer.text[:200])
    checks.finish()


if __name__ == "__main__":
    main()

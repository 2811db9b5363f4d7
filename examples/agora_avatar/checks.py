"""What the two scripts share: a request that is right, and a list of checks."""

from __future__ import annotations

import sys
from typing import Any

START_REQUEST: dict[str, Any] = {
    "avatar_id": "16cb73e7de08",
    "quality": "high",
    "version": "v1",
    "video_encoding": "H264",
    "activity_idle_timeout": 120,
    "agora_settings": {
        "app_id": "your-app-id",
        "token": "your-agora-token",
        "channel": "room1",
        "uid": "333",
        "enable_string_uid": False,
    },
}


def without(request: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy of a request that lacks one field."""
    name, *rest = path
    if rest:
        return {**request, name: without(request[name], *rest)}
    return {key: value for key, value in request.items() if key != name}


class Checks:
    """Counts what is as it should be, and prints a line for each."""

    def __init__(self) -> None:
        self.failed = 0
        self.passed = 0

    def that(self, what: str, fulfilled: object, seen: object = "") -> None:
        """Note one check; `seen` is shown where it failed."""
        if fulfilled:
            self.passed += 1
            print(f"  ok    {what}")
        else:
            self.failed += 1
            print(f"  FAIL  {what}: {seen}")

    def error(self, what: str, answer: Any, status: int, code: str, names: str = "") -> None:
        """Check an error answer: its status, its shape, its code, and a name in its message."""
        try:
            body = answer.json()
            right = (
                answer.status_code == status
                and {"error", "message", "code"} <= set(body)
                and body["code"] == code
                and names in body["message"]
            )
        except (ValueError, TypeError):
            right = False
        self.that(f"{what}: {status} {code}", right, f"{answer.status_code} {answer.text[:200]}")

    def finish(self) -> None:
        """End the script: with 0 if all is well."""
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed else 0)

"""Agora's SDK, played by the stand-in of `support/agora_sdk`."""

from __future__ import annotations

import importlib
import queue
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from greenroom.rooms.agora import sdk
from greenroom.rooms.agora.service import AgoraService, Joining

STAND_IN = Path(__file__).parents[2] / "support" / "agora_sdk"


class StandIn:
    """The stand-in, imported in this process."""

    def __init__(self, script: ModuleType) -> None:
        self.script = script

    def names(self) -> list[str]:
        return [name for name, _ in self.script.CALLS]

    def calls(self, name: str) -> list[dict[str, Any]]:
        return [arguments for called, arguments in self.script.CALLS if called == name]


class Told:
    """What a membership has told."""

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def __call__(self, header: dict[str, Any]) -> None:
        self._told.put(header)

    def next(self) -> dict[str, Any]:
        return self._told.get(timeout=10)

    @property
    def is_empty(self) -> bool:
        return self._told.empty()


def joining(token: str, **more: Any) -> Joining:
    fields: dict[str, Any] = {
        "app_id": "app",
        "string_uid": False,
        "channel": "room1",
        "uid": "333",
        "codec": "h264",
        "width": 64,
        "height": 48,
        "rate": 25,
    }
    return Joining(token=token, **(fields | more))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.syspath_prepend(str(STAND_IN))
    script = importlib.import_module("agora.rtc.script")
    yield StandIn(script)
    script.GATE.set()
    for name in [name for name in sys.modules if name.split(".")[0] == "agora"]:
        del sys.modules[name]
    assert script.VIOLATIONS == []


@pytest.fixture
def service(stand_in: StandIn, tmp_path: Path) -> AgoraService:
    return AgoraService(sdk.load(), tmp_path)


@pytest.fixture
def told() -> Told:
    return Told()

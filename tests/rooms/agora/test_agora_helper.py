"""The helper's host, without its process: who is asked what."""

from __future__ import annotations

import queue
import time
from typing import Any

import pytest

from greenroom.helpers.wire import Frame
from greenroom.rooms.agora.helper import STUCK, Host
from greenroom.rooms.agora.service import AgoraService
from rooms.agora.conftest import StandIn


class Asked:
    """A host, and what it sends."""

    def __init__(self, service: AgoraService) -> None:
        self._sent: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.host = Host(service, self._sent.put)

    def ask(self, number: int, op: str, payload: bytes = b"", **more: Any) -> None:
        self.host.handle(Frame({"id": number, "op": op, **more}, payload))

    def join(self, number: int, token: str) -> None:
        self.ask(
            number, "join", app_id="app", string_uid=False, token=token, channel=f"room{number}",
            uid="0", codec="vp8", width=64, height=48, rate=25,
        )  # fmt: skip

    def next(self) -> dict[str, Any]:
        return self._sent.get(timeout=10)


@pytest.fixture
def asked(service: AgoraService) -> Asked:
    return Asked(service)


def test_channels_are_told_apart(asked: Asked, stand_in: StandIn) -> None:
    asked.join(1, "token")
    assert asked.next() == {"id": 1, "joined": True}
    asked.join(2, "refused=8")
    assert asked.next()["id"] == 2
    asked.ask(2, "flush")  # it has ended
    asked.ask(1, "play", bytes(960), pts=5)
    asked.ask(1, "show", b"picture", pts=5, keyframe=True)
    asked.ask(1, "flush")
    asked.ask(1, "renew", token="new")
    asked.ask(1, "leave")
    assert asked.next() == {"id": 1, "end": True, "dropped": 0}
    asked.host.close()
    assert stand_in.names()[-1] == "service.release"


def test_a_cancelled_channel_is_left_without_a_word(asked: Asked, stand_in: StandIn) -> None:
    asked.join(1, "token")
    asked.next()
    asked.ask(1, "cancel")
    asked.host.close()
    asked.join(2, "token")
    assert asked.next()["id"] == 2
    assert stand_in.calls("disconnect") == [{"channel": "room1"}]
    asked.host.close()


def test_a_call_that_does_not_return_is_noticed(asked: Asked, stand_in: StandIn) -> None:
    asked.join(1, "gate")
    asked.next()
    assert not asked.host.stuck(time.monotonic())
    asked.ask(1, "show", b"picture", pts=0, keyframe=True)
    assert stand_in.script.WAITING.wait(5)
    assert not asked.host.stuck(time.monotonic())
    assert asked.host.stuck(time.monotonic() + STUCK + 1)
    stand_in.script.GATE.set()
    asked.host.close()


def test_what_cannot_be_left_in_time_is_left_behind(
    asked: Asked, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenroom.rooms.agora.helper._LEAVING", 0.01)
    asked.join(1, "gate")
    asked.next()
    asked.ask(1, "show", b"picture", pts=0, keyframe=True)
    assert stand_in.script.WAITING.wait(5)
    asked.host.close()
    assert "service.release" not in stand_in.names()  # a call of it may be under way
    stand_in.script.GATE.set()
    asked.host.close()

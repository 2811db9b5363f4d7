"""What a renderer process does first, over a pipe that is in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from greenroom.avatar.face_wire import say_open, say_request
from greenroom.avatar.formats import FORMATS
from greenroom.avatar.ports import EncodedPicture, FaceSettings, FrameRequest
from greenroom.avatar.render_helper import Renderer
from greenroom.errors import ProviderFailed
from greenroom.helpers.child import ServerGone
from greenroom.helpers.wire import Frame

SETTINGS = FaceSettings("mira", FORMATS["low"], "VP8")


class ScriptedPipe:
    """A server that says these things, one list each time it is asked, and goes."""

    def __init__(self, *says: Sequence[Frame]) -> None:
        self._says = list(says)
        self.waited: list[bool] = []
        self.heard: list[tuple[dict[str, Any], bytes]] = []

    def poll(self, *, wait: bool) -> list[Frame]:
        self.waited.append(wait)
        if not self._says:
            raise ServerGone
        return list(self._says.pop(0))

    def send(self, header: dict[str, object], payload: bytes = b"") -> None:
        self.heard.append((header, payload))


class Faces:
    """Opens faces that answer with the time that they are asked for, and notes what happens."""

    def __init__(self, *, failing: bool = False) -> None:
        self.events: list[str] = []
        self._failing = failing

    def __call__(self, settings: FaceSettings) -> Faces:
        self.events.append(f"open {settings.avatar}")
        if self._failing:
            raise ProviderFailed("libvpx", "no memory")
        return self

    def frame(self, request: FrameRequest) -> EncodedPicture:
        self.events.append(f"frame {request.at}")
        return EncodedPicture(str(request.at).encode(), keyframe=False)

    def close(self) -> None:
        self.events.append("close")


def opening(number: int) -> Frame:
    return Frame({"id": number, **say_open(SETTINGS)[0]})


def asking(number: int, at: int) -> Frame:
    header, payload = say_request(FrameRequest(at, 640))
    return Frame({"id": number, **header}, payload)


def served(pipe: ScriptedPipe, faces: Faces, expected: Sequence[FaceSettings] = ()) -> list[str]:
    with pytest.raises(ServerGone):
        Renderer(pipe, faces, expected).serve()
    return faces.events


def test_requests_of_all_faces_are_served_in_the_order_of_their_coming() -> None:
    pipe = ScriptedPipe(
        [opening(1), opening(2), asking(1, 0)], [asking(2, 0)], [asking(1, 640)], [], [], []
    )
    served(pipe, Faces())

    assert [(header["id"], payload) for header, payload in pipe.heard] == [
        (1, b""), (2, b""), (1, b"0"), (2, b"0"), (1, b"640"),
    ]  # fmt: skip
    assert pipe.waited == [True, False, False, False, False, True, True]


def test_what_was_asked_of_a_face_that_is_closed_meanwhile_is_not_drawn() -> None:
    pipe = ScriptedPipe(
        [opening(1), opening(2)],
        [],
        [asking(1, 0), asking(1, 640), asking(2, 0), Frame({"id": 1, "op": "cancel"})],
        [Frame({"id": 9, "op": "cancel"})],
    )
    assert served(pipe, Faces()) == ["open mira", "open mira", "close", "frame 0"]
    assert [header["id"] for header, _ in pipe.heard] == [1, 2, 2]


def test_what_is_expected_is_made_ready_when_nothing_is_asked() -> None:
    expected = [FaceSettings(name, FORMATS["low"], "VP8") for name in ("iris", "theo")]
    pipe = ScriptedPipe([opening(1)], [], [asking(1, 0)], [], [])

    assert served(pipe, Faces(), expected) == [
        "open mira", "open iris", "close", "frame 0", "open theo", "close",
    ]  # fmt: skip
    assert pipe.waited == [False, False, False, False, True, True]


def test_what_can_not_be_made_ready_is_left_to_who_opens_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    pipe = ScriptedPipe([], [opening(1)])
    served(pipe, Faces(failing=True), [SETTINGS])

    assert pipe.heard == [({"id": 1, "end": True, "error": "libvpx: no memory"}, b"")]
    assert "no memory" in capfd.readouterr().err

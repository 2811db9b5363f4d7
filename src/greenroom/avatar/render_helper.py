"""The process that draws and encodes faces: `python -m greenroom.avatar.render_helper [FACES]`.

It hosts many faces and serves what is asked in the order of its coming, one picture at a time, so
no face can hold up another for longer than a picture takes. Only the first face of an avatar at a
size does, since its artwork is made ready then; that of `FACES` (a JSON list of what `say_open`
says) is made ready as soon as nothing else is to be done. `face_wire` tells the frames. Greeting:
`{"hello": "renderer"}`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

# A process draws for a core of its own: threads of numpy's would only be in the others' way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("SVT_LOG", "0")  # it tells of every encoder at length; errors are returned

from greenroom.avatar.face_wire import (
    Said,
    hear_request,
    say_failure,
    say_picture,
    settings_of,
)
from greenroom.avatar.ports import Face, FaceSettings
from greenroom.helpers.child import Child, ServerGone
from greenroom.helpers.wire import Frame

OpenFace = Callable[[FaceSettings], Face]


class Pipe(Protocol):
    """The server's end: see `helpers.child.Child`."""

    def poll(self, *, wait: bool) -> list[Frame]:
        """Frames that have come."""
        ...

    def send(self, header: dict[str, object], payload: bytes = b"") -> None:
        """Write a frame."""
        ...


class Renderer:
    """The faces of this process, by the number of their call."""

    def __init__(
        self, pipe: Pipe, open_face: OpenFace, expected: Iterable[FaceSettings] = ()
    ) -> None:
        self._pipe = pipe
        self._open_face = open_face
        self._expected = deque(expected)
        self._faces: dict[int, Face] = {}
        self._waiting: deque[Frame] = deque()

    def serve(self) -> None:
        """Draw what is asked. Raises ServerGone when the server goes."""
        while True:
            for frame in self._pipe.poll(wait=not self._waiting and not self._expected):
                if frame.header["op"] == "cancel":
                    self._close(frame.header["id"])
                else:
                    self._waiting.append(frame)
            if self._waiting:
                self._answer(self._waiting.popleft())
            elif self._expected:
                self._make_ready(self._expected.popleft())

    def _make_ready(self, settings: FaceSettings) -> None:
        """Have a face's artwork made, which is kept, before somebody waits for it."""
        try:
            self._open_face(settings).close()
        except Exception:  # noqa: BLE001 - whoever opens it is told
            traceback.print_exc()

    def _answer(self, frame: Frame) -> None:
        number = frame.header["id"]
        try:
            header, payload = self._said_to(number, frame)
        except Exception as error:  # noqa: BLE001 - whatever a library raises, the other faces live
            traceback.print_exc()
            header, payload = say_failure(error)
            self._close(number)
        self._pipe.send({"id": number, **header}, payload)

    def _said_to(self, number: int, frame: Frame) -> Said:
        if frame.header["op"] == "open":
            self._faces[number] = self._open_face(settings_of(frame.header))
            return {"ready": True}, b""
        return say_picture(self._faces[number].frame(hear_request(frame)))

    def _close(self, number: int) -> None:
        """Forget a face, and what is still asked of it."""
        face = self._faces.pop(number, None)
        if face is not None:
            face.close()
        self._waiting = deque(frame for frame in self._waiting if frame.header["id"] != number)


def main() -> None:
    """Serve until the server goes."""
    child = Child()
    expected = [settings_of(header) for header in json.loads("".join(sys.argv[1:]) or "[]")]
    open_face = warm()
    child.send({"hello": "renderer"})
    try:
        Renderer(child, open_face, expected).serve()
    except ServerGone:
        return


def warm() -> OpenFace:
    """Load everything that a face needs, so that opening one is quick."""
    try:
        import skia  # noqa: F401, PLC0415
    except ImportError as error:
        raise SystemExit(
            f"{error}; drawing needs the system's libGL and libEGL"
            " (Debian, Ubuntu: apt-get install libgl1 libegl1)"
        ) from error
    from greenroom.avatar.face import open_face  # noqa: PLC0415 - it needs what was tried above
    from greenroom.avatar.lipsync.reader import LipSync  # noqa: PLC0415

    LipSync()
    # What is loaded by now stays; the collector need not look through it in mid-picture.
    gc.collect()
    gc.freeze()
    return open_face


if __name__ == "__main__":
    main()

"""The process that draws and encodes faces: `python -m greenroom.avatar.render_helper`.

It hosts many faces and serves what is asked in the order of its coming, one picture at a time, so
no face can hold up another for longer than a picture takes. `face_wire` tells the frames. Greeting:
`{"hello": "renderer"}`.
"""

from __future__ import annotations

import gc
import os
import traceback
from collections import deque
from collections.abc import Callable
from typing import Protocol

# A process draws for a core of its own: threads of numpy's would only be in the others' way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from greenroom.avatar.face_wire import (
    Said,
    hear_open,
    hear_request,
    say_failure,
    say_picture,
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

    def __init__(self, pipe: Pipe, open_face: OpenFace) -> None:
        self._pipe = pipe
        self._open_face = open_face
        self._faces: dict[int, Face] = {}
        self._waiting: deque[Frame] = deque()

    def serve(self) -> None:
        """Draw what is asked. Raises ServerGone when the server goes."""
        while True:
            for frame in self._pipe.poll(wait=not self._waiting):
                if frame.header["op"] == "cancel":
                    self._close(frame.header["id"])
                else:
                    self._waiting.append(frame)
            if self._waiting:
                self._answer(self._waiting.popleft())

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
            self._faces[number] = self._open_face(hear_open(frame))
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
    open_face = warm()
    child.send({"hello": "renderer"})
    try:
        Renderer(child, open_face).serve()
    except ServerGone:
        return


def warm() -> OpenFace:
    """Load everything that a face needs, so that opening one is quick."""
    try:
        from greenroom.avatar.face import open_face  # noqa: PLC0415 - what fails here is explained
        from greenroom.avatar.lipsync.reader import LipSync  # noqa: PLC0415
    except ImportError as error:
        raise SystemExit(
            f"{error}; drawing needs the system's libGL and libEGL"
            " (Debian, Ubuntu: apt-get install libgl1 libegl1)"
        ) from error
    LipSync()
    # What is loaded by now stays; the collector need not look through it in mid-picture.
    gc.collect()
    gc.freeze()
    return open_face


if __name__ == "__main__":
    main()

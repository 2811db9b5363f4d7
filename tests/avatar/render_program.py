"""A renderer process some of whose faces fail, for the tests of the renderers. Not collected."""

from __future__ import annotations

from greenroom.avatar import render_helper
from greenroom.avatar.ports import EncodedPicture, Face, FaceSettings, FrameRequest
from greenroom.avatar.render_helper import OpenFace
from greenroom.errors import ProviderFailed

FAILING, RAISING = 666, 667
"""Seeds of faces whose encoder fails, or whose library raises, in the third picture."""


class _Failing:
    def __init__(self, face: Face, error: Exception) -> None:
        self._face, self._error, self._left = face, error, 2

    def frame(self, request: FrameRequest) -> EncodedPicture:
        self._left -= 1
        if self._left < 0:
            raise self._error
        return self._face.frame(request)

    def close(self) -> None:
        self._face.close()


def _failing(open_face: OpenFace) -> OpenFace:
    errors = {FAILING: ProviderFailed("libx264", "no memory"), RAISING: RuntimeError("a bug")}

    def open_one(settings: FaceSettings) -> Face:
        face = open_face(settings)
        error = errors.get(settings.seed)
        return face if error is None else _Failing(face, error)

    return open_one


if __name__ == "__main__":
    warm = render_helper.warm
    render_helper.warm = lambda: _failing(warm())
    render_helper.main()

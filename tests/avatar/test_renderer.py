"""Faces in renderer processes: real ones, which draw a shipped avatar."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import pytest_asyncio

from greenroom.avatar.formats import PictureFormat, VideoCodec
from greenroom.avatar.packs.library import SHIPPED
from greenroom.avatar.ports import EncodedPicture, FaceSettings, FrameRequest, GestureCue
from greenroom.avatar.renderer import HelperFace, HelperRenderers
from greenroom.errors import CapacityExceeded, InvalidInput, ProviderFailed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("renderer")]

PROGRAM = Path(__file__).parent / "render_program.py"
FAILING, RAISING = 666, 667  # as the program says
SMALL = PictureFormat(96, 96, 25, 200_000)
MIRA = FaceSettings(str(SHIPPED / "mira"), SMALL, "H264")
DECODERS = {"H264": "h264", "VP8": "vp8", "AV1": "libdav1d"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def renderers() -> AsyncIterator[HelperRenderers]:
    started = HelperRenderers(1, 6, command=(sys.executable, str(PROGRAM)), expected=[MIRA])
    await started.start()
    yield started
    pids = started.pids
    await started.close()
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


class Viewer:
    """Keeps what comes of a face."""

    def __init__(self) -> None:
        self.pictures: list[tuple[FrameRequest, EncodedPicture]] = []
        self.failures: list[str] = []
        self._changed = asyncio.Event()

    def on_picture(self, request: FrameRequest, picture: EncodedPicture) -> None:
        self.pictures.append((request, picture))
        self._changed.set()

    def on_failure(self, why: str) -> None:
        self.failures.append(why)
        self._changed.set()

    async def see(self, pictures: int, failures: int = 0) -> None:
        """Return once there were so many."""
        async with asyncio.timeout(20):
            while len(self.pictures) < pictures or len(self.failures) < failures:
                self._changed.clear()
                await self._changed.wait()


def request(index: int, **more: bool) -> FrameRequest:
    return FrameRequest(index * SMALL.samples, SMALL.samples, **more)  # type: ignore[arg-type]


async def show(face: HelperFace, viewer: Viewer, count: int) -> None:
    """So many more pictures."""
    seen = len(viewer.pictures)
    for index in range(seen, seen + count):
        face.ask(request(index))
    await viewer.see(seen + count)


@pytest.mark.parametrize("codec", DECODERS)
async def test_pictures_come_in_order_each_for_its_request_and_decode(
    renderers: HelperRenderers, codec: VideoCodec
) -> None:
    viewer = Viewer()
    face = await renderers.open(replace(MIRA, codec=codec), viewer)
    asked = [
        FrameRequest(
            index * SMALL.samples,
            SMALL.samples,
            np.full(SMALL.samples, 90 * index, np.int16),
            activity="speaking",
            gestures=(GestureCue("nod"),) if index == 2 else (),
            keyframe=index == 5,
        )
        for index in range(8)
    ]
    for one in asked:
        face.ask(one)
    assert face.pending == 8
    await viewer.see(8)
    face.close()

    assert [one for one, _ in viewer.pictures] == asked
    assert face.pending == 0
    assert [n for n, (_, p) in enumerate(viewer.pictures) if p.keyframe] == [0, 5]
    decoder = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(decoder, av.video.codeccontext.VideoCodecContext)
    decoder.thread_count = 1
    for _, picture in viewer.pictures:
        (frame,) = decoder.decode(av.Packet(picture.data))
        assert (frame.width, frame.height) == (96, 96)


async def test_a_closed_face_says_nothing_more_and_frees_its_place(
    renderers: HelperRenderers,
) -> None:
    viewer, other = Viewer(), Viewer()
    face = await renderers.open(MIRA, viewer)
    for index in range(5):
        face.ask(request(index))
    face.close()
    face.close()
    face.ask(request(5))
    assert face.pending == 0
    second = await renderers.open(MIRA, other)
    await show(second, other, 3)
    second.close()

    assert viewer.pictures == []
    assert viewer.failures == []


async def test_beyond_the_limit_no_face_is_opened(renderers: HelperRenderers) -> None:
    faces = [await renderers.open(MIRA, Viewer()) for _ in range(6)]
    with pytest.raises(CapacityExceeded) as refused:
        await renderers.open(MIRA, Viewer())
    assert refused.value.limit == 6
    faces.pop().close()
    faces.append(await renderers.open(MIRA, Viewer()))
    for face in faces:
        face.close()


async def test_a_pack_that_can_not_be_used_is_the_callers_mistake(
    renderers: HelperRenderers, tmp_path: Path
) -> None:
    (tmp_path / "avatar.toml").write_text("format = 1\nid = 'broken'\n")
    with pytest.raises(InvalidInput, match="name") as refused:
        await renderers.open(replace(MIRA, avatar=str(tmp_path)), Viewer())
    assert refused.value.field.startswith("avatar.toml")


async def test_an_encoder_that_can_not_be_opened_is_a_failure(renderers: HelperRenderers) -> None:
    with pytest.raises(ProviderFailed, match="can't be opened"):
        await renderers.open(replace(MIRA, format=replace(SMALL, width=95)), Viewer())


@pytest.mark.parametrize(("seed", "why"), [(FAILING, "libx264: no memory"), (RAISING, "a bug")])
async def test_a_face_that_fails_ends_alone(
    renderers: HelperRenderers, seed: int, why: str
) -> None:
    viewer, other = Viewer(), Viewer()
    face = await renderers.open(replace(MIRA, seed=seed), viewer)
    neighbour = await renderers.open(MIRA, other)
    for index in range(5):
        face.ask(request(index))
        neighbour.ask(request(index))
    await viewer.see(2, failures=1)
    await other.see(5)
    face.ask(request(5))
    face.close()
    await show(neighbour, other, 2)
    neighbour.close()

    assert len(viewer.pictures) == 2
    assert viewer.failures == [why]
    assert face.pending == 0
    assert other.failures == []


async def test_a_face_that_is_given_up_while_it_opens_leaves_nothing(
    renderers: HelperRenderers,
) -> None:
    viewer, other = Viewer(), Viewer()
    opening = asyncio.create_task(renderers.open(MIRA, viewer))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    face = await renderers.open(MIRA, other)
    await show(face, other, 2)
    face.close()

    assert opening.cancelled()
    assert viewer.failures == []


async def test_a_process_that_dies_fails_its_faces_and_a_new_one_takes_its_place(
    renderers: HelperRenderers,
) -> None:
    viewers = [Viewer(), Viewer()]
    faces = [await renderers.open(MIRA, viewer) for viewer in viewers]
    (pid,) = renderers.pids
    os.kill(pid, signal.SIGKILL)
    for face, viewer in zip(faces, viewers, strict=True):
        face.ask(request(0))
        await viewer.see(0, failures=1)
        face.ask(request(1))
        face.close()
        assert viewer.failures[0].startswith("ended with status -9")
        assert face.pending == 0
    viewer = Viewer()
    face = await renderers.open(MIRA, viewer)
    await show(face, viewer, 2)
    face.close()

    assert renderers.pids != [pid]


async def test_faces_that_are_open_when_all_is_closed_are_told_and_no_process_is_left() -> None:
    renderers = HelperRenderers(1, 1)
    await renderers.start()
    viewer = Viewer()
    await renderers.open(MIRA, viewer)
    pids = renderers.pids
    assert pids
    await renderers.close()
    await renderers.close()

    assert viewer.failures == ["closed"]
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
    with pytest.raises(ProviderFailed):
        await renderers.open(MIRA, viewer)


async def test_there_is_a_process_for_each_core_where_no_number_is_given() -> None:
    renderers = HelperRenderers(0, 3)
    assert renderers._most == 3 * len(os.sched_getaffinity(0))


async def test_without_the_systems_libraries_the_start_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "libGL.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "skia.py").write_text(f"raise ImportError({missing!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    renderers = HelperRenderers(1, 1)
    with pytest.raises(ProviderFailed) as failed:
        await renderers.start()
    await renderers.close()

    assert "libGL.so.1" in failed.value.why
    assert "apt-get install libgl1 libegl1" in failed.value.why

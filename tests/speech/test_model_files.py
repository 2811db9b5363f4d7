"""Fetching models from a hub on a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from greenroom.errors import ProviderUnavailable
from greenroom.speech import model_files, model_hub
from greenroom.speech.model_download import in_thread
from greenroom.speech.model_files import MANIFEST, Model, fetch, is_present, is_whole
from greenroom.speech.ports import ProviderContext
from support.hub import Hub, Request, refuse, respond, serving

BIG = np.random.default_rng(1).bytes(2_500_000)
MODEL = Model(
    "faster-whisper",
    "tiny",
    "providers.transcriber",
    "someone/tiny",
    ("model.bin", "config.json", "vocabulary.*"),
    3,
    "pocketsphinx:",
    optional=("preprocessor_config.json",),
)


class Naps:
    """Waits between tries, without waiting."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    files = {
        "model.bin": BIG,
        "config.json": b'{"a": 1}',
        "vocabulary.txt": b"hello\nworld\n" * 20,
        "README.md": b"long and not needed" * 1_000,
        "deeper/model.bin": b"another",
    }
    async with serving(Hub("someone/tiny", files)) as hub:
        yield hub


def context_of(
    hub: Hub, data_dir: Path, told: list[tuple[str, int]] | None = None
) -> ProviderContext:
    def progress(what: str, done: int, total: int | None) -> None:
        assert total is not None
        if told is not None:
            told.append((what, done))

    return ProviderContext(data_dir, models_url=f"{hub.url}/", progress=progress)


async def fetched(hub: Hub, data_dir: Path, naps: Naps | None = None) -> Path:
    async with asyncio.timeout(30):
        return await fetch(MODEL, context_of(hub, data_dir), sleep=naps or Naps())


async def failure(hub: Hub, data_dir: Path, naps: Naps | None = None) -> str:
    with pytest.raises(ProviderUnavailable) as caught:
        await fetched(hub, data_dir, naps)
    assert caught.value.setting == "providers.transcriber"
    return caught.value.problem


async def test_a_model_is_fetched_whole_with_its_progress_and_nothing_else(
    hub: Hub, data_dir: Path
) -> None:
    told: list[tuple[str, int]] = []
    hub.page = 2
    folder = await fetch(MODEL, context_of(hub, data_dir, told))
    assert folder == data_dir / "models/faster-whisper/tiny"
    assert (folder / "model.bin").read_bytes() == BIG
    assert {path.name for path in folder.iterdir()} == {
        "model.bin", "config.json", "vocabulary.txt", MANIFEST, ".lock"
    }  # fmt: skip
    assert is_present(folder, MODEL)
    assert is_whole(folder, MODEL)
    of_model = [done for what, done in told if what == "tiny/model.bin"]
    assert of_model[0] == 0
    assert of_model[-1] == len(BIG)
    assert of_model == sorted(of_model)
    assert len(of_model) > 3


async def test_a_whole_model_is_used_without_any_network(hub: Hub, data_dir: Path) -> None:
    await fetched(hub, data_dir)
    asked = len(hub.requests)
    await fetched(hub, data_dir)
    assert len(hub.requests) == asked


async def test_a_folder_of_a_large_repository_can_be_a_model(data_dir: Path) -> None:
    voice = Model(
        "piper", "v", "providers.synthesizer", "x/voices", ("v.onnx",), 1, "espeak:",
        remote_folder="en/v",
    )  # fmt: skip
    files = {"en/v/v.onnx": b"voice" * 100, "en/w/v.onnx": b"another", "en/v/samples/v.onnx": b"x"}
    async with serving(Hub("x/voices", files)) as hub:
        folder = await fetch(voice, context_of(hub, data_dir))
    assert (folder / "v.onnx").read_bytes() == b"voice" * 100


async def test_a_download_that_is_cut_off_goes_on_where_it_broke(hub: Hub, data_dir: Path) -> None:
    hub.cut_off("model.bin", 1_200_000)
    hub.cut_off("model.bin", 700_000)
    naps = Naps()
    folder = await fetched(hub, data_dir, naps)
    assert (folder / "model.bin").read_bytes() == BIG
    starts = [request.start for request in hub.fetched("cdn/model.bin")]
    assert starts == [0, 1_200_000, 1_900_000]
    assert naps.seconds == [1.0, 1.0]


async def test_a_server_that_falls_silent_is_asked_for_the_rest(
    hub: Hub, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_hub, "_TIMEOUT", httpx.Timeout(1.0))

    async def fall_silent(request: Request, writer: asyncio.StreamWriter) -> bool:
        if "/cdn/model.bin" not in request.path:
            return False
        for start in range(0, 1_000_000, 50_000):  # slowly, in many small pieces
            if start:
                writer.write(BIG[start : start + 50_000])
                await writer.drain()
            else:
                await respond(writer, 200, BIG[:50_000], announced=len(BIG))
        return True

    hub.misdeeds.append(fall_silent)
    naps = Naps()
    folder = await fetched(hub, data_dir, naps)
    assert (folder / "model.bin").read_bytes() == BIG
    assert [request.start for request in hub.fetched("cdn/model.bin")] == [0, 1_000_000]
    assert naps.seconds == [1.0]


async def test_a_server_that_knows_no_ranges_begins_anew(hub: Hub, data_dir: Path) -> None:
    hub.cut_off("model.bin", 1_200_000)
    hub.deaf_to_ranges = True
    folder = await fetched(hub, data_dir)
    assert (folder / "model.bin").read_bytes() == BIG


async def test_a_download_that_always_breaks_is_given_up_and_goes_on_next_time(
    hub: Hub, data_dir: Path
) -> None:
    for size in (1_000_000, 0, 0, 0, 0):
        hub.cut_off("model.bin", size)
    naps = Naps()
    problem = await failure(hub, data_dir, naps)
    assert "RemoteProtocolError" in problem
    assert naps.seconds == [1.0, 2.0, 4.0, 8.0]
    hub.requests.clear()
    await fetched(hub, data_dir)
    assert hub.fetched("cdn/model.bin")[0].start == 1_000_000


async def test_a_cancelled_fetch_lets_go_and_goes_on_next_time(hub: Hub, data_dir: Path) -> None:
    stuck = asyncio.Event()

    async def stall(request: Request, writer: asyncio.StreamWriter) -> bool:
        if "/cdn/model.bin" in request.path:
            await respond(writer, 200, BIG[:1_500_000], announced=len(BIG))
            return True
        return False

    def progress(what: str, done: int, total: int | None) -> None:
        if what == "tiny/model.bin" and done >= 1_000_000:
            stuck.set()

    hub.misdeeds.append(stall)
    context = ProviderContext(data_dir, models_url=hub.url, progress=progress)
    task = asyncio.create_task(fetch(MODEL, context))
    async with asyncio.timeout(30):
        await stuck.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_present(MODEL.folder(data_dir), MODEL)
    hub.requests.clear()
    folder = await fetched(hub, data_dir)
    assert (folder / "model.bin").read_bytes() == BIG
    assert hub.fetched("cdn/model.bin")[0].start >= 1_000_000


async def test_wrong_bytes_are_fetched_once_more_and_then_refused(hub: Hub, data_dir: Path) -> None:
    def wrong() -> None:
        async def misdeed(request: Request, writer: asyncio.StreamWriter) -> bool:
            if "/cdn/model.bin" not in request.path:
                return False
            await respond(writer, 200, b"x" + BIG[1:])
            return True

        hub.misdeeds.append(misdeed)

    wrong()
    folder = await fetched(hub, data_dir)
    assert (folder / "model.bin").read_bytes() == BIG
    (folder / "model.bin").unlink()
    wrong()
    wrong()
    assert "wrong checksum" in await failure(hub, data_dir)
    assert not (folder / "model.bin").exists()


async def test_more_bytes_than_announced_are_refused(hub: Hub, data_dir: Path) -> None:
    async def flood(request: Request, writer: asyncio.StreamWriter) -> bool:
        if "/cdn/model.bin" not in request.path:
            return False
        await respond(writer, 200, BIG + b"more")
        return True

    hub.misdeeds.append(flood)
    assert "longer" in await failure(hub, data_dir)


@pytest.mark.parametrize(("status", "words"), [(401, "does not give"), (404, "not found")])
async def test_a_refusal_is_final_and_says_how_to_bring_the_model_by_hand(
    hub: Hub, data_dir: Path, status: int, words: str
) -> None:
    hub.misdeeds.append(refuse("/api/models", status))
    naps = Naps()
    problem = await failure(hub, data_dir, naps)
    assert words in problem
    for part in (
        "faster-whisper:tiny", f"{hub.url}/someone/tiny", "model.bin, config.json, vocabulary.*",
        "preprocessor_config.json", str(data_dir / "models/faster-whisper/tiny"), "pocketsphinx:",
        "about 3 MB",
    ):  # fmt: skip
        assert part in problem
    assert not naps.seconds


async def test_a_busy_hub_is_asked_again_when_it_says(hub: Hub, data_dir: Path) -> None:
    hub.misdeeds += [
        refuse("/api/models", 429, {"Retry-After": "7"}),
        refuse("/cdn/model.bin", 503, {"Retry-After": "100000"}),
        refuse("/cdn/model.bin", 503),
    ]
    naps = Naps()
    await fetched(hub, data_dir, naps)
    assert naps.seconds == [7.0, 60.0, 2.0]
    shutil.rmtree(MODEL.folder(data_dir))
    hub.misdeeds += [refuse("/api/models", 429) for _ in range(3)]
    assert "429" in await failure(hub, data_dir)


async def test_with_nothing_listening_the_error_says_where_from_and_what_to_do(
    hub: Hub, data_dir: Path, unused_port: int
) -> None:
    hub.url = f"http://127.0.0.1:{unused_port}"
    naps = Naps()
    problem = await failure(hub, data_dir, naps)
    assert hub.url in problem
    assert "ConnectError" in problem
    assert naps.seconds == [1.0, 2.0]


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b'{"error": 1}',
        b'[{"type": "file"}]',
        b'[{"type": "file", "path": 1, "size": "x"}]',
    ],
)
async def test_an_answer_that_is_no_listing_is_an_error(
    hub: Hub, data_dir: Path, answer: bytes
) -> None:
    async def misdeed(request: Request, writer: asyncio.StreamWriter) -> bool:
        await respond(writer, 200, answer)
        return True

    hub.misdeeds.append(misdeed)
    assert "hub of models" in (problem := await failure(hub, data_dir)) or "understood" in problem


async def test_a_name_in_a_listing_leads_nowhere_else(hub: Hub, data_dir: Path) -> None:
    for name in ("../model.bin", "..\\model.bin", ".model.bin"):
        hub.files = {name: BIG}
        assert "no file model.bin" in await failure(hub, data_dir)
    assert not list(data_dir.glob("models/faster-whisper/*.bin"))


async def test_two_at_once_fetch_once(hub: Hub, data_dir: Path) -> None:
    folders = await asyncio.gather(fetched(hub, data_dir), fetched(hub, data_dir))
    assert folders[0] == folders[1]
    assert len(hub.fetched("cdn/model.bin")) == 1


async def test_a_damaged_file_is_fetched_again_and_only_that(hub: Hub, data_dir: Path) -> None:
    folder = await fetched(hub, data_dir)
    (folder / "model.bin").write_bytes(b"x" + BIG[1:])
    assert is_present(folder, MODEL)  # by its size
    assert not is_whole(folder, MODEL)
    hub.requests.clear()
    await fetched(hub, data_dir)
    assert (folder / "model.bin").read_bytes() == BIG
    assert not hub.fetched("cdn/config.json")
    (folder / "vocabulary.txt").write_bytes(b"short")
    assert not is_present(folder, MODEL)
    await fetched(hub, data_dir)
    assert is_whole(folder, MODEL)


async def test_a_model_brought_by_hand_is_taken_as_it_is(hub: Hub, data_dir: Path) -> None:
    folder = MODEL.folder(data_dir)
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json"):
        (folder / name).write_text("mine")
    assert not is_present(folder, MODEL)
    (folder / "vocabulary.json").write_text("[]")
    assert is_present(folder, MODEL)
    assert await fetched(hub, data_dir) == folder
    assert not hub.requests
    (folder / "model.bin").write_text("")
    assert not is_present(folder, MODEL)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": [{"x": 1}]}', '{"files": []}'])
async def test_a_spoilt_manifest_is_as_good_as_none(hub: Hub, data_dir: Path, text: str) -> None:
    folder = await fetched(hub, data_dir)
    assert len(json.loads((folder / MANIFEST).read_text())["files"]) == 3
    (folder / MANIFEST).write_text(text)
    assert is_present(folder, MODEL)
    (folder / "config.json").unlink()
    assert not is_present(folder, MODEL)


async def test_a_full_disk_is_told_before_a_byte_is_fetched(
    hub: Hub, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(data_dir)
    monkeypatch.setattr(
        model_files.shutil, "disk_usage", lambda path: usage._replace(free=66_000_000)
    )
    problem = await failure(hub, data_dir)
    assert "needs 3 MB more" in problem
    assert "66 MB free" in problem
    assert not hub.fetched("model.bin")


async def test_a_folder_that_cannot_be_written_is_told(hub: Hub, data_dir: Path) -> None:
    (data_dir / "models").write_text("a file where the folder should be")
    problem = await failure(hub, data_dir)
    assert "can't be kept" in problem
    assert "data_dir" in problem


async def test_another_process_that_fetches_is_waited_for(hub: Hub, data_dir: Path) -> None:
    import fcntl

    folder = MODEL.folder(data_dir)
    folder.mkdir(parents=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    waiting = asyncio.create_task(fetched(hub, data_dir))
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    assert not hub.requests
    os.close(lock)
    await waiting
    assert is_whole(folder, MODEL)


async def test_a_listing_without_end_and_redirects_without_end_are_given_up(
    hub: Hub, data_dir: Path
) -> None:
    hub.page = 0
    assert "no end" in await failure(hub, data_dir)
    hub.page = 100
    around = {"Location": f"{hub.url}/cdn/model.bin"}
    hub.misdeeds += [refuse("/cdn/model.bin", 302, around) for _ in range(25)]
    assert "TooManyRedirects" in await failure(hub, data_dir)


@pytest.mark.parametrize("left", [b"garbage", b"x" * len(BIG), b"x" * (len(BIG) + 1)])
async def test_what_an_earlier_fetch_left_is_no_harm(hub: Hub, data_dir: Path, left: bytes) -> None:
    folder = MODEL.folder(data_dir)
    folder.mkdir(parents=True)
    digest = hashlib.sha256(BIG).hexdigest()
    (folder / f".model.bin.{digest[:12]}.part").write_bytes(left)
    hub.misdeeds.append(refuse("/cdn/model.bin", 416))
    await fetched(hub, data_dir)
    assert (folder / "model.bin").read_bytes() == BIG


async def test_a_cancelled_caller_waits_for_the_thread_that_has_its_files() -> None:
    began, may_end = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        may_end.wait(30)
        raise OSError

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(began.wait, 30)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task

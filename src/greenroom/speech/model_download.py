"""Downloads files from a hub of models: verified, and resumed where they broke."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

import httpx

from greenroom.speech.model_hub import (
    Broken,
    DownloadFailed,
    RemoteFile,
    Sleep,
    check_status,
    patiently,
)

_TRIES = 5
"""Failures in a row, without a byte between them, after which a download is given up."""
_BUFFER = 1024 * 1024

P = ParamSpec("P")
T = TypeVar("T")


def digest_fits(path: Path, file: RemoteFile) -> bool:
    """Whether the bytes at `path` are those of `file`. Reads them all."""
    try:
        with path.open("rb") as source:
            return _digest(source, file.new_hash()).hexdigest() == file.digest
    except OSError:
        return False


def _digest(source: BinaryIO, state: hashlib._Hash) -> hashlib._Hash:
    while data := source.read(_BUFFER):
        state.update(data)
    return state


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `asyncio.to_thread`, but a cancellation waits for the thread: it uses our files."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise


class Part:
    """What has come of a file. It is named for the checksum: another version never continues it."""

    def __init__(self, path: Path, file: RemoteFile) -> None:
        self.path = path
        self._file = file
        self._hash = file.new_hash()
        self._output: BinaryIO | None = None
        self.done = 0
        """Bytes written."""

    @property
    def size(self) -> int:
        """Bytes that an earlier fetch left."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def open(self) -> None:
        """Take up what is there already."""
        self._output = self.path.open("a+b")
        self._output.seek(0)
        _digest(self._output, self._hash)
        self.done = self._output.tell()
        if self.done > self._file.size:
            self.restart()

    def write(self, data: bytes) -> None:
        """The next bytes."""
        assert self._output is not None  # noqa: S101 - `open` comes first
        self._output.write(data)
        self._hash.update(data)
        self.done += len(data)

    def restart(self) -> None:
        """Forget what has come."""
        assert self._output is not None  # noqa: S101
        self._output.truncate(0)
        self._hash = self._file.new_hash()
        self.done = 0

    def close(self) -> None:
        """What has come stays."""
        if self._output is not None:
            self._output.close()

    def finish(self, target: Path) -> bool:
        """Put the whole file in its place; False, and forgotten, where its checksum is wrong."""
        assert self._output is not None  # noqa: S101
        if self._hash.hexdigest() != self._file.digest:
            self.restart()
            return False
        self._output.flush()
        os.fsync(self._output.fileno())
        self._output.close()
        self.path.replace(target)
        return True


def part_of(folder: Path, file: RemoteFile) -> Part:
    """Where `file` grows until it is whole."""
    return Part(folder / f".{file.name}.{file.digest[:12]}.part", file)


async def download(
    client: httpx.AsyncClient,
    url: str,
    file: RemoteFile,
    folder: Path,
    on_bytes: Callable[[int], None],
    sleep: Sleep,
) -> None:
    """Bring `file` into `folder`, whole or not at all. `on_bytes` hears how many bytes are there.

    Raises DownloadFailed, OSError.
    """
    part = part_of(folder, file)
    await in_thread(part.open)
    try:
        for last in (False, True):
            on_bytes(part.done)
            await _receive_all(client, url, part, file, on_bytes, sleep)
            if await in_thread(part.finish, folder / file.name):
                return
            if last:
                raise DownloadFailed(f"{file.name} came with a wrong checksum, twice")
    finally:
        await in_thread(part.close)


async def _receive_all(
    client: httpx.AsyncClient,
    url: str,
    part: Part,
    file: RemoteFile,
    on_bytes: Callable[[int], None],
    sleep: Sleep,
) -> None:
    while part.done < file.size:
        await patiently(
            lambda: _receive(client, url, part, file, on_bytes), sleep, _TRIES, lambda: part.done
        )


async def _receive(
    client: httpx.AsyncClient,
    url: str,
    part: Part,
    file: RemoteFile,
    on_bytes: Callable[[int], None],
) -> None:
    """One request: as much of the file as it brings."""
    headers = {"Range": f"bytes={part.done}-"} if part.done else {}
    async with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 416:  # what we have is not the beginning of it
            await in_thread(part.restart)
            raise Broken(f"{file.name} can't be continued")
        check_status(response)
        if part.done and not _continues(response, part.done):
            await in_thread(part.restart)
        buffer = bytearray()
        try:
            async for data in response.aiter_raw():
                buffer += data
                if part.done + len(buffer) > file.size:
                    buffer.clear()
                    await in_thread(part.restart)
                    raise DownloadFailed(f"{file.name} is longer than was announced")
                if len(buffer) >= _BUFFER:
                    await in_thread(part.write, bytes(buffer))
                    buffer.clear()
                    on_bytes(part.done)
        finally:
            # What came before a break counts.
            if buffer:
                await in_thread(part.write, bytes(buffer))
                on_bytes(part.done)
    if part.done < file.size:
        raise Broken(f"{file.name} ended too early")


def _continues(response: httpx.Response, start: int) -> bool:
    expected = f"bytes {start}-"
    return response.status_code == 206 and response.headers.get("content-range", "").startswith(
        expected
    )

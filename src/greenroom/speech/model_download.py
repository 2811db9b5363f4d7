"""Downloads from a hub of models: a listing with checksums, then files, resumed where they broke.

The hub's interface is that of Hugging Face, which mirrors offer too (its documentation, "Hub
API"): `/api/models/{repo}/tree/{revision}/{folder}` lists, `/{repo}/resolve/{revision}/{path}`
gives a file, mostly by a redirect to another host. A large file has the SHA-256 of its bytes in
`lfs.oid`, a small one Git's name of it in `oid`: the SHA-1 of `blob {size}`, a zero byte, and its
bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, TypeVar
from urllib.parse import quote

import httpx
import orjson

from greenroom import __version__

_TRIES = 5
"""Failures in a row, without a byte between them, after which a download is given up."""
_LISTING_TRIES = 3
_LONGEST_WAIT = 60.0
_BUFFER = 1024 * 1024
_MAX_LISTING = 16 * 1024 * 1024
_MAX_PAGES = 20
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_TRY_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})

Sleep = Callable[[float], Awaitable[None]]
P = ParamSpec("P")
T = TypeVar("T")


class DownloadFailed(Exception):
    """Why, in words for the user."""


class _Broken(Exception):
    """This try failed; another may not. `wait` is in seconds, where the server said it."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        self.wait = wait
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository: its path there, and its name here. `size` in bytes."""

    path: str
    name: str
    size: int
    sha256: str = ""
    git_sha1: str = ""

    def new_hash(self) -> hashlib._Hash:
        """What its bytes are to be fed to."""
        if self.sha256:
            return hashlib.sha256()
        # Git's names are no secret, and there is no other checksum of a small file.
        return hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)

    @property
    def digest(self) -> str:
        """What comes of that, in hexadecimal digits."""
        return self.sha256 or self.git_sha1


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


def new_client() -> httpx.AsyncClient:
    """For one fetch; to be closed."""
    return httpx.AsyncClient(
        follow_redirects=True,
        timeout=_TIMEOUT,
        headers={"User-Agent": f"greenroom/{__version__}", "Accept-Encoding": "identity"},
    )


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


async def list_files(
    client: httpx.AsyncClient, base: str, repo: str, revision: str, folder: str, sleep: Sleep
) -> list[RemoteFile]:
    """The files of `folder` of a repository, not those of folders in it. Raises DownloadFailed."""
    inside = f"/{quote(folder)}" if folder else ""
    url = f"{base}/api/models/{repo}/tree/{quote(revision)}{inside}?recursive=true"
    files: list[RemoteFile] = []
    for _ in range(_MAX_PAGES):
        page, following = await _patiently(lambda url=url: _get_page(client, url), sleep)  # type: ignore[misc]
        files += filter(None, (_listed(entry, folder) for entry in page))
        if not following:
            return files
        url = following
    raise DownloadFailed("its list of files has no end")


async def _get_page(client: httpx.AsyncClient, url: str) -> tuple[list[Any], str]:
    """One page of a listing, and the URL of the next, or ""."""
    body = bytearray()
    async with client.stream("GET", url) as response:
        _check_status(response)
        async for data in response.aiter_bytes():
            body += data
            if len(body) > _MAX_LISTING:
                raise DownloadFailed("its list of files is too long")
        following = response.links.get("next", {}).get("url", "")
    try:
        page = orjson.loads(body)
    except ValueError:
        page = None
    if not isinstance(page, list):
        raise DownloadFailed("what answers there is no hub of models")
    return page, str(response.url.join(following)) if following else ""


def _listed(entry: Any, folder: str) -> RemoteFile | None:
    """An entry of a listing; None for a folder, and for a file in a deeper one."""
    try:
        if entry["type"] != "file":
            return None
        path, size = str(entry["path"]), int(entry["size"])
        name = path.removeprefix(f"{folder}/") if folder else path
        sha256 = str(entry["lfs"]["oid"]) if entry.get("lfs") else ""
        git_sha1 = "" if sha256 else str(entry["oid"])
    except (KeyError, TypeError, ValueError):
        raise DownloadFailed("its list of files can't be understood") from None
    # A name is used as a file's name here: it must not lead elsewhere.
    if "/" in name or "\\" in name or name.startswith("."):
        return None
    return RemoteFile(path, name, size, sha256, git_sha1)


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
        await _patiently(
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
            raise _Broken(f"{file.name} can't be continued")
        _check_status(response)
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
        raise _Broken(f"{file.name} ended too early")


def _continues(response: httpx.Response, start: int) -> bool:
    expected = f"bytes {start}-"
    return response.status_code == 206 and response.headers.get("content-range", "").startswith(
        expected
    )


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    if status in _TRY_LATER:
        raise _Broken(f"it answers HTTP {status}, try later", _seconds(response))
    if status in {401, 403}:
        # The hub says so of what doesn't exist, too.
        raise DownloadFailed(f"it does not give that to everyone, or has no such model ({status})")
    raise DownloadFailed(f"it answers HTTP {status}" + (", not found" if status == 404 else ""))


def _seconds(response: httpx.Response) -> float | None:
    """`Retry-After`, where it is a number; a date is taken for no answer."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None


async def _patiently(
    work: Callable[[], Awaitable[T]],
    sleep: Sleep,
    tries: int = _LISTING_TRIES,
    progress: Callable[[], int] = lambda: 0,
) -> T:
    """Try again what broke, after a growing wait. Failures after `progress` don't count."""
    failures = 0
    while True:
        before = progress()
        try:
            return await work()
        except _Broken as error:
            why, wait = str(error), error.wait
        except httpx.TimeoutException:
            why, wait = "it does not answer in time", None
        except httpx.TransportError as error:
            why, wait = f"{type(error).__name__}: {error}".removesuffix(": "), None
        except httpx.HTTPError as error:  # such as too many redirects
            raise DownloadFailed(f"{type(error).__name__}: {error}") from None
        failures = 1 if progress() > before else failures + 1
        if failures >= tries:
            raise DownloadFailed(why)
        await sleep(min(_LONGEST_WAIT, wait if wait is not None else 2.0 ** (failures - 1)))

"""A hub of models: what it lists, what its answers mean, and when it is asked again.

The hub's interface is that of Hugging Face, which mirrors offer too (its documentation, "Hub
API"): `/api/models/{repo}/tree/{revision}/{folder}` lists, `/{repo}/resolve/{revision}/{path}`
gives a file, mostly by a redirect to another host. A large file has the SHA-256 of its bytes in
`lfs.oid`, a small one Git's name of it in `oid`: the SHA-1 of `blob {size}`, a zero byte, and its
bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import orjson

from greenroom import __version__

_LISTING_TRIES = 3
_LONGEST_WAIT = 60.0
_MAX_LISTING = 16 * 1024 * 1024
_MAX_PAGES = 20
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_TRY_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})

Sleep = Callable[[float], Awaitable[None]]
T = TypeVar("T")


class DownloadFailed(Exception):
    """Why, in words for the user."""


class Broken(Exception):
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


def new_client() -> httpx.AsyncClient:
    """For one fetch; to be closed."""
    return httpx.AsyncClient(
        follow_redirects=True,
        timeout=_TIMEOUT,
        headers={"User-Agent": f"greenroom/{__version__}", "Accept-Encoding": "identity"},
    )


async def list_files(
    client: httpx.AsyncClient, base: str, repo: str, revision: str, folder: str, sleep: Sleep
) -> list[RemoteFile]:
    """The files of `folder` of a repository, not those of folders in it. Raises DownloadFailed."""
    inside = f"/{quote(folder)}" if folder else ""
    url = f"{base}/api/models/{repo}/tree/{quote(revision)}{inside}?recursive=true"
    files: list[RemoteFile] = []
    for _ in range(_MAX_PAGES):
        page, following = await patiently(lambda url=url: _get_page(client, url), sleep)  # type: ignore[misc]
        files += filter(None, (_listed(entry, folder) for entry in page))
        if not following:
            return files
        url = following
    raise DownloadFailed("its list of files has no end")


async def _get_page(client: httpx.AsyncClient, url: str) -> tuple[list[Any], str]:
    """One page of a listing, and the URL of the next, or ""."""
    body = bytearray()
    async with client.stream("GET", url) as response:
        check_status(response)
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


def check_status(response: httpx.Response) -> None:
    """Raise Broken or DownloadFailed where `response` is not what was asked for."""
    status = response.status_code
    if response.is_success:
        return
    if status in _TRY_LATER:
        raise Broken(f"it answers HTTP {status}, try later", _seconds(response))
    if status in {401, 403}:
        # The hub says so of what doesn't exist, too.
        raise DownloadFailed(f"it does not give that to everyone, or has no such model ({status})")
    raise DownloadFailed(f"it answers HTTP {status}" + (", not found" if status == 404 else ""))


def _seconds(response: httpx.Response) -> float | None:
    """`Retry-After`, where it is a number; a date is taken for no answer."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None


async def patiently(
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
        except Broken as error:
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

"""Models that are fetched once: where they are kept, whether they are whole, and the fetching.

A model is a few files in `data_dir/models/<provider>/<name>`. What was fetched is written down
beside them with sizes and checksums; files that a person brought are taken as they are. A model
that is whole is used without any network, one that is damaged is fetched again, as far as it is
damaged.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from greenroom.errors import ProviderUnavailable
from greenroom.speech.model_download import digest_fits, download, in_thread, part_of
from greenroom.speech.model_hub import (
    DownloadFailed,
    RemoteFile,
    Sleep,
    list_files,
    new_client,
)
from greenroom.speech.ports import ProviderContext

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
_LOCK = ".lock"
_LOCK_POLL = 0.2
_SPARE = 64 * 1024 * 1024
"""Bytes of the disk that a model leaves free."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be fetched, and what a provider needs of it.

    `files` and `optional` are names in `remote_folder` of the repository, with `*` where a name
    differs between models; of each of `files` there must be one.
    """

    provider: str
    name: str
    setting: str
    repo: str
    files: tuple[str, ...]
    megabytes: int
    """About; shown before the repository is asked."""
    instead: str
    """A provider that needs no download."""
    optional: tuple[str, ...] = ()
    remote_folder: str = ""
    revision: str = "main"

    @property
    def uri(self) -> str:
        """As a setting names it."""
        return f"{self.provider}:{self.name}"

    def folder(self, data_dir: Path) -> Path:
        """Where it is kept."""
        return data_dir / "models" / self.provider / self.name


def is_present(folder: Path, model: Model) -> bool:
    """Whether every file is there, by name and size. Reads no file but the manifest."""
    manifest = _read_manifest(folder)
    if manifest is None:
        return all(_brought(folder, pattern) for pattern in model.files)
    return all(_has_size(folder, file) for file in manifest)


def is_whole(folder: Path, model: Model) -> bool:
    """Whether every file is there and is what was fetched. Reads them: seconds for a gigabyte."""
    if not is_present(folder, model):
        return False
    return all(digest_fits(folder / file.name, file) for file in _read_manifest(folder) or ())


async def fetch(model: Model, context: ProviderContext, *, sleep: Sleep = asyncio.sleep) -> Path:
    """The folder of `model`, fetched where it is not whole. `sleep` waits between tries.

    Raises ProviderUnavailable, which says how the model can be brought by hand. Cancelled, it keeps
    what has come, and the next call goes on from there.
    """
    folder = model.folder(context.data_dir)
    if await in_thread(is_whole, folder, model):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        async with _only_one(folder, model):
            # Another process may have fetched it meanwhile.
            if not await in_thread(is_whole, folder, model):
                await _fetch(model, folder, context, sleep)
    except DownloadFailed as error:
        raise ProviderUnavailable(
            model.setting, _advice(model, folder, context, str(error))
        ) from None
    except OSError as error:
        raise ProviderUnavailable(
            model.setting,
            f"{model.uri} can't be kept in {folder}: {error.strerror or error}; data_dir must be a"
            f" folder that this user can write",
        ) from None
    return folder


async def _fetch(model: Model, folder: Path, context: ProviderContext, sleep: Sleep) -> None:
    base = context.models_url.rstrip("/")
    async with new_client() as client:
        listed = await list_files(
            client, base, model.repo, model.revision, model.remote_folder, sleep
        )
        wanted = _needed(model, listed)
        missing = [file for file in wanted if not await in_thread(_is_good, folder, file)]
        _check_room(folder, missing)
        for file in missing:
            what = f"{model.name}/{file.name}"
            await download(
                client,
                f"{base}/{model.repo}/resolve/{model.revision}/{file.path}",
                file,
                folder,
                lambda done, file=file, what=what: context.progress(what, done, file.size),  # type: ignore[misc]
                sleep,
            )
    await in_thread(_write_manifest, folder, model, wanted)
    logger.info("fetched %s into %s", model.uri, folder)


def _needed(model: Model, listed: Sequence[RemoteFile]) -> list[RemoteFile]:
    """The files that the provider needs, and no others: a repository may hold much more."""
    found: list[RemoteFile] = []
    for pattern in model.files + model.optional:
        fits = [file for file in listed if fnmatchcase(file.name, pattern)]
        if not fits and pattern in model.files:
            raise DownloadFailed(f"{model.repo} has no file {pattern}")
        found += fits
    return found


def _check_room(folder: Path, files: Sequence[RemoteFile]) -> None:
    came = sum(part_of(folder, file).size for file in files)
    need = sum(file.size for file in files) - came
    free = shutil.disk_usage(folder).free
    if need + _SPARE > free:
        raise DownloadFailed(
            f"it needs {need / 1e6:.0f} MB more, and {folder} has {free / 1e6:.0f} MB free"
        )


def _advice(model: Model, folder: Path, context: ProviderContext, why: str) -> str:
    source = "/".join(filter(None, (context.models_url.rstrip("/"), model.repo)))
    inside = f" (folder {model.remote_folder})" if model.remote_folder else ""
    optional = f" (and {', '.join(model.optional)} where it has that)" if model.optional else ""
    return (
        f"the model of {model.uri} (about {model.megabytes} MB) is not here whole, and could not be"
        f" fetched from {source}: {why}. To bring it by hand, put {', '.join(model.files)}"
        f"{optional} from there{inside} into {folder}. providers.models_url may name a mirror;"
        f" {model.instead} needs no download"
    )


@asynccontextmanager
async def _only_one(folder: Path, model: Model) -> AsyncIterator[None]:
    """Hold the folder's lock. The system lets go of it if this process dies."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        waits = False
        while not _try_lock(descriptor):
            if not waits:
                logger.info("%s is being fetched already; waiting for it", model.uri)
            waits = True
            await asyncio.sleep(_LOCK_POLL)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        # flock, since two fetches of one process exclude each other too.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _brought(folder: Path, pattern: str) -> bool:
    return any(path.stat().st_size > 0 for path in folder.glob(pattern) if path.is_file())


def _has_size(folder: Path, file: RemoteFile) -> bool:
    try:
        return (folder / file.name).stat().st_size == file.size
    except OSError:
        return False


def _is_good(folder: Path, file: RemoteFile) -> bool:
    return _has_size(folder, file) and digest_fits(folder / file.name, file)


def _read_manifest(folder: Path) -> list[RemoteFile] | None:
    """What was fetched; None where nothing was, or nothing that can be read."""
    try:
        entries = json.loads((folder / MANIFEST).read_bytes())["files"]
        return [RemoteFile(**entry) for entry in entries] or None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_manifest(folder: Path, model: Model, files: Sequence[RemoteFile]) -> None:
    content = {
        "repo": model.repo,
        "revision": model.revision,
        "files": [asdict(file) for file in files],
    }
    new = folder / f"{MANIFEST}.new"
    new.write_text(json.dumps(content, indent=1))
    new.replace(folder / MANIFEST)

"""The avatars that there are: those that come with Greenroom, and the user's own."""

from __future__ import annotations

import logging
from pathlib import Path

from greenroom.avatar.packs.manifest import MANIFEST, Manifest
from greenroom.avatar.packs.pack import load_pack
from greenroom.errors import InvalidInput
from greenroom.settings import Settings

SHIPPED = Path(__file__).parent.parent / "artwork"
MAX_PACKS = 500
"""Folders that are looked at in the user's own folder."""

_log = logging.getLogger(__name__)


class AvatarLibrary:
    """Finds avatars by id or alias. Reads all packs once, when it is made: blocks for a while.

    A pack of the user's that can't be used is left out, and logged; one with the id of a shipped
    avatar takes its place.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._manifests: dict[str, Manifest] = {}
        self._folders: dict[str, Path] = {}
        self._aliases: dict[str, str] = {}
        for folder in _packs_in(SHIPPED):
            self._add(folder)
        if directory is not None:
            for folder in _packs_in(directory)[:MAX_PACKS]:
                self._add(folder)

    @classmethod
    def of(cls, settings: Settings) -> AvatarLibrary:
        """The avatars of a server with these settings. Blocks for a while."""
        return cls(settings.avatar.directory or settings.data_dir / "avatars")

    def ids(self) -> tuple[str, ...]:
        """The ids of all avatars, sorted; without aliases."""
        return tuple(sorted(self._folders))

    def find(self, avatar_id: str) -> Path:
        """The folder of the avatar of this id or alias. Raises InvalidInput."""
        known = self._aliases.get(avatar_id, avatar_id)
        if known in self._folders:
            return self._folders[known]
        raise InvalidInput("avatar_id", "no such avatar", ", ".join(self.ids()))

    def manifest(self, avatar_id: str) -> Manifest:
        """What the avatar of this id says about itself. Raises InvalidInput."""
        self.find(avatar_id)
        return self._manifests[self._aliases.get(avatar_id, avatar_id)]

    def _add(self, folder: Path) -> None:
        try:
            manifest = load_pack(folder).manifest
        except InvalidInput as error:
            _log.warning("the avatar pack in %s is left out: %s", folder, error)
            return
        if manifest.id in self._folders:
            _log.info("avatar %s is the one in %s", manifest.id, folder)
        self._manifests[manifest.id], self._folders[manifest.id] = manifest, folder
        self._aliases.pop(manifest.id, None)
        for alias in manifest.aliases:
            if alias not in self._folders:
                self._aliases.setdefault(alias, manifest.id)


def _packs_in(directory: Path) -> list[Path]:
    """The folders that hold a manifest, sorted; none where there is no such directory."""
    return sorted(path.parent for path in directory.glob(f"*/{MANIFEST}"))

"""Writes the drawings of the avatars that come with Greenroom: `python tools/avatars/build.py`.

Each avatar has a module here; what they share is in `kit`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import amara
import jonas
import kenji
import mira

ARTWORK = Path(__file__).parents[2] / "src" / "greenroom" / "avatar" / "artwork"
AVATARS = (amara, jonas, kenji, mira)


def main() -> None:
    """Write all packs."""
    for module in AVATARS:
        avatar = module.avatar()
        folder = ARTWORK / avatar.id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "avatar.toml").write_text(avatar.manifest)
        for name, text in avatar.files.items():
            (folder / name).write_text(text)
        print(f"{folder}: {len(avatar.files)} drawings")


if __name__ == "__main__":
    main()

"""The smallest avatar pack that is whole: a circle with a mouth and eyes."""

from __future__ import annotations

from pathlib import Path

from greenroom.avatar.visemes import VISEMES

MANIFEST = """\
format = 1
id = "tiny"
name = "Tiny"
aliases = ["little"]

[[layers]]
file = "background.svg"
on = "background"

[[layers]]
file = "head.svg"
on = "head"

[[layers]]
file = "mouth.svg"
draws = "mouth"

[[layers]]
file = "eyes.svg"
draws = "eyes"
"""


def svg(content: str, box: str = "0 0 1000 1000") -> str:
    """A whole SVG file."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{content}</svg>'


def mouth(key: str, width: int = 100) -> str:
    """One key of the mouth."""
    left, right = 500 - width, 500 + width
    return f'<g id="{key}"><path class="lips" d="M{left} 600H{right}V640Z" fill="#a03030"/></g>'


def eye(side: str, x: int, down: int) -> str:
    """One key of an eye; `down` is where the upper lid is."""
    return (
        f'<g id="{side}"><path class="opening" d="M{x} 400L{x + 40} {down}L{x + 80} 400Z"'
        f' fill="#ffffff"/><g class="inside"><circle cx="{x}" cy="400" r="5" fill="#ddbbaa"/></g>'
        "</g>"
    )


def iris(side: str, x: int) -> str:
    """An iris."""
    return f'<g id="{side}-iris"><circle cx="{x + 40}" cy="390" r="15" fill="#204060"/></g>'


EYES = "".join(
    eye(f"{side}-open", x, 360) + eye(f"{side}-closed", x, 398) + iris(side, x)
    for side, x in (("left", 380), ("right", 540))
)
FILES = {
    "avatar.toml": MANIFEST,
    "background.svg": svg('<path d="M-390 0H1390V1000H-390Z" fill="#80a0c0"/>', "-390 0 1780 1000"),
    "head.svg": svg('<circle cx="500" cy="500" r="300" fill="#e0b090"/>'),
    "mouth.svg": svg("".join(mouth(key) for key in VISEMES)),
    "eyes.svg": svg(EYES),
}


def write_pack(folder: Path, **changed: str | None) -> Path:
    """Write the pack into a folder; `head_svg="..."` replaces a file, None leaves it out."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {**FILES, **{name.replace("_", "."): text for name, text in changed.items()}}
    for name, text in files.items():
        if text is not None:
            (folder / name).write_text(text)
    return folder

"""`avatar.toml`: who an avatar is, which drawings it is made of, and how far each of them moves.

Lengths are in units of the artwork: a square picture shows x and y from 0 to 1000, or the square
that `frame` names.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from greenroom.avatar.packs.problems import Problems

MANIFEST = "avatar.toml"
MAX_MANIFEST_BYTES = 64 * 1024
MAX_LAYERS = 24
SIZE: Final = 1000.0
"""Units of the artwork that a square picture shows each way, unless the manifest says otherwise."""

AvatarId: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
FileName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}\.svg$")]
Point: TypeAlias = tuple[float, float]
Frame: TypeAlias = tuple[float, float, Annotated[float, Field(ge=100, le=4000)]]
Place: TypeAlias = Literal["background", "body", "neck", "head"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Layer(_Table):
    file: FileName


class _DeepLayer(_Layer):
    depth: float = Field(0.5, ge=-2, le=2)
    """How much of the head's turning it shows: 1 at the tip of the nose, negative at the back."""


class StillLayer(_DeepLayer):
    """A drawing that moves as a whole, with the place that it is `on`."""

    draws: Literal["still"] = "still"
    on: Place


class MouthLayer(_DeepLayer):
    """A mouth: one group for each viseme."""

    draws: Literal["mouth"]


class EyesLayer(_DeepLayer):
    """Both eyes. `gaze`: how far the irises move to the side and up or down."""

    draws: Literal["eyes"]
    gaze: Point = (14.0, 8.0)


class BrowsLayer(_DeepLayer):
    """Both brows."""

    draws: Literal["brows"]


class HandLayer(_Layer):
    """A hand that waves: drawn where it is when raised; `rise` is how far below it begins.

    It swings by `swing` degrees about `pivot`.
    """

    draws: Literal["hand"]
    pivot: Point
    rise: float = Field(500.0, ge=0, le=2 * SIZE)
    swing: float = Field(14.0, ge=0, le=60)


def _kind(layer: Any) -> Any:
    return layer.get("draws", "still") if isinstance(layer, dict) else layer.draws


Layer: TypeAlias = Annotated[
    Annotated[StillLayer, Tag("still")]
    | Annotated[MouthLayer, Tag("mouth")]
    | Annotated[EyesLayer, Tag("eyes")]
    | Annotated[BrowsLayer, Tag("brows")]
    | Annotated[HandLayer, Tag("hand")],
    Discriminator(_kind),
]


class Moves(_Table):
    """How far things move when a pose's value is 1. `neck`: the point that the head tilts about."""

    neck: Point = (500.0, 720.0)
    turn: float = Field(20.0, ge=0, le=100)
    pitch: float = Field(14.0, ge=0, le=100)
    tilt: float = Field(1.0, ge=0, le=1, description="how much of the pose's degrees it tilts")
    sway: float = Field(16.0, ge=0, le=100)
    bob: float = Field(10.0, ge=0, le=100)
    breath: float = Field(5.0, ge=0, le=50)


class Manifest(_Table):
    """A whole manifest. `layers` are drawn in their order, the first at the back."""

    format: Literal[1]
    id: AvatarId
    name: str = Field(min_length=1, max_length=60)
    about: str = Field("", max_length=300)
    author: str = Field("", max_length=100)
    licence: str = Field("", max_length=100)
    aliases: tuple[AvatarId, ...] = Field((), max_length=20)
    frame: Frame = (0.0, 0.0, SIZE)
    """Left, top and size of the square that a square picture shows; a wide one shows more."""
    moves: Moves = Moves()
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=MAX_LAYERS)


def read_manifest(folder: Path, problems: Problems) -> Manifest | None:
    """The manifest of a pack; None, with the problems told, if it can't be used."""
    data = read_bounded(folder / MANIFEST, MAX_MANIFEST_BYTES, problems)
    if data is None:
        return None
    try:
        manifest = Manifest.model_validate(tomllib.loads(data.decode()))
    except UnicodeDecodeError:
        problems.add(MANIFEST, "is not UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        problems.add(MANIFEST, f"is not TOML: {error}")
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            place = ".".join(_numbered(part) for part in one["loc"] if part not in _TAGS)
            problems.add(f"{MANIFEST} {place}", one["msg"])
    else:
        _check_layers(manifest, problems)
        return manifest
    return None


def read_bounded(path: Path, limit: int, problems: Problems) -> bytes | None:
    """A file's bytes; None, with the problem told, if it is missing or larger than `limit`."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        problems.add(path.name, f"can't be read ({error.strerror})", f"a file in {path.parent}")
        return None
    if len(data) > limit:
        problems.add(path.name, "is too large", f"at most {limit // 1024} KiB")
        return None
    return data


_TAGS = frozenset({"still", "mouth", "eyes", "brows", "hand"})


def _numbered(part: str | int) -> str:
    """Layers are counted from 1, as people do."""
    return str(part + 1) if isinstance(part, int) else part


def _check_layers(manifest: Manifest, problems: Problems) -> None:
    kinds: list[str] = [layer.draws for layer in manifest.layers]
    for kind in ("mouth", "eyes"):
        if kinds.count(kind) != 1:
            problems.add(
                f"{MANIFEST} layers",
                f'{kinds.count(kind)} layers have draws = "{kind}"',
                "exactly one",
            )
    for kind in ("brows", "hand"):
        if kinds.count(kind) > 1:
            problems.add(
                f"{MANIFEST} layers",
                f'{kinds.count(kind)} layers have draws = "{kind}"',
                "at most one",
            )
    first = manifest.layers[0]
    if not (isinstance(first, StillLayer) and first.on == "background"):
        problems.add(
            f"{MANIFEST} layers.1",
            "is not a background",
            'a layer with on = "background", which covers everything',
        )

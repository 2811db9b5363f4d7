"""Avatar packs: what is read, and what is said of packs that don't fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from greenroom.avatar.packs.key_shapes import MAX_PARTS
from greenroom.avatar.packs.library import SHIPPED
from greenroom.avatar.packs.pack import Eyes, Mouth, check_pack, load_pack
from greenroom.avatar.visemes import VISEMES
from greenroom.errors import InvalidInput
from support.tiny_pack import EYES, FILES, MANIFEST, eye, mouth, svg, write_pack


def problems(folder: Path, **changed: str | None) -> str:
    return "\n".join(map(str, check_pack(write_pack(folder, **changed))))


def all_but(key: str, instead: str) -> str:
    return svg("".join(mouth(name) if name != key else instead for name in VISEMES))


def test_a_whole_pack_is_loaded(tmp_path: Path) -> None:
    pack = load_pack(write_pack(tmp_path, mouth_svg=all_but("aa", mouth("aa", 80))))
    assert pack.id == "tiny"
    assert pack.manifest.aliases == ("little",)
    shapes = next(figure.shapes for figure in pack.figures if isinstance(figure, Mouth))
    assert shapes.keys == VISEMES
    assert shapes.points.shape == (15, 7, 2)
    assert tuple(shapes.points[VISEMES.index("aa"), 0]) == (420, 600)
    eyes = next(figure for figure in pack.figures if isinstance(figure, Eyes))
    assert [part.inside for part in eyes.shapes[0].parts] == [False, True]
    assert check_pack(tmp_path) == ()


def test_packs_are_the_same_only_if_all_that_is_drawn_is(tmp_path: Path) -> None:
    one, same = load_pack(write_pack(tmp_path / "a")), load_pack(write_pack(tmp_path / "b"))
    head = FILES["head.svg"].replace("300", "301")
    other = load_pack(write_pack(tmp_path / "c", head_svg=head))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other


def test_groups_hand_down_transform_paint_and_opacity(tmp_path: Path) -> None:
    around = (
        '<g transform="translate(10 0)" fill="#00ff00" opacity="0.5"><g id="sil" opacity="0.5">'
        '<ellipse transform="scale(2)" label="lips" cx="100" cy="200" rx="10" ry="5"/></g></g>'
    )
    others = "".join(
        f'<g id="{key}"><circle cx="1" cy="1" r="1"/></g>' for key in VISEMES if key != "sil"
    )
    pack = load_pack(write_pack(tmp_path, mouth_svg=svg(around + others)))
    shapes = next(figure.shapes for figure in pack.figures if isinstance(figure, Mouth))
    assert tuple(shapes.points[0, 0]) == (230, 400)
    assert np.allclose(shapes.alphas[:, 0], [0.25] + [1] * 14)
    assert shapes.parts[0].paints[0].colour == (0, 1, 0, 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"avatar_toml": None}, "avatar.toml: can't be read"),
        ({"avatar_toml": "format = "}, "avatar.toml: is not TOML"),
        ({"avatar_toml": "format = 2"}, "avatar.toml format: Input should be 1"),
        ({"avatar_toml": MANIFEST.replace('"tiny"', '"../x"')}, "avatar.toml id:"),
        ({"avatar_toml": MANIFEST.replace("head.svg", "../head.svg")}, "avatar.toml layers.2.file"),
        ({"avatar_toml": MANIFEST.replace("head.svg", "/etc/x.svg")}, "avatar.toml layers.2.file"),
        ({"avatar_toml": MANIFEST + "depth = 9"}, "avatar.toml layers.4.depth"),
        ({"avatar_toml": MANIFEST + "size = 9"}, "avatar.toml layers.4.size: Extra inputs"),
        ({"avatar_toml": MANIFEST.replace('"eyes"', '"nose"')}, "avatar.toml layers.4"),
        ({"avatar_toml": MANIFEST.replace('draws = "eyes"', 'on = "head"')}, "exactly one"),
        ({"avatar_toml": MANIFEST.replace('"background"', '"body"')}, "is not a background"),
        ({"avatar_toml": "frame = [0, 0, 9]\n" + MANIFEST}, "avatar.toml frame.3"),
        ({"avatar_toml": "frame = [0, 0, 1001]\n" + MANIFEST}, "does not fill a wide picture"),
        ({"avatar_toml": "#" * 70_000}, "is too large"),
        ({"background_svg": FILES["head.svg"]}, "at least -389 0 1778 1000"),
        ({"head_svg": None}, "head.svg: can't be read"),
        ({"mouth_svg": all_but("kk", "")}, "has no group with id 'kk'"),
        ({"mouth_svg": all_but("kk", '<g id="kk"/>')}, "#kk: has 0 parts; allowed: 1 as in #sil"),
        (
            {"mouth_svg": all_but("kk", '<g id="kk"><path d="M0 0L1 1"/></g>')},
            "#kk lips: is made of 1 curves (open); allowed: 2 curves, as in #sil",
        ),
        ({"mouth_svg": all_but("kk", '<g id="kk"><path d="M0"/></g>')}, "#kk: path command 'M'"),
        ({"mouth_svg": all_but("kk", '<g id="kk"><rect/></g>')}, "<rect> can't be blended"),
        (
            {"mouth_svg": all_but("sil", mouth("sil").replace("#a03030", "red"))},
            "#sil lips: colour",
        ),
        ({"eyes_svg": svg(EYES.replace('id="left-iris"', ""))}, "no group with id 'left-iris'"),
        ({"eyes_svg": svg(EYES.replace("opening", "hole"))}, "no opening before them"),
        ({"eyes_svg": svg(EYES.replace('class="inside"', "", 1))}, "is not inside as in the first"),
        ({"eyes_svg": svg(eye("left-open", 1, 2))}, "has no group with id 'right-open'"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(
    tmp_path: Path, changed: dict[str, str | None], said: str
) -> None:
    assert said in problems(tmp_path, **changed)
    with pytest.raises(InvalidInput):
        load_pack(tmp_path)


def test_all_problems_are_told_at_once_and_loading_says_how_many(tmp_path: Path) -> None:
    found = problems(tmp_path, head_svg="<x", mouth_svg=None, background_svg=svg("<text/>"))
    assert len(found.splitlines()) == 3
    with pytest.raises(InvalidInput, match="and 2 more") as raised:
        load_pack(tmp_path)
    assert raised.value.field == "background.svg"


def test_key_shapes_are_bounded(tmp_path: Path) -> None:
    many = '<circle cx="1" cy="1" r="1"/>' * (MAX_PARTS + 1)
    crowd = svg("".join(f'<g id="{key}">{many}</g>' for key in VISEMES))
    assert f"1 to {MAX_PARTS} parts" in problems(tmp_path, mouth_svg=crowd)


def test_one_more_hand_than_one_is_too_many(tmp_path: Path) -> None:
    hand = '\n[[layers]]\nfile = "head.svg"\ndraws = "hand"\npivot = [1, 2]\n'
    assert "at most one" in problems(tmp_path, avatar_toml=MANIFEST + hand * 2)


def test_a_manifest_that_is_no_text_is_said(tmp_path: Path) -> None:
    write_pack(tmp_path)
    (tmp_path / "avatar.toml").write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8" in str(check_pack(tmp_path)[0])


def test_what_is_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is not a folder"):
        load_pack(tmp_path / "none")


@pytest.mark.parametrize("avatar", sorted(path.parent.name for path in SHIPPED.glob("*/*.toml")))
def test_the_avatars_that_come_along_are_whole(avatar: str) -> None:
    pack = load_pack(SHIPPED / avatar)
    assert pack.id == avatar
    assert pack.manifest.name
    assert pack.manifest.licence
    kinds = {figure.layer.draws for figure in pack.figures}
    assert kinds == {"still", "mouth", "eyes", "brows", "hand"}

"""Finding avatars by their ids."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from greenroom.avatar.packs.library import SHIPPED, AvatarLibrary
from greenroom.errors import InvalidInput
from support.tiny_pack import MANIFEST, write_pack


@pytest.fixture(scope="module")
def shipped() -> AvatarLibrary:
    return AvatarLibrary(None)


def test_there_are_avatars_of_different_people(shipped: AvatarLibrary) -> None:
    assert len(shipped.ids()) >= 3
    assert shipped.ids() == tuple(sorted(shipped.ids()))
    assert all(shipped.find(avatar_id) == SHIPPED / avatar_id for avatar_id in shipped.ids())


def test_the_id_of_the_documented_examples_is_known(shipped: AvatarLibrary) -> None:
    assert shipped.find("16cb73e7de08") in {shipped.find(known) for known in shipped.ids()}
    assert shipped.manifest("16cb73e7de08").id in shipped.ids()


@pytest.mark.parametrize("avatar_id", ["nobody", "", "..", "mira/", "/etc", "../artwork/mira"])
def test_an_unknown_id_is_refused_with_the_known_ones(
    shipped: AvatarLibrary, avatar_id: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        shipped.find(avatar_id)
    assert raised.value.field == "avatar_id"
    assert raised.value.allowed == ", ".join(shipped.ids())


def test_packs_of_ones_own_are_found_by_id_and_alias(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "some folder")
    library = AvatarLibrary(tmp_path)
    assert library.find("tiny") == folder
    assert library.find("little") == folder
    assert "little" not in library.ids()


def test_a_broken_pack_is_left_out_and_logged_and_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_pack(tmp_path / "broken", head_svg=None)
    write_pack(tmp_path / "whole", avatar_toml=MANIFEST.replace("tiny", "whole"))
    (tmp_path / "a file").write_text("")
    with caplog.at_level(logging.WARNING):
        library = AvatarLibrary(tmp_path)
    assert "whole" in library.ids()
    assert "tiny" not in library.ids()
    assert "head.svg: can't be read" in caplog.text


def test_a_pack_of_ones_own_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    own = write_pack(tmp_path / "mine", avatar_toml=MANIFEST.replace("tiny", "mira"))
    library = AvatarLibrary(tmp_path)
    assert library.find("mira") == own
    assert library.find("16cb73e7de08") == own


def test_an_alias_never_hides_an_avatar(tmp_path: Path) -> None:
    write_pack(tmp_path / "mine", avatar_toml=MANIFEST.replace("little", "mira"))
    assert AvatarLibrary(tmp_path).find("mira") == SHIPPED / "mira"
    write_pack(tmp_path / "other", avatar_toml=MANIFEST.replace("tiny", "little"))
    assert AvatarLibrary(tmp_path).find("little") == tmp_path / "other"


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert AvatarLibrary(tmp_path / "none").ids() == AvatarLibrary(None).ids()

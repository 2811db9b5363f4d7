"""The demo shop, real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenroom.commerce.demo import create
from greenroom.commerce.ports import Catalogue, CatalogueContext


@pytest.fixture
async def catalogue(data_dir: Path) -> AsyncIterator[Catalogue]:
    shop = create("demo:", CatalogueContext(data_dir))
    yield shop
    await shop.close()

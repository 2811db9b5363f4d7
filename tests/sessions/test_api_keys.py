from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, select

from clocks import ManualClock
from greenroom.errors import InvalidInput
from greenroom.sessions.engines import T, Work
from greenroom.sessions.keys import ApiKeys
from greenroom.sessions.store import Store
from greenroom.sessions.tables import api_keys


class CountingStore:
    """A store that counts what is read, and can hold an answer back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reads = 0
        self.hold: asyncio.Event | None = None
        self.has_read = asyncio.Event()

    async def read(self, work: Work[T]) -> T:
        self.reads += 1
        result = await self._store.read(work)
        self.has_read.set()
        if self.hold is not None:
            await self.hold.wait()
        return result

    async def write(self, work: Work[T]) -> T:
        return await self._store.write(work)


@pytest.fixture
async def counting(store: Store) -> CountingStore:
    return CountingStore(store)


@pytest.fixture
async def keys(counting: CountingStore, clock: ManualClock) -> ApiKeys:
    return ApiKeys(counting, clock)  # type: ignore[arg-type]


async def test_a_key_speaks_for_its_tenant(keys: ApiKeys) -> None:
    key_id, key = await keys.create("shop", "the web site")
    _, other = await keys.create("other shop")
    assert key.startswith(f"gr_{key_id}_")
    assert await keys.verify(key) == "shop"
    assert await keys.verify(other) == "other shop"


async def test_what_is_not_a_valid_key_speaks_for_nobody(
    keys: ApiKeys, counting: CountingStore
) -> None:
    key_id, key = await keys.create("shop")
    for wrong in ("", "gr_", key[:-1], key + "x", "x" + key, key + "\n", "gr_" + "0" * 60):
        assert await keys.verify(wrong) is None
    assert counting.reads == 0, "what can't be a key costs no query"
    assert await keys.verify(f"gr_{key_id}_{'x' * 43}") is None
    assert await keys.verify(f"gr_{'0' * 16}_{'x' * 43}") is None


async def test_the_key_itself_is_not_stored(keys: ApiKeys, store: Store) -> None:
    key_id, key = await keys.create("shop")

    def rows(connection: Connection) -> str:
        return str(connection.execute(select(api_keys)).all())

    stored = await store.read(rows)
    assert key_id in stored
    # The secret itself may have an underscore in it.
    assert key.split("_", 2)[2] not in stored


async def test_verifying_a_key_again_costs_no_query(
    keys: ApiKeys, counting: CountingStore, clock: ManualClock
) -> None:
    _, key = await keys.create("shop")
    unknown = f"gr_{'0' * 16}_{'x' * 43}"
    for _ in range(5):
        assert await keys.verify(key) == "shop"
        assert await keys.verify(unknown) is None
    assert counting.reads == 2
    clock.advance(4)
    assert await keys.verify(key) == "shop"
    assert counting.reads == 3


async def test_a_revoked_key_is_invalid_at_once(keys: ApiKeys, clock: ManualClock) -> None:
    key_id, key = await keys.create("shop", "old")
    assert await keys.verify(key) == "shop"
    clock.advance(1)
    assert await keys.revoke(key_id)
    assert await keys.verify(key) is None
    assert not await keys.revoke(key_id)
    assert not await keys.revoke("nobody")
    [listed] = await keys.list()
    assert (listed.id, listed.tenant, listed.name) == (key_id, "shop", "old")
    assert listed.revoked_at == clock.now()
    assert listed.created_at < listed.revoked_at


async def test_a_look_up_that_a_revocation_overtakes_does_not_bring_the_key_back(
    keys: ApiKeys, counting: CountingStore
) -> None:
    key_id, key = await keys.create("shop")
    counting.hold = asyncio.Event()
    verifying = asyncio.create_task(keys.verify(key))
    await counting.has_read.wait()
    assert await keys.revoke(key_id)
    counting.hold.set()
    assert await verifying is None
    assert await keys.verify(key) is None


async def test_a_key_that_another_process_revoked_is_invalid_soon(
    keys: ApiKeys, store: Store, clock: ManualClock
) -> None:
    key_id, key = await keys.create("shop")
    assert await keys.verify(key) == "shop"
    await ApiKeys(store).revoke(key_id)
    assert await keys.verify(key) == "shop"
    clock.advance(3)
    assert await keys.verify(key) is None


async def test_keys_are_listed_oldest_first(keys: ApiKeys, clock: ManualClock) -> None:
    assert await keys.list() == []
    made = []
    for tenant in "cab":
        made.append((await keys.create(tenant))[0])
        clock.advance(1)
    assert [key.id for key in await keys.list()] == made


@pytest.mark.parametrize("tenant", ["", "x" * 201, "a\x00b", "a\nb"])
async def test_a_tenant_must_be_a_name(keys: ApiKeys, tenant: str) -> None:
    with pytest.raises(InvalidInput):
        await keys.create(tenant)


async def test_the_memory_of_keys_is_bounded(
    keys: ApiKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenroom.sessions.keys._REMEMBERED", 3)
    for number in range(10):
        assert await keys.verify(f"gr_{number:016x}_{'x' * 43}") is None
    assert len(keys._seen) == 3

"""A server whose shop is on Shopify: it sells, and it says so where Shopify is down."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

from support.server import API_KEY, SCRIPTED, running_server
from support.shopify import (
    TOKEN,
    HastyClock,
    Shop,
    options,
    product,
    running_shop,
    status,
    variant,
)
from support.speech import audio_inputs, receive, say

HEADERS = {"Authorization": f"Bearer {API_KEY}"}


def catalogue(shop: Shop) -> dict[str, str]:
    return {
        **SCRIPTED,
        "GREENROOM_PROVIDERS__CATALOGUE": f"shopify:test.myshopify.com?base_url={shop.url}",
        "SHOPIFY_ACCESS_TOKEN": TOKEN,
        "GREENROOM_LOG_LEVEL": "debug",
    }


async def spoken_answer(ws_url: str, data_dir: Path) -> dict[str, object]:
    async with connect(ws_url, additional_headers=HEADERS, proxy=None) as socket:
        await socket.send(json.dumps({"type": "session.start"}))
        await receive(socket, "session.ready")
        for message in audio_inputs(await say("show me running shoes", data_dir)):
            await socket.send(message)
        return await receive(socket, "agent.response")


async def test_the_shops_own_products_are_found_and_told(data_dir: Path) -> None:
    shoe = product(
        1,
        "Breeze Running Shoe",
        variants=[variant(11, "89.50", 3, selectedOptions=options(Size="10", Color="Blue"))],
    )
    async with running_shop(Shop(HastyClock())) as shop:
        shop.put(shoe)
        async with (
            running_server(data_dir, **catalogue(shop)) as server,
            httpx.AsyncClient(base_url=server.url, headers=HEADERS) as client,
        ):
            found = await client.post("/api/products/search", json={"query": "running shoes"})
            told = await spoken_answer(server.ws_url, data_dir)
            log = "".join(server.log)
    assert found.status_code == 200
    (only,) = found.json()["products"]
    assert only["title"] == "Breeze Running Shoe"
    assert only["price"] == {"amount": "89.50", "currency": "USD"}
    assert "Breeze Running Shoe" in str(told["text"])
    assert TOKEN not in log


async def test_a_dead_shop_is_an_error_over_rest_and_an_apology_in_a_talk(data_dir: Path) -> None:
    async with (
        running_shop(Shop(HastyClock(), always=status(503))) as shop,
        running_server(data_dir, **catalogue(shop)) as server,
        httpx.AsyncClient(base_url=server.url, headers=HEADERS, timeout=20) as client,
    ):
        found = await client.post("/api/products/search", json={"query": "running shoes"})
        tool = {"tool": "search_products", "parameters": {"query": "shoes"}}
        executed = await client.post("/api/test/tool-execution", json=tool)
        health = (await client.get("/health")).json()
        told = await spoken_answer(server.ws_url, data_dir)
    for answer in (found, executed):
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "SHOPIFY_API_ERROR"
    assert health["status"] == "degraded"
    assert health["checks"]["shopify"] == "unhealthy"
    assert "sorry" in str(told["text"]).lower()

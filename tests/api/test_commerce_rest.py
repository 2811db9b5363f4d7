"""Contract 004's REST side, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest

from greenroom.commerce.ports import NO_FILTERS, Filters, SearchResult
from greenroom.errors import ProviderFailed
from greenroom.sessions.model import ContextEntry, EndReason, Status, TranscriptEntry
from support.commerce import API_KEY, SECRET, RunningApi

StartApi = Callable[..., Awaitable[RunningApi]]
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def error_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of an answer, which has the contract's form and nothing else."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    error: dict[str, Any] = body["error"]
    return error


def token(**claims: Any) -> str:
    now = int(datetime.now(UTC).timestamp())
    whole = {
        "sub": UNKNOWN,
        "tenant": "default",
        "aud": "greenroom-session",
        "iss": "greenroom",
        "iat": now,
        "exp": now + 60,
    } | claims
    return jwt.encode({k: v for k, v in whole.items() if v is not None}, SECRET, "HS256")


def bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


# -- sessions ------------------------------------------------------------------------------------


async def test_a_created_session_has_an_id_a_token_and_an_expiry(api: RunningApi) -> None:
    before = datetime.now(UTC)
    created = await api.create(user_id="u1", metadata={"source": "web", "campaign": "summer-sale"})
    assert set(created) == {"session_id", "token", "expires_at"}
    expires = datetime.strptime(created["expires_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert 3_590 < (expires - before).total_seconds() < 3_610
    stored = await api.sessions.get(created["session_id"])
    assert stored.settings == {
        "user_id": "u1",
        "metadata": {"source": "web", "campaign": "summer-sale"},
    }
    assert (stored.api, stored.tenant) == ("commerce", "default")


@pytest.mark.parametrize("content", ["", "{}", '{"unknown": 1, "user_id": null}'])
async def test_a_session_needs_no_field_and_ignores_unknown_ones(
    api: RunningApi, content: str
) -> None:
    answer = await api.client.post("/api/sessions", content=content)
    assert answer.status_code == 200


async def test_a_session_shows_its_messages_and_context(api: RunningApi) -> None:
    session_id = (await api.create())["session_id"]
    await api.sessions.start(session_id)
    append = api.sessions.append
    append(session_id, TranscriptEntry("t1", "user", "Show me running shoes", confidence=0.9))
    reply = TranscriptEntry(
        "t1", "assistant", "I found 5", reply_id="r1", tools_used=("search_products",)
    )
    append(session_id, reply)
    kept = {"cart_items": [], "viewed_products": ["prod_123"], "budget": "100"}
    append(session_id, ContextEntry("t1", kept))
    shown = (await api.client.get(f"/api/sessions/{session_id}")).json()
    assert set(shown) == {"session_id", "status", "started_at", "messages", "context"}
    assert shown["status"] == "active"
    assert shown["context"] == {"cart_items": [], "viewed_products": ["prod_123"]}
    user, assistant = shown["messages"]
    assert set(user) == {"role", "content", "timestamp"}
    assert (user["role"], user["content"]) == ("user", "Show me running shoes")
    assert assistant["tools_used"] == ["search_products"]
    for moment in (shown["started_at"], user["timestamp"]):
        datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


async def test_a_session_that_has_not_started_waits_since_its_creation(api: RunningApi) -> None:
    created = await api.create()
    shown = (await api.client.get(f"/api/sessions/{created['session_id']}")).json()
    assert shown["status"] == "waiting"
    assert shown["started_at"]
    assert shown["messages"] == []
    assert shown["context"] == {"cart_items": [], "viewed_products": []}


async def test_a_long_talk_is_shown_whole(api: RunningApi) -> None:
    session_id = (await api.create())["session_id"]
    for number in range(700):
        api.sessions.append(session_id, TranscriptEntry(f"t{number}", "user", f"word {number}"))
    shown = (await api.client.get(f"/api/sessions/{session_id}")).json()
    assert [m["content"] for m in shown["messages"]] == [f"word {n}" for n in range(700)]
    figures = (await api.client.get(f"/api/analytics/sessions/{session_id}")).json()
    assert figures["metrics"]["messages_count"] == 700


async def test_ending_a_session_twice_says_the_same(api: RunningApi) -> None:
    session_id = (await api.create())["session_id"]
    await api.sessions.start(session_id)
    first = await api.client.delete(f"/api/sessions/{session_id}")
    assert first.status_code == 200
    assert set(first.json()) == {"message", "duration_seconds"}
    assert first.json()["message"] == "Session ended successfully"
    assert isinstance(first.json()["duration_seconds"], int)
    second = await api.client.delete(f"/api/sessions/{session_id}")
    assert second.json() == first.json()
    session = await api.sessions.get(session_id)
    assert (session.status, session.end_reason) == (Status.STOPPED, EndReason.CLIENT_STOPPED)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("session_id", [UNKNOWN, "x" * 300, "%00", "a%2Fb"])
async def test_an_unknown_session_is_not_found(
    api: RunningApi, method: str, session_id: str
) -> None:
    error_of(await api.client.request(method, f"/api/sessions/{session_id}"), 404, "NOT_FOUND")


async def test_a_session_of_another_tenant_is_not_found(api: RunningApi) -> None:
    _, key = await api.keys.create("other")
    session_id = (await api.create())["session_id"]
    for method in ("GET", "DELETE"):
        answer = await api.client.request(
            method, f"/api/sessions/{session_id}", headers=bearer(key)
        )
        error_of(answer, 404, "NOT_FOUND")
    assert not (await api.sessions.get(session_id)).ended


# -- credentials ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        f"Basic {API_KEY}",
        "Bearer wrong",
        "Bearer a.b.c",
        "Bearer gr_0123456789abcdef_" + "x" * 43,
        "Bearer " + "x" * 5_000,
        "Bearer \xe9\xff",
        f"Bearer {token(exp=1)}",
        f"Bearer {token(aud='another')}",
        f"Bearer {token(iss='another')}",
        f"Bearer {token(exp=None)}",
        f"Bearer {token(tenant=None)}",
        "Bearer " + jwt.encode({"sub": UNKNOWN, "exp": 1 << 40}, "another secret" * 4, "HS256"),
        "Bearer " + jwt.encode({"sub": UNKNOWN, "exp": 1 << 40}, "", "none"),
    ],
)
async def test_a_wrong_or_missing_token_is_unauthorized(
    api: RunningApi, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as client:
        for method, path in (
            ("POST", "/api/sessions"),
            ("GET", f"/api/sessions/{UNKNOWN}"),
            ("POST", "/api/products/search"),
        ):
            answer = await client.request(method, path, headers=headers)  # type: ignore[arg-type]
            error_of(answer, 401, "UNAUTHORIZED")
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_session_token_is_for_its_own_session_only(api: RunningApi) -> None:
    mine, other = await api.create(), await api.create()
    headers = bearer(mine["token"])
    client = api.client
    assert (
        await client.get(f"/api/sessions/{mine['session_id']}", headers=headers)
    ).status_code == 200
    event = {"session_id": mine["session_id"], "event_type": "click"}
    assert (
        await client.post("/api/analytics/events", headers=headers, json=event)
    ).status_code == 200
    other_event = event | {"session_id": other["session_id"]}
    other_tool = {"tool": "view_cart", "session_id": other["session_id"]}
    for answer in (
        await client.get(f"/api/sessions/{other['session_id']}", headers=headers),
        await client.delete(f"/api/sessions/{other['session_id']}", headers=headers),
        await client.get(f"/api/analytics/sessions/{other['session_id']}", headers=headers),
        await client.post("/api/analytics/events", headers=headers, json=other_event),
        await client.post("/api/test/tool-execution", headers=headers, json=other_tool),
        await client.post("/api/sessions", headers=headers),
        await client.post("/api/products/search", headers=headers, json={"query": "shoes"}),
    ):
        error_of(answer, 403, "FORBIDDEN")


async def test_a_revoked_key_is_unauthorized(api: RunningApi) -> None:
    key_id, key = await api.keys.create("other")
    assert (await api.client.post("/api/sessions", headers=bearer(key))).status_code == 200
    await api.keys.revoke(key_id)
    error_of(await api.client.post("/api/sessions", headers=bearer(key)), 401, "UNAUTHORIZED")


# -- bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/sessions", "{", "body"),
        ("/api/sessions", "[]", "body"),
        ("/api/sessions", "[" * 5_000, "body"),
        ("/api/sessions", b"\xff\xfe{}", "body"),
        ("/api/sessions", '{"user_id": 5}', "user_id"),
        ("/api/sessions", '{"user_id": "%s"}' % ("x" * 300), "user_id"),
        ("/api/sessions", '{"metadata": []}', "metadata"),
        ("/api/sessions", '{"metadata": {"a": "%s"}}' % ("x" * 20_000), "body"),
        ("/api/products/search", "{}", "query"),
        ("/api/products/search", '{"query": 1}', "query"),
        ("/api/products/search", '{"query": "a", "limit": 0}', "limit"),
        ("/api/products/search", '{"query": "a", "limit": "10"}', "limit"),
        ("/api/products/search", '{"query": "a", "limit": 101}', "limit"),
        ("/api/products/search", '{"query": "a", "filters": []}', "filters"),
        ("/api/products/search", '{"query": "a", "filters": {"size": 10}}', "filters.size"),
        (
            "/api/products/search",
            '{"query": "a", "filters": {"price_range": {"min": -1}}}',
            "filters.price_range.min",
        ),
        (
            "/api/products/search",
            '{"query": "a", "filters": {"price_range": {"max": NaN}}}',
            "filters.price_range.max",
        ),
        (
            "/api/products/search",
            '{"query": "a", "filters": {"price_range": {"min": 2, "max": 1}}}',
            "filters.price_range",
        ),
        ("/api/analytics/events", "{}", "session_id"),
        ("/api/analytics/events", '{"session_id": "a"}', "event_type"),
        ("/api/analytics/events", '{"session_id": "a", "event_type": ""}', "event_type"),
        (
            "/api/analytics/events",
            '{"session_id": "a", "event_type": "%s"}' % ("x" * 65),
            "event_type",
        ),
        ("/api/analytics/events", '{"session_id": "a", "event_type": "b", "data": 1}', "data"),
        ("/api/test/tool-execution", "{}", "tool"),
        ("/api/test/tool-execution", '{"tool": "fly"}', "tool"),
        ("/api/test/tool-execution", '{"tool": "view_cart", "parameters": []}', "parameters"),
        (
            "/api/test/tool-execution",
            '{"tool": "search_products", "parameters": {"limit": 0}}',
            "parameters.limit",
        ),
    ],
)
async def test_an_invalid_body_names_its_field(
    api: RunningApi, path: str, body: str | bytes, field: str
) -> None:
    error = error_of(await api.client.post(path, content=body), 400, "VALIDATION_ERROR")
    assert error["details"]["field"] == field
    assert field in error["message"]


async def test_a_body_that_is_too_large_is_refused(start_api: StartApi) -> None:
    api = await start_api(settings={"server": {"max_body_bytes": 1_000}})
    for size in (2_000, 5_000_000):
        answer = await api.client.post("/api/products/search", content=b" " * size)
        error = error_of(answer, 400, "VALIDATION_ERROR")
        assert error["details"] == {
            "field": "body",
            "problem": "is too long",
            "allowed": "at most 1000 bytes",
        }


async def test_a_body_without_an_end_is_hung_up_on(start_api: StartApi) -> None:
    api = await start_api(settings={"server": {"max_body_bytes": 1_000}})
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /api/sessions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {API_KEY}\r\n"
    writer.write(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"

    async def send_for_ever() -> None:
        while True:
            writer.write(chunk)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(send_for_ever(), 20)
    writer.close()
    reader.feed_eof()


async def test_a_body_in_pieces_is_read_whole(api: RunningApi) -> None:
    async def pieces() -> Any:
        for piece in (b'{"query": ', b'"running shoes"', b"}"):
            yield piece
            await asyncio.sleep(0)

    answer = await api.client.post("/api/products/search", content=pieces())
    assert answer.status_code == 200


async def test_a_body_that_does_not_arrive_is_not_waited_for(start_api: StartApi) -> None:
    api = await start_api(settings={"server": {"handshake_timeout": 0.1}})
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /api/sessions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {API_KEY}\r\n"
    writer.write(f"{head}content-length: 10\r\n\r\n{{".encode())
    async with asyncio.timeout(5):
        answer = await reader.read()
    assert b"400 Bad Request" in answer
    assert b"VALIDATION_ERROR" in answer
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_hangs_up_in_its_body_leaves_nothing(api: RunningApi) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /api/sessions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {API_KEY}\r\n"
    writer.write(f"{head}content-length: 10\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await api.client.get("/health")).status_code == 200


# -- paths and methods ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/nothing", "/api/", "/ws/nothing", "/api/sessions/a/b"])
async def test_an_unknown_path_is_not_found_in_the_contracts_form(
    api: RunningApi, path: str
) -> None:
    error_of(await api.client.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/sessions", "POST"),
        ("PATCH", f"/api/sessions/{UNKNOWN}", "DELETE, GET, HEAD"),
        ("DELETE", "/health", "GET, HEAD"),
    ],
)
async def test_another_method_says_which_are_allowed(
    api: RunningApi, method: str, path: str, allowed: str
) -> None:
    answer = await api.client.request(method, path)
    error_of(answer, 405, "VALIDATION_ERROR")
    assert answer.headers["allow"] == allowed


async def test_the_websockets_path_is_no_page(api: RunningApi) -> None:
    error = error_of(await api.client.get("/ws/voice/session"), 400, "VALIDATION_ERROR")
    assert error["details"]["field"] == "upgrade"


async def test_paths_of_others_keep_their_own_errors(api: RunningApi) -> None:
    answer = await api.client.get("/elsewhere")
    assert (answer.status_code, answer.text) == (404, "Not Found")


# -- products ------------------------------------------------------------------------------------


async def test_a_search_gives_products_in_the_contracts_form(api: RunningApi) -> None:
    body = {
        "query": "running shoes",
        "filters": {"category": "footwear", "price_range": {"min": 50, "max": 200}, "size": "10"},
        "limit": 2,
    }
    answer = await api.client.post("/api/products/search", json=body)
    assert answer.status_code == 200
    found = answer.json()
    assert set(found) == {"products", "total_count", "has_more"}
    assert len(found["products"]) == 2
    assert found["has_more"] is (found["total_count"] > 2)
    for product in found["products"]:
        assert set(product) == {"id", "title", "description", "price", "images", "variants"}
        assert set(product["price"]) == {"amount", "currency"}
        assert 50 <= float(product["price"]["amount"]) <= 200
        for variant in product["variants"]:
            assert set(variant) == {"id", "size", "color", "available", "inventory_quantity"}
            assert variant["available"] is (variant["inventory_quantity"] > 0)


class FailingCatalogue:
    """A shop that does not answer."""

    uri = "failing:"

    async def search(
        self, query: str, filters: Filters = NO_FILTERS, limit: int = 10, offset: int = 0
    ) -> SearchResult:
        raise ProviderFailed(self.uri, "told to fail")

    async def get(self, product_id: str) -> Any:
        raise ProviderFailed(self.uri, "told to fail")

    async def check(self) -> None:
        raise ProviderFailed(self.uri, "told to fail")

    async def vocabulary(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None:
        """Nothing to free."""


async def test_a_shop_that_fails_is_a_bad_gateway_and_degrades_health(start_api: StartApi) -> None:
    api = await start_api(catalogue=FailingCatalogue())
    answer = await api.client.post("/api/products/search", json={"query": "shoes"})
    error_of(answer, 502, "SHOPIFY_API_ERROR")
    health = (await api.client.get("/health")).json()
    assert health["status"] == "degraded"
    assert health["checks"]["shopify"] == "unhealthy"
    assert health["checks"]["api"] == "healthy"


async def test_a_defect_is_an_internal_error_that_tells_nothing(
    start_api: StartApi, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FailingCatalogue):
        async def search(self, *args: Any, **kwargs: Any) -> SearchResult:
            raise RuntimeError("a secret detail")

    api = await start_api(catalogue=Broken())
    answer = await api.client.post("/api/products/search", json={"query": "shoes"})
    error_of(answer, 500, "INTERNAL_ERROR")
    assert "secret" not in answer.text
    assert "a secret detail" in caplog.text


# -- analytics and tools -------------------------------------------------------------------------


async def test_a_tracked_event_is_in_the_journal_and_the_figures(api: RunningApi) -> None:
    session_id = (await api.create())["session_id"]
    data = {"tool_name": "search_products", "duration_ms": 250, "success": True}
    body = {"session_id": session_id, "event_type": "tool_execution", "data": data}
    answer = await api.client.post("/api/analytics/events", json=body)
    assert answer.status_code == 200
    assert set(answer.json()) == {"event_id", "timestamp"}
    assert answer.json()["event_id"].startswith("evt_")
    records = await api.sessions.records(session_id, kinds=("analytics",))
    assert [(r.entry.event_type, r.entry.data) for r in records] == [("tool_execution", data)]  # type: ignore[union-attr]
    figures = (await api.client.get(f"/api/analytics/sessions/{session_id}")).json()
    additions = {"latency", "usage", "cost"}
    assert set(figures) == {"session_id", "metrics", "tool_usage", "intents"} | additions
    assert set(figures["metrics"]) == {
        "duration_seconds",
        "messages_count",
        "tools_executed",
        "products_viewed",
        "cart_value",
    }
    assert figures["tool_usage"] == {"search_products": 1}


async def test_an_event_that_is_repeated_with_its_key_counts_once(api: RunningApi) -> None:
    session_id = (await api.create())["session_id"]
    body = {
        "session_id": session_id,
        "event_type": "tool_execution",
        "data": {"tool_name": "search_products"},
        "event_key": "a-key-of-the-client",
    }
    answers = [await api.client.post("/api/analytics/events", json=body) for _ in range(3)]
    assert len({answer.text for answer in answers}) == 1
    figures = (await api.client.get(f"/api/analytics/sessions/{session_id}")).json()
    assert figures["tool_usage"] == {"search_products": 1}
    other = body | {"data": {"tool_name": "add_to_cart"}}
    refused = await api.client.post("/api/analytics/events", json=other)
    assert error_of(refused, 400, "VALIDATION_ERROR")["details"]["field"] == "event_key"
    again = (await api.client.get(f"/api/analytics/sessions/{session_id}")).json()
    assert again["tool_usage"] == {"search_products": 1}


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"event_type": "tool_execution"}, "data.tool_name"),
        ({"event_type": "tool_execution", "data": {"tool_name": 3}}, "data.tool_name"),
        (
            {"event_type": "tool_execution", "data": {"tool_name": "a", "duration_ms": -1}},
            "data.duration_ms",
        ),
        (
            {"event_type": "tool_execution", "data": {"tool_name": "a", "success": "yes"}},
            "data.success",
        ),
        ({"event_type": "product_view", "data": {"product_id": ""}}, "data.product_id"),
        ({"event_type": "click", "event_key": ""}, "event_key"),
        ({"event_type": "click", "event_key": "k" * 129}, "event_key"),
    ],
)
async def test_an_event_that_does_not_fit_its_type_is_refused(
    api: RunningApi, event: dict[str, Any], field: str
) -> None:
    session_id = (await api.create())["session_id"]
    answer = await api.client.post("/api/analytics/events", json={"session_id": session_id} | event)
    assert error_of(answer, 400, "VALIDATION_ERROR")["details"]["field"] == field
    assert await api.sessions.records(session_id, kinds=("analytics",)) == []


async def test_events_and_figures_of_an_unknown_session_are_not_found(api: RunningApi) -> None:
    body = {"session_id": UNKNOWN, "event_type": "click"}
    error_of(await api.client.post("/api/analytics/events", json=body), 404, "NOT_FOUND")
    error_of(await api.client.get(f"/api/analytics/sessions/{UNKNOWN}"), 404, "NOT_FOUND")


async def test_a_tool_is_executed_directly(api: RunningApi) -> None:
    body = {"tool": "search_products", "parameters": {"query": "shoes"}}
    answer = (await api.client.post("/api/test/tool-execution", json=body)).json()
    assert set(answer) == {"tool", "success", "result", "duration_ms"}
    assert (answer["tool"], answer["success"]) == ("search_products", True)
    assert answer["result"]
    assert answer["duration_ms"] >= 0


async def test_a_tool_that_cannot_be_done_says_why(api: RunningApi) -> None:
    body = {"tool": "get_product_details", "parameters": {"product_id": "nothing like this"}}
    answer = (await api.client.post("/api/test/tool-execution", json=body)).json()
    assert answer["success"] is False
    assert answer["result"]["error"]


async def test_a_tool_works_in_its_sessions_context(api: RunningApi) -> None:
    session_id = (await api.create())["session_id"]
    client = api.client
    search = {"query": "headphones", "limit": 1}
    product = (await client.post("/api/products/search", json=search)).json()["products"][0]
    variant = next(each for each in product["variants"] if each["available"])
    add = {
        "tool": "add_to_cart",
        "session_id": session_id,
        "parameters": {
            "product_id": product["id"],
            "size": variant["size"],
            "color": variant["color"],
        },
    }
    added = (await client.post("/api/test/tool-execution", json=add)).json()
    assert added["success"], added
    shown = (await client.get(f"/api/sessions/{session_id}")).json()
    assert len(shown["context"]["cart_items"]) == 1
    assert set(shown["context"]) == {"cart_items", "viewed_products"}
    pay = {"tool": "checkout_link", "session_id": session_id}
    assert (await client.post("/api/test/tool-execution", json=pay)).json()["success"]
    linked = (await client.get(f"/api/sessions/{session_id}")).json()
    assert linked["context"]["checkout_url"].startswith("https://")
    figures = (await client.get(f"/api/analytics/sessions/{session_id}")).json()
    assert figures["tool_usage"] == {"add_to_cart": 1, "checkout_link": 1}
    assert figures["metrics"]["cart_value"] > 0


# -- health --------------------------------------------------------------------------------------


async def test_health_needs_no_token_and_names_every_part(api: RunningApi) -> None:
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as client:
        answer = await client.get("/health")
        assert answer.status_code == 200
        healthy = dict.fromkeys(("api", "shopify", "livekit", "redis"), "healthy")
        assert answer.json()["status"] == "healthy"
        assert answer.json()["checks"] == healthy
        # With the fields of contract 001, which the port's one answer has.
        assert set(answer.json()) == {
            "status",
            "version",
            "checks",
            "livekit_url",
            "livekit_configured",
            "redis_connected",
            "celery_available",
        }
        assert (await client.head("/health")).status_code == 200

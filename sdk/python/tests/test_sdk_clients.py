"""Both clients, against the real server and against one that fails."""

from __future__ import annotations

import asyncio
import http.server
import json
import logging
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from support.server import API_KEY

import voice_agent as sdk
from voice_agent import AsyncVoiceAgentClient, VoiceAgentClient


@pytest.fixture
def client(server_url: str) -> Iterator[VoiceAgentClient]:
    with VoiceAgentClient(api_key=API_KEY, base_url=server_url) as made:
        yield made


def test_all_of_the_rest_api_in_code_that_blocks(client: VoiceAgentClient) -> None:
    assert client.health().checks["api"] == "healthy"
    session = client.create_session("me", {"source": "web"})
    assert session.expires_at > datetime.now(UTC)
    details = client.get_session(session.session_id)
    assert (details.status, details.messages) == ("waiting", ())
    found = client.search_products("running shoes", max_price=100, limit=2)
    assert len(found.products) == 2
    assert found.has_more
    assert all(product.price and product.price.amount <= 100 for product in found.products)
    product, variant = found.products[0], found.products[0].variants[0]
    ran = client.run_tool(
        "get_product_details", {"product_id": product.id}, session_id=session.session_id
    )
    assert ran.success, ran
    assert variant.id
    client.track_event(session.session_id, "tool_execution", {"tool_name": "search_products"})
    figures = client.session_analytics(session.session_id)
    assert figures.tool_usage["search_products"] == 1
    assert figures.metrics.tools_executed == 2
    viewed = client.get_session(session.session_id).context.viewed_products
    assert viewed == (product.id,)
    assert client.end_session(session.session_id).message
    assert client.get_session(session.session_id).status == "stopped"


async def test_all_of_the_rest_api_in_asyncio(server_url: str) -> None:
    async with AsyncVoiceAgentClient(api_key=API_KEY, base_url=server_url) as client:
        assert (await client.health()).version
        session = await client.create_session()
        assert (await client.get_session(session.session_id)).status == "waiting"
        assert (await client.search_products("shoes")).total_count > 0
        assert (await client.run_tool("search_products", {"query": "shoes"})).success
        assert (await client.track_event(session.session_id, "click")).event_id
        assert (await client.session_analytics(session.session_id)).metrics.cart_value == 0
        assert (await client.end_session(session.session_id)).duration_seconds == 0


def test_the_same_event_sent_twice_is_one_event(client: VoiceAgentClient) -> None:
    session_id = client.create_session().session_id
    sent = [client.track_event(session_id, "click", {"n": 1}, event_key="k1") for _ in range(2)]
    other = client.track_event(session_id, "click", {"n": 1})
    assert sent[0].event_id == sent[1].event_id != other.event_id


def test_refusals_are_exceptions_of_their_codes(client: VoiceAgentClient, server_url: str) -> None:
    with pytest.raises(sdk.NotFound) as missing:
        client.get_session("nosuch")
    assert missing.value.status == 404
    with pytest.raises(sdk.ValidationError) as unfit:
        client.search_products("x", limit=1_000)
    assert unfit.value.field == "limit"
    token = client.create_session().token
    with VoiceAgentClient(api_key=token, base_url=server_url) as limited:
        with pytest.raises(sdk.Forbidden):
            limited.create_session()
    with VoiceAgentClient(api_key="wrong", base_url=server_url) as stranger:
        assert stranger.health().healthy
        with pytest.raises(sdk.Unauthorized):
            stranger.create_session()


def test_threads_may_share_a_client(client: VoiceAgentClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: client.create_session().session_id, range(24)))
    assert len(set(ids)) == 24


@pytest.mark.parametrize("kind", [VoiceAgentClient, AsyncVoiceAgentClient])
def test_a_client_shows_where_it_goes_and_not_its_key(kind: type[Any]) -> None:
    made = kind(api_key="very-secret", base_url="https://api.example.com")
    assert repr(made) == f"{kind.__name__}(base_url='https://api.example.com')"
    voice = made.connect_voice("also-secret")
    assert "secret" not in repr(voice) + repr(vars(made)["_key"])
    closed = made.close()
    if closed is not None:
        asyncio.run(closed)


class Failing:
    """An HTTP server that answers as it is told; None breaks the connection."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes] | None] = []
        self.asked: list[tuple[str, str, Any, str | None]] = []
        failing = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(size) or b"null")
                authorization = self.headers.get("Authorization")
                failing.asked.append((self.command, self.path, body, authorization))
                answer = failing.answers.pop(0)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def failing() -> Iterator[Failing]:
    made = Failing()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


EVENT = (200, {}, b'{"event_id": "evt_1", "timestamp": "2026-01-20T14:00:00Z"}')


def test_a_broken_connection_is_repeated_with_the_same_event_key(failing: Failing) -> None:
    failing.answers = [None, (503, {}, b""), EVENT]
    with VoiceAgentClient(api_key="k", base_url=failing.url) as client:
        assert client.track_event("s", "click").event_id == "evt_1"
    keys = {body["event_key"] for _, _, body, _ in failing.asked}
    assert len(failing.asked) == 3
    assert len(keys) == 1


async def test_a_broken_connection_is_repeated_in_asyncio_too(failing: Failing) -> None:
    failing.answers = [None, EVENT]
    async with AsyncVoiceAgentClient(api_key="k", base_url=failing.url) as client:
        assert (await client.track_event("s", "click")).event_id == "evt_1"


async def test_a_session_is_never_made_twice(failing: Failing) -> None:
    failing.answers = [None, None]
    async with AsyncVoiceAgentClient(api_key="k", base_url=failing.url) as client:
        with pytest.raises(sdk.ConnectionFailed, match="POST /api/sessions"):
            await client.create_session()
    with VoiceAgentClient(api_key="k", base_url=failing.url) as blocking:
        with pytest.raises(sdk.ConnectionFailed, match="POST /api/sessions"):
            blocking.create_session()
    assert len(failing.asked) == 2


def test_health_is_asked_without_the_key(failing: Failing) -> None:
    failing.answers = [(200, {}, b'{"status": "degraded", "version": "1", "checks": {}}')]
    with VoiceAgentClient(api_key="k", base_url=failing.url + "/prefix/") as client:
        assert not client.health().healthy
    assert failing.asked == [("GET", "/prefix/health", None, None)]


def test_a_redirect_is_not_followed_with_the_key(failing: Failing) -> None:
    failing.answers = [(302, {"Location": "http://127.0.0.1:1/"}, b"")]
    with VoiceAgentClient(api_key="k", base_url=failing.url) as client:
        with pytest.raises(sdk.UnexpectedAnswer, match="302"):
            client.create_session()


def test_no_server_is_a_connection_that_failed() -> None:
    with VoiceAgentClient(api_key="k", base_url="http://127.0.0.1:1", retries=0) as client:
        with pytest.raises(sdk.ConnectionFailed, match="GET /health"):
            client.health()


def test_a_server_that_does_not_answer_in_time_is_given_up(failing: Failing) -> None:
    blocked = threading.Event()
    failing.answers = []

    class Patient(list[Any]):
        def pop(self, *_: Any) -> Any:
            blocked.wait(5)

    failing.answers = Patient()
    with VoiceAgentClient(api_key="k", base_url=failing.url, timeout=0.2, retries=0) as client:
        with pytest.raises(sdk.ConnectionFailed, match="GET /health"):
            client.health()
    blocked.set()


def test_a_certificate_context_of_ones_own_is_taken() -> None:
    context = ssl.create_default_context()
    with (
        VoiceAgentClient(
            api_key="k", base_url="https://127.0.0.1:1", ssl_context=context, retries=0
        ) as client,
        pytest.raises(sdk.ConnectionFailed),
    ):
        client.health()


async def test_no_log_at_any_level_shows_a_key_or_token(
    server_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with AsyncVoiceAgentClient(api_key=API_KEY, base_url=server_url) as client:
            session = await client.create_session()
            async with client.connect_voice(session.token) as ws:
                await ws.send_audio(bytes(32_000))
                livekit = ws.ready.token
            with pytest.raises(sdk.Unauthorized) as caught:
                await client.connect_voice(session.token[:-4]).__aenter__()
    assert "httpx" in caplog.text
    told = caplog.text + repr(caught.value) + str(caught.value)
    for secret in (API_KEY, session.token, session.token[:-4], livekit):
        assert secret not in told

"""The pages about the APIs, in a real browser that reaches nobody but this server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jsonschema
import pytest
from fastapi.openapi.models import OpenAPI
from playwright.async_api import Page, Request, async_playwright

from greenroom.api.main_port import MainPort
from greenroom.api.reference.document import schema_of
from support.browser import find_chromium
from support.commerce import running_api
from support.orchestrator_api import orchestrator_port, running_orchestrator


def paths_of(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }


async def test_the_document_describes_what_is_served(data_dir: Path) -> None:
    async with (
        running_api(data_dir) as commerce,
        running_orchestrator(data_dir, beside=[commerce.api]) as port,
    ):
        answer = await port.client.get("/openapi.json")
        document = answer.json()
        OpenAPI.model_validate(document)
        for method, path in paths_of(document):
            served = await port.client.request(method, path.replace("{session_id}", "x"))
            assert served.status_code not in {404, 405}, (method, path)
    assert paths_of(document) == {
        ("POST", "/api/session/start"),
        ("POST", "/api/session/end"),
        ("POST", "/webhook/livekit"),
        ("GET", "/"),
        ("GET", "/health"),
        ("POST", "/api/sessions"),
        ("GET", "/api/sessions/{session_id}"),
        ("DELETE", "/api/sessions/{session_id}"),
        ("POST", "/api/products/search"),
        ("POST", "/api/analytics/events"),
        ("GET", "/api/analytics/sessions/{session_id}"),
        ("POST", "/api/test/tool-execution"),
    }


async def test_the_examples_fit_their_schemas(data_dir: Path) -> None:
    async with running_api(data_dir) as commerce:
        port, _ = orchestrator_port(data_dir, beside=[commerce.api])
        document = await document_of(port)
    whole = {"components": document["components"]}
    examples = 0
    for methods in document["paths"].values():
        for operation in methods.values():
            bodies = [operation.get("requestBody"), *operation["responses"].values()]
            for content in (body["content"]["application/json"] for body in bodies if body):
                jsonschema.validate(content["example"], {**content["schema"], **whole})
                examples += 1
    assert examples > 40
    start = document["components"]["schemas"]["StartSession"]
    assert start["required"] == ["userName"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"userName": "u", "voiceId": "Bob"}, start)


def test_a_schema_is_made_of_an_example() -> None:
    example = {"a": [1], "b": {"c": True, "d": 1.5}, "e": []}
    assert schema_of(example) == {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "integer"}},
            "b": {
                "type": "object",
                "properties": {"c": {"type": "boolean"}, "d": {"type": "number"}},
            },
            "e": {"type": "array", "items": {}},
        },
    }


async def document_of(port: MainPort) -> dict[str, Any]:
    transport = httpx.ASGITransport(port.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        document: dict[str, Any] = (await client.get("/openapi.json")).json()
        return document


@pytest.mark.timeout(120)
@pytest.mark.xdist_group("browser")
async def test_both_pages_are_drawn_and_no_request_leaves_the_machine(data_dir: Path) -> None:
    async with running_orchestrator(data_dir) as port, chromium() as page:
        asked: list[Request] = []
        defects: list[str] = []
        page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - it is looked at
        page.on("pageerror", lambda error: defects.append(str(error)))
        await page.goto(f"{port.url}/docs")
        await page.get_by_text("/api/session/start").first.click()
        await page.get_by_role("button", name="Try it out").click()
        await page.get_by_role("button", name="Execute").click()
        await page.get_by_text("Session created.").first.wait_for()
        await page.goto(f"{port.url}/redoc")
        await page.get_by_role("heading", name="Start a session").wait_for()
    assert len(port.sessions.started) == 1
    assert defects == []
    own = [request for request in asked if request.url.startswith(port.url)]
    assert {urlsplit(request.url).path for request in own if request.failure is None} == {
        "/docs",
        "/docs/scripts/swagger-ui-bundle.js",
        "/docs/scripts/swagger-ui.css",
        "/docs/scripts/favicon.png",
        "/openapi.json",
        "/api/session/start",
        "/redoc",
        "/docs/scripts/redoc.standalone.js",
    }
    # ReDoc's script wants a logo of its makers: the browser itself refuses to ask for it.
    others = [r for r in asked if r not in own and not r.url.startswith(("data:", "blob:"))]
    assert {request.failure for request in others} <= {"csp"}


@asynccontextmanager
async def chromium() -> AsyncIterator[Page]:
    """A page of a browser that finds no other machine."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(),
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        try:
            page = await browser.new_page()
            page.set_default_timeout(20_000)
            yield page
        finally:
            await browser.close()


def test_a_server_that_nobody_asks_for_pages_imports_no_fastapi() -> None:
    code = "import sys, greenroom.api.main_port; print('fastapi' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"

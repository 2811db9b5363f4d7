"""An OpenAPI 3.1 document, made of the models that read requests and of examples of answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from greenroom import __version__

Credential = Literal["needed", "beyond loopback", "none"]

_SECURITY: Mapping[Credential, list[dict[str, list[str]]]] = {
    "needed": [{"bearer": []}],
    "beyond loopback": [{}, {"bearer": []}, {"apiKey": []}],
    "none": [],
}

# A bool is an int too, so that it comes first.
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    `answer` is an example of what a 200 holds, of which its schema is made; `errors` has one for
    each status. `request` reads the body, `example` is one.
    """

    method: str
    path: str
    tag: str
    summary: str
    answer: Any
    description: str = ""
    request: type[BaseModel] | None = None
    example: Any = None
    errors: Mapping[int, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that a request may have, and what they are."""
    credential: Credential = "needed"


def openapi(operations: Sequence[Operation], title: str, description: str) -> dict[str, Any]:
    """The document."""
    models = list(dict.fromkeys(asked.request for asked in operations if asked.request))
    references, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        schema = references[operation.request, "validation"] if operation.request else None
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(
            operation, schema
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__, "description": description},
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


def schema_of(example: Any) -> dict[str, Any]:
    """The JSON schema of what looks like `example`; a list's elements look like its first."""
    if isinstance(example, dict):
        properties = {name: schema_of(value) for name, value in example.items()}
        return {"type": "object", "properties": properties}
    if isinstance(example, list):
        return {"type": "array", "items": schema_of(example[0]) if example else {}}
    return {"type": next(name for kind, name in _TYPES.items() if isinstance(example, kind))}


def _described(operation: Operation, schema: dict[str, Any] | None) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    parameters += [
        {"name": name, "in": "header", "description": what, "schema": {"type": "string"}}
        for name, what in operation.headers.items()
    ]
    described: dict[str, Any] = {
        "tags": [operation.tag],
        "summary": operation.summary,
        "operationId": f"{operation.method.lower()}{re.sub(r'[^a-zA-Z0-9]+', '_', operation.path)}",
        "security": _SECURITY[operation.credential],
        "responses": {
            str(status): {
                "description": HTTPStatus(status).phrase,
                "content": _json(schema_of(example), example),
            }
            for status, example in {200: operation.answer, **operation.errors}.items()
        },
    }
    if operation.description:
        described["description"] = operation.description
    if parameters:
        described["parameters"] = parameters
    if schema is not None:
        described["requestBody"] = {"required": True, "content": _json(schema, operation.example)}
    elif operation.example is not None:
        content = _json(schema_of(operation.example), operation.example)
        described["requestBody"] = {"required": True, "content": content}
    return described


def _json(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema, "example": example}}

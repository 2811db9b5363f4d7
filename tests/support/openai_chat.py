"""What OpenAI's models answer, whole or as a stream, in both APIs: chat completions, responses.

Minimal: what the `openai` package and pydantic-ai read, in the order in which OpenAI sends it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

_CREATED = 1_780_000_000
USAGE = (20, 7)
"""Tokens in and out, of every answer."""


@dataclass(frozen=True)
class ToolCall:
    """A model wants a tool run."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    id: str = "call_1"


Thought: TypeAlias = str | ToolCall | Sequence[str | ToolCall]
"""One answer: text (a sequence's strings are the pieces that are streamed), tool calls, or both."""

Body: TypeAlias = tuple[int, str, list[bytes]]


def chat_body(asked: dict[str, Any], thought: Thought) -> Body:
    """The answer of `/v1/chat/completions`: status, media type, pieces."""
    if not asked.get("messages") or not asked.get("model"):
        return _refusal("messages and model are needed")
    texts, calls = _parts(thought)
    base = {"id": "chatcmpl-1", "created": _CREATED, "model": asked["model"]}
    reason = "tool_calls" if calls else "stop"
    usage = dict(zip(("prompt_tokens", "completion_tokens"), USAGE, strict=True))
    usage["total_tokens"] = sum(USAGE)
    if not asked.get("stream"):
        message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
        if calls:
            message["tool_calls"] = [_chat_call(call) for call in calls]
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return _json(base | {"object": "chat.completion", "choices": [choice], "usage": usage})
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text} for text in texts]
    for index, call in enumerate(calls):
        whole = _chat_call(call)
        first, second = _halves(whole["function"]["arguments"])
        whole["function"] = {"name": call.name, "arguments": first}
        deltas.append({"tool_calls": [{"index": index} | whole]})
        rest = {"index": index, "function": {"arguments": second}}
        deltas.append({"tool_calls": [rest]})
    chunks = [{"choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if (asked.get("stream_options") or {}).get("include_usage"):
        chunks.append({"choices": [], "usage": usage})
    events = [base | {"object": "chat.completion.chunk"} | chunk for chunk in chunks]
    pieces = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    return 200, "text/event-stream", [*pieces, b"data: [DONE]\n\n"]


def responses_body(asked: dict[str, Any], thought: Thought) -> Body:
    """The answer of `/v1/responses`: status, media type, pieces."""
    if "input" not in asked or not asked.get("model"):
        return _refusal("input and model are needed")
    texts, calls = _parts(thought)
    items = [_message(texts)] if texts else []
    items += [_function_call(call, "completed") for call in calls]
    whole = _response(asked, "completed", items)
    if not asked.get("stream"):
        return _json(whole)
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": _response(asked, "in_progress", [])}
    ]
    if texts:
        events += _message_events(texts, items[0])
    for place, call in enumerate(calls, len(items) - len(calls)):
        events += _call_events(call, place)
    events.append({"type": "response.completed", "response": whole})
    lines = [
        f"event: {event['type']}\ndata: {json.dumps(event | {'sequence_number': number})}\n\n"
        for number, event in enumerate(events)
    ]
    return 200, "text/event-stream", [line.encode() for line in lines]


def _parts(thought: Thought) -> tuple[list[str], list[ToolCall]]:
    parts = [thought] if isinstance(thought, str | ToolCall) else list(thought)
    return (
        [part for part in parts if isinstance(part, str)],
        [part for part in parts if isinstance(part, ToolCall)],
    )


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _chat_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _response(asked: dict[str, Any], status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    tokens = {
        "input_tokens": USAGE[0],
        "output_tokens": USAGE[1],
        "total_tokens": sum(USAGE),
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": _CREATED,
        "status": status,
        "model": asked["model"],
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": asked.get("tools") or [],
        "usage": tokens if status == "completed" else None,
    }


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _message(texts: list[str], status: str = "completed") -> dict[str, Any]:
    content = [_text_part("".join(texts))] if texts else []
    base = {"id": "msg_1", "type": "message", "role": "assistant"}
    return base | {"status": status, "content": content}


def _function_call(call: ToolCall, status: str) -> dict[str, Any]:
    done = status == "completed"
    return {
        "id": f"fc_{call.id}",
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": json.dumps(call.arguments) if done else "",
        "status": status,
    }


def _message_events(texts: list[str], item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    place = {"output_index": 0, "item_id": item["id"], "content_index": 0}
    text = "".join(texts)
    started = _message([], "in_progress")
    yield {"type": "response.output_item.added", "output_index": 0, "item": started}
    yield {"type": "response.content_part.added", "part": _text_part("")} | place
    for delta in texts:
        yield {"type": "response.output_text.delta", "delta": delta, "logprobs": []} | place
    yield {"type": "response.output_text.done", "text": text, "logprobs": []} | place
    yield {"type": "response.content_part.done", "part": _text_part(text)} | place
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}


def _call_events(call: ToolCall, index: int) -> Iterator[dict[str, Any]]:
    item = _function_call(call, "completed")
    place = {"output_index": index, "item_id": item["id"]}
    started = _function_call(call, "in_progress")
    yield {"type": "response.output_item.added", "output_index": index, "item": started}
    for delta in _halves(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", "delta": delta} | place
    done = {"name": call.name, "arguments": item["arguments"]}
    yield {"type": "response.function_call_arguments.done"} | done | place
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _json(value: Any) -> Body:
    return 200, "application/json", [json.dumps(value).encode()]


def _refusal(message: str) -> Body:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return 400, "application/json", [json.dumps({"error": error}).encode()]

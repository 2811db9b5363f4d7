"""Bodies of requests: read strictly, with everything that is missing named at once."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from greenroom.api.avatars.errors import Code, MissingFields, Refused
from greenroom.api.avatars.protocol import MAX_TOKEN
from greenroom.api.bodies import invalid_input, path_of
from greenroom.api.endpoint import Call
from greenroom.errors import ClientError

MAX_IDLE_TIMEOUT = 86_400.0
DEFAULT_IDLE_TIMEOUT = 120.0
"""Seconds."""

_MAX_UID = 2**32 - 1
"""Agora's numbers for users are unsigned and have 32 bits."""

Name = Annotated[str, Field(min_length=1, max_length=256)]
Token = Annotated[str, Field(min_length=1, max_length=MAX_TOKEN)]
IdleTimeout = Annotated[float, Field(ge=0, le=MAX_IDLE_TIMEOUT)]

Model = TypeVar("Model", bound=BaseModel)


async def read(call: Call, model: type[Model]) -> Model:
    """A call's body; an empty one is an empty object.

    Raises Refused (INVALID_JSON), MissingFields, InvalidInput.
    """
    body = await call.body()
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False)) from None


def check_uid(uid: str, *, is_string: bool) -> str:
    """`uid` as it is. Raises ValueError for what is to be a number and is none of Agora's."""
    if not is_string and not (uid.isascii() and uid.isdigit() and int(uid[:11]) <= _MAX_UID):
        raise ValueError(f"must be a number from 0 to {_MAX_UID}, as a string")
    return uid


def invalid(problems: list[ErrorDetails]) -> ClientError:
    """All that is missing, else the first thing that is wrong."""
    missing = [path_of(problem) for problem in problems if problem["type"] == "missing"]
    if missing:
        return MissingFields(missing)
    first = problems[0]
    if first["type"] == "json_invalid":
        return Refused(Code.INVALID_JSON, "Request body is not valid JSON")
    return invalid_input(first)

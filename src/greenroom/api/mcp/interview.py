"""The prompt `voice_interview`: how an agent interviews a person with these tools."""

from __future__ import annotations

from typing import Annotated

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)
from pydantic import Field

from greenroom.api.bodies import Body
from greenroom.api.mcp.callers import Context
from greenroom.api.mcp.errors import protocol_errors
from greenroom.api.mcp.models import read_arguments

NAME = "voice_interview"

_TITLE = "Interview a person by voice"

_HOW = """\
Interview a person by voice about {topic}, and report what they said.

1. {prepare}
2. Call start_voice_session with voice_prompt "{voice}" (list_voices knows others) and with this \
text_prompt:

<text_prompt>
{persona}
</text_prompt>

3. Give the person `websocket_url` of the answer, to connect their voice client to. The session \
waits for them; they need nothing else.
4. Call wait_for_session with its `session_id`, again and again while `status` is waiting or \
active. Don't stop the session while they talk, unless you are asked to.
5. When it has ended, read `full_transcript`. The person's words were recognised by machine: \
where a word makes no sense, say so instead of guessing.
6. Report: for each question the answer in a sentence or two, with a short quotation of the \
person's own words; then what came up beside the questions; then what was left open. If the talk \
broke off (`end_reason` says how), say which questions were not reached. Add nothing that was not \
said."""

_PERSONA = """\
You are a friendly interviewer. You talk with a person about {topic}.
Speak {language}. The talk should take {length}.
Greet the person and say in one sentence what the talk is for.
Ask these questions, one by one:
{questions}
Ask once more where an answer is short or unclear. At the end sum up what the person said, check \
that it is right, thank them and say goodbye."""

_GIVEN = "Read the questions below; they are to be asked as they stand."
_MISSING = (
    "Write four to seven open questions, the most important first, in place of the list below."
)
_PLACE = "1. (your first question)\n2. (your second question, and so on)"


class Interview(Body):
    """The prompt's arguments; all are strings, as the protocol has it."""

    topic: Annotated[str, Field(min_length=1, max_length=500)]
    questions: Annotated[str, Field(max_length=10_000)] = ""
    language: Annotated[str, Field(min_length=1, max_length=100)] = "English"
    length: Annotated[str, Field(min_length=1, max_length=100)] = "about ten minutes"


_ARGUMENTS = (
    ("topic", "what the interview is about", True),
    ("questions", "what to ask, one question a line; without it you write them", False),
    ("language", "that is spoken; English by default", False),
    ("length", "of the talk, such as 'about ten minutes', which is the default", False),
)


class Prompts:
    """Lists it, and fills it in."""

    def __init__(self, default_voice: str) -> None:
        self._voice = default_voice

    async def list(
        self,
        context: Context,  # noqa: ARG002 - a handler
        params: PaginatedRequestParams | None,  # noqa: ARG002 - it is one
    ) -> ListPromptsResult:
        """`prompts/list`."""
        arguments = [
            PromptArgument(name=name, description=words, required=required)
            for name, words, required in _ARGUMENTS
        ]
        words = "Prepare a voice interview, let a person be asked, and report the answers"
        prompt = Prompt(name=NAME, title=_TITLE, description=words, arguments=arguments)
        return ListPromptsResult(prompts=[prompt])

    async def get(
        self,
        context: Context,  # noqa: ARG002 - a handler
        params: GetPromptRequestParams,
    ) -> GetPromptResult:
        """`prompts/get`. Raises MCPError."""
        if params.name != NAME:
            raise MCPError(INVALID_PARAMS, f"There is no such prompt; there is: {NAME}")
        with protocol_errors():
            asked = read_arguments(Interview, params.arguments or {})
        text = TextContent(text=instructions(asked, self._voice))
        return GetPromptResult(
            description=_TITLE, messages=[PromptMessage(role="user", content=text)]
        )


def instructions(asked: Interview, voice: str) -> str:
    """What the agent is to do, with the `text_prompt` that it is to use."""
    lines = [line.strip() for line in asked.questions.splitlines() if line.strip()]
    numbered = "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1))
    persona = _PERSONA.format(
        topic=asked.topic,
        language=asked.language,
        length=asked.length,
        questions=numbered or _PLACE,
    )
    prepare = _GIVEN if lines else _MISSING
    return _HOW.format(topic=asked.topic, prepare=prepare, voice=voice, persona=persona)

"""Several models as one: where one fails before its first word, the next is asked.

It is a pydantic-ai `FallbackModel`, so that the agent's loop treats it as what it is (each member
prepares the request for itself, all are opened and closed together); which member is asked, how
often and how long is decided here. Requests of one answer may be served by different members.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import (
    FallbackExceptionGroup,
    ModelAPIError,
    ModelTimeoutError,
    UnexpectedModelBehavior,
)
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.settings import ModelSettings

from greenroom.agents.model_failures import as_failure, is_of_the_request
from greenroom.agents.offline import OfflineModel
from greenroom.agents.takeover import take_over
from greenroom.agents.turn import Turn
from greenroom.providers.clock import Clock
from greenroom.providers.deadline import Deadline
from greenroom.providers.health import Attempt, Health, MemberHealth
from greenroom.providers.usage import Usage, UsageListener


@dataclass(frozen=True, slots=True)
class _Request:
    messages: list[ModelMessage]
    settings: ModelSettings | None
    parameters: ModelRequestParameters
    context: RunContext[Any] | None

    @property
    def turn(self) -> Turn[Any] | None:
        deps = None if self.context is None else self.context.deps
        return deps if isinstance(deps, Turn) else None

    @property
    def on_usage(self) -> UsageListener | None:
        """The attribute `on_usage` of the run's deps, if they have one."""
        deps = None if self.context is None else self.context.deps
        return getattr(deps, "on_usage", None)


class ModelChain(FallbackModel):
    """A model that asks its `members` (setting and model) in order of preference and health.

    `retries` are of a request that failed at once, at one member. Seconds: `first_token_timeout`
    from a request to the first event of its stream, `recovery_interval` until a member that failed
    is tried again. What a request has used up is told to `on_usage` of the run's deps.

    A streamed request raises the last member's error where none can serve, and an error after the
    first event as it comes: what was said can't be taken back. Requests that are not streamed are
    served as `FallbackModel` does it.
    """

    def __init__(
        self,
        members: Sequence[tuple[str, Model]],
        *,
        retries: int,
        first_token_timeout: float,
        recovery_interval: float,
        clock: Clock,
    ) -> None:
        names = [name for name, _ in members]
        models = [model for _, model in members]
        super().__init__(*models)
        self._names = names
        # A `FallbackModel` of one hands a stream over with its first event: all that is needed.
        self._single = [FallbackModel(model) for model in models]
        self._timeout = first_token_timeout
        self._clock = clock
        self._health = Health(
            "model", names, clock=clock, recovery_interval=recovery_interval, retries=retries
        )

    @property
    def model_name(self) -> str:
        """The settings of all members, for logs and errors."""
        return " → ".join(self._names)

    def snapshot(self) -> tuple[MemberHealth, ...]:
        """How the members do, for health checks."""
        return self._health.snapshot()

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """One request, by the first member that gives a first event in time."""
        if messages and getattr(messages[-1], "state", "") == "suspended":
            # To be continued where it was begun; the parent knows where that was.
            async with super().request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as response:
                yield response
            return
        request = _Request(messages, model_settings, model_request_parameters, run_context)
        async with AsyncExitStack() as stack:
            attempt, response = await self._open(request, stack)
            try:
                yield response
            except ModelAPIError as error:
                if (failure := as_failure(self._names[attempt.member], error)) is not None:
                    attempt.fail(failure)
                raise
            finally:
                attempt.succeed()
                self._tell(request, attempt.member, response)

    async def _open(
        self, request: _Request, stack: AsyncExitStack
    ) -> tuple[Attempt, StreamedResponse]:
        """The stream of the first member that serves; `stack` ends it."""
        problem: Exception = RuntimeError("a chain has members")
        for attempt in self._attempts(request):
            while True:
                try:
                    return attempt, await self._ask(attempt, request, stack)
                except Exception as error:  # each vendor's package has errors of its own
                    self._tell(request, attempt.member)
                    failure = as_failure(self._names[attempt.member], error)
                    if failure is None:
                        attempt.release()
                        raise
                    problem = error
                except BaseException:
                    self._tell(request, attempt.member)
                    attempt.release()
                    raise
                if is_of_the_request(problem):
                    attempt.release()
                    break
                if not attempt.retry(failure):
                    attempt.fail(failure)
                    break
        raise problem

    def _attempts(self, request: _Request) -> Iterator[Attempt]:
        turn = request.turn
        underway = turn is not None and turn.steps is not None
        for attempt in self._health.attempts():
            if underway and not isinstance(self.models[attempt.member], OfflineModel):
                attempt.release()  # only the offline model knows where it is in its answer
            else:
                yield attempt

    async def _ask(
        self, attempt: Attempt, request: _Request, stack: AsyncExitStack
    ) -> StreamedResponse:
        """The member's stream, once its first event is there."""
        model = self.models[attempt.member]
        if isinstance(model, OfflineModel) and request.turn is not None:
            take_over(request.turn)
        try:
            async with Deadline(self._clock, self._timeout):
                response = await stack.enter_async_context(
                    self._single[attempt.member].request_stream(
                        request.messages,
                        _once(model, request.settings),
                        request.parameters,
                        request.context,
                    )
                )
        except TimeoutError:
            why = f"no first word within {self._timeout:g} s"
            raise ModelTimeoutError(model.model_name, why) from None
        except FallbackExceptionGroup as group:
            problem: Exception = group.exceptions[0]
        else:
            if response.get().parts:
                return response
            problem = UnexpectedModelBehavior("a stream without an event")
        raise problem

    def _tell(
        self, request: _Request, member: int, response: StreamedResponse | None = None
    ) -> None:
        if request.on_usage is None:
            return
        usage = Usage("model", self._names[member], requests=1)
        if response is not None and not isinstance(self.models[member], OfflineModel):
            tokens = response.usage
            usage = replace(
                usage, input_tokens=tokens.input_tokens, output_tokens=tokens.output_tokens
            )
        request.on_usage(usage)


def _once(model: Model, settings: ModelSettings | None) -> ModelSettings:
    """The settings for a request that the vendor's package must not repeat by itself."""
    once = ModelSettings(**settings) if settings else ModelSettings()
    if "max_retries" not in model.unsupported_settings:
        once["max_retries"] = 0
    return once

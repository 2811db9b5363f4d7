"""Several models as one: a talk is had with the first that is well."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from greenroom.duplex.ports import DuplexModel, DuplexTalk, Persona, Said, TalkListener
from greenroom.errors import CapacityExceeded, GreenroomError, ProviderFailed
from greenroom.sessions.model import Session

_log = logging.getLogger(__name__)


class FirstThatIsWell:
    """A `ports.DuplexModel` of others, the preferred one first. Whoever made it closes it.

    A talk stays with the model that it began with: what was said to one is not known to another.
    """

    def __init__(self, models: Sequence[DuplexModel]) -> None:
        self._models = tuple(models)
        self.uri = ", then ".join(model.uri for model in models)

    async def open(
        self, session: Session, persona: Persona, listener: TalkListener, said: Sequence[Said]
    ) -> DuplexTalk:
        """See the port. Raises what the last of them raises."""
        *others, last = self._models
        for model in others:
            try:
                await model.check()
                return await model.open(session, persona, listener, said)
            except (ProviderFailed, CapacityExceeded) as error:
                _log.warning("duplex model %s is passed over: %s", model.uri, error)
        return await last.open(session, persona, listener, said)

    async def warm_up(self) -> None:
        """All of them, one after the other."""
        for model in self._models:
            await model.warm_up()

    async def check(self) -> None:
        """Raises ProviderFailed, the last one's, where none of them is well."""
        failure: GreenroomError | None = None
        for model in self._models:
            try:
                await model.check()
            except ProviderFailed as error:
                failure = error
            else:
                return
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """All of them."""
        for model in self._models:
            await model.close()

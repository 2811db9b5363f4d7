"""What an assistant remembers of one talk. It outlives the worker that it runs on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from greenroom.agents.assistant.knowledge import Knowledge, knowledge_of

MAX_NOTES = 50
MAX_NOTE = 300
"""Characters of one note."""
_MAX_NAME = 60
_MAX_LAST = 2_000
_MAX_TOPICS, _MAX_KINDS = 20, 100


@dataclass(slots=True)
class AssistantMemory:
    """One talk's memory, changed by the tools and the offline rules.

    `prompt` is the operator's; it is not kept, the session has it. `name` is what the person is
    called, `notes` what is to be remembered. The rest is the rules' own: `offered` is a note that
    "yes" keeps, `topics` what was asked about last, `last` their last answer, and `worded` which
    wording of each kind was said last; `seed` chooses the first. `knowledge` is what the prompt
    says, once it was read.
    """

    prompt: str
    seed: int = 0
    name: str = ""
    notes: list[str] = field(default_factory=list)
    offered: str = ""
    topics: tuple[str, ...] = ()
    last: str = ""
    worded: dict[str, int] = field(default_factory=dict)
    knowledge: Knowledge | None = None

    def read_prompt(self) -> Knowledge:
        """What the prompt says. The first time takes some ms of CPU for a long prompt."""
        if self.knowledge is None:
            self.knowledge = knowledge_of(self.prompt)
        return self.knowledge

    def pick(self, kind: str, options: tuple[str, ...]) -> str:
        """One of several wordings of a kind; never the one that was picked before."""
        self.worded[kind] = place = (self.worded.get(kind, self.seed) + 1) % len(options)
        return options[place]

    def to_json(self) -> dict[str, Any]:
        """JSON values, some KiB at most."""
        return {
            "seed": self.seed,
            "name": self.name,
            "notes": list(self.notes),
            "offered": self.offered,
            "topics": list(self.topics),
            "last": self.last[:_MAX_LAST],
            "worded": dict(self.worded),
        }

    @classmethod
    def from_json(cls, prompt: str, data: dict[str, Any]) -> AssistantMemory:
        """What `to_json` gave. Raises ValueError for anything else."""
        try:
            return cls(
                prompt,
                int(data["seed"]),
                str(data["name"])[:_MAX_NAME],
                [str(note)[:MAX_NOTE] for note in data["notes"][:MAX_NOTES]],
                str(data["offered"])[:MAX_NOTE],
                tuple(str(topic) for topic in data["topics"][:_MAX_TOPICS]),
                str(data["last"])[:_MAX_LAST],
                {str(k): int(v) for k, v in list(data["worded"].items())[:_MAX_KINDS]},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not an assistant's memory: {error}") from error

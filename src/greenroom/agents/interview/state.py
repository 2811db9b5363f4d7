"""What one interview has come to: its questions, what was answered, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from greenroom.agents.interview.plan import Plan

Stage: TypeAlias = Literal["asking", "confirming", "finished"]

_STAGES = get_args(Stage)


@dataclass(slots=True)
class Question:
    """One question; `answers` are the person's own words. `skipped` ones are `done` as well."""

    text: str
    answers: list[str] = field(default_factory=list)
    done: bool = False
    skipped: bool = False


@dataclass(slots=True)
class Interview:
    """One interview's memory, changed by the tools and the offline rules.

    `asked` is the place of the question that was put last (None: the next open one), `before` of
    the one before that. `followed_up`: more was asked about it already; `revising`: what is said
    next takes its answer's place; `summed_up`: nothing new is asked any more. `turns` counts the
    offline answers and `seed` is the session's: together they choose among wordings. `heard` is
    what the person has heard last; not kept.
    """

    plan: Plan
    questions: list[Question]
    seed: int = 0
    notes: list[str] = field(default_factory=list)
    stage: Stage = "asking"
    asked: int | None = None
    before: int | None = None
    followed_up: bool = False
    revising: bool = False
    summed_up: bool = False
    turns: int = 0
    heard: str = ""

    @classmethod
    def begin(cls, plan: Plan, seed: int) -> Interview:
        """An interview in which nothing was said yet."""
        return cls(plan, [Question(text) for text in plan.questions], seed)

    @property
    def current(self) -> int | None:
        """The place of the question on the table; None where all are done."""
        if self.asked is not None:
            return self.asked
        return self.next_open()

    def next_open(self) -> int | None:
        """The place of the first question that is not done."""
        for place, question in enumerate(self.questions):
            if not question.done:
                return place
        return None

    @property
    def open_count(self) -> int:
        """Questions that are not done."""
        return sum(not question.done for question in self.questions)

    @property
    def begun(self) -> bool:
        """Whether anything was answered or noted."""
        return bool(self.notes) or any(q.done or q.answers for q in self.questions)

    def to_json(self) -> dict[str, Any]:
        """JSON values; the plan is made of the prompt again."""
        return {
            "questions": [
                {
                    "question": question.text,
                    "answers": list(question.answers),
                    "done": question.done,
                    "skipped": question.skipped,
                }
                for question in self.questions
            ],
            "notes": list(self.notes),
            "stage": self.stage,
            "asked": self.asked,
            "before": self.before,
            "followed_up": self.followed_up,
            "revising": self.revising,
            "summed_up": self.summed_up,
            "turns": self.turns,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], plan: Plan) -> Interview:
        """What `to_json` gave. Raises ValueError for anything else."""
        try:
            questions = [
                Question(
                    str(each["question"]),
                    [str(answer) for answer in each["answers"]],
                    bool(each["done"]),
                    bool(each["skipped"]),
                )
                for each in data["questions"]
            ]
            kept = cls(
                plan,
                questions,
                int(data["seed"]),
                [str(note) for note in data["notes"]],
                data["stage"],
                _place(data["asked"], questions),
                _place(data["before"], questions),
                bool(data["followed_up"]),
                bool(data["revising"]),
                bool(data["summed_up"]),
                int(data["turns"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not an interview: {error}") from error
        if kept.stage not in _STAGES:
            raise ValueError(f"not an interview's stage: {kept.stage!r}")
        return kept


def _place(value: int | None, questions: list[Question]) -> int | None:
    if value is None or 0 <= int(value) < len(questions):
        return value
    raise ValueError(f"no question {value}")

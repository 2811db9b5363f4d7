"""What an open talk asks where the prompt lists no questions, by what it seems to be for."""

from __future__ import annotations

import re

_ANYTHING_ELSE = "Is there anything else I should know?"

# The first kind whose words the prompt has, counted, wins; a kind without words is for the rest.
_KINDS: tuple[tuple[re.Pattern[str] | None, tuple[str, ...]], ...] = (
    (
        re.compile(
            r"\b(?:support|help ?desk|troubleshoot\w*|customer service|complaints?|technical|"
            r"incidents?|bugs?|problems?|issues?)\b"
        ),
        (
            "What can you tell me about the problem?",
            "When did it begin?",
            "What have you tried so far?",
            "How does it affect you?",
            "What would be a good outcome for you?",
        ),
    ),
    (
        re.compile(
            r"\b(?:feedback|reviews?|survey\w*|satisf\w+|usability|user research\w*|ux|opinions?|"
            r"retrospectives?)\b"
        ),
        (
            "What would you like to give feedback on?",
            "What do you like about it?",
            "What do you find difficult or annoying?",
            "What would you change first?",
            "Who else should use it, and why?",
        ),
    ),
    (
        re.compile(
            r"\b(?:hiring|recruit\w*|candidates?|job|applicants?|screening|resume|career)\b"
        ),
        (
            "Could you tell me a little about yourself?",
            "Which piece of your work are you most proud of?",
            "What was difficult about it, and what did you do?",
            "What are you looking for in your next job?",
            "When could you start?",
        ),
    ),
    (
        re.compile(
            r"\b(?:plan\w*|projects?|products?|brainstorm\w*|design\w*|requirements?|build\w*|"
            r"develop\w*|software|app|apps|features?|engineer\w*|architect\w*)\b"
        ),
        (
            "What would you like to build or plan today?",
            "What is it for?",
            "Who is it for?",
            "Which limits are there, for example of time, money or technology?",
            "How will you know that it is a success?",
        ),
    ),
    (
        None,
        (
            "What would you like to talk about today?",
            "What matters most to you about it?",
            "Who else is it important for?",
            "What makes it difficult?",
            "What would be a good outcome?",
        ),
    ),
)


def open_questions(prompt: str) -> tuple[str, ...]:
    """The questions of an open talk that fits the prompt's words."""
    words = prompt.casefold()
    counted = [
        (len(pattern.findall(words)) if pattern is not None else 0.5, questions)
        for pattern, questions in _KINDS
    ]
    _, questions = max(counted, key=lambda pair: pair[0])
    return (*questions, _ANYTHING_ELSE)

"""The assistant: talks about whatever its operator's prompt is for, and says what it can't do."""

from greenroom.agents.assistant.agents import AssistantAgent, AssistantAgents

__all__ = ["AssistantAgent", "AssistantAgents"]

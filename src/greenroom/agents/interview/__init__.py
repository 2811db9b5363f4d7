"""The interviewer: asks what a prompt wants to know, keeps what was answered, and sums it up."""

from greenroom.agents.interview.agents import InterviewAgent, InterviewAgents

__all__ = ["InterviewAgent", "InterviewAgents"]

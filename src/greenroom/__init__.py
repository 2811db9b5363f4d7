"""Greenroom: a self-hosted server for real-time voice and avatar AI sessions."""

__version__ = "0.1.0"

"""Drawn pictures to encoded ones."""

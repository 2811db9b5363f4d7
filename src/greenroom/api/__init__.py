"""The documented APIs: wire formats, credentials and limits, and nothing else."""

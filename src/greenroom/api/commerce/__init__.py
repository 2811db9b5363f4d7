"""The voice commerce API: contract 004. What is added to it is in `docs/contract-004.md`."""

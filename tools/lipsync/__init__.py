"""How the lip-sync network is trained, and how it is judged."""

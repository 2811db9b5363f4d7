"""The shop behind the voice: catalogue, cart, what a shopper wants, and analytics."""

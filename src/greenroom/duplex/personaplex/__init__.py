"""`personaplex:`, upstream servers of the chat protocol that share the talks."""

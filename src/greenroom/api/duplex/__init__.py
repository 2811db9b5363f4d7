"""Contract 003: duplex sessions by REST, and the chat WebSocket."""

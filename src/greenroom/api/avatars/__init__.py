"""What both avatar APIs share: the port, credentials, errors, and the WebSocket's protocol."""

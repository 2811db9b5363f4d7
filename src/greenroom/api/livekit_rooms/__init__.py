"""LiveKit's HTTP surface over the embedded room server: signalling, RoomService."""

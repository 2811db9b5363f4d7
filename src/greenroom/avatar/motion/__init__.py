"""How an avatar moves: blinks, breath, gaze, posture, expression and gestures, as poses in time."""
